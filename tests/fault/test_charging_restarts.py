"""Stops, starts, reloads and silence in the middle of a charge: never two rows of one session, never none."""

from pathlib import Path

import pytest
from telemetry_core.text.lines import restamp

from telemetry.charging.rows import rfc3339
from telemetry.charging.session import PHASES
from telemetry.spool.batch import TimeBase, lines_of
from tests.support.charge_lives import (
    BAYS,
    START_NS,
    Database,
    Frame,
    Lives,
    charge,
    deliveries,
    number,
    text,
)
from tests.support.spool import drain

BAY, OTHER = BAYS
CHARGING = 400  # tenths of a second: in the middle of the charge
HANDSHAKE = 10
STATISTICS = 852  # both ends have finished


class Bench(Lives):
    """One charge at the first bay, and its rows."""

    def play(self, begin: int, end: int, *, bay: str = BAY, at_ns: int = START_NS) -> None:
        """Play the charge from one tenth of a second to another, as it comes in."""
        for part in list(deliveries(charge()))[begin:end]:
            self.clock.advance(0.1)
            self.deliver(bay, part, at_ns)
            self.pipeline.tick(self.bays)

    def play_rest(self, begin: int) -> None:
        """Play the charge from there to its end, and the silence after it."""
        self.play(begin, 100_000)
        self.watch(20.0)
        self.finish()

    def finish(self) -> None:
        self.pipeline.finish(self.bays)
        self.spool.commit()
        self.send()
        self.assert_balanced()

    def end_of(self, tenths: int) -> int:
        """Stamp of the last frame before so many tenths of a second."""
        return START_NS + max(ns for ns, _, _ in charge() if ns < tenths * 100_000_000)


def sessions(database: Database, charger: str = BAY) -> list[tuple[bytes, str]]:
    """Return whether each session is open, and its outcome, in order of start."""
    return [
        (row["open"], text(row, "outcome")) for _, row in database.of("charging_session", charger=charger)
    ]


