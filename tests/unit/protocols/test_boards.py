"""What each board says of a pack comes back as the pack's own values: ordinary ones, greatest, below zero."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.wire.readings import Readings
from tests.support.boards import BOARDS, Board, expected
from tests.support.serial_rows import Value, rows_of

EACH = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())

ORDINARY = Readings(
    cells_v=tuple(3.3 + 0.001 * n for n in range(14)),
    sensors_c=(21.0, 22.0),
    voltage_v=46.291,
    current_a=12.34,
    soc_pct=64.0,
    soh_pct=98.0,
    remaining_ah=64.123,
    capacity_ah=99.5,
    nominal_ah=100.0,
    cycles=37.0,
    cycled_ah=3700.0,
    uptime_s=123_456.0,
    switch_c=31.0,
    ambient_c=19.0,
    balanced_cells=frozenset({0, 13}),
)
GREATEST = replace(
    ORDINARY,
    cells_v=(4.999,) * 24,
    sensors_c=(99.0, 98.0),
    voltage_v=119.976,
    current_a=310.0,
    soc_pct=100.0,
    soh_pct=100.0,
    remaining_ah=4000.0,
    capacity_ah=4000.0,
    nominal_ah=4000.0,
    cycles=65_535.0,
    switch_c=99.0,
    ambient_c=60.0,
)
BELOW_ZERO = replace(
    ORDINARY,
    sensors_c=(-1.0, -39.0),
    current_a=-300.25,
    soc_pct=0.0,
    remaining_ah=0.0,
    switch_c=-1.0,
    ambient_c=-20.0,
    charge_switch=False,
    discharge_switch=False,
    balanced_cells=frozenset(),
)


def rows(board: Board, readings: Readings) -> dict[str, dict[str, Value]]:
    merged: dict[str, dict[str, Value]] = {}
    for measurement, values in rows_of(board.protocol, board.say(readings)):
        merged.setdefault(measurement, {}).update(values)
    return merged


def agree(board: Board, readings: Readings) -> None:
    said = rows(board, readings)
    battery, cells = said["battery"], said["cells"]
    for field, allowed in board.reported.items():
        assert battery[field] == pytest.approx(expected(board, readings, field), abs=allowed * 1.0001), field
    for number, volts in enumerate(readings.cells_v, 1):
        assert cells.pop(f"v{number:03}") == pytest.approx(volts, abs=0.000501)
    if board.first_sensor > 1:
        assert cells.pop("t001") == pytest.approx(readings.ambient_c, abs=board.sensor_c * 1.0001)
    for number, degrees in enumerate(readings.sensors_c[: board.most_sensors], board.first_sensor):
        if degrees is not None:
            assert cells.pop(f"t{number:03}") == pytest.approx(degrees, abs=board.sensor_c * 1.0001)
    assert cells == {}
    assert battery["charge_enabled"] is readings.charge_switch
    assert battery["discharge_enabled"] is readings.discharge_switch
    if "balancing" in battery:
        assert battery["balancing"] is bool(readings.balanced_cells)


@EACH
@pytest.mark.parametrize("readings", [ORDINARY, GREATEST, BELOW_ZERO], ids=["ordinary", "greatest", "frost"])
def test_what_a_board_says_of_a_pack_comes_back(board: Board, readings: Readings) -> None:
    agree(board, readings)


@EACH
@given(
    cells=st.lists(st.integers(1, 5000), min_size=1, max_size=24),
    current=st.integers(-3_000, 3_000),
    temperature=st.integers(-39, 99),
    soc=st.integers(0, 100),
    ah=st.integers(0, 4000),
)
def test_any_pack_comes_back(
    board: Board, cells: list[int], current: int, temperature: int, soc: int, ah: int
) -> None:
    readings = replace(
        ORDINARY,
        cells_v=tuple(cell / 1000 for cell in cells),
        sensors_c=(float(temperature), 20.0),
        voltage_v=sum(cells) / 1000,
        current_a=current / 10,
        soc_pct=float(soc),
        remaining_ah=float(ah),
        capacity_ah=ah + 1.0,
        nominal_ah=ah + 1.0,
        switch_c=float(temperature),
    )
    agree(board, readings)


@pytest.mark.parametrize(
    "board", [each for each in BOARDS.values() if each.reports_gaps], ids=lambda each: each.name
)
def test_a_sensor_that_is_not_fitted_leaves_a_gap(board: Board) -> None:
    readings = replace(ORDINARY, sensors_c=(None, 22.0))
    cells = rows(board, readings)["cells"]
    assert "t001" not in cells
    assert cells["t002"] == 22.0
    assert rows(board, readings)["battery"]["temp_min_c"] == 22.0


@EACH
@pytest.mark.parametrize(("more_cells", "more_sensors"), [(0, 0), (2, 0), (0, 3)])
def test_of_more_cells_and_sensors_than_there_are_places_the_first_come_back(
    board: Board, more_cells: int, more_sensors: int
) -> None:
    most = (
        board.most_cells if board.name == "ant_old" else board.most_cells + more_cells
    )  # its frame is fixed
    volts = [3.0 + 0.01 * n for n in range(most)]
    degrees = [20.0 + n for n in range(board.most_sensors + more_sensors)]
    readings = replace(ORDINARY, cells_v=tuple(volts), sensors_c=tuple(degrees))
    cells = rows(board, readings)["cells"]
    expected_cells = {f"v{n:03}": volts for n, volts in enumerate(volts[: board.most_cells], 1)}
    degrees = [ORDINARY.ambient_c] * (board.first_sensor - 1) + degrees[: board.most_sensors]
    expected_cells |= {f"t{n:03}": degrees for n, degrees in enumerate(degrees, 1)}
    assert cells == pytest.approx(expected_cells, abs=0.0005)


@EACH
def test_a_message_with_any_bit_wrong_says_nothing(board: Board) -> None:
    said = board.say(ORDINARY)
    good = rows_of(board.protocol, said)
    for at in range(0, len(said), 7):
        spoiled = said[:at] + bytes((said[at] ^ 0x10,)) + said[at + 1 :]
        heard = rows_of(board.protocol, spoiled)
        # Of several messages the others are good still. Before and after the values may be an echo, an
        # acknowledgement, or bytes of a check that have no meaning.
        assert all(row in good for row in heard)
        assert heard != good or not 12 <= at < len(said) - 12
