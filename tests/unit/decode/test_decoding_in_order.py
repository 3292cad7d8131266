"""`decode` through stages that remember earlier rows, against the same stages in one thread."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.stamps import Nudger
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.channels import ACCOUNT, ChannelPlan
from telemetry.decode.decoder import Decoder
from telemetry.decode.logs import Logs
from telemetry.decode.output import OutputPiece
from telemetry.ledger import add, frames_in_flight, total
from telemetry.logs.log import OpenLog
from telemetry.model.event_codes import EVENT_CODES
from telemetry.rules.limits import Limit
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.resolve import model
from telemetry.stages.binding import Binding
from telemetry.stages.formats import OutputFormat
from telemetry.stages.stages import Stages
from tests.support.live import CELLS_ID, CHARGER_ID, MAP, PACK_ID, PLAN
from tests.support.log_decoders import pieces_of, text_of

LIMITS = (Limit("battery.voltage_v", "pack_overvoltage", above=40.0, hysteresis=0.5),)
FRAMES = 60


def stages(output: OutputFormat, every_s: float) -> Stages:
    modelling = model(MAP, LIMITS, PLAN)
    reduce = ReduceSettings(every_s, {})
    return Stages(PLAN, modelling.map, modelling.alarms, vehicle="van", reduce=reduce, output=output)


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    """Two channels with the same messages, cut into two logs; every stamp comes twice."""
    lines = []
    for number in range(FRAMES):
        words = {
            PACK_ID: (380 + number % 50, number),
            CELLS_ID: (3700 + number, 3650, 3800 - number),
            CHARGER_ID: (number,),
        }
        id = (PACK_ID, CELLS_ID, CHARGER_ID)[number % 3]
        data = b"".join(word.to_bytes(2, "little") for word in words[id])
        for channel in ("can0", "can1"):
            lines.append(f"({number // 6}.{number % 6 // 2}00000) {channel} {id:X}#{data.hex()}\n")
    paths = [tmp_path / "1.log", tmp_path / "2.log"]
    for path, part in zip(paths, (lines[:50], lines[50:]), strict=True):
        path.write_text("".join(part))
    return paths


def decoded(
    logs: list[Path],
    output: OutputFormat = OutputFormat.LINE_PROTOCOL,
    *,
    every_s: float = 1.0,
    **options: Any,
) -> list[OutputPiece]:
    options = {"batch_frames": 7, "accounts": True, **options}
    return pieces_of(Decoder(stages(output, every_s), Logs(ChannelPlan((), {}, 0)), **options), logs)


def in_one_thread(logs: list[Path], output: OutputFormat, every_s: float) -> bytes:
    whole, lines, frames, nudger = stages(output, every_s), LineBuffer(), FrameBatch(4096), Nudger()
    numbers = {"can0": 0, "can1": 1}
    for name, number in numbers.items():
        whole.bind(number, Binding(0, ACCOUNT, name))
    for path in logs:
        with OpenLog(path, numbers.__getitem__) as log:
            while log.read(frames):
                nudger.nudge(frames)
                whole.process(frames, lines)
                frames.clear()
    whole.writing.flush(lines)
    return lines.take()


@pytest.mark.parametrize("output", OutputFormat)
@pytest.mark.parametrize("every_s", [0.0, 1.0])
def test_threads_and_batches_make_no_difference(
    logs: list[Path], output: OutputFormat, every_s: float
) -> None:
    expected = in_one_thread(logs, output, every_s)
    in_columns = f",{EVENT_CODES['pack_overvoltage'].number},".encode()
    begins = {OutputFormat.LINE_PROTOCOL: b"pack_overvoltage", OutputFormat.WIDE_CSV: in_columns}
    assert expected.count(begins.get(output, b"event")) > 2
    for batch_frames, jobs in itertools.product((1, 5, 4096), (1, 4)):
        pieces = decoded(logs, output, every_s=every_s, batch_frames=batch_frames, jobs=jobs)
        assert text_of(pieces) == expected


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_accounts_balance_after_each_piece_and_what_is_held_comes_with_the_end(
    logs: list[Path], jobs: int
) -> None:
    accounts: dict[str, int] = {}
    pieces = decoded(logs, jobs=jobs)
    for piece in pieces:
        assert piece.lines == piece.text.count(b"\n")
        made = total(piece.counts, "points/made/") - piece.counts.get("points/reduced", 0)
        assert made == piece.lines
        accounts = add(accounts, piece.counts)
        assert frames_in_flight(accounts, ACCOUNT) == 0
    assert accounts["bus/logs/read"] == 2 * FRAMES
    assert pieces[-1].is_end
    assert pieces[-1].lines > 0


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_decode_goes_on_after_any_frame_with_what_its_stages_remembered(
    logs: list[Path], jobs: int
) -> None:
    every_frame = decoded(logs, batch_frames=1)
    whole = text_of(every_frame)
    for done in range(1, 2 * FRAMES + 1, 7):
        before = text_of([piece for piece in every_frame if piece.frames <= done and not piece.is_end])
        pieces = decoded(logs, batch_frames=4, jobs=jobs, done=done)
        assert done in [piece.frames for piece in pieces]
        assert before + text_of(pieces) == whole
