"""VE.Direct text of Victron battery monitors, solar chargers, chargers and inverters: broadcast, read-only.

A block says what the device is. A battery monitor reports the battery. A monitor set to measure a single
source or load reports that branch as a meter. Any other device reports itself as a charger. A device may
split its values over several blocks; each becomes a row of its own, at its own stamp.

Source of the facts: Victron, "VE.Direct Protocol"; the bits of AR and the numbers of ERR are listed there.
"""

from telemetry_core.serial.framing import TextFraming, TextKind, TextLabel, TextRole, ValueForm

from telemetry.protocols.serial.signals import alarm_bits
from telemetry.protocols.table import Mapped, Message, Scanned, SerialProtocol, Signal, Words

MONITOR = 1
CHARGER = 2
METER = 3

_SILENCE_NS = 500_000_000
_LONGEST_BLOCK_BYTES = 2048  # a block has at most about 22 fields of at most 43 bytes

# label: factor, unit of the scaled value
_INTEGERS = {
    "V": (0.001, "V"),
    "V2": (0.001, "V"),
    "V3": (0.001, "V"),
    "VS": (0.001, "V"),  # starter battery
    "VM": (0.001, "V"),  # midpoint
    "DM": (0.1, "%"),  # deviation of the midpoint
    "I": (0.001, "A"),  # positive into the battery
    "I2": (0.001, "A"),
    "I3": (0.001, "A"),
    "IL": (0.001, "A"),  # load
    "VPV": (0.001, "V"),  # panel
    "PPV": (1.0, "W"),
    "T": (1.0, "degC"),
    "P": (1.0, "W"),
    "CE": (0.001, "Ah"),  # consumed, negative
    "SOC": (0.1, "%"),
    "TTG": (1.0, "min"),  # -1: infinite
    "AR": (1.0, ""),  # bits
    "WARN": (1.0, ""),
    "H1": (0.001, "Ah"),  # deepest, last, average discharge
    "H2": (0.001, "Ah"),
    "H3": (0.001, "Ah"),
    "H4": (1.0, ""),  # cycles
    "H5": (1.0, ""),  # full discharges
    "H6": (0.001, "Ah"),  # drawn in all
    "H7": (0.001, "V"),  # lowest, highest of the battery
    "H8": (0.001, "V"),
    "H9": (1.0, "s"),  # since full
    "H10": (1.0, ""),  # synchronisations and alarms
    "H11": (1.0, ""),
    "H12": (1.0, ""),
    "H13": (1.0, ""),
    "H14": (1.0, ""),
    "H15": (0.001, "V"),  # lowest, highest of the starter battery
    "H16": (0.001, "V"),
    "H17": (10.0, "Wh"),  # discharged, charged; of a meter: produced, consumed
    "H18": (10.0, "Wh"),
    "H19": (10.0, "Wh"),  # yield in all, today
    "H20": (10.0, "Wh"),
    "H21": (1.0, "W"),  # highest today
    "H22": (10.0, "Wh"),  # yesterday
    "H23": (1.0, "W"),
    "CS": (1.0, ""),  # state of operation
    "MPPT": (1.0, ""),
    "ERR": (1.0, ""),
    "HSDS": (1.0, ""),  # day number
    "MODE": (1.0, ""),
    "AC_OUT_V": (0.01, "V"),
    "AC_OUT_I": (0.1, "A"),
    "AC_OUT_S": (1.0, "VA"),
    "MON": (1.0, ""),  # what a monitor measures: 0 the battery, below a source of current, above a load
}
_RAW = (1.0, "")
_SINGLE_SOURCE = ("MODE", "AC_OUT_V", "AC_OUT_I", "AC_OUT_S")
_HEX = ("PID", "OR")
_SWITCHES = ("Alarm", "Relay", "LOAD")
_TEXTS = ("FW", "FWE", "SER#", "BMV")

_MONITOR_LABELS = (
    "SOC",
    "CE",
    "TTG",
    "VM",
    "DM",
    "MON",
    "H1",
    "H2",
    "H3",
    "H4",
    "H6",
    "H7",
    "H9",
    "H17",
    "H18",
)
_CHARGER_LABELS = ("CS", "MPPT", "ERR", "VPV", "PPV", "HSDS", "H19", "H20", "H21", "AC_OUT_V")
# Product ids of battery monitors (BMV-700 and BMV-710 series, SmartShunts); every other is a charger's.
_MONITOR_PRODUCTS = ((0x0203, 0x0205), (0xA380, 0xA38F))
_CHARGER_PRODUCTS = ((0x0000, 0x0202), (0x0206, 0xA37F), (0xA390, 0xFFFF))

