"""What `decode --protocol` makes of captures, apart from its command line."""

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_sim.wire import ascii_frame as wire_ascii
from firmware_sim.wire import pylontech as wire_pylontech
from telemetry.decode.decoder import Decoder
from telemetry.decode.output import Progress
from telemetry.logs.captures import CapturedBytes, format_piece
from telemetry.stages.formats import OutputFormat
from tests.support.framing import jbd_message, vedirect_block
from tests.support.log_decoders import capture_decoder
from tests.unit.protocols.test_boards import ORDINARY

DATA = Path(__file__).parents[2] / "data"


def decode(
    path: Path,
    protocol: str = "jbd",
    output_format: OutputFormat = OutputFormat.CSV,
    *,
    with_messages: bool = False,
) -> tuple[str, Decoder, list[Progress]]:
    decoder = capture_decoder(protocol, output_format, vehicle="car 7", with_messages=with_messages)
    with decoder.pieces([path]) as pieces:
        found = list(pieces)
    text = decoder.header + b"".join(piece.text for piece in found)
    return text.decode(), decoder, [piece.progress for piece in found]


def received(path: Path, *messages: bytes) -> Path:
    lines = [
        format_piece(CapturedBytes(number * 10**9, "p", True, data)) for number, data in enumerate(messages)
    ]
    path.write_bytes(b"".join(lines))
    return path


@pytest.mark.parametrize(
    "output_format", [each for each in OutputFormat if each is not OutputFormat.WIDE_CSV]
)
@pytest.mark.parametrize("protocol", ["jbd", "vedirect"])
def test_a_capture_gives_what_was_checked_by_hand(protocol: str, output_format: OutputFormat) -> None:
    text, _, _ = decode(DATA / f"{protocol}.txt", protocol, output_format)
    assert text == (DATA / f"{protocol}.{output_format}").read_text()


def test_what_is_left_out_is_reported_by_reason() -> None:
    _, decoder, _ = decode(DATA / "jbd.txt")
    assert decoder.warnings() == [
        "messages left out (bad checksum): 1",
        "messages left out (error reply): 1",
        "garbage bytes: 19",
    ]
    assert decoder.summary().startswith("270 bytes received: 7 messages, 19 bytes of none; ttyUSB0: model ")


def test_the_summary_reports_what_device_it_was(tmp_path: Path) -> None:
    _, decoder, _ = decode(received(tmp_path / "c.txt", jbd_message(5, b"JBD-SP04S020")))
    assert decoder.summary() == "19 bytes received: 1 messages, 0 bytes of none; p: model JBD-SP04S020"


def test_messages_are_whole_if_wanted_before_what_they_mean(tmp_path: Path) -> None:
    block = vedirect_block({"PID": "0xA053", "V": "13180", "VPV": "36000", "OR": "0x01", "SER#": "HQ1"})
    path = received(tmp_path / "c.txt", block)
    text, decoder, _ = decode(path, "vedirect", with_messages=True)
    assert text.splitlines()[1:] == [
        "0,p,002,VedirectCharger,V,13.18",
        "0,p,002,VedirectCharger,VPV,36",
        "0,p,002,VedirectCharger,PID,41043",
        "0,p,002,VedirectCharger,OR,1",
        "0,p,,charger,voltage_v,13.18",
    ]
    assert decoder.warnings() == []
    text, _, _ = decode(path, "vedirect", OutputFormat.NDJSON, with_messages=True)
    assert [json.loads(line)["signals"] for line in text.splitlines()] == [
        {"V": 13.18, "VPV": 36.0, "PID": 41043, "OR": 1},
        {"voltage_v": 13.18},
    ]


READINGS_OF_TWO = {
    "daly": (
        "A5 03 90 08 02 0C 00 00 74 B5 02 83 FC A5 10 90 08 02 0C 00 00 74 B5 02 83 09",
        ["03", "10"],
    ),
    "dlt645": (
        "FEFE68665544332211689106333434354856 3A16 68675544332211689106333434354856 3B16",
        ["112233445566", "112233445567"],
    ),
    "jbd": (b"\xdd\x04\x00\x02\x0c\xe4\xff\x0e\x77".hex() * 2, ["", ""]),
    "vedirect_hex": (b":7D5ED00C40ABE\n:7D5ED00C40ABE\n".hex(), ["", ""]),
}


@pytest.mark.parametrize("protocol", READINGS_OF_TWO)
def test_rows_have_the_address_of_their_device_in_the_order_of_the_frames(
    protocol: str, tmp_path: Path
) -> None:
    data, expected = READINGS_OF_TWO[protocol]
    text, _, _ = decode(received(tmp_path / "c.txt", bytes.fromhex(data)), protocol)
    rows = [line.split(",") for line in text.splitlines()[1:]]
    first_signals = [row[2] for row in rows if row[4] in ("voltage_v", "v001")]
    assert first_signals == expected
    assert {row[1] for row in rows} == {"p"}
    assert {row[2] for row in rows} == set(expected)


