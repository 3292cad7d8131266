"""telemetry/retention/flux.py: what its tasks keep."""

import re
from pathlib import Path

from telemetry.retention import flux
from telemetry.retention.kept import TIERS


def test_every_number_and_flag_of_the_data_model_is_kept() -> None:
    """By the model's page, and not by the table that the files are made of."""
    page = (Path(__file__).parents[3] / "docs/data-model.md").read_text("utf-8")
    tasks = {flux.task("fleet", tier) for tier in TIERS}
    for name, text in re.findall(r"^## `(\w+)`(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL):
        for field in re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE):
            stem = re.escape(field.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            for task in tasks:
                assert re.search(rf'"{name}", fields: /[^/]*\b{stem}', task), (name, field)
