"""Write tests/data/pybamm_charges.csv: cells of PyBaMM, aged in known ways, charged in part and in series.

    pip install 'nev-telemetry[pybamm]' && python -m tests.support.pybamm_cells

The tests read the file alone, and need no PyBaMM. A charge is a header `set,ah,ah,…` (the parameter set, and
each cell's capacity between its voltage limits), and rows of seconds, amperes, per cent of charge of the
smallest cell by its electrode, and tenths of a millivolt of each cell.

Made by PyBaMM 26.10: SPMe, half the nominal current an hour, cells that are full at the same time. Lost
material is 8 % of both electrodes with the lithium in it, lost lithium 8 and 4 % of all.
"""

from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "data" / "pybamm_charges.csv"
EVERY_S = 10
SETS = {"Mohtat2020": ((0.20, 0.75), (0.35, 0.90), (0.15, 0.60)), "Chen2020": ((0.20, 0.85),)}
AGED = ((1.0, 1.0), (0.92, 1.0), (1.0, 0.92), (1.0, 0.96))  # of material and of lithium, by cell
_NEGATIVE, _POSITIVE = "negative", "positive"


def main() -> None:
    """Write the file."""
    lines: list[str] = []
    for name, windows in SETS.items():
        cells = [_Cell(name, *aged) for aged in AGED]
        smallest = min(cells, key=lambda cell: cell.capacity_ah)
        for begin, end in windows:
            lines.append(",".join((name, *(f"{cell.capacity_ah:.4f}" for cell in cells))))
            missing_ah = [(1.0 - share) * smallest.capacity_ah for share in (begin, end)]
            charged = [cell.charge(*missing_ah) for cell in cells]
            soc_pct = charged[cells.index(smallest)][1]
            volts = zip(*(cell_v for cell_v, _ in charged), strict=True)
            for row, (share, cells_v) in enumerate(zip(soc_pct, volts, strict=True)):
                shown = (f"{round(1e4 * v)}" for v in cells_v)
                lines.append(
                    ",".join((str(row * EVERY_S), f"{cells[0].current_a:.3f}", f"{share:.3f}", *shown))
                )
    FILE.write_text("\n".join(lines) + "\n", "ascii")


class _Cell:
    """A cell of a parameter set with less of its material, or less of its lithium."""

    def __init__(self, name: str, material: float, lithium: float) -> None:
        import pybamm  # type: ignore[import-not-found,unused-ignore]  # a test extra

        self._pybamm: Any = pybamm
        values = self._values = pybamm.ParameterValues(name)
        for electrode in (_NEGATIVE, _POSITIVE):
            key = f"{electrode.capitalize()} electrode active material volume fraction"
            values[key] = values[key] * material
        parameters = pybamm.LithiumIonParameters()
        held = {
            "Q_n": values.evaluate(parameters.n.Q_init),
            "Q_p": values.evaluate(parameters.p.Q_init),
            "Q_Li": values.evaluate(parameters.Q_Li_particles_init) * lithium,
        }
        limits = pybamm.lithium_ion.ElectrodeSOHSolver(values, parameters).solve(held)
        self.capacity_ah = float(limits["Q"])
        self._empty = (float(limits["x_0"]), float(limits["y_0"]))
        self._full = (float(limits["x_100"]), float(limits["y_100"]))
        self.current_a = 0.5 * float(values["Nominal cell capacity [A.h]"])

    def charge(self, missing_ah: float, left_ah: float) -> tuple[list[float], list[float]]:
        """Return volts, and per cent between the electrode's limits, from that much under full to that."""
        pybamm, values = self._pybamm, self._values
        share = 1.0 - missing_ah / self.capacity_ah
        for electrode, empty, full in zip((_NEGATIVE, _POSITIVE), self._empty, self._full, strict=True):
            most = values[f"Maximum concentration in {electrode} electrode [mol.m-3]"]
            at = empty + share * (full - empty)
            values[f"Initial concentration in {electrode} electrode [mol.m-3]"] = at * most
        values["Current function [A]"] = -self.current_a
        values["Upper voltage cut-off [V]"] = 5.0  # the pack's BMS ends the charge, not a cell's
        seconds = 3600.0 * (missing_ah - left_ah) / self.current_a
        times_s = [float(at_s) for at_s in range(0, int(seconds), EVERY_S)]
        solved = pybamm.Simulation(pybamm.lithium_ion.SPMe(), parameter_values=values).solve(
            [0.0, times_s[-1]], t_interp=times_s
        )
        (empty, _), (full, _) = self._empty, self._full
        held = solved["Negative electrode stoichiometry"](times_s)
        return list(solved["Voltage [V]"](times_s)), [100.0 * (x - empty) / (full - empty) for x in held]


if __name__ == "__main__":
    main()
