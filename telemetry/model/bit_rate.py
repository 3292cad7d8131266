"""The bit rate of a CAN bus, which says how much of its time frames take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BitRate:
    """Of a CAN bus, in bit/s; data: of the data part of CAN FD frames, where it is another."""

    nominal: int
    data: int | None = None

    def load_pct(self, nominal_bits_per_s: float, data_bits_per_s: float) -> float:
        """How much of its time the bus is busy."""
        return 100.0 * (nominal_bits_per_s / self.nominal + data_bits_per_s / (self.data or self.nominal))
