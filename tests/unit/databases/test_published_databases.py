"""Databases that others published: those of PyPI `opendbc`, and one that belongs to a recording."""

import os
import re
from importlib.resources import files
from pathlib import Path

import cantools.database
import pytest
from cantools.database.errors import Error as DatabaseError

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.databases.formats.dbc_mend import Mended, has_absurd_sizes, mend, shorten_lists
from telemetry.databases.formats.encodings import text_of

FILES = sorted((Path(str(files("opendbc"))) / "dbc").rglob("*.dbc"))
BY_FILE = pytest.mark.parametrize(  # every fourth in `make test`
    "file",
    [pytest.param(file, marks=pytest.mark.long if number % 4 else ()) for number, file in enumerate(FILES)],
    ids=[file.stem for file in FILES],
)
RECORDINGS = os.environ.get("NEV_TELEMETRY_RECORDINGS", "")  # a folder with kona/pcan.log and kona/pcan.dbc


def test_there_are_databases_to_try() -> None:
    assert len(FILES) > 100


@BY_FILE
def test_a_published_database_loads_with_every_message_whose_id_can_be(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mended_texts: list[str] = []

    def noted(text: str) -> Mended:
        mended_texts.append(text)
        return mend(text)

    monkeypatch.setattr("telemetry.databases.formats.parse.mend", noted)
    text = text_of(file.read_bytes())
    ids = [int(id) for id in re.findall(r"^[ \t]*BO_ +(\d+)", text, re.MULTILINE)]
    declared = {id for id in ids if id & ~(1 << 31) < 1 << 29}
    plan = build_plan([BusDatabases("can0", (file,))])
    assert len(plan.spec.buses[0].messages) == len(declared)
    assert all(warning.isprintable() for warning in plan.warnings)
    assert all(re.match(rf"{re.escape(str(file))}:\d+: ", warning) for warning in plan.warnings)
    for refused in mended_texts:  # what cantools takes is never mended
        with pytest.raises(DatabaseError):
            cantools.database.load_string(refused, "dbc", strict=False)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_published_database_reaches_cantools_as_it_is(file: Path) -> None:
    text = text_of(file.read_bytes())
    assert shorten_lists(text) == text
    assert not has_absurd_sizes(text)


@pytest.mark.optional
@pytest.mark.skipif(not RECORDINGS, reason="NEV_TELEMETRY_RECORDINGS names no folder of recordings")
def test_a_database_as_published_knows_the_frames_of_its_recording() -> None:
    folder = Path(RECORDINGS) / "kona"
    plan = build_plan([BusDatabases("can0", (folder / "pcan.dbc",))])
    known = {message.arbitration_id for message in plan.spec.buses[0].messages if not message.extended}
    lines = [line.split() for line in (folder / "pcan.log").read_text().splitlines()]
    seen = {int(frame.split("#")[0], 16) for _, channel, frame in lines if channel == "can0"}
    assert len(known) == 107
    assert len(known & seen) == 100
    assert any("pcan.dbc:3: not followed by BS_ and BU_" in warning for warning in plan.warnings)
