from telemetry_core.decode.spec import PlanSpec, SignalSpec
from telemetry_core.rows.schema import Schema

def last_byte(signal: SignalSpec) -> int:
    """Return the number of bytes of payload that the signal needs."""

def first_not_available(bit_count: int) -> int:
    """Return the lowest raw value (as unsigned) that J1939-71 declares to be "error" or "not available".

    It holds for two bits or more (see `_pack_limits`).
    """

class Plan:
    """A packed PlanSpec, as a Decoder reads it. Raises ValueError for a spec that makes no sense."""

    @property
    def spec(self) -> PlanSpec: ...
    @property
    def schema(self) -> Schema: ...
    @property
    def bus_count(self) -> int: ...
    @property
    def message_count(self) -> int: ...
    def __init__(self, spec: PlanSpec, schema: Schema) -> None: ...
