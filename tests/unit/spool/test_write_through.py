"""The files in memory that keep batches from a process's death."""

import errno
import os
from pathlib import Path

import pytest
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

from telemetry.ownership import read_own_file
from telemetry.spool import TimeBase
from telemetry.spool import write_through as module
from telemetry.spool.write_through import WriteThrough, keeping_in_memory
from tests.support.kept_batches import BOOT, Batch, batch_of, keep, lines_of, opened


def test_what_was_kept_is_found_with_the_accounts_of_its_last_delivery(memory: Path) -> None:
    first = keep(opened(memory), 7, (5, 6), (3,), (9, 8))
    (left,) = opened(memory).left()
    assert lines_of(left) == first
    assert (left.sequence, batch_of(left).points, batch_of(left).first_ns, batch_of(left).last_ns) == (
        7,
        5,
        3,
        9,
    )
    assert (left.accounts, left.positions) == ({"points/made/m": 5}, {"log": 5})


def test_several_batches_are_found_in_order_until_they_are_committed(memory: Path) -> None:
    kept = opened(memory)
    wanted = []
    for sequence in (1, 2, 3):
        wanted.append(keep(kept, sequence, (sequence,), (10 + sequence,)))
        kept.appended(sequence)
    assert [lines_of(left) for left in opened(memory).left()] == wanted
    kept.committed(2, waiting=[3])
    assert [left.sequence for left in opened(memory).left()] == [3]
    kept.committed(3, waiting=[])
    assert opened(memory).left() == []
    assert list(memory.iterdir()) == []


def test_a_state_is_found_as_of_the_last_delivery_and_written_only_when_it_changed(memory: Path) -> None:
    kept, lines = opened(memory), LineBuffer()
    states: list[dict[str, bytes]] = [{}, {"plug": b"p" * 500}, {"plug": b"p" * 500}, {"plug": b"q"}, {}]
    grew = []
    size_bytes = 0
    for stamp, state in enumerate(states):
        lines.append(b"m v=%d %d" % (stamp, stamp), stamp)
        assert kept.keep(1, lines, {"points/made/m": stamp}, {}, "", state)
        (file,) = memory.iterdir()
        grew.append(file.stat().st_size - size_bytes)
        size_bytes = file.stat().st_size
        (left,) = opened(memory).left()
        assert left.state == state
        assert left.accounts == {"points/made/m": stamp}
    assert grew[2] == grew[4] + 4
    assert grew[1] - grew[2] == len("plug") + 500 + 4


def test_the_first_delivery_of_each_batch_says_what_the_state_is(memory: Path) -> None:
    kept = opened(memory)
    for sequence in (1, 2):
        batch = Batch().add(sequence)
        kept.keep(sequence, batch.lines, {"points/made/m": sequence}, {}, "", {"plug": b"charging"})
        kept.appended(sequence)
    assert [left.state for left in opened(memory).left()] == [{"plug": b"charging"}] * 2


def test_a_changed_byte_is_never_taken_for_another_state(memory: Path) -> None:
    batch = Batch().add(1)
    opened(memory).keep(1, batch.lines, {"points/made/m": 1}, {}, "", {"plug": b"charging"})
    (file,) = memory.iterdir()
    whole = file.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x02
        file.write_bytes(changed)
        file.chmod(0o600)
        assert opened(memory).left() == [], at


def test_stamps_that_count_from_boot_name_their_boot(memory: Path) -> None:
    batch = Batch().add(1)
    batch.keep(opened(memory), 1, BOOT)
    (left,) = opened(memory).left()
    assert (batch_of(left).time_base, batch_of(left).boot_id) == (TimeBase.BOOT, BOOT)


