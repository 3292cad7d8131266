"""Battery health in recordings: the rows that the service would have written of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.latest import Latest
from telemetry_core.rows.schema import Schema
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.items import Point, SessionRow
from telemetry.decode.channels import ChannelPlan
from telemetry.decode.decoder import Decoder
from telemetry.decode.described import by_config
from telemetry.decode.logs import Logs
from telemetry.decode.reading import Recordings
from telemetry.errors import ConfigError
from telemetry.logs.archives import with_members
from telemetry.logs.content import STDIN
from telemetry.logs.unread import UNREADABLE
from telemetry.model.measurements import BATTERY
from telemetry.stages.binding import BoundChannel
from telemetry.stages.output import Output

_LAST_NS = 1 << 63  # of what cannot be read, which says so when its turn comes


class _Points(Output):
    def __init__(self) -> None:
        self.points: list[Point] = []
        self._packs: dict[int, str] = {}  # by tag set

    def start(self, schema: Schema) -> None:
        records = [spec.measurement if spec.modelled else "" for spec in schema.specs]
        self._battery = Latest(schema, [records.index(BATTERY.name)] if BATTERY.name in records else [])

    def bind(self, channel: BoundChannel) -> None:
        tags = zip(channel.tag_sets, channel.tags(), strict=True)
        self._packs |= {index: own["pack"] for index, own in tags if "pack" in own}

    def add(self, samples: SampleBatch, _lines: LineBuffer) -> None:
        self._battery.observe(samples, 0)

    def add_session(self, row: SessionRow, _time_ns: int, _tag: str, _lines: LineBuffer) -> str:
        if isinstance(row, Point):
            self.points.append(row)
        return ""

    def reported(self, vehicle: str) -> Iterator[Point]:
        """Yield the state of health that each battery has reported last."""
        for row in (self._battery[number] for number in range(len(self._battery))):
            fields = self._battery.schema.specs[row.record].fields
            known = {fields[place].name: value for place, value in zip(row.fields, row.raw, strict=True)}
            if "soh_pct" in known:
                tags = {"vehicle": vehicle, "pack": self._packs[row.tags]}
                yield Point(BATTERY.name, tags, {"soh_pct": float(known["soh_pct"])}, row.time_ns)


def health_in_logs(
    paths: Sequence[Path],
    config: Path,
    *,
    source: str = "",
    warn: Callable[[Iterable[str]], None] = lambda _: None,
) -> tuple[Sequence[Point], Decoder]:
    """Return the rows of battery health of these logs, in the order of their first stamps, and their decoder.

    The last rows are what each battery says of its health itself.

    source: of the configuration, the one that the logs are of; warn: takes what was wrong with them. The
    decoder says what could not be read. Raises InputMissingError, DataError, ConfigError, UsageError.
    """
    described, output = by_config(config, source), _Points()
    stages, recordings = described.make(output)
    if stages.writing.health is None:
        raise ConfigError("has no [[health]]", where=str(config), hint="add one for each pack")
    decoder = Decoder(stages, recordings)
    looked_at = described.make_recordings() if described.is_serial else Logs(ChannelPlan(()))
    with decoder.pieces(in_order_of_time(paths, looked_at)) as pieces:
        for piece in pieces:
            warn(piece.warnings)
    warn(decoder.losses())
    return [*output.points, *output.reported(stages.writing.vehicle)], decoder


def in_order_of_time(paths: Sequence[Path], recordings: Recordings) -> Sequence[Path]:
    """Return the recordings, those of archives too, by their first stamps. A single one is not opened."""
    members = with_members(paths)
    return sorted(members, key=lambda path: _first_ns(path, recordings)) if len(members) > 1 else members


def _first_ns(path: Path, recordings: Recordings) -> int:
    frames = FrameBatch(1)
    if path == STDIN:
        return _LAST_NS
    try:
        with closing(recordings.open(path, lambda _: 0)) as opened:
            while not (opened.at_end or len(frames)):
                opened.read(frames, 1)
    except UNREADABLE:
        return _LAST_NS
    return frames[0].time_ns if len(frames) else _LAST_NS
