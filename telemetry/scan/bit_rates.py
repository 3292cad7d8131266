"""Finds the bit rate of a bus at an interface that is down: listens at one rate after the other.

Promises:

- An interface that is up is never changed.
- The controller listens only: it sends neither frames nor acknowledgements. Where the driver cannot do that,
  nothing is tried.
- Whatever happens, the interface is down again afterwards, with the bit rate and sample point that it had.

Relies on iproute2, and on the right to set interfaces.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from telemetry.errors import UnavailableError

RATES = (250_000, 500_000, 125_000, 1_000_000, 100_000, 50_000, 83_333, 33_333, 20_000)

Run = Callable[[Sequence[str]], tuple[int, str]]  # a command: its exit code, and what it prints


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of CAN. kind: can, vcan, slcan, …; bit_rate: None: none is set.

    sample_point: as iproute2 writes it; empty: none is set.
    """

    name: str
    kind: str
    is_up: bool
    bit_rate: int | None
    sample_point: str
    listens_only: bool


def run_command(command: Sequence[str]) -> tuple[int, str]:
    """Run it; its errors are part of what it prints. Raises UnavailableError where it is not installed."""
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if program is None:
        raise UnavailableError("is not installed", where=command[0], hint="apt-get install iproute2")
    done = subprocess.run((program, *command[1:]), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def interface(name: str, run: Run = run_command) -> Interface:
    """How it is now. Raises UnavailableError."""
    code, said = run(("ip", "-json", "-details", "link", "show", "dev", name))
    if code != 0:
        raise UnavailableError("there is no such interface", where=name)
    try:
        (link,) = json.loads(said)
    except ValueError as error:
        raise UnavailableError("ip gives no JSON", where=name, hint="iproute2 is too old") from error
    info: dict[str, Any] = link.get("linkinfo", {})
    if link.get("link_type") != "can":
        raise UnavailableError("is no CAN interface", where=name)
    data = info.get("info_data", {})
    timing = data.get("bittiming", {})
    return Interface(
        name,
        str(info.get("info_kind", "")),
        "UP" in link.get("flags", ()),
        timing.get("bitrate"),
        str(timing.get("sample_point", "")),
        "LISTEN-ONLY" in data.get("ctrlmode", ()),
    )


def find_bit_rate(found: Interface, hears_frames: Callable[[], bool], run: Run = run_command) -> int | None:
    """The first of RATES at which `hears_frames` says so; None: none.

    `found` is a CAN interface that is down. Raises UnavailableError where the interface cannot be set.
    """
    try:
        for rate in RATES:
            _set(found.name, ("type", "can", "bitrate", str(rate), "listen-only", "on"), run)
            _set(found.name, ("up",), run)
            heard = hears_frames()
            _set(found.name, ("down",), run)
            if heard:
                return rate
        return None
    finally:
        mode = "on" if found.listens_only else "off"
        was = ["bitrate", str(found.bit_rate)] if found.bit_rate else []
        was += ["sample-point", found.sample_point] if was and found.sample_point else []
        run(("ip", "link", "set", "dev", found.name, "down"))
        run(("ip", "link", "set", "dev", found.name, "type", "can", *was, "listen-only", mode))


def _set(name: str, words: Sequence[str], run: Run) -> None:
    code, said = run(("ip", "link", "set", "dev", name, *words))
    if code != 0:
        first = (said.strip().splitlines() or ["no message"])[0].removeprefix("RTNETLINK answers: ")
        hint = f"run scan as root, or bring it up: ip link set {name} up type can bitrate …"
        raise UnavailableError(f"cannot be set to listen only: {first}", where=name, hint=hint)
