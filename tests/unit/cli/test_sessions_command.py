"""`nev-telemetry sessions` and `session` of logs."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.charges import played_charge
from tests.support.command import command, failed, noted, printed, refused
from tests.support.report_page import ReadPage

DRIVE = str(Path(__file__).parents[3] / "examples" / "charge.log")
DRIVE_DBC = str(Path(__file__).parents[2] / "data" / "drive.dbc")


@pytest.fixture(scope="module")
def reconnect(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write a log with one session: CCS stays away for two seconds, the second attempt works."""
    log = tmp_path_factory.mktemp("charges") / "reconnect.log"
    played_charge("19").write_log(log)
    return str(log)


def test_a_log_gives_its_session_as_it_was_played(reconnect: str) -> None:
    (session,) = json.loads(printed("sessions", reconnect, "--format", "json"))
    truth = played_charge("19").truth
    assert (session["outcome"], session["stop_side"], session["stop_reason"]) == (
        truth.outcome,
        truth.side,
        truth.reason,
    )
    assert session["attempts"] == truth.attempts == 2
    assert session["energy_charger_wh"] == pytest.approx(truth.energy_charger_wh, rel=0.05)
    assert [each["what"] for each in session["errors"]] == ["ccs_timeout"]
    assert {each["attempt"] for each in session["phases"]} == {1, 2}


def test_values_that_a_message_leaves_open_are_no_warning_of_sessions_but_lost_packets_are(
    reconnect: str, tmp_path: Path
) -> None:
    assert "values left out (not available): " in noted(
        "decode", "--protocol", "gbt27930", reconnect, "--output", tmp_path / "rows.csv"
    )
    assert noted("sessions", reconnect) == ""
    # The second packet of BRM, of the first transfer alone: id 1CEB56F4, sequence number 2.
    lines = Path(reconnect).read_text("ascii").splitlines(keepends=True)
    lines.remove(next(line for line in lines if "1CEB56F4#02" in line.upper()))
    torn = tmp_path / "torn.log"
    torn.write_text("".join(lines), "ascii")
    assert "warning: transport sessions without a message (lost packets): 1\n" in noted("sessions", torn)


def test_the_table_names_it_and_the_start_and_the_number_choose_it(reconnect: str, tmp_path: Path) -> None:
    number, start = printed("sessions", reconnect).splitlines()[1].split()[:2]
    texts = set()
    for id in (number, start):
        report, png = tmp_path / f"{number}.html", tmp_path / f"{number}.png"
        assert printed("session", id, reconnect, "--report", report, "--png", png) == ""
        texts.add(report.read_text("utf-8"))
        assert png.read_bytes().startswith(b"\x89PNG")
    (page,) = texts
    assert [each.title for each in ReadPage(page).drawn[-2:]] == ["Attempt 1", "Attempt 2"]
    assert "The vehicle ended it: the state of charge asked for is reached." in printed(
        "session", start, reconnect
    )


def test_a_log_without_a_known_frame_is_65_and_one_without_a_session_an_empty_table(
    reconnect: str, tmp_path: Path
) -> None:
    line = refused(65, "sessions", DRIVE)
    assert "and no known message (are databases and protocol those of this bus? scan --log finds" in line
    torn = tmp_path / "torn.log"
    torn.write_text(Path(DRIVE).read_text("ascii") + "no frame\n", "ascii")
    assert f"; {torn}:181 (byte " in refused(65, "sessions", torn)
    said = command("sessions", reconnect, "--since", "2100-01-01")
    assert said.returncode == 0
    assert said.stdout == "#  start  vehicle  station  SOC  energy  duration  outcome  why  who\n"
    assert said.stderr.startswith(f"warning: no charging session in {reconnect}")
    assert said.stderr.count("\n") == 1


def test_a_log_that_is_named_twice_is_read_once(reconnect: str, tmp_path: Path) -> None:
    link = tmp_path / "link.log"
    link.symlink_to(reconnect)
    said = command("sessions", reconnect, reconnect, link)
    assert said.stdout == printed("sessions", reconnect)
    words = "is named twice, and read once"
    assert said.stderr == f"warning: {reconnect}: {words}\nwarning: {link}: {words}\n"


@pytest.mark.parametrize("id", ["2", "0", "2001-01-01T00:00:00Z", "<script>"])
def test_a_session_that_there_is_not_is_one_line_and_65(reconnect: str, id: str) -> None:
    assert "holds no session" in refused(65, "session", id, reconnect)


