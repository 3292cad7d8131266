"""Recordings into a dataset: rate against columns alone and a user's own way, two processes, and size."""

import itertools
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import can
import cantools.database
import duckdb
import pandas as pd
from cantools.database.can import Database

import telemetry
from benchmarks.report import Section, goal
from benchmarks.workload import Workload
from telemetry import lake

OWN_SHARE = 100  # of the frames that python-can, cantools and pandas get
STEADY = 10  # times as long a log for processes side by side, whose start is no part of their steady rate
_STAMP_US = 10**6


def measure_lake(workload: Workload, folder: Path, repeated: int, rounds: int) -> Section:
    """Measure a recording that is there (NEV_TELEMETRY_RECORDINGS), or else the workload."""
    there = Path(os.environ.get("NEV_TELEMETRY_RECORDINGS", "/nowhere"), "kona")
    named, dbc, once = "random frames of 44 messages", workload.dbc, folder / "once.log"
    if there.is_dir():
        named, dbc, once = "a Kona's bus (11 s, again and again)", there / "pcan.dbc", there / "pcan.log"
    else:
        workload.write_log(once)
    log, *logs = (folder / f"logs/v{number}/drive.log" for number in range(3))
    frames = _repeat(once, log, repeated)
    _repeat(once, logs[0], STEADY * repeated)
    logs[1].parent.mkdir()
    logs[1].hardlink_to(logs[0])
    part = folder / "part.log"
    part.write_bytes(b"".join(itertools.islice(log.open("rb"), max(frames // OWN_SHARE, 1))))
    numbers = itertools.count()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the database and the log lack
        databases = telemetry.load_databases(dbc)
        text = dbc.read_text("utf-8").replace(
            "NS_DESC_\n\nBO_", "NS_DESC_\n\nBS_:\nBU_:\n\nBO_"
        )  # it asks for both
        database = cantools.database.load_string(text, strict=False)
        assert isinstance(database, Database)

        def into_lake(named: Iterable[Path], jobs: int = 1) -> Path:
            where = folder / f"lake{next(numbers)}"
            written = lake.write(*named, to=where, databases=databases, jobs=jobs)
            written.raise_failed()
            return where

        contenders: dict[str, Callable[[], object]] = {
            "lake": lambda: into_lake([log]),
            "columns": lambda: telemetry.read(log, databases=databases, jobs=1),
            "own": lambda: _own_way(database, part, folder / "own"),
        }
        made = into_lake([log])
        taken: dict[str, list[float]] = {name: [] for name in (*contenders, "one", "two")}
        for _ in range(rounds):
            for name, run in contenders.items():
                start_s = time.process_time()
                run()
                taken[name].append((time.process_time() - start_s) * (OWN_SHARE if name == "own" else 1))
            # Two processes of a vehicle each: by the clock.
            for name, of, jobs in (("one", logs[:1], 1), ("two", logs, 2)):
                start_s = time.monotonic()
                into_lake(of, jobs)
                taken[name].append(time.monotonic() - start_s)
    own, theirs = _sizes(made, folder / "duckdb")

    def ratio(name: str, other: str) -> float:
        return statistics.median(one / two for one, two in zip(taken[name], taken[other], strict=True))

    def rate(name: str, of: int = frames) -> str:
        return f"{of / min(taken[name]):,.0f}"

    millions = frames / min(taken["lake"]) / 1e6
    slower, faster, both = ratio("lake", "columns"), ratio("own", "lake"), ratio("one", "two")
    return Section(
        "Recordings into a lake",
        f"A candump log of {named}, {frames:,} frames, by one thread; CPU time, looking at the recording "
        "before included. *Columns*: `telemetry.read`. *Own way*: python-can reads, cantools decodes, and "
        f"pandas writes a Parquet file of each message; measured on 1/{OWN_SHARE} of the log. *Two*: "
        f"`--jobs 2` over two vehicles of {STEADY * frames:,} frames each by the clock, start of the "
        "processes included; the ratio is to twice *one*, a vehicle by one process. *DuckDB*: the bytes of "
        "its `COPY … (FORMAT parquet, COMPRESSION zstd)` of the same rows.",
        ("what", "found", "against", "found", "ratio", "goal", "met"),
        (
            ("lake, M frames/s", f"{millions:.2f}", "", "", f"{millions:.2f}", *goal(millions, at_least=2.5)),
            ("lake, frames/s", rate("lake"), "columns", rate("columns"), f"{1 / slower:.2f}", "", ""),
            (
                "lake, frames/s",
                rate("lake"),
                "own way",
                rate("own"),
                f"{faster:.1f}",
                *goal(faster, at_least=20),
            ),
            (
                "two, frames/s",
                rate("two", 2 * STEADY * frames),
                "one",
                rate("one", STEADY * frames),
                f"{both:.2f}",
                *goal(both, at_least=0.8),
            ),
            (
                "lake, bytes",
                f"{own:,}",
                "DuckDB",
                f"{theirs:,}",
                f"{own / theirs:.2f}",
                *goal(own / theirs, at_most=1.2),
            ),
        ),
    )


def _repeat(once: Path, log: Path, repeated: int) -> int:
    """Write a candump log so often, one after the other; return the number of frames."""
    lines = [line[1:].split(") ", 1) for line in once.read_text("ascii").splitlines()]
    frames = [(round(float(seconds) * _STAMP_US), rest) for seconds, rest in lines]
    span_us = frames[-1][0] - frames[0][0] + 1000
    log.parent.mkdir(parents=True)
    with log.open("w", encoding="ascii") as out:
        for shift_us in range(0, repeated * span_us, span_us):
            for stamp_us, rest in frames:
                now_us = stamp_us + shift_us
                out.write(f"({now_us // _STAMP_US}.{now_us % _STAMP_US:06}) {rest}\n")
    return repeated * len(frames)


def _own_way(database: Database, log: Path, folder: Path) -> None:
    rows: dict[int, list[dict[str, object]]] = {}
    with can.LogReader(log) as reader:
        for message in reader:
            try:
                values = database.decode_message(
                    message.arbitration_id, bytes(message.data), decode_choices=False
                )
            except (KeyError, cantools.database.DecodeError):
                continue
            assert isinstance(values, dict)
            rows.setdefault(message.arbitration_id, []).append({"time": message.timestamp, **values})
    folder.mkdir(exist_ok=True)
    for number, found in rows.items():
        pd.DataFrame(found).to_parquet(folder / f"{number}.parquet", compression="zstd")


def _sizes(where: Path, folder: Path) -> tuple[int, int]:
    """Return the bytes of a dataset's files, and of what DuckDB makes of the rows of each."""
    folder.mkdir()
    files = [Path(file) for file in lake.files(where)]
    for number, file in enumerate(files):
        duckdb.sql(
            f"COPY (SELECT * FROM read_parquet('{file}', hive_partitioning=false)) "  # noqa: S608 - a path of ours
            f"TO '{folder}/{number}.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )
    return sum(file.stat().st_size for file in files), sum(each.stat().st_size for each in folder.iterdir())
