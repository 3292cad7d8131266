"""From frames to text: the compiled stages in their order, and what they know of the channels.

Promises: what comes out depends on the frames alone, not on how they were batched. Relies on being called
from one thread, but for `another_decoding` and `another_writing`. Has no clock, no thread and no file.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.protection_spec import ProtectionRule
from telemetry_core.text.lines import LineBuffer

from telemetry.ledger import add
from telemetry.rules.alarms import Alarm
from telemetry.rules.bank import Bank
from telemetry.rules.reduce import SEND_ALL, ReduceSettings
from telemetry.rules.send import SEND_MESSAGES, SendSettings
from telemetry.rules.trigger import ResolvedTrigger
from telemetry.stages.binding import Binding, BoundChannel
from telemetry.stages.decoding import Decoding
from telemetry.stages.formats import OutputFormat
from telemetry.stages.handing_over import hand_over
from telemetry.stages.observer import Observer
from telemetry.stages.output import OutputKind
from telemetry.stages.payloads import Payloads
from telemetry.stages.sessions import PlugSessions
from telemetry.stages.writing import ShownVin, Writing

if TYPE_CHECKING:  # a service that follows no charge imports none of it
    from telemetry.charging.plan import ChargingPlan
    from telemetry.health.settings import HealthSettings

MOST_UNMATCHED = 64  # ids without a message, for people who look


class Stages:
    """Transport, protection, decoder, senders, mapper, watcher, reducer and encoder.

    They are three parts, for those who share the work among threads: `payloads` and `writing` remember what
    came before, `decoding` does not.
    """

    def __init__(
        self,
        plan: PlanSpec,
        mapping: MapSpec | None,
        alarms: Sequence[Alarm] = (),
        *,
        protection: Sequence[ProtectionRule] = (),
        vehicle: str,
        reduce: ReduceSettings = SEND_ALL,
        send: SendSettings = SEND_MESSAGES,
        observer: Observer | None = None,
        output: OutputKind = OutputFormat.LINE_PROTOCOL,
        every_report: bool = False,
        charging: "ChargingPlan | None" = None,
        banks: Sequence[Bank] = (),
        shown_vin: ShownVin | None = None,
        triggers: Sequence[ResolvedTrigger] = (),
        health: "Sequence[HealthSettings]" = (),
    ) -> None:
        self.schema = Schema(plan.records + (mapping.records if mapping else ()))
        self._plan = Plan(plan, self.schema)
        self._vehicle = vehicle
        self.output = output
        self._map_tags = mapping.tag_sets if mapping else ()
        self.payloads = Payloads(self._plan, protection)
        self.decoding = Decoding(self._plan)
        self.writing = Writing(
            self.schema,
            plan,
            mapping,
            alarms,
            vehicle=vehicle,
            reduce=reduce,
            send=send,
            output=output,
            every_report=every_report,
            charging=charging,
            banks=banks,
            shown_vin=shown_vin,
            triggers=triggers,
            health=health,
        )
        self._shown_vin = shown_vin
        self._unmatched = self.decoding.unmatched(MOST_UNMATCHED)
        self._unmatched.is_counting = False
        if observer is not None:
            self.set_observer(observer)
        self.channels: list[BoundChannel] = []
        self._tag_sets = 0
        self._samples = SampleBatch(self.schema)
        self._counted_from_0: dict[str, int] = {}

    def set_observer(self, observer: Observer) -> None:
        """Let `observer` see all that comes from now on. Before anything is bound."""
        self.writing.set_observer(observer, self._unmatched)

    def another_decoding(self) -> Decoding:
        """Return a decoder for another thread."""
        return Decoding(self._plan)

    def another_writing(self) -> Writing:
        """Return an encoder for another thread, for rows that are written as they are."""
        return Writing(
            self.schema,
            self._plan.spec,
            vehicle=self._vehicle,
            output=self.output,
            shown_vin=self._shown_vin,
        )

    def expect(self, binding: Binding) -> None:
        """Count all that may become of the frames of such a channel from 0 on, before the first of them."""
        fates = (
            name for name in self.decoding.fates() if binding.has_error_frames or not name.startswith("lost/")
        )
        names = [f"frames/{binding.source}/{name}" for name in fates]
        names += (*self.payloads.countable(binding), *self.writing.countable(binding))
        self._counted_from_0 |= dict.fromkeys(names, 0)

    def bind(self, channel: int, binding: Binding) -> None:
        """Expect frames of `channel`, which are what `binding` says."""
        self.expect(binding)
        bound = self.take_payloads_from(channel, binding)
        self.decoding.bind(bound)
        self.writing.bind(bound)

    def take_payloads_from(self, channel: int, binding: Binding) -> BoundChannel:
        """Return the same for `payloads` alone.

        The other parts bind what is new in `channels` in their threads.
        """
        j1939 = self.payloads.follows_j1939(binding.bus)
        bound = BoundChannel(channel, binding, self._vehicle, j1939, self._map_tags, self._tag_sets)
        self._tag_sets = bound.tag_sets.stop
        self.payloads.bind(bound)
        self.channels.append(bound)
        return bound

    def process(self, frames: FrameBatch, lines: LineBuffer, *, shift_ns: int = 0) -> None:
        """Decode, map, watch, reduce and encode `frames` into `lines`; `shift_ns` is added to each stamp."""
        self._samples.clear()
        payloads = self.payloads.of(frames)
        self._unmatched.take(payloads)
        self.decoding.decode(payloads, self._samples)
        self.writing.write(self._samples, lines, frames=frames, shift_ns=shift_ns)

    def hand_over(self, successor: "Stages", lines: LineBuffer, *, source: str, shift_ns: int = 0) -> None:
        """Let `successor` go on with `source`: see `handing_over`. Its open transport sessions are lost."""
        hand_over(self.writing, successor.writing, lines, source=source, shift_ns=shift_ns)
        self.payloads.end_sessions(source)

    @property
    def sessions(self) -> PlugSessions:
        """Return those that are followed."""
        return self.writing.sessions

    @property
    def sources(self) -> Iterable[str]:
        """Return those of its channels."""
        return dict.fromkeys(channel.binding.source for channel in self.channels)

    def counted(self) -> dict[str, int]:
        """Return frames and points by name, as the accounts call them.

        Points held by the reducer are left out.
        What may become of the frames of each source is there from the start, as 0.
        """
        decoded = self._counted_from_0 | self.decoding.counted()  # the largest part, in one go: the rest is 0
        return add(decoded, self.payloads.counted(), self.writing.counted())
