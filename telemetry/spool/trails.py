"""What rides in each record: accounts and positions, and the state that must be known after a restart.

Each is written whole now and then, and otherwise only what has changed. A whole block of accounts names every
counter. A block of changes gives differences by index into the sorted names, and positions as they are. It
carries a check of the names it was made for, not of the block it follows. So a damaged record costs only its
own differences: later ones still add up.

To the spool the state is bytes by name. It is written as a whole where it has changed, and where the accounts
are whole. So a damaged record costs it no more than the next change gives back.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from telemetry.ledger import total

NO_STATE: Mapping[str, bytes] = MappingProxyType({})
MOST_BYTES = 65_535  # of the state of each name: more its length does not say
_CHECK_BYTES = 2
_AS_BEFORE = b""  # in place of a block of the state
_LENGTHS = struct.Struct("<HH")  # of a name and of its bytes
_MOST_PLAIN_BYTES = 1 << 22  # a hundred thousand names; more is damage that a CRC let through


def written(accounts: Mapping[str, int]) -> int:
    """Return how many points were written into batches."""
    return total(accounts, "points/made/") - accounts.get("points/reduced", 0)


class AccountsTrail:
    """Follows the accounts from record to record, for the writer and for readers.

    accounts, positions: as of the last block, written or read.
    Reading raises ValueError for a block that is not well formed. A block with a good CRC always is.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, int] = {}
        self.positions: dict[str, int] = {}
        self._check = b""  # empty: no whole block yet

    def whole(self, accounts: Mapping[str, int], positions: Mapping[str, int]) -> bytes:
        """Return a block that needs no other before it."""
        self._restart(dict(sorted(accounts.items())), dict(sorted(positions.items())))
        out = bytearray()
        for table in (self.accounts, self.positions):
            _put(out, len(table))
            for name, value in table.items():
                encoded = name.encode()
                _put(out, len(encoded))
                out += encoded
                _put(out, value)
        return zlib.compress(out, 6)

    def changes(self, accounts: Mapping[str, int], positions: Mapping[str, int]) -> bytes | None:
        """Return what changed since the last block.

        None if there are other names now: a whole block is due.
        """
        if not self._check:
            return None
        if accounts.keys() != self.accounts.keys() or positions.keys() != self.positions.keys():
            return None
        out = bytearray(self._check)
        for before, now in ((self.accounts, accounts), (self.positions, positions)):
            skipped = 0
            for name, last in before.items():
                value = now[name]
                if value == last:
                    skipped += 1
                    continue
                _put(out, skipped)
                _put(out, value - last if before is self.accounts else value)
                skipped = 0
                before[name] = value
            _put(out, -1)
        return bytes(out)

    def read_whole(self, block: bytes) -> None:
        """Start over from a whole block."""
        numbers = _Numbers(_plain(block, "accounts"))
        tables: list[dict[str, int]] = []
        for _ in range(2):
            table: dict[str, int] = {}
            for _ in range(numbers.next()):
                name = numbers.text()
                table[name] = numbers.next()
            tables.append(table)
        self._restart(*tables)

    def read_changes(self, block: bytes) -> bool:
        """Add a block of changes; False, and nothing done, if it was made for other names than these."""
        if not self._check or block[:_CHECK_BYTES] != self._check:
            return False
        numbers = _Numbers(block, _CHECK_BYTES)
        differences = dict(numbers.changes(list(self.accounts)))
        values = dict(numbers.changes(list(self.positions)))
        for name, difference in differences.items():
            self.accounts[name] += difference
        self.positions.update(values)
        return True

    def _restart(self, accounts: dict[str, int], positions: dict[str, int]) -> None:
        self.accounts = accounts
        self.positions = positions
        names = "\n".join((*accounts, "", *positions))
        self._check = zlib.crc32(names.encode()).to_bytes(4, "little")[:_CHECK_BYTES]


def _put(out: bytearray, value: int) -> None:
    """Write a signed integer: zigzag, 7 bits a byte, lowest first."""
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)


class _Numbers:
    """Reads what `_put` wrote."""

    def __init__(self, block: bytes, at: int = 0) -> None:
        self._block = block
        self._at = at

    def next(self) -> int:
        rest = shift = 0
        while True:
            if self._at >= len(self._block):
                raise ValueError("accounts that end too early")
            byte = self._block[self._at]
            self._at += 1
            rest |= (byte & 0x7F) << shift
            if byte < 0x80:
                return -((rest + 1) >> 1) if rest & 1 else rest >> 1
            shift += 7

    def text(self) -> str:
        length = self.next()
        if length < 0 or self._at + length > len(self._block):
            raise ValueError("a name that ends too early")
        start, self._at = self._at, self._at + length
        return self._block[start : self._at].decode()

    def changes(self, names: list[str]) -> Iterator[tuple[str, int]]:
        """Yield names with their values, written as pairs (names skipped, value) until -1."""
        index = 0
        while (skipped := self.next()) >= 0:
            index += skipped
            if index >= len(names):
                raise ValueError("a change of a name that is not there")
            yield names[index], self.next()
            index += 1


class StateTrail:
    """Follows the state from record to record, for the writer."""

    def __init__(self) -> None:
        self._written = NO_STATE

    def block(self, state: Mapping[str, bytes], *, whole: bool) -> bytes | None:
        """Return what the next record says of the state: None without one, no bytes for the one before.

        whole: the record must do without those before it.
        """
        if not state:
            self._written = NO_STATE
            return None
        if state == self._written and not whole:
            return _AS_BEFORE
        block = zlib.compress(pack_state(state))
        self._written = state
        return block


def check_state(state: Mapping[str, bytes]) -> None:
    """Raise ValueError if one name has too much."""
    for name, content in state.items():
        if len(content) > MOST_BYTES:
            raise ValueError(f"{len(content)} bytes of state for {name}; at most {MOST_BYTES} are kept")


def after(before: Mapping[str, bytes], block: bytes | None) -> Mapping[str, bytes]:
    """Return the state after a record that says this of it. ValueError if it is not well formed."""
    if block is None:
        return NO_STATE
    if block == _AS_BEFORE:
        return before
    return unpack_state(_plain(block, "a state"))


def pack_state(state: Mapping[str, bytes]) -> bytes:
    parts: list[bytes] = []
    for name, content in state.items():
        encoded = name.encode()
        parts += (_LENGTHS.pack(len(encoded), len(content)), encoded, content)
    return b"".join(parts)


def unpack_state(packed: bytes) -> dict[str, bytes]:
    """Read what `pack_state` wrote. ValueError if it did not."""
    state = {}
    at = 0
    while at < len(packed):
        if at + _LENGTHS.size > len(packed):
            raise ValueError("a state that ends too early")
        name_bytes, content_bytes = _LENGTHS.unpack_from(packed, at)
        name_at = at + _LENGTHS.size
        content_at = name_at + name_bytes
        at = content_at + content_bytes
        if at > len(packed):
            raise ValueError("a state that ends too early")
        state[packed[name_at:content_at].decode()] = packed[content_at:at]
    return state


def _plain(block: bytes, what: str) -> bytes:
    """Decompress a block. Raises ValueError if it does not end, or not within bounds."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(block, _MOST_PLAIN_BYTES)
    except zlib.error as error:
        raise ValueError(f"{what}: does not decompress") from error
    if not stream.eof:
        raise ValueError(f"{what}: does not end")
    return plain
