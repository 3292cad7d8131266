"""Does what a scenario says goes wrong in a DC charge: to both ends, and to the frames between them.

Promises: the same faults and frames give the same frames. A frame that no fault concerns passes unchanged.
What is lost on the bus neither the other end nor a listener gets.
"""

from collections.abc import Iterable, Iterator, Mapping

from firmware_sim.ecus.bms import INSULATION_KOHM
from firmware_sim.ecus.gbt.charger import ChargerNode
from firmware_sim.ecus.gbt.vehicle import VehicleNode
from firmware_sim.faults import charge_kinds as kinds
from firmware_sim.faults.charge_kinds import Planned, Since
from firmware_sim.faults.kinds import Insulation, OverTemperature, Silence
from firmware_sim.units import NEVER_NS, S_NS
from firmware_sim.wire.gbt import BEM_BITS, BST_BITS, CEM_BITS, CHARGER, CODES, CST_BITS, MESSAGES
from firmware_sim.wire.j1939 import CONTROL_PGN, DATA_PGN, Control, split_id
from firmware_sim.wire.layout import CAN_EFF_FLAG

_VENDORS_NS = 2 * S_NS  # for which frames of vendors go on after the last one of an end
_SHORT = {"CML": 6, "CCS": 6, "CSD": 5, "CTS": 6, "BSM": 6, "CRM": 5}
_FIELDS: Mapping[str, Iterable[tuple[int, int]]] = {
    "BSM": [(6, 1), (6, 3), (6, 5), (6, 7), (7, 1), (7, 3)],
    "BST": BST_BITS.values(),
    "CST": CST_BITS.values(),
    "BEM": BEM_BITS.values(),
    "CEM": [at for name, at in CEM_BITS.items() if name != "bsm_timeout"],
}
_CURRENT_OFFSET = bytes((0x0A, 0xF2, *(0xFF,) * 6))  # 1000 A, two guns
_VENDOR = (
    (CAN_EFF_FLAG | 0x1830F456, _CURRENT_OFFSET),  # CFC
    (CAN_EFF_FLAG | 0x183156F4, _CURRENT_OFFSET),  # BFC
    (CAN_EFF_FLAG | 0x0070F4B5, bytes(8)),
    (CAN_EFF_FLAG | 0x1806E5F4, bytes.fromhex("1532 03E8 00 000000")),  # Elcon's command has BCP's PGN
    (CAN_EFF_FLAG | 0x1802F3D0, bytes(range(8))),  # BRM's PGN between two others
    (CAN_EFF_FLAG | 0x1828F456, b"\x01"),
    (0x123, bytes(8)),
)
_OWN = ((CAN_EFF_FLAG | 0x18E1D0F3, b"SIMPACK1"), (CAN_EFF_FLAG | 0x18E2D0F3, b"27930   "))


