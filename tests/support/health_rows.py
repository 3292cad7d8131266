"""Rows of a pack for Health, from plain values: a battery record, and pages of cells."""

from collections.abc import Iterable

from telemetry_core.health.health import Health
from telemetry_core.health.health_spec import HealthChange, PackSpec
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

FIELDS = ("voltage_v", "current_a", "power_w", "soc_pct", "temp_min_c", "temp_max_c")
DAY_NS = 86_400_000_000_000
START_NS = 19_675 * DAY_NS + 36_000_000_000_000  # 10:00 UTC


def schema_of(cells: int) -> Schema:
    """Return records of a message, of `battery` and of `cells`."""
    names = (("message", ("x",)), ("battery", FIELDS), ("cells", tuple(f"v{n + 1:03}" for n in range(cells))))
    return Schema(
        tuple(
            RecordSpec(name, tuple(FieldSpec(each, SlotKind.FLOAT) for each in fields), modelled=True)
            for name, fields in names
        )
    )


def spec_of(cells: int, rated_ah: float = 100.0, **more: int) -> PackSpec:
    """Return where the rows of `schema_of` have their values."""
    return PackSpec(1, 1, 3, 0, 4, 5, 2 if cells else -1, cells, rated_ah, power_w=2, **more)


class Bench:
    """Health of packs, whose tag sets are 1, 2, …, fed by seconds after START_NS."""

    def __init__(self, *, cells: int = 0, rated_ah: float = 100.0, packs: int = 1, **more: int) -> None:
        self.schema = schema_of(cells)
        self.health = Health(self.schema, [spec_of(cells, rated_ah, **more)] * packs)
        for pack in range(packs):
            self.health.route(1 + pack, pack)
        self.changes: list[HealthChange] = []

    def put(self, seconds: float, pack: int = 0, cells: Iterable[float] = (), **values: float) -> None:
        """Take a row of the battery, or a page of cells from the first on."""
        samples, pages = SampleBatch(self.schema, 64), SampleBatch(self.schema, 64)
        time_ns = START_NS + round(seconds * 1e9)
        named = {f"v{number + 1:03}": v for number, v in enumerate(cells)}
        if named:
            samples.append(0, time_ns, {})
            pages.append(2, time_ns, named, tags=1 + pack, id=1)
        else:
            samples.append(1, time_ns, values, tags=1 + pack)
        self.changes += self.health.follow(samples, pages)

    def run(self, begin: int, end: int, pack: int = 0, **values: float) -> None:
        """Take a row a second, with the same values."""
        for second in range(begin, end):
            self.put(second, pack, (), **values)
