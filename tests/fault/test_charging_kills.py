"""kill -9 in the middle of a charge: one session, whose energy is that of the frames in the database."""

import itertools
import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest

from telemetry.charging.session import PHASES
from tests.support.charge_lives import (
    BAYS,
    START_NS,
    Database,
    Frame,
    Lives,
    PowerCutError,
    charge,
    deliveries,
    number,
    text,
)

KILLS = (8, pytest.param(200, marks=pytest.mark.long))
BAY = BAYS[0]
NEAR_THE_END = 835  # tenths of a second
GAP_NS = 2_000_000_000  # what is measured further apart is not joined


def trapezoids_wh(rows: list[tuple[int, dict[str, bytes]]], gap_ns: int) -> float:
    """Energy of rows with voltage and current, over gaps of that length at most."""
    samples = [(ns, abs(number(row, "voltage_v") * number(row, "current_a"))) for ns, row in rows]
    pairs = itertools.pairwise(samples)
    return sum((p + q) / 2 * (b - a) / 3.6e12 for (a, p), (b, q) in pairs if b - a <= gap_ns)


def stamps_of_messages(database: Database, source: str = BAY) -> list[int]:
    return sorted(
        stamp
        for name, tags, stamp in database.rows
        if name.startswith("gbt27930_") and dict(tags)["source"] == source
    )


def gaps_s(stamps: list[int], starts: list[int]) -> float:
    """Return the time nobody saw, between the last frame of one life and the first of another."""
    lives = [sum(start <= stamp for start in starts) for stamp in stamps]
    pairs = itertools.pairwise(zip(stamps, lives, strict=True))
    return sum(b - a for (a, before), (b, after) in pairs if before != after) / 1e9


def assert_one_session(
    database: Database, starts: list[int], *, source: str = BAY, gap_ns: int = GAP_NS
) -> None:
    """Check for one complete row with energies and gaps of the present frames, no curve point twice."""
    ((start_ns, session),) = database.of("charging_session", charger=source)
    stamps = stamps_of_messages(database, source)
    assert start_ns == stamps[0]
    assert (session["open"], text(session, "outcome")) == (b"false", "complete")
    for side, message in (("vehicle", "gbt27930_BCS"), ("charger", "gbt27930_CCS")):
        expected_wh = trapezoids_wh(database.of(message, source=source), gap_ns)
        assert number(session, f"energy_{side}_wh") == pytest.approx(expected_wh, rel=1e-9)
    assert number(session, "gap_s") == pytest.approx(gaps_s(stamps, starts), abs=1e-6)
    percents = [number(point, "soc_pct") for _, point in database.of("charging_curve")]
    assert len(percents) >= 2
    assert percents == sorted(set(percents))
    phases = [text(row, "phase") for _, row in database.of("charging_phase")]
    assert phases == [phase for phase in PHASES if phase in phases]  # one may begin and end unheard
    assert {"charging", "ended"} <= set(phases)


class Player:
    """A charge that goes on whether anybody listens or not."""

    def __init__(self, lives: Lives, frames: tuple[Frame, ...]) -> None:
        self.lives = lives
        self.parts: Iterator[list[Frame]] = deliveries(frames)
        self.starts: list[int] = []  # by life: stamp of the first frame that it was given
        self.is_new = True

    def start(self) -> None:
        self.lives.start()
        self.is_new = True

    def play(self, count: int) -> bool:
        """So many tenths of a second are heard; return whether the charge goes on."""
        for part in itertools.islice(self.parts, count):
            self.lives.clock.advance(0.1)
            if self.is_new and part:
                self.starts.append(START_NS + part[0][0])
                self.is_new = False
            self.lives.deliver(BAY, part, START_NS)
            self.lives.pipeline.tick(self.lives.bays)
            count -= 1
        return count == 0

    def miss(self, count: int) -> None:
        """So many are not."""
        for _ in itertools.islice(self.parts, count):
            self.lives.clock.advance(0.1)


def die_in(monkeypatch: pytest.MonkeyPatch, name: str, after: int) -> Callable[[], None]:
    """Let the process die before the system call `name` of what is kept in memory; undo by the result."""
    call = getattr(os, name)
    left = itertools.count(after, -1)

    def dies(*arguments: Any, **named: Any) -> Any:
        if next(left) <= 0:
            raise PowerCutError
        return call(*arguments, **named)

    monkeypatch.setattr(os, name, dies)
    return lambda: monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize("kills", KILLS)
