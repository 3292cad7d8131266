"""`decode --format influx` as people run it: what the server gets is what `--format lp` prints."""

import contextlib
import gzip
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.charges import BEGAN_NS, chademo_from, charge_from, written
from tests.support.child import killed_at_the_end
from tests.support.command import Done, command
from tests.support.lineprotocol import parse_line
from tests.support.recording import VEHICLE_DBC, coarsen, record_drive
from tests.support.scripted_server import Connection, ScriptedServer, store
from tests.support.servers import Database, DatabaseServer, Points
from tests.support.unhurried import UNHURRIED

DATA = Path(__file__).parents[1] / "data"
LOG, DBC = str(DATA / "drive.log"), str(DATA / "drive.dbc")
KILLS = (6, pytest.param(int(os.environ.get("NEV_TELEMETRY_KILLS", "25")), marks=pytest.mark.long))
TIMEOUT_S = 60.0
TOKEN = "canary-token"
KINDS = ("gbt27930", "chademo")


class Decoder:
    """Runs the command with caches and state of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def started(self, *arguments: str) -> AbstractContextManager["subprocess.Popen[bytes]"]:
        """Start it as a process."""
        return killed_at_the_end(
            subprocess.Popen(
                [*UNHURRIED, "decode", *arguments],
                env=os.environ | {"XDG_CACHE_HOME": str(self.home), "XDG_STATE_HOME": str(self.home)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )

    def run(self, *arguments: str) -> Done:
        return command("decode", *arguments, home=self.home)

    def lines(self, *arguments: str) -> list[bytes]:
        """Return the lines that `--format lp` prints."""
        return self.run(*arguments, "--format", "lp").stdout.encode().splitlines()

    @property
    def spools(self) -> list[Path]:
        return list(self.home.glob("nev-telemetry/decode/*"))

    @property
    def has_begun(self) -> bool:
        """Whether a spool says where the next one goes on."""
        return any(self.home.glob("nev-telemetry/decode/*/*.segment"))


@pytest.fixture
def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Decoder:
    for name in [name for name in os.environ if name.startswith("INFLUXDB_")]:
        monkeypatch.delenv(name)
    return Decoder(tmp_path / "home")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    return coarsen(record_drive(tmp_path / "fine.log", 240.0), tmp_path / "coarse.log")


def into(server: ScriptedServer) -> list[str]:
    return ["--format", "influx", "--url", server.url, "--database", "fleet"]


def keep_silent(server: ScriptedServer, *, stores: bool = False) -> threading.Event:
    """Let the next request wait, stored or not; set when it is there."""
    asked = threading.Event()

    def act(connection: Connection) -> None:
        request = connection.read_request()
        if stores:
            server.store(request)
        asked.set()
        connection.next_begins()

    server.script(act)
    return asked


def store_slowly(connection: Connection) -> None:
    """Store like a server that is the slowest part."""
    connection.server.closing.wait(0.2)
    store(connection)


def received(server: ScriptedServer) -> list[bytes]:
    """Return the lines of all writes, in order; the question which API there is has none."""
    return [line for request in server.requests for line in request.lines]


@pytest.mark.parametrize("jobs", ["1", "2", "5"])
def test_the_number_of_jobs_changes_nothing(decoder: Decoder, drive: Path, jobs: str) -> None:
    arguments = [str(drive), LOG, "--dbc", str(VEHICLE_DBC)]
    with ScriptedServer() as server:
        assert decoder.run(*arguments, *into(server), "--jobs", jobs).returncode == 0
    assert sorted(received(server)) == sorted(decoder.lines(*arguments))


def test_captures_of_serial_ports_go_in_too(decoder: Decoder) -> None:
    arguments = ["--protocol", "jbd", str(DATA / "jbd.txt"), "--vehicle", "car 7"]
    with ScriptedServer() as server:
        done = decoder.run(*arguments, *into(server))
    assert done.returncode == 0
    assert received(server) == (DATA / "jbd.lp").read_bytes().splitlines()


def test_stdin_and_gzipped_logs_go_in_too(decoder: Decoder, tmp_path: Path) -> None:
    packed = tmp_path / "drive.log.gz"
    packed.write_bytes(gzip.compress(Path(LOG).read_bytes()))
    with (
        ScriptedServer() as server,
        decoder.started(str(packed), "-", "--dbc", DBC, *into(server)) as process,
    ):
        process.communicate(Path(LOG).read_bytes(), TIMEOUT_S)
    assert process.returncode == 0
    assert received(server) == decoder.lines(str(packed), LOG, "--dbc", DBC)


def test_the_server_may_come_from_the_environment_or_a_service_s_configuration(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as server:
        config = tmp_path / "gateway.toml"
        config.write_text(
            f'vehicle = "van"\n[influx]\nurl = "{server.url}"\ndatabase = "fleet"\napi = "v1"\n'
            f'[spool]\ndirectory = "spool"\n[[can]]\nname = "can0"\ndatabases = ["{DBC}"]\n'
        )
        assert decoder.run(LOG, "--format", "influx", "--config", str(config)).returncode == 0
        for name, text in {"URL": server.url, "ORG": "fleet", "BUCKET": "drives", "TOKEN": TOKEN}.items():
            monkeypatch.setenv(f"INFLUXDB_V2_{name}", text)
        done = decoder.run(LOG, "--dbc", DBC, "--format", "influx")
    assert done.returncode == 0
    first, *_, last = [request for request in server.requests if request.lines]
    assert first.target.startswith("/write?")
    assert last.target.startswith("/api/v2/write?")
    assert last.headers["authorization"] == f"Token {TOKEN}"
    assert TOKEN not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--format", "influx"], 78, "the command line: url: is missing"),
        (["--format", "influx", "--url", "nowhere"], 78, "must be http://HOST:PORT"),
        (["--format", "influx", "--give-up-after", "0"], 64, "'0' is no number above zero"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_touches_nothing(
    decoder: Decoder, arguments: list[str], code: int, words: str
) -> None:
    done = decoder.run(LOG, "--dbc", DBC, *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert decoder.spools == []


def test_a_signal_stops_it_in_order_and_the_same_command_goes_on(decoder: Decoder, drive: Path) -> None:
    arguments = [str(drive), "--dbc", str(VEHICLE_DBC)]
    with ScriptedServer() as server:
        asked = keep_silent(server)
        with decoder.started(*arguments, *into(server)) as process:
            assert asked.wait(TIMEOUT_S)
            process.send_signal(signal.SIGTERM)
            _, words = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 130
        assert b"the same command goes on" in words
        assert len(decoder.spools) == 1
        done = decoder.run(*arguments, *into(server))
    assert done.returncode == 0
    assert done.stderr.startswith("goes on after frame ")
    assert decoder.spools == []
    assert server.stored == set(decoder.lines(*arguments))


def kill_after_a_write(process: "subprocess.Popen[bytes]", server: ScriptedServer) -> bool:
    """Kill it once its second write comes, so that its first is acknowledged; False when it ended before."""

    def writes() -> int:
        return sum(bool(request.lines) for request in server.requests)

    before = writes()
    while process.poll() is None and writes() < before + 2:
        time.sleep(0.01)
    process.kill()
    process.wait()
    return process.returncode != 0


@pytest.mark.parametrize("kills", KILLS)
def test_kill_9_at_random_moments_changes_nothing_in_the_end(
    kills: int, decoder: Decoder, drive: Path, tmp_path: Path
) -> None:
    again = str(shutil.copy(drive, tmp_path / "again.log"))
    arguments = [str(drive), LOG, again, "--dbc", str(VEHICLE_DBC), "--dbc", DBC]
    expected = decoder.lines(*arguments)
    chance = random.Random(20261125)
    with ScriptedServer() as server:
        server.script(*[store_slowly] * 20 * kills)
        for _ in range(kills):
            with (
                decoder.started(*arguments, *into(server)) as process,
                contextlib.suppress(subprocess.TimeoutExpired),
            ):
                process.wait(chance.uniform(0.3, 1.5))
        was_killed = False
        # One that had everything stored, ended or not, has no spool: the next begins at the first frame.
        while not (was_killed and decoder.has_begun):
            with decoder.started(*arguments, *into(server)) as process:
                was_killed = kill_after_a_write(process, server)
        done = decoder.run(*arguments, *into(server))
    assert done.returncode == 0
    assert server.stored == set(expected)
    assert decoder.spools == []
    resumed, *_, frames, points, _ = done.stderr.splitlines()
    assert resumed.startswith("goes on after frame ")
    assert not resumed.startswith("goes on after frame 0;")
    assert frames.startswith(f"frames: read {2 * len(drive.read_bytes().splitlines()) + 16:,}, ")
    assert points.startswith(f"points: made {len(expected):,}, acknowledged {len(expected):,}, waiting 0, ")


def charges(kind: str, folder: Path) -> list[str]:
    """Return a log of two charges, of more than 20,000 points, and the options to read it."""
    begin = BEGAN_NS, BEGAN_NS + 3600 * 10**9
    if kind == "gbt27930":
        parts = [charge_from(ns, 40, seconds=6000, is_over=True) for ns in begin]
    else:
        parts = [chademo_from(ns, 40, seconds=600) for ns in begin]
    return ["--protocol", kind, str(written(folder / "charges.log", *parts))]


def last_rows(lines: Iterable[bytes]) -> dict[tuple[object, ...], object]:
    """Return what a database has of these, by field: a later row replaces an earlier one of a point."""
    rows = map(parse_line, lines)
    return {
        (row.measurement, *sorted(row.tags.items()), name, row.time_ns): value
        for row in rows
        for name, value in row.fields.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_of_rows_that_replace_each_other_the_last_one_comes_last_also_after_kill_9(
    kind: str, decoder: Decoder, tmp_path: Path
) -> None:
    arguments = charges(kind, tmp_path)
    expected = last_rows(decoder.lines(*arguments))
    for kills in (0, 2):
        with ScriptedServer() as server:
            for _ in range(kills):
                server.script(store, store)  # the question which API there is, and the first write
                stored_second = keep_silent(server, stores=True)
                with decoder.started(*arguments, *into(server)) as process:
                    assert stored_second.wait(TIMEOUT_S)
                    process.kill()
            done = decoder.run(*arguments, *into(server))
        assert done.returncode == 0, done.stderr
        assert sum(bool(request.lines) for request in server.requests) >= 3
        stored = last_rows(received(server))
        assert stored == expected
        sessions = [row for key, row in stored.items() if (key[0], key[-2]) == ("charging_session", "open")]
        assert sessions == [False, False]


def test_a_log_that_has_changed_is_written_from_its_first_frame(
    decoder: Decoder, drive: Path, tmp_path: Path
) -> None:
    log = tmp_path / "growing.log"
    content = drive.read_bytes()
    log.write_bytes(content[: len(content) // 2])
    arguments = [str(log), "--dbc", str(VEHICLE_DBC)]
    with ScriptedServer() as server:
        asked = keep_silent(server)
        with decoder.started(*arguments, *into(server)) as process:
            assert asked.wait(TIMEOUT_S)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIMEOUT_S)
        log.write_bytes(b"(1.000000) can0 100#AC0F39FDCB400003\n" + content)
        done = decoder.run(*arguments, *into(server))
    assert done.returncode == 0
    assert server.stored >= set(decoder.lines(*arguments))
    assert decoder.spools == []


def test_in_a_named_folder_another_option_or_target_begins_at_the_first_frame(
    decoder: Decoder, drive: Path, tmp_path: Path
) -> None:
    arguments = [str(drive), "--dbc", str(VEHICLE_DBC)]
    named = ["--spool", str(tmp_path / "spool")]
    with ScriptedServer() as server:
        asked = keep_silent(server)
        with decoder.started(*arguments, *named, *into(server)) as process:
            assert asked.wait(TIMEOUT_S)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIMEOUT_S)
        done = decoder.run(*arguments, "--vehicle", "van", *named, *into(server))
    assert done.returncode == 0
    assert done.stderr.startswith("goes on after frame 0;")
    assert server.stored >= set(decoder.lines(*arguments, "--vehicle", "van"))


def stored_by_lp(decoder: Decoder, database: Database, arguments: list[str]) -> Points:
    """Return what the database has when the lines of `--format lp` are posted to it."""
    lines = b"\n".join(decoder.lines(*arguments))
    query = {"db": database.name}
    posted = database.server.request("POST", "/write", lines, **query)
    assert posted.status == 204, posted
    return database.points()


def for_v1(database: Database, tmp_path: Path) -> list[str]:
    password = tmp_path / "password"
    password.write_text(database.server.password)
    password.chmod(0o600)
    return [
        "--database",
        database.name,
        "--username",
        database.server.username,
        "--password-file",
        str(password),
    ]


def for_v2(database: Database, tmp_path: Path) -> list[str]:
    token = tmp_path / "token"
    token.write_text(database.server.token)
    token.chmod(0o600)
    return ["--bucket", database.name, "--org", database.server.org, "--token-file", str(token)]


@pytest.fixture(params=["drive", *KINDS])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Return logs and the options to read them."""
    if request.param != "drive":
        return charges(request.param, tmp_path)
    drive = coarsen(record_drive(tmp_path / "fine.log", 40.0), tmp_path / "coarse.log")
    return [str(drive), LOG, "--dbc", str(VEHICLE_DBC), "--dbc", DBC, "--vehicle", "car 7"]


def check_on(
    server: DatabaseServer, decoder: Decoder, recorded: list[str], target: Callable[[Database], list[str]]
) -> None:
    database, other = server.fresh_database(), server.fresh_database()
    done = decoder.run(*recorded, "--format", "influx", "--url", server.url, *target(database))
    assert done.returncode == 0, done.stderr
    assert database.points() == stored_by_lp(decoder, other, recorded)


@pytest.mark.server("influxdb1")
def test_influxdb_1_has_what_it_would_have_of_lp(
    influxdb1: DatabaseServer, decoder: Decoder, recorded: list[str], tmp_path: Path
) -> None:
    check_on(influxdb1, decoder, recorded, lambda database: for_v1(database, tmp_path))


@pytest.mark.server("influxdb2")
def test_influxdb_2_has_what_it_would_have_of_lp(
    influxdb2: DatabaseServer, decoder: Decoder, recorded: list[str], tmp_path: Path
) -> None:
    check_on(influxdb2, decoder, recorded, lambda database: for_v2(database, tmp_path))
