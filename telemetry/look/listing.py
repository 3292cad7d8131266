"""What `look` has found as text: a table for people, csv and JSON for programs."""

import csv
import io
import json
from collections.abc import Iterator
from itertools import chain, groupby
from textwrap import wrap
from typing import Any

from telemetry_core.rows.schema import guarded

from telemetry.look.seen import Finding, Look, LookedId
from telemetry.model.ids import id_text

COLUMNS = (
    *("id", "extended", "frames", "period_ms", "jitter_ms", "length"),
    *("byte", "kind", "from", "to", "known"),
)
_OF_ID = 6  # of the columns
_WIDTH = 100
_PLAIN = ("constant", "changes")  # kinds that need one line for all bytes


def as_csv(look: Look, *, raw_text: bool = False) -> str:
    """Return a row an id, without `byte`, and after it a row a finding; several channels are a last column.

    raw_text: also texts that a spreadsheet takes for formulas are as they are.
    """
    cell = str if raw_text else guarded
    several = len({one.channel for one in look.ids}) > 1
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS + ("channel",) * several)
    for one in look.ids:
        channel = [cell(one.channel)] * several
        head = list(_head(one).values())
        writer.writerow([*head, "", "", "", "", cell(one.known), *channel])
        for finding in one.findings:
            row = _row(finding)
            row["known"] = cell(finding.words)
            writer.writerow([*head, *row.values(), *channel])
    return text.getvalue()


def as_json(look: Look) -> str:
    """Return the same, the findings of an id as its `bytes`."""
    ids = [
        json.dumps(
            {
                "channel": one.channel,
                **_head(one),
                "known": one.known,
                "bytes": [_row(finding) for finding in one.findings],
            },
            ensure_ascii=False,
        )
        for one in look.ids
    ]
    known = json.dumps(look.known, ensure_ascii=False)
    listed = ",\n  ".join(ids)
    return f'{{"frames": {look.frames}, "known": {known}, "ids": [\n  {listed}\n]}}\n'


def _head(one: LookedId) -> dict[str, Any]:
    seen, digits = one.seen, id_text(one.seen.id)
    length = str(seen.longest) if seen.shortest == seen.longest else f"{seen.shortest}-{seen.longest}"
    times = [None if each is None else round(each, 3) for each in (one.period_ms, one.jitter_ms)]
    return dict(zip(COLUMNS, (digits, one.is_extended, seen.frames, *times, length), strict=False))


def _row(finding: Finding) -> dict[str, Any]:
    place = "" if finding.place is None else str(finding.place)
    ends = (_number(finding.lowest), _number(finding.highest))
    return dict(zip(COLUMNS[_OF_ID:], (place, finding.kind, *ends, finding.words), strict=True))


def _number(value: float | None) -> float | int | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.6g}")


def as_table(look: Look) -> str:
    """Return a paragraph an id: its line, and a line for each finding; bytes of no interest share one."""
    lines = [f"{look.frames:,} frames of {len(look.ids):,} ids in {look.seconds:,.1f} s"]
    fit = [*look.known] or ["no protocol or database that is known: --dbc FILE or FOLDER tries some"]
    lines += [line for words in fit for line in wrap(f"fits {words}" if look.known else words, _WIDTH)]
    several = len({one.channel for one in look.ids}) > 1
    for one in look.ids:
        lines += ["", _title(one, several=several)]
        for kind, grouped in groupby(one.findings, key=lambda each: each.kind):
            group = [*grouped]
            lines += _plain(kind, group) if kind in _PLAIN else chain.from_iterable(map(_line, group))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _title(one: LookedId, *, several: bool) -> str:
    head = _head(one)
    words = [id_text(one.seen.id), *([one.channel] if several else [])]
    words.append(f"{one.seen.frames:,} frame{'s' * (one.seen.frames > 1)} of {head['length']} bytes")
    if one.period_ms is not None:
        words.append(f"every {one.period_ms:,.4g} ms (jitter {one.jitter_ms:.3g})")
    return "  ".join([*words, one.known])[:_WIDTH]


def _line(finding: Finding) -> Iterator[str]:
    ends = [f"{each:.6g}" for each in (finding.lowest, finding.highest) if each is not None]
    place = "" if finding.place is None else str(finding.place)
    begin = f"  {place:7} {finding.kind:12} {' to '.join(ends):18} "
    first, *more = wrap(finding.words, _WIDTH - len(begin)) or [""]
    yield begin + first
    for line in more:
        yield " " * len(begin) + line


def _plain(kind: str, group: list[Finding]) -> list[str]:
    """Return bytes beside each other that are of one kind: `6-7 constant 00 FF`."""
    first, last = group[0], group[-1]
    place = str(first.place) if first is last else f"{first.place}-{last.place}"
    values = " ".join(f"{int(each.lowest or 0):02X}" for each in group) if kind == "constant" else ""
    ends = ", ".join(f"{int(each.lowest or 0)} to {int(each.highest or 0)}" for each in group)
    return wrap(
        f"{place:7} {kind:12} {values or ends}", _WIDTH - 2, initial_indent="  ", subsequent_indent=" " * 23
    )
