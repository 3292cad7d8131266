"""The tables of a serial protocol's page: what its messages hold, what that fills, and which alarms it means.

Made from the tables that the service works by, for `tools/pages/protocols.py`.
"""

import re
from collections.abc import Iterator, Sequence

from telemetry.model.event_codes import EVENT_CODES
from telemetry.protocols.serial.layout import ABSENT_CELL, ABSENT_SENSOR
from telemetry.protocols.table import Mapped, Message, SerialProtocol, Signal

_NUMBERED = re.compile(r"(.*?)(\d+)$")
_SHOWN = 2  # entries of a numbered list that are shown, before the last one
_FLAG = "has_"
_NOT_FITTED = ((ABSENT_CELL,), (ABSENT_SENSOR,))  # what our readers put where a cell or sensor is missing
_NOT_THERE = (1 << 31,)  # the same of a value with digits that are not decimal


def fields_of(protocol: SerialProtocol) -> str:
    """Return the messages of a protocol, their signals and its alarms, as Markdown."""
    lines = [line for message in protocol.messages for line in _message(message, protocol)]
    return "\n".join((*lines, *_alarms(protocol))) + "\n\n"


def _message(message: Message, protocol: SerialProtocol) -> Iterator[str]:
    signals = [signal for signal in message.signals if not signal.name.startswith(_FLAG)]
    yield ""
    yield f"**{message.name}**"
    yield ""
    if not signals:
        yield "No values: what it says identifies the device."
        return
    yield "| signal | where | value | fills | mark |"
    yield "| --- | --- | --- | --- | --- |"
    for signal in _shortened(signals):
        if signal is None:
            yield "| … | | | | |"
        else:
            fills = ", ".join(f"`{to}`" for to in _filled(f"{message.name}.{signal.name}", protocol))
            value = "; ".join(_value(signal))
            yield f"| `{signal.name}` | {signal.place} | {value} | {fills} | {signal.mark} |"


def _shortened(signals: Sequence[Signal]) -> Iterator[Signal | None]:
    """Return the signals; of a long list of numbered ones the first two and the last, None between."""
    last: dict[str, int] = {}
    for signal in signals:
        if found := _NUMBERED.fullmatch(signal.name):
            last[found[1]] = max(int(found[2]), last.get(found[1], 0))
    for signal in signals:
        found = _NUMBERED.fullmatch(signal.name)
        number, most = (int(found[2]), last[found[1]]) if found else (0, 0)
        if number <= _SHOWN or number == most or most <= _SHOWN + 1:
            yield signal
        elif number == _SHOWN + 1:
            yield None


def _filled(name: str, protocol: SerialProtocol) -> Iterator[str]:
    """Return the fields that the signal of this name fills."""
    for one in protocol.mapped:
        pattern = re.escape(one.signal).replace(re.escape("{n}"), r"(\d+)")
        found = re.fullmatch(pattern, name)
        if found and not one.to.startswith("event."):
            number = found[1] if found.groups() else ""
            yield one.to.replace("{n}", f"{int(number):03}" if number else "")


def _value(signal: Signal) -> Iterator[str]:
    scale = "" if signal.factor == 1.0 else f"{signal.factor:g} x raw"
    if signal.offset:
        scale = f"{scale or 'raw'} {'+' if signal.offset > 0.0 else '-'} {abs(signal.offset):g}"
    if scale or signal.unit:
        yield ", ".join(filter(None, (scale, signal.unit)))
    is_our_own = signal.invalid == _NOT_THERE or (
        _NUMBERED.fullmatch(signal.name) is not None and signal.invalid in _NOT_FITTED
    )
    if signal.invalid and signal.place and not is_our_own:
        yield f"{', '.join(map(str, signal.invalid))} absent"


def _alarms(protocol: SerialProtocol) -> Iterator[str]:
    alarms = [one for one in protocol.mapped if one.to.startswith("event.")]
    if not alarms:
        return
    yield ""
    yield "| alarm | when | event | level |"
    yield "| --- | --- | --- | --- |"
    for one in alarms:
        code = EVENT_CODES[one.to.removeprefix("event.")]
        level = one.level or code.level.name.lower()
        yield f"| `{one.signal.partition('.')[2]}` | {_when(one)} | `{code.name}` | {level} |"


def _when(alarm: Mapped) -> str:
    if alarm.bit is not None:
        return f"bit {alarm.bit}"
    if alarm.when:
        return f"is {', '.join(map(str, alarm.when))}"
    return "is not 0"
