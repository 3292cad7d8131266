"""`make lake-demo`: 40 simulated vehicle-days through a local Dask into a lake, with all that goes wrong.

A worker is killed while it works, one recording is damaged, and the database of two vehicles is corrected
afterwards. It ends with a picture of what was made, skipped and made again, with three questions in DuckDB,
and with the lake compared with csv.
"""

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from telemetry import lake

ROOT = Path(__file__).parents[1]
PICTURE = Path("nev-telemetry-lake-demo.png")
VEHICLES = [f"van-{number}" for number in range(1, 9)]
DAYS = [datetime(2026, 3, 2, 6, tzinfo=UTC) + timedelta(days=number) for number in range(5)]
DURATION_S = 30
DAMAGED = ("van-3", 2)
CORRECTED = ("van-1", "van-2")
KILLED_AFTER = 5  # partitions
HEADS = {"time", "channel", "id"}
_SAID = re.compile(r"^(van-\d) (\d{4}-\d\d-\d\d): (new|changed|failed)")
_CLUSTER = """
import sys, distributed
cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", silence_logs=50,
                                   dashboard_address=":0", worker_dashboard_address=None)
print(cluster.scheduler_address, *(worker.pid for worker in cluster.workers.values()), flush=True)
sys.stdin.read()
cluster.close()
"""
_QUESTIONS = {
    "highest power of each van, kW": "SELECT vehicle, round(max(PackVoltage * PackCurrent) / 1000, 1) "
    "FROM BMS_PackPower GROUP BY ALL ORDER BY ALL",
    "charge used on each day, % of all vans": "SELECT day, round(sum(used), 2) FROM (SELECT vehicle, day, "
    "first(StateOfCharge ORDER BY time) - last(StateOfCharge ORDER BY time) AS used FROM BMS_PackState "
    "GROUP BY ALL) GROUP BY ALL ORDER BY ALL",
    "readings of each day": "SELECT day, count(*) FROM BMS_PackPower GROUP BY ALL ORDER BY ALL",
}

Run = Mapping[tuple[str, str], str]  # by vehicle and day, what was done


def main() -> int:
    """Run it all in a temporary folder; return 0 where the lake holds what csv prints."""
    folder = Path(tempfile.mkdtemp(prefix="nev-telemetry-lake-"))
    try:
        return _perform(folder)
    finally:
        shutil.rmtree(folder)


