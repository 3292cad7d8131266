"""`nev-telemetry decode` of messages that take several frames: J1939 transport and ISO-TP."""

import csv
import io
import os
from pathlib import Path

import pytest

from tests.support.command import Done, command
from tests.support.lineprotocol import parse_lines

RECORDINGS = os.environ.get("NEV_TELEMETRY_RECORDINGS", "")  # a folder with gbt27930/session.log

J1939_DBC = """\
VERSION ""
NS_ :
BS_:
BU_: BMS
BO_ 2617439318 BRM: 49 BMS
 SG_ BatteryType : 24|8@1+ (1,0) [0|0] "" BMS
 SG_ RatedVoltage : 48|16@1+ (0.1,0) [0|0] "V" BMS
BO_ 2618382068 BCS: 9 BMS
 SG_ Voltage : 0|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ MinutesLeft : 56|16@1+ (1,0) [0|0] "min" BMS
"""
UDS_DBC = """\
VERSION ""
NS_ :
BS_:
BU_: ECU
BO_ 2024 Answer: 64 ECU
 SG_ Service M : 0|8@1+ (1,0) [0|0] "" ECU
 SG_ Did m98M : 15|16@0+ (1,0) [0|0] "" ECU
 SG_ PackVoltage m257 : 31|16@0+ (0.1,0) [0|0] "V" ECU
 SG_ Last m257 : 151|8@0+ (1,0) [0|0] "" ECU
SG_MUL_VAL_ 2024 Did Service 98-98;
SG_MUL_VAL_ 2024 PackVoltage Did 257-257;
SG_MUL_VAL_ 2024 Last Did 257-257;
"""
BCS = ("1CEC56F4#1009000200001100", "1CEB56F4#01FE0E5A0E51414D", "1CEB56F4#022B00FFFFFFFFFF")
UDS = ("7E8#10146201010F9B04", "7E8#2106070809101112", "7E8#22141516171819AA", "7E8#0341057B")


def write_log(folder: Path, *frames: str) -> str:
    path = folder / "bus.log"
    lines = [f"(1700000000.{number:06d}) can0 {frame}\n" for number, frame in enumerate(frames)]
    path.write_text("".join(lines))
    return str(path)


def decode(folder: Path, *arguments: str) -> Done:
    return command("decode", *arguments, home=folder)


def rows(text: str) -> list[tuple[str, str, str, str, str]]:
    return [
        (row["time_ns"], row["id"], row["message"], row["signal"], row["value"])
        for row in csv.DictReader(io.StringIO(text))
    ]


def test_a_j1939_message_decodes_with_its_senders_id_and_the_stamp_of_its_last_frame(tmp_path: Path) -> None:
    (tmp_path / "bus.dbc").write_text(J1939_DBC)
    log = write_log(tmp_path, *BCS)
    done = decode(tmp_path, log, "--dbc", str(tmp_path / "bus.dbc"))
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(done.stdout) == [
        ("1700000000000002000", "181156F4", "BCS", "Voltage", "383.8"),
        ("1700000000000002000", "181156F4", "BCS", "MinutesLeft", "43"),
    ]
    lines = decode(tmp_path, log, "--dbc", str(tmp_path / "bus.dbc"), "--format", "lp").stdout
    (point,) = parse_lines(lines.encode())
    assert point.tags == {"sa": "F4", "source": "can0", "vehicle": "unknown"}


def test_a_session_that_the_log_cuts_off_is_reported(tmp_path: Path) -> None:
    (tmp_path / "bus.dbc").write_text(J1939_DBC)
    done = decode(tmp_path, write_log(tmp_path, *BCS[:2]), "--dbc", str(tmp_path / "bus.dbc"))
    assert done.returncode == 0
    assert rows(done.stdout) == []
    assert "frames left out (incomplete session): 2" in done.stderr
    assert "transport sessions without a message (unfinished): 1" in done.stderr


def test_a_diagnostic_answer_decodes_from_its_service_byte(tmp_path: Path) -> None:
    (tmp_path / "uds.dbc").write_text(UDS_DBC)
    log = write_log(tmp_path, *UDS)
    done = decode(tmp_path, log, "--dbc", str(tmp_path / "uds.dbc"), "--isotp", "7E8")
    assert done.returncode == 0
    assert rows(done.stdout)[:4] == [
        ("1700000000000002000", "7E8", "Answer", "Service", "98"),
        ("1700000000000002000", "7E8", "Answer", "Did", "257"),
        ("1700000000000002000", "7E8", "Answer", "PackVoltage", "399.5"),
        ("1700000000000002000", "7E8", "Answer", "Last", "25"),
    ]
    assert rows(done.stdout)[4:] == [("1700000000000003000", "7E8", "Answer", "Service", "65")]


def test_with_the_length_in_front_everything_lies_one_byte_later(tmp_path: Path) -> None:
    (tmp_path / "uds.dbc").write_text(
        'VERSION ""\nNS_ :\nBS_:\nBU_: E\nBO_ 2024 A: 8 E\n SG_ Length : 0|8@1+ (1,0) [0|0] "" E\n'
        ' SG_ Temp : 31|8@0+ (1,-40) [0|0] "" E\n'
    )
    done = decode(
        tmp_path,
        write_log(tmp_path, "7E8#0341057B"),
        "--dbc",
        str(tmp_path / "uds.dbc"),
        "--isotp",
        "7e8",
        "--isotp-length",
    )
    assert [row[3:] for row in rows(done.stdout)] == [("Length", "3"), ("Temp", "83")]


