"""What the present is: last values, how old they are, and what comes how often."""

from collections.abc import Mapping

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.traffic import Traffic
from telemetry_core.text.lines import LineBuffer

from telemetry.live.state import Entity, LiveState, UnmatchedEntity
from telemetry.live.values import Value
from telemetry.model.bit_rate import BitRate
from telemetry.model.events import begins
from telemetry.protocols.serial.jbd import JBD
from telemetry.protocols.serial.vedirect import VEDIRECT
from telemetry.protocols.table import SerialProtocol
from telemetry.rules.map import resolve
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.framing import jbd_message, vedirect_block
from tests.support.live import CELLS_ID, CHARGER_ID, PACK_ID, LiveRig

S_NS = 1_000_000_000
FD, BRS = 1, 2


def entities(rig: LiveRig) -> dict[str, Entity]:
    return {each.measurement: each for each in rig.state.snapshot().modelled}


def test_the_last_value_of_each_field_is_known() -> None:
    rig = LiveRig()
    rig.send(PACK_ID, 3601, 80)
    rig.send(PACK_ID, 3602, 79)
    rig.send(CELLS_ID, 3650, 3651, 3652)
    rig.send(CHARGER_ID, 12)
    found = entities(rig)
    battery = found["battery"]
    assert battery.tags == {"vehicle": "van", "source": "can0", "pack": "main"}
    assert battery.values["voltage_v"] == 360.2
    assert battery.values["soc_pct"] == 79.0
    assert battery.values["cell_max_index"] == 3.0
    assert found["cells"].values == {"v001": 3.65, "v002": 3.651, "v003": 3.652}
    assert found["charger"].values == {"current_a": 12.0}


def test_a_page_that_the_stages_before_a_reload_missed_holds_no_longer() -> None:
    rig = LiveRig()
    rig.state.add_event(begins("page_missing", "missing: cells 1 to 4", "can0"), 0)
    rig.state.add_event(begins("bus_off", "it has left the bus", "can0"), 0)
    rig.reload()
    assert [event.code for event in rig.state.snapshot().standing] == ["bus_off"]


def test_the_age_of_a_silent_bus_is_the_time_since_its_last_frame() -> None:
    rig = LiveRig()
    rig.send(PACK_ID, 3601, 80)
    rig.clock.advance(30.0)
    assert entities(rig)["battery"].known_s == 0.0


def test_a_field_that_stops_while_others_go_on_grows_old() -> None:
    rig = LiveRig()
    rig.send(CELLS_ID, 3650, 3651, 3652)
    rig.clock.advance(20.0)
    rig.send(PACK_ID, 3601, 80)
    battery = entities(rig)["battery"]
    assert battery.values_known_s["cell_min_v"] == 0.0
    assert battery.values_known_s["voltage_v"] == 20.0


def test_in_a_log_that_is_read_fast_ages_are_those_of_its_stamps() -> None:
    rig = LiveRig()
    rig.send(CHARGER_ID, 12, time_ns=0)
    rig.send(PACK_ID, 3601, 80, time_ns=60 * S_NS)
    found = entities(rig)
    assert found["battery"].known_s - found["charger"].known_s == 60.0


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_clock_that_is_set_makes_no_old_value_new(step_s: float) -> None:
    rig = LiveRig()
    rig.send(CHARGER_ID, 12)
    rig.clock.advance(20.0)
    rig.clock.step(step_s)
    rig.send(PACK_ID, 3601, 80)
    found = entities(rig)
    assert found["charger"].known_s <= 0.0
    assert found["battery"].known_s == 20.0


