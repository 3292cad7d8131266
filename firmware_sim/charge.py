"""A DC charge by GB/T 27930: charger and vehicle on one bus, over one pack, into frames in simulated time.

Promises:

- It is pure: the same specification and seed give the same frames, byte for byte, at any pace.
- Each end hears what the other sends and nothing else; frames never share a moment.
- A machine that is too slow for the pace costs frames on the bus. The ends' time, and so the plant's, stays
  that of the recorder.
- `truth` is what plant and meter know at the end.

`ChargeEnd` is one end alone, with the other one in another process on the same bus: frames and the time in,
frames out. A charger without a plant takes the battery for what its BMS says; a vehicle without a charger
lets the current flow that CCS gives.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from firmware_sim.charge_witness import Witness, WitnessedError
from firmware_sim.ecus.bms import TICK_NS, TICK_S
from firmware_sim.ecus.gbt.charger import ChargerNode, GbtChargerSpec
from firmware_sim.ecus.gbt.node import Sent
from firmware_sim.ecus.gbt.power_stage import NOTHING
from firmware_sim.ecus.gbt.vehicle import VehicleNode, VehicleSpec
from firmware_sim.faults.charge import ChargeFaults
from firmware_sim.faults.charge_kinds import Planned
from firmware_sim.plant.pack import Pack, PackSpec
from firmware_sim.units import NEVER_NS, S_NS
from firmware_sim.wire.broadcast import Frame
from firmware_sim.wire.gbt import MESSAGES, Edition
from firmware_sim.wire.j1939 import CONTROL_PGN, DATA_PGN, Control, split_id

_SILENCE_NS = 35 * S_NS  # longer than an end waits for the other
_STRIDE_NS, _STRIDE_OF_2011_NS = 800_000_000, 40_000_000  # less than any time-out of the edition
_OPTIONAL = ("BMV", "BMT", "BSP")  # long messages without which a charge goes on
_SLOW_NS = 10 * S_NS  # so long a machine that was late counts as slow; each time four times as long
_SELDOM_NS = {  # how often a slow machine's bus gets what a charge repeats, by PGN; the others: not at all
    MESSAGES[code].pgn: round(seconds * S_NS)
    for code, seconds in {"BCL": 0.8, "CCS": 0.8, "BCS": 1.2, "BSM": 3.0}.items()
} | {MESSAGES[code].pgn: NEVER_NS for code in _OPTIONAL}
_REPEAT_NS = S_NS  # the same, of any message that says what it said
_FRAME_NS = 550_000  # of an 8-byte frame at 250 kbit/s
_CHINA = timedelta(hours=8)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ChargeSpec:
    """Who meets whom, and what goes wrong."""

    pack: PackSpec = field(default_factory=PackSpec)
    charger: GbtChargerSpec = field(default_factory=GbtChargerSpec)
    vehicle: VehicleSpec = field(default_factory=VehicleSpec)
    faults: tuple[Planned, ...] = ()
    at_most_s: float = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class ChargeTruth:
    """What was; energies in Wh, times in s since the start."""

    duration_s: float
    attempts: int
    soc_start_pct: float
    soc_end_pct: float
    energy_vehicle_wh: float  # into the pack's terminals
    energy_charger_wh: float  # by the charger's meter
    charged_ah: float
    max_current_a: float
    charged_min: float
    phase: str | None  # the last one of the last attempt
    outcome: str
    side: str | None  # who ended it
    reason: str | None  # by the first BST or CST, or by BEM or CEM
    errors: tuple[WitnessedError, ...]
    frames_total: int


class Plug:
    """The two ends of a cable, in China, and what goes wrong with them."""

    def __init__(self, spec: ChargeSpec, seed: int, *, starts_at_ns: int = 0, floor_ns: int = 0) -> None:
        """`starts_at_ns`: the charger's clock at the beginning, ns since 1970.

        `floor_ns`: no deadline is shorter than this, for a clock that runs faster than the machine.
        """

        def local_time(now_ns: int) -> datetime:
            return _EPOCH + _CHINA + timedelta(microseconds=(starts_at_ns + now_ns) // 1000)

        self.pack = Pack(spec.pack, seed)
        self.charger = ChargerNode(spec.charger, seed, local_time=local_time, floor_ns=floor_ns)
        self.vehicle = VehicleNode(spec.vehicle, self.pack, seed, floor_ns=floor_ns)
        self._faults = ChargeFaults(spec.faults, self.charger, self.vehicle)


class DcCharge(Plug):
    """Both ends at one plug."""

    def __init__(self, spec: ChargeSpec, seed: int, *, starts_at_ns: int = 0) -> None:
        """`starts_at_ns`: the charger's clock at the beginning, ns since 1970."""
        super().__init__(spec, seed, starts_at_ns=starts_at_ns)
        self.now_ns = 0
        self._spec = spec
        self._soc_start_pct = self.pack.soc_pct
        self._max_current_a = 0.0
        self._frames_total = 0
        self._heard_ns = 0  # the last frame of an end
        self._sent: dict[tuple[int, int], tuple[bytes, int]] = {}  # by PGN and id: what the bus got, and when
        self._slow_ns, self._slow_until_ns = _SLOW_NS, 0
        self._is_left_out = False  # the long message that is under way: the bus does not get it
        self.witness = Witness()
        is_old = Edition.Y2011 in (spec.charger.edition, spec.vehicle.edition)
        self._stride_ns = _STRIDE_OF_2011_NS if is_old else _STRIDE_NS

    def frames(self, passed_ns: Callable[[], int] | None = None, late_ns: int = 0) -> Iterator[Frame]:
        """Yield all frames, at ns from the start by the recorder's clock, until both ends are silent.

        passed_ns: returns the time since the start. A charge that is later than `late_ns` catches up with it
        wholly: what stays late is time that a recorder takes for the charge's. Until then the bus gets no
        message that is repeated, and for a while it gets them seldom. Both ends hear them, so that no
        time-out passes.
        """
        charger, vehicle, faults = self.charger, self.vehicle, self._faults
        tick_ns = free_ns = 0
        is_behind = False
        ends_ns = round(self._spec.at_most_s * S_NS)
        while not self._finished and self.now_ns < ends_ns:
            self.now_ns = max(min(tick_ns, faults.wake_ns, charger.wake_ns, vehicle.wake_ns), self.now_ns)
            if passed_ns is not None:
                due_ns = passed_ns()
                is_behind = due_ns - self.now_ns > (0 if is_behind else late_ns)
                if is_behind and not (charger.is_transferring or vehicle.is_transferring):
                    self.now_ns = min(due_ns, self.now_ns + self._stride_ns)
                    is_behind = due_ns > self.now_ns
                    if is_behind:
                        vehicle.put_off(self.now_ns, *_OPTIONAL)
                if is_behind and due_ns > self._slow_until_ns:
                    self._slow_until_ns = due_ns + self._slow_ns
                    self._slow_ns *= 4
            while self.now_ns >= tick_ns:
                self._tick()
                tick_ns += TICK_NS
            for id, sent in faults.extra_frames(self.now_ns):
                free_ns = max(self.now_ns, free_ns + _FRAME_NS)
                self._frames_total += 1
                yield faults.stamp_ns(free_ns), id, sent
            for node, other in ((charger, vehicle), (vehicle, charger)):
                for id, sent in node.run(self.now_ns):
                    if (data := faults.through(self.now_ns, id, sent)) is None:
                        continue
                    free_ns = max(self.now_ns, free_ns + _FRAME_NS)
                    other.hear(free_ns, id, data)
                    self._heard_ns = free_ns
                    self.witness.see(free_ns, id, data, node.edition)
                    if self._is_for_bus(id, data, is_behind=is_behind):
                        self._frames_total += 1
                        yield faults.stamp_ns(free_ns), id, data

    def _is_for_bus(self, id: int, data: bytes, *, is_behind: bool) -> bool:
        """Return whether the bus gets a frame; of a long message it gets all or none."""
        pgn, _, _ = split_id(id)
        if pgn == CONTROL_PGN and data[0] == Control.RTS:
            announced = int.from_bytes(data[5:8], "little")
            self._is_left_out = self._may_be_left_out(announced, id, b"", is_behind=is_behind)
        if pgn in (CONTROL_PGN, DATA_PGN):
            return not self._is_left_out
        return not self._may_be_left_out(pgn, id, data, is_behind=is_behind)

    def _may_be_left_out(self, pgn: int, id: int, data: bytes, *, is_behind: bool) -> bool:
        """Return whether the bus can do without a message; otherwise it gets it. data: of a short one."""
        sent, sent_ns = self._sent.get((pgn, id), (b"", -NEVER_NS))
        seldom_ns = _SELDOM_NS.get(pgn, _REPEAT_NS if sent and sent == data else 0)
        is_recent = self.now_ns < self._slow_until_ns and self.now_ns - sent_ns < seldom_ns
        if is_recent or (is_behind and seldom_ns):
            return True
        self._sent[pgn, id] = data, self.now_ns
        return False

    @property
    def _finished(self) -> bool:
        """Return whether both ends are off, or have been silent for so long that nothing comes any more."""
        silent = self.now_ns - self._heard_ns > _SILENCE_NS
        off = self.charger.is_off and self.vehicle.is_off
        return silent or (off and not self._faults.goes_on)

    def _tick(self) -> None:
        charger, vehicle = self.charger, self.vehicle
        self._faults.apply(self.now_ns)
        vehicle.tick(0.0 if self._faults.pulled else charger.stage.current_a)
        charger.tick(NOTHING if self._faults.pulled else vehicle.bms, TICK_S)
        self._max_current_a = max(self._max_current_a, charger.stage.current_a)

    def truth(self) -> ChargeTruth:
        """Return the truth as of now; it is whole once `frames` is exhausted."""
        charger, witness = self.charger, self.witness
        return ChargeTruth(
            duration_s=self.now_ns / S_NS,
            attempts=witness.attempts,
            soc_start_pct=self._soc_start_pct,
            soc_end_pct=self.pack.soc_pct,
            energy_vehicle_wh=self.pack.energy_in_wh,
            energy_charger_wh=charger.stage.energy_wh,
            charged_ah=charger.stage.charge_ah,
            max_current_a=self._max_current_a,
            charged_min=charger.charged_min,
            phase=witness.phase,
            outcome=witness.outcome,
            side=witness.side,
            reason=witness.reason,
            errors=tuple(witness.errors),
            frames_total=self._frames_total,
        )


