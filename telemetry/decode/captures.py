"""Text captures of serial ports into csv, line protocol or ndjson.

Promises:
- The output depends on the captures, the stages and the format alone; memory is constant.
- Captures of which no line holds a message are refused (DataError); an empty one is not.
- Each row has the stamp of the line that brought its message's last byte; requests and their echoes give no
  rows.
- By a protocol alone (`decode --protocol NAME`) the rows of a message are followed by an event for each alarm
  that it reports, as often as it reports it. By a configuration events say when an alarm begins and ends, as
  the service has them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rules.watch_spec import ValueTest
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.channels import ACCOUNT
from telemetry.decode.foreign_captures import WhatWasRead, no_message
from telemetry.decode.in_order import InOrder
from telemetry.decode.output import OutputPiece
from telemetry.decode.progress import Course, Progress
from telemetry.framing.framer import MessageFramer
from telemetry.framing.framing import NO_ADDRESS
from telemetry.ledger import add, subtract
from telemetry.logs.captures import Capture, CapturedBytes
from telemetry.protocols.spoken_in import good_messages
from telemetry.protocols.table import Framer, SerialProtocol, device_words
from telemetry.rules.alarms import Alarm
from telemetry.rules.resolve import model
from telemetry.stages.binding import Binding
from telemetry.stages.formats import TimeForm
from telemetry.stages.output import OutputKind
from telemetry.stages.spoken import Spoken
from telemetry.stages.stages import Stages

_LONGEST_KEPT = 4200  # bytes that a framer may hold
_MOST_DEVICES = 4096  # what noise takes for devices has an end
_ENOUGH_MESSAGES = 64
_SLICE_BYTES = 1024  # fed at a time, so that what they complete has room in a batch
_PIECES_AT_ONCE = 1000
AHEAD = 3  # results that may wait to be written


class Ports(Protocol):
    """What is spoken at each port of a capture."""

    def spoken(self, port: str) -> Sequence[Spoken]:
        """By each device at the port of this name. May raise TelemetryError."""
        ...


class OneProtocol:
    """`Ports` that all speak the same, each one a source of its own."""

    def __init__(self, protocol: SerialProtocol) -> None:
        self._protocol = protocol

    def spoken(self, port: str) -> Sequence[Spoken]:
        return (Spoken(self._protocol, Binding(0, ACCOUNT, port, has_error_frames=False)),)

    def stages(self, output: OutputKind, vehicle: str, *, with_messages: bool = False) -> Stages:
        """What the protocol's own map makes of the messages, and if wanted the messages themselves."""
        plan = self._protocol.plan("capture", hidden=not with_messages)
        modelling = model(self._protocol.map_entries("capture"), (), plan)
        alarms = [one for alarm in modelling.alarms for one in _by_value(alarm)]
        return Stages(plan, modelling.map, alarms, vehicle=vehicle, output=output, every_report=True)


def _by_value(alarm: Alarm) -> Iterator[Alarm]:
    """An alarm for each value that means it: two messages with other values report it twice."""
    values = alarm.rule.test.values if isinstance(alarm.rule.test, ValueTest) else ()
    if not values:
        yield alarm
    for value in values:
        yield replace(alarm, rule=replace(alarm.rule, test=ValueTest((value,))))


