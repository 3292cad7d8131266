"""The sessions in a log, without a configuration."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from telemetry.decode.sessions import collect_sessions
from tests.support.charges import BEGAN_NS, chademo_from, charge_from, played_charge, written
from tests.support.configuration import GATEWAY


def test_two_plugs_in_one_log_are_two_chargers_of_which_the_second_has_its_interfaces_name(
    tmp_path: Path,
) -> None:
    """Under one name and start, a database would keep one row of the two."""
    log = tmp_path / "charge.log"
    played_charge("37").write_log(log)
    lines = log.read_text("ascii").splitlines()
    interface = lines[0].split()[1]
    other = [line.replace(f" {interface} ", " can7 ") for line in lines]
    both = tmp_path / "both.log"
    both.write_text("".join(f"{a}\n{b}\n" for a, b in zip(lines, other, strict=True)), "ascii")
    (one,) = collect_sessions([log])
    found = {session.charger: session for session in collect_sessions([both])}
    assert found.keys() == {"main", "can7"}
    assert found["main"] == one
    assert found["can7"].energy_charger_wh == one.energy_charger_wh
    assert found["can7"].phases == one.phases


@pytest.mark.parametrize("protocol", ["gbt27930", "chademo"])
@pytest.mark.parametrize("second", ["", "messages = true", "value_texts = true"])
@pytest.mark.parametrize("first", ["", "messages = true", "value_texts = true"])
def test_two_plugs_of_one_protocol_are_followed_whatever_each_bus_writes_of_it(
    tmp_path: Path, protocol: str, first: str, second: str
) -> None:
    """Keys of one bus made other records of its messages, and the other bus's session was lost."""
    log, config = tmp_path / "both.log", tmp_path / "gateway.toml"
    charge = (charge_from if protocol == "gbt27930" else chademo_from)(BEGAN_NS, 40, seconds=20)
    interface = charge[0].split()[1]
    lines = (line.rstrip().replace(f" {interface} ", f" can{bus} ") for line in charge for bus in (1, 2))
    log.write_text("".join(f"{line}\n" for line in lines), "ascii")
    config.write_text(
        GATEWAY
        + "".join(
            f'[[can]]\nname = "can{bus}"\nprotocol = "{protocol}"\ncharger = "bay-{bus}"\n{keys}\n'
            for bus, keys in enumerate((first, second), 1)
        )
    )
    one, other = collect_sessions([log], config=config)
    assert {one.charger, other.charger} == {"bay-1", "bay-2"}
    assert replace(one, charger="") == replace(other, charger="")
    assert one.phases


def test_each_of_two_charges_in_two_logs_is_found_once(tmp_path: Path) -> None:
    log, later = tmp_path / "charge.log", tmp_path / "later.log"
    played_charge("37").write_log(log)
    stamped = [line.partition(")") for line in log.read_text("ascii").splitlines()]
    an_hour_later = [(Decimal(stamp[1:]) + 3600, rest) for stamp, _, rest in stamped]
    later.write_text("".join(f"({stamp}){rest}\n" for stamp, rest in an_hour_later), "ascii")
    (one,) = collect_sessions([log])
    (other,) = collect_sessions([later])
    assert other != one
    assert list(collect_sessions([log, later])) == [one, other]


def test_a_stop_and_a_count_of_nothing_but_filler_are_still_a_stop_and_a_count(tmp_path: Path) -> None:
    log = tmp_path / "charge.log"
    frames = ["1826F456#010100", "1812F456#050F580E0000FD", "101956F4#FFFFFFFF", "181C56F4#FFFFFFFFFFFFFF"]
    lines = (f"({1700000000 + at_s}.0) can0 {frame}\n" for at_s, frame in enumerate(frames))
    log.write_text("".join(lines), "ascii")
    (session,) = collect_sessions([log])
    assert (session.outcome, session.stop_side, session.stop_reason) == ("complete", "vehicle", "unexplained")
    assert [phase.phase for phase in session.phases] == ["handshake", "charging", "stopping", "ended"]


def found_in(paths: list[Path]) -> tuple[list[tuple[str | None, float]], list[str]]:
    """Outcome and duration of each session, and the warnings."""
    warnings: list[str] = []
    sessions = list(collect_sessions(paths, warn=warnings.extend))
    assert len({session.start_ns for session in sessions}) == len(sessions)
    return [(session.outcome, round(session.duration_s, 6)) for session in sessions], warnings


def test_each_of_twenty_logs_whose_clocks_begin_alike_has_its_own_session(tmp_path: Path) -> None:
    logs = [
        written(tmp_path / f"{number:02d}.log", charge_from(BEGAN_NS, 40, is_over=number % 3 == 0))
        for number in range(20)
    ]
    found, warnings = found_in(logs)
    assert found == [("complete", 20.5) if number % 3 == 0 else ("unfinished", 19.5) for number in range(20)]
    assert [line.split(": its clock")[0] for line in warnings] == [str(log) for log in logs[1:]]
    assert "20.5 s before the last frame" in warnings[0]


@pytest.mark.parametrize(
    ("back_s", "sessions"), [(1.0, 1), (1.1, 2), (19.4, 2), (3600.0, 2), (-0.5, 1), (-30.0, 2)]
)
def test_a_log_that_begins_before_the_end_of_the_one_before_begins_anew(
    back_s: float, sessions: int, tmp_path: Path
) -> None:
    begins_ns = BEGAN_NS + 19_500_000_000 - round(back_s * 1e9)
    logs = [
        written(tmp_path / "one.log", charge_from(BEGAN_NS, 40)),
        written(tmp_path / "two.log", charge_from(begins_ns, 40)),
    ]
    found, warnings = found_in(logs)
    assert len(found) == sessions
    assert len(warnings) == (back_s > 1.0)


@pytest.mark.parametrize(
    ("first_s", "back_s", "sessions"),
    [
        (200, 59.0, 1),  # as where a live gateway's clock is set
        (200, 61.0, 2),
        (20, 19.0, 1),
        (20, 20.6, 2),  # to before the first stamp of the log
        (20, 3600.0, 2),
        (200, 199.5, 2),
    ],
)
def test_a_clock_that_steps_far_back_within_a_log_begins_another_session(
    first_s: int, back_s: float, sessions: int, tmp_path: Path
) -> None:
    last_ns = BEGAN_NS + first_s * 10**9 - 500_000_000
    part = charge_from(last_ns - round(back_s * 1e9), 40)
    log = written(tmp_path / "whole.log", charge_from(BEGAN_NS, 40, seconds=first_s), part)
    found, warnings = found_in([log])
    assert [outcome for outcome, _ in found] == ["unfinished"] * sessions
    assert len(warnings) == sessions - 1
    assert all(line.startswith(f"{log}: its clock begins {back_s:.1f} s before") for line in warnings)


def test_two_restarts_of_a_clock_in_few_frames_are_three_sessions(tmp_path: Path) -> None:
    parts = [charge_from(BEGAN_NS - 4000 * number * 10**9, 40, seconds=300) for number in range(3)]
    found, warnings = found_in([written(tmp_path / "whole.log", *parts)])
    assert (found, [line.split(": its clock")[0] for line in warnings]) == (
        [("unfinished", 299.5)] * 3,
        [str(tmp_path / "whole.log")] * 2,
    )
