"""Text captures of serial ports as recordings: their ports, and what people are told of their bytes.

Promises:
- Captures of which no line holds a message are refused (DataError); an empty one is not.
- Each frame has the stamp of the line that brought its message's last byte. Requests and their echoes give no
  frames.
- By a protocol alone (`decode --protocol NAME`) the rows of a message are followed by an event for each alarm
  that it reports, as often as it reports it. By a configuration events say when an alarm begins and ends, as
  the service has them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rules.watch_spec import ValueTest

from telemetry.decode.channels import ACCOUNT
from telemetry.decode.logs import words
from telemetry.decode.reading import Found, Recordings
from telemetry.errors import DataError
from telemetry.framing.framer import MessageFramer
from telemetry.framing.framing import NO_ADDRESS
from telemetry.ledger import add
from telemetry.logs.archives import file_of
from telemetry.logs.captures import Capture, CapturedBytes
from telemetry.logs.content import named
from telemetry.protocols.spoken_in import good_messages, spoken_in
from telemetry.protocols.table import Framer, SerialProtocol, device_words
from telemetry.rules.alarms import Alarm
from telemetry.rules.resolve import model
from telemetry.stages.binding import Binding, Spoken
from telemetry.stages.output import OutputKind
from telemetry.stages.stages import Stages

_LONGEST_KEPT = 4200  # bytes that a framer may hold
_MOST_DEVICES = 4096  # what noise takes for devices has an end
_SLICE_BYTES = 1024  # fed at a time, so that what they complete has room in a batch
_LINES_AT_ONCE = 1000
_MESSAGES_AT_ONCE = 1024
_PIECES_TRIED = 2000  # of the first capture
_SHOWN = 3  # protocols


class Ports(Protocol):
    """What is spoken at each port of a capture."""

    def spoken(self, port: str) -> Sequence[Spoken]:
        """Return it, by each device at the port of this name. May raise TelemetryError."""
        ...


class OneProtocol:
    """`Ports` that all speak the same, each one a source of its own."""

    def __init__(self, protocol: SerialProtocol) -> None:
        self._protocol = protocol

    def spoken(self, port: str) -> Sequence[Spoken]:
        return (Spoken(self._protocol, Binding(0, ACCOUNT, port, has_error_frames=False)),)

    def stages(self, output: OutputKind, vehicle: str, *, with_messages: bool = False) -> Stages:
        """Return what the protocol's own map makes of messages, and if wanted the messages themselves."""
        plan = self._protocol.plan("capture", hidden=not with_messages)
        modelling = model(self._protocol.map_entries("capture"), (), plan)
        alarms = [one for alarm in modelling.alarms for one in _by_value(alarm)]
        return Stages(plan, modelling.map, alarms, vehicle=vehicle, output=output, every_report=True)


def _by_value(alarm: Alarm) -> Iterator[Alarm]:
    """Yield an alarm for each value that means it: two messages with other values report it twice."""
    values = alarm.rule.test.values if isinstance(alarm.rule.test, ValueTest) else ()
    if not values:
        yield alarm
    for value in values:
        yield replace(alarm, rule=replace(alarm.rule, test=ValueTest((value,))))


