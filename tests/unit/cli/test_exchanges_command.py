"""`exchanges`: who asked what, and what was answered; expected rows are counted by hand from the frames."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.command import command, printed, refused
from tests.support.diagnostics import segments

COLUMNS = "time_ns,channel,request_id,response_id,request,answer,outcome,pending,latency_ms"
KONA = bytes.fromhex("620101") + bytes(59)


def log_of(file: Path, *said: tuple[float, str, str, int | None]) -> Path:
    """Write a log: time of the first frame in s, id, message in hexadecimal, address, if any."""
    frames = [
        (seconds + place / 100, f"can0 {id}#{data.hex()}")
        for seconds, id, message, address in said
        for place, data in enumerate(segments(bytes.fromhex(message), address))
    ]
    file.write_text("".join(f"({seconds:.6f}) {frame}\n" for seconds, frame in sorted(frames)))
    return file


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return log_of(
        tmp_path / "drive.log",
        (1.0, "7E4", "220101", None),
        (1.020, "7EC", KONA.hex(), None),  # 9 frames, 10 ms apart
        (2.0, "6F1", "22DDBC", 0x07),
        (2.010, "607", "62DDBC0102", 0xF1),
        (2.5, "6F4", "22DDBC", 0x07),  # another tester
        (2.510, "607", "7F2278", 0xF4),
        (3.760, "607", "7F2231", 0xF4),
        (4.0, "7DF", "010C", None),  # all units are asked, and two answer
        (4.010, "7E8", "410C1234", None),
        (4.0125, "7EC", "410C12", None),
        (5.0, "7DF", "3E80", None),
        (6.0, "17FC007B", "221E3B", None),
        (11.0, "79B", "2101", None),  # 7BB also answers 7B3
        (11.1, "7BB", "6101FFFF", None),
        (11.2, "7BB", "6102FFFF", None),
        (20.0, "743", "2101", None),  # 763 answers, or 7AD: nobody does
    )


def test_each_request_is_a_row_and_each_answer_that_nobody_asked_for(log: Path) -> None:
    assert printed("exchanges", log).splitlines() == [
        COLUMNS,
        f"1000000000,can0,7E4,7EC,220101,{KONA.hex().upper()},positive,0,20.0",
        "2000000000,can0,6F1/07,607/F1,22DDBC,62DDBC0102,positive,0,10.0",
        "2500000000,can0,6F4/07,607/F4,22DDBC,7F2231,negative 31,1,1260.0",
        "4000000000,can0,7DF,7E8,010C,410C1234,positive,0,10.0",
        "4000000000,can0,7DF,7EC,010C,410C12,positive,0,12.5",
        "5000000000,can0,7DF,,3E80,,none expected,0,",
        "6000000000,can0,17FC007B,17FE007B,221E3B,,unanswered,0,",
        "11000000000,can0,79B,7BB,2101,6101FFFF,positive,0,100.0",
        "11200000000,can0,79B,7BB,,6102FFFF,unasked,0,",
        "20000000000,can0,743,,2101,,unanswered,0,",
    ]


def test_json_has_the_same_rows_and_pairs_that_are_given_are_the_only_ones(log: Path) -> None:
    words = ("exchanges", log, "--pair", "6F1/07:607/F1", "--pair", "0x7e4:7ec")
    rows = json.loads(printed(*words, "--format", "json"))
    assert [row.pop("latency_ms") for row in rows] == [20.0, 10.0, None]
    shown = [{key: str(value) for key, value in row.items()} for row in rows]
    assert shown == [
        {key: value for key, value in row.items() if key != "latency_ms"}
        for row in csv.DictReader(io.StringIO(printed(*words)))
    ]
    assert [row["request_id"] for row in rows] == ["7E4", "6F1/07", "7E4"]
    assert (rows[2]["request"], rows[2]["outcome"]) == ("", "unasked")  # its request was on 7DF


def test_what_makers_broadcast_on_ids_of_diagnostics_is_no_exchange(tmp_path: Path) -> None:
    file = log_of(
        tmp_path / "drive.log",
        (1.0, "732", "E803E8", None),  # an Outlander's heater
        (1.1, "6B4", "5A", None),  # a Taycan's VIN
        (2.0, "744", "2110", None),  # its answer comes from 74C, 764 or 7AE
        (2.01, "764", "6110FF", None),
        (3.0, "784", "221121", None),  # 704 answers with this id, and this one is asked with it
        (3.01, "78C", "621121FF", None),
        (4.0, "744", "2111", None),
    )
    assert [line.split(",")[2:7] for line in printed("exchanges", file).splitlines()[1:]] == [
        ["744", "764", "2110", "6110FF", "positive"],
        ["784", "78C", "221121", "621121FF", "positive"],
        ["744", "764", "2111", "", "unanswered"],
    ]
    assert "732,79C,E803E8,,unanswered" in printed("exchanges", file, "--pair", "732:79C")


def test_an_exchange_goes_on_in_the_next_log(tmp_path: Path) -> None:
    words = (tmp_path / "1.log", tmp_path / "2.log", "--pair", "7E4:7EC")
    log_of(words[0], (1.0, "7E4", "220101", None), (4.0, "7EC", "7F2278", None))
    log_of(words[1], (8.9, "7EC", "620101FF", None), (9.0, "7E4", "220102", None))
    assert printed("exchanges", *words).splitlines()[1:] == [
        "1000000000,can0,7E4,7EC,220101,620101FF,positive,1,7900.0",
        "9000000000,can0,7E4,7EC,220102,,unanswered,0,",
    ]


def test_stamps_that_begin_again_end_what_waits(tmp_path: Path) -> None:
    file = tmp_path / "drive.log"
    lines = ["(9000.0) can0 7E4#0322010155555555", "(5.0) can0 7EC#0462010155555555"]
    file.write_text("\n".join([*lines, ""]))
    outcomes = [line.split(",")[6] for line in printed("exchanges", file).splitlines()[1:]]
    assert outcomes == ["unanswered", "unasked"]


def test_messages_that_are_not_whole_are_told(tmp_path: Path) -> None:
    file = log_of(tmp_path / "drive.log", (1.0, "7E4", "220101", None), (1.02, "7EC", KONA.hex(), None))
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:4] + lines[5:]))
    done = command("exchanges", file)
    assert done.stdout.splitlines()[1:] == ["1000000000,can0,7E4,7EC,220101,,unanswered,0,"]
    assert done.stderr == "warning: frames that are no part of a whole message were left out: 8\n"


def test_a_profile_names_the_pairs_of_its_units(log: Path) -> None:
    profile = log.with_name("van.toml")
    at = 'at = [{ request = "6F1/07", answer = "607/F1" }, { request = "6F4/07", answer = "607/F4" }]'
    bus = '[bus.port]\ntitle = "OBD port"\nbit_rate = 500_000'
    profile.write_text(f'title = "A van"\nsources = ["mine"]\n{bus}\n[unit.bms]\nbus = "port"\n{at}\n')
    words = ("exchanges", log, "--pair", "7E4:7EC", "--vehicle-profile")
    rows = printed(*words, profile).splitlines()[1:]
    assert [row.split(",")[2:4] for row in rows] == [
        ["7E4", "7EC"],
        ["6F1/07", "607/F1"],
        ["6F4/07", "607/F4"],
        ["7E4", "7EC"],
    ]
    assert refused(78, *words, "hyundai-kona-46").startswith("nev-telemetry: --vehicle-profile: ")
    assert "think-city has no unit to ask" in refused(64, *words, "think-city")
    assert "7E4:7EC and 7E4:7ED" in refused(64, *words, "hyundai-kona-64", "--pair", "7E4:7ED")


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (["7E4"], "'7E4' is no pair: REQUEST:ANSWER, as 7E4:7EC or 6F1/07:607/F1"),
        (["7E4:8EC"], "'8EC' has more than 11 bits"),
        (["7E4:"], "'' is no id in hexadecimal"),
        (["6F1/7:607/F1"], "'7' is no address of two hexadecimal digits"),
        (["7E4:7E4"], "'7E4:7E4': a unit answers with another id than it is asked with"),
        (["7E4:7EC", "7DF:7EC"], "7E4:7EC and 7DF:7EC have 7EC in common"),
        (["6F1/07:607", "6F1:612"], "6F1/07:607 and 6F1:612: 6F1 has an address in one of them alone"),
    ],
)
def test_pairs_that_are_none_are_refused_in_a_line(log: Path, pairs: list[str], words: str) -> None:
    assert words in refused(64, "exchanges", log, *(word for pair in pairs for word in ("--pair", pair)))


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_log_without_a_message_of_a_pair_says_what_to_do(log: Path, form: str) -> None:
    line = refused(65, "exchanges", log, "--pair", "7E5:7ED", "--format", form)
    assert line == (
        f"nev-telemetry: {log}: holds no message of 7E5:7ED (--pair REQUEST:ANSWER names others; look shows "
        "which ids are requests and answers)\n"
    )
