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
    minutes: float | None = key(
        "how much of the last minutes is there", default=None, shown="10", least=0.5, most=1440.0
    )
    most_bytes: int | None = key(
        "how much frozen captures may take; the oldest ones go first",
        name="most_mb",
        kind="number",
        default=None,
        shown="200",
        scale=1e6,
        least=1.0,
        most=1_000_000.0,
    )
    where: Where = _TABLE

    @property
    def kept_minutes(self) -> float:
        """Return how much of the last minutes is there."""
        return 10.0 if self.minutes is None else self.minutes

    @property
    def cap_bytes(self) -> int:
        """Return how much frozen captures may take."""
        return 200_000_000 if self.most_bytes is None else self.most_bytes
