"""The finest bounds with which a log of the buses keeps within a budget of the link.

Promises: with the table that is printed the log costs what is said. None of its bounds can be halved: that
would exceed the budget, or be finer than what the log resolves. A bound is wider than an eighth of what its
field spans in the log only where those of other fields do not suffice.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from glob import escape
from typing import Any, NamedTuple

from telemetry.live.words import size
from telemetry.model.finding import Finding, Grade
from telemetry.rules.reduce import MOST_BOUND, SEND_ALL, ReduceSettings
from telemetry.service.bound_findings import Sample, Sent

_NARROW = 1 / 8  # of a field's span
_ALIKE = 1 / 4  # of the most that a glob keeps: those that keep more are widened with it
_CELLS = re.compile(r"(cells\.[vt])[0-9]+")

Bounds = dict[str, float]  # by glob
Cost = Callable[[Bounds], tuple[float, Mapping[str, int]]]  # link bytes an hour, and values that globs keep


class Seen(NamedTuple):
    """Holds how fine the fields of a glob are in a log, and how far they go."""

    finest: float
    span: float


def proposal(sample: Sample, sent: Sent, budget_bytes_h: float) -> Iterator[Finding]:
    """Yield bounds for a budget. sent: the sample as it is configured."""
    configured = tried = sample.composition.config.reduce
    is_met = sent.link_bytes_h <= budget_bytes_h
    if not (configured.bounds or is_met):
        tried = replace(configured, shape="line", every_s=0.0)

    def cost(bounds: Bounds) -> tuple[float, Mapping[str, int]]:
        again, kept = sample.sent(replace(tried, bounds=bounds)), Counter[str]()
        for (name, _), one in again.watched.series.items():
            kept[tried.glob_of(name) or _glob_for(name)] += len(one.kept)
        return again.link_bytes_h, kept

    seen = _seen(sent, configured, only_bounded=is_met)
    new = {name: one.finest for name, one in seen.items() if name not in configured.bounds}
    bounds, link_bytes_h = finest({**configured.bounds, **new}, seen, budget_bytes_h, cost)
    words = f"for {budget_bytes_h / 1e3:g} kB/h: it takes {size(sent.link_bytes_h)} an hour as it stands"
    figures: dict[str, Any] = {"budget_bytes_h": budget_bytes_h, "stands_bytes_h": sent.link_bytes_h}
    figures |= {"link_bytes_h": link_bytes_h, "reduce": None}
    if bounds is None:
        hint = "a longer [send] every_s or longest_s, or fewer messages"
        words += f", and {size(link_bytes_h)} with the widest bounds: none meet it ({hint})"
        yield Finding(Grade.WARNING, words, figures)
    elif bounds == configured.bounds:
        yield Finding(Grade.FACT, f"{words}, which meets it", figures)
    else:
        words += f", and {size(link_bytes_h)} with the finest bounds that meet it; [reduce] is then:"
        figures["reduce"] = keys = _keys(replace(tried, bounds=bounds))
        yield Finding(Grade.FACT, words, figures, block="\n".join(_toml(keys)))


def _seen(sent: Sent, reduce: ReduceSettings, *, only_bounded: bool) -> dict[str, Seen]:
    """Return what moves and may have another bound, by glob: those of `reduce`, or one of its own."""
    seen = dict[str, Seen]()
    for (name, _), one in sent.watched.series.items():
        own = reduce.glob_of(name)
        is_measure = one.unit and not only_bounded  # others are states, or numbers of cells
        if (reduce.bounds[own] if own else is_measure) and one.resolution:  # a bound of 0 is meant
            glob = own or _glob_for(name)
            finest, span = seen.get(glob, (0.0, 0.0))
            seen[glob] = Seen(max(finest, one.resolution), max(span, max(one.values) - min(one.values)))
    return seen


def _glob_for(name: str) -> str:
    """Return the glob of all cells, or of all sensors, for one of them; for another field itself."""
    return f"{name[:7]}*" if _CELLS.fullmatch(name) else escape(name)


def finest(bounds: Bounds, seen: Mapping[str, Seen], most: float, cost: Cost) -> tuple[Bounds | None, float]:
    """Return the finest bounds that cost no more than `most`, and what they cost; None: the widest cost more.

    bounds: to begin with. Only those of `seen` change.
    """
    least_bytes_h, least = cost({**bounds, **dict.fromkeys(seen, MOST_BOUND)})
    if least_bytes_h > most:
        return None, least_bytes_h
    link_bytes_h, kept = cost(bounds)
    while link_bytes_h > most:
        over = {name: kept[name] - least[name] for name in seen if kept[name] > least[name]}
        narrow = {name: n for name, n in over.items() if 2 * bounds[name] <= seen[name].span * _NARROW}
        dear = narrow or over or dict.fromkeys(seen, 1)
        most_kept = max(dear.values())
        bounds = bounds | {
            name: float(f"{2 * bounds[name]:.3g}") for name, n in dear.items() if n >= _ALIKE * most_kept
        }
        link_bytes_h, kept = cost(bounds)
    groups = [sorted(seen, key=lambda name: seen[name].span / bounds[name])]  # the widest first
    while groups:
        group = [name for name in groups.pop() if bounds[name] >= 2 * seen[name].finest]
        tried = bounds | {name: bounds[name] / 2 for name in group}
        if group and (tried_bytes_h := cost(tried)[0]) <= most:
            bounds, link_bytes_h = tried, tried_bytes_h
            groups.append(group)
        elif len(group) > 1:
            groups += [group[len(group) // 2 :], group[: len(group) // 2]]
    return bounds, link_bytes_h


def _keys(reduce: ReduceSettings) -> dict[str, Any]:
    """Return the table [reduce] as a file has it."""
    keys = {
        "shape": reduce.shape or "hold",
        "longest_s": reduce.longest_ns / 1e9,
        "every_s": reduce.every_s,
        "flags_every_s": reduce.flags_every_s,
        "ring_mb": reduce.ring_bytes / 1e6 if reduce.ring_bytes != SEND_ALL.ring_bytes else 0,
        "measurements": reduce.every_s_by_measurement,
        "flags": reduce.flags_every_s_by_measurement,
        "bounds": reduce.bounds,
    }
    return {name: value for name, value in keys.items() if value}


def _toml(keys: Mapping[str, Any]) -> Iterator[str]:
    yield "[reduce]"
    for name, value in keys.items():
        if isinstance(value, Mapping):
            yield f"[reduce.{name}]"
            yield from (f"{json.dumps(one, ensure_ascii=False)} = {each}" for one, each in value.items())
        else:
            yield f"{name} = {json.dumps(value)}"
