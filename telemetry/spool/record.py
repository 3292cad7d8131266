r"""One record: a batch on disk, found again in whatever bytes surround it.

A record is a fixed head, the state and the accounts as of its position, and the compressed batch. All
numbers are little endian.

    offset  size  what
         0     4  magic "nTs\x01" (the last byte is the format's version)
         4     4  flags: 1 ordered, 2 stamps count from a boot (its id comes before the accounts),
                  4 the accounts are whole, 8 there is a state, 16 and it is written in this record,
                  32 urgent, 64 ordered, of rows of sessions alone, 128 ordered, without such rows
         8     4  bytes of the same commit before this record
        12     4  bytes of boot id, state and accounts
        16     4  bytes of payload
        20     4  points
        24     8  sequence: grows from record to record, may skip
        32     8  place: the points of all records before it, ever; so neighbours show what a damaged one held
        40     8  first stamp, ns
        48     8  last stamp, ns
        56     8  when it was stored, ns since 1970 by this machine's clock
        64     4  CRC-32 of the payload
        68     4  CRC-32 of bytes 0 to 67 and of boot id, state and accounts
        72     …  boot id; how many bytes of state (4), and the state; accounts; payload

trails.py has those two. What there is not takes no byte.

There are two checks, so that a flipped bit in the payload costs neither accounts nor state.
"""

import struct
from dataclasses import dataclass

from telemetry.spool.batch import EncodedBatch, Series, TimeBase
from telemetry.spool.compress import crc32

MAGIC = b"nTs\x01"
_FIXED = struct.Struct("<4sIIIIIQQqqqI")
_CHECK = struct.Struct("<I")
FIXED_BYTES = _FIXED.size + _CHECK.size
_STATE_BYTES = struct.Struct("<I")
MAX_ACCOUNTS_BYTES = 1 << 20
_BOOT_ID_BYTES = 16

_ORDERED = 1
_BOOT_TIME = 2
_WHOLE = 4
_HAS_STATE = 8
_STATE_HERE = 16
_URGENT = 32
_SERIES = {64: Series.SESSIONS, 128: Series.OTHERS}  # of ordered ones; without either: any
_KNOWN_FLAGS = _ORDERED | _BOOT_TIME | _WHOLE | _HAS_STATE | _STATE_HERE | _URGENT | sum(_SERIES)


@dataclass(frozen=True, slots=True)
class RecordHead:
    """All of a record but its accounts, its state and its payload; first the numbers in their order there."""

    commit_bytes: int  # of the same commit before it
    accounts_bytes: int  # boot id and state included
    payload_bytes: int
    points: int
    sequence: int
    place: int
    first_ns: int
    last_ns: int
    stored_ns: int
    payload_crc: int
    ordered: bool
    whole: bool  # the accounts are whole
    boot_id: str  # empty: stamps count from 1970
    series: Series  # as in EncodedBatch, like the next
    urgent: bool

    @property
    def end(self) -> int:
        """Return the place of the next record."""
        return self.place + self.points

    @property
    def holds(self) -> Series:
        """Return which series the batch may have rows of."""
        return self.series if self.ordered else Series.OTHERS

    @property
    def payload_offset(self) -> int:
        """Return where the payload begins, from the record's first byte."""
        return FIXED_BYTES + self.accounts_bytes

    @property
    def record_bytes(self) -> int:
        return FIXED_BYTES + self.accounts_bytes + self.payload_bytes

    def batch(self, payload: bytes) -> EncodedBatch | None:
        """Return the batch, if these bytes are its payload; otherwise None."""
        if len(payload) != self.payload_bytes or crc32(payload) != self.payload_crc:
            return None
        return EncodedBatch(
            payload=payload,
            points=self.points,
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            ordered=self.ordered,
            time_base=TimeBase.BOOT if self.boot_id else TimeBase.UNIX,
            boot_id=self.boot_id,
            series=self.series,
            urgent=self.urgent,
        )


def encode_head(
    batch: EncodedBatch,
    accounts: bytes,
    *,
    whole: bool,
    sequence: int,
    place: int,
    stored_ns: int,
    commit_bytes: int,
    state: bytes | None = None,
) -> bytes:
    """Return all bytes of a record before its payload, which follows as it is.

    accounts: a block of an AccountsTrail, `whole` or of changes; state: one of a StateTrail.
    """
    before = bytes.fromhex(batch.boot_id)
    flags = _ORDERED * batch.ordered | _BOOT_TIME * bool(before) | _WHOLE * whole | _URGENT * batch.urgent
    if batch.ordered:
        flags |= next((flag for flag, series in _SERIES.items() if series is batch.series), 0)
    if state is not None:
        flags |= _HAS_STATE
    if state:
        flags |= _STATE_HERE
        before += _STATE_BYTES.pack(len(state)) + state
    fixed = _FIXED.pack(
        MAGIC,
        flags,
        commit_bytes,
        len(before) + len(accounts),
        len(batch.payload),
        batch.points,
        sequence,
        place,
        batch.first_ns,
        batch.last_ns,
        stored_ns,
        crc32(batch.payload),
    )
    check = crc32(accounts, crc32(before, crc32(fixed)))
    return b"".join((fixed, _CHECK.pack(check), before, accounts))


def accounts_bytes(data: bytes) -> int | None:
    """Return how many bytes follow the fixed head `data` before the payload.

    None if it is no record's head.
    """
    if len(data) < FIXED_BYTES or not data.startswith(MAGIC):
        return None
    count = int.from_bytes(data[12:16], "little")
    return count if count <= MAX_ACCOUNTS_BYTES else None


def decode_head(data: bytes) -> tuple[RecordHead, bytes, bytes | None] | None:
    """Return head, accounts and state out of a record's first bytes; None unless the check holds.

    `data`: at least FIXED_BYTES + accounts_bytes(data) bytes.
    """
    count = accounts_bytes(data)
    if count is None or len(data) < FIXED_BYTES + count:
        return None
    tail = data[FIXED_BYTES : FIXED_BYTES + count]
    (check,) = _CHECK.unpack_from(data, _FIXED.size)
    if crc32(tail, crc32(data[: _FIXED.size])) != check:
        return None
    _, flags, *numbers = _FIXED.unpack_from(data)
    boot_bytes = _BOOT_ID_BYTES if flags & _BOOT_TIME else 0
    series = next((series for flag, series in _SERIES.items() if flags & flag), Series.ANY)
    marks = bool(flags & _ORDERED), bool(flags & _WHOLE), tail[:boot_bytes].hex()
    head = RecordHead(*numbers, *marks, series, bool(flags & _URGENT))  # type: ignore[call-arg]  # the ten of _FIXED
    if flags & ~_KNOWN_FLAGS or head.points < 1 or count < boot_bytes:
        return None
    accounts_at = boot_bytes
    state = b"" if flags & _HAS_STATE else None
    if flags & _STATE_HERE:
        state_at = boot_bytes + _STATE_BYTES.size
        if state is None or count < state_at:
            return None
        accounts_at = state_at + _STATE_BYTES.unpack_from(tail, boot_bytes)[0]
        if count < accounts_at:
            return None
        state = tail[state_at:accounts_at]
    return head, tail[accounts_at:], state
