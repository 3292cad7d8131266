"""Damaged TRC logs: no crash, no hang, and what was before the damage is there."""

import io
from pathlib import Path

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch

from telemetry.logs.python_can import MessageReader, Trc

START_S = 1_700_000_000


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path: Path = tmp_path_factory.mktemp("logs") / "log.trc"
    with can.TRCWriter(path) as writer:
        for number in range(20):
            writer.on_message_received(
                can.Message(START_S + number, 0x100 + number, is_extended_id=False, data=bytes(4))
            )
    return path.read_bytes()


def ids_of(content: bytes) -> tuple[list[int], int]:
    reader = MessageReader(Trc(io.BufferedReader(io.BytesIO(content))), lambda _: 0)
    batch = FrameBatch(7)
    ids: list[int] = []
    while not reader.at_end:
        reader.read(batch)
        ids += [frame.id for frame in batch]
        batch.clear()
    return ids, reader.damaged


def test_a_whole_log_is_read_whole(log: bytes) -> None:
    assert ids_of(log) == (list(range(0x100, 0x114)), 0)


@given(place=st.floats(0, 1), garbage=st.binary(max_size=60), removed=st.integers(0, 60))
def test_damage_anywhere_neither_crashes_nor_hangs(
    log: bytes, place: float, garbage: bytes, removed: int
) -> None:
    at = int(place * len(log))
    ids, _ = ids_of(log[:at] + garbage + log[at + removed :])
    assert len(ids) <= 20 + len(garbage)


@given(place=st.floats(0.5, 0.9), garbage=st.text("xyz 0123#\n", max_size=60))
def test_lines_before_and_after_damage_are_kept(log: bytes, place: float, garbage: str) -> None:
    at = log.index(b"\n", int(place * len(log))) + 1
    ids, _ = ids_of(log[:at] + b"0.5 1 123 Rx d 4 zz\n" + garbage.encode() + b"\n" + log[at:])
    assert [id for id in ids if 0x100 <= id < 0x114] == list(range(0x100, 0x114))
