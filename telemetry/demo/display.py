"""What the demonstration shows while it runs: notes, and lines about the vehicle, rewritten in a terminal.

`live_lines` relies on the status as the service gives it: `accounts`, and in `live` the last values of each
pack, charger and source. What is not known yet is left out.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from telemetry.demo.gateway_config import JBD, PACK, SOURCE, VEDIRECT
from telemetry.demo.plug import CHARGER
from telemetry.ledger import total
from telemetry.live.words import PLUG, said
from telemetry.model.fields import Field
from telemetry.model.measurements import BATTERY, MEASUREMENTS

_PLAIN_EVERY_S = 5.0
_BAR = 24
_CHARGER = MEASUREMENTS["charger"].fields


class Display:
    """Writes to a terminal, or plainly to anything else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._shown = 0  # lines that the next ones replace
        self._next_plain_s = 0.0

    def note(self, text: str) -> None:
        """Write a line that stays."""
        self._stream.write(f"{self._cleared()}{text}\n")
        self._stream.flush()

    def live(self, lines: Sequence[str], elapsed_s: float) -> None:
        """Write lines that the next ones replace; elsewhere one line every few seconds."""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(self._cleared() + "\n".join(line[:width] for line in lines))
            self._stream.flush()
            self._shown = len(lines)
        elif elapsed_s >= self._next_plain_s:
            self._next_plain_s = elapsed_s + _PLAIN_EVERY_S
            self.note("; ".join(" ".join(line.split()) for line in lines))

    def begin(self) -> None:
        """Count seconds from 0 again."""
        self._next_plain_s = 0.0

    def _cleared(self) -> str:
        """Return what takes the present lines away: to the first of them, and all that is below."""
        shown, self._shown = self._shown, 0
        return "\r" + "\x1b[A" * (shown - 1) + "\x1b[J" if shown else ""


def bar(share: float) -> str:
    """Return `[######......]`."""
    filled = round(_BAR * min(max(share, 0.0), 1.0))
    return f"[{'#' * filled}{'.' * (_BAR - filled)}]"


Status = Mapping[str, Any]

# A line's name, of which pack or charger, what may be known of it, and what is shown of that.
_LINES: tuple[tuple[str, str, str, Sequence[Field], str], ...] = (
    ("battery", "pack", PACK, BATTERY.fields, "soc_pct voltage_v current_a power_w cell_min_v cell_max_v"),
    ("charger", "charger", "main", _CHARGER, "phase current_a power_w energy_wh"),
    ("service", "pack", JBD.pack, BATTERY.fields, "soc_pct voltage_v current_a"),
    ("solar", "charger", VEDIRECT.charger, _CHARGER, "phase power_w"),
    ("DC plug", "charger", CHARGER, (*_CHARGER, *PLUG), "soc_pct phase current_a remaining_min"),
)


def live_lines(status: Status, head: str, time_scale: float) -> list[str]:
    """Return the lines; head: what the first begins with; time_scale: rates are per simulated second."""
    lines = ["  ".join((head, *_traffic(status, time_scale)))]
    live = status.get("live", {})
    for name, kind, of, fields, wanted in _LINES:
        for each in live.get(f"{kind}s", ()):
            if each[kind] == of:
                lines.append(f"  {name:<9}" + "  ".join(_values(kind, each, fields, wanted.split())))
    return lines


def _traffic(status: Status, time_scale: float) -> Iterator[str]:
    accounts = status["accounts"]
    yield f"{accounts.get(f'bus/{SOURCE}/read', 0):,} frames"
    for source in status.get("live", {}).get("sources", ()):
        if source["source"] == SOURCE:
            yield f"{time_scale * source['frames_per_s']:,.0f}/s"
    stored, made = accounts.get("points/acknowledged", 0), total(accounts, "points/made/")
    yield f"{stored:,} points stored" if stored else f"{made:,} points made"


def _values(
    kind: str, state: Mapping[str, Any], fields: Sequence[Field], wanted: Sequence[str]
) -> Iterator[str]:
    plug = state.get("plug") or {"values": {}}
    values = {**state["battery" if kind == "pack" else "values"], **plug["values"]}
    if plug["values"] and values.get("phase") != "charging":  # both stay as they were reported last
        wanted = [name for name in wanted if name not in ("current_a", "remaining_min")]
    by_name = {field.name: field for field in fields}
    for name in wanted:
        if name in values:
            how = by_name[name].shown
            words = said(by_name[name], values[name])
            yield f"{how.short} {words}" if how and how.short else words
