"""Messages of buses and serial devices as lines, with all that they say. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from telemetry.monitor.packs import age
from telemetry.monitor.text import Glyphs, Line, Piece, Style, rule, width_of

Json = Mapping[str, Any]


def message_lines(live: Json, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """Every message that was seen, with its signals in columns."""
    for message in live.get("messages", ()):
        title = (
            Piece(message["message"], Style.HEADING),
            Piece(f" {glyphs.separator} {message['source']}", Style.FAINT),
            *(
                (Piece(f" {glyphs.separator} sa {message['sender']}", Style.FAINT),)
                if message["sender"]
                else ()
            ),
        )
        yield rule(
            title,
            (Piece(f"{message['rate_per_s']:.1f}/s  ", Style.FAINT), age(message["age_s"])),
            width,
            glyphs,
        )
        yield from _signals(message["signals"], set(message["stale"]), width)


def _signals(signals: Json, stale: set[str], width: int) -> Iterator[Line]:
    cells = [_signal(name, value, is_stale=name in stale) for name, value in signals.items()]
    column = max((width_of(cell) for cell in cells), default=1) + 2
    in_line = max((width - 1) // column, 1)
    for start in range(0, len(cells), in_line):
        line: list[Piece] = [Piece(" ")]
        for cell in cells[start : start + in_line]:
            line += [*cell, Piece(" " * (column - width_of(cell)))]
        yield tuple(line)


def _signal(name: str, value: object, *, is_stale: bool) -> Line:
    reading = f"{value:.6g}" if isinstance(value, float) else str(value)
    piece = Piece(f"[{reading}]", Style.STALE) if is_stale else Piece(reading)
    return (Piece(f"{name} ", Style.LABEL), piece)
