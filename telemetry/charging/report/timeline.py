"""Phases and attempts of a session on a line of time, as inline SVG. Pure.

Promises: a bar lies where its phase does; one that is too short to be seen is as wide as a line is thick.
"""

from collections.abc import Callable, Iterator

from telemetry.charging.report import phrases
from telemetry.charging.report.escape import escaped
from telemetry.charging.session import PHASES, Phase, Session

WIDTH, HEIGHT = 1000, 20
_LEAST_WIDTH = 2.5
_NS = 1e9

Place = Callable[[float], float]


def timeline(session: Session) -> Iterator[str]:
    """Yield a figure for each attempt, all over the same time."""
    end_ns = _end_ns(session)
    span_ns = max(end_ns - session.start_ns, 1)

    def place(at_ns: float) -> float:
        return min(max((at_ns - session.start_ns) / span_ns, 0.0), 1.0) * WIDTH

    for attempt in sorted({phase.attempt for phase in session.phases}):
        phases = [phase for phase in session.phases if phase.attempt == attempt]
        bars = "".join(_bar(phase, place) for phase in phases)
        faults = "".join(
            f'<path class="fault" d="M{place(error.at_ns):.1f} 0V{HEIGHT}"/>'
            for error in session.errors
            if error.attempt == attempt
        )
        words = f"attempt {attempt}: " + ", ".join(
            f"{phase.phase} {phrases.duration(phase.duration_s)}" for phase in phases
        )
        yield (
            f"<figure><figcaption>Attempt {attempt}</figcaption>"
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
            f'aria-label="{escaped(words)}">{bars}{faults}</svg></figure>'
        )


def _bar(phase: Phase, place: Place) -> str:
    start = place(phase.start_ns)
    width = max(place(phase.start_ns + phase.duration_s * _NS) - start, _LEAST_WIDTH)
    start = min(start, WIDTH - width)
    name = phase.phase if phase.phase in PHASES else "ended"
    return f'<rect class="{name}" x="{start:.1f}" y="0" width="{width:.1f}" height="{HEIGHT}"/>'


def _end_ns(session: Session) -> int:
    ends = [phase.start_ns + round(phase.duration_s * _NS) for phase in session.phases]
    return max([session.start_ns + round(session.duration_s * _NS), *ends])
