"""The sessions in a log, without a configuration."""

from decimal import Decimal
from pathlib import Path

from telemetry.decode.sessions import collect_sessions
from tests.support.charges import played_charge


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
