"""ACME's battery: one request, one answer.

    request  A5 01 sum
    answer   A5 0B voltage (2, 10 mV) current (2, 10 mA) soc (1, %) cell 1 to 3 (2 each, mV) sum

The current is positive into the battery.
Numbers have their high byte first; the sum is that of all bytes before it.
"""

from telemetry.framing.checks import sum_8
from telemetry.framing.framing import Framing, Heard, PortReader, Shape
from telemetry.framing.lengths import fixed
from telemetry.protocols.table import DeviceRequest, Mapped, Message, SerialProtocol, Signal

_VALUES = 1
_REQUEST = bytes((0xA5, 0x01, 0xA6))
_ANSWER_BYTES = 14


class _Reader(PortReader):
    def read(self, message: bytes) -> tuple[Heard, ...]:
        return (Heard(_VALUES, message[2:-1]),)


def _word(name: str, offset: int, factor: float, *, signed: bool = False) -> Signal:
    return Signal(name, 8 * offset + 7, 16, signed=signed, factor=factor)


ACME = SerialProtocol(
    name="acme",
    title="ACME battery",
    baud_rate=9600,
    framing=Framing(
        shapes=(
            Shape(
                start=(b"\xa5", b"\x0b"),
                length=fixed(_ANSWER_BYTES),
                check=sum_8(),
                longest=_ANSWER_BYTES,
                shortest=_ANSWER_BYTES,
            ),
        ),
        make_reader=_Reader,
    ),
    messages=(
        Message(
            "AcmeValues",
            _VALUES,
            (
                _word("voltage", 0, 0.01),
                _word("current", 2, 0.01, signed=True),
                Signal("soc", 8 * 4 + 7, 8),
                *(_word(f"cell{n}", 3 + 2 * n, 0.001) for n in (1, 2, 3)),
            ),
        ),
    ),
    mapped=(
        Mapped("AcmeValues.voltage", "battery.voltage_v"),
        Mapped("AcmeValues.current", "battery.current_a"),
        Mapped("AcmeValues.soc", "battery.soc_pct"),
        Mapped("AcmeValues.cell{n}", "cells.v{n}"),
    ),
    requests=(DeviceRequest(_REQUEST, 1.0, _VALUES),),
)
