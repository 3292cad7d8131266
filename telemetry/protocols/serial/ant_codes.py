"""What ANT boards of both kinds report of their MOSFETs and their balancer, by number and as switches.

Source of the facts: the open drivers of these boards (syssi/esphome-ant-bms, for both kinds).
"""

from telemetry.protocols.serial.layout import Value
from telemetry.protocols.table import Mapped

ON = 1  # of a MOSFET's state; every other number says why it is off
BALANCING = 4  # of the balancer's
NOT_FITTED_C = -40

_BOTH = {
    "overtemperature": (7, 10),  # the MOSFETs, the board
    "sensor_fault": (8, 9),  # the current; a wire
    "bms_fault": (13,),
    "switch_locked": (15,),  # switched off by hand
}
CHARGE_ALARMS = {
    "cell_overvoltage": (2,),
    "charge_overcurrent": (3,),
    "pack_overvoltage": (5,),
    "charge_overtemperature": (6,),
    **_BOTH,
}
DISCHARGE_ALARMS = {
    "cell_undervoltage": (2,),
    "discharge_overcurrent": (3,),
    "pack_undervoltage": (5,),
    "discharge_overtemperature": (6,),
    "short_circuit": (12,),
    **_BOTH,
    "bms_fault": (13, 14),  # the MOSFETs; the start has failed
}


def switches(at: int) -> tuple[Value, ...]:
    """Return the bits of a byte of a reader's own, which `switched_on` makes, at this place of a body."""
    reasons = (f"`charge_state` is {ON}", f"`discharge_state` is {ON}", f"`balancer_state` is {BALANCING}")
    return tuple(
        Value(name, at, f"bit{bit}", place=reasons[bit])
        for bit, name in enumerate(("charge_switch", "discharge_switch", "balancing"))
    )


def switched_on(charge: int, discharge: int, balancer: int) -> int:
    """Return the byte of these states."""
    return (charge == ON) | (discharge == ON) << 1 | (balancer == BALANCING) << 2


def alarms(message: str) -> tuple[Mapped, ...]:
    """Return the alarms that the states of the MOSFETs in this message mean."""
    return tuple(
        Mapped(f"{message}.{signal}", f"event.{code}", when=numbers)
        for signal, codes in (("charge_state", CHARGE_ALARMS), ("discharge_state", DISCHARGE_ALARMS))
        for code, numbers in codes.items()
    )