def events(database: Database, code: str) -> list[int]:
    return [stamp for stamp, _ in database.of("event", code=code)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.start()
    return bench


def test_stopped_in_order_the_session_is_unfinished_and_goes_on_with_the_next_start(bench: Bench) -> None:
    bench.play(0, CHARGING)
    bench.stop()
    bench.start()
    bench.send()
    assert sessions(bench.database) == [(b"false", "unfinished")]
    bench.clock.advance(30.0)
    bench.play(CHARGING + 300, CHARGING + 350)
    bench.finish()
    assert sessions(bench.database) == [(b"true", "")]
    bench.play_rest(CHARGING + 350)
    assert sessions(bench.database) == [(b"false", "complete")]
    ((_, row),) = bench.database.of("charging_session")
    assert number(row, "gap_s") == pytest.approx(30.0, abs=0.2)
    assert number(row, "station_energy_wh") == 2000.0  # the station's own total counts the gap, too


def test_stopped_after_the_statistics_the_session_is_complete_and_nothing_opens_another_one(
    bench: Bench,
) -> None:
    bench.play(0, STATISTICS)
    bench.stop()
    bench.start()
    bench.send()
    assert sessions(bench.database) == [(b"false", "complete")]
    bench.play_rest(STATISTICS)
    assert sessions(bench.database) == [(b"false", "complete")]


def test_stopped_before_the_vehicle_has_said_who_it_is_there_is_one_row_in_the_end(bench: Bench) -> None:
    bench.play(0, HANDSHAKE)
    bench.stop()
    bench.start()
    bench.play_rest(HANDSHAKE)
    assert sessions(bench.database) == [(b"false", "complete")]
    phases = [text(row, "phase") for _, row in bench.database.of("charging_phase")]
    assert phases == ["handshake", "recognition", "configuration", "charging", "stopping", "ended"]


def test_a_bus_that_is_silent_after_the_start_ends_the_session_as_cut_with_its_last_frame(
    bench: Bench,
) -> None:
    bench.play(0, CHARGING)
    bench.kill()
    bench.clock.advance(3600.0)
    bench.start()
    bench.watch(9.0)
    bench.finish()
    assert sessions(bench.database) == [(b"true", "")]
    bench.watch(2.0)
    bench.finish()
    assert sessions(bench.database) == [(b"false", "cut")]
    ((start_ns, row),) = bench.database.of("charging_session")
    last_ns = bench.end_of(CHARGING)
    assert number(row, "duration_s") == pytest.approx((last_ns - start_ns) / 1e9, abs=1e-6)
    assert events(bench.database, "charging_cut") == [last_ns]
    bench.stop()
    assert bench.start().state == {}


def test_a_plug_that_is_pulled_is_cut_after_ten_seconds_though_no_frame_comes(bench: Bench) -> None:
    bench.play(0, CHARGING)
    bench.watch(9.5)
    bench.finish()
    assert sessions(bench.database) == [(b"true", "")]
    bench.watch(1.0)
    bench.finish()
    assert sessions(bench.database) == [(b"false", "cut")]
    assert events(bench.database, "charging_cut") == [bench.end_of(CHARGING)]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_after_both_ends_have_finished_a_device_that_goes_away_leaves_nothing_open(
    is_restarted: bool, bench: Bench
) -> None:
    bench.play(0, STATISTICS)
    if is_restarted:
        bench.kill()
        bench.start()
    bench.watch(9.0, away=BAYS)
    bench.finish()
    assert [is_open for is_open, _ in sessions(bench.database)] == [b"true"]
    bench.watch(2.0, away=BAYS)
    bench.finish()
    assert sessions(bench.database) == [(b"false", "complete")]
    bench.stop()
    assert bench.start().state == {}


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_device_that_is_away_while_it_charges_is_not_silent(is_restarted: bool, bench: Bench) -> None:
    bench.play(0, CHARGING)
    if is_restarted:
        bench.kill()
        bench.start()
    bench.watch(60.0, away=BAYS)
    bench.watch(5.0)
    bench.finish()
    assert sessions(bench.database) == [(b"true", "")]


@pytest.mark.parametrize(("tenths", "outcome"), [(CHARGING, "unfinished"), (STATISTICS, "complete")])
def test_killed_then_stopped_while_the_device_is_away_the_row_says_what_the_session_would_be(
    tenths: int, outcome: str, bench: Bench
) -> None:
    bench.play(0, tenths)
    bench.kill()
    bench.start()
    bench.watch(5.0, away=BAYS)
    bench.stop()
    bench.start()
    bench.send()
    assert sessions(bench.database) == [(b"false", outcome)]
    bench.play_rest(tenths)
    assert sessions(bench.database) == [(b"false", "complete")]


def test_a_process_that_stood_still_cuts_nothing(bench: Bench) -> None:
    bench.play(0, CHARGING)
    bench.pipeline.watch_silence(BAYS)
    bench.clock.advance(8.0)  # what it has missed waits in the socket
    bench.pipeline.watch_silence(BAYS)
    bench.play_rest(CHARGING)
    assert sessions(bench.database) == [(b"false", "complete")]


@pytest.mark.parametrize("bay_is_busy", [False, True])
def test_of_two_plugs_one_is_pulled_and_the_other_goes_on(bay_is_busy: bool, bench: Bench) -> None:
    bench.play(0, CHARGING, bay=OTHER)
    bench.play(0, CHARGING, at_ns=bench.clock.unix_ns())
    if bay_is_busy:
        for part in list(deliveries(charge()))[CHARGING : CHARGING + 120]:
            bench.clock.advance(0.1)
            bench.deliver(BAY, part, bench.clock.unix_ns() - part[0][0] if part else 0)
            bench.pipeline.watch_silence([OTHER])
    else:
        bench.watch(12.0)
    bench.finish()
    assert sessions(bench.database, OTHER) == [(b"false", "cut")]
    assert sessions(bench.database, BAY) == [(b"true", "") if bay_is_busy else (b"false", "cut")]


def test_two_plugs_on_two_buses_both_go_on_after_a_kill(bench: Bench) -> None:
    parts = list(deliveries(charge()))
    for number_, part in enumerate(parts):
        bench.clock.advance(0.1)
        bench.deliver(BAY, part, START_NS)
        if number_ >= 100:
            bench.deliver(OTHER, parts[number_ - 100], START_NS + 10_000_000_000)
        bench.pipeline.tick(BAYS)
        if number_ in (200, 500):
            bench.kill()
            bench.start()
    for part in parts[-100:]:
        bench.clock.advance(0.1)
        bench.deliver(OTHER, part, START_NS + 10_000_000_000)
    bench.watch(20.0)
    bench.finish()
    for bay in BAYS:
        assert sessions(bench.database, bay) == [(b"false", "complete")]
        assert len(bench.database.of("charging_curve", charger=bay)) == 4


def test_the_next_vehicle_after_the_start_is_another_session_and_the_old_one_is_cut(bench: Bench) -> None:
    bench.play(0, CHARGING)
    bench.kill()
    bench.clock.advance(60.0)
    bench.start()
    bench.play(0, CHARGING, at_ns=bench.clock.unix_ns())
    bench.finish()
    assert sessions(bench.database) == [(b"false", "cut"), (b"true", "")]
    assert events(bench.database, "charging_cut") == [bench.end_of(CHARGING)]


@pytest.mark.parametrize(("later_s", "is_same"), [(0, True), (100, True), (150, False), (3600, False)])
def test_it_is_the_same_session_if_the_stations_minutes_have_grown_with_the_clock(
    later_s: int, is_same: bool, bench: Bench
) -> None:
    """The station counts charging alone: its frames report minutes that do not fit the clock."""
    bench.play(0, CHARGING)
    bench.kill()
    bench.clock.advance(later_s)
    bench.start()
    bench.play(CHARGING, 100_000, at_ns=START_NS + later_s * 1_000_000_000)
    bench.watch(20.0)
    bench.finish()
    complete = (b"false", "complete")
    assert sessions(bench.database) == ([complete] if is_same else [(b"false", "cut"), complete])
    ((_, row),) = bench.database.of("charging_session")[-1:]
    assert number(row, "gap_s") == pytest.approx(later_s if is_same else 0.0, abs=0.3)


def test_a_state_of_charge_that_has_fallen_is_another_session(bench: Bench) -> None:
    bench.play(0, 700)
    bench.kill()
    bench.start()
    earlier = [(ns + 30_000_000_000, id, data) for ns, id, data in charge() if 400 <= ns / 1e8 < 450]
    for part in parts_of(earlier):
        bench.clock.advance(0.1)
        bench.deliver(BAY, part, START_NS)
    bench.finish()
    assert [outcome for _, outcome in sessions(bench.database)] == ["cut", ""]


def parts_of(frames: list[Frame]) -> list[list[Frame]]:
    return [frames[at : at + 7] for at in range(0, len(frames), 7)]


def test_a_reload_hands_the_session_over_and_it_stays_one(bench: Bench) -> None:
    bench.play(0, CHARGING)
    bench.configure(BAYS, "[reduce]\nevery_s = 5.0\n")
    bench.reload()
    bench.play_rest(CHARGING)
    assert sessions(bench.database) == [(b"false", "complete")]
    ((_, row),) = bench.database.of("charging_session")
    assert number(row, "gap_s") < 0.1
    assert [number(point, "soc_pct") for _, point in bench.database.of("charging_curve")] == [30, 31, 32, 33]


def test_a_bus_that_a_reload_takes_away_leaves_an_unfinished_session(bench: Bench) -> None:
    bench.play(0, CHARGING)
    bench.configure((OTHER,))
    bench.reload()
    bench.finish()
    assert sessions(bench.database) == [(b"false", "unfinished")]
    bench.stop()
    assert bench.start().state == {}


def test_what_was_open_at_a_plug_that_the_next_start_does_not_know_is_cut(bench: Bench) -> None:
    bench.play(0, CHARGING)
    bench.kill()
    bench.configure((OTHER,))
    bench.start()
    bench.finish()
    assert sessions(bench.database) == [(b"false", "cut")]
    ((_, row),) = bench.database.of("charging_session")
    assert number(row, "energy_vehicle_wh") > 500  # as its last row had it
    assert events(bench.database, "charging_cut") == [bench.end_of(CHARGING)]


def test_after_an_orderly_end_nothing_of_it_is_left_open(bench: Bench) -> None:
    bench.play_rest(0)
    bench.stop()
    assert bench.start().state == {}


def unknown(folder: Path, *, wrong_by_s: float) -> Bench:
    """Start a gateway whose clock is not known yet and is wrong by this much."""
    bench = Bench(folder, wait_for_clock=True)
    bench.clock.step(-wrong_by_s)
    bench.start()
    return bench


def hear(bench: Bench, begin: int, end: int, *, known: bool) -> None:
    """Deliver frames as the kernel stamps them with the clock as it stands."""
    for part in list(deliveries(charge()))[begin:end]:
        bench.clock.advance(0.1)
        at_ns = bench.clock.unix_ns() - (begin + 1) * 100_000_000
        begin += 1
        bench.deliver(BAY, part, at_ns, time_known=known)
        bench.pipeline.tick(())


@pytest.mark.parametrize("wrong_by_s", [1e9, 10.0])
def test_after_a_power_cut_without_a_clock_the_session_goes_on_once_the_time_is_known(
    wrong_by_s: float, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, wait_for_clock=True)
    bench.start()
    bench.play(0, CHARGING)
    bench.pipeline.cut()
    bench.spool.commit()
    bench.kill()
    bench.clock.reboot()
    bench.clock.advance(10.0)
    bench.clock.step(-wrong_by_s)
    bench.start()
    hear(bench, CHARGING + 100, CHARGING + 200, known=False)
    bench.pipeline.cut()
    assert set(bench.spool._state) == {BAY}  # of the record
    bench.clock.step(wrong_by_s)
    hear(bench, CHARGING + 200, 900, known=True)
    bench.watch(20.0)
    bench.pipeline.finish(BAYS)
    bench.spool.commit()
    bench.send()
    ((_, row),) = bench.database.of("charging_session")
    assert text(row, "outcome") == "complete"
    assert number(row, "gap_s") == pytest.approx(20.0, abs=0.3)
    assert number(row, "duration_s") == pytest.approx(charge()[-1][0] / 1e9, abs=0.1)


def test_after_a_power_cut_without_a_clock_another_session_cuts_the_one_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path, wait_for_clock=True)
    bench.start()
    bench.play(0, CHARGING)
    bench.pipeline.cut()
    bench.spool.commit()
    bench.kill()
    bench.clock.reboot()
    bench.clock.advance(100.0)
    bench.clock.step(-1e9)
    bench.start()
    hear(bench, 0, 200, known=False)
    bench.clock.step(1e9)
    hear(bench, 200, 900, known=True)
    bench.watch(20.0)
    bench.pipeline.finish(BAYS)
    bench.spool.commit()
    bench.send()
    assert sessions(bench.database) == [(b"false", "cut"), (b"false", "complete")]


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("wrong_by_s", [1e9, -3600.0, 0.0])
def test_before_the_time_is_known_no_row_is_stored_and_then_all_have_one_start(
    wrong_by_s: float, killed: bool, tmp_path: Path
) -> None:
    bench = unknown(tmp_path, wrong_by_s=wrong_by_s)
    hear(bench, 0, 200, known=False)
    if killed:
        bench.kill()
        bench.start()
    hear(bench, 200, CHARGING, known=False)
    bench.pipeline.cut()
    bench.spool.commit()
    bench.clock.step(wrong_by_s)
    hear(bench, CHARGING, 900, known=True)
    bench.watch(20.0)
    for entry in drain(bench.spool):  # batches since boot get their time now
        lines = lines_of(entry.batch)
        if entry.batch.time_base is TimeBase.BOOT:
            assert b"charging_session" not in lines
            assert b"charging_phase" not in lines
            lines = restamp(lines, bench.clock.unix_ns() - bench.clock.boot_ns())
        bench.database.take(lines)
    bench.finish()
    ((start_ns, row),) = bench.database.of("charging_session")
    assert text(row, "outcome") == "complete"
    first_ns = min(stamp for name, _, stamp in bench.database.rows if name.startswith("gbt27930_"))
    assert abs(start_ns - first_ns) < 1_000_000
    assert abs(start_ns - START_NS) < 1_000_000_000
    assert number(row, "duration_s") == pytest.approx(charge()[-1][0] / 1e9, abs=0.1)
    assert number(row, "gap_s") < 0.2
    phases = bench.database.of("charging_phase")
    assert [text(phase, "phase") for _, phase in phases] == list(PHASES)[killed * 3 :]
    assert {text(phase, "session_start") for _, phase in phases} == {rfc3339(start_ns)}
    percents = bench.database.of("charging_curve")
    assert [number(point, "soc_pct") for _, point in percents] == [30, 31, 32, 33][killed:]
    assert {text(point, "session_start") for _, point in percents} == {rfc3339(start_ns)}


def test_a_plug_falls_silent_on_a_bus_where_others_go_on(tmp_path: Path) -> None:
    """The vehicle's own frames keep the bus from being silent; their stamps show that the two ends are."""
    lives = Lives(tmp_path, ("bay-1",))
    lives.start()
    half = [frame for frame in charge() if frame[0] < 40_000_000_000]
    for part in deliveries(half):
        lives.deliver("bay-1", part, START_NS)
        lives.watch(0.1)
    for second in range(1, 16):
        lives.deliver("bay-1", [(half[-1][0] + second * 1_000_000_000, 0x98E1D0F3, bytes(8))], START_NS)
        lives.watch(0.1)
    lives.stop()
    lives.send()
    ((_, session),) = lives.database.of("charging_session")
    assert (text(session, "outcome"), session["open"]) == ("cut", b"false")
    lives.assert_balanced()
