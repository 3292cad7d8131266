"""What is said of a log whose stamps are no dates, as `candump -t d` and `-t z` write them."""

import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.logs.log import OpenLog
from tests.support.logs import Numbering

EPOCH_S = 1_700_000_000.0
# A bus with a message every 10 ms and, 1 ms after every third of them, another one.
PERIODIC = [
    EPOCH_S + n * 0.01 + late for n in range(300) for late in ((0.0, 0.001) if n % 3 == 0 else (0.0,))
]


def warnings(path: Path, stamps: Iterable[float], batch_frames: int, channels: str = "can0") -> list[str]:
    names = itertools.cycle(channels.split())
    path.write_text("".join(f" ({at:010.6f})  {next(names)}  123   [1]  00\n" for at in stamps))
    batch = FrameBatch(batch_frames)
    with OpenLog(path, Numbering().__getitem__) as log:
        while not log.at_end:
            log.read(batch)
            batch.clear()
        return log.warnings()


@pytest.mark.parametrize("batch_frames", [3, 4096])
def test_times_since_the_frame_before_step_back_and_are_a_warning(tmp_path: Path, batch_frames: int) -> None:
    deltas = [0.0, *(later - before for before, later in itertools.pairwise(PERIODIC))]
    written = [f"{delta:.6f}" for delta in deltas[:256]]
    back = sum(later < before for before, later in itertools.pairwise(written))
    path = tmp_path / "d.log"
    where = "in the first 256 frames of a channel"
    assert warnings(path, deltas, batch_frames) == [
        f"{path}: stamps step back {back} times {where}, as of candump -t d: record with candump -L"
    ]


def test_times_since_the_first_frame_have_no_date(tmp_path: Path) -> None:
    path = tmp_path / "z.log"
    assert warnings(path, (at - EPOCH_S for at in PERIODIC), 64) == [
        f"{path}: times count from 1970: the log has no date (record with candump -L)"
    ]


def test_dates_are_no_warning_though_a_few_step_back_or_channels_overtake_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    few = [at - (0.5 if n % 20 == 19 else 0.0) for n, at in enumerate(PERIODIC)]
    overtaking = [at - (5.0 if n % 2 else 0.0) for n, at in enumerate(PERIODIC)]
    assert warnings(path, PERIODIC, 64) == []
    assert warnings(path, few, 64) == []
    assert warnings(path, overtaking, 64, "can0 can1") == []
    assert warnings(path, [5.0, 4.0, 3.0], 64) == []  # too few to say
