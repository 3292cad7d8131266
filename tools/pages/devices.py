"""The tables and lists of devices on several pages, made from the devices' own files.

`python -m tools.pages` writes each between `<!-- devices: NAME -->` and `<!-- end -->`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from textwrap import fill

from firmware_sim.serial_devices import KINDS
from telemetry.protocols.known import CAN_PROTOCOLS, PROTOCOLS
from telemetry.protocols.table import SerialProtocol
from telemetry.scan.probes import Setting, scanned, settings_of
from telemetry.scan.serial_scan import Waits, silent_s

_BLOCK = re.compile(r"(?<=<!-- devices: )(\w+)( -->)(\n?).*?(?=<!-- end -->)", re.DOTALL)
_WIDTH = 120  # of a line of a page


def rewritten(page: str) -> str:
    """Return the page with its tables as the code has them now."""
    return _BLOCK.sub(lambda found: f"{found[1]}{found[2]}{found[3]}{_MADE[found[1]]()}{found[3]}", page)


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(
        f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (head, ["---"] * len(head), *rows)
    )


def _listed() -> str:
    """Return what each device is, for docs/serial.md."""
    return _rows(
        ("protocol", "devices", "line", "how"),
        (
            (f"[`{one.name}`](protocols/{one.name}.md)", one.words.devices, _line(one), one.words.how)
            for one in scanned()
        ),
    )


def _line(protocol: SerialProtocol) -> str:
    some = "".join(f" (some boards {rate})" for rate in protocol.scan.more_rates)
    return protocol.words.line or f"{protocol.baud_rate} baud{some}, {protocol.line}"


def _scanned() -> str:
    """Return how each is tried, for docs/scan.md."""
    settings = settings_of(scanned())

    def names(setting: Setting) -> list[str]:
        return [one.name for one in setting.heard]

    return _rows(
        ("protocol", "line", "addresses"),
        (
            (
                f"`{one.name}`{', risky' if one.scan.risk else ''}",
                ", ".join(f"{at.baud_rate} {at.line}" for at in settings if one.name in names(at)),
                one.words.addresses,
            )
            for one in scanned()
        ),
    )


def _risks() -> str:
    lines = (f"- `{one.name}`: {one.scan.risk}." for one in scanned() if one.scan.risk)
    return "\n".join(fill(line, _WIDTH, subsequent_indent="  ", break_on_hyphens=False) for line in lines)


def _silent() -> str:
    return f"{silent_s(settings_of(scanned()), Waits()):.0f} s"


def _scrubbed() -> str:
    """Return what `scrub` replaces, for docs/scrub.md."""
    others = ", ".join(f"`{name}`" for name, one in PROTOCOLS.items() if not one.words.scrubbed)
    named = ((f"`{name}`", one.words.scrubbed) for name, one in PROTOCOLS.items() if one.words.scrubbed)
    return _rows(
        ("protocol", "replaced"),
        (*named, (others, "nothing: their messages name the model at most")),
    )


def _bus_secrets() -> str:
    """Return which signals of buses say whose they are, for docs/scrub.md."""
    places: dict[tuple[str, str], list[str]] = {}
    for name, protocol in CAN_PROTOCOLS.items():
        for message in protocol.messages:
            for signal in message.signals:
                if signal.secret and protocol.extended:
                    places.setdefault((f"`{name}`", signal.name), []).append(message.code)
    return ", ".join(f"{name} `{signal}` ({', '.join(codes)})" for (name, signal), codes in places.items())


def _makers() -> str:
    """Return who makes the batteries that are read, for README.md."""
    return ", ".join(dict.fromkeys(one.words.maker for one in scanned() if one.words.maker))


def _plugs() -> str:
    """Return the protocols of plugs, for README.md."""
    return " and ".join(_called(is_charger=False))


def _chargers() -> str:
    """Return the chargers that are listened to, for README.md and docs/charging.md."""
    return ", ".join(_called(is_charger=True))


def _called(*, is_charger: bool) -> Iterable[str]:
    return dict.fromkeys(one.called for one in CAN_PROTOCOLS.values() if one.is_charger == is_charger)


def _on_buses() -> str:
    """Return the names of protocols of a bus, for docs/sessions.md."""
    return ", ".join(f"`{name}`" for name in sorted(CAN_PROTOCOLS))


def _bus_pages() -> str:
    """Return links to their pages, for README.md; several may have one page."""
    pages: dict[str, str] = {}
    for name, one in CAN_PROTOCOLS.items():
        pages.setdefault(one.called, name)
    return ", ".join(f"[{called}](docs/protocols/{name}.md)" for called, name in pages.items())


def _simulated() -> str:
    """Return what the simulator puts on a line, for docs/simulator.md."""
    return _rows(
        ("device", "is", "sends"), ((f"`{name}`", kind.what, kind.sends) for name, kind in KINDS.items())
    )


def _options() -> str:
    return _rows(
        ("device", "options"),
        (
            (f"`{name}`", ", ".join(f"`{option}`" for option in kind.options))
            for name, kind in KINDS.items()
            if kind.options
        ),
    )


_MADE: dict[str, Callable[[], str]] = {
    "listed": _listed,
    "scanned": _scanned,
    "risks": _risks,
    "silent": _silent,
    "scrubbed": _scrubbed,
    "bus_secrets": _bus_secrets,
    "makers": _makers,
    "plugs": _plugs,
    "chargers": _chargers,
    "on_buses": _on_buses,
    "bus_pages": _bus_pages,
    "simulated": _simulated,
    "options": _options,
}