def test_modules_of_one_reply_are_rows_of_one_address_each_after_the_other(tmp_path: Path) -> None:
    info = bytes((0, 3)) + b"".join(
        wire_pylontech.module_analog(replace(ORDINARY, voltage_v=volts), wide=False)
        for volts in (48.0, 47.0, 49.0)
    )
    path = received(tmp_path / "c.txt", wire_ascii.frame(0x12, 0, info))
    text, _, _ = decode(path, "pylontech", with_messages=True)
    rows = [line.split(",") for line in text.splitlines()[1:]]
    assert [id for id, _ in itertools.groupby(row[2] for row in rows)] == ["12", "13", "14"]
    volts = [(row[2], row[5]) for row in rows if row[4] == "voltage_v"]
    assert volts == [("12", "48"), ("13", "47"), ("14", "49")]


def test_bad_messages_beside_a_good_one_are_reported(tmp_path: Path) -> None:
    good = jbd_message(4, bytes.fromhex("0CE40CE5"))
    bad = good[:-2] + b"\x00\x77"
    text, decoder, _ = decode(received(tmp_path / "c.txt", bad, good, bad))
    assert text.count(",v001,3.3\n") == 1
    assert decoder.warnings()[0] == "messages left out (bad checksum): 2"


def test_messages_of_an_unknown_kind_are_reported(tmp_path: Path) -> None:
    _, decoder, _ = decode(received(tmp_path / "c.txt", jbd_message(0xAB, bytes(24))))
    assert decoder.warnings() == ["messages of a kind that jbd does not know: 1"]


def test_labels_and_values_that_are_left_out_are_reported(tmp_path: Path) -> None:
    block = vedirect_block({"V": "much", "NEW": "1"})
    _, decoder, _ = decode(received(tmp_path / "c.txt", block), "vedirect")
    assert decoder.warnings() == ["unknown labels: 1", "unreadable values: 1"]


def test_an_empty_capture_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "c.txt"
    path.write_text("\n")
    text, decoder, _ = decode(path)
    assert text.count("\n") == 1
    assert decoder.warnings() == ["nothing was received in what was read"]


def test_a_message_that_is_unfinished_at_the_end_hides_none_before_it(tmp_path: Path) -> None:
    cells = jbd_message(4, bytes.fromhex("0CE40CE5"))
    text, _, _ = decode(received(tmp_path / "c.txt", b"\xdd\x03\x00\xff", cells))
    assert "1000000000,p,,cells,v001,3.3\n" in text


def test_ports_are_channels_of_their_own(tmp_path: Path) -> None:
    cells = jbd_message(4, bytes.fromhex("0CE40CE5"))
    path = tmp_path / "c.txt"
    path.write_bytes(
        format_piece(CapturedBytes(1, "a", True, cells[:5]))
        + format_piece(CapturedBytes(2000, "b", True, cells))
        + format_piece(CapturedBytes(3000, "a", True, cells[5:]))
    )
    text, _, _ = decode(path)
    assert [row.split(",")[:2] for row in text.splitlines()[1:] if ",v001," in row] == [
        ["2000", "b"],
        ["3000", "a"],
    ]


def test_more_messages_in_a_line_than_a_batch_holds_are_all_decoded(tmp_path: Path) -> None:
    text, _, _ = decode(received(tmp_path / "c.txt", jbd_message(4, bytes.fromhex("0CE4")) * 2000))
    assert text.count(",v001,3.3\n") == 2000


def test_progress_is_reported_in_bytes_and_messages(tmp_path: Path) -> None:
    path = received(tmp_path / "c.txt", *[jbd_message(4, bytes.fromhex("0CE4"))] * 2500)
    _, _, reports = decode(path)
    assert [report.count for report in reports] == [0, 1000, 2000, 2500, 2500]
    assert reports[-1].bytes_read == reports[-1].total_bytes == path.stat().st_size


def test_a_piece_says_whether_a_point_of_it_may_be_one_of_an_earlier_piece(tmp_path: Path) -> None:
    """The same capture twice: its stamps come again."""
    path = received(tmp_path / "capture.txt", jbd_message(3, bytes(27)))
    decoder = capture_decoder("jbd", OutputFormat.LINE_PROTOCOL)
    with decoder.pieces([path, Path(shutil.copy(path, tmp_path / "again.txt"))]) as pieces:
        assert [piece.overlaps for piece in pieces if piece.lines] == [False, True]


def test_the_accounts_of_all_pieces_together_are_those_of_the_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery adds them up: a point that two pieces counted would never be acknowledged twice."""
    monkeypatch.setattr("telemetry.decode.captures._LINES_AT_ONCE", 2)
    cells = jbd_message(4, bytes.fromhex("0CE4 0CEE"))
    decoder = capture_decoder("jbd", OutputFormat.LINE_PROTOCOL)
    captures = [received(tmp_path / name, *[cells] * 5) for name in ("a.txt", "b.txt")]
    with decoder.pieces(captures) as pieces:
        found = list(pieces)
    lines = sum(piece.text.count(b"\n") for piece in found)
    made = sum(n for piece in found for name, n in piece.counts.items() if name.startswith("points/made"))
    assert len([piece for piece in found if piece.lines]) > 2
    assert made == lines == sum(piece.lines for piece in found)
