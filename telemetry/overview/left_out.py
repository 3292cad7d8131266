"""What `map suggest` proposes nothing of, and why: as lines for people.

Promises: each signal of the databases is proposed, named beside a proposal, named here, or in the count here.
"""

import re
from collections.abc import Iterator, Sequence

from telemetry.overview.map_suggestions import CELLS, LEAST_FAMILY, RULES, Suggestion, why_not, words
from telemetry.overview.signals import ListedMessage


def left_out(
    messages: Sequence[ListedMessage], found: Sequence[Suggestion], *, with_log: bool
) -> Iterator[str]:
    """Yield a line for each signal whose name says a field, and one with the number of the others."""
    named = "|".join(re.escape(name) for one in found for name in (one.signal, *one.others))
    is_named = re.compile(named.replace(re.escape("{n}"), "[0-9]+") or "(?!)")
    fields = {one.to for one in found}
    others = 0
    each = {f"{one.name}.{signal.name}": (one, signal) for one in messages for signal in one.signals}
    for name, (message, signal) in each.items():
        if is_named.fullmatch(name):
            continue
        spoken = words(message.name), words(signal.name)
        rule = next((rule for rule in (*RULES, *CELLS) if rule.fits(*spoken)), None)
        if rule is None:
            others += 1
        elif with_log and not (signal.seen and signal.seen.values):
            yield f"{name}: never came, and may be {rule.field}"
        else:
            taken = f"{rule.field} is another signal already"
            few = f"{rule.field} needs {LEAST_FAMILY} signals, numbered from 0 or 1"
            yield f"{name}: {why_not(rule, signal) or (taken if rule.field in fields else few)}"
    if others:
        yield f"{others} whose names say no field of the data model (`signals` lists all)"
