"""The vehicle's end of a GB/T 27930 charge, in the editions of 2011, 2015 and 2023, over a BMS and its pack.

It answers the charger, closes its contactors, asks for what the BMS allows, ends the charge when the battery
has what it should have or something is wrong, and follows a charger that begins again. `tick` moves pack and
BMS.
"""

from dataclasses import dataclass

from firmware_sim.ecus.alarms import AlarmLevel
from firmware_sim.ecus.bms import MAX_CHARGE_A, TICK_S, Bms, VehicleRequest
from firmware_sim.ecus.gbt.node import Node, State
from firmware_sim.ecus.gbt.transport import MessageSender
from firmware_sim.plant.pack import Pack
from firmware_sim.table import key
from firmware_sim.units import MS_NS
from firmware_sim.wire import gbt
from firmware_sim.wire.gbt import BEM_BITS, MESSAGES, READY, Edition, Identity
from firmware_sim.wire.j1939 import CONTROL_PGN

_SUMMARY_S = 0.3  # from both stops to BSD
_CALM_S = 1.0  # for which an error is repeated before CRM(00) is another attempt
_MAX_TEMPERATURE_C = 55.0
_TOO_HIGH_A, _TOO_HIGH_S = 10.0, 1.0  # beyond what was asked for
_OPTIONAL_2011_NS = 1_000 * MS_NS  # period of BMV, BMT, BSP in that edition
_RAMP_A_PER_S = 50.0

_ANSWERED_BY = {"BHM": "crm_00", "BCL": "ccs", "BSD": "csd"}  # as deadlines are called
# What the BMS finds wrong at the level "alarm", as BST names it.
_ALARM_REASONS = {"InsulationLow": "insulation_fault", "Overtemperature": "battery_overtemperature"}


@dataclass(frozen=True, slots=True)
class VehicleSpec:
    """A vehicle and its habits."""

    edition: Edition = key(Edition.Y2015)
    until_soc_pct: float = key(80.0, above=0.0, most=100.0)
    max_current_a: float = key(MAX_CHARGE_A, above=0.0, most=400.0)
    sends_cells: bool = key(True)  # BMV, BMT and BSP
    packet_gap_s: float = 0.01


