"""What the commands that play a simulation share: signals, the clock, where frames go, the report, the
errors.

The simulator knows nothing of telemetry. It takes scenario files as tables that its caller has read. Its
errors become ours, with the same words.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from firmware_sim.errors import (
    NotFoundError,
    NotUsableError,
    NotValidError,
    NotWrittenError,
    SimulatorError,
)
from firmware_sim.links.can import CandumpLog, Link, RawSocketLink, SeqpacketLink
from firmware_sim.links.player import Player, SimulatedClock, record
from firmware_sim.links.python_can import PythonCanLink
from firmware_sim.wire.broadcast import Frame
from telemetry.databases.cantools_alone import import_cantools_alone
from telemetry.errors import (
    ConfigError,
    InputMissingError,
    StorageError,
    TelemetryError,
    UnavailableError,
    writing,
)

_ERRORS: Mapping[type[SimulatorError], type[TelemetryError]] = {
    NotFoundError: InputMissingError,
    NotValidError: ConfigError,
    NotUsableError: UnavailableError,
    NotWrittenError: StorageError,
}


@contextmanager
def simulator() -> Iterator[None]:
    """Raise what the simulator raises meanwhile as the error of ours that has its exit code."""
    import_cantools_alone()
    try:
        yield
    except SimulatorError as error:
        raise _ERRORS[type(error)](error.what, where=error.where, hint=error.hint) from error


Stop = Callable[[], bool]  # asked between two frames


def simulated_clock(arguments: argparse.Namespace) -> SimulatedClock:
    """Return the clock of `--time-scale`, `--time-origin` and `--time-wall`."""
    now_ns = time.time_ns()
    return SimulatedClock(
        scale=arguments.time_scale,
        origin_ns=now_ns if arguments.time_origin is None else arguments.time_origin,
        wall_ns=now_ns if arguments.time_wall is None else arguments.time_wall,
    )


def open_link(arguments: argparse.Namespace, stop: Stop) -> Link:
    """Return where `--can`, `--interface` or `--socket` say; none of them: nowhere."""
    if arguments.interface is not None:
        return PythonCanLink.open(arguments.interface, arguments.channel)
    if arguments.can is not None:
        return RawSocketLink.open(arguments.can, time.sleep)
    return Link() if arguments.socket is None else SeqpacketLink(arguments.socket, stop)


def _say_behind(seconds: float) -> None:
    print(
        f"sim: {seconds:.1f} s behind: the machine or the reader is too slow for this --time-scale",
        file=sys.stderr,
    )


def write_log(frames: Iterable[Frame], origin_ns: int, file: Path, stop: Stop) -> dict[str, object]:
    """Write all frames into a candump log. Raises StorageError."""
    with writing(file), file.open("w", encoding="ascii") as stream:
        record(frames, CandumpLog(stream), origin_ns, stop)
    return {"time_start_ns": origin_ns}


def print_clock(clock: SimulatedClock) -> None:
    """Print what the service's source needs to know, as its configuration wants it."""
    print(f"time_scale = {clock.scale}")
    print(f"time_origin_ns = {clock.origin_ns}")
    print(f"time_wall_ns = {clock.wall_ns}", flush=True)


def play(
    frames_by: Callable[[Callable[[], int]], Iterable[Frame]],
    clock: SimulatedClock,
    link: Link,
    stop: Stop,
    *,
    sleep: Callable[[float], None] = time.sleep,
    attend: Callable[[], None] = lambda: None,
) -> dict[str, object]:
    """Send all frames on a bus, each when it is due.

    frames_by: makes them, given what returns the simulated time since their own time 0.
    """
    print_clock(clock)
    player = Player(
        link, clock, unix_ns=time.time_ns, sleep=sleep, stopped=stop, on_behind=_say_behind, attend=attend
    )
    start_ns = player.play(frames_by(player.passed_ns))
    return {
        "time_scale": clock.scale,
        "time_origin_ns": clock.origin_ns,
        "time_wall_ns": clock.wall_ns,
        "time_start_ns": start_ns,
        "frames_sent": player.sent - link.not_sent,
        "late_max_s": player.late_max_s,
    }


def write_report(arguments: argparse.Namespace, scenario: str, played: dict[str, object]) -> None:
    """Write what was played as JSON, if `--report` asks for it. Raises StorageError."""
    if arguments.report is not None:
        report = {"scenario": scenario, "seed": arguments.seed} | played
        with writing(arguments.report):
            arguments.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
