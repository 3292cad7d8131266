"""What a vehicle's profile costs a gateway, in CPU time and in memory: `python -m benchmarks.profiled`.

Two gateways take the same frames at the same time, at 8,000 frames/s, by the same database. One has a profile
of ten ids besides: five that are broadcast, and five by which units answer. No frame has one of these. Each
round has new processes and a ratio of its own.
"""

import contextlib
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.feeder import Feeder, send_side_by_side
from benchmarks.gateway import WARM_UP_FRAMES, arrived, cpu_ns, gateway_on, resident_mb, started
from benchmarks.null_server import NullServer
from benchmarks.report import Section, goal
from benchmarks.workload import Workload, load_workload

FRAMES_PER_S = 8_000
FRAMES, ROUNDS = 100_000, 7
MOST_CPU = 1.03  # of that without a profile
MOST_MB = 2.0
SHIPPED = "hyundai-kona-64"


def profile() -> str:
    """Return ten ids, none of which the workload has."""
    text = 'title = "x"\ncells = 40\nbus.x = { title = "x", bit_rate = 500_000 }\n'
    cells = "count = 4, bytes = 2, scale = 0.001"
    for n in range(5):
        text += f'unit.u{n} = {{ bus = "x", at = [{{ request = "7{n}0", answer = "7{n}8" }}] }}\n'
    for n in range(5):
        text += f'[[read]]\nunit = "u{n}"\nwhat = "220101"\nmark = "1"\n'
        text += f"cells = {{ first = {4 * n + 1}, byte = 3, {cells} }}\n"
        text += f'[[broadcast]]\nbus = "x"\nid = "7{n}9"\nmark = "1"\n'
        text += f"cells = {{ first = {4 * n + 21}, byte = 0, {cells} }}\n"
    return text


def once(workload: Workload, folder: Path, profiles: tuple[str, ...]) -> list[tuple[int, float]]:
    """Return CPU time in ns and resident MB of a gateway with each of these profiles; empty: with none."""
    cache = f'cache_directory = "{folder.parent / "plans"}"'
    frames = workload.can_frames()
    chosen = (frames * (FRAMES // len(workload.frames) + 1))[: FRAMES * 16]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(NullServer(workload))
        feeders, processes = [], []
        for number, name in enumerate(profiles):
            own = folder / str(number)
            own.mkdir(parents=True)
            feeders.append(stack.enter_context(Feeder(own)))
            described = f'databases = ["{workload.dbc}"]\n' + f'vehicle_profile = "{name}"\n' * bool(name)
            pipeline = gateway_on(feeders[-1].path, described, own, server.url, cache)
            processes.append(stack.enter_context(started(pipeline, own)))
        for feeder in feeders:
            feeder.accept()
        send_side_by_side(feeders, frames[: WARM_UP_FRAMES * 16], FRAMES_PER_S)
        warm_up = arrived(server, WARM_UP_FRAMES * len(profiles), pipeline)
        before_ns = [cpu_ns(process) for process in processes]
        send_side_by_side(feeders, chosen, FRAMES_PER_S)
        arrived(server, warm_up + FRAMES * len(profiles), pipeline)
        return [
            (cpu_ns(process) - ns, resident_mb(process))
            for process, ns in zip(processes, before_ns, strict=True)
        ]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="nev-telemetry-bench-") as name:
        folder = Path(name)
        workload = load_workload(20_000, folder)
        ten = folder / "ten.toml"
        ten.write_text(profile())
        ratios: list[float] = []
        more_mb: dict[str, list[float]] = {str(ten): [], SHIPPED: []}
        for number in range(ROUNDS):
            for profile_name, more in more_mb.items():
                order = ("", profile_name) if number % 2 else (profile_name, "")
                own = folder / f"{Path(profile_name).stem}-{number}"
                found = dict(zip(order, once(workload, own, order), strict=True))
                more.append(found[profile_name][1] - found[""][1])
                if profile_name != SHIPPED:
                    ratios.append(found[profile_name][0] / found[""][0])
    ratio, mb = statistics.median(ratios), [statistics.median(each) for each in more_mb.values()]
    section = Section(
        "A profile in a gateway",
        "",
        ("what", "found", "goal", "met"),
        (
            ("CPU time, ten ids", f"{ratio:.3f}", *goal(ratio, at_most=MOST_CPU)),
            *(
                (f"MB more, {Path(each).stem}", f"{found:.2f}", *goal(found, at_most=MOST_MB))
                for each, found in zip(more_mb, mb, strict=True)
            ),
        ),
    )
    print(section.as_text())
    print("ratios:", *(f"{each:.3f}" for each in sorted(ratios)))
    return int(ratio > MOST_CPU or max(mb) > MOST_MB)


if __name__ == "__main__":
    sys.exit(main())