def test_a_batch_that_may_hold_points_of_earlier_ones_is_found_ordered(memory: Path) -> None:
    schema = Schema([RecordSpec("battery", (FieldSpec("voltage_v", SlotKind.FLOAT),), modelled=True)])
    encoder, rows, batch, kept = Encoder(schema), SampleBatch(schema), Batch(), opened(memory)
    rows.append(0, 5, {"voltage_v": 1.0})
    for sequence in (1, 2):  # of the same point
        encoder.encode(rows, batch.lines)
        batch.keep(kept, sequence)
        batch.lines.clear()
    assert [batch_of(left).ordered for left in opened(memory).left()] == [False, True]


def test_a_torn_piece_does_not_count_and_those_before_it_do(memory: Path) -> None:
    kept = opened(memory)
    batch = Batch()
    ends = []
    for stamp in (1, 2, 3):
        batch.add(stamp)
        batch.keep(kept, 1)
        (file,) = memory.iterdir()
        ends.append(file.stat().st_size)
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        file.chmod(0o600)
        found = [batch_of(left).points for left in opened(memory).left()]
        assert found == [points for points in (3, 2, 1) if size >= ends[points - 1]][:1], size


def test_a_changed_byte_is_never_taken_for_data(memory: Path) -> None:
    lines = keep(opened(memory), 1, (1, 2), (3,))
    (file,) = memory.iterdir()
    whole = file.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        file.write_bytes(changed)
        file.chmod(0o600)
        for left in opened(memory).left():
            assert lines_of(left) == b"".join(lines.splitlines(keepends=True)[: batch_of(left).points])
            assert left.accounts == {"points/made/m": batch_of(left).points}


@pytest.mark.parametrize("other", ["boot", "spool"])
def test_what_another_boot_or_another_spool_left_is_not_taken(other: str, memory: Path) -> None:
    keep(opened(memory), 1, (1,))
    if other == "boot":
        assert opened(memory, boot_id="f" * 32).left() == []
        assert list(memory.iterdir()) == []  # it is of no use to anybody
        return
    (memory.parent / "other").mkdir()
    assert opened(memory, spool="other").left() == []
    assert len(opened(memory).left()) == 1


def test_what_a_spool_on_a_disk_that_is_not_mounted_left_waits_for_it(memory: Path) -> None:
    disk, elsewhere = memory.parent / "disk", memory.parent / "elsewhere"
    (disk / "spool").mkdir(parents=True)
    keep(WriteThrough([memory], disk / "spool", boot_id=BOOT), 1, (1,))
    disk.rename(elsewhere)
    opened(memory).remove_orphans()
    elsewhere.rename(disk)
    assert len(WriteThrough([memory], disk / "spool", boot_id=BOOT).left()) == 1


def test_a_spool_that_was_made_again_in_the_place_of_another_takes_nothing_of_it(memory: Path) -> None:
    keep(opened(memory), 1, (1,))
    (memory.parent / "spool").rename(memory.parent / "aside")
    (memory.parent / "spool").mkdir()
    assert opened(memory).left() == []


def test_what_is_left_of_a_spool_that_is_no_more_is_removed_by_any_other(memory: Path) -> None:
    (memory.parent / "other").mkdir()
    keep(opened(memory, spool="other"), 1, (1,))
    opened(memory).remove_orphans()
    assert len(list(memory.iterdir())) == 1  # the other one may come again
    (memory.parent / "other").rmdir()
    opened(memory).remove_orphans()
    assert list(memory.iterdir()) == []


def test_a_start_reads_nothing_that_other_spools_have_left(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (memory.parent / "other").mkdir()
    keep(opened(memory, spool="other"), 1, (1,))
    (memory.parent / "other").rmdir()
    keep(opened(memory), 1, (1,))
    read: list[str] = []

    def read_and_note(folder: int, name: str, limit_bytes: int, *, owner: int | None = None) -> bytes:
        read.append(name)
        return read_own_file(folder, name, limit_bytes, owner=owner)

    monkeypatch.setattr(module, "read_own_file", read_and_note)
    assert len(opened(memory).left()) == 1
    assert len(read) == 1
    assert len(list(memory.iterdir())) == 2


def test_files_are_for_their_owner_alone_and_those_that_others_may_write_are_not_taken(memory: Path) -> None:
    keep(opened(memory), 1, (1,))
    (file,) = memory.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o666)
    assert opened(memory).left() == []


