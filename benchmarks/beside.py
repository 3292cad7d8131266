"""What bounds, triggers and the black box cost the gateway: each beside one without, in turns.

CPU is the process's own between the first frame and the last answer, at an even pace, after a warm-up.
"""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.feeder import Feeder
from benchmarks.gateway import WARM_UP_FRAMES, Load, cpu_ns, gateway_on, resident_mb, started
from benchmarks.null_server import NullServer
from benchmarks.report import Section, goal
from benchmarks.workload import Workload

SETTLED_S = 3.0  # by then the last batch is cut, committed and acknowledged
_BOUNDS = '[reduce]\nshape = "line"\n[reduce.bounds]\n"*" = {}\n'
BESIDE = {  # what stands in the configuration, and how many times the CPU time of one without it may be taken
    "bounds, few values kept": (_BOUNDS.format("1e12"), 1.0),
    "bounds, each value kept": (_BOUNDS.format("0"), None),
    "triggers": ('[[trigger]]\non = ["limit"]\n', None),
    "black box": ('[black_box]\ndirectory = "box"\n', None),
}
BLACK_BOX_PERCENT, BLACK_BOX_MB = 2.0, 4.0


def measure_beside(
    workload: Workload, folder: Path, loads: Sequence[Load], rounds: int, settled_s: float = SETTLED_S
) -> Section:
    """Measure all under each load, `rounds` times in turns; medians of what each round has found."""
    rows = list[tuple[str, ...]]()
    for load in loads:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("", *BESIDE)}
        for number in range(rounds):
            for name, each in found.items():
                place = folder / f"{load.frames_per_s}-{number}-{name.replace(' ', '-')}"
                each.append(_measure(workload, load, BESIDE[name][0] if name else "", place, settled_s))
        for name, (_, most) in BESIDE.items():
            pairs = list(zip(found[name], found[""], strict=True))
            us, us_without = (statistics.median(each[0] for each in found[key]) for key in (name, ""))
            ratio = statistics.median(one[0] / other[0] for one, other in pairs)
            percent = statistics.median(one[0] - other[0] for one, other in pairs) * load.frames_per_s / 1e4
            more_mb = statistics.median(one[1] - other[1] for one, other in pairs)
            met = goal(ratio, at_most=most) if most is not None else ("", "")
            if name == "black box":
                is_met = percent <= BLACK_BOX_PERCENT and more_mb <= BLACK_BOX_MB
                met = (f"{BLACK_BOX_PERCENT:g} % and {BLACK_BOX_MB:g} MB or less", "yes" if is_met else "no")
            cells = f"{us:.2f}", f"{us_without:.2f}", f"{ratio:.2f}", f"{percent:+.2f}", f"{more_mb:+.1f}"
            rows.append((load.name, name, *cells, *met))
    return Section(
        "Bounds, triggers and the black box",
        "`nev-telemetry run` with each of these beside one without, in turns; medians of the ratios and the "
        f"differences of {rounds} rounds. CPU is that of the process alone, its idle seconds included; MB: "
        "resident. *Few*: a bound that no value leaves. *Each*: bound 0 over random values.",
        ("load", "with", "us/frame", "without", "ratio", "% of a core more", "MB more", "goal", "met"),
        tuple(rows),
    )


def _measure(
    workload: Workload, load: Load, tables: str, folder: Path, settled_s: float
) -> tuple[float, float]:
    """Return the CPU time of a frame in us, and what is in memory at the end in MB."""
    folder.mkdir()
    can_frames = workload.can_frames()
    with Feeder(folder) as feeder, NullServer(workload) as server:
        described_by = f'databases = ["{workload.dbc}"]\n{tables}'
        top = f'cache_directory = "{workload.dbc.parent / "plans"}"'
        with started(gateway_on(feeder.path, described_by, folder, server.url, top), folder) as process:
            feeder.accept()
            _send(feeder, can_frames[: WARM_UP_FRAMES * 16], load.frames_per_s, settled_s)
            before_ns = cpu_ns(process)
            frames = (can_frames * (load.frames // len(workload.frames) + 1))[: load.frames * 16]
            _send(feeder, frames, load.frames_per_s, settled_s)
            return (cpu_ns(process) - before_ns) / load.frames / 1000, resident_mb(process)


def _send(feeder: Feeder, can_frames: bytes, frames_per_s: int, settled_s: float) -> None:
    feeder.send(can_frames, frames_per_s)
    while feeder.unread_bytes():
        time.sleep(0.01)
    time.sleep(settled_s)
