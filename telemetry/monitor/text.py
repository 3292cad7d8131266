"""Lines of styled text of known width: what the monitor's layout is made of, and how it is cut and joined.

Promises: a line is never wider than asked for, also with letters that take two columns; what comes from
files, buses and servers cannot reach the terminal as anything but printable text. Pure.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from telemetry.errors import one_line


class Style(StrEnum):
    """What a piece of text means; `screen` knows the colours, and nothing depends on them."""

    PLAIN = "plain"
    HEADING = "heading"
    LABEL = "label"
    FAINT = "faint"
    STALE = "stale"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    BAR = "bar"
    LOWEST = "lowest"
    HIGHEST = "highest"


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one style."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Characters beyond letters. levels: a column that is filled more and more, the first one empty."""

    levels: str
    full: str
    empty: str
    rule: str
    lowest: str
    highest: str
    dots: str
    delta: str
    degrees: str
    separator: str
    unknown: str


UNICODE = Glyphs(
    levels=" ▁▂▃▄▅▆▇█",
    full="█",
    empty="░",
    rule="─",
    lowest="▼",
    highest="▲",
    dots="…",
    delta="Δ",
    degrees="°C",
    separator="·",
    unknown="·",
)
ASCII = Glyphs(
    levels=" .:#",
    full="#",
    empty=".",
    rule="-",
    lowest="v",
    highest="^",
    dots="..",
    delta="delta",
    degrees="C",
    separator="|",
    unknown="?",
)


def glyphs_for(encoding: str | None, *, terminal: str = "") -> Glyphs:
    """Those that an output of this encoding can show; a terminal called `dumb` or `linux` gets plain ones."""
    if terminal in ("dumb", "linux"):
        return ASCII
    try:
        "".join(getattr(UNICODE, name) for name in Glyphs.__slots__).encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return UNICODE


def text(line: Line) -> str:
    """The line without its styles, nor spaces at its end."""
    return "".join(piece.text for piece in line).rstrip()


def columns(words: str) -> int:
    """How many columns of a terminal `words` take."""
    if words.isascii():
        return len(words)
    return sum(_columns_of(letter) for letter in words)


def _columns_of(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def width_of(line: Line) -> int:
    """How many columns the line takes."""
    return sum(columns(piece.text) for piece in line)


def cut(line: Line, width: int) -> Line:
    """At most `width` columns of the line, from its start; every letter printable."""
    pieces: list[Piece] = []
    left = width
    for piece in line:
        words = printable(piece.text)
        if columns(words) > left:
            words = _first_columns(words, left)
        left -= columns(words)
        if words:
            pieces.append(Piece(words, piece.style))
    return tuple(pieces)


def _first_columns(words: str, width: int) -> str:
    taken = 0
    for index, letter in enumerate(words):
        taken += _columns_of(letter)
        if taken > width:
            return words[:index]
    return words


def printable(words: str) -> str:
    """`words` as a terminal may be shown it, spaces as they are."""
    return words if words.isprintable() else one_line(words)


def padded(words: str, width: int) -> str:
    """`words` with spaces behind it up to `width` columns, or cut to them."""
    words = _first_columns(printable(words), width)
    return words + " " * (width - columns(words))


def rule(title: Line, end: Line, width: int, glyphs: Glyphs) -> Line:
    """A heading: a title, a line up to what stands at the right."""
    title = cut(title, max(width - width_of(end) - 4, 0))
    filled = width - width_of(title) - width_of(end) - 2
    fill = Piece(f" {glyphs.rule * filled} " if filled > 0 else " ", Style.FAINT)
    return cut((*title, fill, *end), width)


def flow(items: Iterable[Line], width: int, gap: str, indent: int = 1) -> Iterator[Line]:
    """`items` one behind the other, `gap` between them, in as many lines of `width` as they need."""
    margin = Piece(" " * indent)
    line: list[Piece] = [margin]
    used = indent
    for item in items:
        needed = width_of(item)
        if used > indent and used + len(gap) + needed > width:
            yield tuple(line)
            line, used = [margin], indent
        if used > indent:
            line.append(Piece(gap, Style.FAINT))
            used += len(gap)
        line.extend(item)
        used += needed
    if used > indent:
        yield tuple(line)