def test_killed_at_random_moments_there_is_one_session_with_the_energy_of_the_frames_that_are_stored(
    kills: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(3)
    frames = charge() if kills < 20 else charge(30.0, 60.0)
    tenths = int(frames[-1][0] / 1e8)
    lives = Lives(tmp_path)
    player = Player(lives, frames)
    killed = 0
    goes_on = True
    while goes_on:
        player.start()
        if random.random() < 0.3:
            lives.send()
        if killed == kills:
            while goes_on:
                goes_on = player.play(10)
            break
        how = random.choice(["between", "disk", "pwritev", "rename"])
        undo = None
        if how == "disk":
            lives.disk.cut_at = lives.disk.operations + random.randrange(1, 8)
        elif how != "between":
            undo = die_in(monkeypatch, how, random.randrange(1, 20))
        try:
            goes_on = player.play(random.randrange(1, max(2, tenths // kills)))
        except PowerCutError:
            pass
        finally:
            if undo is not None:
                undo()
        lives.kill()
        killed += 1
        player.miss(random.choice([0, 1, 5, 25, tenths // kills]))
    lives.watch(20.0)
    lives.pipeline.finish(lives.bays)
    lives.spool.commit()
    lives.send()
    lives.assert_balanced()
    assert killed == kills
    assert_one_session(lives.database, player.starts)


@pytest.fixture(scope="module")
def near_the_end(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    """Kill a gateway a second before the vehicle stops the charge; all it had made is on disk."""
    lives = Lives(tmp_path_factory.mktemp("base"), (BAY,))
    player = Player(lives, charge())
    player.start()
    player.play(NEAR_THE_END)
    lives.pipeline.cut()
    lives.spool.commit()
    lives.kill()
    return lives


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("where", ["disk", "memory"])
def test_killed_at_each_write_from_before_the_stop_to_after_the_end_there_is_one_session(
    where: str, every: int, near_the_end: Lives, tmp_path: Path
) -> None:
    rest = list(deliveries(charge()))[NEAR_THE_END:]
    write, died = 1, True
    while died:
        folder = tmp_path / str(write)
        folder.mkdir()
        lives = Lives(folder, (BAY,))
        lives.disk, lives.clock = deepcopy(near_the_end.disk), deepcopy(near_the_end.clock)
        lives.start()
        parts = iter([*rest, *[[]] * 110])  # the session ends after ten seconds of silence
        with pytest.MonkeyPatch.context() as patch:
            if where == "disk":
                lives.disk.cut_at = lives.disk.operations + write
            else:
                die_at(patch, write)
            try:
                play(lives, parts)
                died = False
            except PowerCutError:
                lives.kill()
            lives.disk.cut_at = None
        if died:
            lives.start()
            play(lives, parts)
            lives.watch(11.0)
        lives.pipeline.finish(lives.bays)
        lives.spool.commit()
        lives.send()
        lives.assert_balanced()
        rows = lives.database.of("charging_session")
        assert [(row["open"], text(row, "outcome")) for _, row in rows] == [(b"false", "complete")], write
        percents = [number(point, "soc_pct") for _, point in lives.database.of("charging_curve")]
        assert percents == [30, 31, 32, 33], write
        write += every
    assert write > 5 * every


def play(lives: Lives, parts: Iterator[list[Frame]]) -> None:
    for part in parts:
        lives.clock.advance(0.1)
        lives.deliver(BAY, part, START_NS)
        lives.pipeline.watch_silence(lives.bays)
        lives.pipeline.tick(lives.bays)


def die_at(patch: pytest.MonkeyPatch, write: int) -> None:
    """Let the process die before that change of what is kept in memory."""
    left = itertools.count(write - 1, -1)

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def dies(*arguments: Any, **named: Any) -> Any:
            if next(left) <= 0:
                raise PowerCutError
            return call(*arguments, **named)

        return dies

    for name in ("pwritev", "pwrite", "rename", "unlink"):
        patch.setattr(os, name, dying(getattr(os, name)))
