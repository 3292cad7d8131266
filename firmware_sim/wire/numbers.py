"""Readings as the whole numbers of a wire: rounded to its unit, and held at the ends of its range."""


def unsigned(value: float, unit: float = 1.0, size: int = 2) -> int:
    """Return `value` in units of `unit`, as it fits into `size` bytes without a sign."""
    return min(max(round(value / unit), 0), (1 << 8 * size) - 1)


def signed(value: float, unit: float = 1.0, size: int = 2) -> int:
    """Return the same with a sign."""
    half = 1 << 8 * size - 1
    return min(max(round(value / unit), -half), half - 1)


def be(value: float, unit: float = 1.0, size: int = 2) -> bytes:
    """Return `value` unsigned, high byte first."""
    return unsigned(value, unit, size).to_bytes(size, "big")


def sbe(value: float, unit: float = 1.0, size: int = 2) -> bytes:
    """Return `value` signed, high byte first."""
    return signed(value, unit, size).to_bytes(size, "big", signed=True)


def le(value: float, unit: float = 1.0, size: int = 2) -> bytes:
    """Return `value` unsigned, low byte first."""
    return unsigned(value, unit, size).to_bytes(size, "little")


def sle(value: float, unit: float = 1.0, size: int = 2) -> bytes:
    """Return `value` signed, low byte first."""
    return signed(value, unit, size).to_bytes(size, "little", signed=True)
