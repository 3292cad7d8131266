"""What each engine promises, with work that dies and raises. Ray is looked at where it is installed."""

import os
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from telemetry import __version__, lake
from telemetry.errors import InputMissingError, MissingPackageError, UnavailableError, UsageError
from telemetry.lake.engines import Needed, Workers, require, run_chains, workers_of
from telemetry.lake.store import open_store
from tests.support.command import command
from tests.support.lake import DATABASE, MIDNIGHT_NS, candump
from tests.support.lake_work import Cluster, Piece, do

HELD = b"h" * 100_000
LOST = "LostWorkerError: each worker that had it has died (has it been killed for its memory?)"


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("distributed")  # before its configuration is changed: what is put back has it then
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "5s"}),
        Cluster(tmp_path_factory.mktemp("dask"), SCHEDULER__ALLOWED_FAILURES="1") as cluster,
    ):
        yield cluster.address


BY_HAND = (  # where other work takes the processors, workers of Dask take a minute and more to start again
    pytest.mark.optional,
    pytest.mark.skipif("NEV_TELEMETRY_KILLS" not in os.environ, reason="by hand: NEV_TELEMETRY_KILLS=3"),
)
ENGINES = ["local", pytest.param("dask", marks=pytest.mark.long)]  # a cluster takes a while to start


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return the name and the address of one with two workers."""
    address = request.getfixturevalue("dask") if request.param == "dask" else ""
    return request.param, address


@pytest.mark.parametrize("engine", ["local", pytest.param("dask", marks=BY_HAND)], indirect=True)
@pytest.mark.xdist_group("dask")
def test_work_whose_worker_dies_is_done_again_and_the_rest_is_done_in_order(
    engine: tuple[str, str], tmp_path: Path
) -> None:
    chains = [
        [Piece(name, index) for index in range(count)] for name, count in (("a", 5), ("b", 3), ("c", 1))
    ]
    chains[0][1] = Piece("a", 1, dies_until=str(tmp_path / "a"))
    chains[0][3] = Piece("a", 3, raises=True)
    chains[1][0] = Piece("b", 0, dies_until=str(tmp_path / "b"))
    chains.append([Piece("d", 0, dies_until=""), Piece("d", 1)])
    with workers_of(*engine, 2) as workers:
        for _ in range(2 if engine[0] == "local" else 1):  # the second time nobody dies but d
            done = list(run_chains(workers, lambda: None, [*chains, []], partial(do, HELD)))
            by_chain = {name: [each[1:] for each in done if each[0] == name] for name in "abcd"}
            is_done = f"{len(HELD)}"
            assert by_chain == {
                "a": [(n, "ValueError: as asked" if n == 3 else is_done) for n in range(5)],
                "b": [(n, is_done) for n in range(3)],
                "c": [(0, is_done)],
                "d": [(0, LOST), (1, is_done)],
            }


PARENT = """
import sys
from functools import partial
from telemetry.lake.engines import run_chains, workers_of
from tests.support.lake_work import hold
with workers_of("local", "", 2) as workers:
    list(run_chains(workers, print, [["a"], ["b"]], partial(hold, *sys.argv[1:])))
