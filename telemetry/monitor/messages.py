"""Messages of buses and serial devices as lines, with all that they say. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from telemetry.live.words import unmatched
from telemetry.monitor.packs import age, reading
from telemetry.monitor.text import Style, line, rule

Json = Mapping[str, Any]


def message_lines(live: Json, width: int, wanted: str = "") -> Iterator[Text]:
    """Yield every message that was seen, with its signals in columns.

    wanted: words; only signals are shown that have all of them in message, signal, source or unit.
    """
    words = wanted.casefold().split()
    for message in live.get("messages", ()):
        signals = {name: value for name, value in message["signals"].items() if _fits(message, name, words)}
        if not signals and (words or message["signals"]):
            continue
        sender = f" · sa {message['sender']}" if message["sender"] else ""
        title = line((message["message"], Style.HEADING), (f" · {message['source']}{sender}", Style.FAINT))
        end = line((f"{message['rate_per_s']:.1f}/s  ", Style.FAINT), age(message["age_s"]))
        yield rule(title, end, width)
        yield from _signals(signals, message.get("units", {}), set(message["stale"]), width)
    if left_out := live.get("messages_left_out", 0):
        yield line((f" {left_out} more messages come than are shown", Style.FAINT))
    if not words:
        yield from _unmatched(live, width)


def _unmatched(live: Json, width: int) -> Iterator[Text]:
    """Yield the ids that no message has, one a line."""
    if ids := live.get("unmatched", ()):
        yield rule(line(("ids without a message", Style.HEADING)), line(), width)
    for each in ids:
        yield line((f" {each['source']} {each['id']}", Style.LABEL), f"  {unmatched(each)}")
    if others := live.get("unmatched_left_out", 0):
        yield line((f" and {others:,} frames of other ids", Style.FAINT))


def _fits(message: Json, name: str, words: list[str]) -> bool:
    unit = message.get("units", {}).get(name, "")
    text = f"{message['source']} {message['message']} {name} {unit}".casefold()
    return all(word in text for word in words)


def _signals(signals: Json, units: Mapping[str, str], stale: set[str], width: int) -> Iterator[Text]:
    cells = [
        _signal(name, value, units.get(name, ""), is_stale=name in stale) for name, value in signals.items()
    ]
    column = max((cell.cell_len for cell in cells), default=1) + 2
    in_line = max((width - 1) // column, 1)
    for cell in cells:
        cell.truncate(column, pad=True)
    for start in range(0, len(cells), in_line):
        yield line(" ", *cells[start : start + in_line])


def _signal(name: str, value: object, unit: str, *, is_stale: bool) -> Text:
    words = f"{value:.6g}" if isinstance(value, float) else str(value)
    words = f"{words} {unit}".rstrip()
    return line((f"{name} ", Style.LABEL), reading(words, is_stale=is_stale))
