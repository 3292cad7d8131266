"""SIGHUP to a running service under load: the unchanged loses no frame, what is wrong changes nothing."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.ledger import total
from tests.integration.test_charge_service import stored
from tests.support.charge_lives import charge, number, text
from tests.support.diagnostics import segments
from tests.support.gateway import NO_SERVER, Gateway, bus_at, influx_at
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener, Load
from tests.support.vehicle_logs import kona
from tests.support.web_gateway import MAP, pack_power

FRAME = (0x300, bytes.fromhex("7700019600000000"))
MEASUREMENT = b"BMS_PackPower"


def reload(gateway: Gateway, sources: str | None = None, top: str | None = None) -> str:
    """Write another configuration, have it read, and give the line that says what came of it."""
    gateway.sources = gateway.sources if sources is None else sources
    gateway.top = gateway.top if top is None else top
    gateway.write_config()
    return hang_up(gateway)


def hang_up(gateway: Gateway) -> str:
    assert gateway.process is not None
    before = len(reported(gateway))
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait_for(lambda: len(reported(gateway)) > before)
    assert len(reported(gateway)) == before + 1
    return reported(gateway)[-1]


def reported(gateway: Gateway) -> list[str]:
    words = ("config_reloaded", "config_refused")
    return [line for line in gateway.output().splitlines() if any(word in line for word in words)]


def end(gateway: Gateway) -> dict[str, int]:
    return gateway.end().counters


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as opened:
        yield opened


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[FrameListener]:
    with FrameListener(tmp_path / "steady.sock") as opened:
        yield opened


@pytest.fixture
def gateway(tmp_path: Path, server: ScriptedServer, listener: FrameListener) -> Iterator[Gateway]:
    """Yield a running gateway with one bus."""
    with Gateway(tmp_path, influx_at(server.url), bus_at(tmp_path, "steady")) as made:
        made.start()
        listener.accept()
        listener.send([FRAME])
        made.wait_for_account("frames/steady/decoded")
        yield made


def test_an_unchanged_bus_loses_no_frame_while_everything_around_it_changes(
    tmp_path: Path, gateway: Gateway, listener: FrameListener, server: ScriptedServer
) -> None:
    steady = bus_at(tmp_path, "steady")
    log = record_drive(tmp_path / "drive.log", 2.0)
    (tmp_path / "b").mkdir()
    replay = f'[[replay]]\nname = "drive"\nfile = "{log}"\ndatabases = ["{VEHICLE_DBC}"]\n'
    with (
        FrameListener(tmp_path / "other.sock") as a,
        FrameListener(tmp_path / "b" / "other.sock") as b,
        Load(listener, [FRAME] * 20, every_s=0.002) as load,
    ):
        assert "config_reloaded" in reload(gateway, steady + bus_at(tmp_path, "other"))
        a.accept()
        from_a = a.send([FRAME] * 100)
        gateway.wait_for_account("frames/other/decoded", from_a)
        # the same name, another device; a log beside it; another vehicle; reduced
        changed = steady + bus_at(tmp_path / "b", "other") + replay
        assert "config_reloaded" in reload(gateway, changed, "reduce = { every_s = 0.05 }")
        b.accept()
        from_b = b.send([FRAME] * 50)
        gateway.wait_for_account("frames/other/decoded", from_a + from_b)
        gateway.wait_for_account("frames/drive/decoded")
        assert "config_reloaded" in reload(gateway, steady, "gateway_every_s = 1.0")  # all of it away again
        gateway.wait_for_account("bus/steady/read", gateway.account("bus/steady/read") + 1001)
        assert "config_reloaded" in hang_up(gateway)  # nothing changed
        sent = load.stop() + 1
    gateway.wait_for_account("frames/steady/decoded", sent)
    counters = end(gateway)
    assert counters["bus/steady/read"] == counters["frames/steady/decoded"] == sent
    assert counters["bus/other/read"] == counters["frames/other/decoded"] == from_a + from_b
    assert total(counters, "frames/steady/lost/") == 0
    assert "steady: source_lost" not in gateway.output()
    assert counters["points/acknowledged"] + counters["points/reduced"] == total(counters, "points/made/")
    rows = [line for line in server.stored if line.startswith(MEASUREMENT + b",source=steady")]
    assert len(rows) + counters["points/reduced"] >= sent


def test_reloads_with_bounds_go_on_and_the_accounts_balance(
    tmp_path: Path, gateway: Gateway, listener: FrameListener, server: ScriptedServer
) -> None:
    """At each the stages of before send what they hold, while the page expects rows of the new ones."""
    mapped = bus_at(tmp_path, "steady") + MAP
    bounds = 'reduce = { shape = "%s", bounds = { "battery.*" = %g } }'
    limit = '\n[[limit]]\nfield = "battery.voltage_v"\ncode = "pack_undervoltage"\nbelow = 1.0\n'
    tops = [bounds % ("line", 0.5), bounds % ("line", 0.5), bounds % ("line", 2), bounds % ("hold", 2)]
    sent = 1
    for top, after in [*((top, "") for top in tops), (tops[-1], limit), ("", ""), (tops[0], "")]:
        assert "config_reloaded" in reload(gateway, mapped + after, top)
        sent += listener.send([pack_power(300 + sent % 7)] * 20)
        gateway.wait_for_account("frames/steady/decoded", sent)
    counters = end(gateway)
    assert counters["points/acknowledged"] + counters["points/reduced"] == total(counters, "points/made/")
    assert any(line.startswith(b"battery,") for line in server.stored)


def test_a_bus_whose_databases_change_keeps_its_connection_and_its_frames(
    tmp_path: Path, gateway: Gateway, listener: FrameListener, server: ScriptedServer
) -> None:
    with Load(listener, [FRAME] * 20, every_s=0.002) as load:
        assert "config_reloaded" in reload(gateway, bus_at(tmp_path, "steady", []))
        gateway.wait_for_account("frames/steady/unknown", 101)
        assert "config_reloaded" in reload(gateway, bus_at(tmp_path, "steady"))
        gateway.wait_for_account("frames/steady/decoded", gateway.account("frames/steady/decoded") + 101)
        sent = load.stop() + 1
    gateway.wait_for_account("bus/steady/read", sent)
    counters = end(gateway)
    assert counters["frames/steady/decoded"] + counters["frames/steady/unknown"] == sent
    rows = [line for line in server.stored if line.startswith(MEASUREMENT)]
    assert len(rows) == counters["frames/steady/decoded"]


def test_a_new_vehicle_name_stands_on_rows_from_then_on(
    gateway: Gateway, listener: FrameListener, server: ScriptedServer
) -> None:
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace('vehicle = "van"', 'vehicle = "bus7"'))
    assert "config_reloaded" in hang_up(gateway)
    listener.send([FRAME])
    gateway.wait_for_account("frames/steady/decoded", 2)
    end(gateway)
    rows = [line for line in server.stored if line.startswith(MEASUREMENT)]
    rows.sort(key=lambda row: int(row.rsplit(b" ", 1)[1]))
    assert [b"vehicle=bus7" in row for row in rows] == [False, True]
    codes = [line for line in server.stored if b"code=config_reloaded" in line]
    assert len(codes) == 1
    assert b"vehicle=bus7" in codes[0]


def events_of(server: ScriptedServer, code: str) -> list[tuple[bytes, bytes]]:
    """`active` and the text of each event of that code, in the order of their stamps."""
    rows = [line for line in server.stored if line.startswith(b"event,code=" + code.encode())]
    rows.sort(key=lambda row: int(row.rsplit(b" ", 1)[1]))
    return [(row.partition(b"active=")[2].partition(b",")[0], row.split(b'"')[1]) for row in rows]


def test_a_changed_limit_takes_effect_and_what_it_had_begun_goes_on_or_ends(
    gateway: Gateway, listener: FrameListener, server: ScriptedServer
) -> None:
    def limited(above_v: float) -> str:
        limit = f'[[limit]]\nfield = "battery.voltage_v"\nabove = {above_v}\ncode = "pack_overvoltage"\n'
        return plain + MAP + limit

    def send(voltage_v: float) -> None:
        decoded = gateway.account("frames/steady/decoded")
        listener.send([pack_power(voltage_v)])
        gateway.wait_for_account("frames/steady/decoded", decoded + 1)

    plain = gateway.sources
    assert "config_reloaded" in reload(gateway, limited(400.0))
    send(410.0)
    assert "config_reloaded" in reload(gateway, limited(405.0))  # goes on
    send(410.0)
    assert "config_reloaded" in reload(gateway, limited(420.0))  # ends with the next row
    send(410.0)
    assert "config_reloaded" in reload(gateway, limited(400.0))
    send(410.0)
    assert "config_reloaded" in reload(gateway, plain + MAP)  # ends where it was seen last
    send(410.0)
    counters = end(gateway)
    assert counters["bus/steady/read"] == counters["frames/steady/decoded"] == 6
    assert counters["points/acknowledged"] == total(counters, "points/made/")
    assert events_of(server, "pack_overvoltage") == [
        (b"true", b"battery.voltage_v is 410 V, above 400 V"),
        (b"false", b"battery.voltage_v is 410 V, no longer above 420 V"),
        (b"true", b"battery.voltage_v is 410 V, above 400 V"),
        (b"false", b"no longer watched: battery.voltage_v above 400 V"),
    ]


def test_a_changed_protection_takes_effect_and_its_counts_go_on(
    gateway: Gateway, listener: FrameListener
) -> None:
    def protected(on_error: str) -> str:
        entry = f'profile = "counter"\ncounter = "Counter"\non_error = "{on_error}"\n'
        return f'{plain}[[protect]]\nmessage = "BMS_PackPower"\n{entry}'

    def send() -> None:
        read = gateway.account("bus/steady/read")
        listener.send([FRAME] * 3)  # the counter stands still: the first one is right, the others are not
        gateway.wait_for_account("bus/steady/read", read + 3)

    plain = gateway.sources
    for sources in (protected("drop"), protected("keep"), plain):
        assert "config_reloaded" in reload(gateway, sources)
        send()
    counters = end(gateway)
    assert counters["bus/steady/read"] == 10
    assert counters["frames/steady/decoded"] == 1 + 1 + 3 + 3
    assert counters["frames/steady/lost/bad_counter"] == 2
    assert counters["protection/steady/BMS_PackPower/repeated"] == 4


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('vehicle = "van"', 'vehicle = "van', "gateway.toml:1: is not valid TOML"),
        (
            'vehicle = "van"',
            'vehicel = "van"',
            "gateway.toml: vehicle: is missing (is vehicel meant to be it?)",
        ),
        (
            'directory = "spool"',
            'directory = "other"',
            "spool.directory: a change takes effect after",
        ),
        (
            'directory = "spool"',
            'directory = "spool"\ncap_mib = 10',
            "spool.cap_mib: a change takes effect after",
        ),
        (f'"{VEHICLE_DBC}"', '"missing.dbc"', "no such file"),
        (
            'vehicle = "van"',
            ".".join(["a"] * 20_000) + " = 1",  # would take gigabytes
            "gateway.toml:1: a key has more than 16 parts",
        ),
    ],
    ids=["no TOML", "missing", "directory", "cap", "database", "key of many parts"],
)
def test_a_wrong_configuration_is_one_line_and_the_old_one_goes_on(
    before: str, after: str, why: str, gateway: Gateway, listener: FrameListener, server: ScriptedServer
) -> None:
    with Load(listener, [FRAME] * 20, every_s=0.002) as load:
        text = gateway.config.read_text()
        assert before in text
        gateway.config.write_text(text.replace(before, after))
        line = hang_up(gateway)
        assert "config_refused" in line
        assert why in line
        assert "the old configuration goes on" in line
        gateway.wait_for_account("frames/steady/decoded", gateway.account("frames/steady/decoded") + 101)
        gateway.config.write_text(text)
        assert "config_reloaded" in hang_up(gateway)
        sent = load.stop() + 1
    gateway.wait_for_account("frames/steady/decoded", sent)
    counters = end(gateway)
    assert counters["bus/steady/read"] == sent
    refused = {line for line in server.stored if b"code=config_refused" in line}  # a batch may be sent twice
    assert len(refused) == 1
    assert "Traceback" not in gateway.output()
    assert not (gateway.directory / "other").exists()


def test_a_vehicles_profile_is_corrected_while_a_session_is_open_which_goes_on(tmp_path: Path) -> None:
    """Two buses: the plug's, and one on which a tester asks the battery for its voltage, 356.7 V."""
    frames, profile = [(id, data) for _, id, data in charge()], tmp_path / "my-van.toml"
    half, (answer, *_) = len(frames) // 2, kona()
    said = [(int(answer[0], 16), data) for data in segments(answer[1])]
    sources = f"""[[can]]\nname = "bay"\nsocket = "{tmp_path}/bay"\nprotocol = "gbt27930"
[[can]]\nname = "van"\nsocket = "{tmp_path}/van"\nvehicle_profile = "my-van.toml"\npack = "van"\n"""

    def write(scale: float) -> None:
        fields = f'[{{ to = "battery.voltage_v", byte = 15, bytes = 2, scale = {scale} }}]'
        read = f'[[read]]\nunit = "bms"\nwhat = "220101"\nmark = "1"\nfields = {fields}\n'
        profile.write_text(f'extends = "hyundai-kona-64"\n{read}')

    write(0.01)
    with (
        FrameListener(tmp_path / "bay") as bay,
        FrameListener(tmp_path / "van") as van,
        Gateway(tmp_path, NO_SERVER, sources) as gateway,
    ):
        gateway.start()
        bay.accept()
        van.accept()
        van.send(said)
        bay.send(frames[:half])
        gateway.wait_for_account("points/made/charging_session")
        gateway.wait_for_account("bus/van/read", len(said))
        write(0.1)
        assert "config_reloaded" in hang_up(gateway)
        van.send(said)
        bay.send(frames[half:])
        gateway.wait_for_account("bus/bay/read", len(frames))
        gateway.wait_for_account("bus/van/read", 2 * len(said))
        end(gateway)
    database = stored(tmp_path)
    assert [number(row, "voltage_v") for _, row in database.of("battery", pack="van")] == [35.67, 356.7]
    ((_, session),) = database.of("charging_session")
    assert (session["open"], text(session, "outcome")) == (b"false", "complete")
    assert not database.of("event", code="charging_cut")
