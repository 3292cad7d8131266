"""Logs that the service replays: it stores what `decode` makes of each, wherever their clocks begin again."""

import gzip
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path

import pytest

from telemetry.config import load_config
from telemetry.decode.sessions import collect_sessions
from telemetry.ledger import Ledger, imbalances
from telemetry.service.pipeline import Pipeline
from telemetry.sources.assemble import (
    Assembled,
    ChannelTable,
    assemble_source,
    assemble_sources,
    without_replaced,
)
from telemetry.sources.inbox import Arrival, Inbox, Item, SourceEnded
from telemetry.sources.stop import StopSignal
from telemetry.stages.prepare import Composition, compose
from tests.support.charges import BEGAN_NS, charge_from, written
from tests.support.clock import FakeClock
from tests.support.command import command
from tests.support.lineprotocol import Number, parse_line
from tests.support.listed_store import ListedStore
from tests.support.vehicle_logs import CELLS_MV, kona, lines

TOP = 'vehicle = "van"\n[influx]\nurl = "http://127.0.0.1:9"\ndatabase = "d"\n[spool]\ndirectory = "spool"\n'
CELLS = 'VERSION ""\nBU_: BMS\n' + "".join(
    f'BO_ {256 + page} Page{page}: 2 BMS\n SG_ Cell{page} : 0|16@1+ (0.001,0) [0|0] "V" BMS\n'
    for page in range(2)
)
MAPS = "".join(
    f'[[map]]\nsignal = "Page{page}.Cell{page}"\nto = "cells.v{page + 1}"\npack = "aux"\n'
    for page in range(2)
)
BAYS = {"one": "gbt27930", "two": "gbt27930", "three": "elcon"}  # a log of each, and what is spoken there


def with_cells(lines: list[str], volts: str, first: int = 0) -> list[str]:
    """Put a page of cells after each line, in turns."""
    pages = (
        f"{line.partition('can0')[0]}can0 10{number % 2}#{volts}0D\n"
        for number, line in enumerate(lines, first)
    )
    return list(chain.from_iterable(zip(lines, pages, strict=True)))


def by_power(begins_s: int, seconds: int) -> list[str]:
    """Return the lines of a charger that gives 1 kW, and says nothing of a session."""
    return [
        f"({BEGAN_NS // 10**9 + begins_s + at_s}.0) can0 18FF50E5#01F400C800000000\n"
        for at_s in range(seconds)
    ]


def replayed(folder: Path, keys: str = "") -> Path:
    """Write logs whose clocks begin again, each at its own place: the first twice, the others once."""
    one = (
        with_cells(charge_from(BEGAN_NS, 40, seconds=8)[:-1], "10"),
        with_cells(charge_from(BEGAN_NS - 4000 * 10**9, 50, seconds=10)[:-1], "20", first=1),
        with_cells(charge_from(BEGAN_NS - 8000 * 10**9, 60, is_over=True), "30"),
    )
    two = (
        charge_from(BEGAN_NS + 10**9, 30, seconds=15),
        charge_from(BEGAN_NS - 10**9, 31, seconds=4),
    )
    three = (by_power(0, 90), by_power(-500, 70))
    (folder / "cells.dbc").write_text(CELLS)
    buses = ""
    for (name, protocol), parts in zip(BAYS.items(), (one, two, three), strict=True):
        written(folder / f"{name}.log", *parts)  # channels of one name in all of them
        buses += f'[[replay]]\nname = "{name}"\nfile = "{name}.log"\ndatabases = ["cells.dbc"]\n{keys}\n'
        buses += f'protocol = "{protocol}"\nmessages = true\ncharger = "{name}"\n'
    file = folder / "gateway.toml"
    file.write_text(TOP + buses + MAPS)
    return file


@cache
def composed(file: Path) -> Composition:
    """Return what a configuration says, read once."""
    return compose(load_config(file))


def items_of(source: Assembled) -> Iterator[Item]:
    inbox = Inbox(capacity_frames=1 << 16, batch_frames=7)
    with StopSignal() as stop:
        source.source.run(inbox, stop)
    while (item := inbox.get(0)) is not None:
        yield item


