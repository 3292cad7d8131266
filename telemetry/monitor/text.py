"""What lines on the screen have in common: what a style means, how items flow into lines, what may be shown.

Promises: a line is never wider than asked for, also with letters that take two columns. What comes from
files, buses and servers reaches the terminal as printable text only. Pure.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from rich.text import Text

from telemetry.errors import printable

# One letter for each, so that a line keeps its width and its styles.
_IN_ASCII = str.maketrans("▁▂▃▄▅▆▇█░─·▼▲°", "..:::###.-|v^ ")


class Style(StrEnum):
    """What a piece of text means, as rich's style. Colour alone means nothing: NO_COLOR loses no word."""

    HEADING = "bold"
    LABEL = "cyan"
    FAINT = "bright_black"
    STALE = "yellow"
    GOOD = "green"
    WARNING = "yellow"
    BAD = "bold red"
    BAR = "blue"
    LOWEST = "bold magenta"
    HIGHEST = "bold green"


def line(*parts: str | Text | tuple[str, str]) -> Text:
    """Return one line of text: words, words with their style, or other lines."""
    return Text.assemble(*parts, no_wrap=True, overflow="crop")


def fit(text: Text, width: int) -> Text:
    """Return `text` cut to `width` columns, every letter printable, without spaces at its end."""
    if not text.plain.isprintable():
        text.plain = printable(text.plain)
    text.truncate(width)
    text.rstrip()
    return text


def in_ascii(text: Text) -> Text:
    """Return it for a terminal of ASCII alone; it keeps its width, but for letters from outside."""
    text = text.copy()
    text.plain = text.plain.translate(_IN_ASCII).encode("ascii", "replace").decode()
    return text


def rule(title: Text, end: Text, width: int) -> Text:
    """Return a heading: a title, and a line up to what stands at the right."""
    title.truncate(max(width - end.cell_len - 4, 0))
    filled = width - title.cell_len - end.cell_len - 2
    return line(title, (f" {'─' * filled} " if filled > 0 else " ", Style.FAINT), end)


def flow(items: Iterable[Text], width: int, gap: str = "  ") -> Iterator[Text]:
    """Yield `items` one after the other, `gap` between them, in as many lines of `width` as they need."""
    row: list[Text] = []
    used = 0
    for item in items:
        if row and 1 + used + len(gap) + item.cell_len > width:
            yield line(" ", Text(gap).join(row))
            row, used = [], 0
        used += item.cell_len + (len(gap) if row else 0)
        row.append(item)
    if row:
        yield line(" ", Text(gap).join(row))


def bar(pct: float, width: int, style: Style) -> Text:
    """Return `width` columns, of which `pct` per cent are filled."""
    filled = round(width * min(max(pct, 0.0), 100.0) / 100.0)
    return line(("█" * filled, style), ("░" * (width - filled), Style.FAINT))
