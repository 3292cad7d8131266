"""`decode --format influx` in this process: what it says at the end, its exit codes, and what it leaves."""

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from telemetry.__main__ import main
from telemetry.decode import influx
from telemetry.decode.delivery import DeliveryState, Patience
from telemetry.decode.influx import account_lines
from telemetry.decode.output import OutputPiece, Progress
from tests.support.command import failed
from tests.support.scripted_server import ScriptedServer, answer

DATA = Path(__file__).parents[2] / "data"
LOG, DBC = str(DATA / "drive.log"), str(DATA / "drive.dbc")
REFUSAL = answer(
    400,
    body=b'{"error":"partial write: field type conflict: input field \\"Odometer\\" on '
    b'measurement \\"PackState\\" is type float, already exists as type string dropped=1"}',
)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder where this user's spools are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("URL", "ORG", "BUCKET", "TOKEN"):
        monkeypatch.delenv(f"INFLUXDB_V2_{name}", raising=False)
    return tmp_path / "state"


def spools(state: Path) -> list[Path]:
    return list(state.glob("nev-telemetry/decode/*"))


def decode(server: ScriptedServer, *words: str) -> int:
    target = ["--format", "influx", "--url", server.url, "--database", "fleet"]
    return main(["decode", LOG, "--dbc", DBC, *target, *words])


def received(server: ScriptedServer) -> bytes:
    """Return the lines of all writes; the question which API there is has none."""
    return b"\n".join(line for request in server.requests for line in request.lines)


def test_the_server_gets_what_lp_prints_and_the_accounts_are_said(
    state: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["decode", LOG, "--dbc", DBC, "--format", "lp"]) == 0
    printed = capfdbinary.readouterr()
    with ScriptedServer() as server:
        assert decode(server) == 0
    said = capfdbinary.readouterr()
    assert received(server) == printed.out.rstrip(b"\n")
    assert said.out == b""
    *warnings, frames, points, stored = said.err.splitlines(keepends=True)
    assert b"".join(warnings) == printed.err
    assert frames == b"frames: read 16, decoded 12, absorbed 0, not in any database 1, lost 3\n"
    assert points == b"points: made 12, acknowledged 12, waiting 0, dead letters 0, evicted 0, damaged 0\n"
    assert stored.startswith(b"stored: 12 points in ")
    assert spools(state) == []


def test_a_log_of_which_nothing_was_stored_is_refused_and_leaves_no_spool(
    state: Path, tmp_path: Path
) -> None:
    log = tmp_path / "other.log"
    log.write_text("(2.0) can0 7AA#00\n" * 9)
    with ScriptedServer() as server:
        target = ["--format", "influx", "--url", server.url, "--database", "fleet"]
        assert main(["decode", str(log), "--dbc", DBC, *target]) == 65
    assert spools(state) == []


def test_the_rate_that_is_said_is_the_points_by_the_seconds(
    state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as server:
        assert decode(server) == 0
    pattern = r"stored: 12 points in ([\d.]+) s, ([\d,]+) points/s"
    said = re.fullmatch(pattern, capfd.readouterr().err.splitlines()[-1])
    assert said
    seconds, rate = float(said[1]), float(said[2].replace(",", ""))
    assert 12 / (seconds + 0.05) - 0.5 <= rate <= 12 / max(seconds - 0.05, 1e-3) + 0.5  # both are rounded


def test_the_vehicle_is_the_one_that_was_named(state: Path) -> None:
    with ScriptedServer() as server:
        assert decode(server, "--vehicle", "car 7") == 0
    assert b"vehicle=car\\ 7 " in received(server)


def test_refused_points_are_kept_and_reported_by_a_code_of_their_own(
    state: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spool = tmp_path / "spool"
    with ScriptedServer() as server:
        server.script(answer(404, body=b"404 page not found"), *[REFUSAL] * 100)
        assert decode(server, "--spool", str(spool)) == 76
    last = capfd.readouterr().err.splitlines()[-1]
    assert f"{spool}: the server refused " in last
    assert f"`nev-telemetry spool list {spool}` says why" in last
    assert list(spool.glob("dead/*.letter"))


def test_a_server_that_is_not_there_is_given_up_and_the_next_run_goes_on(state: Path) -> None:
    with ScriptedServer() as server:
        gone = server.url
    words = ["decode", LOG, "--dbc", DBC, "--format", "influx", "--url", gone, "--database", "fleet"]
    errors = failed(69, *words, "--give-up-after", "0.1").splitlines()
    assert errors[-1].startswith(f"nev-telemetry: {gone}: given up: ")
    (spool,) = spools(state)
    assert errors[-1].endswith(
        f"(12 points wait in {spool}: the same command goes on; --wait waits until the server takes them)"
    )
    assert failed(69, *words, "--give-up-after", "0.1").startswith(
        "goes on after frame 15; 12 points of an earlier run wait\n"
    )


def test_the_next_run_goes_on_with_the_same_log_of_an_archive(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "drives.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.log", "b.log"):
            archive.write(LOG, name)
    with ScriptedServer() as server:
        gone = server.url
    options = [
        "--dbc",
        DBC,
        "--format",
        "influx",
        "--url",
        gone,
        "--database",
        "fleet",
        "--give-up-after",
        "0.1",
    ]
    options += ["--spool", str(tmp_path / "spool")]
    for name, is_same in (("a.log", False), ("a.log", True), ("b.log", False)):
        said = failed(69, "decode", f"{path}:{name}", *options)
        assert said.startswith("goes on after frame 15; ") is is_same


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            404,
            b'{"error":"database not found: \\"fleet\\""}',
            "bucket, database or organisation missing (mend",
        ),
        (401, b'{"error":"unauthorized access"}', "credentials refused (mend token or password, or what"),
    ],
)
def test_a_server_that_wants_something_mended_ends_it_at_once_and_the_next_run_goes_on(
    state: Path, capfd: pytest.CaptureFixture[str], status: int, body: bytes, words: str
) -> None:
    with ScriptedServer() as server:
        server.script(*[answer(status, body=body)] * 2)
        assert decode(server, "--vehicle", "v") == 69
        last = capfd.readouterr().err.splitlines()[-1]
        assert last.startswith(f"nev-telemetry: {server.url}: given up: {words}")
        assert "--wait waits" in last
        server._acts.clear()
        assert decode(server, "--vehicle", "v") == 0
        assert len(received(server).splitlines()) >= 12
    assert spools(state) == []


