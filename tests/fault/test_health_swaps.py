"""Packs that take turns at a plug: each has a history of its own, over restarts too."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from telemetry.charging.items import Named
from telemetry.health.state import PackState, StateFiles
from tests.support.charge_lives import PowerCutError, charge, number, text
from tests.support.health_lives import HealthLives
from tests.support.packs_charged import CHARGE, DRIVE, SECOND, START_NS, Frame, frames, mapped
from tests.support.plug import PlugBench
from tests.unit.charging.test_packs import charge as charge_at

FIRST, SECOND_PACK = "SIMU-00006D1A", "SIMU-00006D1B"  # by the serial numbers 27930 and 27931
CONTENT = tuple(frames((*CHARGE, *DRIVE, *CHARGE, *DRIVE, *CHARGE, *DRIVE, *CHARGE)))
STARTS_S = (0, 480, 960, 1440)  # of its charges


def lives_in(folder: Path, said: str | None = None) -> HealthLives:
    lives = HealthLives(folder, said)
    lives.clock.step((START_NS - lives.clock.unix_ns()) / 1e9)
    lives.start()
    return lives


def name(lives: HealthLives, identity: str, rated_ah: float = 0.0) -> None:
    """Let the first row of the next batch say who the pack is."""
    health = lives.stages.writing.health
    assert health is not None
    health._named.append(Named(0, "main", identity, rated_ah))


def between(begin_s: int, end_s: int) -> list[Frame]:
    return [each for each in CONTENT if begin_s <= (each[0] - START_NS) / SECOND < end_s]


def test_a_vehicle_says_who_its_pack_is_and_what_it_is_rated_each_time() -> None:
    bench, named = PlugBench(), list[Named]()
    bench.tracker.tell_names(named)
    for at, serial in enumerate((1, None, 2)):
        charge_at(bench, 100.0 * at, serial)
    bench.finish()
    assert [(one.pack, one.identity, one.rated_ah) for one in named] == [
        ("main", "WXYZ-00000001", 0.0),
        ("main", "", 0.0),
        ("main", "WXYZ-00000002", 0.0),
    ]


@pytest.mark.parametrize("is_restarted", [True, False])
def test_each_identity_goes_on_with_its_own_charges(is_restarted: bool, tmp_path: Path) -> None:
    lives = lives_in(tmp_path)
    parts = zip(STARTS_S, (*STARTS_S[1:], 3000), (FIRST, SECOND_PACK, FIRST, FIRST), strict=True)
    for begin_s, end_s, identity in parts:
        name(lives, identity)
        lives.play(between(begin_s, end_s))
        if is_restarted:
            lives.stop()
            lives.start()
    lives.remembering.save()
    rows = [row for _, row in lives.rows()]
    assert [text(row, "used") for row in rows] == ["true"] * 4
    assert ["charges_used" in row for row in rows] == [False, False, False, True]
    assert number(rows[3], "charges_used") == 3  # those of the first pack
    known = {state.identity: len(state.history["used"]) for state in StateFiles(tmp_path / "health").read()}
    assert {FIRST: 3, SECOND_PACK: 1}.items() <= known.items()


def test_of_packs_that_have_left_nothing_stays_in_memory_once_it_is_saved(tmp_path: Path) -> None:
    lives = lives_in(tmp_path)
    health = lives.stages.writing.health
    assert health is not None
    lives.play(between(0, 480))
    for begin_s in range(480, 500):
        name(lives, f"SIMU-{begin_s:08X}")
        lives.play(between(begin_s, begin_s + 1))
    lives.remembering.settle()
    lives.remembering.settle()
    assert [state.identity for state in health.memory()] == [f"SIMU-{499:08X}"]
    assert len(list(StateFiles(tmp_path / "health").read())) == 1 + 20
    name(lives, f"SIMU-{480:08X}")  # the first pack that was named: it had been there before
    lives.play(between(960, 1440))
    (state,) = (each for each in health.memory() if each.identity == f"SIMU-{480:08X}")
    assert len(state.history["used"]) == 2


def test_pages_after_the_row_that_names_another_pack_are_of_that_pack(tmp_path: Path) -> None:
    lives = lives_in(tmp_path)
    name(lives, FIRST)
    lives.play(between(0, 270))
    name(lives, SECOND_PACK)
    for begin_s in (270, 520):  # a drive in one batch
        lives.deliver("can0", between(begin_s, begin_s + 250), 0)
    *_, (start_ns, row) = lives.rows("cell_resistance")
    assert start_ns > START_NS + 450 * SECOND
    assert number(row, "r004") / number(row, "r001") == pytest.approx(1.6, rel=0.02)


@pytest.mark.parametrize("begin_s", [0, 5400])  # on one day, and over a midnight
@pytest.mark.parametrize("is_restarted", [True, False])
def test_the_use_of_a_day_is_that_of_all_packs_that_took_turns(
    is_restarted: bool, begin_s: int, tmp_path: Path
) -> None:
    later = [(at_ns + begin_s * SECOND, number, data) for at_ns, number, data in CONTENT]
    for each in ("alone", "turns"):
        (tmp_path / each).mkdir()
    alone = lives_in(tmp_path / "alone")
    alone.play(later)
    alone.stop()
    lives = lives_in(tmp_path / "turns")
    parts = zip(
        (0, 300, 700, 1200), (300, 700, 1200, 3000), (FIRST, SECOND_PACK, FIRST, "third"), strict=True
    )
    for begin, end, identity in parts:
        name(lives, identity)
        lives.play(part for part in later if begin <= (part[0] - START_NS) / SECOND - begin_s < end)
        if is_restarted:
            lives.stop()
            lives.start()
    lives.stop()
    days, whole = lives.rows("battery_use"), alone.rows("battery_use")
    assert [at_ns for at_ns, _ in days] == [at_ns for at_ns, _ in whole]
    for (_, day), (_, expected) in zip(days, whole, strict=True):
        assert day.keys() == expected.keys()
        for one in day.keys() - {"full_cycles"}:  # at each turn the second between two packs is nobody's
            lost = {"s": 8, "ah": 0.04, "wh": 0.5}[one.rpartition("_")[2]]
            assert number(day, one) == pytest.approx(number(expected, one), abs=lost)


def test_a_pack_that_is_named_for_the_first_time_is_the_one_that_was_there(tmp_path: Path) -> None:
    lives = lives_in(tmp_path)
    lives.play(between(0, 480))
    name(lives, FIRST)
    lives.play(between(480, 3000))
    *_, (_, last) = lives.rows()
    assert number(last, "charges_used") == 4


def test_the_row_of_a_charge_that_a_swap_has_ended_survives_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = lives_in(tmp_path)
    name(lives, FIRST)
    lives.play(between(0, 150))
    name(lives, SECOND_PACK)
    write = StateFiles.write

    def cut(files: StateFiles, states: Sequence[PackState]) -> bool:
        write(files, states)
        raise PowerCutError

    with monkeypatch.context() as patched:
        patched.setattr(StateFiles, "write", cut)
        with pytest.raises(PowerCutError):
            lives.play(between(150, 480))
    lives.kill()
    lives.start()
    lives.play(between(480, 960))
    (_, row), *_ = lives.rows()
    assert (text(row, "used"), text(row, "reason")) == ("false", "swap")
    lives.stop()
    assert not any(state.history["waiting"] for state in StateFiles(tmp_path / "health").read())


def test_a_swap_in_the_middle_of_a_charge_ends_it_and_says_why(tmp_path: Path) -> None:
    lives = lives_in(tmp_path)
    name(lives, FIRST)
    lives.play(between(0, 150))
    name(lives, SECOND_PACK)
    lives.play(between(150, 480))
    (_, row), *_ = lives.rows()
    assert (text(row, "used"), text(row, "reason")) == ("false", "swap")
    assert "charge_capacity_ah" not in row


def test_what_the_battery_says_of_its_rating_counts_where_nothing_is_configured(tmp_path: Path) -> None:
    for folder, rest in (("told", ""), ("configured", "rated_ah = 5.0\n")):
        (tmp_path / folder).mkdir()
        lives = lives_in(tmp_path / folder)
        lives.stop()
        lives.said = lives.said.replace("rated_ah = 4.0\n", rest)
        lives.configure(lives.bays)
        lives.start()
        name(lives, FIRST, 4.0)
        lives.play(between(0, 300))
        lives.stop()
        lives.start()
        lives.play(between(300, 3000))
        *_, (_, last) = lives.rows()
        capacity_ah = number(last, "capacity_ah")
        assert number(last, "soh_pct") == pytest.approx(capacity_ah / (5.0 if rest else 4.0) * 100)


def test_a_pack_that_came_just_before_a_restart_is_the_one_that_is_there(tmp_path: Path) -> None:
    lives = lives_in(tmp_path)
    name(lives, FIRST)
    lives.play(between(0, 480))
    health = lives.stages.writing.health
    assert health is not None
    list(health._name(0, Named(0, "main", SECOND_PACK, 0.0)))  # and no row of it comes
    lives.stop()
    lives.start()
    lives.play(between(480, 960))
    lives.stop()
    known = {state.identity: len(state.history["used"]) for state in StateFiles(tmp_path / "health").read()}
    assert known == {FIRST: 1, SECOND_PACK: 1}


def test_a_charge_counts_by_the_rating_that_the_battery_reported_also_after_a_restart(tmp_path: Path) -> None:
    rows = []
    for restarts in (False, True):
        folder = tmp_path / str(restarts)
        folder.mkdir()
        lives = lives_in(folder, mapped("can0") + '[[health]]\npack = "main"\n')
        name(lives, FIRST, 4.0)  # 0.08 A count, and not 2 A: the current of -1 A after the charge ends it
        lives.play(between(0, 60))
        if restarts:
            lives.stop()
            lives.start()
        lives.play(between(60, 400))
        rows.append(lives.rows())
    assert len(rows[0]) == 1
    assert rows[1] == rows[0]


@pytest.mark.long
def test_two_vehicles_at_a_charger_have_a_history_each(tmp_path: Path) -> None:
    """Simulated charges by GB/T 27930, which take half a minute."""
    bus = 'protocol = "gbt27930"\nmessages = true\n[[health]]\nmin_window_pct = 10\n'
    lives = lives_in(tmp_path, bus)
    at_ns = START_NS
    for seed in (1, 2, 1):
        content = charge(30.5, 42.0, seed)
        at_ns = max(at_ns, lives.clock.unix_ns())
        lives.play([(at_ns + ns, id, data) for ns, id, data in content])
        lives.watch(1000.0)
        lives.stop()
        lives.start()
    rows = [row for _, row in lives.rows()]
    assert [text(row, "used") for row in rows] == ["true"] * 3
    known = {state.identity: len(state.history["used"]) for state in StateFiles(tmp_path / "health").read()}
    assert {FIRST: 2, SECOND_PACK: 1}.items() <= known.items()
    assert all(
        state.history["reported_ah"] == 178.0
        for state in StateFiles(tmp_path / "health").read()
        if state.identity
    )
