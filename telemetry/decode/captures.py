"""Text captures of serial ports into csv, line protocol or ndjson: `nev-telemetry decode --protocol NAME`.

Promises: the output depends on the capture, the protocol and the format alone; memory is constant. What a
message means stands in the rows of the data model, in the order of the messages; behind the rows of a message
comes an event for each alarm that it reports, as often as it reports it: a capture shows what was said, while
the service tells when an alarm begins and ends. Each row has the stamp of the line that brought its message's
last byte; requests and their echoes give no rows. If wanted, a row of each message with all its values comes
before the rows of what it means.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import FieldSpec, PlanSpec, RecordSpec, SlotKind
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.mapper import Mapper
from telemetry_core.rules.watch_spec import BitTest, LimitTest, ValueTest
from telemetry_core.serial.framer import Framer
from telemetry_core.text.encoder import CSV_HEADER, Encoder
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.in_order import InOrder
from telemetry.decode.output import OutputFormat, Piece
from telemetry.decode.progress import Course
from telemetry.ledger import add
from telemetry.logs.captures import Capture
from telemetry.model.event_codes import EVENT_CODES
from telemetry.model.events import Event
from telemetry.model.events import line as event_line
from telemetry.model.measurements import EVENT
from telemetry.model.point import tag_set
from telemetry.protocols.table import SerialProtocol, device_words
from telemetry.rules.alarm_map import mapped_alarms
from telemetry.rules.alarms import Alarm
from telemetry.rules.map import resolve

_BUS = "capture"
_BATCH_MESSAGES = 512
_SLICE_BYTES = 1024  # fed at a time, so that what they complete has room in a batch
_PIECES_AT_ONCE = 1000
AHEAD = 3  # results that may wait to be written

_EVENT_RECORD = RecordSpec(
    EVENT.name,
    (
        FieldSpec("code", SlotKind.UINT),
        FieldSpec("level", SlotKind.UINT),
        FieldSpec("active", SlotKind.BOOL),
    ),
    modelled=True,
)


class CaptureDecoder:
    """A `FileDecoder` of captures; a framer for each port."""

    def __init__(
        self,
        protocol: SerialProtocol,
        output_format: OutputFormat,
        *,
        vehicle: str,
        with_messages: bool = False,
    ) -> None:
        records = (replace(record, hidden=not with_messages) for record in protocol.records)
        plan = PlanSpec((*records, _EVENT_RECORD), (protocol.bus(_BUS),))
        entries = protocol.map_entries(_BUS)
        mapping = resolve(entries, plan)
        schema = Schema((*plan.records, *mapping.records))
        self._protocol = protocol
        self._format = output_format
        self._vehicle = vehicle
        self._decoder = Decoder(Plan(plan, schema))
        self._mapper = Mapper(schema, mapping)
        self._map_tags = mapping.tag_sets
        self._encoder = Encoder(schema)
        self._encode = {
            OutputFormat.CSV: self._encoder.encode_csv,
            OutputFormat.LINE_PROTOCOL: self._encoder.encode,
            OutputFormat.NDJSON: self._encoder.encode_ndjson,
        }[output_format]
        self._alarms = tuple(mapped_alarms(entries, plan))
        self._records = plan.records
        self._frames = FrameBatch(_BATCH_MESSAGES)
        self._samples = SampleBatch(schema)
        self._mapped = SampleBatch(schema)
        self._lines = LineBuffer()
        self._framers: dict[str, Framer] = {}
        self.overlaps = False  # a point of the text taken last may be one of an earlier text
        self._bytes_received = 0

    @property
    def header(self) -> bytes:
        """See FileDecoder."""
        return CSV_HEADER.encode() + b"\n" if self._format is OutputFormat.CSV else b""

    @property
    def writes_points(self) -> bool:
        """Whether what it writes is line protocol."""
        return self._format is OutputFormat.LINE_PROTOCOL

    @contextmanager
    def pieces(self, paths: Sequence[Path]) -> Iterator[InOrder[Piece]]:
        """See FileDecoder."""
        worker = _Worker(self, paths)
        try:
            with InOrder([worker], AHEAD) as pieces:
                yield pieces
        finally:
            worker.close()

    def decode(self, capture: Capture) -> Iterator[bytes]:
        """What all messages of `capture` mean: whole lines, of so many pieces of the capture at a time."""
        for piece in capture:
            if piece.is_received:
                self._bytes_received += len(piece.data)
                framer = self._framer_of(piece.port)
                for start in range(0, len(piece.data), _SLICE_BYTES):
                    framer.feed(piece.data[start : start + _SLICE_BYTES], piece.time_ns, self._frames)
                    self._render_frames()
            if capture.pieces_read % _PIECES_AT_ONCE == 0:
                yield self._take_text()
        for framer in self._framers.values():
            framer.finish(self._frames)
            self._render_frames()
        yield self._take_text()

    def _take_text(self) -> bytes:
        self.overlaps = self._lines.overlaps
        return self._lines.take()

    @property
    def messages(self) -> int:
        """Good ones so far."""
        return self._found().get("messages", 0)

    def warnings(self) -> list[str]:
        """See FileDecoder."""
        found = self._found()
        lines = [] if self._framers else ["nothing was received in what was read"]
        lines += [
            f"messages left out ({_words(name.removeprefix('lost/'))}): {count}"
            for name, count in found.items()
            if count and name.startswith("lost/")
        ]
        unknown = self._counts().get("unknown", 0)
        if unknown:
            lines.append(f"messages of a kind that {self._protocol.name} does not know: {unknown}")
        for name in ("unknown_labels", "unreadable_values", "garbage_bytes"):
            if found.get(name):
                lines.append(f"{_words(name)}: {found[name]}")
        if self._encoder.left_out:
            lines.append(f"values left out (not finite): {self._encoder.left_out}")
        return lines

    def summary(self) -> str:
        """See FileDecoder."""
        found = self._found()
        devices = ((port, device_words(framer.identity())) for port, framer in self._framers.items())
        return (
            f"{self._bytes_received} bytes received: {found.get('messages', 0)} messages, "
            f"{found.get('garbage_bytes', 0)} bytes of none"
        ) + "".join(f"; {port}: {words}" for port, words in devices if words)

    def _framer_of(self, port: str) -> Framer:
        if port not in self._framers:
            number = len(self._framers)
            self._framers[port] = self._protocol.make_framer(number)
            common = {"vehicle": self._vehicle, "source": port}
            first_tags = number * (1 + len(self._map_tags))
            self._encoder.set_channel(number, port)
            for index, tags in enumerate(({}, *self._map_tags), start=first_tags):
                self._encoder.set_tags(index, tag_set({**common, **tags}))
            self._decoder.bind(number, 0, first_tags)
            self._mapper.bind(number, 0, range(first_tags + 1, first_tags + 1 + len(self._map_tags)))
        return self._framers[port]

    def _render_frames(self) -> None:
        """One frame at a time, so that its events come right behind its rows."""
        ports = list(self._framers)
        for index in range(len(self._frames)):
            frame = self._frames.part(index, index + 1)
            self._samples.clear()
            self._mapped.clear()
            self._decoder.decode(frame, self._samples)
            self._mapper.map(self._samples, self._mapped)
            time_ns, channel = frame[0].time_ns, frame[0].channel
            alarms = list(self._reported())
            if self._format is not OutputFormat.LINE_PROTOCOL:
                for alarm in alarms:
                    values = {"code": EVENT_CODES[alarm.code].number, "level": alarm.level, "active": True}
                    self._mapped.append(self._records.index(_EVENT_RECORD), time_ns, values, channel=channel)
            self._encode(self._mapped, self._lines)
            if self._format is OutputFormat.LINE_PROTOCOL:
                for alarm in alarms:
                    self._lines.append(self._event_line(alarm, ports[channel], time_ns), time_ns)
        self._frames.clear()

    def _reported(self) -> Iterator[Alarm]:
        """The alarms that the message just decoded reports."""
        for row in self._samples:
            for alarm in self._alarms:
                record = self._records[alarm.rule.record]
                raw = row.raw.get(record.fields[alarm.rule.field].name)
                if row.measurement == record.measurement and raw is not None and _means(alarm, int(raw)):
                    yield alarm

    def _event_line(self, alarm: Alarm, port: str, time_ns: int) -> bytes:
        event = Event(
            alarm.code,
            alarm.level,
            active=True,
            text=alarm.text,
            source=port,
            pack=alarm.pack,
            charger=alarm.charger,
        )
        return event_line(event, self._vehicle, time_ns)

    def _found(self) -> Counter[str]:
        return Counter(add(*(framer.counts() for framer in self._framers.values())))

    def _counts(self) -> dict[str, int]:
        return add(*(self._decoder.counts(number) for number in range(len(self._framers))))


class _Worker:
    """Reads and decodes captures, in one thread; see `in_order.Worker`."""

    def __init__(self, decoder: CaptureDecoder, paths: Sequence[Path]) -> None:
        self._decoder = decoder
        self._left = iter(enumerate(paths))
        self._course = Course(paths, unit="messages")
        self._capture: Capture | None = None
        self._texts: Iterator[bytes] = iter(())
        self._index = 0
        self._text = b""
        self._overlaps = False
        self._warnings: list[str] = []
        self._bytes_read = 0

    def take(self) -> bool:
        """Decode the next part, or open the next capture."""
        self._text, self._warnings = b"", []
        if self._capture is None:
            following = next(self._left, None)
            if following is None:
                return False
            self._index, path = following
            self._capture, self._bytes_read = Capture(path), 0
            self._texts = self._decoder.decode(self._capture)
            return True
        text = next(self._texts, None)
        self._bytes_read = self._capture.bytes_read
        if text is not None:
            self._text, self._overlaps = text, self._decoder.overlaps
        else:
            self._warnings = self._capture.warnings()
            self.close()
        return True

    def do(self) -> Piece:
        """What that part means."""
        lines = self._text.splitlines()
        first_ns = last_ns = 0
        counts: Counter[str] = Counter()
        if self._decoder.writes_points:
            counts.update(f"points/made/{_measurement(line)}" for line in lines)
            stamps = [int(line.rpartition(b" ")[2]) for line in lines]
            first_ns, last_ns = min(stamps, default=0), max(stamps, default=0)
        place = self._course.at(self._index, self._bytes_read, self._decoder.messages)
        overlaps = bool(lines) and self._overlaps
        return Piece(
            self._text, len(lines), first_ns, last_ns, 0, counts, place, self._warnings, overlaps=overlaps
        )

    def close(self) -> None:
        """Give the capture back that is open, if there is one."""
        if self._capture is not None:
            self._capture.close()
            self._capture = None


def _measurement(line: bytes) -> str:
    """Of a line of the data model, whose names need no escapes."""
    return line[: line.index(b",")].decode("ascii")


def _means(alarm: Alarm, raw: int) -> bool:
    match alarm.rule.test:
        case BitTest(mask):
            return bool(raw & mask)
        case ValueTest(values):
            return raw in values
        case LimitTest():
            return False  # no protocol has any


def _words(name: str) -> str:
    return name.replace("_", " ")
