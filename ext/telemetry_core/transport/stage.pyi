from collections.abc import Sequence

from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameBatch

class Transport:
    """Follows sessions on any number of channels. `plan` says which ids are known.

    `is_idle`: nothing is listened for on any channel, and all counts are 0.
    """

    @property
    def plan(self) -> Plan: ...
    @property
    def is_idle(self) -> bool: ...
    def __init__(self, plan: Plan) -> None: ...
    def bind(
        self,
        channel: int,
        bus: int,
        *,
        j1939: bool = False,
        isotp: Sequence[tuple[int, bool, bool]] = (),
        least_wait_ns: int = 0,
    ) -> None:
        """Set what to listen for on a channel, and which bus of the plan it is (-1: none).

        `isotp` holds, once for each id: the id with its ID_* bits, whether addressing is extended, and
        whether the low byte of its length precedes the payload. No limit of time is shorter than
        `least_wait_ns`: a simulator that runs fast multiplies what the machine delays. Raises IndexError for
        a bus that the plan does not have.
        """
    def reassemble(self, frames: FrameBatch) -> FrameBatch:
        """Return the frames for the decoder.

        That is `frames` itself when no frame of it concerns a session. Otherwise it is a batch that is valid
        until the next call.
        """
    def counts(self, channel: int) -> dict[str, int]:
        """Return the number of frames that went no further, by name.

        `absorbed` counts frames of completed sessions, `lost/incomplete_session` those of all others.
        """
    def session_counts(self, channel: int) -> dict[str, int]:
        """Return the number of sessions by their end, and `orphans`: packets that belong to no session."""
    def open_frames(self, channel: int) -> int:
        """Return the number of frames in the channel's open sessions."""
    def end_sessions(self, channel: int) -> None:
        """End the channel's open sessions as unfinished: nothing more will come there."""