class ChargeEnd(Plug):
    """The charger or the vehicle of a specification; the other one of them says nothing."""

    def __init__(
        self, spec: ChargeSpec, side: str, seed: int, *, starts_at_ns: int = 0, floor_ns: int = 0
    ) -> None:
        """side: "charger" or "vehicle"; the others as those of a Plug."""
        super().__init__(spec, seed, starts_at_ns=starts_at_ns, floor_ns=floor_ns)
        self._is_charger = side == "charger"
        self._node = self.charger if self._is_charger else self.vehicle
        self._tick_ns = 0

    @property
    def finished(self) -> bool:
        """Return whether this end is silent for good."""
        return self._node.is_off

    @property
    def wake_ns(self) -> int:
        """Return when `run` has something to do, at the latest."""
        return min(self._tick_ns, self._node.wake_ns, self._faults.wake_ns)

    def hear(self, now_ns: int, id: int, data: bytes) -> None:
        """Take a frame of the bus."""
        self._faults.see(now_ns, id)
        if not self._faults.pulled:
            self._node.hear(now_ns, id, data)

    def run(self, now_ns: int) -> Iterator[Sent]:
        """Yield the frames that are due."""
        while now_ns >= self._tick_ns:
            self._tick()
        yield from self._faults.extra_frames(now_ns)
        for id, sent in self._node.run(now_ns):
            if (data := self._faults.through(now_ns, id, sent)) is not None:
                yield id, data

    def truth(self) -> dict[str, object]:
        """Return what this end knows, for a report."""
        charger, node = self.charger, self._node
        known: dict[str, object] = {"state": node.state.value}
        if self._is_charger:
            known |= {
                "attempts": charger.attempts,
                "energy_charger_wh": charger.stage.energy_wh,
                "charged_min": charger.charged_min,
            }
        else:
            known |= {"soc_end_pct": self.pack.soc_pct, "energy_vehicle_wh": self.pack.energy_in_wh}
        return known | {"stop_reasons": node.stop_reasons, "errors": node.errors}

    def _tick(self) -> None:
        self._faults.apply(self._tick_ns)
        if self._is_charger:
            self.charger.tick(self.charger.heard, TICK_S)
        else:
            self.vehicle.tick(self.vehicle.heard_a)
        self._tick_ns += TICK_NS