def test_wait_waits_for_a_server_as_long_as_it_takes(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def deliver(job: influx.Job, *_: object) -> int:
        given.append(job.patience)
        return 0

    monkeypatch.setattr(influx, "deliver", deliver)
    with ScriptedServer() as server:
        for words in ([], ["--wait"], ["--give-up-after", "60"]):
            assert decode(server, *words) == 0
        assert decode(server, "--wait", "--give-up-after", "60") == 64
    assert given == [Patience(10.0, 0.0), None, Patience(60.0, 60.0)]


def test_a_log_that_ends_in_an_error_is_delivered_up_to_there(
    state: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.trc"
    other.write_text("PP2CAN log file\n")
    with ScriptedServer() as server:
        words = ["--format", "influx", "--url", server.url, "--database", "fleet"]
        assert main(["decode", LOG, str(other), "--dbc", DBC, *words]) == 65
        assert not list(state.glob("nev-telemetry/decode/*"))
        assert len(received(server).splitlines()) == 12
    said = capfd.readouterr().err
    assert "points: made 12, acknowledged 12, waiting 0," in said
    assert f"warning: {other}: is a log of PP2CAN" in said
    assert said.splitlines()[-1].startswith("nev-telemetry: 1 of 2 recordings could not be read")


def test_the_server_may_come_from_a_service_s_configuration(state: Path, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        config = tmp_path / "gateway.toml"
        config.write_text(
            f'vehicle = "van"\n[influx]\nurl = "{server.url}"\ndatabase = "fleet"\napi = "v1"\n'
            f'[spool]\ndirectory = "spool"\n[[can]]\nname = "can0"\ndatabases = ["{DBC}"]\n'
        )
        assert main(["decode", LOG, "--format", "influx", "--config", str(config)]) == 0
    assert b"vehicle=van " in received(server)


def test_progress_says_what_waits_and_why_beside_how_far_it_is() -> None:
    shown: list[tuple[Progress, Sequence[str]]] = []
    progress = Progress(Path("drive.log"), 1, 1, 50, 100, 1000)
    piece = OutputPiece(b"", 0, 0, 0, 0, {}, progress)
    screen = SimpleNamespace(show=lambda *words: shown.append(words))
    for trouble in ("", "Connection refused"):
        delivery = SimpleNamespace(state=DeliveryState(0, 12345, 0, 0, trouble))
        influx._show(piece, delivery, screen)  # type: ignore[arg-type]  # what it asks of them
    assert shown == [
        (progress, ["12,345 points wait"]),
        (progress, ["12,345 points wait", "Connection refused"]),
    ]


def test_the_accounts_are_lines_for_people_and_of_captures_of_points_alone() -> None:
    accounts = {
        "bus/logs/read": 10_000,
        "frames/logs/decoded": 9000,
        "frames/logs/absorbed": 500,
        "frames/logs/unknown": 400,
        "frames/logs/lost/damaged": 60,
        "frames/logs/lost/error": 40,
        "points/made/a": 7,
        "points/made/b": 8,
        "points/acknowledged": 5,
        "points/dead": 4,
        "points/evicted": 3,
        "points/damaged": 2,
        "points/reduced": 6,
    }
    points = "points: made 15, acknowledged 5, waiting 1, dead letters 4, evicted 3, reduced 6, damaged 2"
    assert account_lines(accounts, 1) == [
        "frames: read 10,000, decoded 9,000, absorbed 500, not in any database 400, lost 100",
        points,
    ]
    del accounts["bus/logs/read"]
    assert account_lines(accounts, 1) == [points]
    assert account_lines({}, 0) == [
        "points: made 0, acknowledged 0, waiting 0, dead letters 0, evicted 0, damaged 0"
    ]
