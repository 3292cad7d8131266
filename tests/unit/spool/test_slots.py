"""The file with the two slots."""

import errno
from pathlib import Path
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from telemetry.spool.settled import Stretch, Tally
from telemetry.spool.slots import Slot, SlotFile, decode_slot, encode_slot, read_slot
from tests.support.disk import SimulatedDisk

DIRECTORY = Path("/spool")
UINT = st.integers(0, 2**63)
STRETCHES = st.builds(Stretch, UINT, UINT, st.builds(Tally, UINT, UINT, UINT, UINT), st.booleans())


def disk_with_directory() -> SimulatedDisk:
    disk = SimulatedDisk()
    disk.make_directory(DIRECTORY)
    return disk


def slot(generation: int) -> Slot:
    return Slot(generation, last_sequence=generation, end=10, stretches=[Stretch(0, 5, Tally(5))])


@given(st.builds(Slot, UINT, UINT, UINT, st.booleans(), st.lists(STRETCHES, max_size=17)))
def test_what_was_encoded_is_decoded(slot: Slot) -> None:
    data = encode_slot(slot)
    assert len(data) <= 4096
    assert decode_slot(data) == decode_slot(data.ljust(4096, b"\0")) == slot


@given(st.binary(max_size=200))
def test_random_bytes_are_no_slot(data: bytes) -> None:
    assert decode_slot(data) is None


def test_every_flipped_byte_of_the_file_leaves_a_slot() -> None:
    disk = disk_with_directory()
    slots = SlotFile(disk, DIRECTORY, 0)
    for _ in range(2):
        slots.write(slot(slots.next_generation))
        slots.sync()
    size = len(disk.files()[DIRECTORY / "acknowledged"])
    for offset in range(size):
        disk.flip(DIRECTORY / "acknowledged", offset)
        read = read_slot(disk, DIRECTORY)
        assert read is not None
        assert read.generation in (1, 2)
        disk.flip(DIRECTORY / "acknowledged", offset)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(0, 6))
def test_a_power_cut_never_costs_the_slot_that_was_synced(seed: int, synced: int, after: int) -> None:
    disk = disk_with_directory()
    slots = SlotFile(disk, DIRECTORY, 0)
    for _ in range(synced):
        slots.write(slot(slots.next_generation))
    slots.sync()
    for _ in range(after):
        slots.write(slot(slots.next_generation))
    disk.cut_power(Random(seed))
    read = read_slot(disk, DIRECTORY)
    assert read is not None
    assert synced <= read.generation <= synced + after


@pytest.mark.parametrize("operation", ["write_at", "sync"])
def test_a_file_that_failed_is_replaced_by_a_new_one(operation: str) -> None:
    disk = disk_with_directory()
    slots = SlotFile(disk, DIRECTORY, 0)
    slots.write(slot(slots.next_generation))
    disk.fault = lambda name, path: errno.EIO if name == operation and not path.suffix else None
    with pytest.raises(OSError, match="Input/output"):  # noqa: PT012  either of the two may be the one
        slots.write(slot(slots.next_generation))
        slots.sync()
    creations = []
    disk.fault = lambda name, path: creations.append(path) if name == "create" else None
    slots.write(slot(slots.next_generation))
    slots.sync()
    assert creations == [DIRECTORY / "acknowledged.new"]
    read = read_slot(disk, DIRECTORY)
    assert read is not None
    assert read.generation == slots.next_generation - 1


class UnclosableDisk(SimulatedDisk):
    """A disk that says of each file that it could not be closed in order: it is closed all the same."""

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        raise OSError(errno.EIO, "Input/output error")


def test_a_file_that_failed_is_not_written_again_though_it_could_not_be_closed_in_order() -> None:
    disk = disk_with_directory()
    slots = SlotFile(disk, DIRECTORY, 0)
    slots.write(slot(slots.next_generation))
    disk.__class__ = UnclosableDisk
    disk.fault = lambda name, path: errno.EIO if name == "write_at" and not path.suffix else None
    with pytest.raises(OSError, match="Input/output"):
        slots.write(slot(slots.next_generation))
    disk.__class__ = SimulatedDisk
    disk.fault = lambda _name, _path: None
    slots.write(slot(slots.next_generation))
    read = read_slot(disk, DIRECTORY)
    assert read is not None
    assert read.generation == slots.next_generation - 1
