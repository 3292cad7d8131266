"""Battery health against cells of PyBaMM, aged in known ways: tests/support/pybamm_cells.py made the file.

Four cells in series, in place of each cell twelve: new, 8 % less material, 8 % and 4 % less lithium.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from telemetry.health.found import FoundPack
from telemetry.model.health import CELL_CHARGE
from tests.support.charged_packs import BEGINS_S, DAY_S, frame_line, health_of_log
from tests.support.pybamm_cells import FILE

PARALLEL = 12
REST_S = 60.0
MATERIAL, LITHIUM, LESS_LITHIUM = 1, 2, 3  # cells; the first is new


@dataclass(slots=True)
class Charge:
    """What PyBaMM says of one charge. rows: seconds, amperes, per cent, volts of the cells."""

    name: str
    capacities_ah: list[float]
    rows: list[list[float]]

    def lines(self, begins_s: float) -> Iterator[str]:
        """Yield frames each second, straight lines between the rows, and rests before and after."""
        (first_s, _, *first), (last_s, _, *last) = self.rows[0], self.rows[-1]
        rows = [[first_s - REST_S, 0.0, *first], [first_s - 1.0, 0.0, *first], *self.rows]
        rows += [[last_s + 1.0, 0.0, *last], [last_s + REST_S, 0.0, *last]]
        for left, right in pairwise(rows):
            for second in range(int(left[0]), int(right[0])):
                share = (second - left[0]) / (right[0] - left[0])
                _, current_a, soc_pct, *cells_v = (
                    a + share * (b - a) for a, b in zip(left, right, strict=True)
                )
                power = {"PackVoltage": sum(cells_v), "PackCurrent": PARALLEL * current_a}
                volts = {f"Cell{number:02d}Voltage": v for number, v in enumerate(cells_v, 1)}
                for message, values in (
                    ("BMS_PackPower", power),
                    ("BMS_PackState", {"StateOfCharge": soc_pct}),
                    ("BMS_CellVoltages", volts),
                ):
                    yield frame_line(begins_s + second, "can0", message, values)


def charges() -> list[Charge]:
    """Return what the file holds."""
    found: list[Charge] = []
    for line in FILE.read_text("ascii").splitlines():
        name, *values = line.split(",")
        numbers = [float(value) for value in values]
        if name.isdigit():
            found[-1].rows.append([float(name), *numbers[:2], *(1e-4 * tenths for tenths in numbers[2:])])
        else:
            found.append(Charge(name, numbers, []))
    return found


def health_by(folder: Path, of: list[Charge]) -> FoundPack:
    log = folder / "bus.log"
    lines = (line for n, one in enumerate(of) for line in one.lines(BEGINS_S + n * 7 * DAY_S))
    log.write_text("".join(lines))
    return health_of_log(log, "can0", "rated_ah = 60.0", cells=4)


@pytest.mark.parametrize("name", ["Mohtat2020", "Chen2020"])
def test_the_charge_its_capacity_and_the_cell_that_lost_material_are_those_of_pybamm(
    name: str, tmp_path: Path
) -> None:
    """The pack is full and empty with its smallest cell. Cells that lost lithium show next to nothing."""
    capacity_ah = 0.0
    of = [one for one in charges() if one.name == name]
    found = health_by(tmp_path, of)
    assert len(found.charges) == len(of)
    for (start_ns, row), one in zip(found.charges, of, strict=True):
        seconds = one.rows[-1][0] - one.rows[0][0]
        moved_ah = PARALLEL * one.rows[0][1] * seconds / 3600.0  # at constant current
        capacity_ah = PARALLEL * min(one.capacities_ah)
        assert float(row["charge_ah"]) == pytest.approx(moved_ah, rel=0.005)
        assert float(row["charge_capacity_ah"]) == pytest.approx(capacity_ah, rel=0.005)
        assert row["weak_cell_index"] == MATERIAL + 1
        assert float(row["weak_cell_ratio"]) == pytest.approx(0.92, abs=0.03)
        ratios = found.cells(CELL_CHARGE.name, start_ns)
        for cell in (LITHIUM, LESS_LITHIUM):  # a like voltage is another state there: no capacity
            assert ratios[cell] == pytest.approx(1.0, abs=0.05)
    if len(of) >= 3:
        last = found.charges[-1][1]
        assert float(last["capacity_low_ah"]) < capacity_ah < float(last["capacity_high_ah"])
