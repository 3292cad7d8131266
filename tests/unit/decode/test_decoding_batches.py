"""A log in any format gives the same bytes whatever the batch size, in csv and in line protocol."""

import gzip
from pathlib import Path

import can
import pytest

from telemetry.decode.channels import Database
from telemetry.stages.formats import OutputFormat
from tests.support.log_decoders import log_decoder, pieces_of, text_of

DATABASE = """VERSION ""
NS_ :
BS_:
BU_: ECU
BO_ 256 Pack: 8 ECU
 SG_ Page M : 0|8@1+ (1,0) [0|0] "" ECU
 SG_ Voltage m0 : 8|16@1+ (0.1,0) [0|0] "V" ECU
 SG_ Current m1 : 8|16@1- (0.1,-40) [0|0] "A" ECU
BO_ 2617439318 Brm: 49 ECU
 SG_ Kind : 24|8@1+ (1,0) [0|0] "" ECU
 SG_ Energy : 48|16@1+ (0.1,0) [0|0] "" ECU
"""
BAM = ("20110003FF000200", "0101020304050607", "0208090A0B0C0D0E", "030F101112131415")


def messages() -> list[can.Message]:
    """Two channels, a multiplexer, stamps that are shared, and a J1939 session that any batch may cut."""
    frames = []
    for number in range(24):
        time_s = 1_700_000_000 + number // 3 / 1000  # three frames a stamp
        page = bytes((number % 3, number, 1, 2, 3, 4, 5, 6))
        frames.append(can.Message(time_s, 0x100, is_extended_id=False, data=page, channel=number % 2))
        if number % 6 < 4:
            id = 0x1CECFFF4 if number % 6 == 0 else 0x1CEBFFF4
            frames.append(can.Message(time_s, id, data=bytes.fromhex(BAM[number % 6]), channel=0))
    return frames


def gvret(frames: list[can.Message]) -> str:
    rows = ["Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8"]
    for frame in frames:
        stamp_us = round((frame.timestamp - 1_700_000_000) * 1e6)
        flag = str(frame.is_extended_id).lower()
        data = ",".join(f"{byte:02X}" for byte in frame.data)
        rows.append(f"{stamp_us},{frame.arbitration_id:08X},{flag},Rx,{frame.channel},{frame.dlc},{data},")
    return "\n".join(rows) + "\n"


def write_log(path: Path) -> None:
    frames = messages()
    if path.suffix == ".csv":
        path.write_text(gvret(frames))
    elif path.suffix == ".gz":
        write_log(path.with_suffix(""))
        path.write_bytes(gzip.compress(path.with_suffix("").read_bytes(), mtime=0))
    else:
        writers = {".log": can.CanutilsLogWriter, ".asc": can.ASCWriter, ".blf": can.BLFWriter}
        with writers.get(path.suffix, can.TRCWriter)(path) as writer:
            for frame in frames:
                writer.on_message_received(frame)


@pytest.mark.parametrize("output_format", [OutputFormat.CSV, OutputFormat.LINE_PROTOCOL])
@pytest.mark.parametrize("name", ["a.log", "a.asc", "a.blf", "a.trc", "a.csv", "a.log.gz", "a.asc.gz"])
def test_the_batch_size_makes_no_difference(tmp_path: Path, name: str, output_format: OutputFormat) -> None:
    log, database = tmp_path / name, tmp_path / "a.dbc"
    write_log(log)
    database.write_text(DATABASE)
    outputs = set()
    for batch_frames in (1, 2, 7, 4096):
        decoder = log_decoder([Database(database)], output_format, batch_frames=batch_frames)
        outputs.add(text_of(pieces_of(decoder, [log])))
    assert len(outputs) == 1
    (output,) = outputs
    assert output.count(b"Kind") == 4
    assert output.count(b"Current") == 8