class Service:
    """The pipeline of one run over the logs of a configuration, which takes their batches in turns."""

    def __init__(self, file: Path, before: "Service | None" = None) -> None:
        """Begin. before: the run whose store this one goes on with."""
        stored = before.store.batches[-1:] if before is not None else []
        accounts, positions = stored[0][1:] if stored else ({}, {})
        self.before = before.lines if before is not None else []
        self.composition, clock = composed(file), FakeClock()
        self.channels = ChannelTable()
        self.stages = self.composition.make_stages()
        self.store: ListedStore = ListedStore()
        self.ledger = Ledger(accounts)
        self.pipeline = Pipeline(self.stages, self.store, self.ledger, clock, positions)
        assembled = assemble_sources(self.composition.config.sources, self.channels, clock, positions)
        self.sources = {source.name: source for source in assembled}
        self.bound = 0
        self.ended: set[str] = set()

    def run(self, most: int | None = None) -> bool:
        """Take all, or so many items; return whether that was all."""
        running = [source for source in self.sources.values() if source.name not in self.ended]
        turns = list(chain.from_iterable(zip_longest(*map(items_of, running))))
        for item in turns[:most]:
            if isinstance(item, Arrival):
                self._take(item)
            elif isinstance(item, SourceEnded):
                self._end(item.source, item.counts, is_complete=item.is_complete)
        self.pipeline.finish()
        assert list(imbalances(self.ledger.snapshot(), len(self.before) + len(self.lines), {})) == []
        return most is None or most >= len(turns)

    def _end(self, name: str, counts: Mapping[str, int], *, is_complete: bool) -> None:
        resume_as = self.sources[name].resume_as
        self.pipeline.end(name, counts, is_complete=is_complete, resume_as=resume_as)
        self.ended.add(name)

    def reload(self) -> None:
        """Do as on SIGHUP, with other keys of each log that is not at its end."""
        for name, source in self.sources.items():
            if name not in self.ended:
                self._end(name, source.source.counts(), is_complete=False)
                self.ended.remove(name)
                positions = self.pipeline.positions
                again = assemble_source(source.settings, self.channels, FakeClock(), positions)
                kept = without_replaced(positions, [again])
                self.pipeline.start_over(name, again.resume_as, kept)
                self.sources[name] = again
        self.stages, self.bound = self.composition.make_stages(), 0
        self._bind()
        self.pipeline.replace_stages(self.stages)

    def _bind(self) -> None:
        for channel in self.channels.since(self.bound):
            binding = self.composition.binding(self.sources[channel.source], channel.name)
            self.stages.bind(channel.number, binding)
            self.bound += 1

    def _take(self, arrival: Arrival) -> None:
        self._bind()
        self.pipeline.process(
            arrival.source,
            arrival.batch,
            arrival.counts,
            resume_as=self.sources[arrival.source].resume_as,
            restart=arrival.restart,
        )

    @property
    def lines(self) -> list[str]:
        """Return them in the order in which they are sent."""
        pairs = zip(self.store.replacing, self.store.batches, strict=True)
        sent = [each for replacing, (batch, *_) in pairs for each in (replacing, batch) if each is not None]
        return b"".join(gzip.decompress(batch.payload) for batch in sent).decode().splitlines()


def decoded(file: Path, log: str) -> tuple[list[str], list[str]]:
    """Return what `decode` makes of one log, and the restarts that it warns of."""
    done = command("decode", "--config", file, "--source", log, "--format", "lp", file.parent / f"{log}.log")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), [line for line in done.stderr.splitlines() if "its clock begins" in line]


def outcomes(lines: list[str], charger: str) -> list[str]:
    """Return how the sessions of one charger have ended, in the order of their stamps."""
    rows = [parse_line(line.encode()) for line in lines if line.startswith("charging_session,")]
    ended = [row for row in rows if row.tags["charger"] == charger and not row.fields["open"]]
    return [str(row.fields["outcome"]) for row in sorted(ended, key=lambda row: row.time_ns)]


