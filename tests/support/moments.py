"""Moments of a pack for round trips: any that the wires of boards can say, values as fine as the wire is."""

from hypothesis import strategies as st

from firmware_sim.wire.readings import ALARMS, Readings


def grid(least: float, most: float, unit: float) -> st.SearchStrategy[float]:
    """Multiples of `unit`."""
    places = len(str(unit).partition(".")[2])
    return st.integers(round(least / unit), round(most / unit)).map(lambda n: round(n * unit, places))


@st.composite
def readings(draw: st.DrawFn, *, cells: int = 32, sensors: int = 8) -> Readings:
    """Draw at most so many cells and sensors; no cell at 0 V, which boards have as padding."""
    return Readings(
        cells_v=tuple(draw(st.lists(grid(0.001, 5.0, 0.001), min_size=1, max_size=cells))),
        sensors_c=tuple(draw(st.lists(grid(-39, 150, 1.0), min_size=1, max_size=sensors))),
        voltage_v=draw(grid(0, 6553.5, 0.1)),
        current_a=draw(grid(-3000, 3000, 0.1)),
        soc_pct=draw(grid(0, 100, 0.1)),
        remaining_ah=draw(grid(0, 6553.5, 0.1)),
        nominal_ah=draw(grid(0, 6553.5, 0.1)),
        cycles=draw(st.integers(0, 65535)),
        switch_c=draw(grid(-39, 150, 1.0)),
        charge_switch=draw(st.booleans()),
        discharge_switch=draw(st.booleans()),
        balanced_cells=draw(st.frozensets(st.integers(0, cells - 1))),
        alarms=draw(st.frozensets(st.sampled_from(ALARMS))),
    )
