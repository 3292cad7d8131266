"""Write docs/health.png: the health of a simulated pack over two years, by the gateway's own way.

python -m tests.support.health_picture
"""

import tempfile
from pathlib import Path

from firmware_sim.plant.pack import PackSpec
from telemetry.health.found import FoundPack
from telemetry.health.picture import draw
from tests.support.charged_packs import DAY_S, ChargedPack, health_of

FILE = Path(__file__).parents[2] / "docs" / "health.png"
CELLS, WEAK, RESISTIVE = 24, 16, 7
CHARGES = 18
SPEC = PackSpec(
    cells=CELLS,
    cells_per_module=8,
    cell_capacity_ah=40.0,
    cell_resistance_ohm=0.0018,
    start_soc_pct=60.0,
    start_temp_c=20.0,
)


def lived(seed: int = 3) -> ChargedPack:
    """Return a pack with a weak and a resistive cell, after drives and charges, one of them hardly heard."""
    pack = ChargedPack(SPEC, seed)
    for number in range(CHARGES):
        season_c = 12.0 + 11.0 * (-1) ** (number // 4) * (0.5 + number % 4 / 4.0) / 1.5
        soc_pct = pack.draw.uniform(55.0, 65.0)
        pack.wait(
            40 * DAY_S, soc_pct, start_temp_c=season_c, ambient_c=season_c, soh_pct=97.0 - 0.25 * number
        )
        pack.pack.weaken(WEAK - 1, capacity=0.9, resistance=1.0)
        pack.pack.weaken(RESISTIVE - 1, capacity=1.0, resistance=1.4)
        pack.gauge.draw_soc_errors(pack.draw, 3.3)
        pack.gauge.resolution_pct = 1.0
        pack.step_s = 0.1
        for turn in range(30):
            pack.flow(pack.draw.uniform(-80.0, -30.0) if turn % 2 else pack.draw.uniform(0.0, 40.0), 4.0)
        pack.step_s = 1.0
        pack.flow(-45.0, 3000.0, until_pct=pack.draw.uniform(14.0, 40.0))
        pack.flow(0.0, 1900.0)
        pack.lost = (lambda second: second % 300 < 80) if number == 9 else (lambda _second: False)
        pack.charge(20.0, pack.draw.choice((60.0, 80.0, 90.0, 99.5)), rest_s=960.0)
    return pack


def health() -> FoundPack:
    """Return what the gateway makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        return health_of(lived(), Path(folder), cells=CELLS)


if __name__ == "__main__":
    draw([health()], FILE)
