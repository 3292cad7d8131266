"""What packs remember on disk: of one moment, of one pack, and begun again where it cannot be read."""

import json
import logging
import os
import zlib
from pathlib import Path
from random import Random

import pytest

from telemetry.health.capacity import Used
from telemetry.health.history import PackHistory
from telemetry.health.state import PackState, StateFiles, unpacked
from telemetry.spool.filesystem import FileSystem

MOST_BYTES = 98_304
MAIN = PackState("van", "main", "", 7, b"\0\xff" * 9, PackHistory().to_json())
OTHERS = (
    MAIN._replace(pack="rear"),
    MAIN._replace(identity="WXYZ-00000001"),
    MAIN._replace(vehicle="bus"),
    MAIN._replace(pack="päck/../" * 20),
)


def states(folder: Path) -> set[str]:
    return {json.dumps([*state[:4], state.memory.hex()]) for state in StateFiles(folder).read()}


def test_each_vehicle_pack_and_identity_has_a_file_of_its_own(tmp_path: Path) -> None:
    StateFiles(tmp_path / "health").write([MAIN, *OTHERS])
    assert states(tmp_path / "health") == {
        json.dumps([*state[:4], state.memory.hex()]) for state in (MAIN, *OTHERS)
    }
    names = [file.name for file in (tmp_path / "health").iterdir()]
    assert len(names) == 5
    assert all(len(name) < 100 for name in names)


def damaged(content: bytes) -> bytes:
    return content[:-1]


def of_another_version(content: bytes) -> bytes:
    return zlib.compress(zlib.decompress(content).replace(b"[1,", b"[2,", 1))


def with_a_damaged_history(content: bytes) -> bytes:
    return zlib.compress(zlib.decompress(content).replace(b'"used"', b'"told"'))


def nested_too_deep(_content: bytes) -> bytes:
    return zlib.compress(b"[" * 200_000)


def without_a_stamp(content: bytes) -> bytes:
    return zlib.compress(zlib.decompress(content).replace(b'"",7,', b'"","7",'))


def of_something_else(_content: bytes) -> bytes:
    return zlib.compress(b"7")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damaged, "it is damaged"),
        (of_another_version, "it is of version 2, and not 1"),
        (with_a_damaged_history, "it is damaged"),
        (of_something_else, "it is damaged"),
        (nested_too_deep, "it is damaged"),
        (without_a_stamp, "it is damaged"),
        (lambda _: b"", "it is damaged"),
    ],
)
def test_one_that_cannot_be_read_is_set_aside_and_told_and_the_others_are_read(
    harm: "type[bytes]", words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    StateFiles(tmp_path).write([MAIN, OTHERS[0]])
    file = tmp_path / MAIN.file_name
    content = harm(file.read_bytes())
    file.write_bytes(content)
    files = StateFiles(tmp_path)
    assert [state.pack for state in files.read()] == ["rear"]
    assert caplog.messages == [
        f"{file}: {words}: set aside as {file.name}.damaged; what it remembered begins again"
    ]
    assert (tmp_path / f"{file.name}.damaged").read_bytes() == content
    files.write([MAIN])
    assert len(states(tmp_path)) == 2


def test_all_that_an_upgrade_has_to_read_is_there_again() -> None:
    assert unpacked(MAIN.packed()) == MAIN
    before = {name: value for name, value in MAIN.history.items() if name != "waiting"}
    assert unpacked(MAIN._replace(history=before).packed()) == MAIN


def test_an_event_that_this_version_does_not_know_is_refused() -> None:
    for known in ("weak_cell", "no_such_code"):
        waiting = [[7, known, "cell 4"], [7, "cell_drift", {"d001": 1.0}]]
        state = MAIN._replace(history=MAIN.history | {"waiting": waiting})
        if known == "weak_cell":
            assert unpacked(state.packed()) == state
        else:
            with pytest.raises(ValueError, match="it is damaged"):
                unpacked(state.packed())


def test_the_newest_of_each_pack_is_found_and_those_of_which_rows_wait(tmp_path: Path) -> None:
    named = [MAIN._replace(identity=str(last_ns), last_ns=last_ns) for last_ns in (1, 2, 3)]
    waits = MAIN.history | {"waiting": [[7, "cell_drift", {"d001": 1.0}]]}
    named[0] = named[0]._replace(history=waits)
    StateFiles(tmp_path).write(named)
    assert sorted(StateFiles(tmp_path).newest("van", {"main"})) == [named[0], named[2]]


def test_a_pack_of_two_hundred_charges_and_198_cells_is_kept_whole(tmp_path: Path) -> None:
    chance = Random(1)

    def value() -> float:
        return chance.random() * 100.0

    used = [Used(chance.randrange(2**61), value(), value(), value(), value()) for _ in range(200)]
    runs = dict.fromkeys(range(1, 199), 3)
    day = {f"temp_{temp_c}_soc_{soc_pct}_s": value() for temp_c in range(16) for soc_pct in range(10)}
    history = PackHistory(used, weak_runs=runs, resistive_runs=runs, others_day=(1_700_000_000, day))
    rows = ("cell_resistance", "cell_charge", "cell_drift", "cell_resistance")
    history.waiting = [
        [number, name, {f"r{cell:03d}": round(value(), 6) for cell in range(198)}]
        for number, name in enumerate(rows)
    ]
    said = len(json.dumps(history.to_json(), separators=(",", ":")))
    state = MAIN._replace(memory=os.urandom(49_789), history=history.to_json())
    assert 45_000 > said > 40_000
    assert len(state.packed()) > 65_536
    StateFiles(tmp_path).write([state])
    assert list(StateFiles(tmp_path).read()) == [state]


class Disk(FileSystem):
    """Counts what is written, and refuses while it is asked to."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.refuses = False

    def create(self, path: Path) -> int:
        if self.refuses:
            raise OSError(28, "No space left on device")
        self.written.append(path.name)
        return super().create(path)


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    disk = Disk()
    files = StateFiles(tmp_path, disk)
    for last_ns in (1, 1, 2):
        files.write([MAIN._replace(last_ns=last_ns), OTHERS[0]])
    assert len(disk.written) == 3
    again = StateFiles(tmp_path, disk)
    assert len(list(again.newest("van", {"main", "rear"}))) == 2
    again.write([MAIN._replace(last_ns=2), OTHERS[0]])
    assert len(disk.written) == 3


def test_a_disk_that_refuses_is_told_once_and_what_was_there_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk()
    files = StateFiles(tmp_path, disk)
    files.write([MAIN])
    disk.refuses = True
    for last_ns in (8, 9):
        files.write([MAIN._replace(last_ns=last_ns)])
    assert caplog.messages == [f"{tmp_path}: No space left on device: a stop now would forget battery health"]
    assert [state.last_ns for state in StateFiles(tmp_path).read()] == [7]
    disk.refuses = False
    files.write([MAIN._replace(last_ns=9)])
    assert [state.last_ns for state in StateFiles(tmp_path).read()] == [9]


def test_of_one_that_is_too_large_the_history_alone_is_written_and_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        StateFiles(tmp_path).write([MAIN._replace(memory=os.urandom(MOST_BYTES)), OTHERS[0]])
    assert "the charges alone survive a restart" in caplog.text
    (state,) = (state for state in StateFiles(tmp_path).read() if state.pack == "main")
    assert state == MAIN._replace(memory=b"")
