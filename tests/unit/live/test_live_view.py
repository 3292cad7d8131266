"""The JSON of the present: what is stale is named, and ages are those of the moment of looking."""

import json
from dataclasses import replace
from typing import Any

import pytest
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.session import Session
from telemetry.live import state
from telemetry.live.gateway import describe
from telemetry.live.state import Entity, LiveSnapshot, TimedEvent, UnmatchedEntity
from telemetry.live.view import live_view, messages_view
from telemetry.model.events import Event, begins
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.reduce import ReduceSettings
from tests.support.charging_sessions import cut
from tests.support.live import CELLS_ID, CHARGER_ID, PACK_ID, LiveRig, entity

COUNTERS = {
    "bus/can0/read": 10,
    "frames/can0/decoded": 8,
    "frames/can0/lost/error_frame": 2,
    "frames/can0/lost/x": 0,
}
STATES = {"source/can0": "receiving", "source/log": "ended", "device/log": "model JBD-SP04S020"}
STATUS = describe("van", COUNTERS, {"cpu_s": 1.0}, STATES)


def view(rig: LiveRig, *, with_messages: bool = False) -> dict[str, Any]:
    now_s = rig.clock.monotonic_s()
    text = json.dumps(live_view(rig.state.snapshot(), now_s, STATUS, with_messages=with_messages))
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize("shape", ["hold", "line"])
def test_a_field_within_bounds_has_the_age_of_the_last_value_kept_and_the_bound_in_force(shape: str) -> None:
    """By hold the voltage of 2 s is 1.5 V off; a line from the first one to the last is off by 0.83 V."""
    bounds = {"battery.voltage_v": 1.0, "cells.v*": 0.005, "charger.current_a": 2.0}
    rig = LiveRig(reduce=ReduceSettings(bounds=bounds, shape=shape))
    for second, tenths in enumerate((3600, 3605, 3615, 3614, 3625, 3625, 3625)):
        rig.send(PACK_ID, tenths, 80)
        rig.send(CELLS_ID, 3650 + 20 * (second >= 3), 3651, 3652)
        rig.send(CHARGER_ID, 12)
        rig.clock.advance(1.0)
    snapshot = rig.state.snapshot()
    now_s = rig.clock.monotonic_s()
    found = live_view(snapshot, now_s, STATUS | {"gauges": {"bound_factor": 4}})
    assert found["packs"][0]["battery"]["voltage_v"] == 362.5
    kept = found["packs"][0]["kept"]
    assert kept["voltage_v"] == {"age_s": {"hold": 5.0, "line": 7.0}[shape], "bound": 4.0}
    assert kept["cells_v"] == {"age_s": 7.0, "bound": 0.02}, "of the oldest cell"
    assert "soc_pct" not in kept
    assert found["chargers"][0]["kept"] == {"current_a": {"age_s": 7.0, "bound": 8.0}}
    assert live_view(snapshot, now_s, STATUS)["packs"][0]["kept"]["voltage_v"]["bound"] == 1.0
    rig.stages.writing.flush(LineBuffer())
    assert view(rig)["packs"][0]["kept"]["voltage_v"]["age_s"] == 1.0


def test_packs_and_chargers_have_their_values_and_their_age() -> None:
    rig = LiveRig()
    rig.send(CELLS_ID, 3650, 3651, 3652)
    rig.clock.advance(0.5)
    rig.send(PACK_ID, 3601, 80)
    rig.send(CHARGER_ID, 12)
    rig.clock.advance(0.5)
    found = view(rig)
    assert found["vehicle"] == "van"
    (pack,) = found["packs"]
    assert (pack["pack"], pack["source"], pack["age_s"], pack["stale"]) == ("main", "can0", 0.5, [])
    assert pack["battery"]["voltage_v"] == 360.1
    assert pack["battery"]["cell_delta_v"] == 0.002
    assert pack["cells_v"] == [3.65, 3.651, 3.652]
    assert pack["temps_c"] == []
    assert found["chargers"] == [
        {
            "charger": "main",
            "source": "can0",
            "age_s": 0.5,
            "values": {"current_a": 12.0},
            "stale": [],
            "kept": {},
            "plug": None,
        }
    ]


def test_a_meter_stands_beside_the_chargers() -> None:
    charger = entity("charger", {"current_a": 12.0}, charger="main")
    meter = entity("meter", {"current_a": 5.0}, charger="main")
    found = live_view(LiveSnapshot(taken_s=0.0, time_ns=0, modelled=(charger, meter)), 1.0, STATUS)
    beside = {"charger": "main", "source": "a", "age_s": 1.0, "stale": [], "kept": {}}
    assert found["chargers"] == [{**beside, "values": {"current_a": 12.0}, "plug": None}]
    assert found["meters"] == [{**beside, "values": {"current_a": 5.0}}]


