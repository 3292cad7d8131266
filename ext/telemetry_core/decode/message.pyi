from telemetry_core.decode.spec import SignalSpec

def last_byte(signal: SignalSpec) -> int:
    """Return the number of bytes of payload that the signal needs."""

def first_not_available(bit_count: int) -> int:
    """Return the lowest raw value (as unsigned) that J1939-71 declares to be "error" or "not available".

    It holds for two bits or more (see `_pack_limits`).
    """
