"""The table of kinds: another kind of sink is a folder and a line there, and each settles for itself."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest

from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.errors import UnavailableError
from telemetry.model.finding import Finding, Grade
from telemetry.service.check import check
from telemetry.service.drain import drain
from telemetry.settings.declared import key, settings
from telemetry.sinks.kinds import KINDS
from telemetry.sinks.settings import SinkSettings
from telemetry.sinks.verdict import Acknowledged, Exchange
from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.compress import decompress
from tests.support import configuration
from tests.support.clock import FakeClock
from tests.support.configuration import GATEWAY_OF_CAN0
from tests.support.disk import SimulatedDisk
from tests.support.scripted_server import ScriptedServer
from tests.support.spool import Feed, assert_balanced, drained_points, newest, points_of

ROOT = Path(__file__).parents[3]
INFLUX = '[influx]\nurl = "http://127.0.0.1:8086"\ndatabase = "fleet"\n'
OF_LINES = GATEWAY_OF_CAN0.replace(INFLUX, '[lines]\nfile = "out.lp"\n')
DIRECTORY = Path("/spool")


class LinesClient:
    """Appends lines to a file."""

    api = "file"

    def __init__(self, file: Path) -> None:
        self._file = file

    def start(self) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...

    def reread_credentials(self) -> bool:
        return False

    def write(self, payload: bytes) -> Exchange:
        with self._file.open("ab") as file:
            file.write(decompress(payload, 1 << 20))
        return Exchange(Acknowledged(), self.api, 0, 0.0, len(payload))


@settings
class LinesSettings(SinkSettings):
    """[lines]: a kind that only this test knows."""

    name: ClassVar[str] = "lines"

    file: Path = key("where lines go")

    @property
    def address(self) -> str:
        return str(self.file)

    def make_client(self, clock: Clock) -> LinesClient:  # noqa: ARG002 - a file keeps no time
        return LinesClient(self.file)

    def findings(self, clock: Clock) -> Iterator[Finding]:  # noqa: ARG002 - a file keeps no time
        yield Finding(Grade.FACT, f"file {self.file}: takes lines")


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "lines", lambda: LinesSettings)


def stored(number: int) -> str:
    return f"battery,vehicle=a soc_pct={number} {number}"


def put(config: Config, first: int, points: int) -> None:
    with closing(
        Spool(config.spool_directory, clock=Clock(), limits=config.spool, cursor=config.sink.cursor)
    ) as spool:
        feed = Feed(spool, spool.recovery.accounts)
        feed.next_point = first
        feed.put(points)


def delivered(config: Config) -> int:
    stop = threading.Event()
    ended = drain(config, Clock(), stop, timeout_s=60.0, on_progress=lambda _: None)
    return ended.acknowledged_points


def test_a_kind_that_is_one_entry_of_the_table_is_configured_checked_and_sent_to(tmp_path: Path) -> None:
    config = configuration.load(tmp_path, OF_LINES)
    assert config.sink == LinesSettings(file=tmp_path / "out.lp")
    assert f"file {tmp_path}/out.lp: takes lines" in [finding.text for finding in check(config)]
    put(config, 10**6, 4)
    assert delivered(config) == 4
    assert (tmp_path / "out.lp").read_text().split("\n") == [*map(stored, range(10**6, 10**6 + 4)), ""]
    assert (tmp_path / "spool" / "acknowledged.lines").exists()


def test_one_sink_is_named_and_what_names_none_means_the_first_kind(tmp_path: Path) -> None:
    assert configuration.refused(tmp_path, OF_LINES + INFLUX).startswith(
        "lines: is a second sink beside [influx] (keep one of them)"
    )
    none = OF_LINES.replace('[lines]\nfile = "out.lp"\n', "")
    assert configuration.refused(tmp_path, none).startswith("influx.url: is missing")
    unnamed = OF_LINES.replace("file", "files")
    assert configuration.refused(tmp_path, unnamed).startswith("lines.file: is missing")


def test_what_a_sink_cannot_be_asked_is_one_line(tmp_path: Path) -> None:
    sink = configuration.load(tmp_path, OF_LINES).sink
    with pytest.raises(UnavailableError, match=r"out\.lp: a sink \[lines\] cannot be asked what it holds"):
        sink.make_tables(Clock())


def test_two_sinks_get_all_points_of_one_spool_and_settle_each_for_itself(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        of_influx = GATEWAY_OF_CAN0.replace("http://127.0.0.1:8086", server.url)
        put(configuration.load(tmp_path, of_influx), 1, 2)
        assert delivered(configuration.load(tmp_path, of_influx)) == 2
        put(configuration.load(tmp_path, of_influx), 3, 3)
        assert delivered(configuration.load(tmp_path, OF_LINES)) == 5
        assert sorted((tmp_path / "out.lp").read_text().splitlines()) == [*map(stored, range(1, 6))]
        assert delivered(configuration.load(tmp_path, of_influx)) == 3
        assert delivered(configuration.load(tmp_path, of_influx)) == 0
    assert delivered(configuration.load(tmp_path, OF_LINES)) == 0


def opened(disk: SimulatedDisk, cursor: str, *, cap_bytes: int = 1 << 20) -> Spool:
    limits = SpoolLimits(keep_free_bytes=0, cap_bytes=cap_bytes)
    return Spool(DIRECTORY, clock=FakeClock(), limits=limits, filesystem=disk, cursor=cursor)


def segments(disk: SimulatedDisk) -> int:
    return sum(path.suffix == ".segment" for path in disk.files())


def test_a_segment_stays_until_each_sink_that_the_spool_had_has_settled_it() -> None:
    disk = SimulatedDisk()
    accounts: dict[str, int] = {}
    for first in (0, 3, 6, 9):  # each start begins a segment
        spool = opened(disk, "acknowledged")
        feed = Feed(spool, spool.recovery.accounts)
        feed.next_point = first
        feed.store()
        if first == 0:
            oldest = newest(spool)
            assert points_of(oldest) == [0, 1, 2]
            spool.acknowledge(oldest.sequence)
        accounts = feed.accounts
        spool.close()
    assert segments(disk) == 3
    other = opened(disk, "acknowledged.lines")
    assert other.recovery.clean
    assert other.recovery.accounts == accounts
    assert drained_points(other) == [*range(3, 12)]  # what the first sink had settled alone is gone
    assert_balanced(other, accounts)
    other.close()
    assert segments(disk) == 3
    first_again = opened(disk, "acknowledged")
    assert first_again.recovery.clean
    assert drained_points(first_again) == [*range(3, 12)]
    assert first_again.counters() == {**dict.fromkeys(first_again.counters(), 0), "points/acknowledged": 12}
    assert_balanced(first_again, accounts)
    first_again.close()
    assert segments(disk) == 1
    for cursor in ("acknowledged", "acknowledged.lines"):
        again = opened(disk, cursor)
        assert drained_points(again) == []
        again.close()


def test_what_is_evicted_while_another_sink_runs_is_evicted_for_each() -> None:
    disk = SimulatedDisk()
    spool = opened(disk, "acknowledged")
    feed = Feed(spool)
    feed.put(padding=40_000)
    spool.close()
    other = opened(disk, "acknowledged.lines", cap_bytes=60_000)
    assert drained_points(other) == [0, 1, 2]
    feed.spool = other
    for _ in range(3):
        feed.put(padding=20_000)
        other.commit()
    other.close()
    again = opened(disk, "acknowledged")
    ends = again.counters()
    assert ends["points/evicted"] >= 3
    assert (ends["points/damaged"], again.recovery.damaged_points) == (0, 0)
    assert_balanced(again, feed.accounts)
    again.close()


def test_an_unclean_end_is_found_by_whichever_sink_comes_next() -> None:
    disk = SimulatedDisk()
    opened(disk, "acknowledged").close()
    spool = opened(disk, "acknowledged.lines")
    Feed(spool).put()
    spool.commit()
    disk.kill()
    again = opened(disk, "acknowledged")
    assert not again.recovery.clean
    assert drained_points(again) == [0, 1, 2]
    again.close()


def test_dead_letters_of_a_sink_stay_when_another_comes() -> None:
    disk = SimulatedDisk()
    spool = opened(disk, "acknowledged")
    Feed(spool).put()
    spool.commit()
    entry = newest(spool)
    spool.refuse(entry.sequence, b"battery,vehicle=a soc_pct=1 1\n", reason="refused", words="no")
    spool.acknowledge(entry.sequence)
    spool.close()
    other = opened(disk, "acknowledged.lines")
    assert drained_points(other) == [0, 1, 2]
    other.close()
    assert [path.suffix for path in disk.files() if path.parent.name == "dead"] == [".letter"]


def test_the_sink_of_influxdb_settles_where_it_did_before_there_were_others(tmp_path: Path) -> None:
    assert configuration.load(tmp_path, GATEWAY_OF_CAN0).sink.cursor == "acknowledged"


def test_nothing_outside_a_folder_of_a_kind_names_that_kind() -> None:
    kinds = {kind().__module__.rpartition(".")[0] for name, kind in KINDS.items() if name != "lines"}
    assert kinds
    named = {
        (path.relative_to(ROOT).as_posix(), kind)
        for path in (ROOT / "telemetry").rglob("*.py")
        for kind in kinds
        if f"{kind}." in path.read_text("utf-8") and ROOT.joinpath(*kind.split(".")) not in path.parents
    }
    of_influxdb = {each for each in named if "retention" in each[0]}  # which administers no other server
    assert named - of_influxdb == {("telemetry/sinks/kinds.py", kind) for kind in kinds}