def test_a_charger_with_a_phase_has_the_state_of_charge_the_time_left_and_its_last_error() -> None:
    error = replace(begins("charging_error", "vehicle: ccs_timeout", source="a"), charger="bay-2")
    other = replace(begins("charging_error", "not ours", source="a"), charger="bay-1")
    attempt = replace(begins("charging_reconnect", "attempt 2", source="a"), charger="bay-2")
    snapshot = LiveSnapshot(
        taken_s=0.0,
        time_ns=0,
        modelled=(
            entity("charger", {"phase": "charging"}, 20.0, charger="bay-2"),
            entity("battery", {"soc_pct": 43.0}, 20.0, pack="main"),
            entity("BCS", {"remaining_min": 12}, 5.0),
            entity("battery", {"soc_pct": 99.0}, 20.0, pack="main", source="b"),
        ),
        events=(TimedEvent(attempt, 9), TimedEvent(other, 8), TimedEvent(error, 7)),
    )
    (charger,) = live_view(snapshot, 20.0, STATUS)["chargers"]
    assert charger["plug"] == {
        "values": {"soc_pct": 43.0, "remaining_min": 12},
        "stale": ["remaining_min"],
        "error": {"time_ns": 7, "text": "vehicle: ccs_timeout"},
    }


def test_the_last_error_of_a_session_is_none_of_the_next_one_at_that_charger() -> None:
    error = replace(begins("charging_error", "vehicle: ccs_timeout", source="a"), charger="bay-2")
    began = replace(begins("charging_started", "by gbt27930", source="a"), charger="bay-2")
    elsewhere = replace(began, charger="bay-1")
    phase = entity("charger", {"phase": "charging"}, charger="bay-2")

    def shown(*events: Event) -> object:
        """Return the error that is shown after these events, given with the newest first."""
        timed = tuple(TimedEvent(event, 9 - number) for number, event in enumerate(events))
        snapshot = LiveSnapshot(taken_s=0.0, time_ns=0, modelled=(phase,), events=timed)
        (charger,) = live_view(snapshot, 0.0, STATUS)["chargers"]
        return charger["plug"]["error"]

    assert shown(elsewhere, error, began) == {"time_ns": 8, "text": "vehicle: ccs_timeout"}
    assert shown(began, error) is None


@pytest.mark.parametrize(
    ("session", "phase"),
    [(replace(cut(), open=True, end_ns=None, outcome=None), "charging"), (cut(), "cut")],
    ids=["open", "over"],
)
def test_a_charger_with_a_session_has_its_phase_or_its_outcome_its_energy_and_its_state_of_charge(
    session: Session, phase: str
) -> None:
    charger = entity("charger", {"current_a": 0.0}, charger="bay-2")
    snapshot = LiveSnapshot(taken_s=0.0, time_ns=0, modelled=(charger,), sessions=(session,))
    (found,) = live_view(snapshot, 0.0, STATUS)["chargers"]
    assert found["plug"]["values"] == {"phase": phase, "energy_wh": session.energy_wh, "soc_pct": 45.0}
    assert found["plug"]["stale"] == []
    (later,) = live_view(snapshot, 11.0, STATUS)["chargers"]
    assert later["plug"]["stale"] == (["phase", "energy_wh", "soc_pct"] if session.open else [])


def test_of_two_packs_on_one_bus_neither_is_said_to_be_at_the_plug() -> None:
    of_packs = (entity("battery", {"soc_pct": 43.0}, pack=pack) for pack in ("front", "rear"))
    charger = entity("charger", {"phase": "bulk"}, charger="main")
    snapshot = LiveSnapshot(taken_s=0.0, time_ns=0, modelled=(charger, *of_packs))
    (found,) = live_view(snapshot, 0.0, STATUS)["chargers"]
    assert found["plug"] == {"values": {}, "stale": [], "error": None}


def test_the_minutes_that_a_protocol_says_are_left_are_remembered_without_being_asked_for() -> None:
    records = (
        RecordSpec("gbt27930_BCS", (FieldSpec("remaining_min", SlotKind.UINT),), hidden=True, message="BCS"),
        RecordSpec("Other", (FieldSpec("remaining", SlotKind.UINT),)),
    )
    assert [state.says_what_remains(spec) for spec in records] == [True, False]


