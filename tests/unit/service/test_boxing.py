"""What a start makes of the black box after a kill: all that an undisturbed run has besides."""

import gzip
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.config import load_config
from telemetry.ledger import Ledger
from telemetry.model.events import Event, begins
from telemetry.service.boxing import Boxing
from telemetry.service.own_points import OwnPoints
from telemetry.service.pipeline import Pipeline
from telemetry.sources.assemble import ChannelTable, assemble_sources
from telemetry.sources.tap import LineTap
from telemetry.stages.prepare import prepare
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore
from tests.support.recording import VEHICLE_DBC, record_drive

SECOND = 10**9
BUSES = ("one", "two")
TOP = """vehicle = "van"
[influx]
url = "http://127.0.0.1:9"
database = "d"
[spool]
directory = "spool"
[black_box]
directory = "box"
"""
LINE = """[reduce]
shape = "line"
longest_s = 20
[reduce.bounds]
"*_v" = 0.1
"cells.v*" = 0.002
"BMS_*" = 0.5
"*_wh" = 10
"""
EACH = "[reduce]\nevery_s = 7.0\nflags_every_s = 3.0\n"
BRAKE = """[[trigger]]
field = "battery.current_a"
changes_by = 20
within_s = 1.0
before_s = 1
after_s = 2
"""
Frame = tuple[int, int, bytes]


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    log = record_drive(tmp_path_factory.mktemp("log") / "drive.log", 30.0)
    found = re.findall(r"\((\d+)\.(\d{6})\d*\) \S+ ([0-9A-F]+)#([0-9A-F]*)\n", log.read_text())
    return [
        (int(s) * SECOND + int(us) * 1000, int(id, 16) | (len(id) == 8) << 31, bytes.fromhex(data))
        for s, us, id, data in found
    ]


class Own:
    """Stands for the points of the service itself."""

    def __init__(self) -> None:
        self.time_known = True
        self.events: list[Event] = []

    def report(self, event: Event) -> None:
        self.events.append(event)


class Run:
    """One run with a black box, of two buses, without threads."""

    def __init__(self, folder: Path, more: str, start_ns: int) -> None:
        file = folder / "gateway.toml"
        buses = "".join(
            f'[[can]]\nname = "{bus}"\nsocket = "{bus}.sock"\ndatabases = ["{VEHICLE_DBC}"]\n'
            for bus in BUSES
        )
        maps = "".join(
            f'[[map]]\nsignal = "{signal}"\nto = "{to}"\nbus = "one"\n'
            for signal, to in (
                ("BMS_CellVoltages.Cell{n}Voltage", "cells.v{n}"),
                ("BMS_PackPower.PackVoltage", "battery.voltage_v"),
                ("BMS_PackPower.PackCurrent", "battery.current_a"),
            )
        )
        file.write_text(f"{TOP}{more}{buses}{maps}")
        prepared = prepare(load_config(file, {}))
        self.clock, self.store, self.ledger = FakeClock(start_ns), ListedStore(), Ledger({})
        self.pipeline = Pipeline(prepared.stages, self.store, self.ledger, self.clock, {})
        self.own = Own()
        own = cast(OwnPoints, self.own)
        self.boxing = Boxing(prepared.composition, self.clock, LineTap(), self.pipeline, own)
        table = ChannelTable()
        sources = assemble_sources(prepared.composition.config.sources, table, self.clock, {})
        for source in sources:
            channel = table.number(source.name, source.name)
            prepared.stages.bind(channel, prepared.composition.binding(source, source.name))

    def take(self, frames: Sequence[Frame]) -> None:
        """Take deliveries of an eighth of a second; the box's thread writes now and then."""
        assert self.boxing.box is not None
        at = 0
        while at < len(frames):
            end_ns = frames[at][0] + SECOND // 8
            part = [frame for frame in frames[at : at + 4000] if frame[0] < end_ns]
            at += len(part)
            for channel, bus in enumerate(BUSES):
                batch = FrameBatch(len(part))
                for time_ns, id, data in part[:: 1 + 2 * channel]:
                    batch.append(time_ns + channel, id, data, channel=channel)
                self.pipeline.process(bus, batch, {})
            self.clock.advance(0.125)
            if at % 8 == 0:
                self.boxing.box.step()

    def kill(self) -> Mapping[str, int]:
        """Leave it as a kill does; the positions of its last record."""
        assert self.boxing.box is not None
        os.close(self.boxing.box._lock)
        self.pipeline.cut()
        return self.pipeline.positions

    def points(self) -> list[str]:
        self.pipeline.cut()
        return [
            line
            for batch, *_ in self.store.batches
            for line in gzip.decompress(batch.payload).decode().splitlines()
        ]


