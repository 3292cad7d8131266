"""What recordings hold of each signal: they are read once, row by row."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from telemetry_core.rows.extremes import Extremes

from telemetry.decode.logs import none_matched
from telemetry.errors import DataError
from telemetry.logs.content import named
from telemetry.overview.recording import Recording
from telemetry.overview.signals import ListedMessage, list_messages


def read_messages(
    recording: Recording, logs: Sequence[Path], warn: Callable[[Sequence[str]], None]
) -> list[ListedMessage]:
    """Return all messages, with what the logs hold of each; warn: takes what was wrong with them.

    Raises DataError where they hold none of them.
    """
    if not logs:
        return list_messages(recording.plan)
    stages, rows = recording.stages, recording.rows
    seen: list[Extremes] = []  # by channel
    for samples in rows.read(logs):
        seen += [Extremes(stages.schema, channel.number) for channel in stages.channels[len(seen) :]]
        for each in seen:
            each.observe(samples)
    warn([*rows.warnings()])
    messages = list_messages(recording.plan, dict(zip(recording.channels, seen, strict=False)))
    if not any(message.rows for message in messages):
        if not rows.frames_read:
            empty, none = (
                ("is empty", "holds no frames") if len(logs) == 1 else ("are empty", "hold no frames")
            )
            raise DataError(empty if _are_empty(logs) else none, where=named(logs))
        raise none_matched(logs, rows.frames_read, "none of these messages")
    return messages


def without_empty(message: ListedMessage) -> ListedMessage:
    """Return it without signals that never came: a protocol has room for more cells than a device has."""
    signals = (signal for signal in message.signals if signal.seen is None or signal.seen.values)
    return replace(message, signals=tuple(signals))


def _are_empty(logs: Sequence[Path]) -> bool:
    return all(path.is_file() and not path.stat().st_size for path in logs)
