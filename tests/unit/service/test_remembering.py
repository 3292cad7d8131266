"""Battery health over stops, kills, reloads and a clock that is set: what goes on, and what begins again."""

from pathlib import Path

import pytest

from telemetry.charging.items import Named, Point
from telemetry.health.state import StateFiles
from tests.support.charge_lives import number, text
from tests.support.health_lives import BUS, HealthLives, each_second
from tests.support.packs_charged import (
    CHARGE,
    CHARGE_A,
    DRIVE,
    SECOND,
    START_NS,
    TWO_CHARGES,
    Frame,
    Stretch,
    frames,
    health,
    mapped,
)

CONTENT = tuple(frames(TWO_CHARGES))
IN_THE_FIRST = START_NS + 70 * SECOND  # 50 s of the first charge are over, and 130 to come
AFTER_IT = START_NS + 285 * SECOND
HEALTH = ("battery_health", "cell_resistance", "cell_charge", "cell_drift")
CAN1 = '[[can]]\nname = "can1"\ndatabases = ["pack.dbc"]\n'
TWO_PACKS = mapped(BUS, "front") + CAN1 + mapped("can1", "rear") + health("front") + health("rear")


def before(time_ns: int, content: tuple[Frame, ...] = CONTENT) -> list[Frame]:
    return [frame for frame in content if frame[0] < time_ns]


def after(time_ns: int, content: tuple[Frame, ...] = CONTENT) -> list[Frame]:
    return [frame for frame in content if frame[0] >= time_ns]


def content_of(begin_s: int, end_s: int, content: tuple[Frame, ...]) -> list[Frame]:
    return before(START_NS + end_s * SECOND, tuple(after(START_NS + begin_s * SECOND, content)))


def lives_in(
    folder: Path, said: str | None = None, *, wait_for_clock: bool = False, commit_s: int = 0
) -> HealthLives:
    folder.mkdir(exist_ok=True)
    lives = HealthLives(folder, said, wait_for_clock=wait_for_clock, commit_s=commit_s)
    lives.clock.step((START_NS - lives.clock.unix_ns()) / 1e9)
    lives.start()
    return lives


@pytest.fixture
def lives(tmp_path: Path) -> HealthLives:
    return lives_in(tmp_path / "lives")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> HealthLives:
    lives = lives_in(tmp_path_factory.mktemp("whole"))
    lives.play(CONTENT)
    lives.stop()
    lives.start()
    assert len(lives.rows()) == 2
    return lives


def test_stopped_and_started_in_the_middle_of_a_charge_the_rows_are_the_same(
    lives: HealthLives, undisturbed: HealthLives
) -> None:
    lives.play(before(IN_THE_FIRST))
    lives.stop()
    lives.start()
    lives.play(after(IN_THE_FIRST))
    lives.stop()
    lives.start()
    for name in ("battery_health", "battery_use", "cell_resistance"):
        assert lives.rows(name) == undisturbed.rows(name)


def test_a_stop_writes_the_day_as_it_is_and_the_next_run_goes_on_with_it(lives: HealthLives) -> None:
    lives.play(before(IN_THE_FIRST))
    lives.stop()
    lives.start()
    ((day_ns, day),) = lives.rows("battery_use")
    assert day_ns == START_NS // (86_400 * SECOND) * 86_400 * SECOND
    assert number(day, "charge_in_ah") == pytest.approx(50 * CHARGE_A / 3600, rel=0.02)
    assert lives.rows() == []
    lives.play(after(IN_THE_FIRST))
    lives.stop()
    lives.start()
    ((_, day),) = lives.rows("battery_use")
    assert number(day, "charge_in_ah") == pytest.approx(2 * 180 * CHARGE_A / 3600, rel=0.02)


def test_a_pause_of_the_service_is_told(lives: HealthLives) -> None:
    lives.play(before(IN_THE_FIRST))
    lives.stop()
    lives.clock.advance(300.0)
    lives.start()
    later = [(time_ns + 300 * SECOND, id, data) for time_ns, id, data in after(IN_THE_FIRST)]
    lives.play(later)
    (_, row), _ = lives.rows()
    assert number(row, "gap_s") == pytest.approx(300.0, abs=1.0)
    assert text(row, "reason") == "gaps"
    assert number(row, "charge_ah") == pytest.approx(1.8, rel=0.02)


