"""What a solar charger with VE.Direct says by itself: one text block a second.

Promises: the sum of a block's bytes, the one after `Checksum` included, is 0 modulo 256, with HEX messages
left out; numbers are the charger's readings of that moment. Layout: Victron's "VE.Direct Protocol".
"""

from firmware_sim.ecus.charger import FaultCode, Phase
from firmware_sim.ecus.solar import SolarCharger

BLOCK_EVERY_NS = 1_000_000_000

_PRODUCT_ID = "0xA058"  # SmartSolar MPPT 150|35
_FIRMWARE = "164"
_SERIAL_NUMBER = "HQ2409NEV01"
_STATES = {
    Phase.IDLE: 0,
    Phase.STARTING: 245,
    Phase.CC: 3,  # bulk
    Phase.CV: 4,  # absorption
    Phase.DONE: 5,  # float
    Phase.FAULT: 2,
}
_ERRORS = {
    FaultCode.NONE: 0,
    FaultCode.REQUEST_TIMEOUT: 65,
    FaultCode.OVERTEMPERATURE: 17,
    FaultCode.OUTPUT_OVERVOLTAGE: 2,
    FaultCode.HARDWARE: 117,
}
_NO_INPUT = 0x1  # off reason
_MPPT_OFF, _MPPT_LIMITED, _MPPT_TRACKING = 0, 1, 2
# What a restart of the simulation does not change: the days before this one.
_YIELD_BEFORE_WH, _YIELD_YESTERDAY_WH, _MAX_YESTERDAY_W, _DAY = 1_284_300.0, 2_410.0, 571, 214


def checksum(block: bytes) -> int:
    """The byte that brings the sum to 0 modulo 256."""
    return -sum(block) & 0xFF


def text_block(solar: SolarCharger) -> bytes:
    """One block, from the CR before its first label through its checksum."""
    body = b"".join(f"\r\n{label}\t{value}".encode("ascii") for label, value in _fields(solar))
    body += b"\r\nChecksum\t"
    return body + bytes((checksum(body),))


def hex_message(command: int, data: bytes = b"") -> bytes:
    """`:C DD… KK LF`, where C, the data and KK add up to 0x55."""
    last = (0x55 - command - sum(data)) & 0xFF
    return f":{command:X}{data.hex().upper()}{last:02X}\n".encode("ascii")


def _fields(solar: SolarCharger) -> list[tuple[str, str | int]]:
    charger = solar.charger
    return [
        ("PID", _PRODUCT_ID),
        ("FW", _FIRMWARE),
        ("SER#", _SERIAL_NUMBER),
        ("V", round(1000.0 * solar.battery_v)),
        ("I", round(1000.0 * charger.current_a)),
        ("VPV", round(1000.0 * solar.panel_v)),
        ("PPV", round(solar.panel_w)),
        ("CS", _STATES[charger.phase]),
        ("MPPT", _tracker(solar)),
        ("OR", f"0x{_NO_INPUT if charger.phase is Phase.IDLE else 0:08X}"),
        ("ERR", _ERRORS[charger.fault]),
        ("H19", round((_YIELD_BEFORE_WH + charger.energy_wh) / 10.0)),
        ("H20", round(charger.energy_wh / 10.0)),
        ("H21", round(solar.highest_w)),
        ("H22", round(_YIELD_YESTERDAY_WH / 10.0)),
        ("H23", _MAX_YESTERDAY_W),
        ("HSDS", _DAY),
    ]


def _tracker(solar: SolarCharger) -> int:
    if solar.charger.current_a <= 0.0:
        return _MPPT_OFF
    return _MPPT_TRACKING if solar.charger.phase is Phase.CC else _MPPT_LIMITED


class VeDirectLine:
    """The charger's end of the line: it does not listen."""

    def __init__(self, solar: SolarCharger) -> None:
        self._solar = solar
        self._next_ns = 0

    def feed(self, data: bytes) -> list[bytes]:  # noqa: ARG002  # other devices answer
        """Nothing: what is sent to it has no effect."""
        return []

    def forget(self) -> None:
        """Nothing is kept of what was sent to it."""

    def due(self, until_ns: int) -> list[bytes]:
        """The blocks whose time has come before `until_ns` of simulated time, with the values of now."""
        count = max(-(-(until_ns - self._next_ns) // BLOCK_EVERY_NS), 0)
        self._next_ns += count * BLOCK_EVERY_NS
        return [text_block(self._solar)] * count
