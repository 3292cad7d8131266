"""The compiled core against the C limit and against what a user would pick instead, on the same frames."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import peers
from benchmarks.c_reference import CReference, LineShapes
from benchmarks.core import BATCH_FRAMES, Core
from benchmarks.measure import Contender, Timing, race
from benchmarks.readers import CANDUMP, LOG_FORMATS, MF4
from benchmarks.report import Section, goal
from benchmarks.workload import Workload


def measure_core(workload: Workload, folder: Path, rounds: int) -> Section:
    """Return the times of all contenders, and their ratios."""
    core = Core(workload.plan_spec)
    reference = CReference(workload.database, folder)
    batches = workload.batches()
    can_frames = workload.can_frames()
    shapes = LineShapes(core.text(batches).splitlines())
    count = len(workload.frames)

    assert reference.decode(can_frames) == core.signals(batches), "the C reference does other work"
    contenders = [
        Contender("C decode", count, lambda: reference.decode(can_frames)),
        Contender("decode", count, lambda: core.decode(batches)),
        Contender("copying keys", count, lambda: reference.copy_keys(shapes)),
        Contender("decode + encode", count, lambda: core.decode_and_encode(batches)),
        peers.cantools_decode(workload, count // 50),
        peers.influx_point(workload, count // 250),
    ]
    for log_format in LOG_FORMATS:
        workload.write_log(log_format.file(folder))
        assert core.log_to_lines(log_format, folder) == count
        contenders.append(Contender(log_format.stage, count, partial(core.log_to_lines, log_format, folder)))
        if log_format.goal is not None:
            contenders.append(peers.log_reader(log_format, folder, count))
    return Section(
        "Decode, encode, read a log",
        f"{count:,} frames of 44 messages and 572 signals, random ids and payloads, {BATCH_FRAMES} a batch. "
        "*C decode*: cantools' generated C with every signal scaled to double (gcc -O3). *Copying keys*: a C "
        "loop that writes each line with every value replaced by `0`. MF4 is transposed and deflated.",
        ("what", "ns a frame", "against", "ns a frame", "ratio", "goal", "met"),
        tuple(_rows(race(contenders, rounds))),
    )


def _rows(timings: dict[str, Timing]) -> Iterator[tuple[str, ...]]:
    decode, encode = timings["decode"], timings["decode + encode"]
    reference, floor = timings["C decode"], timings["copying keys"]
    yield _slower(decode, reference, 0.6)
    yield _slower(encode, floor, 1.4)
    yield _slower(encode, reference.plus(floor), None)
    yield _faster(decode, timings["cantools"], 150)
    yield _faster(encode, timings["influxdb-client Point"], 150)
    for log_format in LOG_FORMATS:
        mine = timings[log_format.stage]
        if log_format.goal is None:
            yield _slower(mine, timings[CANDUMP.stage], None)
        else:
            yield _faster(mine, timings[f"python-can {log_format.name} reader"], log_format.goal)
    yield _slower(timings[MF4.stage], timings[CANDUMP.stage], 2)


def _slower(mine: Timing, other: Timing, at_most: float | None) -> tuple[str, ...]:
    ratio = mine.ratio_to(other)
    return _row(mine, other, ratio, ("", "") if at_most is None else goal(ratio, at_most=at_most))


def _faster(mine: Timing, other: Timing, at_least: float) -> tuple[str, ...]:
    ratio = other.ratio_to(mine)
    return _row(mine, other, ratio, goal(ratio, at_least=at_least))


def _row(mine: Timing, other: Timing, ratio: float, met: tuple[str, str]) -> tuple[str, ...]:
    return (mine.name, f"{mine.best_ns:,.0f}", other.name, f"{other.best_ns:,.0f}", f"{ratio:.2f}", *met)
