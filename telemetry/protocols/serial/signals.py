"""Signals by the byte where they begin, as the documents of serial devices give them."""

from telemetry.protocols.table import Signal


def unsigned(
    name: str,
    at: int,
    size: int = 2,
    *,
    factor: float = 1.0,
    offset: float = 0.0,
    little: bool = False,
    invalid: tuple[int, ...] = (),
    unit: str = "",
    mark: str = "",
) -> Signal:
    """Return a number of `size` bytes from byte `at` of the payload on, high byte first unless `little`."""
    return Signal(
        name,
        8 * at + (0 if little else 7),
        8 * size,
        little_endian=little,
        factor=factor,
        offset=offset,
        invalid=invalid,
        unit=unit,
        place=f"byte {at}",
        mark=mark,
    )


def flag(name: str, at: int, bit: int) -> Signal:
    """Return one bit of byte `at`, the lowest is 0."""
    return Signal(name, 8 * at + bit, 1, little_endian=True, place=f"byte {at}, bit {bit}")
