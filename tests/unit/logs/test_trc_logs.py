"""PEAK's TRC logs, of each version, and what looks like one and is not."""

from pathlib import Path

import pytest

from telemetry.errors import DataError
from tests.support.can_frames import EXTENDED, REMOTE
from tests.support.logs import PACKERS, TRC_HEADER
from tests.support.logs import read_log as read

START_S = 1_700_000_000


def test_a_trc_log_counts_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "drive.trc"
    path.write_text(
        TRC_HEADER
        + "      1       250.000 DT  1      0123 Rx -  2    01 02\n"
        + "      2       500.000 DT  2  1ABCDEF0 Rx -  1    FF\n"
    )
    frames, _, names = read(path)
    assert [frame.id for frame in frames] == [0x123, 0x1ABCDEF0 | EXTENDED]
    assert [frame.data for frame in frames] == [b"\x01\x02", b"\xff"]
    assert frames[0].time_ns == pytest.approx(START_S * 10**9 + 250_000_000, abs=2000)
    assert list(names) == ["can0", "can1"]


TRC_ROWS = {
    "1.0": (
        "1) 250 0123 2 01 02",
        "2) 260 0008 4 ERROR 00 19 08 08",
        "3) 270 FFFFFFFF 4 00 00 00 04 -- BUSLIGHT",
    ),
    "1.1": ("1) 250.0 Rx 0123 2 01 02", "2) 260.0 Error 0008 4 00 19 08 08"),
    "1.2": ("1) 250.000 1 Rx 0123 2 01 02", "2) 260.000 1 Warng FFFFFFFF 4 00 00 00 04 BUSLIGHT"),
    "1.3": ("1) 250.000 1 Rx 0123 - 2 01 02", "2) 260.000 1 Error 0008 - 4 00 19 08 08"),
    "2.0": ("1 250.000 DT 0123 Rx 2 01 02", "2 260.000 ST Rx 00 00 00 08"),
    "2.1": ("1 250.000 DT 1 0123 Rx - 2 01 02", "2 260.000 EV 1 an event"),
}
TRC_REMOTE_ROWS = {
    "1.0": "4) 500 1ABCDEF0 3 RTR",
    "1.1": "4) 500.0 Rx 1ABCDEF0 3 RTR",
    "1.2": "4) 500.000 1 Rx 1ABCDEF0 3 RTR",
    "1.3": "4) 500.000 1 Rx 1ABCDEF0 - 3 RTR",
    "2.0": "4 500.000 RR 1ABCDEF0 Rx 3",
    "2.1": "4 500.000 RR 1 1ABCDEF0 Rx - 3",
}
TRC_COLUMNS = {"2.0": ";$COLUMNS=N,O,T,I,d,l,D", "2.1": ";$COLUMNS=N,O,T,B,I,d,R,L,D"}


@pytest.mark.parametrize("line_break", ["\n", " \r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", ";"])
@pytest.mark.parametrize("version", TRC_ROWS)
def test_every_version_of_trc_is_read(
    tmp_path: Path, version: str, end: str, mark: str, line_break: str
) -> None:
    path = tmp_path / "drive.trc"
    header = [f";$FILEVERSION={version}", f";$STARTTIME=45244.9259259259{end}", TRC_COLUMNS.get(version, ";")]
    if version == "1.0":
        header = [";   drive.trc"]
    lines = [*header, ";", *TRC_ROWS[version], "", TRC_REMOTE_ROWS[version], ""]
    path.write_text(mark + line_break.join(lines), "utf-8", newline="")
    frames, log, names = read(path)
    start_s = 0 if version == "1.0" else START_S
    assert [(frame.id, frame.data) for frame in frames] == [
        (0x123, b"\x01\x02"),
        (0x1ABCDEF0 | EXTENDED | REMOTE, bytes(3)),
    ]
    assert frames[0].time_ns == pytest.approx(start_s * 10**9 + 250_000_000, abs=2000)
    assert list(names) == ["can0"]
    assert log.warnings() == []