def test_what_a_killed_run_had_counted_a_minute_before_goes_on(lives: HealthLives) -> None:
    lives.play(before(AFTER_IT))
    lives.kill()
    lives.start()
    lives.play(after(AFTER_IT))
    lives.stop()
    lives.start()
    (_, first), (_, second) = lives.rows()
    assert number(second, "charge_ah") == pytest.approx(number(first, "charge_ah"), rel=0.02)
    assert [text(row, "used") for row in (first, second)] == ["true", "true"]


@pytest.mark.parametrize("harm", ["damaged", "none"])
def test_a_state_that_is_damaged_is_told_and_all_begins_again(
    harm: str, lives: HealthLives, caplog: pytest.LogCaptureFixture
) -> None:
    lives.play(before(IN_THE_FIRST))
    lives.stop()
    (file,) = (lives.folder / "health").iterdir()
    if harm == "damaged":
        file.write_bytes(file.read_bytes()[:-9])
    lives.start()
    assert ["set aside" in words for words in caplog.messages] == [True] * (harm == "damaged")
    lives.play(after(IN_THE_FIRST))
    first, _ = lives.rows()
    is_whole = number(first[1], "charge_ah") == pytest.approx(1.8, rel=0.02)
    assert is_whole == (harm == "none")


# --- another configuration


def test_a_reload_in_the_middle_of_a_charge_changes_nothing(
    lives: HealthLives, undisturbed: HealthLives
) -> None:
    lives.play(before(IN_THE_FIRST))
    lives.reload()
    lives.play(after(IN_THE_FIRST))
    lives.stop()
    lives.start()
    assert lives.rows() == undisturbed.rows()
    assert lives.rows("battery_use") == undisturbed.rows("battery_use")


def test_a_changed_table_keeps_the_history(lives: HealthLives) -> None:
    content = tuple(frames((*TWO_CHARGES, *DRIVE, *CHARGE)))
    third_ns = content[-1][0] - 300 * SECOND
    lives.play(before(third_ns, content))
    lives.said = mapped(BUS) + health(rest='chemistry = "nmc"\nsoc_error_pct = 2\n')
    lives.reload()
    lives.play(after(third_ns, content))
    *_, (_, last) = lives.rows()
    assert number(last, "charges_used") == 3


def test_a_table_that_is_taken_away_leaves_its_file_and_goes_on_when_it_is_back(lives: HealthLives) -> None:
    content = tuple(frames((*TWO_CHARGES, *DRIVE, *CHARGE)))
    third_ns = content[-1][0] - 300 * SECOND
    lives.play(before(third_ns, content))
    with_health, lives.said = lives.said, mapped(BUS)
    lives.reload()
    (file,) = (lives.folder / "health").iterdir()
    lives.play(before(third_ns + 5 * SECOND, tuple(after(third_ns, content))))
    lives.said = with_health
    lives.reload()
    lives.play(after(third_ns + 5 * SECOND, content))
    assert file.exists()
    *_, (_, last) = lives.rows()
    assert number(last, "charges_used") == 3


def test_another_vehicle_begins_again_and_the_first_ones_file_stays(lives: HealthLives) -> None:
    content = tuple(frames((*TWO_CHARGES, *DRIVE, *CHARGE)))
    third_ns = content[-1][0] - 300 * SECOND
    lives.play(before(third_ns, content))
    lives.stop()
    files = StateFiles(lives.folder / "health")
    (state,) = files.read()
    (lives.folder / "health" / state.file_name).unlink()
    StateFiles(lives.folder / "health").write([state._replace(vehicle="bus")])
    lives.start()
    lives.play(after(third_ns, content))
    lives.stop()
    lives.start()
    *_, (_, last) = lives.rows()
    assert "charges_used" not in last  # it is the first of this vehicle
    assert {state.vehicle for state in files.read()} == {"van", "bus"}


