"""Whose pack is charged: named by itself, swapped, one too many, or nameless."""

import pytest

from telemetry.charging.facts import facts
from telemetry.charging.identity import MOST_PACKS, PackRegister, is_swapped, pack_identity, shown_vin
from telemetry.charging.settings import ChargingSettings
from telemetry.model.event_codes import Level
from telemetry.model.events import Event
from telemetry.protocols.known import CAN_PROTOCOLS
from tests.support.plug import READY, SECOND, PlugBench

VIN = "LRWYGCEK1PC123457"


def charge(bench: PlugBench, at_s: float, serial: int | None, vin: str = VIN) -> None:
    """Play a short charge, which its statistics end."""
    bench.put("CHM", at_s, version_minor=1, version_major=1)
    bench.put("CRM", at_s + 0.1, recognition=0, charger_number=7)
    named: dict[str, float | str] = {} if serial is None else {"manufacturer": "WXYZ", "pack_serial": serial}
    bench.put("BRM", at_s + 0.2, version_minor=1, version_major=1, vin=vin, **named)
    bench.put("CRM", at_s + 0.3, recognition=READY, charger_number=7)
    bench.put("BCP", at_s + 0.4, soc_pct=500)
    bench.put("BRO", at_s + 0.5, ready=READY)
    bench.put("CRO", at_s + 0.6, ready=READY)
    bench.charge(at_s + 0.7, at_s + 20.0)
    bench.stop(at_s + 20.5)


def swaps(bench: PlugBench) -> list[str]:
    return bench.events("pack_swapped")


def test_another_pack_in_the_same_vehicle_is_reported_whatever_came_between_without_a_name() -> None:
    bench = PlugBench()
    for number, serial in enumerate((1, None, 1, 2, None)):
        charge(bench, 100.0 * number, serial)
    bench.finish()
    assert swaps(bench) == ["from WXYZ-00000001 to WXYZ-00000002"]
    assert [session.pack for session in bench.sessions] == [
        *("WXYZ-00000001", "main", "WXYZ-00000001", "WXYZ-00000002", "main")
    ]


def test_what_each_of_two_plugs_saw_last_is_known_after_a_reload_with_nothing_open() -> None:
    before, after = PlugBench(), PlugBench()
    for bench, serials in ((before, (1, 5)), (after, (2, 6))):
        if bench is after:
            for channel in (SECOND, 0):
                after.tracker.inherit(channel, before.tracker, channel)
        for channel, serial in zip((0, SECOND), serials, strict=True):
            bench.put("CHM", 0.0, channel, version_minor=1)
            bench.put("BRM", 1.0, channel, version_minor=1, vin=VIN, manufacturer="WXYZ", pack_serial=serial)
        bench.finish(60.0)
    assert swaps(after) == [
        "from WXYZ-00000001 to WXYZ-00000002",
        "from WXYZ-00000005 to WXYZ-00000006",
    ]


def test_another_vehicle_has_another_pack_without_a_word() -> None:
    bench = PlugBench()
    charge(bench, 0.0, 1)
    charge(bench, 100.0, 2, vin="LRWYGCEK1PC123458")
    bench.finish()
    assert swaps(bench) == []
    assert [session.vin for session in bench.sessions] == [VIN, "LRWYGCEK1PC123458"]


def test_one_pack_too_many_has_the_configured_name_and_a_warning() -> None:
    bench = PlugBench(ChargingSettings(vin="off"))
    for number in range(MOST_PACKS + 1):
        charge(bench, 100.0 * number, number + 1, vin=f"LRWYGCEK1PC1{number:05d}")
    bench.finish()
    found = [made.content for made in bench.made if isinstance(made.content, Event)]
    warnings = [event for event in found if event.code == "pack_swapped" and "too many" in event.text]
    assert [(event.level, event.text) for event in warnings] == [
        (Level.WARNING, "WXYZ-00000041 is one pack too many for this vehicle: it is called main")
    ]
    assert bench.sessions[-1].pack == "main"
    assert {session.vin for session in bench.sessions} == {None}