class VehicleNode(Node):
    """One vehicle; begins at 0 ns."""

    is_charger = False
    _begins = State.WAITING
    _stops_in = (State.CHARGING,)

    def __init__(self, spec: VehicleSpec, pack: Pack, seed: int, *, floor_ns: int = 0) -> None:
        super().__init__(spec.edition, f"{seed}/vehicle", floor_ns=floor_ns)
        self.spec = spec
        self.identity = Identity(f"LSIMGBT27930V{seed % 10_000:04}", pack_serial=(27_929 + seed) % 2**32)
        self.bms = Bms(pack)
        self.demand_v: float | None = None  # asked for in place of what the battery needs, as a fault
        self.soc_error_pct = 0.0  # reported beyond what there is, as a fault
        self.short_status = False  # BCS is one frame of 8 bytes, as a fault
        self.wrong_packets: set[str] = set()  # long messages announced with a wrong number, as a fault
        self.sender = MessageSender(round(spec.packet_gap_s * 1e9), floor_ns=floor_ns)
        self.current_a = 0.0  # as measured
        self.heard_a = 0.0  # what the charger says that it gives
        self._pending: list[str] = []
        self._charger_max_a = 0.0
        self._asked_a = 0.0
        self._too_high_s = 0.0
        self._ready = False

    def tick(self, current_a: float) -> None:
        """Let this current flow for TICK_S, and let the BMS look at it."""
        self.current_a = current_a if self.bms.contactors_closed else 0.0
        self.bms.pack.step(self.current_a, TICK_S)
        self.bms.tick(self._request)
        most_a = min(self.spec.max_current_a, self._charger_max_a, self.bms.charge_limit_a)
        if self.state is State.CHARGING and not self.paused:
            self._asked_a = min(most_a, self._asked_a + _RAMP_A_PER_S * TICK_S)
            self._look_for_reasons()
        else:
            self._asked_a = 0.0

    @property
    def _request(self) -> VehicleRequest:
        states = (State.CONFIGURATION, State.CHARGING, State.STOPPING)
        wanted = self._charger_max_a > 0.0 and self.state in states and not self._stop_heard
        return VehicleRequest.CHARGE if wanted else VehicleRequest.OFF

    def _look_for_reasons(self) -> None:
        bms = self.bms
        reasons = [
            reason for alarm, reason in _ALARM_REASONS.items() if bms.levels[alarm] >= AlarmLevel.ALARM
        ]
        self._too_high_s = self._too_high_s + TICK_S if self.current_a > self._asked_a + _TOO_HIGH_A else 0.0
        if self._too_high_s > _TOO_HIGH_S:
            reasons.append("current_too_high")
        if bms.pack.soc_pct >= self.spec.until_soc_pct:
            reasons.append("soc_reached")
        elif not bms.charge_request.enabled and bms.contactors_closed:
            reasons.append("cell_voltage_reached")
        if reasons:
            self._stop(tuple(reasons))

    # --- states

    def _recognise(self) -> None:
        self._forget_attempt()
        self.state = State.RECOGNITION
        self._repeat("BRM", after_ns=20 * MS_NS)

    def _configure(self) -> None:
        self.state = State.CONFIGURATION
        self._cease("BRM")
        self._met("crm_aa")
        self._repeat("BCP", after_ns=10 * MS_NS)

    def _charge(self) -> None:
        self.state = State.CHARGING
        self._cease("BRO", "BCP")
        self._met("cro_aa")
        self._repeat("BCL", "BSM")
        self._repeat("BCS", after_ns=5 * MS_NS)
        if self.spec.sends_cells:
            for place, code in enumerate(("BMV", "BMT", "BSP"), 1):
                self._repeat(code, after_ns=place * 400 * MS_NS)

    def _stop(self, reasons: tuple[str, ...]) -> None:
        self.heard_a = 0.0
        super()._stop(reasons)

    def _fail(self, name: str) -> None:
        self.errors.append(name)
        self._leave_attempt(self._was_stopped)
        self._repeat("BEM")
        self._after("calm", _CALM_S)

    def _leave_attempt(self, was_stopped: bool) -> None:
        self._forget_attempt()
        self.state = State.FAILED
        self._after("off", 2.0 if was_stopped else self._limits["reconnect"])

    def _forget_attempt(self) -> None:
        self._cease_all()
        self._pending.clear()
        self.sender.cancel()
        self._charger_max_a = self.heard_a = 0.0
        self._ready = self._stop_heard = False
        self._too_high_s = 0.0

    # --- what passes

    def _passed(self, name: str) -> None:
        match name:
            case "summary":
                self.state = State.ENDING
                self._cease_all()
                self._repeat("BSD")
            case "off":
                self.state = State.OFF
                self._cease_all()
            case "cro_aa":
                self._fail("cro_timeout")
            case _ if f"{name}_timeout" in BEM_BITS:
                self._fail(f"{name}_timeout")
            case _:
                pass

    # --- what is sent

    def _period_ns(self, code: str) -> int:
        if self.edition is Edition.Y2011 and code in ("BMV", "BMT", "BSP"):
            return _OPTIONAL_2011_NS
        return MESSAGES[code].period_ns

    def _send(self, code: str) -> None:
        if code in self.silenced:
            return
        if code in gbt.LONG:
            self._announce(code)
            return
        self._emit(code, self._payload(code))
        match code:
            case "BHM" | "BCL" | "BSD":
                self._expect_once(_ANSWERED_BY[code])
            case "BRO" if self._says_ready:
                self._expect_once("cro")
            case "BST" if not self._stop_heard:
                self._expect_once("cst")
            case "BST" if "summary" not in self._deadlines:
                self._after("summary", _SUMMARY_S)
            case _:
                pass

    def _announce(self, code: str) -> None:
        """Queue a long message; if nobody answers its announcement, announce it again."""
        sender = self.sender
        in_vain_ns = max(self._period_ns(code), self._floor_ns)
        if sender.pgn == MESSAGES[code].pgn and sender.in_vain(self._now_ns, in_vain_ns):
            sender.cancel()
        if code not in self._pending:
            self._pending.append(code)

    @property
    def _says_ready(self) -> bool:
        return self._says("BRO", is_so=self._ready)

    def _payload(self, code: str) -> bytes:
        bms = self.bms
        match code:
            case "BHM":
                return gbt.bhm(bms.pack.chemistry.full_v * bms.pack.spec.cells)
            case "BRM":
                return gbt.brm(self.identity, self.edition)
            case "BRO":
                return gbt.ready(self._says_ready)
            case "BMV":
                return gbt.bmv(bms.cell_voltages_v)
            case "BMT":
                return gbt.bmt(bms.pack.module_temperatures_c)
            case "BSP":
                return gbt.BSP
            case "BST":
                return gbt.stop("BST", self.stop_reasons, self.edition)
            case "BSD":
                return gbt.bsd(
                    bms.pack.soc_pct, bms.cell_min_v, bms.cell_max_v, bms.temp_min_c, bms.temp_max_c
                )
            case "BEM":
                return gbt.error("BEM", self.errors[-1:])
            case _:
                return {"BCP": self._bcp, "BCL": self._bcl, "BCS": self._bcs, "BSM": self._bsm}[code]()

    def _bcp(self) -> bytes:
        pack = self.bms.pack
        return gbt.bcp(
            max_cell_v=pack.chemistry.full_v,
            max_current_a=self.spec.max_current_a,
            nominal_kwh=self.identity.rated_ah * self.identity.rated_v / 1000.0,
            max_voltage_v=pack.chemistry.full_v * pack.spec.cells,
            max_temperature_c=_MAX_TEMPERATURE_C,
            soc_pct=pack.soc_pct,
            pack_v=pack.voltage_v,
        )

    def _bcl(self) -> bytes:
        bms = self.bms
        full_v = bms.pack.chemistry.charge_v * bms.pack.spec.cells
        voltage_v = full_v if self.demand_v is None else self.demand_v
        limited = bms.charge_limit_a < min(self.spec.max_current_a, self._charger_max_a)
        return gbt.bcl(voltage_v, self._asked_a, constant_voltage=limited)

    def _bcs(self) -> bytes:
        bms, pack = self.bms, self.bms.pack
        soc_pct = max(pack.soc_pct + self.soc_error_pct, 0.0)
        missing_ah = max(self.spec.until_soc_pct - pack.soc_pct, 0.0) / 100.0 * pack.capacity_ah
        remaining_min = 60.0 * missing_ah / max(self.current_a, 1.0)
        cell = bms.cell_voltages_v.index(bms.cell_max_v)
        group = cell * 16 // pack.spec.cells
        return gbt.bcs(bms.voltage_v, self.current_a, bms.cell_max_v, group, soc_pct, remaining_min)

    def _bsm(self) -> bytes:
        bms = self.bms
        temperatures = [reading for reading in bms.module_readings_c() if reading is not None]
        states = {
            "cell_voltage_state": 1 if bms.levels["CellOvervoltage"] >= AlarmLevel.ALARM else 0,
            "temperature_state": 1 if bms.levels["Overtemperature"] >= AlarmLevel.ALARM else 0,
            "insulation_state": 1 if bms.levels["InsulationLow"] >= AlarmLevel.ALARM else 0,
        }
        return gbt.bsm(
            max_cell=bms.cell_voltages_v.index(bms.cell_max_v) + 1,
            max_temp_c=bms.temp_max_c,
            max_temp_point=temperatures.index(max(temperatures)) + 1,
            min_temp_c=bms.temp_min_c,
            min_temp_point=temperatures.index(min(temperatures)) + 1,
            states=states,
            permitted=not self.paused,
        )

    # --- what is heard

    def _hear_control(self, control: bytes) -> None:
        self.sender.hear(control, self._now_ns)

    def _hear_message(self, code: str, payload: bytes) -> None:
        match code:
            case "CHM" if self.state is State.WAITING and self.edition is not Edition.Y2011:
                self.state = State.HANDSHAKE
                self._repeat("BHM", after_ns=15 * MS_NS)
            case "CRM" if payload:
                self._hear_recognition(payload[0] == READY)
            case "CML" if self.state is State.CONFIGURATION and len(payload) >= 6:
                self._hear_limits(gbt.amps(payload, 5))
            case "CRO" if self.state is State.CONFIGURATION and payload:
                self._hear_ready(payload[0] == READY)
            case "CCS" if self.state is State.CHARGING and len(payload) >= 4:
                self.heard_a = max(gbt.amps(payload, 3), 0.0)
                self._expect("ccs")
            case "CST":
                self._hear_stop()
            case "CSD" if self.state is State.ENDING:
                self._met("csd")
                self._after("off", _SUMMARY_S)
            case "CEM":
                self._hear_error()
            case _:
                pass

    def _hear_recognition(self, recognised: bool) -> None:
        if recognised:
            if self.state is State.RECOGNITION:
                self._configure()
        elif self.state in (State.WAITING, State.HANDSHAKE):
            if self.state is State.WAITING and self.edition is not Edition.Y2011:
                self._speak(Edition.Y2011)  # no handshake: a charger of that edition
            self._recognise()
        elif self.state is State.FAILED and "calm" not in self._deadlines:
            self._recognise()

    def _hear_limits(self, max_current_a: float) -> None:
        self._met("cts_cml")
        self._cease("BCP")
        self._charger_max_a = max_current_a
        self._repeat("BRO", after_ns=10 * MS_NS)

    def _hear_ready(self, is_ready: bool) -> None:
        self._met("cro")
        if is_ready:
            self._charge()
        else:
            self._expect_once("cro_aa")

    def _hear_other(self, id: int, payload: bytes) -> None:
        if id == gbt.OFFER_2024_ID and payload:  # not spoken here
            self._out.append((gbt.ANSWER_2024_ID, gbt.negotiation(gbt.FAILED, (1, 1, 0))))

    # --- transport

    def _run_transport(self) -> None:
        if self.state is State.CONFIGURATION and not self._ready and self.bms.contactors_closed:
            self._ready = True
        sender = self.sender
        for pgn, frame in sender.run(self._now_ns):
            self._send_in_transport(pgn, frame)
        if sender.sent is not None:
            self._sent_whole(gbt.CODES[sender.sent, False])
            sender.sent = None
        while sender.pgn is None and self._pending:
            code = self._pending.pop(0)
            payload = self._payload(code)
            if code == "BCS" and self.short_status:
                payload = payload[:8]
            if len(payload) <= 8:
                self._emit(code, payload)
                continue
            wrong = len(payload) // 7 - 1 if code in self.wrong_packets else None
            frame = sender.begin(MESSAGES[code].pgn, payload, self._now_ns, packets=wrong)
            self._send_in_transport(CONTROL_PGN, frame)

    def _sent_whole(self, code: str) -> None:
        if code == "BRM" and self.state is State.RECOGNITION:
            self._expect_once("crm_aa")
        elif code == "BCP" and self.state is State.CONFIGURATION and not self._charger_max_a:
            self._expect_once("cts_cml")

    def _transport_wake_ns(self) -> int:
        if self.sender.sent is not None or (self._pending and self.sender.pgn is None):
            return self._now_ns
        return self.sender.wake_ns