def test_reloads_while_the_row_of_a_charge_goes_out_lose_none(
    lives: HealthLives, undisturbed: HealthLives
) -> None:
    ends_ns = START_NS + 245 * SECOND
    lives.play(before(ends_ns))
    for second in each_second(before(ends_ns + 30 * SECOND, tuple(after(ends_ns)))):
        lives.play(second)
        lives.reload()
    lives.play(after(ends_ns + 30 * SECOND))
    assert lives.rows() == undisturbed.rows()


# --- the disk


@pytest.mark.parametrize("is_out", [False, True])
def test_a_row_is_remembered_until_it_is_committed(is_out: bool, lives: HealthLives) -> None:
    """Let nobody have it while the time is not known."""
    health = lives.stages.writing.health
    assert health is not None
    lives.play(before(AFTER_IT))
    row = Point("cell_drift", {"vehicle": "van", "pack": "main"}, {"d001": 1.0}, START_NS)
    health._packs[0].wait([row])
    lives.remembering.settle()
    if is_out:
        lives.pipeline.watch_silence(lives.bays)
    lives.remembering.settle()
    assert len(health._packs[0].history.waiting) == (not is_out)
    lives.cut_power()
    lives.start()
    ((_, known),) = lives.rows("cell_drift")
    assert number(known, "d001") == 1.0


@pytest.mark.parametrize("lasts_s", [0, 1, 2, 5])
def test_each_row_goes_out_once_also_where_packs_end_while_a_commit_lasts(
    lasts_s: int, tmp_path: Path
) -> None:
    lives = lives_in(tmp_path / "lives", TWO_PACKS, commit_s=lasts_s)
    lives.bays = (BUS, "can1")
    three = (*CHARGE, *DRIVE) * 3
    parts = (list(each_second(frames((Stretch(still_s, 0.0), *three)))) for still_s in (40, 41))
    for front, rear in zip(*parts, strict=False):
        lives.play_all({BUS: front, "can1": rear})
    lives.rows()  # another pack's row goes out with this
    for pack in ("front", "rear"):
        assert len(lives.rows(pack=pack)) == 3
    written = [one for one in lives.database.written if one.measurement in HEALTH]
    keys = [(one.measurement, one.tags["pack"], one.time_ns) for one in written]
    assert len(keys) == len(set(keys)) >= 6 + 6


def test_while_the_disk_refuses_packs_that_left_stay_in_memory_and_rows_go_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = lives_in(tmp_path / "lives")
    content = tuple(frames((*CHARGE, *DRIVE) * 3))
    health = lives.stages.writing.health
    assert health is not None

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    health._named.append(Named(0, "main", "FIRST", 0.0))
    with monkeypatch.context() as patched:
        patched.setattr(StateFiles, "_put", refuse)
        lives.play(before(START_NS + 480 * SECOND, content))
        health._named.append(Named(0, "main", "OTHER", 0.0))
        lives.play(content_of(480, 960, content))
        assert len(lives.rows()) == 2
    lives.remembering.settle()
    lives.remembering.settle()
    assert [state.identity for state in health.memory()] == ["OTHER"]
    health._named.append(Named(0, "main", "FIRST", 0.0))
    lives.play(content_of(960, 1440, content))
    assert {one.identity: len(one.history["used"]) for one in health.memory()}["FIRST"] == 2


# --- the clock


def test_nothing_is_counted_before_the_time_is_known(tmp_path: Path) -> None:
    lives = lives_in(tmp_path / "lives", wait_for_clock=True)
    lives.clock.step(-START_NS / 1e9)
    early = [(time_ns - START_NS, id, data) for time_ns, id, data in before(IN_THE_FIRST)]
    lives.play(early, time_known=False)
    assert lives.rows("battery_use") == []
    lives.clock.step(START_NS / 1e9)
    lives.play(after(IN_THE_FIRST))
    lives.stop()
    lives.start()
    (start_ns, first), (_, second) = lives.rows()
    assert start_ns >= IN_THE_FIRST
    assert number(first, "charge_ah") == pytest.approx(130 * CHARGE_A / 3600, rel=0.02)
    assert number(second, "charge_ah") == pytest.approx(1.8, rel=0.02)


