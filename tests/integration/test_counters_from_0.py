"""All that a source can count is written as 0 before it counts any of it: in the points, in the status.

Whatever a source has counted in the end must have been named in the beginning, or the database and Prometheus
would see no difference where it was counted first. Each kind of source is driven through what it counts.
"""

import signal
from pathlib import Path

from telemetry_core.decode.spec import PlanSpec

from telemetry.ledger import of_source
from telemetry.model.ids import IsoTpId
from telemetry.sources.python_can.source import PythonCanSource
from telemetry.stages.binding import NO_BUS, Binding
from telemetry.stages.stages import Stages
from tests.support.can_frames import ERROR, REMOTE
from tests.support.clock import FakeClock
from tests.support.framing import vedirect_block
from tests.support.gateway import Gateway, bus_at, influx_at
from tests.support.lineprotocol import Number, parse_line
from tests.support.recording import VEHICLE_DBC
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener
from tests.support.serial_pty import PtyDevice, talking

PACK_POWER = (0x300, bytes.fromhex("77000f2700000000"))
PACK_STATE_SPOILED = (0x310, bytes(8))
FIRST_OF_MANY = (0x7E8, bytes.fromhex("1014000102030405"))  # ISO-TP: 20 bytes, of which nothing more comes
ORPHAN = (0x7E8, bytes.fromhex("2201020304050607"))
SOURCES = """
[[can]]
name = "bus"
socket = "{folder}/bus.sock"
databases = ["{dbc}"]
isotp = [{{ id = "7E8" }}]

[[serial]]
name = "port"
port = "{folder}/port"
protocol = "vedirect"

[[replay]]
name = "log"
file = "{folder}/drive.log"
databases = ["{dbc}"]

[[protect]]
message = "BMS_PackState"
bus = "bus"
profile = "crc8-j1850"
crc = "Checksum"
counter = "Counter"
data_id = 0x310
on_error = "drop"
"""
LOG = """\
(1772436600.000000) can0 300#77000F2700000000
(1772436600.100000) can0 300#77000F27000000
this is no frame
(1772436600.200000) can0 20000004#0000000000000000
(1772436600.300000) can0 7FF#00
"""


def counted(accounts: dict[str, int], source: str) -> set[str]:
    return {name for name in accounts if name.startswith(of_source(source))}


def numbers(server: ScriptedServer, source: str) -> list[dict[str, float]]:
    """Return the fields of the source's points, oldest first."""
    points = [parse_line(text) for text in server.stored if text.startswith(b"gateway,")]
    points.sort(key=lambda point: point.time_ns)
    return [
        {name: float(value) for name, value in point.fields.items() if isinstance(value, Number)}
        for point in points
        if point.tags.get("source") == source
    ]


def test_whatever_each_kind_of_source_counts_stood_there_as_0_from_its_first_point_on(tmp_path: Path) -> None:
    (tmp_path / "drive.log").write_text(LOG)
    sources = SOURCES.format(folder=tmp_path, dbc=VEHICLE_DBC)
    with (
        ScriptedServer() as server,
        FrameListener(tmp_path / "bus.sock") as bus,
        PtyDevice(tmp_path / "port") as port,
        Gateway(tmp_path, influx_at(server.url), sources) as gateway,
    ):
        gateway.start()
        bus.accept()
        error_frame, remote_frame = (ERROR | 0x4, bytes(8)), (REMOTE | 0x123, b"")
        bus.send_bytes(b"short")
        bus.send(
            [PACK_POWER, error_frame, remote_frame, PACK_STATE_SPOILED, FIRST_OF_MANY, FIRST_OF_MANY, ORPHAN]
        )
        gateway.wait_for_account("bus/bus/read", 7)  # of eight one is in a session that is open
        gateway.wait_for_account("bus/log/read", 5)
        block = vedirect_block({"V": "12800"})
        noise = block + b"garbage" + block[:-1] + b"\0"
        with talking(port.fileno(), lambda: noise):
            gateway.wait_for_account("bus/port/read", 2)
        accounts = gateway.end().counters
        beginnings = {source: numbers(server, source)[0] for source in ("bus", "port", "log")}
    for source, values in beginnings.items():
        assert set(values.values()) == {0.0}, (source, values)
        in_the_end = {
            name.split("/", 2)[2].replace("/", "_")
            for name in counted(accounts, source)
            if name.startswith(("bus/", "frames/"))
        }
        assert in_the_end == values.keys() - {"in_flight"}
    assert accounts["frames/bus/lost/error_frame"] == 1
    assert accounts["frames/bus/lost/remote_frame"] == 1
    assert accounts["frames/bus/lost/bad_length"] == 1
    assert accounts["frames/bus/lost/bad_crc"] == 1
    assert accounts["frames/bus/lost/incomplete_session"] == 3
    assert accounts["frames/log/lost/damaged"] == 1


def test_a_source_that_a_new_configuration_adds_begins_at_0_too(tmp_path: Path) -> None:
    first, second = (bus_at(tmp_path, name, []) for name in ("first", "second"))
    with (
        ScriptedServer() as server,
        FrameListener(tmp_path / "first.sock") as listener,
        FrameListener(tmp_path / "second.sock") as added,
        Gateway(tmp_path, influx_at(server.url), first) as gateway,
    ):
        process = gateway.start()
        listener.accept()
        listener.send([PACK_POWER])
        gateway.wait_for_account("bus/first/read")
        gateway.sources += second
        gateway.write_config()
        process.send_signal(signal.SIGHUP)
        added.accept()
        for _ in range(10):
            added.send_bytes(b"short")
        added.send([PACK_POWER])
        gateway.wait_for_account("bus/second/read", 11)
        assert gateway.terminate() == 0, gateway.output()
        beginning, *_, end = numbers(server, "second")
    assert beginning["lost_bad_length"] == 0.0
    assert end["lost_bad_length"] == 10.0


def test_only_what_can_become_of_the_frames_of_a_source_is_counted_from_0() -> None:
    stages = Stages(PlanSpec((), ()), None, vehicle="van")
    stages.expect(Binding(NO_BUS, "port", "port", has_error_frames=False))
    stages.expect(Binding(NO_BUS, "bus", "bus", isotp=(IsoTpId(0x7E8),)))
    fates = {"decoded", "without_signals", "unknown"}
    assert counted(stages.counted(), "port") == {f"frames/port/{fate}" for fate in fates}
    of_a_bus = fates | {"absorbed", "lost/error_frame", "lost/remote_frame", "lost/incomplete_session"}
    named = counted(stages.counted(), "bus")
    assert {name for name in named if name.startswith("frames/")} == {
        f"frames/bus/{fate}" for fate in of_a_bus
    }
    assert "sessions/bus/complete" in named
    assert not any(stages.counted().values())


def test_a_python_can_interface_names_all_that_it_can_count() -> None:
    counts = PythonCanSource("adapter", {"interface": "virtual"}, FakeClock(0)).counts()
    assert set(counts) == {
        "read",
        "lost/bad_length",
        "lost/queue_overflow",
        "nudged",
        "controller_overflows",
    }
    assert set(counts.values()) == {0}
