"""The framers as one would explain them: whole byte strings, no buffers, no states packed into integers.

What the compiled ones are tested against: the same messages, the same counts, for any bytes. A message is
(id, payload, index of its last byte).
"""

import contextlib
from collections import Counter
from collections.abc import Iterator

from telemetry_core.serial.framing import MessageFraming, TextFraming, ValueForm

Found = tuple[int, bytes, int]

CR, LF, TAB, COLON = 0x0D, 0x0A, 0x09, 0x3A
HEX_DIGITS = b"0123456789abcdefABCDEF"


class MessageModel:
    """All messages of `data`, when nothing follows it and `finish` is called."""

    def __init__(self, framing: MessageFraming, data: bytes) -> None:
        self._framing = framing
        self._data = data
        self.counts: Counter[str] = Counter()
        self.found = list(self._messages())

    def _messages(self) -> Iterator[Found]:
        at = 0
        while at < len(self._data):
            size = self._size(at)
            is_whole = size is not None and at + size <= len(self._data)
            # A beginning that will never end, or whose end comes behind two whole messages, was none.
            is_good = False
            if size is not None and is_whole and not self._holds_two(at, at + size):
                is_good = self._is_good(at, size)
                has_end = self._data[at + size - 1] == self._framing.end
                self.counts["lost/bad_checksum"] += has_end and not is_good
            if size is None or not is_good:
                self.counts["garbage_bytes"] += 1
                at += 1
                continue
            payload = self._payload(at, size)
            if payload is not None:
                self.counts["messages"] += 1
                yield self._data[at + self._framing.kind_at], payload, at + size - 1
            at += size

    def _size(self, at: int) -> int | None:
        """Bytes of a message that begins at `at`; None if none does, or if it is open."""
        framing, rest = self._framing, self._data[at:]
        if rest[0] != framing.start or len(rest) <= max(framing.kind_at, framing.status_at):
            return None
        is_request = rest[framing.kind_at] in framing.request_kinds
        if not is_request and rest[framing.status_at] not in (framing.good_status, framing.error_status):
            return None
        if len(rest) <= framing.length_at:
            return None
        return framing.data_at + rest[framing.length_at] + 3

    def _is_good(self, at: int, size: int) -> bool:
        message = self._data[at : at + size]
        total = sum(message[self._framing.check_from : -3]) + int.from_bytes(message[-3:-1], "big")
        return message[-1] == self._framing.end and total % 65536 == 0

    def _holds_two(self, begin: int, end: int) -> bool:
        """Whether there are two good messages within, at any time before the one from `begin` is whole."""
        return any(self._good_within(begin + 1, known) >= 2 for known in range(begin + 1, end))

    def _good_within(self, begin: int, end: int) -> int:
        at, found = begin, 0
        while at < end:
            size = self._size(at)
            if size is not None and at + size <= end and self._is_good(at, size):
                found += 1
                at += size
            else:
                at += 1
        return found

    def _payload(self, at: int, size: int) -> bytes | None:
        """None for what is no reply."""
        framing = self._framing
        message = self._data[at : at + size]
        kind, data = message[framing.kind_at], message[framing.data_at : -3]
        if kind in framing.request_kinds:
            self.counts["echoes"] += 1
            return None
        if message[framing.status_at] == framing.error_status:
            self.counts["lost/error_reply"] += 1
            return None
        for shape in framing.replies:
            if shape.id != kind:
                continue
            if shape.count_at is not None and shape.count_at < len(data):
                data = data[: shape.head_bytes + data[shape.count_at] * shape.item_bytes]
            if any(offset + length > len(data) for offset, length in shape.ahead):
                self.counts["lost/bad_length"] += 1
                return None
            data = b"".join(data[offset : offset + length] for offset, length in shape.ahead) + data
        return data


