"""Senders of J1939: which messages the senders stage judges, and how its findings become events and counters.

Promises: a message is judged where an entry of `[[map]]` that names no sender takes something from it.
Relies on `telemetry_core.rules.senders`, which does the judging.
"""

from collections.abc import Iterable, Sequence

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rules.map_spec import ABSENT, MapSpec
from telemetry_core.rules.senders import SenderFinding

from telemetry.ledger import Counters
from telemetry.model.events import Event, begins
from telemetry.rules.alarms import Alarm

Judged = tuple[int, int]  # a record and the field that says whether a row's frame passed its checks

CODES = ("second_sender", "sender_changed")


def judged_records(
    plan: PlanSpec, mapping: MapSpec | None, alarms: Iterable[Alarm]
) -> list[Sequence[Judged]]:
    """Return, by bus of the plan, what may come from several J1939 senders and is taken from any."""
    rules = [alarm.rule for alarm in alarms]
    found: list[Sequence[Judged]] = []
    for number, bus in enumerate(plan.buses):
        extended = {message.record for message in bus.messages if message.extended}
        mapped = mapping.buses[number].messages if mapping else ()
        judged = {one.record: one.protection for one in mapped if one.sender == ABSENT}
        judged |= {
            rule.record: rule.protection
            for rule in rules
            if rule.bus == number and rule.tag_set == ABSENT and rule.sender == ABSENT
        }
        found.append([(record, judged[record]) for record in sorted(judged.keys() & extended)])
    return found


def finding_event(finding: SenderFinding, message: str, source: str) -> Event:
    """Return the event of one finding about `message` on a channel whose tag is `source`."""
    taken, other = f"{finding.taken:02X}", f"{finding.other:02X}"
    second, changed = CODES
    if finding.is_change:
        return begins(changed, f"{message} comes from sender {taken} now, instead of {other}", source)
    text = (
        f"{message} comes from senders {taken} and {other}; only {taken} is taken. Name each in [[map]]:"
        f' sender = "{taken}" and sender = "{other}", each with a pack or charger of its own'
    )
    return begins(second, text, source)


def account_name(source: str, message: str) -> str:
    """Return the counter of rows of `message` that were not taken, since they are of another sender."""
    return f"senders/{source}/{message}/kept_out"


def kept_out(counters: Counters, source: str) -> dict[str, int]:
    """Return how many rows of `source` were not taken, by message, without messages that have none."""
    prefix, suffix = f"senders/{source}/", "/kept_out"
    return {
        name.removeprefix(prefix).removesuffix(suffix): count
        for name, count in counters.items()
        if count and name.startswith(prefix)
    }
