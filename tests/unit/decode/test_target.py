"""Where `decode --format influx` writes to, and what a decode is called."""

from dataclasses import replace
from pathlib import Path

import pytest

from telemetry.__main__ import main
from telemetry.decode.influx import Job
from telemetry.decode.target import position_name, sink_settings, spool_directory
from telemetry.errors import ConfigError, InputMissingError
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.settings import InfluxSettings

DATA = Path(__file__).parents[2] / "data"
SERVER = InfluxSettings(url="http://127.0.0.1:8086", database="fleet")
ENVIRONMENT = {
    "INFLUXDB_V2_URL": "http://127.0.0.1:8086",
    "INFLUXDB_V2_ORG": "fleet",
    "INFLUXDB_V2_BUCKET": "drives",
    "INFLUXDB_V2_TOKEN": "canary",
}


def test_what_is_not_given_comes_from_the_standard_environment() -> None:
    settings = sink_settings(None, {"bucket": "other"}, ENVIRONMENT)
    assert isinstance(settings, InfluxSettings)
    assert (settings.url, settings.org, settings.bucket) == (ENVIRONMENT["INFLUXDB_V2_URL"], "fleet", "other")
    assert settings.token == Secret("canary")


def test_a_configuration_gives_its_influx_and_nothing_else_of_it_is_looked_at(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('[influx]\nurl = "https://db"\nbucket = "b"\n[[can]]\ndatabases = ["missing.dbc"]\n')
    assert sink_settings(config, {}, {}).address == "https://db"
    config.write_text('[influx]\nurl = "https://db"\nbuckets = "b"\n')
    with pytest.raises(ConfigError, match=r"influx\.buckets: unknown key \(did you mean bucket\?\)"):
        sink_settings(config, {}, {})


def test_without_a_server_the_fault_names_both_ways_to_give_one() -> None:
    with pytest.raises(ConfigError, match=r"^the command line: url: is missing .*INFLUXDB_V2_URL"):
        sink_settings(None, {"database": "fleet"}, {})


def test_the_folder_is_that_of_the_user_s_state_and_the_same_from_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    absolute = spool_directory(environment, SERVER, [DATA / "drive.log"], ["van"])
    monkeypatch.chdir(DATA)
    assert spool_directory(environment, SERVER, [Path("drive.log")], ["van"]) == absolute
    assert absolute.parent == tmp_path / "nev-telemetry" / "decode"
    assert spool_directory({}, SERVER, [], []).is_relative_to(Path.home() / ".local" / "state")


def test_another_log_option_or_target_is_another_folder() -> None:
    other_server = InfluxSettings(url=SERVER.url, database="other")
    folders = {
        spool_directory({}, server, files, options)
        for server in (SERVER, other_server)
        for files in ([Path("a")], [Path("b")], [Path("a"), Path("b")], [Path("-")])
        for options in (["van"], ["car"], [])
    }
    assert len(folders) == 24


def test_a_position_follows_what_logs_and_databases_hold(tmp_path: Path) -> None:
    log, database = tmp_path / "a.log", tmp_path / "a.dbc"
    log.write_bytes(b"x" * 1000)
    database.write_bytes(b"y" * 1000)
    names = [position_name(SERVER, [log], [database], [])]
    assert position_name(SERVER, [log], [database], []) == names[0]
    log.write_bytes(b"x" * 1001)  # it has grown
    names.append(position_name(SERVER, [log], [database], []))
    log.write_bytes(b"z" + b"x" * 1000)
    names.append(position_name(SERVER, [log], [database], []))
    database.write_bytes(b"y" * 999 + b"z")
    names.append(position_name(SERVER, [log], [database], []))
    names.append(position_name(SERVER, [log, log], [database], []))
    assert len(set(names)) == 5
    assert all(name.startswith("logs@") for name in names)


def test_another_option_or_target_is_another_position_in_a_folder_that_was_named() -> None:
    other_server = InfluxSettings(url=SERVER.url, database="other")
    logs = [DATA / "drive.log"]
    names = {
        position_name(server, logs, [], options)
        for server in (SERVER, other_server)
        for options in (["van"], ["car"], [])
    }
    assert len(names) == 6


def test_wherever_else_points_are_to_go_is_another_position() -> None:
    bucket = InfluxSettings(url=SERVER.url, bucket="fleet", org="north")
    targets = [
        SERVER,
        replace(SERVER, url="http://127.0.0.1:8087"),
        replace(SERVER, database="other"),
        replace(SERVER, retention_policy="week"),
        bucket,
        replace(bucket, org="south"),
        replace(bucket, bucket="other"),
        replace(bucket, retention_policy="week"),
    ]
    names = [position_name(target, [DATA / "drive.log"], [], []) for target in targets]
    assert len(set(names)) == len(targets)


def test_stdin_cannot_be_resumed() -> None:
    assert position_name(SERVER, [DATA / "drive.log", Path("-")], [], []) == ""


def test_a_database_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match=r"missing\.dbc: No such file"):
        position_name(SERVER, [DATA / "drive.log"], [tmp_path / "missing.dbc"], [])


def test_a_log_that_cannot_be_looked_at_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="File name too long"):  # fails like one in a closed folder
        position_name(SERVER, [tmp_path / ("x" * 300)], [], [])


def test_a_decode_that_an_option_makes_another_one_does_not_go_on_after_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    jobs: list[Job] = []

    def note(job: Job, *_: object) -> int:
        jobs.append(job)
        return 0

    monkeypatch.setattr("telemetry.decode.influx.deliver", note)
    protect = tmp_path / "protect.toml"
    protect.write_text('[[protect]]\nmessage = "PackState"\nprofile = "counter"\ncounter = "Mode"\n')
    log, database = str(DATA / "drive.log"), str(DATA / "drive.dbc")
    command = ["decode", log, "--format", "influx", "--url", "http://127.0.0.1:9", "--database", "d"]
    of_the_database = [
        [],
        ["--vehicle", "van"],
        ["--first-wins"],
        ["--j1939"],
        ["--keep-not-available"],
        ["--value-texts"],
        ["--id-mask", "7F0"],
        ["--protect", str(protect)],
        ["--isotp", "7E8"],
        ["--isotp", "7E8", "--isotp-length"],
        ["--isotp", "7E8", "--isotp-extended-addressing"],
    ]
    options = [["--protocol", "jbd"], ["--dbc", f"can0={database}"]]
    options += [["--dbc", database, *given] for given in of_the_database]
    for given in options:
        assert main([*command, *given]) == 0
    names = [position_name(job.sink, job.logs, job.databases, job.options) for job in jobs]
    assert len(set(names)) == len(options)
