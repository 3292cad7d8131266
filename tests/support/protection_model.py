"""Frame protection as one would explain it: checksums bit by bit, one dictionary of counters.

It follows AUTOSAR's E2E protocol specification and the wire documents, and not the compiled stage. It takes
frames of one bus whose messages are matched by their exact id.
"""

from collections import Counter
from collections.abc import Mapping

from telemetry_core.frames.batch import FrameTuple
from telemetry_core.rules.protection_spec import Action, Checksum, DataId, ProtectionRule

EXTENDED, REMOTE_OR_ERROR = 0x80000000, 0x60000000
CHECKED, WRONG, PAYLOAD = 32, 64, 8
# Width, polynomial, start, xor of the result.
_CRC = {
    Checksum.CRC8_J1850: (8, 0x1D, 0xFF, 0xFF),
    Checksum.CRC8_PROFILE_1: (8, 0x1D, 0x00, 0x00),
    Checksum.CRC8_H2F: (8, 0x2F, 0xFF, 0xFF),
    Checksum.CRC16_CCITT: (16, 0x1021, 0xFFFF, 0x0000),
}


def crc(checksum: Checksum, data: bytes) -> int:
    """Polynomial division, one bit after the other."""
    width, polynomial, remainder, inverted = _CRC[checksum]
    for byte in data:
        for bit in reversed(range(8)):
            highest = remainder >> width - 1 & 1
            remainder = remainder << 1 & (1 << width) - 1
            if highest ^ byte >> bit & 1:
                remainder ^= polynomial
    return remainder ^ inverted


def counter_of(rule: ProtectionRule, data: bytes) -> int:
    """Return the counter that a frame carries; 0 without any."""
    bits = "".join(str(data[bit // 8] >> bit % 8 & 1) for bit in rule.counter_bits)
    return int(bits or "0", 2)


def checksum_of(rule: ProtectionRule, data: bytes) -> bytes:
    """Return the bytes that a payload ought to have where its checksum is."""
    size = {Checksum.NONE: 0, Checksum.CRC16_CCITT: 2}.get(rule.checksum, 1)
    if not size:
        return b""
    covered = data[: rule.checksum_byte] + data[rule.checksum_byte + size : rule.byte_count]
    low, high = (rule.data_ids[0] & 0xFF, rule.data_ids[0] >> 8) if rule.data_ids else (0, 0)
    counter = counter_of(rule, data)
    before = {
        DataId.BOTH: bytes((low, high)),
        DataId.ALTERNATING: bytes((high if counter % 2 else low,)),
        DataId.LOW: bytes((low,)),
        DataId.NIBBLE: bytes((low, 0)),
    }.get(rule.data_id, b"")
    after = b""
    if rule.data_id is DataId.BY_COUNTER:
        after = bytes((rule.data_ids[counter % 16],))
    elif rule.data_id is DataId.AFTER:
        after = bytes((low, high))
    return crc(rule.checksum, before + covered + after).to_bytes(size, "little")


def protected(rule: ProtectionRule, data: bytes) -> bytes:
    """Return the payload with the checksum (and the nibble of profile 1C) that it ought to have."""
    whole = bytearray(data)
    if rule.data_id is DataId.NIBBLE:
        shift = rule.nibble_bit % 8
        whole[rule.nibble_bit // 8] &= ~(0xF << shift)
        whole[rule.nibble_bit // 8] |= (rule.data_ids[0] >> 8 & 0xF) << shift
    checksum = checksum_of(rule, bytes(whole))
    whole[rule.checksum_byte : rule.checksum_byte + len(checksum)] = checksum
    return bytes(whole)


class ProtectionModel:
    """`check` gives what goes on to the decoder for one frame: itself, marked, or None."""

    def __init__(self, rules: Mapping[int, ProtectionRule]) -> None:
        """rules: by id with its ID_* bits."""
        self._rules = rules
        self._last: dict[tuple[int, int], tuple[int, int]] = {}
        self.counts: dict[int, Counter[str]] = {}
        self.message_counts: dict[int, Counter[str]] = {}

    def check(self, frame: FrameTuple) -> FrameTuple | None:
        rule = self._rules.get(frame.id)
        if rule is None or frame.id & REMOTE_OR_ERROR:
            return frame
        fault, account = self._fault(rule, frame)
        if fault and rule.action is Action.DROP:
            counts = self.counts.setdefault(frame.channel, Counter())
            counts[account] += not frame.flags & PAYLOAD
            return None
        if rule.action is Action.FLAG:
            return frame._replace(flags=frame.flags | CHECKED | (WRONG if fault else 0))
        return frame

    def _fault(self, rule: ProtectionRule, frame: FrameTuple) -> tuple[bool, str]:
        counts = self.message_counts.setdefault(frame.channel, Counter())
        if len(frame.data) < rule.byte_count or protected(rule, frame.data) != frame.data:
            counts[f"{rule.name}/wrong_crc"] += 1
            return True, "lost/bad_crc"
        if not rule.counter_bits:
            return False, ""
        counter = counter_of(rule, frame.data)
        key = (frame.channel, frame.id)
        last = self._last.pop(key, None)
        if counter > rule.counter_most:
            counts[f"{rule.name}/skipped"] += 1
            return True, "lost/bad_counter"
        self._last[key] = (counter, frame.time_ns)
        if last is None or abs(frame.time_ns - last[1]) > rule.timeout_ns:
            return False, ""
        ahead = (counter - last[0]) % (rule.counter_most + 1)
        if ahead == 0:
            counts[f"{rule.name}/repeated"] += 1
        elif ahead > 1:
            counts[f"{rule.name}/skipped"] += 1
        return ahead == 0 or ahead - 1 > rule.most_skipped, "lost/bad_counter"
