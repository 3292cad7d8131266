"""The tables of sources: what each key becomes, what is refused by its key, what two may share."""

import socket
from pathlib import Path

import pytest
from telemetry_core.decode.spec import PlanSpec

from telemetry.errors import ConfigError
from telemetry.model.bit_rate import BitRate
from telemetry.model.finding import Grade
from telemetry.model.ids import IsoTpId
from telemetry.settings.document import Document
from telemetry.settings.table import TomlTable
from telemetry.sources.can.settings import CanSettings
from telemetry.sources.can.sockets import CanInterface, CanUnixSocket
from telemetry.sources.keys import SimulatedTime
from telemetry.sources.kinds import read_sources, sharing
from telemetry.sources.python_can.settings import PythonCanSettings
from telemetry.sources.replay.settings import ReplaySettings
from telemetry.sources.settings import SourceSettings, Start
from tests.support.clock import FakeClock

TIME = {"time_scale": 60, "time_origin_ns": 1, "time_wall_ns": 2}


def sources(folder: Path, **tables: object) -> tuple[SourceSettings, ...]:
    return read_sources(TomlTable(Document.plain(folder / "gateway.toml", tables), {}))


def can(folder: Path, **keys: object) -> CanSettings:
    (one,) = sources(folder, can=[{"name": "bus", **keys}])
    assert isinstance(one, CanSettings)
    return one


def test_an_interface_has_the_name_of_its_source_and_a_large_buffer_unless_it_is_said(tmp_path: Path) -> None:
    bus = can(tmp_path)
    assert bus.link == CanInterface("bus", hardware_stamps=False, receive_buffer_bytes=16 * 1024 * 1024)
    assert bus.listening_options == {"interface": "socketcan", "channel": "bus", "fd": True}
    assert (bus.bit_rate, bus.simulated_time, bus.own_time, bus.least_wait_ns) == (None, None, False, 0)
    (resource,) = bus.resources
    assert (resource.key, resource.name, resource.exclusive) == ("interface", "bus", False)
    assert bus.make_source(Start(FakeClock(), lambda _: 0)).name == "bus"


def test_a_bus_has_its_rates_its_databases_and_its_long_messages(tmp_path: Path) -> None:
    (tmp_path / "a.dbc").touch()
    bus = can(
        tmp_path,
        interface="can3",
        bitrate=250_000,
        data_bitrate=1_000_000,
        databases=["a.dbc"],
        id_masks=["1FFFFF00", "7F0"],
        j1939=True,
        isotp=[
            {"id": "7E8"},
            {"id": "18DAF110", "extended_addressing": True},
            {"id": "7E9", "with_length": True},
        ],
    )
    assert bus.bit_rate == BitRate(250_000, 1_000_000)
    (databases,) = bus.buses
    assert databases.databases == (tmp_path / "a.dbc",)
    assert (databases.first_wins, databases.j1939) == (False, True)
    assert (databases.keep_not_available, databases.value_texts) == (False, False)
    assert (databases.standard_mask, databases.extended_mask) == (0x7F0, 0x1FFFFF00)
    assert bus.isotp == (
        IsoTpId(0x7E8),
        IsoTpId(0x98DAF110, extended_addressing=True),
        IsoTpId(0x7E9, with_length=True),
    )
    for key in ("first_wins", "keep_not_available", "value_texts"):
        assert getattr(can(tmp_path, **{key: True}).buses[0], key)


def test_a_simulator_has_a_socket_and_a_time_of_its_own(tmp_path: Path) -> None:
    bus = can(tmp_path, socket="bus.sock", receive_buffer_kib=64, **TIME)
    assert bus.link == CanUnixSocket(tmp_path / "bus.sock", 64 * 1024)
    assert bus.listening_options is None
    assert bus.simulated_time == SimulatedTime(60.0, 1, 2)
    assert bus.own_time
    assert bus.least_wait_ns == 30_000_000_000
    made = SimulatedTime(60.0, 1, 2).time_map()
    assert (made.scale, made.origin_ns, made.wall_ns) == (60.0, 1, 2)


