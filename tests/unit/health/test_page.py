"""docs/health.md: its reasons are those of the code, and its [[health]] is one."""

import re
import tomllib
from pathlib import Path

from telemetry.health.charge import CHEMISTRY, GAPS, SOC, SWAP, WINDOW
from telemetry.health.settings import HealthSettings
from tests.support.page_tables import rows

PAGE = (Path(__file__).parents[3] / "docs" / "health.md").read_text("utf-8")


def test_every_reason_stands_there_in_the_order_in_which_they_are_looked_for() -> None:
    assert [name for name, _ in rows(PAGE, "`reason`")] == [
        f"`{reason}`" for reason in (SWAP, SOC, GAPS, WINDOW, CHEMISTRY)
    ]


def test_its_configuration_is_valid() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (health,) = tomllib.loads(example)["health"]
    assert HealthSettings(**health).rated_ah == 178.0