class Captures(Recordings):
    """Captures, read once; a framer for each device at a port."""

    unit = "messages"
    is_fixed = False  # a message has the cells that the device has

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._framers: dict[str, list[Framer]] = {}  # by port
        self._channels: dict[tuple[str, int, int], int] = {}  # by port, device and address
        self._names: dict[str, None] = {}  # of what is spoken
        self._bind: Callable[[Binding], int]
        self.frames = FrameBatch(_MESSAGES_AT_ONCE)  # larger once it is known what is spoken
        self.bytes_received = 0
        self.lines_read = self.lines_damaged = 0  # of the captures that have ended

    def open(self, path: Path, bind: Callable[[Binding], int]) -> "_OpenCapture":
        self._bind = bind
        return _OpenCapture(path, self)

    def take(self, piece: CapturedBytes) -> Iterator[None]:
        """Put the messages that the piece completes into `frames`, so many of its bytes at a time."""
        if self.first_ns is None:
            self.first_ns = piece.time_ns
        framers = self._framers_of(piece.port)
        if not piece.is_received:  # what an answer means may depend on it
            for framer in framers:
                if isinstance(framer, MessageFramer):
                    framer.sent(piece.data, self.frames)
                    yield
            return
        self.bytes_received += len(piece.data)
        for framer in framers:
            for start in range(0, len(piece.data), _SLICE_BYTES):
                framer.feed(piece.data[start : start + _SLICE_BYTES], piece.time_ns, self.frames)
                yield

    def finish(self) -> Iterator[None]:
        """Put what is complete without anything after it into `frames`."""
        for framer in self._all_framers():
            framer.finish(self.frames)
            yield

    def count(self, _frames: int) -> int:
        return self._counts().get("messages", 0)

    def counted(self, frames: int, _damaged: int) -> Mapping[str, int]:
        """Count each message as a frame, and no line beside the pieces of a capture."""
        lost = {name: count for name, count in self._counts().items() if name.startswith("lost/")}
        fates = {f"frames/{ACCOUNT}/{name}": count for name, count in lost.items()}
        return {f"bus/{ACCOUNT}/read": frames + sum(lost.values()), **fates}

    def foreign(self, paths: Sequence[Path]) -> DataError | None:
        if (self.lines_read or self.lines_damaged) and not good_messages(self._all_framers()):
            bad = self._counts()["lost/bad_checksum"]
            read = WhatWasRead(self.lines_read, self.lines_damaged, self.bytes_received, bad)
            return no_message(paths, tuple(self._names), read)
        return None

    def misfits(self, found: Found) -> list[str]:
        counts = self._counts()
        lines = [] if self.bytes_received else ["nothing was received in what was read"]
        lines += [
            f"messages left out ({words(name.removeprefix('lost/'))}): {count}"
            for name, count in counts.items()
            if count and name.startswith("lost/")
        ]
        if unknown := found.counted.get(f"frames/{ACCOUNT}/unknown", 0):
            lines.append(f"messages of a kind that {' or '.join(self._names)} does not know: {unknown}")
        for name in ("unknown_labels", "unreadable_values", "garbage_bytes"):
            if counts.get(name):
                lines.append(f"{words(name)}: {counts[name]}")
        return lines

    def summary(self, _found: Found) -> str:
        counts = self._counts()
        devices = (
            (port, device_words(framer.identity()))
            for port, framers in self._framers.items()
            for framer in framers
        )
        return (
            f"{self.bytes_received} bytes received: {counts.get('messages', 0)} messages, "
            f"{counts.get('garbage_bytes', 0)} bytes of none"
        ) + "".join(f"; {port}: {said}" for port, said in devices if said)

    def _framers_of(self, port: str) -> Sequence[Framer]:
        """Return one for each device at a port."""
        if port not in self._framers:
            spoken = self._ports.spoken(port)
            self._names.update(dict.fromkeys(one.protocol.name for one in spoken))
            self._framers[port] = [
                one.protocol.make_framer(partial(self._channel_of, port, number, one))
                for number, one in enumerate(spoken)
            ]
            self._make_room()
        return self._framers[port]

    def _make_room(self) -> None:
        """Make room for all that one slice may complete, beside what waits."""
        needed = max(
            (each.room_needed(_LONGEST_KEPT + _SLICE_BYTES) for each in self._all_framers()), default=0
        )
        if self.frames.capacity < needed + _MESSAGES_AT_ONCE:
            waiting, self.frames = self.frames, FrameBatch(needed + _MESSAGES_AT_ONCE)
            self.frames.extend(waiting)

    def _all_framers(self) -> Iterator[Framer]:
        for framers in self._framers.values():
            yield from framers

    def _channel_of(self, port: str, device: int, spoken: Spoken, address: int) -> int | None:
        """Return the channel of messages of an address at a port."""
        if spoken.hears is not None and not spoken.hears(address):
            return None
        if spoken.hears is not None:
            address = NO_ADDRESS
        number = self._channels.get((port, device, address))
        if number is None and len(self._channels) < _MOST_DEVICES:
            binding, key = spoken.binding, (port, device, address)
            if address != NO_ADDRESS:
                addresses = spoken.protocol.addresses
                text = f"{address:0{addresses.digits if addresses else 2}X}"
                tag = f"{binding.tag}/{text}"
                binding = replace(binding, tag=tag, channel=binding.tag, address=text)
            number = self._channels[key] = self._bind(binding)
        return number

    def _counts(self) -> Counter[str]:
        return Counter(add(*(framer.counts() for framer in self._all_framers())))