class CaptureDecoder:
    """A `FileDecoder` of captures; a framer for each port."""

    def __init__(self, stages: Stages, ports: Ports, *, times: TimeForm = TimeForm.NS) -> None:
        """times: how stamps are written, relative ones since the first piece."""
        self._stages = stages
        self._ports = ports
        self._frames = FrameBatch(_ENOUGH_MESSAGES)  # larger once it is known what is spoken
        self._lines = LineBuffer()
        self._framers: dict[str, list[Framer]] = {}  # by port, one a device
        self._channels: dict[tuple[str, int, int], int] = {}  # by port, device and address
        self._names: dict[str, None] = {}  # of what is spoken
        self._bytes_received = 0
        self._lines_read = self._lines_damaged = 0  # of the captures that have ended
        self._points: dict[str, int] = {}
        self._times = times
        self._has_origin = False
        stages.writing.output.write_times(times)

    @property
    def header(self) -> bytes:
        return self._stages.writing.output.header

    @contextmanager
    def pieces(self, paths: Sequence[Path]) -> Iterator[InOrder[OutputPiece]]:
        worker = _CaptureWorker(self, paths)
        try:
            with InOrder([worker], AHEAD) as pieces:
                yield pieces
        finally:
            worker.close()

    def decode(self, capture: Capture) -> Iterator[None]:
        """All messages of `capture`, so many pieces of it at a time."""
        for piece in capture:
            if not self._has_origin:
                self._stages.writing.output.write_times(self._times, piece.time_ns)
                self._has_origin = True
            if not piece.is_received:
                self._sent(piece)
            else:
                self._bytes_received += len(piece.data)
                for framer in self._framers_of(piece.port):
                    for start in range(0, len(piece.data), _SLICE_BYTES):
                        framer.feed(piece.data[start : start + _SLICE_BYTES], piece.time_ns, self._frames)
                        self._process_enough()
            if capture.pieces_read % _PIECES_AT_ONCE == 0:
                self._process()
                yield
        self._process()
        for framer in self._all_framers():
            framer.finish(self._frames)
            self._process()
        self._lines_read += capture.pieces_read
        self._lines_damaged += capture.damaged
        yield

    def finish(self, paths: Sequence[Path]) -> None:
        """No capture follows those of `paths`. Raises DataError where no line of them holds a message."""
        if (self._lines_read or self._lines_damaged) and not good_messages(self._all_framers()):
            bad = self._found()["lost/bad_checksum"]
            read = WhatWasRead(self._lines_read, self._lines_damaged, self._bytes_received, bad)
            raise no_message(paths, tuple(self._names), read)
        self._stages.writing.flush(self._lines)

    def take(self, progress: Progress, warnings: Sequence[str]) -> OutputPiece:
        """What came since the last time."""
        points = {name: n for name, n in self._stages.counted().items() if name.startswith("points/")}
        counts = subtract(points, self._points)
        self._points = points
        return OutputPiece.of(self._lines, progress, counts, warnings)

    @property
    def messages(self) -> int:
        """Good ones so far."""
        return self._found().get("messages", 0)

    def warnings(self) -> list[str]:
        found = self._found()
        lines = [] if self._bytes_received else ["nothing was received in what was read"]
        lines += [
            f"messages left out ({_words(name.removeprefix('lost/'))}): {count}"
            for name, count in found.items()
            if count and name.startswith("lost/")
        ]
        unknown = self._stages.counted().get(f"frames/{ACCOUNT}/unknown", 0)
        if unknown:
            names = " or ".join(self._names)
            lines.append(f"messages of a kind that {names} does not know: {unknown}")
        for name in ("unknown_labels", "unreadable_values", "garbage_bytes"):
            if found.get(name):
                lines.append(f"{_words(name)}: {found[name]}")
        left_out = self._stages.writing.output.left_out
        return [*lines, f"values left out (not finite): {left_out}"] if left_out else lines

    def summary(self) -> str:
        found = self._found()
        devices = (
            (port, device_words(framer.identity()))
            for port, framers in self._framers.items()
            for framer in framers
        )
        return (
            f"{self._bytes_received} bytes received: {found.get('messages', 0)} messages, "
            f"{found.get('garbage_bytes', 0)} bytes of none"
        ) + "".join(f"; {port}: {words}" for port, words in devices if words)

    def _framers_of(self, port: str) -> Sequence[Framer]:
        """One for each device at a port."""
        if port not in self._framers:
            spoken = self._ports.spoken(port)
            self._names.update(dict.fromkeys(one.protocol.name for one in spoken))
            self._framers[port] = [
                one.protocol.make_framer(partial(self._channel_of, port, number, one))
                for number, one in enumerate(spoken)
            ]
            self._make_room(self._framers[port])
        return self._framers[port]

    def _make_room(self, framers: Sequence[Framer]) -> None:
        """For all that one slice may complete, beside what waits."""
        needed = max((framer.room_needed(_LONGEST_KEPT + _SLICE_BYTES) for framer in framers), default=0)
        if self._frames.capacity < needed + _ENOUGH_MESSAGES:
            self._process()
            self._frames = FrameBatch(needed + _ENOUGH_MESSAGES)

    def _all_framers(self) -> Iterator[Framer]:
        for framers in self._framers.values():
            yield from framers

    def _sent(self, piece: CapturedBytes) -> None:
        """A request: what an answer means may depend on it."""
        for framer in self._framers_of(piece.port):
            if isinstance(framer, MessageFramer):
                framer.sent(piece.data, self._frames)
                self._process_enough()

    def _channel_of(self, port: str, device: int, spoken: Spoken, address: int) -> int | None:
        """The channel of messages of an address at a port."""
        if spoken.hears is not None and not spoken.hears(address):
            return None
        if spoken.hears is not None:
            address = NO_ADDRESS
        number = self._channels.get((port, device, address))
        if number is None and len(self._channels) < _MOST_DEVICES:
            number = self._channels[port, device, address] = len(self._channels)
            binding = spoken.binding
            if address != NO_ADDRESS:
                addresses = spoken.protocol.addresses
                text = f"{address:0{addresses.digits if addresses else 2}X}"
                tag = f"{binding.tag}/{text}"
                binding = replace(binding, tag=tag, channel=binding.tag, address=text)
            self._stages.bind(number, binding)
        return number

    def _process_enough(self) -> None:
        """Process what has come once it is worth it, while there is room for what the next bytes complete."""
        if len(self._frames) >= _ENOUGH_MESSAGES:
            self._process()

    def _process(self) -> None:
        if self._frames:
            self._stages.process(self._frames, self._lines)
            self._frames.clear()

    def _found(self) -> Counter[str]:
        return Counter(add(*(framer.counts() for framer in self._all_framers())))


class _CaptureWorker:
    """Reads and decodes captures, in one thread; see `in_order.Worker`."""

    def __init__(self, decoder: CaptureDecoder, paths: Sequence[Path]) -> None:
        self._decoder = decoder
        self._paths = paths
        self._index = -1  # of the capture that is open, or was
        self._course = Course(paths, unit="messages")
        self._capture: Capture | None = None
        self._decoding: Iterator[None] = iter(())
        self._piece: OutputPiece

    def take(self) -> bool:
        """Decode the next part, or open the next capture."""
        warnings: Sequence[str] = ()
        is_last = self._index == len(self._paths) - 1
        if self._capture is None:
            if is_last:
                return False
            self._index += 1
            self._capture = Capture(self._paths[self._index])
            self._decoding = self._decoder.decode(self._capture)
            bytes_read = 0
        else:
            is_over = next(self._decoding, self) is self
            bytes_read = self._capture.bytes_read
            if is_over:
                warnings = self._capture.warnings()
                self.close()
                if is_last:
                    self._decoder.finish(self._paths)
        place = self._course.at(self._index, bytes_read, self._decoder.messages)
        self._piece = self._decoder.take(place, warnings)
        return True

    def do(self) -> OutputPiece:
        """What that part means."""
        return self._piece

    def close(self) -> None:
        """Close the open capture, if any."""
        if self._capture is not None:
            self._capture.close()
            self._capture = None


def _words(name: str) -> str:
    return name.replace("_", " ")
