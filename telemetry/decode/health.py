"""Battery health in recordings: the rows that the service would have written of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.latest import Latest
from telemetry_core.rows.schema import Schema
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.items import Point, SessionRow
from telemetry.charging.report.phrases import moment
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

_NEAR_NS = 2_000_000_000  # logs that follow each other may share so much
_LAST_NS = 1 << 63  # of what cannot be read, which says so when its turn comes


class _Points(Output):
    """Rows of battery health. reported: the state of health that each battery has reported last."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.reported: dict[str, tuple[float, int]] = {}  # by pack, with its stamp
        self._packs: dict[int, str] = {}  # by tag set

    def start(self, schema: Schema) -> None:
        records = [spec.measurement if spec.modelled else "" for spec in schema.specs]
        self._new_battery = partial(
            Latest, schema, [records.index(BATTERY.name)] if BATTERY.name in records else []
        )
        self._battery = self._new_battery()

    def bind(self, channel: BoundChannel) -> None:
        tags = zip(channel.tag_sets, channel.tags(), strict=True)
        self._packs |= {index: own["pack"] for index, own in tags if "pack" in own}

    def add(self, samples: SampleBatch, _lines: LineBuffer) -> None:
        self._battery.observe(samples, 0)

    def add_session(self, row: SessionRow, _time_ns: int, _tag: str, _lines: LineBuffer) -> str:
        if isinstance(row, Point):
            self.points.append(row)
        return ""

    def end_log(self) -> Mapping[str, int]:
        """Return by pack the stamp of its last row in the log that ends."""
        found: dict[str, int] = {}
        for row in (self._battery[number] for number in range(len(self._battery))):
            fields = self._battery.schema.specs[row.record].fields
            known = {fields[place].name: value for place, value in zip(row.fields, row.raw, strict=True)}
            pack = self._packs[row.tags]
            found[pack] = row.time_ns
            if "soh_pct" in known:
                self.reported[pack] = float(known["soh_pct"]), row.time_ns
        self._battery = self._new_battery()
        return found


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
    begins_ns, ends_ns = in_order_of_time(paths, looked_at), dict[Path, Mapping[str, int]]()
    with decoder.pieces([*begins_ns]) as pieces:
        log = next(iter(begins_ns), None)
        for piece in pieces:
            warn(piece.warnings)
            if log is not None and piece.progress.path is not log:  # which comes before any row of it
                ends_ns[log] = output.end_log()
                log = piece.progress.path
    if log is not None:
        ends_ns[log] = output.end_log()
    warn([*decoder.losses(), *_heard_twice(begins_ns, ends_ns)])
    for pack, (soh_pct, time_ns) in output.reported.items():
        tags = {"vehicle": stages.writing.vehicle, "pack": pack}
        output.points.append(Point(BATTERY.name, tags, {"soh_pct": soh_pct}, time_ns))
    return output.points, decoder


def _heard_twice(begins_ns: Mapping[Path, int], ends_ns: Mapping[Path, Mapping[str, int]]) -> Iterator[str]:
    """Yield a sentence for each log that has hours of a pack that one before it has, too."""
    last: dict[str, tuple[int, Path]] = {}
    for path, packs in ends_ns.items():
        for pack, end_ns in packs.items():
            before_ns, before = last.get(pack, (0, path))
            if begins_ns[path] < before_ns - _NEAR_NS:
                hours = f"from {moment(begins_ns[path])} to {moment(min(end_ns, before_ns))}"
                what = f"both have the pack {pack} {hours}, and are read one after the other, which measures"
                yield f"{before} and {path}: {what} wrongly there (leave one out, or record both into one)"
            last[pack] = max((before_ns, before), (end_ns, path))


def in_order_of_time(paths: Sequence[Path], recordings: Recordings) -> Mapping[Path, int]:
    """Return the recordings, those of archives too, by their first stamps. A single one is not opened."""
    members = with_members(paths)
    if len(members) == 1:
        return dict.fromkeys(members, 0)
    begins_ns = {path: _first_ns(path, recordings) for path in members}
    return dict(sorted(begins_ns.items(), key=lambda each: each[1]))


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