_FRAMING = TextFraming(
    labels=(
        *(TextLabel(name, ValueForm.INTEGER) for name in _INTEGERS),
        *(TextLabel(name, ValueForm.HEX) for name in _HEX),
        *(TextLabel(name, ValueForm.SWITCH) for name in _SWITCHES),
        *(TextLabel(name, ValueForm.NONE) for name in _TEXTS),
    ),
    product="PID",
    kinds=(
        TextKind(MONITOR, _MONITOR_LABELS, _MONITOR_PRODUCTS),
        TextKind(CHARGER, _CHARGER_LABELS, _CHARGER_PRODUCTS),
    ),
    silence_ns=_SILENCE_NS,
    longest_block_bytes=_LONGEST_BLOCK_BYTES,
    role=TextRole("MON", MONITOR, METER),
    identity=(
        ("BMV", "model"),
        ("PID", "product"),
        ("SER#", "serial number"),
        ("FW", "firmware"),
        ("FWE", "firmware (FWE)"),
    ),
)


def _signals() -> tuple[Signal, ...]:
    """Return, for each label, the bit that says whether it is there, then its 32 bits."""
    labels = _FRAMING.numbers
    first_bit = 8 * ((len(labels) + 7) // 8)
    presence = [
        Signal(f"has_{label.name}", number, 1, little_endian=True) for number, label in enumerate(labels)
    ]
    values = [
        Signal(
            label.name,
            first_bit + 32 * number,
            32,
            little_endian=True,
            signed=label.form is ValueForm.INTEGER,
            factor=_INTEGERS.get(label.name, _RAW)[0],
            unit=_INTEGERS.get(label.name, _RAW)[1],
            present=f"has_{label.name}",
            mark="single source" if label.name in _SINGLE_SOURCE else "",
        )
        for number, label in enumerate(labels)
    ]
    return (*presence, *values)


_REASONS = (  # bits of AR and of WARN, of monitors and of inverters
    "pack_undervoltage",
    "pack_overvoltage",
    "soc_low",
    None,  # starter battery low
    None,  # starter battery high
    "undertemperature",
    "overtemperature",
    "cell_imbalance",  # midpoint voltage
    "overload",
    None,  # ripple
    None,  # AC output low
    None,  # AC output high
    "short_circuit",
    "switch_locked",  # by the BMS
)
PHASES = (  # numbers of CS
    (0, "off"),
    (2, "fault"),
    (3, "bulk"),
    (4, "absorption"),
    (5, "float"),
    (7, "equalise"),
    (245, "starting"),
    (247, "auto-equalise"),
    (252, "external control"),
)
_ERRORS = {  # numbers of ERR
    "pack_overvoltage": (2,),
    "overtemperature": (17, 26),
    "charge_overcurrent": (18,),
    "charge_timeout": (20,),
    "sensor_fault": (21,),
    "communication_lost": (65, 66, 67, 68),
    "charger_fault": (19, 28, 116, 117, 118, 119),
    "input_fault": (33, 34, 38, 39),  # the panel's voltage, its current, and the input shut down
}


VEDIRECT = SerialProtocol(
    name="vedirect",
    title="Victron battery monitor, DC meter, solar charger, charger or inverter (VE.Direct text)",
    baud_rate=19200,
    framing=_FRAMING,
    messages=(
        Message("VedirectMonitor", MONITOR, _signals()),
        Message("VedirectCharger", CHARGER, _signals()),
        Message("VedirectMeter", METER, _signals()),
    ),
    mapped=(
        Mapped("VedirectMonitor.V", "battery.voltage_v"),
        Mapped("VedirectMonitor.I", "battery.current_a"),
        Mapped("VedirectMonitor.P", "battery.power_w"),
        Mapped("VedirectMonitor.SOC", "battery.soc_pct"),
        Mapped("VedirectMonitor.H4", "battery.cycles"),
        Mapped("VedirectMonitor.T", "cells.t1"),
        Mapped("VedirectCharger.V", "charger.voltage_v"),
        Mapped("VedirectCharger.I", "charger.current_a"),
        Mapped("VedirectCharger.CS", "charger.phase", words=PHASES),
        Mapped("VedirectCharger.H19", "charger.energy_wh"),
        Mapped("VedirectMeter.V", "meter.voltage_v"),
        Mapped("VedirectMeter.I", "meter.current_a"),
        Mapped("VedirectMeter.P", "meter.power_w"),
        Mapped("VedirectMeter.H17", "meter.energy_wh"),
        Mapped("VedirectMeter.H18", "meter.energy_reverse_wh"),
        *alarm_bits("VedirectMonitor.AR", _REASONS),
        *alarm_bits("VedirectCharger.AR", _REASONS, tag="charger"),
        *alarm_bits("VedirectMeter.AR", _REASONS, tag="charger"),
        *alarm_bits("VedirectCharger.WARN", _REASONS, tag="charger", level="warning"),
        *(
            Mapped("VedirectCharger.ERR", f"event.{code}", when=numbers, tag="charger")
            for code, numbers in _ERRORS.items()
        ),
    ),
    scan=Scanned(1),
    words=Words(
        "",
        "Victron battery monitors, DC meters, solar chargers, chargers, inverters (VE.Direct text)",
        "they send by themselves, about once a second",
        scrubbed="`SER#`",
        addresses="listens alone",
    ),
)
