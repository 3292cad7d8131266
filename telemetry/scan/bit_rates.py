"""Finds the bit rate of a bus at an interface that is down: listens at one rate after the other.

Promises:

- An interface that is up is never changed.
- The controller listens only: it sends neither frames nor acknowledgements. Where the driver cannot do that,
  nothing is tried.
- Whatever happens, the interface is down again afterwards, with the rates and sample points that it had. If
  it had none, it keeps the last one tried, since a rate cannot be unset.

Relies on iproute2, and on the right to set interfaces.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from telemetry.errors import UnavailableError
from telemetry.model.bit_rate import BitRate
from telemetry.scan.traffic import BusTraffic

RATES = tuple(
    BitRate(nominal)
    for nominal in (250_000, 500_000, 125_000, 1_000_000, 100_000, 50_000, 83_333, 33_333, 20_000)
)
FD_RATES = tuple(
    BitRate(nominal * 1000, data * 1_000_000)
    for nominal, data in ((500, 2), (500, 5), (500, 4), (1000, 5), (1000, 8), (250, 2), (250, 1))
)
_MOST_ERRORS = 0.1  # of the frames at the right rate: a listener may come in the middle of one

Run = Callable[[Sequence[str]], tuple[int, str]]  # a command: its exit code, and what it prints


@dataclass(frozen=True, slots=True)
class Timing:
    """What is set. sample_point: as iproute2 writes it; empty: none is set."""

    bit_rate: int
    sample_point: str = ""

    def words(self, prefix: str = "") -> tuple[str, ...]:
        """Return it as iproute2 takes it."""
        words = (f"{prefix}bitrate", str(self.bit_rate))
        return (*words, f"{prefix}sample-point", self.sample_point) if self.sample_point else words


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of CAN. kind: can, vcan, slcan, …; timing, data_timing: None: none is set.

    can_fd: whether its controller can do CAN FD; None: it cannot, otherwise whether that is on.
    """

    name: str
    kind: str
    is_up: bool
    timing: Timing | None = None
    listens_only: bool = False
    data_timing: Timing | None = None
    can_fd: bool | None = None


def run_command(command: Sequence[str]) -> tuple[int, str]:
    """Run it; its errors are part of what it prints. Raises UnavailableError where it is not installed."""
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if program is None:
        raise UnavailableError("is not installed", where=command[0], hint="apt-get install iproute2")
    done = subprocess.run((program, *command[1:]), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def interface(name: str, run: Run = run_command) -> Interface:
    """Return its present state. Raises UnavailableError."""
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
    modes = data.get("ctrlmode", ())
    return Interface(
        name,
        str(info.get("info_kind", "")),
        "UP" in link.get("flags", ()),
        _timing(data.get("bittiming", {})),
        "LISTEN-ONLY" in modes,
        _timing(data.get("data_bittiming", {})),
        "FD" in modes if "FD" in modes or "data_bittiming_const" in data else None,
    )


def _timing(said: Mapping[str, Any]) -> Timing | None:
    bit_rate = said.get("bitrate")
    return Timing(bit_rate, str(said.get("sample_point", ""))) if bit_rate else None


@contextmanager
def listening_only(found: Interface, run: Run = run_command) -> Iterator[Callable[[BitRate], None]]:
    """Yield what sets an interface that was down to a rate, and up; afterwards it is as it was.

    What is yielded raises UnavailableError where the interface cannot be set.
    """

    def set_rate(rate: BitRate) -> None:
        _set(found.name, ("down",), run)
        words = ["bitrate", str(rate.nominal)]
        words += ["dbitrate", str(rate.data)] if rate.data is not None else []
        words += _mode("fd", is_on=rate.data is not None) if found.can_fd is not None else []
        _set(found.name, ("type", "can", *words, "listen-only", "on"), run)
        _set(found.name, ("up",), run)

    try:
        yield set_rate
    finally:
        was = list(found.timing.words()) if found.timing is not None else []
        was += found.data_timing.words("d") if found.data_timing is not None and found.can_fd else []
        was += _mode("fd", is_on=found.can_fd) if found.can_fd is not None else []
        was += _mode("listen-only", is_on=found.listens_only)
        run(("ip", "link", "set", "dev", found.name, "down"))
        run(("ip", "link", "set", "dev", found.name, "type", "can", *was))


def _mode(name: str, *, is_on: bool) -> list[str]:
    return [name, "on" if is_on else "off"]


def find_bit_rate(
    found: Interface, set_rate: Callable[[BitRate], None], hear: Callable[[], BusTraffic]
) -> BitRate | None:
    """Return the first rate at which frames come and hardly an error, or the one with the fewest of them.

    None: no frame came at any. A wrong rate shows as error frames. Of CAN FD each pair of rates is tried that
    the controller takes. Raises UnavailableError where the interface cannot be set.
    """
    best: tuple[float, BitRate] | None = None
    for rate in (*RATES, *(FD_RATES if found.can_fd is not None else ())):
        try:
            set_rate(rate)
        except UnavailableError:
            if rate.data is None:
                raise
            continue  # this controller cannot do it
        heard = hear()
        if heard.frames and heard.errors <= _MOST_ERRORS * heard.frames:
            return rate
        share = heard.frames / max(1, heard.frames + heard.errors)
        if share > (best[0] if best is not None else 0.0):
            best = share, rate
    return best[1] if best is not None else None


def _set(name: str, words: Sequence[str], run: Run) -> None:
    code, said = run(("ip", "link", "set", "dev", name, *words))
    if code != 0:
        first = (said.strip().splitlines() or ["no message"])[0].removeprefix("RTNETLINK answers: ")
        hint = f"run scan as root, or bring it up: ip link set {name} up type can bitrate …"
        raise UnavailableError(f"cannot be set to listen only: {first}", where=name, hint=hint)
