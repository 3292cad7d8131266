"""Messages of buses and serial devices as lines, with all that they say. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from telemetry.monitor.packs import age, reading
from telemetry.monitor.text import Style, line, rule

Json = Mapping[str, Any]


def message_lines(live: Json, width: int) -> Iterator[Text]:
    """Every message that was seen, with its signals in columns."""
    for message in live.get("messages", ()):
        sender = f" · sa {message['sender']}" if message["sender"] else ""
        title = line((message["message"], Style.HEADING), (f" · {message['source']}{sender}", Style.FAINT))
        end = line((f"{message['rate_per_s']:.1f}/s  ", Style.FAINT), age(message["age_s"]))
        yield rule(title, end, width)
        yield from _signals(message["signals"], set(message["stale"]), width)


def _signals(signals: Json, stale: set[str], width: int) -> Iterator[Text]:
    cells = [_signal(name, value, is_stale=name in stale) for name, value in signals.items()]
    column = max((cell.cell_len for cell in cells), default=1) + 2
    in_line = max((width - 1) // column, 1)
    for cell in cells:
        cell.truncate(column, pad=True)
    for start in range(0, len(cells), in_line):
        yield line(" ", *cells[start : start + in_line])


def _signal(name: str, value: object, *, is_stale: bool) -> Text:
    words = f"{value:.6g}" if isinstance(value, float) else str(value)
    return line((f"{name} ", Style.LABEL), reading(words, is_stale=is_stale))
