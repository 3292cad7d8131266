"""Huawei R48xx rectifiers (R4850G2, R4830, R4875): what they answer when they are asked for all registers.

Sources: two open controllers and a recorded answer; docs/protocols/huawei_r48xx.md says which register is how
certain. Numbers are big endian; bytes are counted from 0.
"""

from telemetry.protocols.can.table import CanMessage, CanProtocol, CanSignal
from telemetry.protocols.values import Mapped

_REPLY_ID = 0x1080407E  # of module 0; its last bit says that more frames follow
_ANY_MODULE_AND_MORE = 0x1F80FFFE
_MODULE = 0x007F0000
_REGISTER_VARIANTS = (0x0000, 0x1000, 0x2000, 0x3000)  # bits of the register that do not count


def _register(name: str, number: int, unit: str) -> CanSignal:
    """Return the signal of four bytes from byte 4 on, in 1/1024."""
    return CanSignal(
        name,
        39,
        32,
        factor=1 / 1024,
        unit=unit,
        page=tuple(number | variant for variant in _REGISTER_VARIANTS),
    )


HUAWEI_R48XX = CanProtocol(
    name="huawei_r48xx",
    title="Huawei R48xx rectifiers",
    bit_rate=125_000,
    extended=True,
    called="Huawei R48xx",
    is_charger=True,
    messages=(
        CanMessage(
            "HuaweiReply",
            "rectifier's registers, one a frame",
            (_REPLY_ID,),
            (
                CanSignal("register", 7, 16),
                _register("input_power_w", 0x170, "W"),
                _register("input_frequency_hz", 0x171, "Hz"),
                _register("input_current_a", 0x172, "A"),
                _register("output_power_w", 0x173, "W"),
                _register("efficiency", 0x174, ""),
                _register("output_voltage_v", 0x175, "V"),
                _register("input_voltage_v", 0x178, "V"),
                _register("output_temperature_c", 0x17F, "degC"),
                _register("input_temperature_c", 0x180, "degC"),
                _register("output_current_a", 0x181, "A"),
            ),
            _ANY_MODULE_AND_MORE,
            _MODULE,
            selector="register",
            mark="CAP",
        ),
    ),
    mapped=(
        Mapped("HuaweiReply.output_voltage_v", "charger.voltage_v"),
        Mapped("HuaweiReply.output_current_a", "charger.current_a"),
        Mapped("HuaweiReply.output_power_w", "charger.power_w"),
        Mapped("HuaweiReply.output_temperature_c", "charger.temp_c"),
    ),
)
