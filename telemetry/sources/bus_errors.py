"""Events out of a CAN bus's error frames: what state its controller is in, and what goes wrong on the wire.

Promises:
- A change of state is an event, at most once a second; the worst state in between is not forgotten.
- What may flood (errors on the wire, missing acknowledgements) makes one event a minute, with its number.
- Each error frame stays a frame: the decoder counts it.

Relies on `ErrorStates` to read them.
"""

from telemetry_core.frames.socketcan import ErrorStates

from telemetry.model.events import begins, ends
from telemetry.sources.inbox import SourceEvent
from telemetry.sources.reconnect import Occurrences

STATE_INTERVAL_S = 1.0

# By ErrorStates.state: the event that such a state is, and what it means.
_STATES = (
    ("error_active", "error counters are below 96"),
    ("error_warning", "an error counter has reached 96"),
    ("error_passive", "an error counter has passed 127"),
    ("bus_off", "the controller has left the bus"),
)
_ACTIVE = 0
# Other counters of ErrorStates: the event of each, and what it counts.
_COUNTED = {
    "restarts": ("bus_restarted", "restarts of the controller"),
    "controller_overflows": ("controller_overflow", "overflows of the controller"),
    "bus_errors": ("bus_error", "error frames for errors on the wire"),
    "not_acknowledged": ("no_acknowledge", "frames without acknowledgement"),
    "transceiver_faults": ("transceiver_fault", "error frames for faults of the wiring"),
}


class BusErrors:
    """Looks at an `ErrorStates` after each scan; gives the events that are due."""

    def __init__(self, source: str, states: ErrorStates) -> None:
        self._source = source
        self._states = states
        self._reported = _ACTIVE
        self._next_s = float("-inf")
        self._counted = {
            counter: Occurrences(source, code, words) for counter, (code, words) in _COUNTED.items()
        }

    def events(self, now_s: float, now_ns: int) -> list[SourceEvent]:
        """Return those due by now. now_s: monotonic; now_ns: stamp of what has no frame of its own."""
        events = self._state_events(now_s)
        for counter, occurrences in self._counted.items():
            events += occurrences.observe(getattr(self._states, counter), now_s, now_ns)
        return events

    def _state_events(self, now_s: float) -> list[SourceEvent]:
        states = self._states
        if (states.worst <= self._reported and states.state == self._reported) or now_s < self._next_s:
            return []
        self._next_s = now_s + STATE_INTERVAL_S
        events = self._change(states.worst, states.worst_ns) if states.worst > self._reported else []
        events += self._change(states.state, states.state_ns)
        states.forget_worst()
        return events

    def _change(self, state: int, time_ns: int) -> list[SourceEvent]:
        if state == self._reported:
            return []
        old_code, _ = _STATES[self._reported]
        code, text = _STATES[state]
        self._reported = state
        events = [] if old_code == "error_active" else [ends(old_code, text, self._source)]
        return [SourceEvent(event, time_ns) for event in (*events, begins(code, text, self._source))]
