"""A serial source on a simulated line and, if wanted, the pipeline to a store after it, in one thread."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.serial.framing import TextFraming

from telemetry.ledger import Ledger
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.serial.vedirect import VEDIRECT
from telemetry.protocols.table import EIGHT_N_ONE
from telemetry.rules.resolve import model
from telemetry.service.pipeline import Pipeline
from telemetry.sources.inbox import Arrival, Inbox, SourceEnded, SourceEvent
from telemetry.sources.serial.conversation import Asking, Listening, Poll
from telemetry.sources.serial.device import DeviceSettings
from telemetry.sources.serial.member import BYTE_NS, Member, SilenceWatch
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.serial.source import SerialSource
from telemetry.sources.stop import StopSignal
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore
from tests.support.serial_line import BASIC, CELLS, MODEL, SimulatedLine, request

TIMEOUT_S = 0.5
GAP_S = 0.02
POLLS = (
    Poll(request(BASIC), BASIC, 1.0, TIMEOUT_S),
    Poll(request(CELLS), CELLS, 1.0, TIMEOUT_S),
    Poll(request(MODEL), MODEL, 60.0, TIMEOUT_S),
)
AHEAD_BYTES = 4  # of a BASIC frame's payload, before the data as they were on the wire
assert isinstance(VEDIRECT.framing, TextFraming)
_NUMBERS = [label.name for label in VEDIRECT.framing.numbers]
_VOLTAGE_AT = (len(_NUMBERS) + 7) // 8 + 4 * _NUMBERS.index("V")  # in the payload of a block
SETTINGS = SerialSettings(
    name="bms",
    port="/dev/bms",
    devices=(DeviceSettings(name="bms", protocol="jbd"),),
    baud_rate=9600,
    line=EIGHT_N_ONE,
    capture=None,
    capture_bytes=0,
    simulated_time=None,
)


@dataclass(frozen=True, slots=True)
class Reported:
    """One frame of the source: the data as they were on the wire (of a block its number), and its stamp."""

    register: int
    data: bytes
    at_s: float


class SerialRig:
    """Runs a source until the line's end. deliver: what is to be done with each arrival besides."""

    def __init__(
        self,
        deliver: Callable[[Arrival], None] = lambda _: None,
        protocol: str = "jbd",
        inbox: Inbox | None = None,
    ) -> None:
        self.clock = FakeClock()
        self._protocol = protocol
        self.reported: list[Reported] = []
        self.events: list[SourceEvent] = []
        self.ended: list[SourceEnded] = []
        self._began_ns = self.clock.unix_ns()
        self._channel = inbox or Inbox()
        self._deliver = deliver

    def run(
        self, make_line: Callable[[FakeClock, StopSignal, Callable[[], None]], SimulatedLine]
    ) -> SimulatedLine:
        """make_line: of the clock, the stop, and what is to be called every minute."""
        with StopSignal() as stop:
            line = make_line(self.clock, stop, self._drain)
            source = SerialSource(
                "bms",
                line,
                [self._member()],
                self.clock,
            )
            source.run(self._channel, stop)
        self._drain()
        return line

    def _member(self) -> Member:
        framer = PROTOCOLS[self._protocol].make_framer(byte_ns=BYTE_NS)
        return Member("bms", framer, self._talk(), SilenceWatch("bms", self.clock), self.clock)

    def _talk(self) -> Asking | Listening:
        return Asking(POLLS, GAP_S, self.clock) if self._protocol == "jbd" else Listening(self.clock)

    def _data(self, frame: FrameTuple) -> bytes:
        if self._protocol == "vedirect":
            return frame.data[_VOLTAGE_AT : _VOLTAGE_AT + 4]
        return frame.data[AHEAD_BYTES:] if frame.id == BASIC else frame.data

    @property
    def counts(self) -> Mapping[str, int]:
        """What the source had counted when it ended."""
        return self.ended[0].counts

    def codes(self) -> Counter[tuple[str, bool]]:
        """Count how often each event began and ended."""
        return Counter((item.event.code, item.event.active) for item in self.events)

    def _drain(self) -> None:
        while (item := self._channel.get(0)) is not None:
            match item:
                case Arrival():
                    for frame in item.batch:
                        at_s = (frame.time_ns - self._began_ns) / 1e9
                        self.reported.append(Reported(frame.id, self._data(frame), at_s))
                    self._deliver(item)
                    self._channel.give_back(item.batch)
                case SourceEvent():
                    self.events.append(item)
                case SourceEnded():
                    self.ended.append(item)


class WholeLine:
    """The pipeline behind a serial source, as the service builds it, and the accounts."""

    def __init__(self, protocol: str = "jbd") -> None:
        settings = replace(SETTINGS, devices=(DeviceSettings(name="bms", protocol=protocol),))
        plan = settings.extended(PlanSpec((), ()))
        modelling = model(tuple(settings.map_entries()), (), plan)
        stages = Stages(plan, modelling.map, modelling.alarms, vehicle="van")
        stages.bind(0, Binding(0, settings.name, settings.name))
        self.store = ListedStore()
        self.ledger = Ledger({})
        self._pipeline = Pipeline(stages, self.store, self.ledger, FakeClock(), {})

    def take(self, arrival: Arrival) -> None:
        """Process an arrival as the service does."""
        self._pipeline.process(arrival.source, arrival.batch, arrival.counts)

    def finish(self, counts: Mapping[str, int]) -> None:
        """Tell the pipeline that the source has ended."""
        self._pipeline.end("bms", counts, is_complete=False)
        self._pipeline.finish()

    @property
    def stored_points(self) -> int:
        """Points that the store has taken."""
        return sum(batch.points for batch, _, _ in self.store.batches)
