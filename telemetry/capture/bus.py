"""The bus that is recorded, by python-can: as its own command line names it, or a service's configuration."""

import contextlib
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import can

from telemetry.config import Config
from telemetry.errors import MissingPackageError, TelemetryError, UnavailableError, UsageError
from telemetry.sources.can.sockets import NO_CAN, kernel_has_can
from telemetry.sources.python_can.source import extra_of

RECEIVE_BYTES = 8 * 1024 * 1024
_SO_MEMINFO = 55  # of linux/sock_diag.h and asm-generic/socket.h
_DROPS = 8  # index of what was dropped among its nine numbers
_SO_RCVBUFFORCE = 33


def options_from(config: Config, source: str) -> dict[str, Any]:
    """Return the options of `can.Bus` for a source of a configuration. Raises UsageError."""
    buses = {each.name: options for each in config.sources if (options := each.listening_options) is not None}
    named = [name for name in buses if source in ("", name)]
    if len(named) != 1:
        what = (
            f"has no bus {source!r} that can be recorded" if source else f"has {len(buses)} buses to record"
        )
        raise UsageError(what, where=str(config.file), hint=_what_can_be(config, list(buses)))
    return dict(buses[named[0]])


def _what_can_be(config: Config, buses: Sequence[str]) -> str:
    """Say what of a configuration can be recorded, or else how a simulator records."""
    if names := buses or [each.name for each in config.sources if not each.is_can]:
        return f"--source NAME, of {', '.join(names)}"
    return (
        "`socket` is of a simulator, which writes its own log: sim --output"
        if any(not each.log for each in config.sources)
        else ""
    )


def open_bus(options: Mapping[str, Any]) -> can.BusABC:
    """Open the bus.

    Raises UsageError where no known interface is named, MissingPackageError where python-can lacks a package
    for it, UnavailableError where it cannot be opened.
    """
    try:
        # What is not given comes from python-can's configuration files and environment.
        bus = can.Bus(**options)
    except (can.CanInterfaceNotImplementedError, ImportError) as error:
        raise _not_usable(options, str(error)) from error
    except (can.CanError, OSError, ValueError, TypeError) as error:
        if options.get("interface") == "socketcan" and not kernel_has_can():
            hint = "an adapter of python-can may do without: -i slcan, gs_usb, …"
            raise UnavailableError(NO_CAN, where=_name(options), hint=hint) from error
        raise UnavailableError(f"cannot be opened: {error}", where=_name(options)) from error
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
        with contextlib.suppress(OSError, AttributeError):
            bus.socket.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BYTES)  # type: ignore[attr-defined]  # socketcan alone
            break
    return bus


def dropped(bus: can.BusABC) -> int | None:
    """Return how many frames the kernel dropped since the bus was opened; None where nobody knows."""
    try:
        known = bus.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)  # type: ignore[attr-defined]  # likewise
        return int(struct.unpack("9I", known)[_DROPS])
    except (OSError, AttributeError, struct.error):
        return None


def _not_usable(options: Mapping[str, Any], words: str) -> TelemetryError:
    """Return the error for an interface that python-can does not know, or cannot use here."""
    try:
        interface = can.util.load_config(config=dict(options))["interface"]
    except can.CanInterfaceNotImplementedError:
        words = words if options.get("interface") else "no bus is named"  # python-can: interface type "None"
        return UsageError(
            words,
            where="capture",
            hint="as -i socketcan -c can0, by CONFIG, or by a configuration file of python-can",
        )
    if extra := extra_of(interface):
        return MissingPackageError(words, where=interface, hint=f"pip install '{extra}'")
    return UnavailableError(words, where=interface)


def _name(options: Mapping[str, Any]) -> str:
    return str(options.get("channel") or options.get("interface") or "the bus")