class _OpenCapture(Capture):
    """A capture that is open; see `OpenRecording`."""

    def __init__(self, path: Path, captures: Captures) -> None:
        super().__init__(path)
        self._captures = captures
        self._taking = self._take()
        self._is_taken = False

    @property
    def at_end(self) -> bool:
        return self._is_taken and not len(self._captures.frames)

    def read(self, batch: FrameBatch, limit: int = -1) -> int:
        """Append the messages of the next lines; those without room wait, and come first the next time."""
        most = min(batch.capacity, _MESSAGES_AT_ONCE)
        most = most if limit < 0 else min(most, limit)
        frames, until = self._captures.frames, self.pieces_read + _LINES_AT_ONCE
        while len(frames) < most and self.pieces_read < until and not self._is_taken:
            self._is_taken = next(self._taking, self) is self
            frames = self._captures.frames  # others, where more room is needed
        count = min(len(frames), most)
        if count == len(frames):
            batch.extend(frames)
            frames.clear()
        else:
            batch.extend(frames.part(0, count))
            rest = frames.part(count, len(frames))
            frames.clear()
            frames.extend(rest)
        return count

    def _take(self) -> Iterator[None]:
        """Put all messages into `captures.frames`, few at a time."""
        for piece in self:
            yield from self._captures.take(piece)
        yield from self._captures.finish()
        self._captures.lines_read += self.pieces_read
        self._captures.lines_damaged += self.damaged


@dataclass(frozen=True, slots=True)
class WhatWasRead:
    """Counts of captures: lines that are pieces and others, bytes received, messages with a bad checksum."""

    lines: int
    damaged: int
    received_bytes: int
    bad_checksums: int


def no_message(paths: Sequence[Path], names: Sequence[str], read: WhatWasRead) -> DataError:
    """Return the error of captures without a message of `names`. paths: one at least."""
    where = named(paths)
    if not read.lines:
        hint = "a log of CAN has --dbc or a protocol of CAN"
        what = f"is no capture: none of its {read.damaged} lines is `(epoch.us) port RX|TX hex`"
        return DataError(what, where=where, hint=hint)
    found = f"{read.received_bytes} bytes received in {read.lines} line{'s' if read.lines > 1 else ''}"
    others = _spoken_in(paths[0], names) if read.received_bytes else ()
    if read.bad_checksums and not others:
        found += f", {read.bad_checksums} with a bad checksum"
    if others:
        hint = f"try --protocol {' or '.join(others[:_SHOWN])}, whose messages are in it"
    elif read.received_bytes:
        hint = "try another --protocol; if no other fits, capture it again at another baud rate"
    else:
        hint = "it has only what was sent: the device did not answer"
    return DataError(f"holds no message of {' or '.join(names)}: {found}", where=where, hint=hint)


def _spoken_in(path: Path, names: Sequence[str]) -> Sequence[str]:
    """Return the protocols that make messages of most of the first bytes of a capture, the best first."""
    if not file_of(path).is_file():  # what comes through a pipe is gone
        return ()
    with Capture(path) as capture:
        pieces = list(islice(capture, _PIECES_TRIED))
    data: dict[str, bytes] = {}
    for piece in pieces:
        if piece.is_received:
            data[piece.port] = data.get(piece.port, b"") + piece.data
    count = sum(map(len, data.values()))
    return [one.name for one in spoken_in(data) if one.name not in names and 2 * one.outside < count]
