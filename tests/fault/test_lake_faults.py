"""A dataset whose writer dies, whose disk is full, or whose store takes half of a file."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from telemetry import lake
from telemetry.errors import StorageError
from telemetry.lake.rows import PartitionRows
from telemetry.lake.store import Store, open_store
from tests.support.lake import DATABASE, NOON_NS, candump, tree

DAY_NS = 24 * 3600 * 10**9


def archive(folder: Path, days: int = 3, vehicles: int = 2) -> Path:
    for vehicle in range(vehicles):
        for day in range(days):
            begin_ns = NOON_NS + day * DAY_NS
            ids = ("300", "310", "320", "340")
            frames = [(begin_ns + n * 10**7, ids[n % 4], f"{n % 256:02X}" * 8) for n in range(3000)]
            candump(folder / f"logs/ev{vehicle}/{day}.log", frames)
    return folder / "logs"


def write(logs: Path, where: Path | str) -> lake.Written:
    return lake.write(logs, to=where, databases=str(DATABASE))


def rows(where: Path) -> dict[Path, bytes]:
    """Return the files that count: rows and markers."""
    return {path: content for path, content in tree(where).items() if path.suffix in (".parquet", ".json")}


WRITER = """
import os, signal, sys
from pathlib import Path
from unittest.mock import patch
from telemetry import lake
from telemetry.lake.rows import PartitionRows
from telemetry.lake.store import Store

left = int(sys.argv[4])

def dying(owner, name):
    method = getattr(owner, name)
    def call(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*arguments, **options)
    setattr(owner, name, call)

for owner, name in ((PartitionRows, "_append"), (Store, "put"), (Path, "replace"), (Path, "rmdir")):
    dying(owner, name)
lake.write(sys.argv[1], to=sys.argv[2], databases=sys.argv[3])
"""
KILLS = int(os.environ.get("NEV_TELEMETRY_KILLS", "5"))


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_run_after_a_kill_equals_an_undisturbed_one(tmp_path: Path, seed: int) -> None:
    logs = archive(tmp_path)
    calls = Random(seed).randrange(1, 50)
    words = [sys.executable, "-c", WRITER, *map(str, (logs, tmp_path / "lake", DATABASE, calls))]
    done = subprocess.run(words, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    whole = {Path(name).name for name in lake.files(tmp_path / "lake")}
    write(logs, tmp_path / "fresh")
    assert whole <= {path.name for path in tree(tmp_path / "fresh")}
    write(logs, tmp_path / "lake")
    assert tree(tmp_path / "lake") == tree(tmp_path / "fresh")


def failing(name: str, calls: int, error: Exception) -> Any:
    """Let a method of the store fail at its `calls`th call."""
    method: Callable[..., Any] = getattr(Store, name)
    left = iter(range(calls, -1, -1))

    def fail(*arguments: Any) -> Any:
        if next(left, 1) == 0:
            raise error
        return method(*arguments)

    return patch.object(Store, name, fail)


@pytest.mark.parametrize("calls", range(4))
def test_a_put_that_fails_leaves_the_old_partition(tmp_path: Path, calls: int) -> None:
    logs = archive(tmp_path, 1, 1)
    write(logs, tmp_path / "lake")
    old = rows(tmp_path / "lake")
    candump(tmp_path / "logs/ev0/9.log", [(NOON_NS + 10**12, "310", "00" * 8)])
    with failing("put", calls, StorageError("no space left on device", where="x")):
        (outcome,) = write(logs, tmp_path / "lake").outcomes
    assert "no space left on device" in outcome.error
    assert old.items() <= rows(tmp_path / "lake").items()
    assert [*map(Path, lake.files(tmp_path / "lake"))] == [
        tmp_path / "lake" / path for path in old if path.suffix == ".parquet"
    ]
    write(logs, tmp_path / "lake")
    write(logs, tmp_path / "fresh")
    assert tree(tmp_path / "lake") == tree(tmp_path / "fresh")


def test_files_of_a_partition_are_put_at_once_and_its_marker_after_them(tmp_path: Path) -> None:
    """Each of four waits for three more; the marker comes alone."""
    logs, put, names = archive(tmp_path, 1, 1), Store.put, list[str]()
    together = threading.Barrier(4, timeout=60.0)

    def waiting(store: Store, part: Path, name: str) -> None:
        if name.endswith(".parquet"):
            together.wait()
        put(store, part, name)
        names.append(name)

    with patch.object(Store, "put", waiting):
        (outcome,) = write(logs, tmp_path / "lake").outcomes
    assert (outcome.error, len(names), names[-1]) == ("", 5, "_done/ev0_2026-03-02.json")


def test_a_disk_that_is_full_leaves_the_old_partition_and_is_said(tmp_path: Path) -> None:
    logs = archive(tmp_path, 1, 1)
    write(logs, tmp_path / "lake")
    old = tree(tmp_path / "lake")
    candump(tmp_path / "logs/ev0/9.log", [(NOON_NS + 10**12, "310", "00" * 8)])
    real = PartitionRows._writer

    def on_a_full_disk(self: PartitionRows, _file: Path, *rest: Any) -> Any:
        return real(self, Path("/dev/full"), *rest)

    with patch.object(PartitionRows, "_writer", on_a_full_disk):
        (outcome,) = write(logs, tmp_path / "lake").outcomes
    assert "No space left on device" in outcome.error
    assert tree(tmp_path / "lake") == old


def test_an_object_store_gets_whole_files_and_has_the_same_rows(tmp_path: Path) -> None:
    """By the way of stores, whose files are put and not renamed: that of an address of a folder."""
    logs = archive(tmp_path, 2, 1)
    with patch("tempfile.tempdir", str(tmp_path)):
        first, second = (write(logs, f"file://{tmp_path}/store") for _ in range(2))
    write(logs, tmp_path / "lake")
    assert [each.reason for each in (*first.outcomes, *second.outcomes)] == ["new", "new", "", ""]
    assert tree(tmp_path / "store") == tree(tmp_path / "lake")
    assert lake.files(f"file://{tmp_path}/store")[0].startswith(f"file://{tmp_path}/store/table=")
    assert not [*tmp_path.glob("nev-telemetry-*")]


def test_a_put_that_breaks_off_in_a_store_leaves_the_old_partition(tmp_path: Path) -> None:
    logs = archive(tmp_path, 1, 1)
    where = f"file://{tmp_path}/store"
    write(logs, where)
    old = lake.files(where)
    content = [Path(name.removeprefix("file://")).read_bytes() for name in old]
    candump(tmp_path / "logs/ev0/9.log", [(NOON_NS + 10**12, "310", "00" * 8)])

    def half(source: str, target: str, **_: Any) -> None:
        Path(target).write_bytes(Path(source).read_bytes()[:100])
        raise OSError("connection reset")

    with patch("pyarrow.fs.copy_files", half):
        (outcome,) = write(logs, where).outcomes
    assert "connection reset" in outcome.error
    assert lake.files(where) == old
    assert [Path(name.removeprefix("file://")).read_bytes() for name in old] == content


def test_the_second_of_two_runs_at_once_waits_and_skips(tmp_path: Path) -> None:
    logs = archive(tmp_path, 1, 1)
    store = open_store(tmp_path / "lake")
    second = threading.Thread(target=write, args=(logs, tmp_path / "lake"))
    with store.held("ev0_2026-03-02"):
        second.start()
        second.join(0.3)
        assert second.is_alive()
        assert lake.files(tmp_path / "lake") == []
    second.join(60)
    assert [each.reason for each in write(logs, tmp_path / "lake").outcomes] == [""]
