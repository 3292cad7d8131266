"""Damaged ASC, BLF and TRC logs: no crash, no hang, and what was before the damage is there."""

import io
from pathlib import Path

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames import FrameBatch

from telemetry.errors import DataError
from telemetry.sources.message_logs import MessageReader, open_format

START_S = 1_700_000_000


def written(suffix: str, folder: Path) -> bytes:
    path = folder / f"log{suffix}"
    writers = {".asc": can.ASCWriter, ".blf": can.BLFWriter, ".trc": can.TRCWriter}
    with writers[suffix](path) as writer:
        for number in range(20):
            writer.on_message_received(
                can.Message(START_S + number, 0x100 + number, is_extended_id=False, data=bytes(4))
            )
    return path.read_bytes()


@pytest.fixture(scope="module", params=[".asc", ".blf", ".trc"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    suffix = str(request.param)
    return suffix, written(suffix, tmp_path_factory.mktemp("logs"))


def ids_of(suffix: str, content: bytes) -> tuple[list[int], int]:
    log_format = open_format(suffix, io.BytesIO(content), "log")  # type: ignore[arg-type]  # raw enough
    assert log_format is not None
    reader = MessageReader(log_format, lambda _: 0)
    batch = FrameBatch(7)
    ids: list[int] = []
    while not reader.at_end:
        reader.read(batch)
        ids += [frame.id for frame in batch]
        batch.clear()
    return ids, reader.damaged


def test_a_whole_log_is_read_whole(log: tuple[str, bytes]) -> None:
    ids, damaged = ids_of(*log)
    assert (ids, damaged) == (list(range(0x100, 0x114)), 0)


@given(place=st.floats(0, 1), garbage=st.binary(max_size=60), removed=st.integers(0, 60))
def test_damage_anywhere_neither_crashes_nor_hangs(
    log: tuple[str, bytes], place: float, garbage: bytes, removed: int
) -> None:
    suffix, content = log
    at = int(place * len(content))
    try:
        ids, _ = ids_of(suffix, content[:at] + garbage + content[at + removed :])
    except DataError:
        return
    assert len(ids) <= 20 + len(garbage)


@given(place=st.floats(0.5, 0.9), garbage=st.text("xyz 0123#\n", max_size=60))
def test_lines_before_and_after_damage_are_kept(log: tuple[str, bytes], place: float, garbage: str) -> None:
    suffix, content = log
    if suffix == ".blf":
        return  # one compressed block: there is nothing behind the damage
    at = content.index(b"\n", int(place * len(content))) + 1
    ids, _ = ids_of(suffix, content[:at] + b"0.5 1 123 Rx d 4 zz\n" + garbage.encode() + b"\n" + content[at:])
    assert [id for id in ids if 0x100 <= id < 0x114] == list(range(0x100, 0x114))
