"""The charger's end of a GB/T 27930 charge, in the editions of 2011, 2015 and 2023.

It begins, recognises the vehicle, gives what is asked for within its ratings, ends the charge when either end
says so, and begins again after an error, three times at most. `tick` moves its power stage.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from firmware_sim.ecus.charger import Terminals
from firmware_sim.ecus.gbt.node import Node, State
from firmware_sim.ecus.gbt.power_stage import HeardBattery, PowerStage, PowerStageSpec
from firmware_sim.ecus.gbt.transport import Receiver
from firmware_sim.table import key
from firmware_sim.units import MS_NS, S_NS
from firmware_sim.wire import gbt
from firmware_sim.wire.gbt import CEM_BITS, READY, Edition
from firmware_sim.wire.j1939 import CONTROL_PGN

_ERROR_S = 2.0  # for which CEM is repeated before it begins again
_CROSSING_S = 1.0  # after CRM(00) for which errors still belong to the attempt before
_SUMMARY_S = 2.0  # for which CSD is repeated
_NEGOTIATION_NS = 50 * MS_NS
_BCP_BYTES, _BRM_BYTES, _SHORT_BCS_BYTES = 13, 41, 8
_VERSION_2011 = bytes((0, 1, 0))


@dataclass(frozen=True, slots=True)
class GbtChargerSpec:
    """A charger and its habits."""

    edition: Edition = key(Edition.Y2015)
    power: PowerStageSpec = field(default_factory=PowerStageSpec)
    number: int = key(27930001, least=1, most=2**32 - 1)
    region: bytes = b"SIM"
    insulation_s: float = key(2.0, least=0.0, most=60.0)  # between handshake and recognition
    output_s: float = key(1.0, least=0.0, most=60.0)  # until it is ready after the vehicle is
    reconnects: int = key(3, least=0, most=3)
    negotiates_2024: bool = key(False)  # offers GB/T 27930.2-2024 first
    goes_on_without_bhm: bool = key(False)  # takes a silent vehicle for one of 2011


class ChargerNode(Node):
    """One charger at one plug; begins at 0 ns."""

    is_charger = True
    _begins = State.HANDSHAKE
    _stops_in = (State.CONFIGURATION, State.CHARGING)

    def __init__(
        self,
        spec: GbtChargerSpec,
        seed: int,
        *,
        local_time: Callable[[int], datetime] | None = None,
        floor_ns: int = 0,
    ) -> None:
        """`local_time`: its clock at a node's time; None: CTS carries no time."""
        super().__init__(spec.edition, f"{seed}/charger", floor_ns=floor_ns)
        self.spec = spec
        self.stage = PowerStage(spec.power)
        self.heard = HeardBattery()
        self.attempts = 1
        self.receiver = Receiver(floor_ns=floor_ns)
        self._local_time = local_time
        self._recognised = self._output_ready = False
        self._asked_v = self._asked_a = 0.0
        self._vehicle_permits = True
        self._charging_since_ns: int | None = None
        self._charged_ns = 0
        if spec.edition is Edition.Y2011:
            self._recognise()
        else:
            if spec.negotiates_2024:
                self._after("negotiation", 0.0)
                self._after("handshake", 1.0)
            else:
                self._shake_hands()

    @property
    def charged_min(self) -> float:
        """Return the minutes of charging, over all attempts."""
        running_ns = 0 if self._charging_since_ns is None else self._now_ns - self._charging_since_ns
        return (self._charged_ns + running_ns) / (60 * S_NS)

    def tick(self, terminals: Terminals, duration_s: float) -> None:
        """Move the power stage by `duration_s`."""
        gives = self.state is State.CHARGING and self._permitted
        if gives and self._asked_v > self.spec.power.max_voltage_v:
            self.stop("energy_not_deliverable")
            gives = False
        self.stage.tick(self._asked_v, self._asked_a if gives else 0.0, terminals, duration_s)

    def power_off(self) -> None:
        """Lose the supply: nothing is sent or given any more."""
        self.state = State.OFF
        self._stop_charging_time()
        self._cease_all()

    # --- states

    def _shake_hands(self) -> None:
        self._repeat("CHM")
        self._expect("bhm")

    def _recognise(self) -> None:
        self.state = State.RECOGNITION
        self._recognised = self._output_ready = False
        self._cease_all()
        self._repeat("CRM")

    def _configure(self, payload: bytes) -> None:
        self.state = State.CONFIGURATION
        self._cease("CRM")
        self._met("bcp")
        self._repeat("CTS")
        self._repeat("CML", after_ns=5 * MS_NS)
        if self.edition is Edition.Y2023 and not self._matches(payload):
            self._after("mismatch", 0.6)

    def _matches(self, bcp: bytes) -> bool:
        """Return whether the battery's voltages, present and highest, are within the charger's."""
        power = self.spec.power
        voltages = (gbt.tenths(bcp, 7), gbt.tenths(bcp, 12))
        return all(power.min_voltage_v <= voltage_v <= power.max_voltage_v for voltage_v in voltages)

    def _charge(self) -> None:
        self.state = State.CHARGING
        self._cease("CRO")
        self._vehicle_permits = True
        self._charging_since_ns = self._now_ns
        self._repeat("CCS")
        self._expect("bcs")

    def _stop(self, reasons: tuple[str, ...]) -> None:
        self._stop_charging_time()
        super()._stop(reasons)

    def _end(self) -> None:
        self.state = State.ENDING
        self._cease_all()
        self._repeat("CSD")

    def _fail(self, name: str) -> None:
        """Fail: something did not come in time."""
        self.errors.append(name)
        self._leave_attempt(self._was_stopped, reconnects=name != "bsm_timeout")
        self._repeat("CEM")

    def _leave_attempt(self, was_stopped: bool, *, reconnects: bool = True) -> None:
        self.state = State.FAILED
        self._stop_charging_time()
        self._cease_all()
        again = not was_stopped and reconnects and self.attempts <= self.spec.reconnects
        self._after("reconnect" if again else "off", _ERROR_S)

    def _stop_charging_time(self) -> None:
        if self._charging_since_ns is not None:
            self._charged_ns += self._now_ns - self._charging_since_ns
            self._charging_since_ns = None

    @property
    def _permitted(self) -> bool:
        return not self.paused and self._vehicle_permits

    # --- what passes

    def _passed(self, name: str) -> None:
        match name:
            case "negotiation":
                self._negotiate()
            case "handshake":
                self._met("negotiation", "handshake")
                self._shake_hands()
            case "bhm" if self.spec.goes_on_without_bhm:
                self._after("insulation", self.spec.insulation_s)
            case "bhm" | "off":
                self.power_off()
            case "insulation":
                self._recognise()
            case "reconnect":
                self.attempts += 1
                self._recognise()
                self._after("crossing", _CROSSING_S)
            case "output":
                self._output_ready = True
            case "mismatch":
                self._stop(("parameter_mismatch",))
            case "pause":
                self._stop(("other_fault",))
            case "bro_aa":
                self._fail("bro_timeout")
            case _ if f"{name}_timeout" in CEM_BITS:
                self._fail(f"{name}_timeout")
            case _:
                pass

    def _negotiate(self) -> None:
        """Offer version 2.0 of the protocol of 2024."""
        self._out.append((gbt.OFFER_2024_ID, gbt.negotiation(gbt.GOES_ON, (2, 0, 0))))
        self._after("negotiation", _NEGOTIATION_NS / S_NS)

    # --- what is sent

    def _send(self, code: str) -> None:
        if code in self.silenced:
            return
        self._emit(code, self._payload(code))
        match code:
            case "CRM":
                self._expect_once("bcp" if self._says_recognised else "brm")
            case "CML" if "bro_aa" not in self._deadlines:
                self._expect_once("bro")
            case "CRO" if self._says_output_ready:
                self._expect_once("bcl", "bcs")
            case "CST":
                self._expect_once("bsd" if self._stop_heard else "bst")
            case "CSD" if "off" not in self._deadlines:
                self._after("off", _SUMMARY_S)
            case _:
                pass

    @property
    def _says_recognised(self) -> bool:
        return self._says("CRM", is_so=self._recognised)

    @property
    def _says_output_ready(self) -> bool:
        return self._says("CRO", is_so=self._output_ready)

    @property
    def _number(self) -> int:
        return self.spec.number % 100 + 1 if self.edition is Edition.Y2011 else self.spec.number

    def _payload(self, code: str) -> bytes:
        power, stage = self.spec.power, self.stage
        match code:
            case "CHM":
                return gbt.chm()
            case "CRM":
                return gbt.crm(self._says_recognised, self._number, self.spec.region, self.edition)
            case "CTS":
                return gbt.cts(None if self._local_time is None else self._local_time(self._now_ns))
            case "CML":
                most_a = power.max_current_a
                return gbt.cml(
                    power.max_voltage_v, power.min_voltage_v, most_a, power.min_current_a, self.edition
                )
            case "CRO":
                return gbt.ready(self._says_output_ready)
            case "CCS":
                return gbt.ccs(
                    stage.voltage_v, stage.current_a, self.charged_min, self._permitted, self.edition
                )
            case "CST":
                return gbt.stop("CST", self.stop_reasons, self.edition)
            case "CSD":
                return gbt.csd(self.charged_min, stage.energy_wh / 1000.0, self._number, self.edition)
            case _:
                return gbt.error("CEM", self.errors[-1:])

    # --- what is heard

    def _hear_control(self, control: bytes) -> None:
        if self.state is not State.OFF:
            self.receiver.hear_control(control, self._now_ns)

    def _hear_data(self, data: bytes) -> None:
        whole = self.receiver.hear_data(data, self._now_ns)
        if whole is not None:
            code = gbt.CODES.get((whole[0], False))
            if code is not None:
                self._hear_message(code, whole[1])

    def _hear_message(self, code: str, payload: bytes) -> None:
        match code:
            case "BHM" if self.state is State.HANDSHAKE and "bhm" in self._deadlines:
                self._met("bhm")
                self._after("insulation", self.spec.insulation_s)
            case "BRM" if self.state is State.RECOGNITION and len(payload) >= _BRM_BYTES:
                self._met("brm")
                if not self._recognised:
                    self._recognised = True
                    if payload[:3] == _VERSION_2011:
                        self._speak(Edition.Y2011)
                    if self._says_recognised and "CRM" not in self.silenced:
                        self._emit("CRM", self._payload("CRM"))
                        self._expect_once("bcp")
            case "BCP" if self.state is State.RECOGNITION and len(payload) >= _BCP_BYTES:
                if self._says_recognised:
                    self.heard.hear(gbt.tenths(payload, 12), 0.0)
                    self._configure(payload)
            case "BRO" if self.state is State.CONFIGURATION and payload:
                self._hear_ready(payload[0] == READY)
            case "BCL" if len(payload) >= 5:
                self._hear_demand(gbt.tenths(payload, 1), gbt.amps(payload, 3))
            case "BCS" if self.state is State.CHARGING and len(payload) >= _SHORT_BCS_BYTES:
                self.heard.hear(gbt.tenths(payload, 1), gbt.amps(payload, 3))
                self._expect("bcs")
            case "BSM" if self.state is State.CHARGING:
                self._hear_state(payload)
            case "BST":
                self._hear_stop()
            case "BSD" if self.state is State.STOPPING and "CST" not in self.silenced:
                self._end()
            case "BEM":
                self._hear_error()
            case _:
                pass

    def _hear_ready(self, is_ready: bool) -> None:
        self._met("bro")
        if not is_ready:
            self._expect_once("bro_aa")
            return
        self._met("bro_aa")
        self._cease("CTS", "CML")
        if "CRO" not in self._repeated:
            self._repeat("CRO")
            self._after("output", self.spec.output_s)

    def _hear_demand(self, voltage_v: float, current_a: float) -> None:
        if self.state is State.CONFIGURATION and self._output_ready:
            self._charge()
        if self.state is State.CHARGING:
            self._asked_v, self._asked_a = voltage_v, current_a
            self._expect("bcl")

    def _hear_state(self, payload: bytes) -> None:
        if self.edition is Edition.Y2023:
            self._expect("bsm")
        if self.edition is not Edition.Y2011:
            self._vehicle_permits = gbt.two_bits(payload, (7, 5)) != 0
            if self._vehicle_permits:
                self._met("pause")
            else:
                self._expect_once("pause")

    def _hear_other(self, id: int, payload: bytes) -> None:
        if (
            id == gbt.ANSWER_2024_ID
            and payload[1:2] == bytes((gbt.FAILED,))
            and "negotiation" in self._deadlines
        ):
            self._passed("handshake")

    # --- transport

    def _run_transport(self) -> None:
        for control in self.receiver.run(self._now_ns):
            self._send_in_transport(CONTROL_PGN, control)

    def _transport_wake_ns(self) -> int:
        return self.receiver.wake_ns