class ChargeFaults:
    """All frames of the bus go through here."""

    def __init__(self, planned: Iterable[Planned], charger: ChargerNode, vehicle: VehicleNode) -> None:
        self._planned = list(planned)
        self._charger, self._vehicle = charger, vehicle
        self._charging_ns: int | None = None
        self._passed_ns = 0  # the last frame of an end
        self._done: set[int] = set()  # what happens once and has happened
        self._lost: dict[int, int] = {}
        self._announced = ""  # the long message on its way
        self._extra_ns = 0 if self._extra() else NEVER_NS
        self.pulled = False
        for number, plan in enumerate(self._planned):
            match plan.fault:
                case kinds.NoAnswer(on=on, times=times):
                    charger.receiver.unanswered[MESSAGES[on].pgn] = times
                case kinds.Refusal(on=on, times=times):
                    charger.receiver.refused[MESSAGES[on].pgn] = times
                case kinds.WrongCount(on=on):
                    vehicle.wrong_packets.add(on)
                case kinds.LostPacket(times=times):
                    self._lost[number] = times
                case _:
                    pass

    @property
    def wake_ns(self) -> int:
        """Return when frames of others are due."""
        return self._extra_ns

    @property
    def goes_on(self) -> bool:
        """Return whether frames are seen after both ends are silent."""
        return any(isinstance(plan.fault, kinds.OwnFrames) for plan in self._planned)

    def apply(self, now_ns: int) -> None:
        """Set what goes wrong at the ends now; call it before each tick."""
        charger, vehicle = self._charger, self._vehicle
        charger.silenced = vehicle.silenced = set()
        charger.paused = vehicle.paused = vehicle.short_status = False
        charger.stage.excess_a, charger.stage.derating = 0.0, 1.0
        vehicle.demand_v, vehicle.soc_error_pct = None, 0.0
        vehicle.bms.insulation_kohm = INSULATION_KOHM
        for number, plan in enumerate(self._planned):
            if not self._active(plan, now_ns):
                if isinstance(plan.fault, OverTemperature):
                    vehicle.bms.pack.heat_module(plan.fault.module - 1, 0.0)
                continue
            self._apply(number, plan)

    def _apply(self, number: int, plan: Planned) -> None:
        charger, vehicle = self._charger, self._vehicle
        match plan.fault:
            case Silence(on=on):
                charger.silenced.add(on)  # the same set at both ends
            case kinds.Pause(side=side):
                (vehicle if side == "vehicle" else charger).paused = True
            case kinds.Excess(current_a=current_a):
                charger.stage.excess_a = current_a
            case kinds.Derating(share=share):
                charger.stage.derating = share
            case kinds.Demand(voltage_v=voltage_v):
                vehicle.demand_v = voltage_v
            case kinds.SocStep(soc_pct=soc_pct):
                vehicle.soc_error_pct = soc_pct
            case Insulation(resistance_kohm=resistance_kohm):
                vehicle.bms.insulation_kohm = resistance_kohm
            case OverTemperature(module=module, heat_w=heat_w):
                vehicle.bms.pack.heat_module(module - 1, heat_w)
            case kinds.ShortFrames():
                vehicle.short_status = True
            case kinds.Unplug():
                self.pulled = True
            case kinds.Stop(side=side, reasons=reasons) if number not in self._done:
                if (vehicle if side == "vehicle" else charger).stop(*reasons):
                    self._done.add(number)
            case kinds.PowerLoss() if number not in self._done:
                self._done.add(number)
                charger.power_off()
            case _:
                pass

    def see(self, now_ns: int, id: int) -> None:
        """Note a frame of either end: charging begins with the first CCS."""
        self._passed_ns = now_ns
        if self._charging_ns is None and id & 0x00FF0000 == MESSAGES["CCS"].pgn << 8:
            self._charging_ns = now_ns

    def through(self, now_ns: int, id: int, data: bytes) -> bytes | None:
        """Return what becomes of a frame of one of the ends; None: it is lost."""
        pgn, _, source = split_id(id)
        code = CODES.get((pgn, source == CHARGER), "")
        if not self.pulled:
            self.see(now_ns, id)
        if self.pulled or self._loses(pgn, data):
            return None
        for plan in self._planned:
            if code and self._active(plan, now_ns):
                data = _changed(plan, code, data)
        return data

    def extra_frames(self, now_ns: int) -> Iterator[tuple[int, bytes]]:
        """Yield frames of others that are due."""
        if now_ns >= self._extra_ns:
            self._extra_ns += S_NS
            yield from self._extra(with_vendors=now_ns - self._passed_ns < _VENDORS_NS)

    def stamp_ns(self, now_ns: int) -> int:
        """Return `now_ns` by the recorder's clock."""
        steps_s = (
            plan.fault.step_s
            for plan in self._planned
            if isinstance(plan.fault, kinds.ClockStep) and self._active(plan, now_ns)
        )
        return now_ns + round(sum(steps_s) * S_NS)

    def _active(self, plan: Planned, now_ns: int) -> bool:
        if isinstance(plan.fault, kinds.TransportFault):
            return False
        base_ns = 0 if plan.since is Since.START else self._charging_ns
        return base_ns is not None and plan.fault.window.active(now_ns - base_ns)

    def _extra(self, *, with_vendors: bool = True) -> list[tuple[int, bytes]]:
        """Return frames of others; those of vendors end with the charge, since its two ends send them."""
        frames: list[tuple[int, bytes]] = []
        for plan in self._planned:
            if isinstance(plan.fault, kinds.VendorFrames) and with_vendors:
                frames += _VENDOR
            elif isinstance(plan.fault, kinds.OwnFrames):
                frames += _OWN
        return frames

    def _loses(self, pgn: int, data: bytes) -> bool:
        """Return whether this packet is one that is lost."""
        if pgn == CONTROL_PGN and data[0] == Control.RTS:
            self._announced = CODES.get((int.from_bytes(data[5:8], "little"), False), "")
        if pgn != DATA_PGN:
            return False
        for number, plan in enumerate(self._planned):
            fault = plan.fault
            if isinstance(fault, kinds.LostPacket) and (fault.on, fault.packet) == (self._announced, data[0]):
                self._lost[number] -= 1
                return self._lost[number] >= 0
        return False


def _changed(plan: Planned, code: str, data: bytes) -> bytes:
    """Return a message's payload, as this fault leaves it."""
    match plan.fault:
        case kinds.UntrustedBits() if code in _FIELDS:
            return _untrusted(_FIELDS[code], data)
        case kinds.ZeroStop() if code in ("BST", "CST"):
            return bytes(len(data))
        case kinds.ShortFrames() if code in _SHORT:
            return data[: _SHORT[code]]
        case kinds.PaddedFrames(fill=fill):
            return data.ljust(8, bytes((fill,)))
        case _:
            return data


def _untrusted(fields: Iterable[tuple[int, int]], data: bytes) -> bytes:
    changed = bytearray(data)
    for byte, bit in fields:
        if byte <= len(changed) and not changed[byte - 1] >> bit - 1 & 3:
            changed[byte - 1] |= 2 << bit - 1
    return bytes(changed)