@pytest.mark.parametrize("text", ["7E8x", "", "FFF", "123456789", "3FFFFFFF"])
def test_an_id_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    done = decode(tmp_path, write_log(tmp_path), "--isotp", text)
    assert done.returncode == 64
    assert "--isotp" in done.stderr


@pytest.mark.optional
@pytest.mark.skipif(not RECORDINGS, reason="NEV_TELEMETRY_RECORDINGS names no folder of recordings")
def test_a_recorded_charging_session_gives_what_the_vehicle_said(tmp_path: Path) -> None:
    (tmp_path / "bus.dbc").write_text(J1939_DBC)
    log = str(Path(RECORDINGS) / "gbt27930" / "session.log")
    found = rows(decode(tmp_path, log, "--dbc", str(tmp_path / "bus.dbc")).stdout)
    assert found[:2] == [
        ("1700003257604000000", "180256F4", "BRM", "BatteryType", "6"),
        ("1700003257604000000", "180256F4", "BRM", "RatedVoltage", "492.1"),
    ]
    assert found[-2:] == [
        ("1700003274905000000", "181156F4", "BCS", "Voltage", "497.1"),
        ("1700003274905000000", "181156F4", "BCS", "MinutesLeft", "10"),
    ]


CELLS_DBC = """\
VERSION ""
NS_ :
BS_:
BU_: ECU
BO_ 2028 Front: 8 ECU
 SG_ Did M : 15|16@0+ (1,0) [0|0] "" ECU
 SG_ Cell1 m258 : 31|8@0+ (0.02,0) [0|0] "V" ECU
 SG_ Cell2 m259 : 31|8@0+ (0.02,0) [0|0] "V" ECU
 SG_ T1 m257 : 31|8@0- (1,0) [0|0] "" ECU
 SG_ T2 m261 : 31|8@0- (1,0) [0|0] "" ECU
BO_ 1979 Rear: 8 ECU
 SG_ Did M : 15|16@0+ (1,0) [0|0] "" ECU
 SG_ Cell1 m258 : 31|8@0+ (0.02,0) [0|0] "V" ECU
 SG_ Cell2 m259 : 31|8@0+ (0.02,0) [0|0] "V" ECU
"""
CELLS_TOML = """
vehicle = "car"
[influx]
url = "http://127.0.0.1:1"
database = "x"
[spool]
directory = "spool"
[[can]]
name = "can0"
databases = ["cells.dbc"]
isotp = [{ id = "7EC" }, { id = "7BB" }]
[[map]]
signal = "Front.Cell{n}"
to = "cells.v{n}"
[[map]]
signal = "Front.T{n}"
to = "cells.t{n}"
[[map]]
signal = "Rear.Cell{n}"
to = "cells.v{n}"
pack = "rear"
"""


def test_cells_of_two_units_that_are_asked_in_turn_are_read_and_what_is_not_whole_is_said(
    tmp_path: Path,
) -> None:
    """Both units each 20 s, the second one backwards; a round of it and one of temperatures lack a page."""
    (tmp_path / "cells.dbc").write_text(CELLS_DBC)
    (tmp_path / "gateway.toml").write_text(CELLS_TOML)
    asked = [
        (20.0 * lap + place * 0.4, id, did, 100 + lap)
        for lap in range(3)
        for place, (id, did) in enumerate(
            [("7EC", 258), ("7BB", 259), ("7EC", 257), ("7EC", 259), ("7BB", 258), ("7EC", 261)]
        )
        if (lap, id, did) not in ((2, "7BB", 258), (1, "7EC", 261))
    ]
    log = tmp_path / "bus.log"
    log.write_text(
        "".join(
            f"({1_700_000_000 + time_s:.6f}) can0 {id}#0462{did:04X}{raw:02X}000000\n"
            for time_s, id, did, raw in asked
        )
    )
    done = decode(tmp_path, str(log), "--config", str(tmp_path / "gateway.toml"))
    read = [(time, name, value) for time, _, what, name, value in rows(done.stdout) if what == "cells"]
    seconds = [(round(int(time) / 1e9 - 1_700_000_000, 1), name, value) for time, name, value in read]
    assert seconds == [
        *((1.2, "v001", "2"), (1.2, "v002", "2"), (1.6, "v001", "2"), (1.6, "v002", "2")),
        *((2.0, "t001", "100"), (2.0, "t002", "100")),
        *((21.2, "v001", "2.02"), (21.2, "v002", "2.02"), (21.6, "v001", "2.02"), (21.6, "v002", "2.02")),
        *((41.2, "v001", "2.04"), (41.2, "v002", "2.04"), (42.0, "t001", "102"), (42.0, "t002", "102")),
    ]
    assert "cycles of cell pages that were not complete, and gave no reading: 2" in done.stderr
