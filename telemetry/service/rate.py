"""How much a configuration sends: measured on the beginning of a log, or on what comes from its sources."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.logs.log import OpenLog
from telemetry.sinks.link import of_write
from telemetry.sources.assemble import ChannelTable
from telemetry.spool.compress import compress, compress_joint
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages

MAX_FRAMES = 500_000
BATCH_FRAMES = 4096
BATCH_LINES = 5000
DAY_S = 86_400.0

PARSED_OF = 7  # of so many lines of a full batch one is taken apart: a prime, since buses repeat themselves

_LINE = re.compile(rb"^((?:\\.|[^,\\ \n])+)(?:\\.|[^\\ \n])* (.*) -?[0-9]+\n", re.MULTILINE)
_FIELD = re.compile(rb'((?:\\.|[^,= \\])+)=("(?:\\.|[^"\\])*"|[^,]+)')
_NUMBER = re.compile("[0-9]+")
_ESCAPED = re.compile(rb"\\([,= ])")


@dataclass(frozen=True, slots=True)
class _PerSecond:
    """Per second of recorded time; bytes as they are sent and stored, compressed."""

    points_per_s: float
    bytes_per_s: float

    @property
    def mb_a_day(self) -> float:
        """Return 10^6 bytes a day."""
        return self.bytes_per_s * DAY_S / 1e6


@dataclass(frozen=True, slots=True)
class Share(_PerSecond):
    """What one measurement makes of a rate. bytes_per_s: its part of the compressed bytes.

    That is its part of the text of fields: tags and stamps repeat, and compress to next to nothing. Of a
    drive within bounds `cells` has 27 % of all text, 52 % of that of fields; its lines left out save 48 %.
    """

    measurement: str


@dataclass(frozen=True, slots=True)
class Rate(_PerSecond):
    """The rate at which a configuration sends. shares: of each measurement, the dearest first.

    requests_per_s: 0 where batches are cut by lines alone, which says nothing of a live link. fields: by
    `measurement.field`, its part of all bytes, likewise, the dearest first; those that differ by a number
    are one.
    """

    duration_s: float
    requests_per_s: float
    shares: Sequence[Share] = ()
    fields: Sequence[tuple[str, float]] = ()

    def link_bytes_h(self, *, tls: bool) -> float:
        """Return about what a link carries for it in an hour, both ways."""
        body_bytes = round(self.bytes_per_s / self.requests_per_s) if self.requests_per_s else 0
        return self.requests_per_s * of_write(body_bytes, tls=tls) * 3600.0


class RateMeter:
    """Sends frames through stages and weighs what comes out.

    batch_s: how much time a batch covers, in s, since small ones compress less; inf: batches are cut by lines
    alone, as those of logs are.
    """

    def __init__(self, stages: Stages, batch_s: float = math.inf) -> None:
        self.stages = stages
        self._batch_s = batch_s
        self.frames = 0
        self._lines = LineBuffer()
        self._first_ns, self._last_ns = 2**63 - 1, -(2**63)
        self._size_bytes = self._batches = 0
        self._points: Counter[bytes] = Counter()  # by measurement, as line protocol has it
        self._text_bytes: Counter[bytes] = Counter()
        self._field_bytes: Counter[tuple[bytes, bytes]] = Counter()

    def take(self, frames: FrameBatch) -> None:
        """Process `frames`."""
        self.frames += len(frames)
        self.stages.process(frames, self._lines)
        if self._lines.lines >= BATCH_LINES:
            self._weigh()

    def rate(self, least_s: float = 0.0) -> Rate | None:
        """Return the rate of all that was taken, once; None: it makes no point, or covers no time.

        least_s: how long it was listened to; the stamps of a single burst cover less.
        """
        self.stages.writing.flush(self._lines)
        if self._lines.lines:
            self._weigh()
        text_bytes = self._text_bytes.total()
        duration_s = max((self._last_ns - self._first_ns) / 1e9, least_s)
        if not text_bytes or duration_s <= 0.0:
            return None
        bytes_per_s = self._size_bytes / duration_s
        shares = [
            Share(self._points[name] / duration_s, bytes_per_s * size / text_bytes, _name(name))
            for name, size in self._text_bytes.most_common()
        ]
        requests_per_s = self._batches / duration_s if self._batch_s < math.inf else 0.0
        points_per_s = self._points.total() / duration_s
        return Rate(points_per_s, bytes_per_s, duration_s, requests_per_s, shares, self._fields())

    def _fields(self) -> list[tuple[str, float]]:
        families: dict[str, list[tuple[str, int]]] = {}
        for (measurement, field), size in self._field_bytes.items():
            name, own = _name(measurement), _name(field)
            families.setdefault(f"{name}.{_NUMBER.sub('*', own)}", []).append((f"{name}.{own}", size))
        total = self._field_bytes.total()
        parts = [
            (family if len(members) > 1 else members[0][0], sum(size for _, size in members) / total)
            for family, members in families.items()
        ]
        return sorted(parts, key=lambda one: -one[1])

    def _weigh(self) -> None:
        lines = self._lines
        batches = max(1, round((lines.last_ns - lines.first_ns) / 1e9 / self._batch_s))
        self._batches += batches
        self._first_ns = min(self._first_ns, lines.first_ns)
        self._last_ns = max(self._last_ns, lines.last_ns)
        points, text = lines.lines, lines.take()
        packed = compress_joint if 1.0 < self._batch_s < math.inf else compress
        self._size_bytes += sum(len(packed(batch)) for batch in _cut(text, batches))
        parsed_of = PARSED_OF if points >= BATCH_LINES else 1
        for number, match in enumerate(_LINE.finditer(text)):
            measurement = match[1]
            self._points[measurement] += 1
            self._text_bytes[measurement] += len(match[2])
            for field, value in _FIELD.findall(match[2]) if number % parsed_of == 0 else ():
                self._field_bytes[measurement, field] += parsed_of * (len(field) + len(value) + 1)


def measure(
    stages: Stages, file: Path, binding_of: Callable[[str], Binding], batch_s: float = math.inf
) -> Rate | None:
    """Return the rate at which `file` becomes points; None when it makes none or covers no time.

    binding_of: of a channel of the log, by its name. batch_s: as of `RateMeter`.
    """
    batch, meter, channels = FrameBatch(BATCH_FRAMES), RateMeter(stages, batch_s), ChannelTable()

    def bind(name: str) -> int:
        number = channels.number("log", name)
        stages.bind(number, binding_of(name))
        return number

    with OpenLog(file, bind) as log:
        while log.frames_read < MAX_FRAMES and log.read(batch):
            meter.take(batch)
            batch.clear()
    return meter.rate()


def _cut(text: bytes, parts: int) -> Iterator[bytes]:
    """Cut `text` into so many parts of as many lines each, or fewer parts if it has fewer lines."""
    lines = text.splitlines(keepends=True)
    each = math.ceil(len(lines) / parts)
    return (b"".join(lines[at : at + each]) for at in range(0, len(lines), each))


def _name(escaped: bytes) -> str:
    return _ESCAPED.sub(rb"\1", escaped).decode("utf-8", "replace")
