"""One charge through the pipeline and the spool: whole, stopped and killed in its middle, moved, and left."""

from collections.abc import Callable
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch

from tests.support.charge_lives import BAYS, START_NS, Lives, charge, deliveries, number, text
from tests.support.recording import VEHICLE_DBC

BAY = BAYS[0]
MIDDLE = 400  # tenths of a second
BUS = f'[[can]]\nname = "body"\nsocket = "body.sock"\ndatabases = ["{VEHICLE_DBC}"]\n'
MAP = '[[map]]\nsignal = "BMS_PackPower.PackVoltage"\nto = "battery.voltage_v"\nbus = "body"\n'
VAN = """\
title = "A van"
[bus.ev]
title = "EV-CAN"
bit_rate = 500_000
[[broadcast]]
bus = "ev"
id = "1DB"
mark = "1"
fields = [{ to = "battery.voltage_v", byte = 0, bytes = 2, scale = SCALE }]
"""
LIMITS = "[cross_check]\ncurrent_a = 3.0\n"
PLAIN = '[charging]\nvin = "plain"\n'
OF_THE_GAP = {"gap_s", "charging_s"}


class Charge(Lives):
    """One charge at the first bay."""

    def __init__(self, folder: Path, top: str = "") -> None:
        super().__init__(folder)
        self.configure(BAYS, top)
        self.start()

    def play(self, begin: int, end: int = 100_000) -> None:
        """Play the charge from one tenth of a second to another, as it comes in."""
        for part in list(deliveries(charge()))[begin:end]:
            self.clock.advance(0.1)
            self.deliver(BAY, part, START_NS)
            self.pipeline.tick(self.bays)

    def finish(self) -> None:
        """Play the silence after it, store all into the database, and check that the accounts balance."""
        self.watch(20.0)
        self.pipeline.finish(self.bays)
        self.send()
        self.assert_balanced()

    def sessions(self) -> list[tuple[bytes, str, int]]:
        """Return whether each session is open, its outcome, and how many rows have said so."""
        rows = self.database.of("charging_session", charger=BAY)
        written = [each for each in self.database.written if each.measurement == "charging_session"]
        return [
            (row["open"], text(row, "outcome"), sum(each.time_ns == stamp for each in written))
            for stamp, row in rows
        ]


def test_a_charge_is_one_session_whose_last_row_says_how_it_ended(tmp_path: Path) -> None:
    whole = Charge(tmp_path)
    whole.play(0)
    whole.finish()
    ((is_open, outcome, rows),) = whole.sessions()
    assert (is_open, outcome) == (b"false", "complete")
    assert rows > 1
    percents = [number(row, "soc_pct") for _, row in whole.database.of("charging_curve")]
    assert percents == sorted(percents)
    assert len(percents) >= 3
    assert not whole.database.of("event", code="charging_cut")


def test_a_stop_a_kill_and_a_reload_in_its_middle_make_no_second_session(tmp_path: Path) -> None:
    bench = Charge(tmp_path)
    bench.play(0, MIDDLE)
    bench.stop()
    bench.send()
    bench.start()
    assert [(is_open, outcome) for is_open, outcome, _ in bench.sessions()] == [(b"false", "unfinished")]
    bench.play(MIDDLE, MIDDLE + 100)
    bench.pipeline.finish(bench.bays)
    bench.kill()
    bench.start()
    bench.play(MIDDLE + 100, MIDDLE + 200)
    bench.reload()
    bench.play(MIDDLE + 200)
    bench.finish()
    assert [(is_open, outcome) for is_open, outcome, _ in bench.sessions()] == [(b"false", "complete")]
    assert not bench.database.of("event", code="charging_cut")


def killed(bench: Charge) -> None:
    bench.pipeline.finish(bench.bays)
    bench.kill()
    bench.start()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, bytes]]:
    """Return the row of a charge that nothing has interrupted."""
    bench = Charge(tmp_path_factory.mktemp("whole"), PLAIN)
    bench.play(0)
    bench.finish()
    (row,) = bench.database.of("charging_session", charger=BAY)
    return row


