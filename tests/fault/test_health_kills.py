"""kill -9 of a gateway that measures battery health: as many charges, and what they lack is told."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from telemetry.health.state import PackState, StateFiles
from tests.fault.test_charging_kills import die_in
from tests.support.charge_lives import PowerCutError, number, text
from tests.support.health_lives import HealthLives, each_second
from tests.support.packs_charged import CHARGE, CHARGE_A, DRIVE, Frame, Stretch, frames

KILLS = (5, pytest.param(100, marks=pytest.mark.long))
LOST_S = 60.0  # at a kill, of what was heard
HALF_S = CHARGE_A / 3600  # Ah of the second in which a kill falls


def days_of(kills: int) -> Sequence[Stretch]:
    """Return three charges that last the longer the more kills there are."""
    times = 1 if kills < 10 else 15
    charge = (Stretch(180 * times, CHARGE_A / times), Stretch(600, 0.0), Stretch(20, -1.0))
    drive = (Stretch(180 * times, -CHARGE_A / times), Stretch(600, 0.0))
    return (Stretch(60, 0.0), *charge, *drive, *charge, *drive, *charge)


def clock_to(lives: HealthLives, content: Sequence[Frame]) -> None:
    lives.clock.step((content[0][0] - lives.clock.unix_ns()) / 1e9)


def charges(lives: HealthLives) -> list[tuple[int, dict[str, bytes]]]:
    return lives.rows("battery_health")


def assert_each_row_is_of_one_run(lives: HealthLives) -> None:
    """Refuse rows of one stamp that differ: a database keeps fields that a later one does not have."""
    for name in ("battery_health", "cell_resistance", "cell_charge", "cell_drift"):
        written: dict[int, list[dict[str, bytes]]] = {}
        for point in lives.database.written:
            if point.measurement == name:
                written.setdefault(point.time_ns, []).append(dict(point.fields))
        assert all(each == rows[0] for rows in written.values() for each in rows)


@pytest.mark.parametrize("has_power", [True, False])
@pytest.mark.parametrize(("writes", "is_saved"), [(1, False), (1, True), (2, False), (2, True), (3, True)])
def test_killed_while_the_end_of_a_charge_is_saved_its_row_is_of_one_run_alone(
    writes: int, is_saved: bool, has_power: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is saved: the charge ends once more, a part of it unheard. After it: the row is the same.

    writes: of states since the charge has ended; is_saved: also the last of them.
    """
    parts = list(each_second(frames((Stretch(40, 0.0), Stretch(340, 13.0), *DRIVE, *CHARGE))))
    content = [frame for part in parts for frame in part]
    for folder in ("one", "killed"):
        (tmp_path / folder).mkdir()
    undisturbed, lives = HealthLives(tmp_path / "one"), HealthLives(tmp_path / "killed")
    for each in (undisturbed, lives):
        clock_to(each, content)
        each.start()
    undisturbed.play(content)
    write, ended = StateFiles.write, list[int]()

    def cut(files: StateFiles, states: Sequence[PackState]) -> bool:
        ended.extend(1 for state in states if state.history["used"])
        is_last = len(ended) == writes
        is_kept = write(files, states) if is_saved or not is_last else False
        if is_last:
            raise PowerCutError
        return is_kept

    coming = iter(parts)
    with monkeypatch.context() as patched:
        patched.setattr(StateFiles, "write", cut)
        with pytest.raises(PowerCutError):
            lives.play(frame for part in coming for frame in part)
    (lives.kill if has_power else lives.cut_power)()
    lives.start()
    lives.play(frame for part in coming for frame in part)
    (_, first), _ = charges(lives)
    assert_each_row_is_of_one_run(lives)
    is_whole = is_saved or writes > 1
    assert (first == charges(undisturbed)[0][1]) is is_whole
    assert ("charge_capacity_ah" in first, text(first, "used")) == (is_whole, str(is_whole).lower())


@pytest.mark.parametrize("kills", KILLS)
def test_killed_at_random_moments_there_are_as_many_charges_and_what_they_lack_is_told(
    kills: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = list(frames(days_of(kills)))
    (tmp_path / "one").mkdir()
    undisturbed = HealthLives(tmp_path / "one")
    clock_to(undisturbed, content)
    undisturbed.start()
    undisturbed.play(content)
    expected = charges(undisturbed)
    assert len(expected) == 3

    (tmp_path / "many").mkdir()
    lives, chance = HealthLives(tmp_path / "many"), Random(30)
    clock_to(lives, content)
    parts = list(each_second(content))
    pace = (len(parts) - 60) // kills
    deaths = [30 + pace * number + chance.randrange(pace - 26) for number in range(kills)]
    at, missed_s = 0, 0
    for death in [*deaths, len(parts)]:
        lives.start()
        undo = None
        how = chance.choice(["between", "disk", "pwritev", "rename", "fdatasync"])
        lives.play([frame for part in parts[at : death - 1] for frame in part])
        if death < len(parts):
            if how == "disk":
                lives.disk.cut_at = lives.disk.operations + chance.randrange(1, 8)
            elif how != "between":
                undo = die_in(monkeypatch, how, chance.randrange(1, 20))
        try:
            lives.play([frame for part in parts[death - 1 : death + 5] for frame in part])
        except PowerCutError:
            pass
        finally:
            if undo is not None:
                undo()
        at = death + 5
        if death < len(parts):
            lives.kill()
            miss = chance.choice([0, 0, 1, 5, 20])
            missed_s += miss
            lives.clock.advance(float(miss))
            at += miss
    found = charges(lives)
    lives.assert_balanced()
    assert_each_row_is_of_one_run(lives)
    assert len(found) == len(expected)
    for (start_ns, row), (true_ns, true) in zip(found, expected, strict=True):
        late_s = (start_ns - true_ns) / 1e9
        untold_ah = number(true, "charge_ah") - number(row, "charge_ah")
        told_s = late_s + number(row, "gap_s")
        assert 0 <= late_s <= kills * LOST_S + missed_s
        assert -kills * HALF_S <= untold_ah
        assert untold_ah <= number(true, "mean_current_a") * told_s / 3600 + kills * HALF_S
    for name in ("charge_in_ah", "charge_out_ah"):
        whole = sum(number(row, name) for _, row in undisturbed.rows("battery_use"))
        kept = sum(number(row, name) for _, row in lives.rows("battery_use"))
        assert whole - kills * LOST_S * CHARGE_A / 3600 <= kept <= 1.001 * whole
