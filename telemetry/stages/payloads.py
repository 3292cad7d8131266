"""The stages before the decoder: frames become whole messages, and protected ones are checked.

Promises: what comes out depends on the frames alone, not on how they were batched. Both stages remember
earlier frames: relies on all frames of a channel in their order.
"""

from collections.abc import Iterator, Sequence

from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rules.protection import Protection
from telemetry_core.rules.protection_spec import ProtectionRule
from telemetry_core.transport.stage import Transport

from telemetry.ledger import Names
from telemetry.stages.binding import NO_BUS, Binding, BoundChannel


class Payloads:
    """Transport and protection."""

    def __init__(self, plan: Plan, rules: Sequence[ProtectionRule]) -> None:
        self._buses = plan.spec.buses
        self._transport = Transport(plan)
        self._protection = Protection(plan, rules) if rules else None
        self._channels: list[BoundChannel] = []
        self._names: dict[int, tuple[Names, Names, Names]] = {}  # by channel

    def follows_j1939(self, bus: int) -> bool:
        """Return whether J1939 sessions are followed on a bus: a message there has an id of 29 bits."""
        return bus != NO_BUS and any(message.extended for message in self._buses[bus].messages)

    def bind(self, channel: BoundChannel) -> None:
        """Expect frames of `channel`."""
        bus, isotp = channel.binding.bus, channel.binding.isotp
        rules = [(rule.id, rule.extended_addressing, rule.with_length) for rule in isotp]
        least_ns = channel.binding.least_wait_ns
        self._transport.bind(channel.number, bus, j1939=channel.j1939, isotp=rules, least_wait_ns=least_ns)
        if self._protection is not None:
            self._protection.bind(channel.number, bus)
        source = channel.binding.source
        names = (Names(f"frames/{source}/"), Names(f"sessions/{source}/"), Names(f"protection/{source}/"))
        self._channels.append(channel)
        self._names[channel.number] = names

    def of(self, frames: FrameBatch) -> FrameBatch:
        """Return the frames to decode; valid until the next call."""
        whole = self._transport.reassemble(frames)
        return whole if self._protection is None else self._protection.check(whole)

    @property
    def is_open(self) -> bool:
        """Return whether a transport session has frames that nothing has become of yet."""
        return any(self._transport.open_frames(channel.number) for channel in self._channels)

    def expire(self, now_ns: int) -> None:
        """End transport sessions that no frame from `now_ns` on would continue."""
        for channel in self._channels:
            self._transport.expire(channel.number, now_ns)

    def needed_since(self, now_ns: int, least_ns: int) -> int | None:
        """Return the stamp from which on frames are needed to go on at `now_ns`; None: none are.

        least_ns: where a session is open or counters are checked, frames of so long at least.
        """
        since = self._transport.open_since()
        if self._protection is not None:
            least_ns = max(least_ns, *(rule.timeout_ns for rule in self._protection.specs))
        elif since is None:
            return None
        return min(now_ns - least_ns, now_ns if since is None else since)

    def end_sessions(self, source: str) -> None:
        """Count transport sessions of `source` that are open as lost: nothing more comes of it."""
        for channel in self._channels:
            if channel.binding.source == source:
                self._transport.end_sessions(channel.number)

    def countable(self, binding: Binding) -> Iterator[str]:
        """Yield the names of all that `counted` may count of a channel."""
        source = binding.source
        if binding.isotp or self.follows_j1939(binding.bus):
            yield from (f"frames/{source}/{name}" for name in self._transport.counts(0))
            yield from (f"sessions/{source}/{name}" for name in self._transport.session_counts(0))
        if self._protection is not None:
            dropped, wrong = self._protection.countable(binding.bus)
            yield from (f"frames/{source}/{name}" for name in dropped)
            yield from (f"protection/{source}/{name}" for name in wrong)

    def counted(self) -> dict[str, int]:
        """Return frames and sessions so far, as the accounts call them.

        Frames of open sessions are taken off `read`: that counts frames that something has become of.
        """
        counters: dict[str, int] = {}
        for channel in self._channels:
            number, read = channel.number, f"bus/{channel.binding.source}/read"
            frames, sessions, protection = self._names[number]
            counters.setdefault(read, 0)
            if not self._transport.is_idle:
                frames.count(counters, self._transport.counts(number))
                sessions.count(counters, self._transport.session_counts(number))
                counters[read] -= self._transport.open_frames(number)
            if self._protection is not None:
                frames.count(counters, self._protection.counts(number))
                protection.count(counters, self._protection.message_counts(number))
        return counters
