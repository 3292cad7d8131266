"""What a scan of serial ports has found: in words, as a configuration to paste, and as JSON.

Promises: the configuration is valid wherever it is pasted, whatever devices call themselves. What no
configuration can say yet, such as a Modbus device without a map, stands in it as a comment.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telemetry.errors import one_line
from telemetry.framing.framing import NO_ADDRESS
from telemetry.model.measurements import MEASUREMENTS
from telemetry.scan.ear import Value
from telemetry.scan.serial_scan import FoundDevice, LineReport
from telemetry.scan.toml_words import SourceNames, text
from telemetry.sources.serial.modbus_tcp import is_modbus_tcp

_SHOWN = {"voltage_v": "V", "current_a": "A", "soc_pct": "%", "power_w": "W"}
_SERIAL_NUMBER = "serial number"


@dataclass(frozen=True, slots=True)
class PortFindings:
    """What was found at a port. trouble: why it could not be looked at, or not at the end; empty: it was."""

    port: str
    report: LineReport
    trouble: str = ""


def words_of(found: FoundDevice) -> str:
    """Return what it is, in one line: kind, address, what it says of itself, what it measures."""
    cells = cell_count(found.values)
    parts = [
        found.protocol.title,
        *([] if found.address == NO_ADDRESS else [f"address {_address_words(found)}"]),
        *(f"{name} {words}" for name, words in identity_of(found).items()),
        *([f"{cells} cells"] if cells else []),
        *_measured(found.values),
    ]
    return one_line(", ".join(parts))


def identity_of(found: FoundDevice) -> dict[str, str]:
    """Return what the device says of itself, without what others on the line say."""
    own = f"{_SERIAL_NUMBER} of {found.address:02X}"
    return {
        _SERIAL_NUMBER if name == own else name: words
        for name, words in found.identity.items()
        if name == own or not (name.startswith(f"{_SERIAL_NUMBER} of ") or name == "address")
    }


def cell_count(values: Mapping[str, Value]) -> int:
    """Return the number of cells that it has measured."""
    return sum(name.startswith("cells.v") and name[7:].isdecimal() for name in values)


def _measured(values: Mapping[str, Value]) -> Iterator[str]:
    for name, value in values.items():
        unit = _SHOWN.get(name.partition(".")[2])
        if unit is not None and not isinstance(value, str):
            yield f"{value:g} {unit}"


def port_words(findings: PortFindings) -> str:
    """Return what a port without devices is like, in one clause."""
    report = findings.report
    if findings.trouble:
        return findings.trouble
    if is_modbus_tcp(findings.port):
        units = "a unit" if report.is_whole else "a unit that was asked in time"
        return f"it takes connections, and nobody answers as {units}"
    sent = f"{report.sent} requests were sent" if report.sent else "nothing was sent"
    if report.other_master:
        return f"another master asks on this line, and no answer that is known was heard; {sent}"
    if report.talks:
        return f"something talks on this line that no protocol reads ({_strange(report)}); {sent}"
    if report.strange_bytes:
        return f"what answers is of no known protocol ({_strange(report)})"
    untried = f"; it cannot be set to {', '.join(report.refused)}" if report.refused else ""
    if not report.is_whole:
        untried += "; not all was tried in time"
    return f"nobody talks, and nobody answers{untried}"


def untried_words(findings: PortFindings) -> str:
    """Name the settings of the line that were not wholly tried, since devices were found; empty: all were."""
    settings = ", ".join(map(str, findings.report.untried))
    words = [f"not wholly tried: {settings}; --protocol NAME looks for others"] if settings else []
    if findings.report.found and not findings.report.is_whole:
        words.append("not all addresses were asked in time")
    return "; ".join(words)


def _strange(report: LineReport) -> str:
    return ", ".join(f"{count} bytes at {setting}" for setting, count in report.strange_bytes.items())


# -- as a configuration


def configuration(ports: Sequence[PortFindings], names: SourceNames) -> str:
    """Return [[serial]] for each port with devices, each with comments that say what they are."""
    all_found = [found for port in ports for found in port.report.found]
    owners = Counter(owner for found in all_found for owner in _owners(found))
    shared = {owner for owner, count in owners.items() if count > 1}
    blocks = [_block(port, names, shared) for port in ports if port.report.found]
    return "\n".join(blocks)


def _block(port: PortFindings, names: SourceNames, shared: set[str]) -> str:
    known = [found for found in port.report.found if not _lacks_map(found)]
    setting = port.report.found[0].setting
    lines = [f"# {one_line(port.port)}" + ("" if setting.is_tcp else f", {setting.baud_rate} baud")]
    if port.report.answers_as_any:
        lines.append("# It answers as whatever unit it is asked as.")
    lines += (
        [f"# It {one_line(port.trouble)}. There may be more devices: scan again."] if port.trouble else []
    )
    if len(port.report.found) == 1 and known:
        name = names.new(known[0].protocol.name)
        lines += [f"# {words_of(known[0])}", *_port_keys(port, name, known)]
        lines += _device_keys(known[0], shared, name)
    elif known:
        lines += _port_keys(port, names.new("line"), known)
        for found in known:
            own = found.protocol.name
            name = names.new(own if found.address == NO_ADDRESS else f"{own}-{_address_words(found)}")
            lines += ["", f"# {words_of(found)}", "[[serial.device]]", f"name = {text(name)}"]
            lines += _device_keys(found, shared, name)
    for found in port.report.found:
        if _lacks_map(found):
            lines += ["", f"# {words_of(found)}"]
            lines += [f"# It needs a map of its registers (docs/serial.md); then address = {found.address}"]
    return "\n".join(lines) + "\n"


def _port_keys(port: PortFindings, name: str, found: Sequence[FoundDevice]) -> list[str]:
    keys = [f"name = {text(name)}", f"port = {text(port.port)}", *_line_keys(found)]
    return ["[[serial]]", *keys]


def _lacks_map(found: FoundDevice) -> bool:
    return found.protocol.name == "modbus" and not found.registers


def _line_keys(found: Sequence[FoundDevice]) -> Iterator[str]:
    """Return what of the line is not as all of its protocols have it."""
    if found[0].setting.is_tcp:
        return
    baud_rate, line = found[0].setting.baud_rate, found[0].setting.line
    if any(one.protocol.baud_rate != baud_rate for one in found):
        yield f"baud_rate = {baud_rate}"
    if any(one.protocol.line.parity != line.parity for one in found):
        yield f"parity = {text(line.parity)}"
    lines = {one.protocol.line for one in found}
    if len(lines) > 1:
        yield f"stop_bits = {line.stop_bits}"


def _device_keys(found: FoundDevice, shared: set[str], name: str) -> Iterator[str]:
    yield f"protocol = {text(found.protocol.name)}"
    if found.registers:
        yield f"registers = {text(found.registers)}"
    addresses = found.protocol.addresses
    if addresses is not None and found.address != NO_ADDRESS:
        yield f"address = {text(_address_words(found)) if addresses.digits > 2 else found.address}"
    for owner in _owners(found):
        if owner in shared:
            yield f"{owner} = {text(name)}"


def _owners(found: FoundDevice) -> list[str]:
    """Return the tags that its values have: a pack, a charger, or both."""
    measurements = {name.partition(".")[0] for name in found.values}
    return [
        tag for tag in ("pack", "charger") if any(tag in MEASUREMENTS[name].tags for name in measurements)
    ]


def _address_words(found: FoundDevice) -> str:
    addresses = found.protocol.addresses
    if addresses is not None and addresses.digits > 2:
        return f"{found.address:0{addresses.digits}x}"
    return str(found.address)


# -- as JSON


def as_json(port: PortFindings) -> dict[str, Any]:
    """Return a port and what was found there, as plain values."""
    devices = [_device_json(found) for found in port.report.found]
    state = port.trouble or "found" if devices else port_words(port)
    return {"port": port.port, "devices": devices, "state": state}


def _device_json(found: FoundDevice) -> dict[str, Any]:
    line = found.protocol.line
    return {
        "protocol": found.protocol.name,
        "title": found.protocol.title,
        "baud_rate": found.setting.baud_rate or None,
        "parity": line.parity,
        "stop_bits": line.stop_bits,
        "address": None if found.address == NO_ADDRESS else _address_words(found),
        "registers": found.registers or None,
        "identity": identity_of(found),
        "cells": cell_count(found.values) or None,
        "values": dict(found.values),
    }