@pytest.mark.parametrize("go_on", [Charge.reload, killed])
def test_what_is_not_the_plug_s_may_change_in_the_middle_of_a_session(
    go_on: Callable[[Charge], None], whole: tuple[int, dict[str, bytes]], tmp_path: Path
) -> None:
    """All of it at once: buses before and after it, their order, a database, a map and a limit."""
    bench = Charge(tmp_path, PLAIN)
    bench.play(0, MIDDLE)
    bench.configure(("bay-0", *BAYS[::-1], "bay-3"), PLAIN + BUS + MAP + LIMITS)
    go_on(bench)
    bench.play(MIDDLE)
    bench.finish()
    assert not bench.database.of("event", code="charging_cut")
    ((start_ns, row),) = bench.database.of("charging_session", charger=BAY)
    assert row["vin"] == b'"LSIMGBT27930V0001"'
    differing = {name for name, value in whole[1].items() if row.get(name) != value}
    assert (start_ns, row.keys()) == (whole[0], whole[1].keys())
    assert differing <= OF_THE_GAP


def test_a_vehicles_profile_is_corrected_in_the_middle_of_a_session_which_goes_on(tmp_path: Path) -> None:
    profile = tmp_path / "my-van.toml"
    top = '[[can]]\nname = "body"\nsocket = "body.sock"\nvehicle_profile = "my-van.toml"\npack = "van"\n'
    profile.write_text(VAN.replace("SCALE", "0.01"))
    bench = Charge(tmp_path, top)
    bench.play(0, MIDDLE)
    bench.deliver("body", [(MIDDLE * 100_000_000, 0x1DB, b"\x0e\x10")], START_NS)
    profile.write_text(VAN.replace("SCALE", "0.1"))
    bench.configure(BAYS, top)
    bench.reload()
    bench.play(MIDDLE, MIDDLE + 100)
    bench.deliver("body", [((MIDDLE + 100) * 100_000_000, 0x1DB, b"\x0e\x10")], START_NS)
    bench.play(MIDDLE + 100)
    bench.finish()
    assert [(is_open, outcome) for is_open, outcome, _ in bench.sessions()] == [(b"false", "complete")]
    assert not bench.database.of("event", code="charging_cut")
    voltages = [number(row, "voltage_v") for _, row in bench.database.of("battery", pack="van")]
    assert voltages == [36.0, 360.0]


def test_a_session_is_over_once_its_plug_is_not_followed_any_more(tmp_path: Path) -> None:
    bench = Charge(tmp_path)
    bench.play(0, MIDDLE)
    bench.configure(BAYS[1:])
    before = bench.spool.gauges().waiting_points
    bench.reload()
    assert bench.spool.gauges().waiting_points > before  # its last rows wait for no other batch
    bench.finish()
    assert [is_open for is_open, _, _ in bench.sessions()] == [b"false"]

    (tmp_path / "other").mkdir()
    again = Charge(tmp_path / "other")
    again.play(0, MIDDLE)
    again.stop()
    again.configure(BAYS[1:])
    again.start()
    again.finish()
    assert [(is_open, outcome) for is_open, outcome, _ in again.sessions()] == [(b"false", "cut")]
    assert len(again.database.of("event", code="charging_cut")) == 1


def test_a_vehicle_that_falls_silent_ends_its_session_and_one_whose_bus_is_away_does_too(
    tmp_path: Path,
) -> None:
    for folder, away in (("there", ()), ("away", (BAY,))):
        (tmp_path / folder).mkdir()
        bench = Charge(tmp_path / folder)
        bench.play(0, MIDDLE)
        bench.watch(60.0 * 15, away=away)
        bench.finish()
        ((is_open, outcome, _),) = bench.sessions()
        assert (is_open, outcome) == (b"false", "cut")


def test_a_log_that_ends_within_a_charge_ends_its_session_with_the_last_frame(tmp_path: Path) -> None:
    bench = Charge(tmp_path)
    frames = [frame for part in list(deliveries(charge()))[:MIDDLE] for frame in part]
    batch = FrameBatch(len(frames))
    for time_ns, id, data in frames:
        batch.append(START_NS + time_ns, id, data)
    bench.pipeline.process(BAY, batch, {}, resume_as="trip")
    bench.pipeline.end(BAY, {}, is_complete=True, resume_as="trip")
    bench.pipeline.finish()
    bench.send()
    ((stamp, row),) = bench.database.of("charging_session", charger=BAY)
    assert (row["open"], text(row, "outcome")) == (b"false", "unfinished")
    assert stamp + round(number(row, "duration_s") * 1e9) == START_NS + frames[-1][0]
