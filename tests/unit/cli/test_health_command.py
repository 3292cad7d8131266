"""`nev-telemetry health CONFIG LOG…`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import command, printed
from tests.support.packs_charged import START_NS, config, frames, health, mapped, write_log

CAN0 = '[[can]]\nname = "can0"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a configuration and two halves of a log."""
    config(tmp_path, CAN0, mapped("can0") + health())
    content = list(frames())
    half = len(content) // 2
    (tmp_path / "logs").mkdir()
    write_log(tmp_path / "logs" / "a.log", content[half:])
    write_log(tmp_path / "logs" / "b.log", content[:half])
    return tmp_path


def charges(text: str) -> list[dict[str, Any]]:
    (pack,) = json.loads(text)["packs"]
    assert (pack["vehicle"], pack["pack"]) == ("van", "main")
    found: list[dict[str, Any]] = pack["charges"]
    return found


def test_logs_of_a_folder_are_read_by_their_stamps_whatever_their_names(folder: Path) -> None:
    text = printed("health", folder / "gateway.toml", folder / "logs", "--format", "json")
    found = charges(text)
    assert [round(charge["charge_ah"], 1) for charge in found] == [1.8, 1.8]
    assert [len(charge["cell_resistance_mohm"]) for charge in found] == [4, 4]
    assert found[1]["cell_resistance_mohm"] == pytest.approx([1.0, 1.0, 1.0, 1.6], abs=0.05)
    assert found[0]["estimate"] is None
    assert json.loads(text)["packs"][0]["reported"] == {"soh_pct": 96.0, "difference_pct": None}
    rows = printed("health", folder / "gateway.toml", folder / "logs", "--format", "csv").splitlines()
    assert [row.split(",")[:3] for row in rows[1:]] == [
        [str(charge["start_ns"]), "van", "main"] for charge in found
    ]
    assert len(printed("health", folder / "gateway.toml", folder / "logs").splitlines()) == 3


def test_what_is_wanted_alone_is_shown(folder: Path) -> None:
    since = START_NS // 10**9 + 100
    words = ("health", folder / "gateway.toml", folder / "logs", "--format", "json")
    assert len(charges(printed(*words, "--since", since, "--pack", "main"))) == 1
    done = command(*words, "--pack", "rear")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"packs": []})
    assert done.stderr.startswith("warning: no charge that was measured for battery health in ")


def test_a_log_that_cannot_be_read_is_named_after_what_the_others_say(folder: Path) -> None:
    (folder / "logs" / "c.log").write_text("no log at all\n")
    done = command("health", folder / "gateway.toml", folder / "logs", "--format", "json")
    assert len(charges(done.stdout)) == 2
    assert done.returncode == 65
    assert f"{folder}/logs/c.log" in done.stderr


def test_two_logs_of_the_same_hours_are_named_with_these_in_one_line(folder: Path) -> None:
    content = list(frames())
    for name, begin, end in (("a", 0, 900), ("b", 600, 1000), ("c", 996, 1200)):
        write_log(folder / "logs" / f"{name}.log", content[begin:end])
    words = ("health", folder / "gateway.toml", folder / "logs", "--format", "csv")
    done = command(*words)
    logs, span = folder / "logs", "2023-11-14T22:15:00Z to 2023-11-14T22:17:29Z"
    said = (
        f"warning: {logs}/a.log and {logs}/b.log: both have the pack main from {span}, and are read one after"
    )
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith(said)
    write_log(folder / "logs" / "b.log", content[900:996])  # each second has two frames
    assert command(*words).stderr == ""
    (folder / "logs" / "b.log").write_bytes((folder / "logs" / "a.log").read_bytes())
    assert command(*words).stderr.count("both have the pack main") == 1


@pytest.mark.parametrize("option", ["--report", "--png"])
@pytest.mark.parametrize("words", [["none.log"], ["logs", "--pack", "rear"]])
def test_of_nothing_no_page_and_no_picture_is_made(option: str, words: list[str], folder: Path) -> None:
    (folder / "none.log").touch()
    file = folder / f"health{'.png' if option == '--png' else '.html'}"
    done = command("health", "gateway.toml", *words, option, file, folder=folder)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (65, "", 1)
    assert "no charge that was measured for battery health in" in done.stderr
    assert not file.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("logs/a.log", "gateway.toml"), "logs/a.log: is no configuration (CONFIG comes first, then logs)"),
        (("bare.toml", "logs/a.log"), "bare.toml: has no [[health]] (add one for each pack)"),
        (("gateway.toml", "logs/none.log"), "logs/none.log"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: tuple[str, ...], said: str, folder: Path) -> None:
    config(folder, CAN0, mapped("can0"), name="bare.toml")
    done = command("health", *words, folder=folder)
    assert done.returncode in (64, 66, 78)
    assert said in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