def merged(*lines: Sequence[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Points as a server has them: fields by series and stamp."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for line in (line for each in lines for line in each):
        series, fields, stamp = re.fullmatch(r"(\S+) (.*) (\d+)", line).groups()  # type: ignore[union-attr]  # it fits
        found.setdefault((series, stamp), {}).update(re.findall(r'(\w+)=("[^"]*"|[^,]*)', fields))
    return found


@pytest.mark.parametrize("killed_at_s", [0.3, 4.7, 11.9, 25.2])
@pytest.mark.parametrize("more", [LINE, EACH, LINE + BRAKE], ids=["line", "intervals", "windows"])
def test_what_was_stored_and_what_the_start_makes_is_what_an_undisturbed_run_stores(
    more: str, killed_at_s: float, drive: list[Frame], tmp_path: Path
) -> None:
    start_ns = drive[0][0]
    frames = [frame for frame in drive if frame[0] < start_ns + killed_at_s * SECOND]
    third = len(frames) // 3
    for name in ("calm", "killed"):
        (tmp_path / name).mkdir()
    calm, killed = (Run(tmp_path / name, more, start_ns) for name in ("calm", "killed"))
    for run in (calm, killed):
        run.take(frames[:third])
        run.pipeline.set_factor(2, 30.0)
        run.take(frames[third : 2 * third])
        run.pipeline.set_off(begins("source_lost", "gone", "one"), run.clock.unix_ns())
        run.take(frames[2 * third :])
    calm.pipeline.finish(BUSES)
    positions = killed.kill()
    again = Run(tmp_path / "killed", more, start_ns)
    replayed = again.boxing.replay(positions)
    assert replayed == again.boxing.counted()["black_box/replayed"]
    assert replayed
    assert merged(killed.points()) != merged(calm.points())
    assert merged(killed.points(), again.points()) == merged(calm.points())
    assert not set(killed.points()) & set(again.points())
    counters = again.ledger.snapshot()
    made = sum(count for name, count in counters.items() if name.startswith("points/made/"))
    assert made == len(again.points())
    assert not any(count for name, count in counters.items() if name.startswith(("frames/", "bus/")))
    calm.boxing.close()
    again.boxing.close()


@pytest.mark.parametrize("change", ["bounds", "record", "state", "hole"])
def test_a_box_that_does_not_fit_the_record_is_not_replayed(
    change: str, drive: list[Frame], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed = Run(tmp_path, LINE, drive[0][0])
    killed.take(drive[:400])
    if change == "hole":
        assert killed.boxing.box is not None
        killed.boxing.box._waiting_bytes = 10**9  # as where the disk hangs
        killed.take(drive[400:600])
    killed.take(drive[600:800])
    positions = dict(killed.kill())
    if change == "record":
        positions = {name.replace("box", "box9"): count for name, count in positions.items()}
    if change == "state":
        for segment in (tmp_path / "box").glob("*.segment"):
            segment.unlink()
    again = Run(tmp_path, LINE.replace("0.002", "0.003") if change == "bounds" else LINE, drive[0][0])
    if change == "hole":  # from the state after it on
        assert 0 < (again.boxing.replay(positions) or 0) < 800
    else:
        assert again.boxing.replay(positions) is None
        assert again.points() == []
        assert ("is not replayed" in caplog.text) == (change != "state")
    again.boxing.close()
