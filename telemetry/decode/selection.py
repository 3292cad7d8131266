"""Some signals of a plan, by globs: the rest is not even decoded.

Promises:
- A message keeps its place, so that its frames still count as known and rules still find it.
- A multiplexer that selects a chosen signal is decoded, and not written unless it is chosen itself.
- A value's word (`SIGNAL_text`) goes with its number.
"""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from telemetry_core.decode.spec import MessageSpec, PlanSpec
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.errors import UsageError
from telemetry.settings.likeness import likely

MOST_NAMED = 3


def select(plan: PlanSpec, globs: Sequence[str], *, where: str = "--signal") -> PlanSpec:
    """Return the plan of the signals that any of `globs` matches, as `message.signal` or as `signal`.

    Case counts, as in the names. Raises UsageError for a glob that matches none, with the nearest names.
    where: the argument that globs were given by.
    """
    unmatched = dict.fromkeys(globs)
    records: dict[RecordSpec, int] = {}

    def selected(message: MessageSpec) -> MessageSpec:
        spec = plan.records[message.record]
        name = spec.message_name
        chosen: set[int] = set()
        for index, field in enumerate(spec.fields):
            signal = field.signal_name
            matching = [glob for glob in globs if matches(glob, name, signal)]
            for glob in matching:
                unmatched.pop(glob, None)
            is_word_of_chosen = field.kind is SlotKind.WORD and index - 1 in chosen
            if matching or is_word_of_chosen:
                chosen.add(index)
        message, fields = _reduced(message, spec, chosen)
        record = replace(spec, fields=fields)
        return replace(message, record=records.setdefault(record, len(records)))

    buses = tuple(
        replace(bus, messages=tuple(selected(message) for message in bus.messages)) for bus in plan.buses
    )
    for glob in unmatched:
        raise UsageError(f'no signal is called "{glob}"', where=where, hint=_nearest(glob, plan))
    return PlanSpec(tuple(records), buses)


def matches(glob: str, message: str, signal: str) -> bool:
    """Return whether the glob names the signal; with its message where the glob has a point."""
    return fnmatchcase(signal, glob) or ("." in glob and fnmatchcase(f"{message}.{signal}", glob))


def _reduced(
    message: MessageSpec, spec: RecordSpec, chosen: set[int]
) -> tuple[MessageSpec, tuple[FieldSpec, ...]]:
    """Return the message with its chosen signals and what selects them, and their fields."""
    flag = len(message.signals)  # index of the report of its check, where it has one
    reports = message.reports_protection and bool(chosen)
    kept = _with_needed(message, chosen - {flag})
    order = sorted(kept)
    place = {index: number for number, index in enumerate(order)}
    # Also conditions of no kept signal: what their selector has is a known value.
    conditions = {
        number: replace(condition, selector=place[condition.selector])
        for number, condition in enumerate(message.conditions)
        if condition.selector in place
    }
    new_number = {number: index for index, number in enumerate(conditions)}
    signals = tuple(
        replace(signal, condition=new_number.get(signal.condition, -1))
        for signal in (message.signals[index] for index in order)
    )
    fields = [spec.fields[index] if index in chosen else _silent(spec.fields[index]) for index in order]
    fields += spec.fields[flag:] if reports else ()
    together = tuple(
        tuple(place[index] for index in indexes)
        for indexes in message.together
        if not kept.isdisjoint(indexes)
    )
    reduced = replace(
        message,
        signals=signals,
        conditions=tuple(conditions.values()),
        reports_protection=reports,
        together=together,
    )
    return reduced, tuple(fields)


def _with_needed(message: MessageSpec, chosen: set[int]) -> set[int]:
    """Return the signals, what selects them, and those that are values only together with them."""
    needed: set[int] = set()
    waiting = list(chosen)
    while waiting:
        index = waiting.pop()
        if index in needed:
            continue
        needed.add(index)
        if (number := message.signals[index].condition) >= 0:
            waiting.append(message.conditions[number].selector)
        waiting.extend(other for together in message.together if index in together for other in together)
    return needed


def _silent(field: FieldSpec) -> FieldSpec:
    """Return the field as one that is never written: a word for none of its values."""
    return replace(field, kind=SlotKind.WORD, scale=None, texts=())


def _nearest(glob: str, plan: PlanSpec) -> str:
    signals = {
        f"{spec.message_name}.{field.signal_name}": field.signal_name
        for spec in plan.records
        for field in spec.fields
    }
    messages = dict.fromkeys(name.removesuffix(f".{signal}") for name, signal in signals.items())
    if glob in messages:
        return f'it is a message: all its signals are "{glob}.*"'
    if "." not in glob and any(fnmatchcase(message, glob) for message in messages):
        return f'it matches messages: "{glob}.*"'
    spelled: dict[str, str] = {}
    for name, signal in signals.items():
        spelled.setdefault(name if "." in glob else signal, name)
    close = [each for each in spelled if fnmatchcase(each.casefold(), glob.casefold())]
    close += likely(glob, spelled)
    named = list(dict.fromkeys(spelled[each] for each in close))[:MOST_NAMED]
    if named:
        return f"nearest: {', '.join(named)}"
    return "`nev-telemetry signals` lists them"