def test_what_has_not_come_for_ten_seconds_is_named_stale() -> None:
    rig = LiveRig()
    rig.send(CELLS_ID, 3650, 3651, 3652)
    rig.send(CHARGER_ID, 12)
    rig.clock.advance(10.1)
    rig.send(PACK_ID, 3601, 80)
    found = view(rig)
    (pack,) = found["packs"]
    assert pack["age_s"] == 0.0
    assert set(pack["stale"]) == {"cells_v", *(name for name in pack["battery"] if name.startswith("cell_"))}
    assert found["chargers"][0]["stale"] == ["current_a"]
    assert found["chargers"][0]["age_s"] == 10.1


def test_a_snapshot_that_nobody_renews_grows_old() -> None:
    rig = LiveRig()
    rig.send(PACK_ID, 3601, 80)
    (pack,) = live_view(rig.state.snapshot(), rig.clock.monotonic_s() + 60.0, STATUS)["packs"]
    assert pack["age_s"] == 60.0
    assert set(pack["stale"]) == set(pack["battery"])


def test_cells_of_a_pack_that_fell_silent_stay_and_are_named_stale() -> None:
    rig = LiveRig()
    rig.send(CELLS_ID, 3650, 3651, 3652)
    (pack,) = live_view(rig.state.snapshot(), rig.clock.monotonic_s() + 60.0, STATUS)["packs"]
    assert pack["cells_v"] == [3.65, 3.651, 3.652]
    assert "cells_v" in pack["stale"]


def test_a_cell_that_fell_silent_is_absent_and_the_others_are_not_stale() -> None:
    tags, cells_v = {"pack": "main", "source": "a"}, {"v001": 3.65, "v002": 3.66}
    cells = Entity("cells", tags, 20.0, cells_v, {"v001": 0.0, "v002": 20.0})
    (pack,) = live_view(LiveSnapshot(taken_s=20.0, time_ns=0, modelled=(cells,)), 21.0, STATUS)["packs"]
    assert pack["cells_v"] == [None, 3.66]
    assert pack["stale"] == []


def test_every_source_is_there_whether_or_not_it_has_brought_anything() -> None:
    nothing = {"device": "", "devices": {}, "frames_per_s": 0.0, "bus_load_pct": None, "lost": {}}
    nothing |= dict.fromkeys(("read", "decoded", "unknown"), 0)
    can0 = {"source": "can0", "state": "receiving", "read": 10, "decoded": 8, "lost": {"error_frame": 2}}
    log = {"source": "log", "state": "ended", "device": "model JBD-SP04S020"}
    assert view(LiveRig())["sources"] == [{**nothing, **can0}, {**nothing, **log}]


def test_accounts_gauges_states_and_events_stand_beside() -> None:
    rig = LiveRig()
    rig.state.add_event(begins("bus_off", "too many errors", "can0"), 7)
    found = view(rig)
    assert {name: found[name] for name in STATUS} == STATUS
    assert found["events"] == [
        {
            "time_ns": 7,
            "code": "bus_off",
            "level": 2,
            "active": True,
            "text": "too many errors",
            "source": "can0",
            "pack": "",
            "charger": "",
            "capture": "",
        }
    ]


def test_messages_are_there_only_when_asked_for() -> None:
    rig = LiveRig(mapped=False)
    assert view(rig, with_messages=True)["messages"] == []
    rig.ask_for_messages()
    rig.send(PACK_ID, 3601, 80)
    rig.clock.advance(1.0)
    assert "messages" not in view(rig)
    found = view(rig, with_messages=True)
    assert found["messages_left_out"] == 0
    assert found["messages"] == [
        {
            "message": "Pack",
            "source": "can0",
            "sender": "",
            "age_s": 1.0,
            "rate_per_s": 1.0,
            "signals": {"volts": 360.1, "soc": 80},
            "units": {"volts": "V"},
            "ages_s": {},
            "stale": [],
        }
    ]


def message(name: str, known_s: dict[str, float], source: str = "can0") -> Entity:
    values = dict.fromkeys(known_s, 1)
    return Entity(name, {"source": source}, max(known_s.values()), values, known_s, rate_per_s=10.0)