@pytest.mark.parametrize(
    ("words", "code", "fault"),
    [
        (["sessions", DRIVE, "--protocol", "iso15118"], 64, "argument --protocol: invalid choice"),
        (["sessions", DRIVE, "--url", "http://127.0.0.1:9"], 64, "--url: stands beside a file"),
        (["sessions"], 64, "nothing says where sessions are (name FILE or CONFIG, or give --url)"),
        (["sessions", "--protocol", "gbt27930"], 64, "--protocol: is for logs"),
        (
            ["sessions", DRIVE, "--since", "yesterday"],
            64,
            "'yesterday' is not a time like 2023-11-14 (a date, UTC)",
        ),
        (["sessions", DRIVE, "--since", "+5"], 64, "'+5' is not a time like 2023-11-14 (a date, UTC)"),
        (["sessions", "gone.log"], 66, "gone.log: "),
        (["sessions", DRIVE_DBC], 64, f"{DRIVE_DBC}: is a database"),
        (["sessions", "a.toml", "b.toml"], 64, "b.toml: is a second configuration"),
        (["session", "1", DRIVE, "--png", "charge.jpg"], 64, "charge.jpg: does not end in .png"),
        (["session", "1", DRIVE, "--report", DRIVE], 64, "is a file that is to be read"),
        (["session", DRIVE], 64, f"{DRIVE}: is a file, and ID comes first (session 1 FILE, say)"),
        (["sessions", "--url", "http://127.0.0.1:9", "--database", "nev"], 69, "does not answer"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: list[str], code: int, fault: str) -> None:
    assert fault in refused(code, *words)


def test_sessions_are_chosen_by_their_beginning_and_their_vehicle(reconnect: str) -> None:
    def found(*words: str) -> int:
        return len(json.loads(printed("sessions", reconnect, "--format", "json", *words)))

    assert found("--since", "2026-03-02") == 1
    assert found("--since", "2026-03-03") == 0
    assert found("--vehicle", "LSIMGBT27930V0001") == 1
    assert found("--vehicle", "another") == 0
    said = command("sessions", reconnect, "--vehicle", "another")
    assert said.stderr.endswith(
        f"no charging session in {reconnect}; `since` or `vehicle` leaves out 1 session\n"
    )


def test_the_start_in_nanoseconds_names_a_session_and_since_takes_what_begins_just_then(
    reconnect: str,
) -> None:
    def starts_since(since_ns: int) -> list[int]:
        since = f"{since_ns // 10**9}.{since_ns % 10**9:09}"
        return [
            session["start_ns"]
            for session in json.loads(printed("sessions", reconnect, "--format", "json", "--since", since))
        ]

    (start_ns,) = starts_since(0)
    assert (starts_since(start_ns), starts_since(start_ns + 1)) == ([start_ns], [])
    assert "The vehicle ended it" in printed("session", start_ns, reconnect)


def test_a_picture_is_not_drawn_over_the_log_that_it_is_of(tmp_path: Path) -> None:
    log = tmp_path / "charge.png"  # a log's format is known by its content
    log.write_bytes(Path(DRIVE).read_bytes())
    assert "is a file that is to be read" in failed(64, "session", "1", log, "--png", log)
    assert log.read_bytes() == Path(DRIVE).read_bytes()


def test_a_session_without_a_picture_takes_no_matplotlib_and_one_with_it_names_the_extra(
    reconnect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    report = tmp_path / "charge.html"
    said = command("session", "1", reconnect, "--report", report)
    assert said.returncode == 0
    assert (said.stdout, said.stderr) == ("", f"{report}\n")
    assert "pip install 'nev-telemetry[plot]'" in failed(
        72, "session", "1", reconnect, "--png", tmp_path / "charge.png"
    )
    assert not (tmp_path / "charge.png").exists()


def test_what_was_wrong_with_the_log_is_warned_of_beside_the_session(reconnect: str, tmp_path: Path) -> None:
    torn = tmp_path / "torn.log"
    torn.write_text(Path(reconnect).read_text("ascii") + "no frame\n", "ascii")
    said = command("session", "1", torn)
    assert said.returncode == 0
    assert "The vehicle ended it" in said.stdout
    assert f"warning: {torn}:" in said.stderr


def test_a_number_that_there_is_not_names_those_that_there_are(reconnect: str) -> None:
    assert "(`nev-telemetry sessions` lists them: number 1)" in failed(65, "session", "2", reconnect)
    later = ["--since", "2100-01-01"]
    assert "(it holds none at all)" in failed(65, "session", "1", reconnect, *later)