def test_a_link_in_a_files_place_is_neither_written_to_nor_read(memory: Path) -> None:
    kept = opened(memory)
    keep(kept, 1, (1,))
    (file,) = memory.iterdir()
    victim = file.rename(memory.parent / "victim")
    file.symlink_to(victim)
    before = victim.read_bytes()
    assert opened(memory).left() == []
    file.symlink_to(victim)
    keep(opened(memory), 1, (2,))
    assert victim.read_bytes() == before


@pytest.mark.optional
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_another_user_put_there_is_not_taken_but_what_the_spools_owner_did_is(memory: Path) -> None:
    keep(opened(memory), 1, (1,))
    (file,) = memory.iterdir()
    os.chown(file, 12345, 12345)
    os.chown(memory.parent / "spool", 12345, 12345)
    assert len(opened(memory).left()) == 1
    os.chown(memory.parent / "spool", 23456, 23456)
    assert opened(memory).left() == []


def test_after_a_refusal_nothing_is_kept_until_all_is_on_disk(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = opened(memory)
    keep(kept, 1, (1,))
    kept.appended(1)
    keep(kept, 2, (2,))
    with monkeypatch.context() as patch:
        patch.setattr(
            os, "pwritev", lambda _descriptor, parts, _at: len(parts[0])
        )  # full, in the middle of a piece
        keep(kept, 2, (2, 3))
    kept.appended(2)
    keep(kept, 3, (4,))
    assert opened(memory).left() == []
    kept.committed(2, waiting=[])
    keep(kept, 3, (4, 5))
    assert [left.sequence for left in opened(memory).left()] == [3]


def test_no_batch_is_kept_after_one_that_is_not(memory: Path) -> None:
    kept = opened(memory)
    kept.appended(1)  # of a log: it can be read again
    keep(kept, 2, (2,))
    assert opened(memory).left() == []
    kept.committed(1, waiting=[2])
    keep(kept, 2, (2,))
    assert opened(memory).left() == []
    kept.committed(2, waiting=[])
    keep(kept, 3, (3,))
    assert [left.sequence for left in opened(memory).left()] == [3]


def test_it_is_bounded(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    kept = opened(memory)
    for sequence in range(1, 50):
        keep(kept, sequence, (sequence,), (sequence + 1,))
        kept.appended(sequence)
        assert sum(file.stat().st_size for file in memory.iterdir()) <= 1000
    assert list(memory.iterdir()) == []


def test_what_is_on_disk_leaves_its_room_to_any_number_of_batches(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    kept = opened(memory)
    for sequence in range(1, 50):
        keep(kept, sequence, (sequence,), (sequence + 1,))
        assert [left.sequence for left in opened(memory).left()] == [sequence]
        kept.appended(sequence)
        kept.committed(sequence, waiting=[])


def test_a_batch_gets_the_next_number_where_a_letter_takes_its_own(memory: Path) -> None:
    kept = opened(memory)
    batch = Batch().add(1)
    batch.keep(kept, 5)
    kept.renumber(5)
    batch.add(2)
    batch.keep(kept, 6)
    (left,) = opened(memory).left()
    assert (left.sequence, batch_of(left).points) == (6, 2)


def test_only_a_file_system_in_memory_is_used(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_is_in_memory", lambda path: path == memory)
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{memory}:/run/another")
    kept = keeping_in_memory(BOOT)(memory.parent / "spool")
    assert kept is not None
    keep(kept, 1, (1,))
    assert len(list(memory.iterdir())) == 1
    monkeypatch.setattr(module, "_is_in_memory", lambda _path: False)
    assert keeping_in_memory(BOOT)(memory.parent / "spool") is None


def test_a_file_system_in_memory_is_distinguished_from_one_on_a_disk() -> None:
    assert not module._is_in_memory(Path("/proc"))
    assert not module._is_in_memory(Path("/no/such/folder"))
    shared = Path("/dev/shm")
    if shared.is_dir():
        kinds = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        assert module._is_in_memory(shared) == any(kind[1:3] == ["/dev/shm", "tmpfs"] for kind in kinds)


def test_a_file_that_cannot_get_its_number_is_given_up_without_an_error(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead letter takes the number of the open batch: it must be appended all the same."""
    kept = opened(memory)
    keep(kept, 5, (1,))

    def refuses(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "rename", refuses)
    kept.renumber(5)
    assert opened(memory).left() == []


def test_a_file_whose_batch_is_on_disk_is_used_again_and_its_old_pieces_do_not_count(memory: Path) -> None:
    kept = opened(memory)
    keep(kept, 1, (1,), (2, 3), (4, 5, 6, 7))  # longer than the one after it
    (before,) = memory.iterdir()
    number, content = before.stat().st_ino, before.read_bytes()
    kept.appended(1)
    kept.committed(1, waiting=[])
    lines = keep(kept, 2, (8,))
    (after,) = memory.iterdir()
    assert after.stat().st_ino == number
    assert len(after.read_bytes()) == len(content)
    (left,) = opened(memory).left()
    assert (left.sequence, lines_of(left), left.accounts) == (2, lines, {"points/made/m": 1})


def test_pieces_of_the_same_sizes_do_not_follow_on_those_of_the_batch_before(memory: Path) -> None:
    kept = opened(memory)
    keep(kept, 1, (1,), (2,), (3,))
    kept.appended(1)
    kept.committed(1, waiting=[])
    lines = keep(kept, 2, (4,), (5,))
    (left,) = opened(memory).left()
    assert (batch_of(left).points, lines_of(left)) == (2, lines)


def test_an_emptied_file_holds_no_batch_under_any_name(memory: Path) -> None:
    """A process may die between giving the file its new name and writing the first piece."""
    kept = opened(memory)
    keep(kept, 1, (1,))
    kept.appended(1)
    kept.committed(1, waiting=[])
    (file,) = memory.iterdir()
    file.rename(file.with_name(file.name.replace("1.batch", "2.batch")))
    assert opened(memory).left() == []


def test_few_emptied_files_wait_and_none_is_left_by_an_orderly_stop(memory: Path) -> None:
    kept = opened(memory)
    for sequence in range(1, 20):
        keep(kept, sequence, (sequence,))
        kept.appended(sequence)
    kept.committed(19, waiting=[])
    assert len(list(memory.iterdir())) == module.MOST_EMPTIED
    kept.close()
    assert list(memory.iterdir()) == []


def test_batches_that_wait_long_for_the_disk_take_few_descriptors(memory: Path) -> None:
    kept = opened(memory)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for sequence in range(1, 50):
        keep(kept, sequence, (sequence,))
        kept.appended(sequence)
    assert len(list(Path("/proc/self/fd").iterdir())) - before < 10
    assert [left.sequence for left in opened(memory).left()] == list(range(1, 50))
    kept.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_emptied_file_that_somebody_removes_costs_the_next_batch_alone(memory: Path) -> None:
    kept = opened(memory)
    keep(kept, 1, (1,))
    kept.appended(1)
    kept.committed(1, waiting=[])
    next(memory.iterdir()).unlink()
    keep(kept, 2, (2,))
    assert opened(memory).left() == []
    kept.appended(2)
    kept.committed(2, waiting=[])
    keep(kept, 3, (3,))
    assert [left.sequence for left in opened(memory).left()] == [3]


def test_an_emptied_file_of_a_spool_that_is_no_more_is_removed_too(memory: Path) -> None:
    (memory.parent / "other").mkdir()
    kept = opened(memory, spool="other")
    keep(kept, 1, (1,))
    kept.appended(1)
    kept.committed(1, waiting=[])
    assert len(list(memory.iterdir())) == 1
    (memory.parent / "other").rmdir()
    opened(memory).remove_orphans()
    assert list(memory.iterdir()) == []