def test_messages_stand_where_people_look_for_them_and_an_old_signal_has_its_own_age() -> None:
    messages = (
        message("Cells_10", {"v": 9.0}),
        message("Cells_2", {"page": 9.0, "v": 4.0}),
        message("cells_1", {"v": 9.0}),
        message("Zero", {"v": 9.0}, "can1"),
        message("Zero", {"v": 9.0}, "Can0"),
    )
    found = messages_view(LiveSnapshot(9.0, 0, messages=messages, messages_left_out=3), 10.0)
    places = [(each["source"], each["message"]) for each in found["messages"]]
    names = ("cells_1", "Cells_2", "Cells_10")
    assert places == [*(("can0", name) for name in names), ("Can0", "Zero"), ("can1", "Zero")]
    assert [each["age_s"] for each in found["messages"]] == [1.0] * 5
    assert found["messages"][1]["ages_s"] == {"v": 6.0}
    assert found["messages_left_out"] == 3


def test_numbered_signals_stand_by_number_at_the_place_of_their_first() -> None:
    names = ("Page", "Cell1", "Cell10", "Cell2", "Checksum", "Temp2_C", "Temp1_C")
    snapshot = LiveSnapshot(9.0, 0, messages=(message("Cells", dict.fromkeys(names, 9.0)),))
    (found,) = messages_view(snapshot, 9.0)["messages"]
    assert list(found["signals"]) == ["Page", "Cell1", "Cell2", "Cell10", "Checksum", "Temp1_C", "Temp2_C"]


def test_no_more_signals_are_in_a_snapshot_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MAX_SIGNALS", 4)
    rig = LiveRig(mapped=False)
    rig.ask_for_messages()
    rig.send(CELLS_ID, 3650, 3651, 3652)
    rig.send(PACK_ID, 3601, 80)
    rig.send(CHARGER_ID, 12)
    found = view(rig, with_messages=True)
    assert [each["message"] for each in found["messages"]] == ["Cells"]
    assert found["messages_left_out"] == 2


def test_what_the_service_counts_says_since_when_and_what_a_device_counts_does_not() -> None:
    entries = (
        MapEntry("Pack.volts", "battery.voltage_v"),
        MapEntry("Pack.soc", "battery.charged_ah"),
        MapEntry("Charger.amperes", "battery.current_a"),
    )
    rig = LiveRig(entries=entries, counting=Counting())
    for time_ns in (1_000_000_000, 2_000_000_000):
        rig.send(PACK_ID, 3601, 80, time_ns=time_ns)
        rig.send(CHARGER_ID, 12, time_ns=time_ns)
    fields = ["charged_wh", "discharged_ah", "discharged_wh"]
    (pack,) = view(rig)["packs"]
    assert pack["counted"] == {"fields": fields, "since_ns": 1_000_000_000}
    rig.reload()
    rig.send(PACK_ID, 3601, 80, time_ns=3_000_000_000)
    rig.send(CHARGER_ID, 12, time_ns=3_000_000_000)
    (pack,) = view(rig)["packs"]
    assert pack["counted"]["since_ns"] == 2_000_000_000


def test_where_the_service_counts_nothing_no_beginning_is_named() -> None:
    rig = LiveRig()
    rig.send(PACK_ID, 3601, 80)
    (pack,) = view(rig)["packs"]
    assert pack["counted"] is None


def test_ids_without_a_message_are_beside_the_messages() -> None:
    unmatched = (
        UnmatchedEntity("can0", "7DF", 3, 2, 8, 0.012346),
        UnmatchedEntity("can0", "7E8", 1, 8, 8, None),
    )
    found = messages_view(LiveSnapshot(9.0, 0, messages=(), unmatched=unmatched, unmatched_left_out=5), 10.0)
    assert found["unmatched"] == [
        {"source": "can0", "id": "7DF", "frames": 3, "min_bytes": 2, "max_bytes": 8, "period_s": 0.012346},
        {"source": "can0", "id": "7E8", "frames": 1, "min_bytes": 8, "max_bytes": 8, "period_s": None},
    ]
    assert found["unmatched_left_out"] == 5


def test_a_thing_is_as_old_as_its_newest_part_and_a_value_is_stale_after_ten_seconds() -> None:
    parts = [
        entity(kind, {field: 12.0}, known_s, **{tag: "main"})
        for kind, tag in (("charger", "charger"), ("battery", "pack"))
        for field, known_s in (("current_a", 1.0), ("voltage_v", 5.0))
    ]
    for now_s, stale in ((11.0, []), (11.5, ["current_a"]), (15.5, ["current_a", "voltage_v"])):
        found = live_view(LiveSnapshot(taken_s=5.0, time_ns=0, modelled=tuple(parts)), now_s, STATUS)
        for each in (*found["chargers"], *found["packs"]):
            assert (each["age_s"], each["stale"]) == (now_s - 5.0, stale)
