"""Rows of a pack that is charged, and readings of its 96 cells in 24 pages, for battery health."""

from telemetry_core.health.health import Health
from telemetry_core.health.health_spec import PackSpec
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.model.measurements import BATTERY, cells_record_spec, record_spec

START_NS = 1_772_445_600_000_000_000
ROW_NS = 10_000_000
CELLS = 96
PAGE = 4


class ChargedPack:
    """A pack in a constant charge, 100 rows a second, after its levels have begun to count."""

    def __init__(self, rows: int, readings: int) -> None:
        """Make the rows; readings: that come among them, evenly."""
        battery, cells = record_spec(BATTERY), cells_record_spec(CELLS, 0)
        self._schema = Schema((battery, cells))
        place = {field.name: number for number, field in enumerate(battery.fields)}
        names = ("current_a", "soc_pct", "voltage_v", "temp_min_c", "temp_max_c")
        current, soc, volts, low, high = (place[name] for name in names)
        spec = PackSpec(0, current, soc, volts, low, high, 1, CELLS, 100.0, place["power_w"])
        self._health = Health(self._schema, [spec])
        self._health.route(0, 0)
        self._samples, self._pages = SampleBatch(self._schema), SampleBatch(self._schema)
        every = rows // readings if readings else rows + 1
        for second in range(400):  # until levels count
            samples, pages = SampleBatch(self._schema), SampleBatch(self._schema)
            self._put(samples, second * 100)
            self._read(pages, second * 100, 1)
            self._health.follow(samples, pages)
        for number in range(rows):
            self._put(self._samples, 40_000 + number)
            if number % every == every - 1:
                self._read(self._pages, 40_000 + number, number + 1)
        self._memory = self._health.memory(0)

    def follow(self) -> None:
        """Take all rows, as often as wanted."""
        self._health.remember(0, self._memory)
        self._health.follow(self._samples, self._pages)

    def _put(self, samples: SampleBatch, number: int) -> None:
        values = {"voltage_v": 360.0, "current_a": 50.0, "power_w": 18_000.0}
        if number % 100 == 0:
            values |= {"soc_pct": 20.0 + number / 10_000, "temp_min_c": 20.0, "temp_max_c": 25.0}
        samples.append(0, START_NS + number * ROW_NS, values)

    def _read(self, pages: SampleBatch, number: int, rows: int) -> None:
        for first in range(1, CELLS, PAGE):
            voltages = {
                f"v{cell:03}": 3.5 + number * 1e-6 + cell * 1e-4 for cell in range(first, first + PAGE)
            }
            pages.append(1, START_NS + number * ROW_NS, voltages, id=rows)