@pytest.mark.parametrize(
    ("keys", "reported"),
    [
        ({"interface": "a", "socket": "b"}, "can[0].socket: stands beside interface (keep one of the two)"),
        ({"interface": "sixteen_letters_"}, "can[0].interface: 'sixteen_letters_' is longer than 15 bytes"),
        ({"data_bitrate": 2_000_000}, "can[0].data_bitrate: stands without bitrate"),
        ({"time_origin_ns": 1}, "can[0].time_origin_ns: stands without time_scale (give all three)"),
        ({"time_wall_ns": 1}, "can[0].time_wall_ns: stands without time_scale"),
        ({"time_scale": 0, "time_origin_ns": 0, "time_wall_ns": 0}, "can[0].time_scale: must be above 0"),
        ({"time_scale": 2}, "can[0].time_origin_ns: is missing"),
        ({**TIME, "time_wall_ns": 2**63}, "can[0].time_wall_ns: must be from 0 to 9223372036854775807"),
        ({**TIME, "time_origin_ns": -1}, "can[0].time_origin_ns: must be from 0 to 9223372036854775807"),
        ({"id_masks": ["F"], "databases": ["x.dbc"]}, "can[0].databases: no such file"),
        ({"id_masks": ["8000"]}, "can[0].id_masks: '8000' is no id in hexadecimal (3 digits, or 8"),
        ({"isotp": [{"id": "xyz"}]}, "can[0].isotp[0].id: 'xyz' is no id in hexadecimal (3 digits, or 8"),
        ({"isotp": [{"id": "7E8", "adress": 1}]}, "can[0].isotp[0].adress: unknown key"),
        ({"colour": "red"}, "can[0].colour: unknown key"),
        ({"receive_buffer_kib": 63}, "can[0].receive_buffer_kib: must be from 64 to 1048576"),
        ({"name": "a/b"}, "can[0].name: 'a/b' must be letters, digits and _ . : -"),
    ],
)
def test_what_makes_no_sense_of_a_bus_is_refused_by_its_key(
    tmp_path: Path, keys: dict[str, object], reported: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        can(tmp_path, **keys)
    assert reported in str(caught.value)


def test_the_longest_name_of_an_interface_is_one(tmp_path: Path) -> None:
    assert can(tmp_path, interface="fifteen_letters").link == CanInterface("fifteen_letters")


def test_whether_a_link_is_there_is_looked_up_without_opening_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (7, "can7")])
    assert list(can(tmp_path, interface="can7").presence()) == [(Grade.FACT, "interface can7")]
    absent = [(Grade.WARNING, "interface can8 is not there yet")]
    assert list(can(tmp_path, interface="can8").presence()) == absent
    simulator = can(tmp_path, socket="bus.sock")
    words = f"socket {tmp_path / 'bus.sock'}"
    assert list(simulator.presence()) == [(Grade.WARNING, f"{words} is not there yet")]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(tmp_path / "bus.sock"))
        assert list(simulator.presence()) == [(Grade.FACT, words)]
    ((grade, words),) = can(tmp_path, socket="x" * 300).presence()
    assert (grade, words.endswith("File name too long")) == (Grade.FAULT, True)
    warnings = [str(each) for each in simulator.findings()]
    assert warnings[0] == "warning: source bus: has no database; its frames are counted and not decoded"


def test_a_log_has_databases_for_its_channels_and_a_speed(tmp_path: Path) -> None:
    for name in ("trip.log", "a.dbc", "b.dbc"):
        (tmp_path / name).touch()
    channels = {"can1": ["b.dbc"]}
    keys = {"name": "log", "file": "trip.log", "databases": ["a.dbc"], "channel_databases": channels}
    (log,) = sources(tmp_path, replay=[keys])
    assert isinstance(log, ReplaySettings)
    assert (log.log, log.speed, log.is_paced, log.own_time) == (tmp_path / "trip.log", None, False, True)
    assert log.bus_names == ("log", "log/can1")
    assert (log.bus_of("can1"), log.bus_of("can2"), log.tag_of("can1")) == ("log/can1", "log", "log")
    assert log.buses[1].databases == (tmp_path / "b.dbc",)
    assert list(log.presence()) == [(Grade.FACT, f"reads the log {tmp_path / 'trip.log'}")]
    (paced,) = sources(tmp_path, replay=[{**keys, "speed": 2}])
    assert paced.is_paced
    with pytest.raises(ConfigError, match="speed: must be above 0"):
        sources(tmp_path, replay=[{**keys, "speed": 0}])


def test_an_adapter_is_as_python_can_takes_it(tmp_path: Path) -> None:
    options = {"interface": "slcan", "channel": "/dev/ttyACM0@115200", "bitrate": 500_000}
    (stick,) = sources(tmp_path, python_can=[{"name": "stick", "options": options}])
    assert isinstance(stick, PythonCanSettings)
    assert (stick.options, stick.bit_rate, stick.listening_options) == (options, BitRate(500_000), options)
    (port,) = stick.resources
    assert (port.name, port.exclusive) == ("/dev/ttyACM0", True)
    (context,) = sources(tmp_path, python_can=[{"name": "stick", "context": "lab"}])
    assert isinstance(context, PythonCanSettings)
    assert (context.options, context.resources, context.bit_rate) == ({"config_context": "lab"}, (), None)
    with pytest.raises(ConfigError, match=r"options\.interface: is missing \(such as slcan"):
        sources(tmp_path, python_can=[{"name": "stick"}])


