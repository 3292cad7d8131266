"""The arguments by which python-can's own commands name a bus, for commands that listen to one.

They are python-can's (`can.cli.add_bus_arguments`). python-can is not imported for them, since that takes
seconds where asammdf is installed. One is mended: `ID~MASK` keeps its mask, which python-can drops.
"""

import argparse
from typing import Any

from telemetry.cli.arguments import whole
from telemetry.cli.options import add_option
from telemetry.errors import UsageError

# What `--timing` needs all of: can.BitTiming and can.BitTimingFd.
TIMING = frozenset(("f_clock", "brp", "tseg1", "tseg2", "sjw", "nof_samples"))
TIMING_FD = frozenset(
    ("f_clock", *(f"{part}_{what}" for part in ("nom", "data") for what in ("brp", "tseg1", "tseg2", "sjw")))
)
# What is given as can.Bus calls it, and what makes several of its keywords.
_PLAIN = ("interface", "channel", "bitrate", "fd", "data_bitrate", "can_filters")
OF_A_BUS = (*_PLAIN, "timing", "bus_kwargs")
_INVERTED = 0x20000000  # CAN_INV_FILTER of linux/can.h


def add_bus_arguments(parser: argparse.ArgumentParser, *, bit_rate_for: str = "") -> None:
    """Add them. bit_rate_for: what else the command uses the bit rate for."""
    group = parser.add_argument_group("the bus, as python-can's own commands take it")
    add_option(group, "-i, --interface KIND", "python-can's name of it: slcan, gs_usb, …")
    add_option(group, "-c, --channel CHANNEL", "can0, /dev/ttyACM0, … as KIND wants it")
    rate = f"; {bit_rate_for}" if bit_rate_for else ""
    add_option(group, "-b, --bitrate BIT/S", f"of the bus{rate}", type=whole)
    add_option(group, "--fd", "with CAN FD", default=None)
    add_option(group, "--data-bitrate BIT/S", "of the data part of CAN FD frames", type=whole)
    add_option(
        group,
        "--timing NAME=N",
        f"the bit timing: {', '.join(sorted(TIMING))}; or with nom_ and data_ for CAN FD",
        type=_timing,
        nargs="+",
    )
    add_option(
        group,
        "--filter ID:MASK",
        "these ids alone, both in hex; ID~MASK: all others (socketcan alone)",
        dest="can_filters",
        type=_filter,
        nargs="+",
    )
    add_option(group, "--bus-kwargs NAME=VALUE", "more keywords of KIND's own", type=_keyword, nargs="+")


def bus_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of `can.Bus` that were given. Raises UsageError."""
    given = {name: getattr(arguments, name) for name in _PLAIN if getattr(arguments, name) is not None}
    is_inverted = any(each["can_id"] & _INVERTED for each in given.get("can_filters", ()))
    if is_inverted and arguments.interface != "socketcan":
        raise UsageError("ID~MASK is for -i socketcan alone", where="--filter", hint="give ID:MASK")
    timing = dict(arguments.timing or ())
    if timing and timing.keys() not in (TIMING, TIMING_FD):
        names = [", ".join(sorted(each)) for each in (TIMING, TIMING_FD)]
        raise UsageError("is not whole", where="--timing", hint=f"all of {names[0]}; or of {names[1]}")
    return {**given, **timing, **dict(arguments.bus_kwargs or ())}


def _timing(text: str) -> tuple[str, int]:
    name, equals, value = text.partition("=")
    number = value.replace("_", "")
    if not equals or not number.isdecimal() or name not in TIMING | TIMING_FD:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=N, such as f_clock=8_000_000")
    return name, int(number)


def _filter(text: str) -> dict[str, int]:
    for sign, flag in ((":", 0), ("~", _INVERTED)):
        id_text, found, mask_text = text.partition(sign)
        if found:
            try:
                return {"can_id": int(id_text, 16) | flag, "can_mask": int(mask_text, 16)}
            except ValueError:
                break
    raise argparse.ArgumentTypeError(f"{text!r} is not ID:MASK or ID~MASK, both in hex")


def _keyword(text: str) -> tuple[str, str]:
    """Read NAME=VALUE. python-can itself reads numbers and truth values from the text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