def _perform(folder: Path) -> int:
    print(f"{len(VEHICLES) * len(DAYS)} vehicle-days are simulated", flush=True)
    database, corrected = ROOT / "firmware_sim/wire/vehicle.dbc", folder / "corrected.dbc"
    factor, mended = '(0.05,0) [-1638.4|1638.35] "A"', '(0.05,0.25) [-1638.4|1638.6] "A"'
    text = database.read_text("utf-8")
    if factor not in text:
        raise LookupError(f"{database} has no {factor}")
    corrected.write_text(text.replace(factor, mended), "utf-8")
    _simulate(folder / "logs")
    with subprocess.Popen(
        [sys.executable, "-c", _CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as cluster:
        address, victim, _ = (cluster.stdout or sys.stdin).readline().split()
        all_of_it = [folder / "logs"]
        again = [folder / "logs" / vehicle for vehicle in CORRECTED]
        words = ("--engine", "dask", "--address", address, "-o", str(folder / "lake"))
        runs = {
            "first run: a worker is killed": _run(
                all_of_it, database, *words, meanwhile=lambda: os.kill(int(victim), signal.SIGKILL)
            ),
            "the same command again": _run(all_of_it, database, *words),
            "two vans, database corrected": _run(again, corrected, *words),
        }
        cluster.communicate()
    _draw(runs)
    _ask(folder / "lake")
    return _compare(folder, database, corrected)


def _simulate(logs: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        places = [(vehicle, number) for vehicle in VEHICLES for number in range(len(DAYS))]
        list(pool.map(lambda place: _drive(logs, *place), places))
    damaged = logs / DAMAGED[0] / f"{DAMAGED[1]}.log"
    packed = gzip.compress(damaged.read_bytes())
    damaged.with_suffix(".log.gz").write_bytes(packed[: len(packed) * 2 // 3])
    damaged.unlink()


def _drive(logs: Path, vehicle: str, number: int) -> None:
    log = logs / vehicle / f"{number}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = _nev("sim", "drive", "--output", str(log), "--duration", str(DURATION_S))
    command += [
        "--time-origin",
        f"{DAYS[number]:%FT%TZ}",
        "--seed",
        str(10 * VEHICLES.index(vehicle) + number),
    ]
    subprocess.run(command, check=True, capture_output=True)


def _nev(*words: str) -> list[str]:
    return [sys.executable, "-m", "telemetry", *words]


def _run(logs: list[Path], database: Path, *words: str, meanwhile: Callable[[], None] | None = None) -> Run:
    """Run `decode` and say its lines; meanwhile: is called after some partitions."""
    command = _nev("decode", *map(str, logs), "--dbc", str(database), "--format", "dataset", *words)
    done: dict[tuple[str, str], str] = {}
    print(f"\n$ nev-telemetry {' '.join(command[3:])}", flush=True)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            said = _SAID.match(line)
            if said:
                done[said[1], said[2]] = said[3]
                if meanwhile is not None and len(done) == KILLED_AFTER:
                    meanwhile()
                    print("  … a worker is killed", flush=True)
            else:
                print(f"  {line.strip()}", flush=True)
    counts = {what: [*done.values()].count(what) for what in ("new", "changed", "failed")}
    print(
        "  " + ", ".join(f"{count} {what}" for what, count in counts.items()),
        f"exit code {process.returncode}",
    )
    return {(log.name, f"{day:%F}"): "skipped" for log in _vehicles(logs) for day in DAYS} | done


def _vehicles(logs: list[Path]) -> list[Path]:
    return [each for log in logs for each in ([log] if log.name in VEHICLES else sorted(log.iterdir()))]


def _draw(runs: Mapping[str, Run]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    colours = {
        "new": "#3b7dd8",
        "skipped": "#d9d9d9",
        "changed": "#e08a2c",
        "failed": "#c0392b",
        "": "#ffffff",
    }
    names = {"new": "made", "skipped": "skipped", "changed": "made again", "": "not asked for"}
    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, run) in zip(figure.subplots(1, len(runs), sharey=True), runs.items(), strict=True):
        for row, vehicle in enumerate(VEHICLES):
            for column, day in enumerate(DAYS):
                what = run.get((vehicle, f"{day:%F}"), "")
                axes.add_patch(_square(column, row, colours[what]))
                if (vehicle, column) == DAMAGED and what:
                    axes.text(column + 0.5, row + 0.5, "damaged", ha="center", va="center", fontsize=7)
        axes.set(xlim=(0, len(DAYS)), ylim=(len(VEHICLES), 0), title=title)
        axes.set_xticks([n + 0.5 for n in range(len(DAYS))], [f"{day:%d %b}" for day in DAYS])
        axes.set_yticks([n + 0.5 for n in range(len(VEHICLES))], VEHICLES)
        axes.tick_params(length=0)
    handles: list[Any] = [
        Patch(facecolor=colours[what], edgecolor="#888888", label=label) for what, label in names.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.savefig(PICTURE, dpi=130)
    print(f"\n{PICTURE}")


def _square(column: int, row: int, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, facecolor=colour, edgecolor="#888888", lw=0.5)


def _ask(where: Path) -> None:
    database = duckdb.connect()
    for name in ("BMS_PackPower", "BMS_PackState"):
        files = lake.files(where, table=name)
        database.read_parquet(files, hive_partitioning=True, union_by_name=True).create_view(name)
    for title, question in _QUESTIONS.items():
        answer = ", ".join(f"{key}: {value}" for key, value in database.sql(question).fetchall())
        print(f"\n{title}\n  {answer}")


def _compare(folder: Path, database: Path, corrected: Path) -> int:
    """Count the values of each vehicle in the lake and in csv, and add them up in the order of time."""
    is_equal, values = True, 0
    for vehicle in VEHICLES:
        own = corrected if vehicle in CORRECTED else database
        printed = subprocess.run(
            _nev("decode", str(folder / "logs" / vehicle), "--dbc", str(own)), capture_output=True, text=True
        ).stdout.splitlines()[1:]
        in_csv = sorted(float(line.rsplit(",", 1)[1]) for line in printed)
        in_lake = sorted(
            float(value)
            for file in lake.files(folder / "lake", vehicle=vehicle)
            for name, column in _columns(file)
            if name not in HEADS
            for value in column.drop_null().to_pylist()
        )
        is_equal &= in_csv == in_lake
        values += len(in_csv)
    print(f"\n{values:,} values of csv and of the lake: {'equal' if is_equal else 'DIFFERENT'}")
    return 0 if is_equal else 1


def _columns(file: str) -> list[tuple[str, Any]]:
    rows = pq.read_table(file, partitioning=None)
    return list(zip(rows.column_names, rows.columns, strict=True))


if __name__ == "__main__":
    sys.exit(main())
