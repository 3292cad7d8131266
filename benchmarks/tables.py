"""A log in a notebook: `telemetry.read` against pandas over csv, and against python-can with cantools."""

import gc
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import asammdf
import can
import pandas as pd

import telemetry
from benchmarks.command import decode
from benchmarks.report import Section, goal
from benchmarks.workload import Workload

NAMES = {
    "read": "`telemetry.read`",
    "pandas": "`telemetry.read` and `to_pandas`",
    "parquet": "`decode --format parquet`",
    "lp": "`decode --format lp`",
    "csv": "`decode --format csv`",
    "read_csv": "pandas' own way",
    "cantools": "cantools",
    "wide": "`wide` and `to_pandas`",
    "asammdf": "asammdf's raster",
    "mf4": "`telemetry.read` of MF4",
    "bus_logging": "asammdf's bus logging",
}
RASTER_MS = 10

CANTOOLS_SHARE = 20  # of the frames: cantools takes that many times as long


def measure_tables(workload: Workload, folder: Path, rounds: int) -> list[Section]:
    """CPU time of all threads, in turns; each ends with a DataFrame of each message, or with its files."""
    log, part, mf4 = folder / "drive.log", folder / "part.log", folder / "drive.mf4"
    for path in (log, mf4):
        workload.write_log(path)
    lines = log.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join(lines[: max(len(lines) // CANTOOLS_SHARE, 1)]))
    out = folder / "drive.csv"
    databases = telemetry.load_databases(workload.dbc)
    new_folders = (folder / f"tables-{number}" for number in itertools.count())  # decode adds to none

    def through_csv() -> None:
        decode(workload, [log], "csv", "-o", str(out))
        frames = pd.read_csv(out)
        assert len(frames)

    def through_cantools() -> None:
        decode_message = workload.database.decode_message
        rows: dict[int, list[dict[str, object]]] = {}
        with can.LogReader(part) as reader:
            for message in reader:
                values = decode_message(message.arbitration_id, bytes(message.data), decode_choices=False)
                assert isinstance(values, dict)
                rows.setdefault(message.arbitration_id, []).append({"time": message.timestamp, **values})
        for found in rows.values():
            pd.DataFrame(found)

    tables = telemetry.read(log, databases=databases)
    recording = _as_mdf(tables)

    def through_asammdf() -> None:
        with asammdf.MDF(mf4) as file, file.extract_bus_logging({"CAN": [(workload.dbc, 0)]}) as found:
            assert len(found.groups)

    contenders: dict[str, Callable[[], object]] = {
        "lp": lambda: decode(workload, [log], "lp", "-o", str(folder / "drive.lp")),
        "csv": lambda: decode(workload, [log], "csv", "-o", str(out)),
        "read": lambda: telemetry.read(log, databases=databases),
        "pandas": lambda: [table.to_pandas() for table in telemetry.read(log, databases=databases).values()],
        "parquet": lambda: decode(workload, [log], "parquet", "-o", str(next(new_folders))),
        "read_csv": through_csv,
        "cantools": through_cantools,
        "wide": lambda: tables.wide(f"{RASTER_MS}ms").to_pandas(),
        "asammdf": lambda: recording.to_dataframe(raster=RASTER_MS / 1000),
        "mf4": lambda: telemetry.read(mf4, databases=databases),
        "bus_logging": through_asammdf,
    }
    taken = _race(contenders, rounds)
    taken["cantools"] = [seconds * CANTOOLS_SHARE for seconds in taken["cantools"]]
    count = len(lines)

    def ratio(mine: str, other: str) -> float:
        return statistics.median(one / two for one, two in zip(taken[mine], taken[other], strict=True))

    def row(mine: str, other: str, times: float, met: tuple[str, str]) -> tuple[str, ...]:
        own_ns, other_ns = (f"{min(taken[name]) / count * 1e9:,.0f}" for name in (mine, other))
        return NAMES[mine], own_ns, NAMES[other], other_ns, f"{times:.2f}", *met

    def slower(mine: str, other: str, at_most: float) -> tuple[str, ...]:
        found = ratio(mine, other)
        return row(mine, other, found, goal(found, at_most=at_most))

    def faster(mine: str, other: str, at_least: float) -> tuple[str, ...]:
        found = ratio(other, mine)
        return row(mine, other, found, goal(found, at_least=at_least))

    return [
        Section(
            "Tables for a notebook",
            f"A candump log of {count:,} frames, 44 messages and 572 signals; CPU time of all threads. "
            "*pandas' own way*: `decode --format csv`, then `read_csv`. *cantools*: python-can reads, "
            "cantools decodes, and a DataFrame is made of each message; measured on "
            f"1/{CANTOOLS_SHARE} of the log. *wide*, *asammdf's raster*: from tables that were read before, "
            f"all signals each {RASTER_MS} ms as a DataFrame; both hold the last value. *Bus logging*: "
            "asammdf's `extract_bus_logging` of these frames as MF4, which makes arrays of all signals. "
            "All that `decode` writes goes into files.",
            ("what", "ns a frame", "against", "ns a frame", "ratio", "goal", "met"),
            (
                slower("read", "csv", 1.2),
                faster("pandas", "read_csv", 5),
                faster("pandas", "cantools", 25),
                slower("parquet", "lp", 2),
                faster("wide", "asammdf", 2),
                faster("mf4", "bus_logging", 1),
            ),
        )
    ]


def _as_mdf(tables: telemetry.Tables) -> asammdf.MDF:
    """Return the signals of the tables as asammdf has those of a measurement."""
    made = asammdf.MDF()
    made.configure(integer_interpolation=0, float_interpolation=0)
    for table in tables.values():
        times = table["time"].astype("int64") / 1e9
        names = [name for name in table if name not in ("time", "channel", "id")]
        made.append([asammdf.Signal(table[name], times, name=f"{table.name}.{name}") for name in names])
    return made


def _race(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of CPU by contender, round by round; one unmeasured round first warms caches."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            gc.collect()
            start_s = time.process_time()
            run()
            if number:
                taken[name].append(max(time.process_time() - start_s, 1e-9))
    return taken
