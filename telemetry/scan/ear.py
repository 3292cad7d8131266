"""What one protocol makes of the bytes of a line: its good messages, by the address of their device."""

from collections.abc import Mapping

from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.text.lines import LineBuffer

from telemetry.framing.framer import MessageFramer
from telemetry.framing.framing import Skipped
from telemetry.model.read_point import read_point, value_of
from telemetry.protocols.serial.rtu import HOLDING, INPUT
from telemetry.protocols.table import SerialProtocol
from telemetry.rules.resolve import model
from telemetry.scan.probes import Meant
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages

_PORT = "port"
_KEPT_BYTES = 64
_FROM_GATEWAYS = (10, 11)  # codes of refusals: no path, no answer

Value = float | bool | str


class Ear:
    """Hears one protocol. What it hears at one moment depends on what was `sent` before."""

    def __init__(self, protocol: SerialProtocol) -> None:
        self.protocol = protocol
        self._channels: list[int] = []  # addresses by the channel of their frames
        self._framer = protocol.make_framer(self._channel)
        self._frames: list[FrameTuple] = []
        self._bytes = b""  # the last ones

    def _channel(self, address: int) -> int:
        if address not in self._channels:
            self._channels.append(address)
        return self._channels.index(address)

    def _room(self, byte_count: int) -> FrameBatch:
        return FrameBatch(self._framer.room_needed(byte_count) + 1)

    def feed(self, data: bytes, now_ns: int) -> None:
        """Take bytes."""
        self._bytes = (self._bytes + data)[-_KEPT_BYTES:]
        frames = self._room(len(data))
        self._framer.feed(data, now_ns, frames)
        self._frames += frames

    def sent(self, request: bytes) -> None:
        """Note a request that was sent, whose echo is not a message."""
        if isinstance(self._framer, MessageFramer):
            frames = self._room(0)
            self._framer.sent(request, frames)
            self._frames += frames

    def finish(self) -> None:
        """End what has come for now."""
        frames = self._room(0)
        self._framer.finish(frames)
        self._frames += frames

    @property
    def addresses(self) -> list[int]:
        """Return those of the devices that were heard, NO_ADDRESS for one that has none."""
        return sorted({self._channels[frame.channel] for frame in self._frames})

    @property
    def hears_requests(self) -> bool:
        """Return whether it has heard requests that were not sent here: another master asks on the line."""
        return self._framer.counts().get(Skipped.ECHO.value, 0) > 0

    @property
    def hears_others(self) -> bool:
        """Return whether it has heard good messages at all, of whatever device."""
        counts = self._framer.counts()
        others = counts.get(Skipped.OTHER.value, 0) + counts.get(Skipped.REFUSED.value, 0)
        return bool(self._frames) or others > 0

    @property
    def hears_garbage(self) -> bool:
        """Return whether bytes have come that are no message, as of two who speak at once."""
        return self._framer.counts().get("garbage_bytes", 0) > 0

    def answering(self, meant: Meant) -> list[int]:
        """Return the addresses of devices that have answered that request.

        What refuses to read registers is there as well, if registers are all that is known of it.
        """
        heard = {self._channels[frame.channel] for frame in self._frames if frame.id == meant.reply_id}
        if meant.is_of_anyone:
            return sorted(heard)
        return [meant.address] if meant.address in heard or self.refusal_by(meant.address) else []

    def refusal_by(self, slave: int) -> int:
        """Return the code by which a Modbus device has refused to read.

        0: it has not, or a gateway has for a device that is not there.
        """
        is_modbus = self.protocol.name == "modbus"
        if not is_modbus or not self._framer.counts().get(Skipped.REFUSED.value, 0):
            return 0
        refusals = (bytes((slave, function | 0x80)) for function in (HOLDING, INPUT))
        at = max(self._bytes.rfind(start) for start in refusals)
        code = self._bytes[at + 2] if 0 <= at < len(self._bytes) - 2 else 0
        return 0 if code in _FROM_GATEWAYS else code

    @property
    def good_count(self) -> int:
        """Return how many messages and refusals it has heard."""
        counts = self._framer.counts()
        return counts["messages"] + counts.get(Skipped.REFUSED.value, 0)

    def count_of(self, message_id: int) -> int:
        """Return how many messages of that kind it has heard."""
        return sum(frame.id == message_id for frame in self._frames)

    def identity(self) -> Mapping[str, str]:
        """Return what the device says of itself, by name."""
        return self._framer.identity()

    def values(self, address: int) -> dict[str, Value]:
        """Return what the device measures, as `battery.voltage_v`; the last of each."""
        plan = self.protocol.plan(_PORT)
        modelling = model(self.protocol.map_entries(_PORT), (), plan)
        stages = Stages(plan, modelling.map, vehicle="scan")
        stages.bind(0, Binding(0, _PORT, _PORT, has_error_frames=False))
        own = [frame for frame in self._frames if self._channels[frame.channel] == address]
        frames, lines = FrameBatch(len(own) + 1), LineBuffer()
        for frame in own:
            frames.append(frame.time_ns, frame.id, frame.data, channel=0)
        stages.process(frames, lines)
        found: dict[str, Value] = {}
        for line in lines.take().splitlines():
            point = read_point(line)
            if point is not None and point.measurement != "event":
                found |= {
                    f"{point.measurement}.{name}": value_of(value) for name, value in point.fields.items()
                }
        return found