"""


def test_workers_of_this_machine_end_in_the_middle_of_their_work_when_their_parent_is_killed(
    tmp_path: Path,
) -> None:
    pipe = tmp_path / "pids"
    os.mkfifo(pipe)
    words = [sys.executable, "-c", PARENT, str(tmp_path / "lake"), str(pipe)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, env=environment) as parent:
        with pipe.open() as stream, pipe.open("w"):
            workers = [os.pidfd_open(int(stream.readline())) for _ in range(2)]
        parent.kill()
    for worker in workers:
        assert select.select([worker], [], [], 60.0)[0], "a worker goes on"
        os.close(worker)
    store = open_store(tmp_path / "lake")
    assert sorted(part.name for part in store.work.rglob("*.part")) == ["a.part", "b.part"]
    store.sweep()
    assert not store.work.exists()


@pytest.mark.long
@pytest.mark.xdist_group("dask")
def test_a_recording_that_a_worker_does_not_see_is_said_before_anything_starts(
    dask: str, tmp_path: Path
) -> None:
    log = tmp_path / "there.log"
    log.write_text("(1.0) can0 310#00\n")
    with workers_of("dask", dask, 1) as workers:
        require(workers, Needed({str(log): log.stat().st_size}, str(tmp_path)))
        for needed, named in (
            (Needed({str(log): 3}), log),
            (Needed({str(tmp_path / "gone.log"): 3}), tmp_path / "gone.log"),
            (Needed({}, str(tmp_path / "lake")), tmp_path / "lake"),
        ):
            with pytest.raises(InputMissingError, match=r"worker tcp://.* does not see it") as raised:
                require(workers, needed)
            assert raised.value.where == str(named)


@pytest.mark.long
@pytest.mark.xdist_group("dask")
def test_a_scheduler_that_goes_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    with Cluster(tmp_path) as cluster:
        with distributed.Client(cluster.address, set_as_default=False) as client:
            client.wait_for_workers(1)
        monkeypatch.setattr("telemetry.lake.on_dask._CONNECT_S", 5.0)  # so long it is looked for
        with workers_of("dask", cluster.address, 1) as workers:
            done = run_chains(workers, lambda: None, [[Piece("a", 0), Piece("a", 1)]], partial(do, b""))
            assert next(done) == ("a", 0, "0")
            cluster.scheduler.kill()
            with pytest.raises(UnavailableError, match=rf"^{cluster.address}: Dask has failed: "):
                list(done)


class _Answering(Workers):
    def __init__(self, answers: Mapping[str, tuple[str, str]]) -> None:
        self._answers = answers

    def found(self, _needed: Needed) -> Mapping[str, tuple[str, str]]:
        return self._answers


def test_a_worker_of_another_version_is_refused() -> None:
    answers = {"a": (__version__, ""), "b": ("0.0.9", "")}
    with pytest.raises(UnavailableError, match=r"^worker b: has nev-telemetry 0\.0\.9, and here is "):
        require(_Answering(answers), Needed({}))


class _Leaving(Workers):
    """One worker that takes a piece and goes; another one comes after so many looks. looks: how many came."""

    def __init__(self, comes_after: int) -> None:
        super().__init__("", 1)
        self.comes_after = comes_after
        self.looks = 0

    @property
    def room(self) -> int:
        return int(self.looks in (0, self.comes_after))

    def ended(self, timeout_s: float) -> Iterable[tuple[int, Any]]:
        assert timeout_s == 1.0
        self.looks += 1
        return super().ended(timeout_s) if self.looks > self.comes_after else ()


def test_a_cluster_whose_workers_have_all_gone_is_waited_for_ten_minutes() -> None:
    def run(comes_after: int) -> list[tuple[str, int, str]]:
        return [*run_chains(_Leaving(comes_after), lambda: None, [[Piece("a", 0)]], partial(do, b""))]

    assert run(599) == [("a", 0, "0")]
    with pytest.raises(UnavailableError, match=r"^engine: all workers have gone \(start some"):
        run(10_000)


def test_an_engine_that_is_none_or_has_no_address_or_no_package_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "telemetry.lake.on_ray", raising=False)
    cases: list[tuple[tuple[str, str], type[Exception], str]] = [
        (("spark", ""), UsageError, "engine spark: is not one of local, dask, ray"),
        (("local", "h:1"), UsageError, "engine local: stands with an address (name the engine there)"),
        (("dask", ""), UsageError, "engine dask: needs an address (start a cluster, and give its address)"),
        (("ray", "auto"), MissingPackageError, "ray needs ray (pip install ray)"),
    ]
    for given, error, words in cases:
        with pytest.raises(error) as raised:
            workers_of(*given, 1)
        assert str(raised.value) == words


@pytest.mark.xdist_group("dask")
def test_two_workers_make_what_one_makes(engine: tuple[str, str], tmp_path: Path) -> None:
    for vehicle in ("ev1", "ev2"):
        for part in range(2):
            first_ns = MIDNIGHT_NS + (part - 1) * 5 * 10**9
            frames = [(first_ns + n * 10**8, "310", f"{n:02X}00000000000000") for n in range(50)]
            candump(tmp_path / "logs" / vehicle / f"{part}.log", frames)
    (tmp_path / "logs/ev2/broken.log").write_text("this is no log\n")
    name, address = engine
    many = ["--engine", name, *(["--address", address] if address else ["--jobs", "2"])]
    for folder, words in (("alone", ["--jobs", "1"]), ("lake", many)):
        said = command(
            *("decode", tmp_path / "logs", "--dbc", DATABASE, "--format", "dataset"),
            *("-o", tmp_path / folder, *words),
        )
        assert said.returncode == 65
        assert "200 frames read = 200 decoded + 0 absorbed + 0 unknown + 0 lost" in said.stderr
        assert "4 partitions, 0 skipped" in said.stderr
        assert "broken.log" in said.stderr
    assert _contents(tmp_path / "lake") == _contents(tmp_path / "alone")
    assert len(lake.files(tmp_path / "lake")) == 4


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
