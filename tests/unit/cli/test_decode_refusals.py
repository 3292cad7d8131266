"""`decode`: options that do not go together, each one line, before anything is read or written."""

from pathlib import Path

import pytest

from telemetry.__main__ import build_parser
from tests.support.command import command, failed, noted, printed, refused

DATA = Path(__file__).parents[2] / "data"
LOG, DBC = str(DATA / "drive.log"), str(DATA / "drive.dbc")
VEHICLE_DBC = Path(__file__).parents[3] / "firmware_sim" / "wire" / "vehicle.dbc"
INFLUX = ["--format", "influx", "--url", "http://127.0.0.1:9", "--database", "fleet"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (
            [],
            f"{LOG}: no database was given (add one: --dbc FILE, --protocol NAME or --",
        ),
        (["--dbc", DBC, "--url", "http://127.0.0.1:9"], "--url: stands without --format influx"),
        (["--dbc", DBC, "--spool", "x"], "--spool: stands without --format influx"),
        (["--dbc", DBC, "--give-up-after", "5"], "--give-up-after: stands without --format influx"),
        (["--dbc", DBC, *INFLUX, "-o", "x"], "--output: stands beside --format influx"),
        (["--config", "c", "--dbc", DBC], "--config: stands beside --dbc (leave out --config, or --dbc,"),
        (["--config", "c", "--protocol", "jbd"], "--config: stands beside --protocol"),
        (["--config", "c", "--format", "influx", "--org", "o"], "--config: stands beside --org"),
        (["--dbc", DBC, "--source", "can0"], "--source: stands without --config"),
        (["--dbc", DBC, "--protocol", "jbd"], "--dbc: stands beside --protocol (leave one of them out)"),
        (["--protocol", "gbt27930", "--id-mask", "7F0"], "--id-mask: stands beside --protocol"),
        (["--protocol", "jbd", "--signal", "x"], "--signal: is for logs of CAN"),
        (["--protocol", "jbd", "--registers", "pzem_017"], "--registers: is for --protocol modbus"),
        (["--unknown", "--wide"], "--wide: stands beside --unknown (leave one of them out)"),
        (["--unknown", "--signal", "x"], "--signal: stands beside --unknown"),
        (["--unknown", "--from", "1"], "--from: stands beside --unknown"),
        (["--dbc", DBC, "--from", "+5", "--to", "+3"], "--to: is before --from (exchange them)"),
        (
            ["--dbc", DBC, "--from", "2030-01-02", "--to", "2030-01-01T23:59:59Z"],
            "--to: is before --from (exchange them)",
        ),
        (["--unknown", "--format", "lp"], "--unknown: is for csv and ndjson"),
        (["--dbc", DBC, "--wide", "--format", "ndjson"], "--wide: is a form of csv"),
        (["--dbc", DBC, "--time", "iso", "--format", "lp"], "--time: is for csv and ndjson"),
        (["--dbc", DBC, *INFLUX, "--from", "1"], "--from: stands beside --format influx"),
        (["--dbc", DBC, *INFLUX, "--to", "1"], "--to: stands beside --format influx"),
        (["--dbc", DBC, "--messages"], "--messages: is for --protocol and --vehicle-profile (messages of a"),
        (["--protocol", "jbd", "--messages", "--format", "lp"], "--messages: is for csv, ndjson or parquet"),
        (["--dbc", DBC, "--format", "parquet"], "--format parquet: is a folder of files (name the folder"),
        (["--dbc", DBC, "--id-mask", "7G0"], "--id-mask: "),
        (
            ["--dbc", DBC, "--signal", "volt"],
            '--signal: no signal is called "volt" (nearest: PackState.Voltage',
        ),
    ],
)
def test_options_that_do_not_go_together_are_one_line(words: list[str], fault: str) -> None:
    said = command("decode", LOG, *words)
    assert said.returncode == 64
    assert fault in said.stderr
    assert said.stderr.count("\n") == 1
    assert said.stdout == ""


@pytest.mark.parametrize("jobs", ["0", "257", "-1", "two"])
def test_a_number_of_jobs_is_from_1_to_256(jobs: str) -> None:
    assert f"'{jobs}' is not a number from 1 to 256" in failed(
        64, "decode", LOG, "--dbc", DBC, f"--jobs={jobs}"
    )


@pytest.mark.parametrize("jobs", ["1", "256"])
def test_the_least_and_the_greatest_number_of_jobs_are_taken(jobs: str) -> None:
    assert build_parser(["decode"]).parse_args(["decode", LOG, "--jobs", jobs]).jobs == int(jobs)


def test_messages_of_a_can_protocol_go_into_line_protocol_too(tmp_path: Path) -> None:
    log = tmp_path / "charge.log"
    log.write_text("(1.0) can0 182756F4#D007\n")  # BHM: 200.0 V at most
    words = ["decode", str(log), "--protocol", "gbt27930", "--format", "lp"]
    assert "gbt27930_BHM" not in printed(*words)
    assert "gbt27930_BHM,source=can0,vehicle=unknown max_voltage_v=200 " in printed(*words, "--messages")


def test_a_log_without_what_was_chosen_is_decoded_to_nothing_and_says_so(tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    log.write_text("(1772474510.001000) can0 310#0011223344556677\n")
    command = ["decode", str(log), "--dbc", str(VEHICLE_DBC), "--jobs", "1"]
    assert "no value was written: what was chosen is not in what was read" in noted(
        *command, "--signal", "BMS_CellVoltages.*"
    )
    assert "no value was written" not in noted(*command, "--signal", "BMS_PackState.*")


def test_a_configuration_among_the_logs_is_told_its_option(tmp_path: Path) -> None:
    config = tmp_path / "gw.toml"
    config.write_text("")
    line = refused(64, "decode", config, LOG)
    assert f"decode --config {config} LOG)" in line