def test_what_a_run_before_had_open_waits_for_the_time(tmp_path: Path, undisturbed: HealthLives) -> None:
    lives = lives_in(tmp_path / "lives", wait_for_clock=True)
    lives.play(before(IN_THE_FIRST))
    lives.stop()
    now_ns = lives.clock.unix_ns()
    lives.clock.reboot()
    lives.clock.step(-now_ns / 1e9)
    lives.start()
    lives.play([(SECOND, *CONTENT[0][1:])], time_known=False)
    lives.clock.step((IN_THE_FIRST - lives.clock.unix_ns()) / 1e9)
    lives.play(after(IN_THE_FIRST))
    assert lives.rows() == undisturbed.rows()


# --- silence


@pytest.mark.parametrize(("minutes", "is_over"), [(14, False), (16, True)])
def test_a_charge_ends_after_a_quarter_of_an_hour_of_silence(
    minutes: int, is_over: bool, lives: HealthLives
) -> None:
    lives.play(before(START_NS + 190 * SECOND))
    lives.watch(60.0 * minutes)
    rows = lives.rows()
    assert len(rows) == is_over
    if is_over:
        assert number(rows[0][1], "charge_ah") == pytest.approx(170 * CHARGE_A / 3600, rel=0.02)


def test_a_process_that_stood_still_has_heard_no_silence(lives: HealthLives) -> None:
    lives.play(before(START_NS + 190 * SECOND))
    lives.clock.advance(3600.0)
    lives.pipeline.watch_silence(lives.bays)
    assert lives.rows() == []


# --- two of them


def test_two_packs_on_two_buses_are_apart_also_over_a_kill(tmp_path: Path) -> None:
    lives = lives_in(tmp_path / "lives", TWO_PACKS)
    lives.bays = (BUS, "can1")
    other = tuple(frames((Stretch(50, 0.0), Stretch(240, 18.0), Stretch(99, -1.0)), soc_pct=40.0))
    for part_ns in range(START_NS, CONTENT[-1][0] + SECOND, 50 * SECOND):
        for bay, content in ((BUS, CONTENT), ("can1", other)):
            part = before(part_ns + 50 * SECOND, tuple(after(part_ns, content)))
            if part:
                lives.play(part, bay=bay)
        if part_ns == START_NS + 250 * SECOND:
            lives.stop()
            lives.start()
            lives.bays = (BUS, "can1")
    assert len(lives.rows(pack="front")) == 2
    ((_, rear),) = lives.rows(pack="rear")
    assert number(rear, "charge_ah") == pytest.approx(240 * 18.0 / 3600, rel=0.02)


def test_a_pack_whose_state_of_charge_comes_from_another_bus_is_one(tmp_path: Path) -> None:
    """Its stamps step back from one bus to the other, since each is heard a second at a time."""
    currents, rest = mapped(BUS, signals=("Volts", "Amperes")), mapped("can1", signals=("Soc", "Temp"))
    rest = rest.partition('[[map]]\nbus = "can1"\nsignal = "Cells')[0]
    said = currents + '[[can]]\nname = "can1"\ndatabases = ["pack.dbc"]\n' + rest + health()
    lives = lives_in(tmp_path / "lives", said)
    lives.bays = (BUS, "can1")
    for part_ns in range(START_NS, CONTENT[-1][0] + SECOND, SECOND):
        part = before(part_ns + SECOND, tuple(after(part_ns)))
        lives.clock.advance(1.0)
        for bay in lives.bays:
            lives.deliver(bay, part, 0)
    rows = lives.rows()
    assert len(rows) == 2
    for _, row in rows:
        assert number(row, "charge_ah") == pytest.approx(1.8, rel=0.02)
        assert number(row, "window_pct") == pytest.approx(45.0, abs=0.5)
        assert number(row, "gap_s") == 0
