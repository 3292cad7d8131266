"""What a scan is going to send, byte for byte, before it does: the answer to `--dry-run`.

Over Modbus/TCP all but the first two bytes, which count the requests.
"""

from collections.abc import Sequence
from typing import Any

from telemetry.framing.framing import NO_ADDRESS
from telemetry.protocols.table import SerialProtocol
from telemetry.scan.probes import Meant, Probe, Setting, follow_ups, narrower
from telemetry.scan.serial_scan import MOST_SEARCHES, Waits, silent_s
from telemetry.sources.serial.modbus_tcp import adu


def in_short(settings: Sequence[Setting], waits: Waits, *, speaks_always: bool) -> str:
    """Return one line about a port. speaks_always: also where something talks."""
    probes = [probe for setting in settings for probe in setting.probes]
    names = list(dict.fromkeys(meant.protocol.name for probe in probes for meant in probe.meant))
    rates = ", ".join(str(setting) for setting in settings)
    silent = f"{silent_s(settings, waits):.0f} s if nobody answers"
    if not probes:
        return f"listens at {rates}, and sends nothing; {silent}"
    unless = _unless(speaks_always=speaks_always)
    if settings[0].is_tcp:
        return f"sends {len(probes)} requests to read over Modbus/TCP, and more to who answers; {silent}"
    sent = f"{len(probes)} request{'' if len(probes) == 1 else 's'} to read, of {', '.join(names)}"
    return f"listens at {rates}; {unless}sends {sent}, and more to who answers; {silent}"


def _unless(*, speaks_always: bool) -> str:
    return "" if speaks_always else "unless something talks, "


def as_text(settings: Sequence[Setting], waits: Waits, *, speaks_always: bool) -> str:
    """Return all bytes as hexadecimal digits: each request, and below it what is sent if it is answered."""
    lines: list[str] = []
    for number, setting in enumerate(settings):
        listens = f"listens for {waits.listening_s(is_long=number == 0):g} s"
        if setting.is_tcp:
            lines.append(f"{setting}: sends, each after two bytes that count the requests")
        else:
            lines.append(f"{setting}: {listens}; then, {_unless(speaks_always=speaks_always)}sends")
        for probe in setting.probes:
            lines.append(f"  {_sent(setting, probe.data).upper()}  to {_meant(probe)}")
            for meant in probe.meant:
                if after := [_sent(setting, data).upper() for data in follow_ups(meant)]:
                    own = " (with its own address)" if meant.is_of_anyone else ""
                    lines.append(f"    answered by {meant.protocol.name}{own}: {' '.join(after)}")
                if by_digits := narrower(meant):
                    first, last = (one.data.hex().upper() for one in (by_digits[0], by_digits[-1]))
                    lines.append(f"    by several at once: {first} to {last}, by two digits; by two")
                    lines.append(f"      more, wherever several answer again; {MOST_SEARCHES} times at most")
    return "\n".join(lines) + "\n"


def left_out(protocols: Sequence[SerialProtocol]) -> list[str]:
    """Return the protocols whose requests are risky, and why."""
    return [f"{one.name}: {one.scan.risk}" for one in protocols if one.scan.risk]


def as_json(port: str, settings: Sequence[Setting], waits: Waits) -> dict[str, Any]:
    """Return the same of one port as plain values."""
    return {
        "port": port,
        "settings": [
            {
                "baud_rate": setting.baud_rate,
                "parity": setting.line.parity,
                "stop_bits": setting.line.stop_bits,
                "listen_s": waits.listening_s(is_long=number == 0),
                "requests": [
                    {
                        "hex": _sent(setting, probe.data),
                        "for": _meant(probe),
                        "if_several_answer": [
                            one.data.hex() for meant in probe.meant for one in narrower(meant)
                        ],
                        "if_answered": [
                            _sent(setting, data) for meant in probe.meant for data in follow_ups(meant)
                        ],
                    }
                    for probe in setting.probes
                ],
            }
            for number, setting in enumerate(settings)
        ],
    }


def _sent(setting: Setting, data: bytes) -> str:
    """Return the digits of what goes out."""
    return (adu(data, 0)[2:] if setting.is_tcp else data).hex()


def _meant(probe: Probe) -> str:
    return " or ".join(_who(meant) for meant in probe.meant)


def _who(meant: Meant) -> str:
    if meant.address == NO_ADDRESS:
        return meant.protocol.name
    return f"{meant.protocol.name} at {'any address' if meant.is_of_anyone else meant.address}"
