"""`decode` over several logs, on one processor and on two."""

import os
import statistics
import time
from pathlib import Path

from benchmarks.command import decode
from benchmarks.report import Section
from benchmarks.workload import Workload

LOGS = 4
REPEATED = 8  # the workload in each log: starting processes is not what is measured


def measure_processors(workload: Workload, folder: Path, rounds: int) -> list[Section]:
    """Frames a second of both, in turns."""
    logs = [folder / f"part{number}.log" for number in range(LOGS)]
    workload.write_log(folder / "once.log")
    for log in logs:
        log.write_bytes((folder / "once.log").read_bytes() * REPEATED)
    frames = LOGS * REPEATED * len(workload.frames)
    decode(workload, logs[:1], "lp", "-o", os.devnull)  # compiles the database
    times_s: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for jobs, found in times_s.items():
            start_s = time.monotonic()
            decode(workload, logs, "lp", "--jobs", str(jobs), "-o", os.devnull)
            found.append(time.monotonic() - start_s)
    one_s, two_s = (statistics.median(found) for found in times_s.values())
    return [
        Section(
            "Several logs on two processors",
            f"`decode --format lp` of {LOGS} candump logs, {frames:,} frames in all, into nothing: the "
            "whole command, from its start to its end, with `--jobs 1` and `--jobs 2`. One process writes "
            "what both decode, in order: that does not become twice as fast.",
            ("one, frames/s", "two, frames/s", "ratio"),
            ((f"{frames / one_s:,.0f}", f"{frames / two_s:,.0f}", f"{one_s / two_s:.2f}"),),
        )
    ]
