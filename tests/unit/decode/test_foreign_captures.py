"""`decode --protocol` of captures that hold no message of that protocol, as people run it."""

from pathlib import Path

import pytest

from firmware_sim.wire.modbus_registers import reply
from telemetry.logs.captures import CapturedBytes, format_piece
from telemetry.protocols.known import PROTOCOLS
from tests.support.command import command

HEADER = "time_ns,channel,id,message,signal,value\n"
# Worked examples of the vendors' texts.
JBD = bytes.fromhex("DD03001F19DFF8240DA50FA00002249100000000000012570311040B980BA90B960B97F89A77")
DALY = bytes.fromhex("A501900802 0C000074B50283FA")


def capture(folder: Path, *received: bytes, sent: bytes = b"") -> Path:
    file = folder / "line.txt"
    pieces = [CapturedBytes(0, "ttyUSB0", False, sent)] if sent else []
    pieces += [CapturedBytes(number, "ttyUSB0", True, data) for number, data in enumerate(received)]
    file.write_bytes(b"".join(map(format_piece, pieces)))
    return file


def decoded(*words: object) -> tuple[int, str, list[str]]:
    done = command("decode", *words)
    return done.returncode, done.stdout, done.stderr.splitlines()


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS.keys() - {"jbd"}))
def test_a_capture_of_another_device_is_refused_and_names_it(protocol: str, tmp_path: Path) -> None:
    file = capture(tmp_path, JBD, JBD)
    found = "76 bytes received in 2 lines (try --protocol jbd, whose messages are in it)"
    assert decoded(file, "--protocol", protocol) == (
        65,
        "",
        [f"nev-telemetry: {file}: holds no message of {protocol}: {found}"],
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x17" * 40, "40 bytes received in 1 line (try another --protocol; if no other fits, capture it"),
        (JBD[:-2] + b"\0\x77", "38 bytes received in 1 line, 1 with a bad checksum (try another"),
        # 13 bytes of Daly's are less than half of what came.
        (DALY + b"\x17" * 14, "27 bytes received in 1 line (try another --protocol"),
    ],
)
def test_noise_and_spoiled_messages_are_refused_with_what_was_read(
    data: bytes, words: str, tmp_path: Path
) -> None:
    code, out, (line,) = decoded(capture(tmp_path, data), "--protocol", "jbd")
    assert (code, out) == (65, "")
    assert f"holds no message of jbd: {words}" in line


def test_a_device_that_never_answered_is_said_to_be_silent(tmp_path: Path) -> None:
    file = capture(tmp_path, sent=bytes.fromhex("DDA50300FFFD77"))
    code, out, (line,) = decoded(file, "--protocol", "jbd")
    assert (code, out) == (65, "")
    assert line.endswith("0 bytes received in 1 line (it has only what was sent: the device did not answer)")


def test_a_file_that_is_no_capture_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "drive.log"
    file.write_text("(1.0) can0 123#00\n(2.0) can0 123#00\n")
    code, out, (line,) = decoded(file, "--protocol", "jbd")
    assert (code, out) == (65, "")
    assert "is no capture: none of its 2 lines is `(epoch.us) port RX|TX hex`" in line


@pytest.mark.parametrize("last", ["(3.0) can0 123#00\n" * 3, ""])
def test_files_of_which_none_is_a_capture_are_refused_with_the_lines_of_all(
    last: str, tmp_path: Path
) -> None:
    files = [tmp_path / "a.log", tmp_path / "b.log"]
    for file, text in zip(files, ("(1.0) can0 123#00\n" * 2, last), strict=True):
        file.write_text(text)
    code, out, (*_, line) = decoded(*files, "--protocol", "jbd")
    assert (code, out) == (65, "")
    assert f"none of its {5 if last else 2} lines is" in line


def test_modbus_without_a_map_prints_its_header_where_there_are_messages(tmp_path: Path) -> None:
    file = capture(tmp_path, reply(1, 3, [1, 2]))
    assert decoded(file, "--protocol", "modbus")[:2] == (0, HEADER)


def test_a_refusal_is_a_message_of_the_device(tmp_path: Path) -> None:
    file = capture(tmp_path, bytes.fromhex("DD038000000077".replace("00000077", "00FF8077")))
    assert decoded(file, "--protocol", "jbd") == (
        0,
        HEADER,
        ["warning: messages left out (error reply): 1"],
    )


def test_one_capture_with_messages_is_enough_for_several(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    files = capture(tmp_path, JBD), capture(tmp_path / "other", DALY)
    code, out, _ = decoded(*files, "--protocol", "daly")
    assert code == 0
    assert ",battery,voltage_v,52.4\n" in out