class TextModel:
    """All blocks of `data`, when all of it comes at once and `finish` is called."""

    def __init__(self, framing: TextFraming, data: bytes) -> None:
        self._framing = framing
        self._data = data
        self._at = 0
        self._kind = framing.kinds[0].id
        self._has_role = False
        self.counts: Counter[str] = Counter()
        self.found: list[Found] = []
        with contextlib.suppress(EOFError):
            self._read_all()

    def _next(self) -> int:
        if self._at == len(self._data):
            raise EOFError
        self._at += 1
        return self._data[self._at - 1]

    def _next_of_text(self) -> int:
        """The next byte that is part of no HEX message."""
        byte = self._next()
        while byte == COLON:
            byte = self._next()
            while byte in HEX_DIGITS:
                byte = self._next()
            self.counts["hex_messages"] += 1
            if byte != COLON and not (0x20 <= byte < 0x7F or byte in (CR, TAB)):
                byte = self._next()
        return byte

    def _read_all(self) -> None:
        byte = self._next_of_text()
        if byte != CR:
            self.counts["garbage_bytes"] += 1
            self._pass_over(bytes([byte]))
            byte = self._between()
        while True:
            begun = self._read_block(byte)
            if begun is not None:
                self._pass_over(begun)
            byte = self._between()

    def _pass_over(self, seen: bytes) -> None:
        """Behind the next checksum byte; `seen` may be the beginning of its label."""
        while not seen.endswith(b"Checksum\t"):
            seen += bytes([self._next_of_text()])
            self.counts["garbage_bytes"] += 1
        self._next()
        self.counts["garbage_bytes"] += 1

    def _between(self) -> int:
        """The first byte of the next block."""
        while True:
            byte = self._next_of_text()
            if byte in (CR, LF):
                return byte
            self.counts["garbage_bytes"] += 1

    def _read_block(self, first: int) -> bytes | None:
        """Read a block to its end; when it has none, what has begun of the label of its checksum."""
        block = bytes([first])
        try:
            while not self._is_at_checksum(block):
                if len(block) >= self._framing.longest_block_bytes:
                    self.counts["lost/oversized"] += 1
                    self.counts["garbage_bytes"] += len(block)
                    label = block.replace(b"\r", b"\n").rpartition(b"\n")[2]
                    return label if b"Checksum".startswith(label) else b""
                block += bytes([self._next_of_text()])
            checked = block + bytes([self._next()])
        except EOFError:
            self.counts["lost/incomplete"] += 1
            self.counts["garbage_bytes"] += len(block)
            raise
        if (sum(checked) + (CR if first == LF else 0)) % 256:
            self.counts["lost/bad_checksum"] += 1
            self.counts["garbage_bytes"] += len(checked)
        else:
            self._take(block)
        return None

    def _is_at_checksum(self, block: bytes) -> bool:
        return block.endswith((b"\rChecksum\t", b"\nChecksum\t"))

    def _take(self, block: bytes) -> None:
        self.counts["messages"] += 1
        forms = {label.name.encode(): label.form for label in self._framing.labels}
        values: dict[str, int] = {}
        lines = block.replace(b"\r", b"\n").split(b"\n")
        for line in lines[:-1]:
            label, tab, text = line.partition(b"\t")
            if not tab:
                continue
            if label not in forms:
                self.counts["unknown_labels"] += 1
            elif forms[label] is not ValueForm.NONE and text != b"---":
                number = _number(forms[label], text)
                if number is None:
                    self.counts["unreadable_values"] += 1
                else:
                    values[label.decode()] = number
        self._kind = self._kind_of(values)
        names = [label.name for label in self._framing.numbers]
        present = sum(1 << number for number, name in enumerate(names) if name in values)
        payload = present.to_bytes((len(names) + 7) // 8, "little")
        payload += b"".join((values.get(name, 0) % 2**32).to_bytes(4, "little") for name in names)
        self.found.append((self._id_of(values), payload, self._at - 1))

    def _id_of(self, values: dict[str, int]) -> int:
        role = self._framing.role
        if role is None:
            return self._kind
        if role.label in values:
            self._has_role = values[role.label] != 0
        elif self._framing.product in values:
            self._has_role = False
        return role.id if self._has_role and self._kind == role.kind else self._kind

    def _kind_of(self, values: dict[str, int]) -> int:
        for kind in self._framing.kinds:
            if any(label in values for label in kind.labels):
                return kind.id
        for kind in self._framing.kinds:
            product = values.get(self._framing.product, -1)
            if any(low <= product <= high for low, high in kind.products):
                return kind.id
        return self._kind


def _number(form: ValueForm, text: bytes) -> int | None:
    if form is ValueForm.SWITCH:
        return {b"on": 1, b"off": 0}.get(text.lower())
    if form is ValueForm.HEX:
        digits = text[2:]
        is_hex = text[:2].lower() == b"0x" and 1 <= len(digits) <= 8 and not digits.strip(HEX_DIGITS)
        return int(digits, 16) if is_hex else None
    digits = text[1:] if text[:1] in (b"+", b"-") else text
    if not 1 <= len(digits) <= 10 or digits.strip(b"0123456789"):
        return None
    value = int(text)
    return value if -(2**31) <= value < 2**31 else None