def test_frames_and_load_are_those_of_the_past_seconds() -> None:
    rig = LiveRig(bit_rates={"can0": BitRate(10_000)})
    rig.state.snapshot()
    for _ in range(40):
        rig.clock.advance(0.1)
        rig.send(CELLS_ID, 1, 2, 3)
        rig.state.snapshot()
    (traffic,) = rig.state.snapshot().traffic
    bits = 47 + 48 + (34 + 48) // 12
    assert traffic.frames_per_s == pytest.approx(10.0, rel=0.06)
    assert traffic.bus_load_pct == pytest.approx(bits * 10 / 10_000 * 100, rel=0.06)
    rig.clock.advance(5.0)
    rig.state.snapshot()
    rig.clock.advance(5.0)
    assert rig.state.snapshot().traffic[0].frames_per_s == 0.0


def test_in_a_log_that_is_read_fast_rates_are_those_of_its_stamps() -> None:
    rig = LiveRig()
    rig.ask_for_messages()
    for number in range(101):
        rig.send(CELLS_ID, 1, 2, 3, time_ns=number * S_NS // 10)
    rig.clock.advance(0.1)
    assert rig.state.snapshot().traffic[0].frames_per_s == pytest.approx(10.1)
    assert rig.messages()[0].rate_per_s == pytest.approx(10.1)


@pytest.mark.parametrize("paused_s", [0.0, 1.0])
def test_a_log_that_is_read_fast_for_long_has_the_rate_of_its_stamps_also_in_a_pause(paused_s: float) -> None:
    rig = LiveRig()
    for number in range(600):  # ten times as fast as it was recorded
        rig.send(CELLS_ID, 1, 2, 3, time_ns=number * S_NS // 10)
        rig.clock.advance(0.01)
        rig.state.snapshot()
    rig.clock.advance(paused_s)
    assert rig.state.snapshot().traffic[0].frames_per_s == pytest.approx(10.0)


@pytest.mark.parametrize("spans_s", [(10, 1), (1, 10)])
@pytest.mark.parametrize("heard", [(0, 1), (0,), (1,)])
def test_of_two_channels_of_one_log_the_longer_says_how_long_it_took(
    heard: tuple[int, ...], spans_s: tuple[int, int]
) -> None:
    rig = LiveRig()
    if 1 in heard:
        rig.stages.bind(1, Binding(0, "can0", "can1"))
    for channel in heard:
        rig.send(CELLS_ID, 1, 2, 3, time_ns=0, channel=channel)
    rig.state.snapshot()
    if 1 not in heard:
        rig.stages.bind(1, Binding(0, "can0", "can1"))
    for channel, span_s in enumerate(spans_s):
        for number in range(1, 101):
            rig.send(CELLS_ID, 1, 2, 3, time_ns=number * span_s * S_NS // 100, channel=channel)
    rig.clock.advance(0.1)
    assert rig.state.snapshot().traffic[0].frames_per_s == pytest.approx(20.0, rel=0.02)


def test_after_a_long_silence_the_rate_is_that_of_the_past_seconds() -> None:
    rig = LiveRig()
    rig.send(CELLS_ID, 1, 2, 3)
    for _ in range(7200):
        rig.clock.advance(0.5)
        rig.state.snapshot()
    for _ in range(20):
        rig.clock.advance(0.1)
        rig.send(CELLS_ID, 1, 2, 3)
    assert rig.state.snapshot().traffic[0].frames_per_s == pytest.approx(10.0)


def test_the_rate_of_a_message_counts_from_when_somebody_asked() -> None:
    rig, rates = LiveRig(), []
    for second in range(40):  # asked at first and again after 10.0; each time rates begin again
        if second in (0, 20):
            rig.state.ask_for_messages()
        rig.state.snapshot()
        for _ in range(10):
            rig.clock.advance(0.1)
            rig.send(CELLS_ID, 1, 2, 3)
        rates += [each.rate_per_s for each in rig.state.snapshot().messages or ()]
    assert rates == [pytest.approx(10.0)] * 20


def test_without_a_bit_rate_there_is_no_load() -> None:
    rig = LiveRig()
    rig.send(CELLS_ID, 1, 2, 3)
    assert rig.state.snapshot().traffic[0].bus_load_pct is None


def test_channels_of_one_log_are_several_buses_and_have_no_load_together() -> None:
    rig = LiveRig(bit_rates={"can0": BitRate(10_000)})
    rig.state.snapshot()
    rig.send(CELLS_ID, 1, 2, 3)
    rig.clock.advance(1.0)
    assert rig.state.snapshot().traffic[0].bus_load_pct is not None
    rig.stages.bind(1, Binding(0, "can0", "can1"))
    (traffic,) = rig.state.snapshot().traffic
    assert (traffic.source, traffic.bus_load_pct) == ("can0", None)


def test_the_data_part_of_can_fd_has_a_bit_rate_of_its_own() -> None:
    assert BitRate(500_000, 2_000_000).load_pct(100_000.0, 200_000.0) == pytest.approx(30.0)
    assert BitRate(500_000).load_pct(100_000.0, 200_000.0) == pytest.approx(60.0)


def test_the_data_part_of_can_fd_is_part_of_the_load() -> None:
    rate = BitRate(10_000, 20_000)
    rig = LiveRig(bit_rates={"can0": rate})
    rig.state.snapshot()
    frames, counted = FrameBatch(10), Traffic()
    for _ in range(10):
        frames.append(rig.clock.unix_ns(), PACK_ID, bytes(8), flags=FD | BRS)
    counted.count(frames, 0)
    rig.stages.process(frames, LineBuffer())
    rig.clock.advance(1.0)
    (traffic,) = rig.state.snapshot().traffic
    bits = counted.of(0)
    assert bits.data_bits > 0
    assert traffic.bus_load_pct == pytest.approx(rate.load_pct(bits.nominal_bits, bits.data_bits))


def test_messages_are_remembered_only_while_somebody_asks() -> None:
    rig = LiveRig(mapped=False)
    rig.send(PACK_ID, 3601, 80)
    assert rig.state.snapshot().messages is None
    rig.state.ask_for_messages()
    assert rig.state.snapshot().messages == ()
    rig.send(PACK_ID, 3601, 80)
    rig.clock.advance(1.0)
    rig.send(PACK_ID, 3602, 81)
    (pack,) = rig.messages()
    assert pack.measurement == "Pack"
    assert pack.tags["source"] == "can0"
    assert pack.values == {"volts": 360.2, "soc": 81}
    assert pack.rate_per_s == 2.0
    rig.clock.advance(10.0)
    assert rig.state.snapshot().messages is None


def serial_messages(protocol: SerialProtocol, data: bytes) -> dict[str, Mapping[str, Value]]:
    """Return the messages that the live state has of a port that has brought `data`."""
    plan = protocol.plan("port")
    state = LiveState(FakeClock(), lambda _: None)
    stages = Stages(plan, resolve(protocol.map_entries("port"), plan), vehicle="van", observer=state)
    stages.bind(0, Binding(0, "port", "port"))
    state.ask_for_messages()
    state.snapshot()
    frames, lines = FrameBatch(8), LineBuffer()
    protocol.make_framer().feed(data, 10**18, frames)
    stages.process(frames, lines)
    messages = state.snapshot().messages
    assert messages is not None
    assert b"Vedirect" not in lines.take()
    return {each.measurement: each.values for each in messages}


def test_messages_of_a_serial_device_are_whole_though_they_are_not_stored() -> None:
    block = {"PID": "0xA053", "V": "13180", "VPV": "36000", "PPV": "99", "OR": "0x00000001", "LOAD": "ON"}
    assert serial_messages(VEDIRECT, vedirect_block(block)) == {
        "VedirectCharger": {"V": 13.18, "VPV": 36.0, "PPV": 99, "LOAD": 1, "PID": 0xA053, "OR": 1}
    }
    monitor = {"SOC": "876", "CE": "-13100", "TTG": "-1", "H17": "2", "H18": "5"}
    assert serial_messages(VEDIRECT, vedirect_block(monitor)) == {
        "VedirectMonitor": {"SOC": 87.6, "CE": -13.1, "TTG": -1, "H17": 20, "H18": 50}
    }


def test_a_serial_message_that_is_a_text_is_not_among_the_messages() -> None:
    data = jbd_message(0x05, b"JBD-SP04S020") + jbd_message(0x04, bytes.fromhex("0CE40CE5"))
    assert serial_messages(JBD, data) == {"JbdCells": {"cell1": 3.3, "cell2": 3.301}}


def test_the_newest_events_come_first_and_are_few() -> None:
    rig = LiveRig()
    for number in range(53):
        rig.state.add_event(begins("bus_error", str(number), "can0"), number)
    events = rig.state.snapshot().events
    assert [each.time_ns for each in events] == list(range(52, 2, -1))
    assert events[0].event.text == "52"


def test_the_stamp_of_a_snapshot_is_that_of_the_newest_frame() -> None:
    rig = LiveRig()
    assert rig.state.snapshot().time_ns == 0
    rig.stages.bind(1, Binding(0, "can0", "can1"))
    for channel, time_s, newest_s in ((0, 5, 5), (1, 3, 5), (1, 7, 7), (0, 6, 7)):
        rig.send(PACK_ID, 1, 2, time_ns=time_s * S_NS, channel=channel)
        assert rig.state.snapshot().time_ns == newest_s * S_NS


def test_ids_without_a_message_are_counted_only_while_someone_asks_for_messages() -> None:
    rig = LiveRig()
    rig.send(0x7DF, 1)
    assert rig.state.snapshot().unmatched == ()
    rig.ask_for_messages()
    rig.send(PACK_ID, 3601, 80)
    for _ in range(3):
        rig.send(0x7DF, 1)
        rig.clock.advance(1 / 3)
    rig.send(0x123)
    assert rig.state.snapshot().unmatched == (
        UnmatchedEntity("can0", "123", 1, 0, 0, None),
        UnmatchedEntity("can0", "7DF", 3, 2, 2, 0.333333),
    )
    rig.clock.advance(10.0)
    rig.state.snapshot()
    assert rig.state.snapshot().unmatched == ()
    rig.ask_for_messages()
    for id in range(0x400, 0x400 + 66):
        rig.send(id)
    snapshot = rig.state.snapshot()
    assert (len(snapshot.unmatched), snapshot.unmatched_left_out) == (64, 2)


def test_after_a_reload_nothing_is_left_of_sources_that_are_not_bound_again() -> None:
    rig = LiveRig()
    rig.state.ask_for_messages()
    rig.send(PACK_ID, 3601, 80)
    assert [each.source for each in rig.state.snapshot().traffic] == ["can0"]
    rig.state.start(rig.stages.schema)
    snapshot = rig.state.snapshot()
    assert (snapshot.traffic, snapshot.modelled, snapshot.messages) == ((), (), ())


def test_after_a_reload_rows_have_the_tags_that_they_are_bound_with_or_their_channel_alone() -> None:
    rig = LiveRig()
    rig.send(PACK_ID, 3601, 80)
    assert entities(rig)["battery"].tags["pack"] == "main"
    rig.state.start(rig.stages.schema)
    rig.state.bind(0, source="can0", tag="drive", tags={})
    rig.send(PACK_ID, 3601, 80)
    assert entities(rig)["battery"].tags == {"source": "drive"}


def test_after_a_reload_messages_are_counted_again_from_none() -> None:
    rig = LiveRig()
    rig.ask_for_messages()
    for _ in range(10):
        rig.send(CELLS_ID, 1, 2, 3)
    for passed_s in (3.0, 2.1):  # the first snapshot is forgotten: ten rows are where rates would begin
        rig.clock.advance(passed_s)
        rig.send(CELLS_ID, 1, 2, 3)
        rig.state.snapshot()
    rig.reload()
    rig.state.snapshot()
    for _ in range(5):
        rig.clock.advance(0.1)
        rig.send(CELLS_ID, 1, 2, 3)
    assert [each.rate_per_s for each in rig.messages()] == [pytest.approx(10.0)]