def test_names_and_ports_stand_once_and_a_bus_may_have_several_readers(tmp_path: Path) -> None:
    two = sources(tmp_path, can=[{"name": "one", "interface": "can0"}, {"name": "two", "interface": "can0"}])
    assert [str(finding) for finding in sharing(two)] == [
        "warning: interface can0 is read by one and two: each decodes every frame"
    ]
    assert list(sharing(two[:1])) == []
    with pytest.raises(ConfigError, match=r"can\[1\]\.name: another source is already called 'one'"):
        sources(tmp_path, can=[{"name": "one"}, {"name": "one"}])
    with pytest.raises(ConfigError, match=r"names no source \(add \[\[can\]\], .* or \[\["):
        sources(tmp_path)


def test_a_change_of_what_the_device_knows_of_is_another_device(tmp_path: Path) -> None:
    bus = can(tmp_path)
    assert bus.is_same_device(can(tmp_path, j1939=True, bitrate=500_000, isotp=[{"id": "7E8"}]))
    assert not bus.is_same_device(can(tmp_path, interface="can7"))
    (tmp_path / "trip.log").touch()
    (log,) = sources(tmp_path, replay=[{"name": "bus", "file": "trip.log"}])
    assert not bus.is_same_device(log)


def test_messages_of_a_protocol_are_sent_only_if_that_is_wanted(tmp_path: Path) -> None:
    for keys, shown, charger in (({}, False, "main"), ({"messages": True, "charger": "left"}, True, "left")):
        bus = can(tmp_path, protocol="gbt27930", **keys)
        assert bus.protocols.names == ("gbt27930",)
        assert (bus.protocols.shown, bus.protocols.charger) == (shown, charger)
        records = bus.extended(PlanSpec((), ())).records
        assert {record.hidden for record in records} == {not shown}
    assert (can(tmp_path).protocols.names, can(tmp_path).protocols.shown) == ((), False)


def test_a_vehicles_profile_describes_its_bus_beside_the_rest(tmp_path: Path) -> None:
    (tmp_path / "my-van.toml").write_text('extends = "base.toml"\n')
    (tmp_path / "base.toml").write_text('extends = "nissan-leaf-ze1"\n')
    bus = can(
        tmp_path,
        vehicle_profile="my-van.toml",
        vehicle_bus="ev",
        pack="rear",
        isotp=[{"id": "7BB"}, {"id": "7E8", "with_length": True}],
    )
    isotp = {each.id: each for each in bus.isotp}
    assert isotp[0x7BB] == IsoTpId(0x7BB)
    assert isotp[0x7E8] == IsoTpId(0x7E8, with_length=True)
    assert bus.files == (tmp_path / "my-van.toml", tmp_path / "base.toml")
    assert {each.pack for each in bus.map_entries()} == {"rear"}
    assert str(next(bus.findings())).endswith("(vehicle profile my-van)")
    messages = {message.name for message in bus.extended(PlanSpec((), ())).buses[0].messages}
    assert {"1DB", "bms_2102"} <= messages


ZOE = {"vehicle_profile": "renault-zoe-1"}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"vehicle_profile": "leaf-ze1"}, r"vehicle_profile: no vehicle is called 'leaf-ze1' \(did you mean"),
        ({"vehicle_profile": "nissan-leaf-ze1"}, r"vehicle_bus: is missing \(nissan-leaf-ze1 has ev, port\)"),
        ({"vehicle_profile": "nissan-leaf-ze1", "vehicle_bus": "x"}, r"vehicle_bus: .* \(it has ev, port\)"),
        ({"vehicle_profile": "no.toml"}, r"vehicle_profile: no such file: .*no\.toml"),
        *(
            (
                {**ZOE, "isotp": [{"id": "7E8"}, {"id": "7BB", key: True}]},
                r"isotp: 7BB is of the vehicle's units",
            )
            for key in ("with_length", "extended_addressing")
        ),
        ({"pack": "rear"}, "pack: stands without vehicle_profile"),
        ({"vehicle_bus": "ev"}, "vehicle_bus: stands without vehicle_profile"),
    ],
)
def test_a_profile_that_is_none_of_the_bus_is_refused_by_its_key(
    tmp_path: Path, keys: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=rf"can\[0\]\.{words}"):
        can(tmp_path, **keys)


def test_a_frame_that_profile_and_protocol_claim_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my-van.toml").write_text(
        'title = "x"\n[bus.ev]\ntitle = "x"\nbit_rate = 500_000\n'
        '[[broadcast]]\nbus = "ev"\nid = "100"\nmark = "1"\nfields = [{ name = "x", byte = 0 }]\n'
    )
    bus = can(tmp_path, vehicle_profile="my-van.toml", protocol="chademo")
    with pytest.raises(
        ConfigError, match=r"100 \(100\) of my-van and .* \(100\) are the same frames \(bus bus\)"
    ):
        bus.extended(PlanSpec((), ()))
