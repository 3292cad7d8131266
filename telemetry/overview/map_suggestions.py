"""Proposals for `[[map]]` from the names, units and ranges of signals, as TOML with comments.

Promises:

- What is proposed is accepted by `check` beside the same databases: each field once, each signal by its name.
- With a log, a signal that never came, or whose values the field cannot have, is not proposed.
- Other candidates, and what a log says of the sign of a current, stand in comments: people decide.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from telemetry.overview.current_sign import Evidence
from telemetry.overview.map_names import CELLS, LEAST_FAMILY, RULES, NameRule, scale_to, words
from telemetry.overview.signals import ListedMessage, ListedSignal

CURRENT = "battery.current_a"
_MOST_OTHERS = 5
_DIGITS = re.compile("[0-9]+")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One entry. others: signals that could be meant as well; seen: the log's range, in the signal's unit."""

    signal: str  # Message.Signal, with {n} of a family
    to: str
    scale: float = 1.0
    index_from: int = 1
    unit: str = ""
    seen: str = ""
    others: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def suggest(messages: Sequence[ListedMessage], *, with_log: bool) -> list[Suggestion]:
    """Return an entry for each field that some signal fits. with_log: `messages` hold what a log has."""
    candidates = [
        (message, signal)
        for message in messages
        for signal in message.signals
        if not with_log or (signal.seen is not None and signal.seen.values)
    ]
    found = [entry for rule in RULES if (entry := _of_rule(rule, candidates))]
    found += [entry for rule in CELLS if (entry := _family(rule, candidates))]
    return found


def as_toml(suggestions: Sequence[Suggestion]) -> str:
    """Return the entries as a part of a configuration."""
    return "\n".join(["\n".join(_lines(one)) + "\n" for one in suggestions])


def _lines(one: Suggestion) -> Iterator[str]:
    if one.seen:
        yield f"# in the log: {one.seen}{one.unit and ' '}{one.unit}"
    for other in one.others:
        yield f"# or: {other}"
    if one.to == CURRENT:
        yield from _sign_lines(one.evidence)
    yield "[[map]]"
    yield f'signal = "{one.signal}"'
    yield f'to = "{one.to}"'
    scale = one.scale if _is_into(one.evidence) is not False else -one.scale
    if scale != 1.0:
        yield f"scale = {scale:g}"
    if one.index_from != 1:
        yield f"index_from = {one.index_from}"


def _sign_lines(evidence: Sequence[Evidence]) -> Iterator[str]:
    yield "# OPEN: is a positive current into the battery? The data model wants that; scale = -1 turns it."
    if not evidence:
        yield "# A log would say more: nev-telemetry map suggest --dbc FILE LOG"
    for each in evidence:
        if each.is_into is None:
            witness, _, why = each.words.partition(": ")
            yield f"# {witness}: no evidence, {why}"
        else:
            yield f"# {each.words}: positive is {'into the battery' if each.is_into else 'out of it'}"


def _is_into(evidence: Sequence[Evidence]) -> bool | None:
    """Return what all evidence that says something agrees on; None: nothing, or it does not agree."""
    said = {each.is_into for each in evidence} - {None}
    return said.pop() if len(said) == 1 else None


def _of_rule(rule: NameRule, candidates: Sequence[tuple[ListedMessage, ListedSignal]]) -> Suggestion | None:
    fitting = [(message, signal) for message, signal in candidates if _fits(rule, message, signal)]
    names = list(dict.fromkeys(f"{message.name}.{signal.name}" for message, signal in fitting))
    if not names:
        return None
    # The signal whose own name says most is meant before one whose message alone does; then the first.
    fitting.sort(key=lambda one: -_own_words(rule, one[1]))
    message, signal = fitting[0]
    name = f"{message.name}.{signal.name}"
    others = tuple(other for other in names if other != name)[:_MOST_OTHERS]
    scale = scale_to(rule.unit, signal.unit) or 1.0
    return Suggestion(name, rule.field, scale, unit=signal.unit, seen=_range(signal), others=others)


def _own_words(rule: NameRule, signal: ListedSignal) -> int:
    own = words(signal.name)
    return sum(re.search(rf"\b({need})\b", own) is not None for need in rule.needs)


def _fits(rule: NameRule, message: ListedMessage, signal: ListedSignal) -> bool:
    scale = scale_to(rule.unit, signal.unit)
    if scale is None or not rule.fits(words(message.name), words(signal.name)):
        return False
    if rule.is_flag != _is_flag(signal):
        return False
    ends = [float(text) for text in (signal.seen.lowest, signal.seen.highest) if text] if signal.seen else []
    known = [end for end in ends if end] or ends  # many send 0 until they have measured
    return all(rule.low <= end * scale <= rule.high for end in known)


def _is_flag(signal: ListedSignal) -> bool:
    return not signal.unit and (signal.minimum, signal.maximum) == (0.0, 1.0)


def _family(rule: NameRule, candidates: Sequence[tuple[ListedMessage, ListedSignal]]) -> Suggestion | None:
    """Return the largest family of numbered signals of one message."""
    families: dict[tuple[str, str], dict[int, ListedSignal]] = {}
    for message, signal in candidates:
        if _fits(rule, message, signal):
            for run in _DIGITS.finditer(signal.name):
                name = f"{signal.name[: run.start()]}{{n}}{signal.name[run.end() :]}"
                families.setdefault((message.name, name), {})[int(run[0])] = signal
    if not families:
        return None
    (message_name, name), members = max(families.items(), key=lambda each: len(each[1]))
    if len(members) < LEAST_FAMILY or min(members) not in (0, 1):
        return None
    first = members[min(members)]
    seen = f"{len(members)} members; the first {_range(first)}" if _range(first) else ""
    scale = scale_to(rule.unit, first.unit) or 1.0
    return Suggestion(f"{message_name}.{name}", rule.field, scale, min(members), first.unit, seen)


def _range(signal: ListedSignal) -> str:
    if signal.seen is None or not signal.seen.values:
        return ""
    return f"{signal.seen.lowest} to {signal.seen.highest}"


def signals_of(suggestions: Sequence[Suggestion]) -> Mapping[str, str]:
    """Return the proposed signal by field."""
    return {one.to: one.signal for one in suggestions}