@pytest.mark.parametrize(
    "line",
    [
        "2 oops DT 1 0002 Rx - 1 02",
        "junk",
        "2 250.0 DT 1 0002 Rx - 9 00 00 00 00 00 00 00 00 00",
        *(f"2 {stamp} DT 1 0002 Rx - 0" for stamp in ("nan", "inf", "1e300", "-1e9")),
    ],
)
def test_a_line_that_is_no_frame_costs_only_itself_and_is_not_printed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    path = tmp_path / "drive.trc"
    header = TRC_HEADER.replace("45244.9259259259", "25569.0000000000")  # 1970
    path.write_text(f"{header}1 250.0 DT 1 0001 Rx - 1 01\n{line}\n3 300.0 DT 1 0003 Rx - 1 03\n")
    frames, log, _ = read(path)
    assert [frame.id for frame in frames] == [1, 3]
    assert log.warnings() == [f"{path}:5 (byte 103): no frame, skipped"]
    assert caplog.messages == []


CANHACKER = "@ TEXT @ 3 @ 64 @ 0 @ 2 @ 500 @ 00:00:00.500 @{0}" + "".join(
    f"17,03{n}000\t1\t0004\t2{n:02X}\t8\t03 08 00 00 00 00 9F 40\t00000000\t\t{{0}}" for n in range(9)
)
TRC_1_0 = """;##########################################################################
;   C:\\trace.trc
;
;    CAN activities were recorded by PCAN Explorer
;---+--   ----+----  --+--  +  +
"""
TRC_1_0_ROWS = "     1)      1841  0001  8  00 01 02 03 04 05 06 07 \n     2)      1842  0100  3  RTR\n"


@pytest.mark.parametrize("line_break", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("name", ["drive.trc", "drive.trc.gz", "drive.log", "drive"])
def test_a_trace_of_canhacker_is_known_whatever_its_name(tmp_path: Path, name: str, line_break: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACKERS.get(path.suffix, bytes)(CANHACKER.format(line_break).encode()))
    assert [frame.id for frame in read(path)[0]] == list(range(0x200, 0x209))


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("1 2 0004 280 8 03\n", "is no TRC log (PEAK's TRC, 1.0 to 2.1, begins with `;$FILEVERSION=`"),
        ("; one\r; two\r1) 250 0001 1 01\r", "its lines end with CR alone"),
        (";$FILEVERSION=3.0\n1 250.0 DT 0001 Rx 1 01\n", "is a TRC log of version 3.0, which is not known"),
        (";$FILEVERSION=\n1) 250 0001 1 01\n", "is a TRC log of version , which is not known"),
        (";$FILEVERSION=9", "is a TRC log of version 9, which is not known"),
    ],
)
def test_what_does_not_begin_as_a_trc_does_is_refused(tmp_path: Path, text: str, reported: str) -> None:
    path = tmp_path / "drive.trc"
    path.write_text(text, "utf-8", newline="")
    with pytest.raises(DataError) as caught:
        read(path)
    assert reported in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 65


@pytest.mark.parametrize("header", [TRC_1_0, "", "\r\n", ";$FILEVERSION=1.0\n", "; any comment\n\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_trc_log_of_the_first_version_needs_no_version(tmp_path: Path, mark: str, header: str) -> None:
    path = tmp_path / "drive.trc"
    path.write_text(mark + header + TRC_1_0_ROWS, "utf-8", newline="")
    frames, log, _ = read(path)
    assert [(frame.id, frame.data) for frame in frames] == [(1, bytes(range(8))), (0x100 | REMOTE, bytes(3))]
    assert log.warnings() == []


def test_what_is_no_record_of_the_first_version_is_no_frame(tmp_path: Path) -> None:
    path = tmp_path / "drive.trc"
    path.write_text("; a list\n17 1 0004 2 01 02\n1) 250 0001 1 01\n")
    frames, log, _ = read(path)
    assert [frame.id for frame in frames] == [1]
    assert log.warnings() == [f"{path}:2 (byte 9): no frame, skipped"]
