"""The bit rate of a CAN bus, which says how much of its time frames take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BitRate:
    """The bit rate of a CAN bus, in bit/s. `data`: that of the data part of CAN FD frames, if it differs."""

    nominal: int
    data: int | None = None

    def load_pct(self, nominal_bits_per_s: float, data_bits_per_s: float) -> float:
        """Return the share of its time in which the bus is busy."""
        return 100.0 * (nominal_bits_per_s / self.nominal + data_bits_per_s / (self.data or self.nominal))
