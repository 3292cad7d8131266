"""[black_box] of the configuration."""

from pathlib import Path

from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where

_TABLE = Where("black_box")


@settings
class BlackBoxSettings:
    """[black_box]; without a directory there is none."""

    directory: Path | None = key(
        "a folder of its own, on a disk; for one service alone", default=None, shown="required"
    )
    minutes: float = key("how much of the last minutes is there", default=10.0, least=0.5, most=1440.0)
    most_bytes: int = key(
        "how much frozen captures may take; the oldest ones go first",
        name="most_mb",
        kind="number",
        default=200_000_000,
        scale=1e6,
        least=1.0,
        most=1_000_000.0,
    )
    where: Where = _TABLE
