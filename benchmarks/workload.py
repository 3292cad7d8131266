"""The workload of every benchmark: an electric car's bus with random ids and payloads, the same on every run.

The database is opendbc's `tesla_can.dbc` less one `VAL_` that names a signal it does not declare (cantools
refuses the file with it): 44 messages, 572 signals. Ids and payloads are uniformly random, from a fixed
seed: the worst case for a branch predictor, so no contender gains by guessing what comes next.
"""

import importlib.resources
import random
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import can
import cantools.database
from cantools.database import DecodeError
from cantools.database.can import Database, Message
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch

from benchmarks.core import BATCH_FRAMES
from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases

SEED = 20261124
FIRST_STAMP_NS = 1_760_000_000_000_000_000
FRAME_PERIOD_NS = 125_000  # 8,000 frames/s
CAN_FRAME = struct.Struct("=IB3x8s")  # struct can_frame

_ORPHAN = re.compile(r"^VAL_ 568 UI_mapSpeedLimit .*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the workload."""

    time_ns: int
    id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Workload:
    """The database and the frames, with what each contender needs to begin."""

    dbc: Path
    database: Database
    plan_spec: PlanSpec
    frames: tuple[Frame, ...]

    def batches(self) -> list[FrameBatch]:
        """Return all frames in batches of BATCH_FRAMES."""
        batches = []
        for start in range(0, len(self.frames), BATCH_FRAMES):
            batch = FrameBatch(BATCH_FRAMES)
            for frame in self.frames[start : start + BATCH_FRAMES]:
                batch.append(frame.time_ns, frame.id, frame.data)
            batches.append(batch)
        return batches

    def can_frames(self) -> bytes:
        """Return all frames as an array of `struct can_frame`."""
        return b"".join(CAN_FRAME.pack(frame.id, len(frame.data), frame.data) for frame in self.frames)

    def write_log(self, path: Path) -> None:
        """Write all frames as a log, by python-can's writer for the suffix where it has one."""
        own = {".csv": self._write_gvret, ".pcap": self._write_pcap, ".canhacker": self._write_canhacker}
        if path.suffix in own:
            own[path.suffix](path)
            return
        with can.Logger(path) as log:
            for frame in self.frames:
                log.on_message_received(
                    can.Message(
                        timestamp=frame.time_ns / 1e9,
                        arbitration_id=frame.id,
                        is_extended_id=False,
                        data=frame.data,
                        channel="can1",  # not 0, so that the reader of MF4 looks for that in all of them
                    )
                )

    def _write_pcap(self, path: Path) -> None:
        with path.open("wb") as log:
            log.write(struct.pack("<LHHlLLL", 0xA1B23C4D, 2, 4, 0, 0, 262144, 227))
            for frame in self.frames:
                log.write(struct.pack("<LLLL", *divmod(frame.time_ns, 10**9), 16, 16))
                log.write(struct.pack(">LB3x8s", frame.id, len(frame.data), frame.data))

    def _write_canhacker(self, path: Path) -> None:
        with path.open("w", encoding="ascii") as log:
            log.write("@ TEXT @ 3 @ 64 @ 0 @ 0 @ 0 @ 00:00:00.000 @\n")
            log.writelines(
                f"{frame.time_ns // 10**9 % 60:02d},{frame.time_ns // 1000 % 10**6:06d}\t1\t00000004\t"
                f"{frame.id:03X}\t{len(frame.data)}\t{frame.data.hex(' ').upper():23}\t00000000\t        \t\n"
                for frame in self.frames
            )

    def _write_gvret(self, path: Path) -> None:
        with path.open("w", encoding="ascii") as log:
            log.write("Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n")
            log.writelines(
                f"{frame.time_ns // 1000},{frame.id:08X},false,Rx,0,{len(frame.data)},"
                f"{frame.data.hex(',').upper()},\n"
                for frame in self.frames
            )


def load_workload(frame_count: int, folder: Path) -> Workload:
    """Make the workload of `frame_count` frames; its database is written into `folder`."""
    source = importlib.resources.files("opendbc") / "dbc" / "tesla_can.dbc"
    dbc = folder / "workload.dbc"
    dbc.write_text(_ORPHAN.sub("", source.read_text(encoding="utf-8")), encoding="utf-8")
    database = cantools.database.load_file(dbc, strict=False)
    assert isinstance(database, Database)
    spec = build_plan([BusDatabases("can0", (dbc,))]).spec
    return Workload(dbc, database, spec, tuple(_frames(database, frame_count)))


def _frames(database: Database, count: int) -> Iterator[Frame]:
    chance = random.Random(SEED)
    for number in range(count):
        message = chance.choice(database.messages)
        data = chance.randbytes(message.length)
        while message.is_multiplexed() and not _selects_signals(message, data):
            data = chance.randbytes(message.length)
        yield Frame(FIRST_STAMP_NS + number * FRAME_PERIOD_NS, message.frame_id, data)


def _selects_signals(message: Message, data: bytes) -> bool:
    """Say whether the database knows the multiplexer's value; cantools refuses the frame otherwise."""
    try:
        message.decode(data)
    except DecodeError:
        return False
    return True
