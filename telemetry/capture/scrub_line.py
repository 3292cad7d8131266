"""Serial captures without serial numbers: the same lines, with made-up numbers and with right checks.

Promises:

- Each line that is a piece of a capture comes out, as long, with its stamp, in its order.
- In good messages the numbers alone are other ones, and checks are right; passwords are masked.
- In bytes of no good message numbers that good messages have are replaced, and words of six letters or more
  are masked.

Relies on being called twice for a file: what its end says of a device may stand in spoiled bytes before.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from telemetry.framing.framing import Framing, Scrub, has_messages_like
from telemetry.framing.masking import MASK, Changing, Masker
from telemetry.framing.replacements import Replacements
from telemetry.logs.captures import CapturedBytes, CaptureWriter
from telemetry.protocols.serial.vedirect_hex import VEDIRECT_HEX
from telemetry.protocols.table import SerialProtocol

_LONG_WORD = re.compile(rb"[!-~]{6,}")
_BY_ID = re.compile(
    r"(usb-.*_)([^_]+)(-if.*)"
)  # the name of a link of udev, with the adapter's serial number
_VICTRON = ("vedirect", "vedirect_hex")  # which may be spoken at once
_LABEL = b"Checksum\t"
_CHECKSUM = re.compile(rb"Checksum\t(.)", re.DOTALL)
_SERIAL = re.compile(rb"(SER#\t)([^\r\n]{1,64})")
_HEX = re.compile(rb":[0-9A-Fa-f]*[\n\xfe]")
_LONGEST_BLOCK = 4096
_KEPT = 128


class VictronText:
    """VE.Direct with other serial numbers: text blocks, and HEX messages between and within them.

    The checksum of a block makes up for what another number adds to its sum.
    """

    def __init__(self, new: Replacements, change_hex: Callable[[bytes], bytes]) -> None:
        """change_hex: makes of a HEX message the one that may be published."""
        self._new = new
        self._change_hex = change_hex
        self._waiting = b""
        self._added = 0  # to the sum of the block that has begun

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
        """Text without HEX messages, changed."""
        made, at = bytearray(), 0
        for found in _CHECKSUM.finditer(text):
            made += self._changed_part(text[at : found.start(1)])
            made.append((text[found.start(1)] - self._added) & 0xFF)
            self._added, at = 0, found.end()
        return bytes(made + self._changed_part(text[at:]))

    def _changed_part(self, part: bytes) -> bytes:
        changed = self._new.in_any_bytes(_SERIAL.sub(self._other_number, part))
        self._added += sum(changed) - sum(part)
        return changed

    def _other_number(self, found: "re.Match[bytes]") -> bytes:
        other = self._new.serial_number(found[2])
        self._new.note(found[2], other)
        return found[1] + other


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

    def take(self, piece: CapturedBytes) -> None:
        """The next line."""
        line = _Line(piece.time_ns)
        self._lines.append(line)
        self._open[piece.port].append(line)
        writer = self._writers[piece.port]
        if piece.is_received:
            writer.received(piece.time_ns, piece.data)
        else:
            writer.sent(piece.time_ns, self._ports[piece.port].sent(piece.data))

    def finish(self) -> None:
        """No line follows."""
        for writer in self._writers.values():
            writer.finish()

    def _decided(self, port: str, text: bytes) -> None:
        self._open[port].popleft().text = text
        while self._lines and (text := self._lines[0].text):
            time_ns = self._lines.popleft().time_ns
            if time_ns % 1000:  # a capture of another program may count nanoseconds
                text = b"(%d.%09d%b" % (*divmod(time_ns, 10**9), text[text.index(b")") :])
            self._write(text)


class _Line:
    """A line that waits: its text once it is decided."""

    __slots__ = ("text", "time_ns")

    def __init__(self, time_ns: int) -> None:
        self.time_ns = time_ns
        self.text = b""


class _Port:
    """What changes the bytes of one port. Both directions know what the other has asked or said."""

    def __init__(self, protocols: Sequence[SerialProtocol], new: Replacements) -> None:
        framings = [
            one.framing for one in protocols if isinstance(one.framing, Framing) and one.name not in _VICTRON
        ]
        is_victron = any(one.name in _VICTRON for one in protocols)
        scrubs = {framing: framing.make_scrub() for framing in framings if framing.make_scrub is not None}

        def changed(framing: Framing) -> Callable[[bytes], bytes]:
            like = dict.fromkeys((framing, *(one for one in framings if has_messages_like(framing, one))))
            changes = [one.hide for one in like if one.hide is not None]
            changes += [_with(scrubs[one], new) for one in like if one in scrubs]
            return partial(_in_turn, changes)

        def garbage(data: bytes) -> bytes:
            return _LONG_WORD.sub(lambda word: MASK * len(word[0]), new.in_any_bytes(data))

        def chain() -> Changing:
            last = VictronText(new, partial(_hex_message, new=new)) if is_victron else None
            if not framings:
                return last or _Garbage(garbage)
            return Masker(framings[0], framings[1:], hide=changed, garbage=garbage, last=last)

        self.heard = chain()
        self._said = chain()

    def sent(self, request: bytes) -> bytes:
        """A request, changed."""
        return self._said.mask(request) + self._said.rest()


class _Garbage:
    """A line on which nothing is known."""

    def __init__(self, change: Callable[[bytes], bytes]) -> None:
        self._change = change

    def mask(self, data: bytes) -> bytes:
        return self._change(data)

    def rest(self) -> bytes:
        return b""


def _with(scrub: Scrub, new: Replacements) -> Callable[[bytes], bytes]:
    return lambda message: scrub(message, new)


def _hex_message(message: bytes, new: Replacements) -> bytes:
    """A HEX message of VE.Direct, changed if it is a good one."""
    framing = VEDIRECT_HEX.framing
    if not isinstance(framing, Framing) or framing.make_scrub is None:
        return message
    return framing.make_scrub()(message, new)


def _in_turn(changes: Iterable[Callable[[bytes], bytes]], message: bytes) -> bytes:
    for change in changes:
        message = change(message)
    return message


def _other_name(port: str, new: Replacements) -> str:
    found = _BY_ID.fullmatch(port)
    if found is None:
        return port
    return found[1] + new.serial_number(found[2].encode("ascii")).decode("ascii") + found[3]