@pytest.mark.parametrize("keys", ["", "speed = 100.0"], ids=["at once", "at a pace"])
def test_logs_side_by_side_are_stored_as_decode_reads_each_and_a_restart_ends_its_own_plug_alone(
    keys: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = replayed(tmp_path, keys)
    service = Service(file)
    assert service.run()
    expected = [decoded(file, log) for log in BAYS]
    assert sorted(service.lines) == sorted(line for lines, _ in expected for line in lines)
    warned = [record.message for record in caplog.records if "its clock begins" in record.message]
    assert [line.partition(" s before")[0] for line in sorted(warned)] == [
        f"{tmp_path}/one.log: its clock begins 4007.0",
        f"{tmp_path}/one.log: its clock begins 4009.0",
        f"{tmp_path}/three.log: its clock begins 589.0",
        f"{tmp_path}/two.log: its clock begins 16.5",
    ]
    assert outcomes(service.lines, "one") == ["complete", "unfinished", "unfinished"]
    assert outcomes(service.lines, "two") == outcomes(service.lines, "three") == ["unfinished"] * 2


@pytest.mark.parametrize("lengths_s", [(9, 25), (25, 9)])
@pytest.mark.parametrize("is_over", [True, False])
def test_charges_in_logs_with_channels_of_one_name_end_whichever_log_ends_first(
    lengths_s: tuple[int, int], is_over: bool, tmp_path: Path
) -> None:
    file, buses = tmp_path / "gateway.toml", ""
    logs = {
        name: written(tmp_path / f"{name}.log", charge_from(BEGAN_NS, soc_pct, seconds=s, is_over=is_over))
        for name, soc_pct, s in zip(("one", "two"), (30, 60), lengths_s, strict=True)
    }
    for name, log in logs.items():
        buses += f'[[replay]]\nname = "{name}"\nfile = "{log}"\nprotocol = "gbt27930"\ncharger = "{name}"\n'
    file.write_text(TOP + buses)
    service = Service(file)
    assert service.run()
    rows = [parse_line(line.encode()) for line in service.lines if line.startswith("charging_session,")]
    stored = {row.tags["charger"]: row.fields for row in rows}  # of one start: the last row stays
    for name, log in logs.items():
        (session,) = collect_sessions([log])
        fields, shown = stored[name], (session.outcome, session.open, session.duration_s, session.energy_wh)
        numbers = (float(fields[key]) for key in ("duration_s", "energy_wh"))
        assert (fields["outcome"], fields["open"], *numbers) == shown
        assert session.outcome == ("complete" if is_over else "unfinished")
    assert stored.keys() == logs.keys()


def test_packs_of_two_logs_with_one_profile_are_stored_apart(tmp_path: Path) -> None:
    truth, buses = {"main": (61.5, CELLS_MV), "rear": (40.0, [3200 + 20 * (n % 7) for n in range(98)])}, ""
    for pack, (soc_pct, cells_mv) in truth.items():
        answers = [*kona(soc_pct=soc_pct, cells_mv=cells_mv)] * (3 if pack == "rear" else 2)
        (tmp_path / f"{pack}.log").write_text("".join(lines(answers)))  # of one channel and one time
        buses += f'[[replay]]\nname = "{pack}"\nfile = "{pack}.log"\nvehicle_profile = "hyundai-kona-64"\n'
        buses += 'pack = "rear"\n' if pack == "rear" else ""
    (tmp_path / "gateway.toml").write_text(TOP + buses)
    service = Service(tmp_path / "gateway.toml")
    assert service.run()
    stored: dict[str, set[tuple[str, float]]] = {pack: set() for pack in truth}
    for row in (parse_line(line.encode()) for line in service.lines):
        stored[row.tags["pack"]] |= {
            (name, float(value)) for name, value in row.fields.items() if isinstance(value, Number)
        }
    for pack, (soc_pct, cells_mv) in truth.items():
        cells = {(name, value) for name, value in stored[pack] if name.startswith("v") and name[1:].isdigit()}
        assert {value for name, value in stored[pack] if name == "soc_pct"} == {soc_pct}
        assert cells == {(f"v{n:03}", mv / 1000) for n, mv in enumerate(cells_mv, 1)}


def test_a_restart_costs_no_reading_of_cells_and_mixes_none(tmp_path: Path) -> None:
    service = Service(replayed(tmp_path))
    service.run()
    rows = [parse_line(line.encode()) for line in service.lines if line.startswith("cells,")]
    first: dict[tuple[str, ...], int] = {}
    for row in rows:
        first.setdefault(
            tuple(getattr(row.fields[cell], "text", "") for cell in ("v001", "v002")), row.time_ns
        )
    restarts_ns = BEGAN_NS - 4000 * 10**9, BEGAN_NS - 8000 * 10**9
    assert first == {
        ("3.344", "3.344"): BEGAN_NS + 1_500_000_000,  # the second cycle, since the first one shows the order
        ("3.36", "3.36"): restarts_ns[0] + 1_000_000_000,  # it begins with the second page
        ("3.376", "3.376"): restarts_ns[1] + 500_000_000,
    }


def test_a_run_that_is_stopped_anywhere_stores_nothing_twice_and_ends_nothing_else(tmp_path: Path) -> None:
    file = replayed(tmp_path)
    whole = Service(file)
    whole.run()
    for stopped_after in range(1, 1000):
        first = Service(file)
        if first.run(stopped_after):
            break
        then = Service(file, first)
        then.run()
        assert sorted(first.lines + then.lines) == sorted(whole.lines), stopped_after
    assert stopped_after > 30


def without_ns(line: str) -> str:
    """Return it without what holds events of one stamp apart, which is other ns where some came twice."""
    return line[:-3] if line.startswith("event,") else line


@pytest.mark.parametrize("reloaded_after", [5, 17, 30, 41, 54])
def test_a_log_whose_keys_change_in_its_middle_is_stored_as_if_it_were_read_once(
    reloaded_after: int, tmp_path: Path
) -> None:
    file = replayed(tmp_path)
    service, whole = Service(file), Service(file)
    whole.run()
    service.run(reloaded_after)
    service.reload()
    service.run()
    assert sorted(map(without_ns, service.lines)) == sorted(map(without_ns, whole.lines))
