"""The compiled core against the C limit and against what a user would pick instead, on the same frames."""

from pathlib import Path

from benchmarks import peers
from benchmarks.c_reference import CReference, LineShapes
from benchmarks.core import BATCH_FRAMES, Core
from benchmarks.measure import Contender, Timing, race
from benchmarks.report import Section
from benchmarks.workload import Workload

LOG_GOALS = {"candump": "15 or more", "ASC": "15 or more", "BLF": "8 or more"}


def measure_core(workload: Workload, folder: Path, rounds: int) -> Section:
    """Times of all contenders, and their ratios."""
    core = Core(workload.plan_spec)
    reference = CReference(workload.database, folder)
    batches = workload.batches()
    can_frames = workload.can_frames()
    shapes = LineShapes(core.text(batches).splitlines())
    logs = workload.write_logs(folder)
    count = len(workload.frames)

    assert reference.decode(can_frames) == core.signals(batches), "the C reference does other work"
    assert all(core.log_to_lines(log) == count for log in logs.values())
    timings = race(
        [
            Contender("C decode", count, lambda: reference.decode(can_frames)),
            Contender("decode", count, lambda: core.decode(batches)),
            Contender("copying keys", count, lambda: reference.copy_keys(shapes)),
            Contender("decode + encode", count, lambda: core.decode_and_encode(batches)),
            *(_log_to_lines(core, name, log, count) for name, log in logs.items()),
            peers.cantools_decode(workload, count // 50),
            peers.influx_point(workload, count // 250),
            *(peers.log_reader(name, logs[name], count) for name in peers.LOG_READERS),
        ],
        rounds,
    )
    return Section(
        "Decode, encode, read a log",
        f"{count:,} frames of 44 messages and 572 signals, random ids and payloads, {BATCH_FRAMES} a batch. "
        "*C decode*: cantools' generated C with every signal scaled to double (gcc -O3). *Copying keys*: a C "
        "loop that writes each line with every value replaced by `0`.",
        ("what", "ns a frame", "against", "ns a frame", "ratio", "goal"),
        tuple(_rows(timings)),
    )


def _log_to_lines(core: Core, name: str, log: Path, count: int) -> Contender:
    return Contender(f"{name} log to lines", count, lambda: core.log_to_lines(log))


def _rows(timings: dict[str, Timing]) -> list[tuple[str, ...]]:
    decode, encode = timings["decode"], timings["decode + encode"]
    floor = timings["copying keys"]
    rows = [
        _row(mine, other, mine.ratio_to(other), goal)
        for mine, other, goal in (
            (decode, timings["C decode"], "1.5 or less"),
            (encode, floor, "1.6 or less"),
            (encode, timings["C decode"].plus(floor), ""),
        )
    ]
    rows += [
        _row(mine, other, other.ratio_to(mine), goal)
        for mine, other, goal in (
            (decode, timings["cantools"], "150 or more"),
            (encode, timings["influxdb-client Point"], "150 or more"),
            *(
                (timings[f"{name} log to lines"], timings[f"python-can {name} reader"], goal)
                for name, goal in LOG_GOALS.items()
            ),
        )
    ]
    gvret, candump = timings["GVRET log to lines"], timings["candump log to lines"]
    rows.append(_row(gvret, candump, gvret.ratio_to(candump), ""))
    return rows


def _row(mine: Timing, other: Timing, ratio: float, goal: str) -> tuple[str, ...]:
    return (mine.name, f"{mine.best_ns:,.0f}", other.name, f"{other.best_ns:,.0f}", f"{ratio:.2f}", goal)
