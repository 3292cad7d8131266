"""What a run held of rows when it was killed: a start stores all that an undisturbed run has besides."""

import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.config import load_config
from telemetry.ledger import Ledger
from telemetry.model.events import begins
from telemetry.service import held
from telemetry.service.pipeline import Pipeline
from telemetry.service.stamping import AS_THEY_ARE
from telemetry.sources.assemble import ChannelTable, assemble_sources
from telemetry.spool.batch import TimeBase
from telemetry.spool.trails import MOST_BYTES, NO_STATE, written
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


class Run:
    """One run of two buses, without threads. It begins with the state that another one has left."""

    def __init__(
        self,
        folder: Path,
        more: str,
        start_ns: int,
        state: Mapping[str, bytes] = NO_STATE,
        *,
        waits: bool = False,
    ) -> None:
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
        self.pipeline = Pipeline(
            prepared.stages, self.store, self.ledger, self.clock, {}, state=state, wait_for_clock=waits
        )
        self.time_known = not waits
        table = ChannelTable()
        sources = assemble_sources(prepared.composition.config.sources, table, self.clock, {})
        for source in sources:
            channel = table.number(source.name, source.name)
            prepared.stages.bind(channel, prepared.composition.binding(source, source.name))

    def take(self, frames: Sequence[Frame]) -> None:
        """Take deliveries of an eighth of a second."""
        at = 0
        while at < len(frames):
            end_ns = frames[at][0] + SECOND // 8
            part = [frame for frame in frames[at : at + 4000] if frame[0] < end_ns]
            at += len(part)
            for channel, bus in enumerate(BUSES):
                batch = FrameBatch(len(part))
                for time_ns, id, data in part[:: 1 + 2 * channel]:
                    batch.append(time_ns + channel, id, data, channel=channel)
                self.pipeline.process(bus, batch, {}, time_known=self.time_known)
            self.clock.advance(0.125)
            self.pipeline.tick()

    def stored(self) -> list[str]:
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
@pytest.mark.parametrize("waits", [False, True], ids=["dated", "since boot"])
@pytest.mark.parametrize("more", [LINE, EACH, LINE + BRAKE], ids=["line", "intervals", "windows"])
def test_what_was_stored_and_what_the_start_adds_is_what_an_undisturbed_run_stores(
    more: str, waits: bool, killed_at_s: float, drive: list[Frame], tmp_path: Path
) -> None:
    start_ns = drive[0][0]
    frames = [frame for frame in drive if frame[0] < start_ns + killed_at_s * SECOND]
    third = len(frames) // 3
    calm, killed = (Run(tmp_path, more, start_ns, waits=waits) for _ in range(2))
    for run in (calm, killed):
        run.take(frames[:third])
        run.pipeline.set_factor(2, 30.0)
        run.take(frames[third : 2 * third])
        run.pipeline.set_off(begins("source_lost", "gone", "one"), run.clock.unix_ns())
        run.take(frames[2 * third :])
    calm.pipeline.finish(BUSES)
    lines, accounts, *_ = killed.store.kept[-1]
    state = killed.store.kept_states[-1]
    stored = [*killed.stored(), *lines.decode().splitlines()]
    again = Run(tmp_path, more, start_ns, state, waits=waits)
    added = again.pipeline.store_left(state)
    assert added == len(again.stored()) > 0
    assert merged(stored) != merged(calm.stored())
    assert merged(stored, again.stored()) == merged(calm.stored())
    assert not set(stored) & set(again.stored())
    counters = again.ledger.snapshot()
    assert written(counters) == added
    assert written(accounts) == len(stored)
    assert not any(count for name, count in counters.items() if name.startswith(("frames/", "bus/")))
    assert again.store.commits == 1
    assert not any(again.store.states[-1])
    assert {batch.time_base for batch, *_ in again.store.batches} == {
        TimeBase.BOOT if waits else TimeBase.UNIX
    }


def test_what_was_held_before_another_boot_without_a_time_is_lost_and_that_is_said(
    drive: list[Frame], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed = Run(tmp_path, LINE, drive[0][0], waits=True)
    killed.take(drive[:800])
    state = killed.store.kept_states[-1]
    again = Run(tmp_path, LINE, drive[0][0], state, waits=True)
    again.clock.reboot()
    assert again.pipeline.store_left(state) == 0
    assert "had no time yet" in caplog.text


def test_after_a_stop_in_order_nothing_is_held(drive: list[Frame], tmp_path: Path) -> None:
    run = Run(tmp_path, LINE, drive[0][0])
    run.take(drive[:800])
    assert any(run.store.kept_states)
    run.pipeline.finish(BUSES)
    assert not any(run.store.states[-1])


def holding(rows: int, seed: int = 1) -> tuple[bytes, dict[str, bytes]]:
    """Return lines that stages hold of one source, and what a state says of them."""
    random, lines = Random(seed), LineBuffer()
    for row in range(rows):
        fields = ",".join(f"s{n}={random.randrange(10**6)}" for n in range(4))
        lines.append(f"BMS_{row:04},source=one,vehicle=van {fields} {row}".encode(), row)

    def copy_held(_source: str, into: LineBuffer, *, shift_ns: int) -> None:
        for line in bytes(lines).splitlines():
            into.append(line, shift_ns)

    stages = SimpleNamespace(writing=SimpleNamespace(pending=rows, copy_held=copy_held))
    return bytes(lines), held.held_state(stages, {"one": AS_THEY_ARE}, "b" * 32)  # type: ignore[arg-type]  # all of stages that it asks for


@pytest.mark.parametrize("rows", [1, 1500, 5000, 9000])
def test_all_that_is_held_is_left_however_much_it_is(rows: int) -> None:
    lines, state = holding(rows)
    assert rows < 5000 or len(state) > 1
    assert max(map(len, state.values())) <= MOST_BYTES
    assert all(held.is_held(name) for name in state)
    assert b"".join(left for _, left in held.lines_left(state, "b" * 32)) == lines
    since_boot = {name.replace("] ", "] " + "b" * 32): content for name, content in state.items()}
    assert {base for base, _ in held.lines_left(since_boot, "b" * 32)} == {TimeBase.BOOT}


def test_what_no_record_has_room_for_is_left_out_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(held, "_MOST_PARTS", 2)
    held._warn_once.cache_clear()
    assert [len(holding(9000)[1]) for _ in range(3)] == [2, 2, 2]
    assert caplog.text.count("more than a record has room for") == 1