def test_a_vehicle_whose_first_recognition_is_lost_has_the_number_that_its_reconnect_shows() -> None:
    bench = PlugBench()
    bench.put("BCP", 0.0, soc_pct=500)
    bench.put("BEM", 5.0, cro_timeout=1)
    bench.put("CRM", 8.0, recognition=0)
    bench.put("BRM", 8.1, version_minor=1, version_major=1, vin=VIN, manufacturer="WXYZ", pack_serial=1)
    session = bench.finish()
    assert (session.attempts, session.vin) == (2, VIN)
    assert session.pack == "main"  # of which rows have been written


def test_names_of_packs_and_vehicles() -> None:
    assert pack_identity("W-X Y", 0x1234ABCD) == "WXY-1234ABCD"
    assert pack_identity("", 7) == "00000007"
    assert [pack_identity("W", serial) for serial in (None, 0, 0xFFFFFFFF)] == [None] * 3
    assert (shown_vin("", "plain", bytes), shown_vin(VIN, "off", bytes)) == (None, None)
    assert shown_vin(VIN, "plain", bytes) == VIN
    digest = shown_vin(VIN, "digest", lambda: b"key")
    assert digest is not None
    assert len(digest) == 12
    assert digest == shown_vin(VIN, "digest", lambda: b"key") != shown_vin(VIN, "digest", lambda: b"other")


@pytest.mark.parametrize(
    ("last", "vin", "pack", "swapped"),
    [
        ({"pack": "a", "vin": "v"}, "v", "b", True),
        ({"pack": "a", "vin": "v"}, "v", "a", False),
        ({"pack": "a", "vin": "v"}, "w", "b", False),
        ({"pack": "a", "vin": "v"}, "v", None, False),
        ({"pack": None, "vin": "v"}, "v", "b", False),
        ({}, None, "b", False),
    ],
)
def test_a_pack_is_swapped_where_the_vehicle_is_the_same(
    last: dict[str, str | None], vin: str | None, pack: str | None, swapped: bool
) -> None:
    assert is_swapped(last, vin, pack) == swapped


def test_a_register_that_goes_on_with_another_is_as_full_as_that_one() -> None:
    before, after = PackRegister(), PackRegister()
    for serial in range(64):
        before.name(f"{serial:08X}", "main")
    after.update(before)
    assert [after.name(name, "main") for name in ("0000003F", "00000040")] == ["0000003F", "main"]


def test_a_register_knows_a_pack_again_when_it_is_full() -> None:
    packs = PackRegister()
    for number in range(MOST_PACKS):
        assert packs.name(str(number), "main") == str(number)
    assert (packs.name("0", "main"), packs.name("new", "main"), packs.name(None, "main")) == (
        "0",
        "main",
        "main",
    )
    assert packs.refused == 1


RECORDS = {record.measurement: record for record in CAN_PROTOCOLS["gbt27930"].records}


@pytest.mark.parametrize(
    ("code", "raw", "found"),
    [
        ("CSD", {"energy_kwh": 105}, {"station_energy_wh": 10_500.0}),
        ("CSD", {}, {"station_energy_wh": None}),
        ("BSD", {"soc_pct": 81}, {"end_soc_pct": 81.0}),
        ("CML", {"max_voltage_v": 7500}, {"max_voltage_v": 750.0, "max_current_a": None}),
        ("CTS", {"year": 2026, "month": 2, "day": 30, "hour": 1, "minute": 1, "second": 1}, {}),
        ("CTS", {"year": 2026}, {}),
    ],
)
def test_facts_of_single_messages(code: str, raw: dict[str, float], found: dict[str, object]) -> None:
    assert facts(RECORDS[f"gbt27930_{code}"], raw, 0) == found
