"""The panels of a picture of a recording, which is read once, row by row."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from telemetry_core.rows.points import Points

from telemetry.decode.logs import none_matched
from telemetry.errors import DataError, UsageError
from telemetry.overview.curves import Panel, make_panels
from telemetry.overview.recording import Recording

MOST_CURVES = 64
TIMES = ("local", "utc", "relative")


def read_panels(
    recording: Recording,
    log: Path,
    globs: Sequence[str],
    warn: Callable[[Sequence[str]], None],
    *,
    is_bounded: bool,
) -> list[Panel]:
    """Return the panels of the signals that `globs` name, one at least.

    warn: takes what was wrong with the log; is_bounded: a part of it is looked at. Raises DataError where
    it holds no value of them, UsageError for too many curves.
    """
    rows = recording.rows
    points = Points(recording.stages.schema)
    for samples in rows.read([log]):
        points.observe(samples)
    warn(rows.warnings())
    panels = make_panels(recording.plan, points, recording.channels, globs)
    curves = sum(len(panel.curves) for panel in panels)
    if is_bounded and rows.frames_read and not rows.frames_kept:
        what = f"no frame between the bounds of time; the log lasts {rows.duration_s:.1f} s"
        raise DataError(what, where=str(log))
    if rows.frames_read and not rows.matched["decoded"] and not is_bounded:
        raise none_matched([log], rows.frames_read, "no known message")
    if not curves:
        what = f"holds {rows.frames_read} frames, and no value of these signals"
        hint = "`nev-telemetry signals` lists what it holds"
        raise DataError(what, where=str(log), hint=hint)
    if curves > MOST_CURVES:
        hint = f"name fewer: a picture has at most {MOST_CURVES}"
        raise UsageError(f"these are {curves} curves", where=" ".join(globs), hint=hint)
    return panels


def zone_of(time: str, first_ns: int) -> tzinfo | None:
    """Return the zone of the time axis, by one of TIMES; None: it counts from the first frame."""
    if time == "relative":
        return None
    return UTC if time == "utc" else datetime.fromtimestamp(first_ns / 1e9, UTC).astimezone().tzinfo
