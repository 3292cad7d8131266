"""No room imports from a higher one, and docs/architecture.md shows the house as it is."""

from pathlib import Path

import pytest

from tools.pages.rooms import (
    ALONE,
    CORE,
    HALL,
    ROOMS,
    SIMULATOR,
    core_imports,
    imports,
    sentence,
    simulator_imports,
)

ROOT = Path(__file__).parents[3]
FOLDERS = [
    folder
    for package in ("telemetry", "firmware_sim", "ext/telemetry_core")
    for folder in sorted((ROOT / package).rglob("*"))
    if folder.is_dir() and any(folder.glob("*.py"))
]


def test_no_room_imports_from_a_higher_one() -> None:
    upward = {
        arrow: files for arrow, files in imports().items() if ROOMS.index(arrow[0]) < ROOMS.index(arrow[1])
    }
    assert upward == {}


def test_no_room_of_the_core_imports_from_a_higher_one() -> None:
    upward = {
        arrow: files for arrow, files in core_imports().items() if CORE.index(arrow[0]) < CORE.index(arrow[1])
    }
    assert upward == {}


def test_no_room_of_the_simulator_imports_from_a_higher_one_or_from_telemetry() -> None:
    """telemetry imports the simulator: what is imported the other way is a circle."""
    upward = {
        arrow: files
        for arrow, files in simulator_imports().items()
        if arrow[1] not in SIMULATOR[: SIMULATOR.index(arrow[0])]
    }
    assert upward == {}


def test_every_folder_has_its_place_in_the_order() -> None:
    folders = {folder.name for folder in FOLDERS if folder.parent == ROOT / "telemetry"}
    assert folders == set(ROOMS) - {HALL, *ALONE}
    assert {folder.name for folder in FOLDERS if folder.parent.name == "telemetry_core"} == set(CORE) - {HALL}
    assert {folder.name for folder in FOLDERS if folder.parent.name == "firmware_sim"} == set(SIMULATOR[3:-1])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_says_in_one_sentence_what_belongs_there(folder: Path) -> None:
    words = sentence(folder)
    assert words.endswith(".")
    assert words.count(". ") == 0


def test_the_rooms_are_seen_at_work() -> None:
    """An empty answer would pass every other test here."""
    assert "telemetry/service/service.py" in imports()["service", "stages"]
    assert "firmware_sim/simulation.py" in simulator_imports()["scenarios", "plant"]
    assert "ext/telemetry_core/text/encoder.pyx" in core_imports()["text", "rows"]
