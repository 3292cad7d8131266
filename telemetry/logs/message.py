"""python-can's message as a frame: for its buses and for its readers of logs."""

from typing import TYPE_CHECKING

from telemetry_core.frames.batch import FrameBatch

if TYPE_CHECKING:
    import can

ID_EXTENDED = 0x80000000  # as in SocketCAN's struct can_frame
ID_REMOTE = 0x40000000
ID_ERROR = 0x20000000
FLAG_FD = 1
FLAG_BRS = 2
FLAG_ESI = 4
MAX_PAYLOAD_BYTES = 64


def append_message(batch: FrameBatch, message: "can.Message", time_ns: int, channel: int) -> bool:
    """Add `message` to `batch`; False, and nothing is added, when its length is impossible."""
    id = message.arbitration_id & 0x1FFFFFFF
    if message.is_extended_id and not message.is_error_frame:
        id |= ID_EXTENDED
    payload = bytes(message.data)
    if message.is_error_frame:
        id |= ID_ERROR
    elif message.is_remote_frame:
        id |= ID_REMOTE
        payload = bytes(min(message.dlc, 8))
    flags = 0
    if message.is_fd:
        flags = FLAG_FD | FLAG_BRS * message.bitrate_switch | FLAG_ESI * message.error_state_indicator
    if len(payload) > (MAX_PAYLOAD_BYTES if message.is_fd else 8):
        return False
    batch.append(time_ns, id, payload, channel=channel, flags=flags)
    return True
