"""[spool] of the configuration: where the spool is, how much it may take, and how often it may write."""

import contextlib
from pathlib import Path

from telemetry.settings.declared import key, part, settings
from telemetry.settings.table import TomlTable

_MIB = 1 << 20
DEFAULT_CAP_BYTES = 1 << 30


@settings
class SpoolLimits:
    """Bytes and seconds. Beyond cap, age or free space the oldest segment is evicted and counted."""

    cap_bytes: int | None = key(  # None: the smaller of 1 GiB and half of what is free or held already
        "the oldest data is evicted beyond it, counted",
        name="cap_mib",
        kind="number",
        default=None,
        scale=_MIB,
        shown="the smaller of 1 GiB and half of what is free or already held; more when more is free later",
        above=0.0,
        most=16 * _MIB,
    )
    max_age_s: float | None = key(
        "data older than this is evicted, counted",
        name="max_age_h",
        default=None,
        scale=3600.0,
        shown="none",
        above=0.0,
    )
    keep_free_bytes: int = key(
        "always left free on the disk",
        name="keep_free_mib",
        kind="number",
        default=64 * _MIB,
        scale=_MIB,
        least=0.0,
        most=16 * _MIB,
    )
    segment_bytes: int = 8 * _MIB
    commit_bytes: int = 512 * 1024
    commit_s: float = 1.0
    memory_bytes: int = 8 * _MIB  # while the disk refuses
    retry_s: float = 1.0  # how soon a disk that refused is tried again; doubles up to
    retry_max_s: float = 60.0
    dead_bytes: int = 16 * _MIB
    dead_files: int = 1000

    def cap(self, free_bytes: int, held_bytes: int) -> int:
        """Return the cap on a disk with `free_bytes` left, where the spool holds `held_bytes` already."""
        if self.cap_bytes is not None:
            return self.cap_bytes
        return min(DEFAULT_CAP_BYTES, (free_bytes + held_bytes) // 2)

    @property
    def memory_limit_bytes(self) -> int:
        """Return the most that may wait in memory while the disk refuses. It must fit under the cap later.

        A cap that is not configured follows the disk, and sets no limit while the disk is full.
        """
        return self.memory_bytes if self.cap_bytes is None else min(self.memory_bytes, self.cap_bytes // 2)

    def segment_size(self, cap_bytes: int) -> int:
        """Return where a segment ends: small enough that evicting one costs little of what the cap holds."""
        return max(1, min(self.segment_bytes, cap_bytes // 8))


@settings
class SpoolSettings:
    """[spool]."""

    directory: Path = key("made if missing, for this user only")
    limits: SpoolLimits = part()


def spool_directory(path: Path) -> Path:
    """Return a service's spool. path: that folder itself, or the configuration, a folder of `*.toml` too.

    Nothing else of the configuration need be right: a command on a running service must work after an edit
    that the service has refused, and without the environment that only the service has. Raises ConfigError.
    """
    with contextlib.suppress(OSError):  # a folder on the way that this user may not enter: `load` says so
        if path.is_dir() and not any(path.glob("*.toml")):
            return path
    return TomlTable.load(path).take_table("spool").take_path("directory")
