"""What another configuration goes on with: alarms, limits that wait, J1939 senders, sessions.

Relies on stages whose channels are bound alike.
"""

from telemetry_core.text.lines import LineBuffer

from telemetry.rules.alarms import successors
from telemetry.stages.binding import BoundChannel
from telemetry.stages.sessions import hand_over_sessions
from telemetry.stages.writing import Writing


def hand_over(old: Writing, new: Writing, lines: LineBuffer, *, source: str, shift_ns: int = 0) -> None:
    """Let what `old` remembers of `source` go on in `new`, whose channels are bound.

    Active alarms go on, and so do limits that are crossed and wait for their time. J1939 senders that
    messages are taken from stay the same. Open charging sessions go on where `new` follows the plug.

    Alarms that `new` does not watch for end, with the stamp of the newest row that they were active in.
    All of them end where the vehicle has another name, since their tags are others. shift_ns: as for
    those rows. What `new` writes overlaps where it may be points of `old`.
    """
    new.alarms.carry_on(old.alarms)
    old.output.shift_ns = shift_ns
    hand_over_sessions(old.sessions, new.sessions, source, lines, shift_ns=shift_ns)
    for channel in old.of(source):
        for tags in channel.modelled:
            new.assume_up_to(source, old.output.newest_ns(tags))
        new.senders.go_on_from(old.senders, channel.number)
        _hand_over_alarms(old, new, channel, lines)


def _hand_over_alarms(old: Writing, new: Writing, channel: BoundChannel, lines: LineBuffer) -> None:
    number, watcher = channel.number, old.alarms.watcher
    before = list(old.alarms.watched(number))
    watched = list(new.alarms.watched(number)) if new.vehicle == old.vehicle else []
    heirs = successors(before, watched)
    for alarm in watcher.standing(number):
        if alarm.rule in heirs:
            new.alarms.watcher.carry_on(number, heirs[alarm.rule], alarm.seen_ns)
            if new.banks is not None:
                new.banks.carry_on(number, heirs[alarm.rule])
        else:
            old.write_event(*old.alarms.last(alarm, channel.binding.tag), lines)
    heirs = successors(before, watched, same_limit=True)
    for wait in watcher.waiting(number):
        if wait.rule in heirs:
            new.alarms.watcher.wait_on(number, heirs[wait.rule], wait.since_ns)


def hand_over_health(old: Writing, new: Writing) -> None:
    """Let packs go on in `new`, whose channels are bound."""
    if old.health is not None and new.health is not None:
        new.health.remember(old.health.memory())


def hand_over_windows(old: Writing, new: Writing) -> None:
    """Let windows go on in `new`, once all sources are handed over."""
    if old.windows is not None and new.windows is not None:
        new.windows.carry_on(old.windows)
