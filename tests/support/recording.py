"""A recorded drive of our own: the simulator's frames as a candump log."""

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from telemetry.__main__ import main

VEHICLE_DBC = Path(__file__).parents[2] / "firmware_sim" / "wire" / "vehicle.dbc"


def record_drive(path: Path, duration_s: float, seed: int = 1) -> Path:
    """Write `duration_s` of simulated driving, about 218 frames/s, to `path`."""
    path.write_bytes(_driven(duration_s, seed))
    return path


@cache
def _driven(duration_s: float, seed: int) -> bytes:
    with TemporaryDirectory() as folder:
        log = Path(folder, "drive.log")
        assert main([*f"sim drive --duration {duration_s} --seed {seed} --output".split(), str(log)]) == 0
        return log.read_bytes()


def coarsen(log: Path, coarse: Path, step_s: float = 0.1) -> Path:
    """`log` with stamps cut to multiples of `step_s`, as coarse adapters write them."""
    with log.open() as lines, coarse.open("w") as out:
        for line in lines:
            stamp, rest = line[1:].split(")", 1)
            out.write(f"({int(float(stamp) / step_s) * step_s:.6f}){rest}")
    return coarse


def recordings() -> Path:
    """Return the folder of other people's recordings, which this project lacks; skip without it."""
    folder = os.environ.get("NEV_TELEMETRY_RECORDINGS", "")
    if not folder:
        pytest.skip("NEV_TELEMETRY_RECORDINGS names no folder of recordings")
    return Path(folder)
