"""Serial captures without serial numbers: the same lines, with made-up numbers and with right checks.

Promises:

- Each line that is a piece of a capture comes out, as long, with its stamp, in its order.
- In good messages the numbers alone are other ones, and checks are right; passwords are masked.
- In bytes of no good message numbers that good messages have are replaced, also in part, and words are
  masked.
- Memory is bounded: a port that ends in half a message holds back the lines of others for a while only.

Relies on being called twice for a file: what its end says of a device may stand in spoiled bytes before.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from telemetry.framing.framing import Framing, has_messages_like
from telemetry.framing.masking import (
    Changing,
    Garbage,
    Masker,
    hidden,
    masked_numbers,
    masked_parts_of_numbers,
)
from telemetry.framing.secrets import KNOWN_NUMBERS, NUMBER, PASSWORD, POSITION, WORDS, Secret
from telemetry.logs.captures import CapturedBytes, CaptureWriter
from telemetry.protocols.serial.vedirect_hex import VEDIRECT_HEX
from telemetry.protocols.table import SerialProtocol
from telemetry.scrub.replacements import Replacements

_BY_ID = re.compile(
    r"(usb-.*_)([^_]+)(-if.*)"
)  # the name of a link of udev, with the adapter's serial number
_VICTRON = ("vedirect", "vedirect_hex")  # which may be spoken at once
_LABEL = b"Checksum\t"
_CHECKSUM = re.compile(rb"Checksum\t(.)", re.DOTALL)
_SERIAL = re.compile(rb"(SER#\t)([^\r\n]{1,64})")
_FIELD = re.compile(rb"\r\n")
_HEX = re.compile(rb":[0-9A-Fa-f]*[\n\xfe]")
_LONGEST_BLOCK = 4096
_KEPT = 128
_MOST_LINES = 10_000  # that wait for the end of one message


class VictronText:
    """VE.Direct with other serial numbers: text blocks, and HEX messages between and within them.

    The checksum of a block makes up for what another number adds to its sum.
    """

    def __init__(self, new: Replacements, change_hex: Callable[[bytes], bytes]) -> None:
        """change_hex: makes of a HEX message the one that may be published."""
        self._new = new
        self._change_hex = change_hex
        self._waiting = b""

    def mask(self, data: bytes) -> bytes:
        self._waiting += data
        ends = [found.end() for found in _CHECKSUM.finditer(self._waiting)]
        if ends:
            return self._let_go(ends[-1])
        return self._let_go(len(self._waiting) - _KEPT) if len(self._waiting) > _LONGEST_BLOCK else b""

    def rest(self) -> bytes:
        return self._let_go(len(self._waiting))

    def _let_go(self, count: int) -> bytes:
        data, self._waiting = self._waiting[:count], self._waiting[count:]
        changed = bytearray(data)
        text, places = bytearray(), []
        at = 0
        while at < len(data):
            message = _HEX.match(data, at)
            if message is not None and not text.endswith(_LABEL):
                changed[at : message.end()] = self._change_hex(message[0])
                at = message.end()
            else:
                text.append(data[at])
                places.append(at)
                at += 1
        for place, letter in zip(places, self._changed_text(bytes(text)), strict=True):
            changed[place] = letter
        return bytes(changed)

    def _changed_text(self, text: bytes) -> bytes:
        """Return text without HEX messages, changed."""
        made, at = bytearray(), 0
        for found in _CHECKSUM.finditer(text):
            before, check = text[at : found.start(1)], text[found.start(1)]
            begin = _block_begin(before, check)
            if begin == len(before) and text.startswith(b"\r\n", found.start(1)):
                continue  # no block ends here, and the byte begins the next one
            changed = self._changed_rest(before[:begin]) + self._changed_block(before[begin:])
            summed = slice(begin if begin < len(before) else 0, None)  # a wrong check stays as wrong
            made += changed
            made.append((check + sum(before[summed]) - sum(changed[summed])) & 0xFF)
            at = found.end()
        return bytes(made + self._changed_rest(text[at:]))

    def _changed_block(self, block: bytes) -> bytes:
        return self._new.in_any_bytes(_SERIAL.sub(self._other_number, block))

    def _changed_rest(self, text: bytes) -> bytes:
        """Return text of no good block. A number there may be a wrong one, or run into what follows it."""
        for found in _SERIAL.finditer(text):
            self._new.suspect(found[2])
        return masked_numbers(self._new.in_spoiled_bytes(text))

    def _other_number(self, found: "re.Match[bytes]") -> bytes:
        other = self._new.serial_number(found[2])
        if not found[2].isdigit():  # which might be any value of another block
            self._new.note(found[2], other)
        return found[1] + other


def _block_begin(text: bytes, check: int) -> int:
    """Return where the block of this check begins within what follows the one before, or its end."""
    begins = (0, *(found.start() for found in _FIELD.finditer(text)))
    return next((at for at in begins if (sum(text[at:]) + check) & 0xFF == 0), len(text))


class CaptureScrubber:
    """The pieces of one capture, changed. protocols: of each port, the one that most is of first."""

    def __init__(
        self,
        protocols: Mapping[str, Sequence[SerialProtocol]],
        new: Replacements,
        write: Callable[[bytes], object],
    ) -> None:
        self._ports = {port: _Port(spoken, new) for port, spoken in protocols.items()}
        self._writers = {
            port: CaptureWriter(_other_name(port, new), partial(self._decided, port), [line.heard])
            for port, line in self._ports.items()
        }
        self._write = write
        self._lines: deque[_Line] = deque()
        self._open: dict[str, deque[_Line]] = {port: deque() for port in protocols}
        self._sent: dict[str, list[CapturedBytes]] = {port: [] for port in protocols}  # pieces of one request

    def take(self, piece: CapturedBytes) -> None:
        """Take the next line."""
        line = _Line(piece.time_ns, piece.port)
        self._lines.append(line)
        self._open[piece.port].append(line)
        if piece.is_received:
            self._end_request(piece.port)
            self._writers[piece.port].received(piece.time_ns, piece.data)
        else:
            self._sent[piece.port].append(piece)
        while len(self._lines) > _MOST_LINES:
            self._finish(self._lines[0].port)

    def finish(self) -> None:
        """End all: no line follows."""
        for port in self._ports:
            self._finish(port)

    def _finish(self, port: str) -> None:
        self._end_request(port)
        self._writers[port].finish()

    def _end_request(self, port: str) -> None:
        """Change at once what was sent since something came in, since a request may be in pieces."""
        pieces, self._sent[port] = self._sent[port], []
        changed = self._ports[port].sent(b"".join(piece.data for piece in pieces)) if pieces else b""
        for piece in pieces:
            self._writers[port].sent(piece.time_ns, changed[: len(piece.data)])
            changed = changed[len(piece.data) :]

    def _decided(self, port: str, text: bytes) -> None:
        self._open[port].popleft().text = text
        while self._lines and (text := self._lines[0].text):
            time_ns = self._lines.popleft().time_ns
            if time_ns % 1000:  # a capture of another program may count nanoseconds
                text = b"(%d.%09d%b" % (*divmod(time_ns, 10**9), text[text.index(b")") :])
            self._write(text)


class _Line:
    """A line that waits: its text once it is decided."""

    __slots__ = ("port", "text", "time_ns")

    def __init__(self, time_ns: int, port: str) -> None:
        self.time_ns = time_ns
        self.port = port
        self.text = b""


class _Port:
    """The scrubber of the bytes of one port. Its readers know what both directions have asked and said."""

    def __init__(self, protocols: Sequence[SerialProtocol], new: Replacements) -> None:
        framings = [
            one.framing for one in protocols if isinstance(one.framing, Framing) and one.name not in _VICTRON
        ]
        is_victron = any(one.name in _VICTRON for one in protocols)
        readers = {framing: framing.make_reader() for framing in framings}

        def changing(framing: Framing) -> Callable[[bytes], bytes]:
            like = dict.fromkeys((framing, *(one for one in framings if has_messages_like(framing, one))))

            def change(message: bytes) -> bytes:
                for one in like:
                    message = _changed(framing, message, readers[one].secrets(message), new)
                return message

            return change

        mask_words = masked_parts_of_numbers if framings else masked_numbers

        def garbage(data: bytes) -> bytes:
            return mask_words(new.in_spoiled_bytes(data))

        def chain() -> Changing:
            last = VictronText(new, partial(_hex_message, new=new)) if is_victron else Garbage(garbage)
            return Masker(framings[0], framings[1:], hide=changing, last=last) if framings else last

        self.heard = chain()
        self._said = chain()

    def sent(self, request: bytes) -> bytes:
        """Return requests, changed."""
        return self._said.mask(request) + self._said.rest()


def _changed(framing: Framing, message: bytes, secrets: Iterable[Secret], new: Replacements) -> bytes:
    """Return a good message without what it says of who the device is, or who may use it."""
    found = list(secrets)
    message = hidden(framing, message, found)
    others = ((one.place, _other(one, message[one.place], new)) for one in found if one.kind != PASSWORD)
    return framing.changed(message, others)


def _other(secret: Secret, raw: bytes, new: Replacements) -> bytes:
    kind, _, form = secret
    if kind == KNOWN_NUMBERS:
        return new.in_any_bytes(raw)
    if kind == WORDS:
        return masked_numbers(new.in_any_bytes(raw))
    text = form.read(raw)
    other = new.number(kind, text) if form is NUMBER else new.text(kind, text)
    if kind != POSITION:
        for written in (form.written, *form.others):
            new.note(written(text), written(other))
    return form.written(other)


def _hex_message(message: bytes, new: Replacements) -> bytes:
    """Return a HEX message of VE.Direct, or what looks like one and is spoiled, changed."""
    framing = VEDIRECT_HEX.framing
    if not isinstance(framing, Framing) or not framing.shapes[0].check.is_good(message):
        return new.in_spoiled_bytes(message)
    return _changed(framing, message, framing.make_reader().secrets(message), new)


def _other_name(port: str, new: Replacements) -> str:
    found = _BY_ID.fullmatch(port)
    if found is None:
        return port
    return found[1] + new.serial_number(found[2].encode("ascii")).decode("ascii") + found[3]
