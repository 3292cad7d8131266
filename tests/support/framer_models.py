"""The framers as one would explain them: whole byte strings, no buffers, no states packed into integers.

What the compiled ones are tested against: the same messages, the same counts, for any bytes. A message is
(id, payload, index of its last byte).
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence

from telemetry_core.serial.framing import TextFraming, ValueForm

from telemetry.framing.framing import Framing, Shape, Skipped

Found = tuple[int, bytes, int]

CR, LF, TAB, COLON = 0x0D, 0x0A, 0x09, 0x3A
HEX_DIGITS = b"0123456789abcdefABCDEF"


class MessageModel:
    """All messages of `data`, when nothing follows it, as the framing's reader reads them.

    asked: what was sent, in its order, each with the number of bytes of `data` that had come by then.
    """

    def __init__(self, framing: Framing, data: bytes, asked: Sequence[tuple[int, bytes]] = ()) -> None:
        self._framing = framing
        self._reader = framing.make_reader()
        self._data = data
        self._asked = list(asked)
        self._request = b""
        self.counts: Counter[str] = Counter()
        self.found = list(self._messages())

    def _messages(self) -> Iterator[Found]:
        at = 0
        while at < len(self._data):
            good = [size for shape, size in self._wholes(at) if self._is_good(shape, at, size)]
            if good:
                yield from self._read(at, min(good))
                at += min(good)
                continue
            ended = [self._data[at : at + size].endswith(shape.end) for shape, size in self._wholes(at)]
            self.counts["lost/bad_checksum"] += any(ended)
            is_padding = self._data[at] in self._framing.padding
            self.counts["padding_bytes" if is_padding else "garbage_bytes"] += 1
            at += 1
        yield from ((one.id, one.data, at - 1) for one in self._reader.end())
        self.counts["lost/incomplete"] = self._reader.incomplete

    def _wholes(self, at: int) -> Iterator[tuple[Shape, int]]:
        """Yield what may be a message from `at` on, unless two others are whole before it is."""
        for shape in self._framing.shapes:
            size = self._size(shape, at)
            if size and at + size <= len(self._data) and not self._holds_two(at + 1, at + size - 1):
                yield shape, size

    def _size(self, shape: Shape, at: int) -> int:
        """Bytes of the message of that form; 0 if none begins here, or if it is open."""
        begin = self._data[at : at + len(shape.start)]
        if any(byte not in values for byte, values in zip(begin, shape.start, strict=False)):
            return 0
        size = shape.length(self._data, at)
        return size if shape.shortest <= size <= shape.longest else 0

    def _is_good(self, shape: Shape, at: int, size: int) -> bool:
        message = self._data[at : at + size]
        return message.endswith(shape.end) and shape.check.is_good(message.removesuffix(shape.end))

    def _holds_two(self, begin: int, end: int) -> bool:
        """Check whether two good messages lie there, one after the other."""
        spans = [
            (at, at + size)
            for at in range(begin, end)
            for shape in self._framing.shapes
            if shape.is_checked
            and (size := self._size(shape, at))
            and at + size <= end
            and self._is_good(shape, at, size)
        ]
        return any(one[1] <= other[0] for one in spans for other in spans)

    def _read(self, at: int, size: int) -> Iterator[Found]:
        while self._asked and self._asked[0][0] <= at:
            self._request = self._asked.pop(0)[1]
            self._reader.sent(self._request)
        message = self._data[at : at + size]
        if message == self._request:
            self._request = b""
            self.counts["echoes"] += 1
            return
        yield from ((one.id, one.data, at - 1) for one in self._reader.before(message))
        said = self._reader.read(message)
        if isinstance(said, Skipped):
            self.counts[said.value or "messages"] += 1
            return
        self.counts["messages"] += 1
        yield from ((one.id, one.data, at + size - 1) for one in said)


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
        """Read the next byte that is part of no HEX message."""
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
        """After the next checksum byte; `seen` may be the beginning of its label."""
        while not seen.endswith(b"Checksum\t"):
            seen += bytes([self._next_of_text()])
            self.counts["garbage_bytes"] += 1
        self._next()
        self.counts["garbage_bytes"] += 1

    def _between(self) -> int:
        """Read up to the first byte of the next block and return it."""
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
