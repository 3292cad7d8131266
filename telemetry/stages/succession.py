"""What the stages of one configuration remember of a source goes to those of the next."""

from telemetry_core.text.lines import LineBuffer

from telemetry.rules.alarms import successors
from telemetry.stages.binding import BoundChannel
from telemetry.stages.sessions import hand_over_sessions
from telemetry.stages.writing import Writing


def hand_over(old: Writing, new: Writing, lines: LineBuffer, *, source: str, shift_ns: int = 0) -> None:
    """Alarms of `source` that are active go on in `new`, whose channels are bound, and so do limits that are
    crossed and wait for their time. J1939 senders that messages are taken from stay the same. So do charging
    sessions that are open, where `new` follows the plug.

    Alarms that `new` does not watch for end, with the stamp of the newest row that they were active in. All
    of them end where the vehicle has another name, since their tags are others. shift_ns: as for those rows.
    What `new` writes overlaps where it may be points of `old`.
    """
    new.alarms.carry_on(old.alarms)
    old.output.shift_ns = shift_ns
    hand_over_sessions(old.sessions, new.sessions, source, lines, shift_ns=shift_ns)
    for channel in old.of(source):
        for tags in channel.modelled:
            new.follow(source, old.output.newest_ns(tags))
        new.senders.go_on_from(old.senders, channel.number)
        _hand_over_alarms(old, new, channel, lines)


def _hand_over_alarms(old: Writing, new: Writing, channel: BoundChannel, lines: LineBuffer) -> None:
    number = channel.number
    before = list(old.alarms.watched(number))
    watched = list(new.alarms.watched(number)) if new.vehicle == old.vehicle else []
    heirs = successors(before, watched)
    for alarm in old.alarms.watcher.standing(number):
        if alarm.rule in heirs:
            new.alarms.watcher.carry_on(number, heirs[alarm.rule], alarm.seen_ns)
            if new.banks is not None:
                new.banks.carry_on(number, heirs[alarm.rule])
        else:
            old.write_event(*old.alarms.last(alarm, channel.binding.tag), lines)
    heirs = successors(before, watched, same_limit=True)
    for wait in old.alarms.watcher.waiting(number):
        if wait.rule in heirs:
            new.alarms.watcher.wait_on(number, heirs[wait.rule], wait.since_ns)
