"""telemetry/scan/can_scan.py: what fits a bus, by frames of simulators and of references, and by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import cantools.database
import pytest
from telemetry_core.decode.spec import BusSpec, MessageSpec

from telemetry.__main__ import main
from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.protocols.known import CAN_PROTOCOLS
from telemetry.rules.find_message import EXTENDED
from telemetry.scan.can_scan import (
    J1939,
    BusVerdict,
    Candidate,
    database_candidate,
    judge,
    known_candidates,
    periods_ms,
)
from telemetry.scan.traffic import BusTraffic, traffic_of_logs
from tests.support.bus_traffic import traffic_of
from tests.support.can_protocols import frame_of
from tests.support.charges import played_charge

ROOT = Path(__file__).parents[3]
VEHICLE = ROOT / "firmware_sim" / "wire" / "vehicle.dbc"
CHARGE_LOG = ROOT / "examples" / "charge.log"
MS = 1_000_000

# Frames as references print them, each with its period in ms.
CHADEMO = (
    ("100 # 00 00 00 00 B3 01 64 00", 100),
    ("101 # 00 FF 3C 00 00 DE 00 00", 100),
    ("102 # 02 9A 01 0E 00 C1 49 00", 100),
    ("108 # 01 F4 01 0F B3 01 00 00", 100),
    ("109 # 02 F5 01 0E 01 05 00 00", 100),
)
ELCON = (("1806E5F4 # 03 D4 00 A0 00 00 00 00", 1000), ("18FF50E5 # 0C 0B 00 52 00 00 00 00", 1000))
HUAWEI = (("1081407F # 01 70 00 00 00 01 A6 84", 50), ("1081407E # 01 82 00 00 00 00 07 32", 500))
INFYPOWER = (("0283F000 # 43 FA 00 00 40 60 00 00", 500), ("0286F001 # 0F B4 0F A5 0F A7 00 00", 500))
TRANSPORT = (("18ECFF00 # 20 14 00 03 FF CA FE 00", 1000), ("18EBFF00 # 01 00 FF 00 00 00 00 FF", 1000))
TRUCK = (  # EEC1, EEC2, CCVS1, DM1 by a diagnostic tool's naming, and a longer DM1 in packets
    ("0CF00400 # F0 7D 82 80 25 00 F0 82", 20),
    ("0CF00300 # D1 00 00 FF FF FF FF FF", 50),
    ("18FEF100 # F7 00 00 10 0C 00 00 30", 100),
    ("18FECA00 # 00 FF 00 00 00 00 FF FF", 1000),
    *TRANSPORT,
)


def seen(frames: Iterable[tuple[str, int]], *beside: BusTraffic, seconds: int = 10) -> BusTraffic:
    """Observe the frames, each again and again at its period, beside the traffic of others."""
    each = [(*frame_of(text), period_ms) for text, period_ms in frames]
    traffic = traffic_of(
        (number * period_ms * MS, id, len(data))
        for id, data, period_ms in each
        for number in range(seconds * 1000 // period_ms)
    )
    return BusTraffic([one for bus in (traffic, *beside) for one in bus.ids.values()])


def charged() -> BusTraffic:
    """Observe a simulated charge by GB/T 27930, from handshake to statistics."""
    return traffic_of(
        (at_ns, id | EXTENDED, len(data)) for at_ns, id, data in played_charge("35-emergency-stop").frames
    )


@cache
def database(file: Path) -> Candidate:
    (bus,) = build_plan([BusDatabases(str(file), (file,))]).spec.buses
    return database_candidate(file, bus, periods_ms(file))


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a log of the simulated vehicle."""
    log = tmp_path_factory.mktemp("drive") / "drive.log"
    assert main(["sim", "drive", "--log", str(log), "--duration", "8"]) == 0
    return log


def logged(file: Path) -> BusTraffic:
    (traffic,) = traffic_of_logs([file], pytest.fail).values()
    return traffic


def chosen(verdict: BusVerdict) -> list[str]:
    return [fit.candidate.name for fit in verdict.chosen]


# -- each protocol alone


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("chademo", CHADEMO),
        ("elcon", ELCON),
        ("huawei_r48xx", HUAWEI),
        ("infypower", INFYPOWER),
        (J1939, TRUCK),
    ],
)
def test_a_protocol_is_found_by_frames_of_its_reference(name: str, frames: Sequence[tuple[str, int]]) -> None:
    verdict = judge(seen(frames), [*known_candidates(), database(VEHICLE)])
    assert chosen(verdict) == [name]
    (fit,) = verdict.chosen
    assert (len(fit.ids), fit.lengths_right) == (len(frames), len(frames))
    assert fit.periods_right == fit.periods_judged


def test_a_simulated_charge_is_gbt_27930_with_all_its_ids() -> None:
    traffic = charged()
    verdict = judge(traffic, [*known_candidates(), database(VEHICLE)])
    assert chosen(verdict) == ["gbt27930"]
    (fit,) = verdict.chosen
    assert (fit.ids, fit.frames) == (frozenset(traffic.ids), traffic.frames)
    assert fit.periods_right == fit.periods_judged >= 10


@pytest.mark.parametrize(("byte_count", "ids"), [(8, 1), (9, 3)])
def test_packets_are_of_a_database_where_it_has_messages_that_come_in_them(byte_count: int, ids: int) -> None:
    bus = BusSpec("t", (MessageSpec("T", 0x18FF0000, True, byte_count, (), (), 0, by_pgn=True),))
    traffic = seen([("18FF0000 # 00 00 00 00 00 00 00 00", 100), *TRANSPORT])
    (fit,) = judge(traffic, [database_candidate(Path("t.dbc"), bus, {})]).ranking
    assert len(fit.ids) == ids


def test_a_vehicles_log_fits_its_database_in_every_length_and_period(drive: Path) -> None:
    traffic = logged(drive)
    verdict = judge(traffic, [*known_candidates(), database(VEHICLE)])
    assert chosen(verdict) == [str(VEHICLE)]
    (fit,) = verdict.chosen
    assert len(fit.ids) == fit.lengths_right == len(traffic.ids)
    assert fit.periods_right == fit.periods_judged >= 13


def test_a_log_of_which_frames_were_left_out_fits_its_database_all_the_same() -> None:
    """The sample log has one frame of each id a second."""
    verdict = judge(logged(CHARGE_LOG), [*known_candidates(), database(VEHICLE)])
    (fit,) = verdict.chosen
    assert (fit.candidate.database, fit.lengths_right) == (VEHICLE, len(fit.ids))
    assert fit.periods_right < fit.periods_judged


# -- several on one bus


def test_on_a_mixed_bus_each_explains_its_own_ids(drive: Path) -> None:
    traffic = seen(ELCON, logged(drive), charged())
    verdict = judge(traffic, [*known_candidates(), database(VEHICLE)])
    assert set(chosen(verdict)) == {str(VEHICLE), "gbt27930", "elcon"}
    explained = [id for fit in verdict.chosen for id in fit.ids]
    assert sorted(explained) == sorted(traffic.ids)


def test_two_generations_that_share_their_ids_are_said_to_be_alike() -> None:
    verdict = judge(seen(ELCON), known_candidates())
    assert (chosen(verdict), verdict.alike) == (["elcon"], {"elcon": ("elcon_extended",)})


def test_frames_of_other_devices_beside_a_protocol_do_not_hide_it() -> None:
    others = tuple((f"{id:03X} # 00 00 00 00 00 00 00 00", 20) for id in range(0x200, 0x260))
    assert "chademo" in chosen(judge(seen(CHADEMO, seen(others)), known_candidates()))


def test_a_protocol_that_claims_an_id_of_a_proposed_database_is_not_proposed_beside_it() -> None:
    """A configuration refuses both on one bus."""
    own = [MessageSpec(f"M{id:X}", id, False, 8, (), (), 0) for id in range(0x400, 0x404)]
    command = MessageSpec("Command", 0x1806E5F4, True, 8, (), (), 0)
    candidate = database_candidate(Path("car.dbc"), BusSpec("car", (*own, command)), {})
    frames = [(f"{message.arbitration_id:03X} # 00 00 00 00 00 00 00 00", 100) for message in own]
    verdict = judge(seen([*frames, *ELCON]), [*known_candidates(), candidate])
    assert chosen(verdict) == ["car.dbc"]
    assert "elcon" in [fit.candidate.name for fit in verdict.ranking]


# -- what fits by chance


def test_ids_that_a_vehicle_uses_for_something_else_are_not_chademo() -> None:
    vehicle = tuple((f"{id:03X} # 00 00 00 00 00 00 00 00", 20) for id in range(0x100, 0x180, 2))
    verdict = judge(seen(vehicle), known_candidates())
    assert chosen(verdict) == []
    assert "chademo" in [fit.candidate.name for fit in verdict.ranking]  # with its evidence
    faster = [(text, 10) for text, _ in CHADEMO]
    assert chosen(judge(seen(faster), known_candidates())) == []


def test_one_side_of_chademo_alone_is_not_chademo() -> None:
    verdict = judge(seen(CHADEMO[:3]), known_candidates())
    assert (chosen(verdict), verdict.ranking[0].periods_right) == ([], 3)


def test_a_database_that_shares_a_few_ids_is_not_proposed() -> None:
    frames = [(f"{id:03X} # 00 00 00 00 00 00 00 00", 33) for id in (*range(0x400, 0x440), 0x300, 0x310)]
    for periods in (database(VEHICLE).periods_ms, {}):
        candidate = replace(database(VEHICLE), periods_ms=periods)
        verdict = judge(seen(frames), [candidate])
        assert (chosen(verdict), verdict.ranking[0].lengths_right) == ([], 2)


def test_a_database_whose_frames_have_other_lengths_is_not_proposed() -> None:
    ids = {message.arbitration_id for message in database(VEHICLE).bus.messages if not message.extended}
    frames = [(f"{id:03X} # 00 00", 100) for id in ids]
    verdict = judge(seen(frames), [database(VEHICLE)])
    assert (chosen(verdict), verdict.ranking[0].lengths_right) == ([], 0)


def test_the_command_of_a_charger_of_elcon_is_not_gbt_27930() -> None:
    """Its PGN is that of BCP, its addresses are not."""
    verdict = judge(seen(ELCON[:1]), known_candidates())
    assert chosen(verdict) == ["elcon"]
    assert "gbt27930" not in [fit.candidate.name for fit in verdict.ranking]


# -- databases


def test_of_two_databases_the_one_that_is_right_comes_first(drive: Path, tmp_path: Path) -> None:
    """The other one has the same ids with other periods."""
    other = tmp_path / "other.dbc"
    text = VEHICLE.read_text("utf-8")
    other.write_text(text.replace('"GenMsgCycleTime" BO_ 768 10;', '"GenMsgCycleTime" BO_ 768 500;'), "utf-8")
    verdict = judge(logged(drive), [database(other), database(VEHICLE)])
    assert [fit.candidate.database for fit in verdict.ranking] == [VEHICLE, other]
    assert chosen(verdict) == [str(VEHICLE)]


def test_ids_of_29_bits_that_differ_in_sender_alone_fit_by_pgn() -> None:
    messages = tuple(
        MessageSpec(f"M{pgn:X}", 0x18000000 | pgn << 8 | 0xFE, True, 8, (), (), 0)
        for pgn in (0xFEF1, 0xFEF2, 0xFEF3)
    )
    periods = {message.arbitration_id | EXTENDED: 100 for message in messages}
    candidate = database_candidate(Path("truck.dbc"), BusSpec("truck", messages), periods)
    frames = [(f"18{pgn:04X}27 # 00 00 00 00 00 00 00 00", 100) for pgn in (0xFEF1, 0xFEF2, 0xFEF3)]
    (fit,) = judge(seen(frames), [candidate]).chosen
    assert (fit.candidate.by_pgn, len(fit.ids)) == (True, 3)
    exact = [(text.replace("27 #", "FE #"), period_ms) for text, period_ms in frames]
    (fit,) = judge(seen(exact), [candidate]).chosen
    assert (fit.candidate.by_pgn, fit.score) == (False, 1.0)


def test_the_periods_of_a_database_are_those_that_cantools_reads() -> None:
    messages = cantools.database.load_file(VEHICLE).messages  # type: ignore[union-attr]  # of a bus
    assert database(VEHICLE).periods_ms == {message.name: message.cycle_time for message in messages}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('BA_ "GenMsgCycleTime" BO_ 768 10;', {768: 10}),
        ('BA_ "GenMsgCycleTime" BO_ 2566881319 1000.5;', {2566881319: 1000}),
        ('BA_ "GenMsgCycleTime" BO_ 419397671 20;', {419397671 | EXTENDED: 20}),  # without its bit
        ('BA_ "GenMsgCycleTime" BO_ 768 0;', {}),
        ('BA_ "GenMsgCycleTime" BO_ 768 "often";', {}),
        ('CM_ BO_ 768 "\nBA_ "GenMsgCycleTime" BO_ 768 10;', {}),
    ],
)
def test_what_a_dbc_says_of_periods(text: str, found: dict[int, int], tmp_path: Path) -> None:
    (tmp_path / "a.dbc").write_text(text)
    assert periods_ms(tmp_path / "a.dbc") == found
    assert periods_ms(tmp_path / "a.kcd") == periods_ms(tmp_path / "missing.dbc") == {}


# -- the tables


def test_periods_and_what_is_needed_name_messages_of_the_table() -> None:
    for protocol in CAN_PROTOCOLS.values():
        assert {*protocol.periods_ms, *protocol.needed} <= {message.code for message in protocol.messages}


def test_nothing_seen_fits_nothing() -> None:
    assert judge(BusTraffic(), known_candidates()) == BusVerdict((), (), {})


def test_a_wrong_period_counts_for_less_than_an_unknown_one() -> None:
    scores = [
        judge(seen(CHADEMO), [replace(one, needed=frozenset())]).ranking[0].score
        for one in (
            candidate_with(100),
            candidate_with(0),
            candidate_with(1000),
        )
    ]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3


def candidate_with(period_ms: int) -> Candidate:
    (chademo,) = (one for one in known_candidates() if one.name == "chademo")
    periods = dict.fromkeys(chademo.periods_ms, period_ms) if period_ms else {}
    return replace(chademo, periods_ms=periods)


def ids_seen(count: int = 1, *, period_ms: int = 100, length: int = 8, others: int = 0) -> BusTraffic:
    """`count` ids from 100 on, and others from 700 on."""
    ids = [(0x100 + index, length) for index in range(count)] + [
        (0x700 + index, 8) for index in range(others)
    ]
    return traffic_of((number * period_ms * MS, *one) for number in range(40) for one in ids)


def made_by_hand(
    count: int = 1, *, period_ms: int = 0, length: int = 8, first: int = 0x100, name: str = "a.dbc"
) -> Candidate:
    messages = tuple(
        MessageSpec(f"M{n}", (first + n) & ~EXTENDED, first >= EXTENDED, length, (), (), record=0)
        for n in range(count)
    )
    periods = {each.name: period_ms for each in messages} if period_ms else {}
    return Candidate(name, BusSpec(name, messages), periods, Path(name))


@pytest.mark.parametrize(
    ("period_ms", "length", "worth"),
    [(100, 8, 1.0), (0, 8, 0.75), (1000, 8, 0.25), (100, 4, 1.0), (100, 5, 0.1)],
)
def test_an_id_is_worth_what_its_length_and_its_period_say(period_ms: int, length: int, worth: float) -> None:
    candidate = made_by_hand(period_ms=period_ms, length=4 if length < 8 else 8)
    (fit,) = judge(ids_seen(length=length), [candidate]).ranking
    assert fit.score == worth
    assert (fit.lengths_right, fit.periods_judged, fit.frames) == (length != 5, bool(period_ms), 40)
    assert judge(ids_seen(length=length, others=1), [candidate]).ranking[0].score == worth / 2


@pytest.mark.parametrize("length", [3, 5, 7])
def test_a_database_s_frames_are_as_long_as_it_says_or_full(length: int) -> None:
    (fit,) = judge(ids_seen(length=length), [made_by_hand(length=4)]).ranking
    assert fit.lengths_right == 0
    (fit,) = judge(ids_seen(length=4), [made_by_hand(length=4)]).ranking
    assert fit.lengths_right == 1


@pytest.mark.parametrize(("length", "is_right"), [(3, False), (4, True), (8, True), (12, False), (64, False)])
def test_a_table_s_frames_have_what_it_needs_and_are_no_can_fd(length: int, is_right: bool) -> None:
    table = replace(made_by_hand(length=4), database=None)
    (fit,) = judge(ids_seen(length=length), [table]).ranking
    assert fit.lengths_right == is_right


@pytest.mark.parametrize(
    ("declared_ms", "measured_ms", "is_right"),
    [
        (100, 124, True),
        (100, 126, False),
        (100, 76, True),
        (100, 74, False),
        (4, 6, True),  # two milliseconds are always near
        (4, 7, False),
        (20, 24, True),
        (20, 26, False),
    ],
)
def test_a_period_may_differ_by_a_quarter_or_two_milliseconds(
    declared_ms: int, measured_ms: int, is_right: bool
) -> None:
    (fit,) = judge(ids_seen(period_ms=measured_ms), [made_by_hand(period_ms=declared_ms)]).ranking
    assert fit.periods_right == is_right


@pytest.mark.parametrize(
    ("ids", "others", "own", "is_chosen"),
    [
        (1, 4, 6, True),  # a fifth of the ids
        (1, 5, 1, False),
        (2, 99, 2, False),
        (1, 99, 5, False),
        (5, 21, 25, True),  # five of them, and a fifth of its messages
        (5, 21, 26, False),
        (4, 21, 4, False),
    ],
)
@pytest.mark.parametrize("is_second", [False, True])
def test_a_database_without_periods_explains_a_fifth_of_the_ids_or_five_with_a_fifth_of_its_messages(
    ids: int, others: int, own: int, is_chosen: bool, is_second: bool
) -> None:
    """The others may be of a database that fits in every respect."""
    first = [made_by_hand(others, period_ms=100, first=0x700, name="first.dbc")] if is_second else []
    found = judge(ids_seen(ids, others=others), [*first, made_by_hand(own)])
    assert ("a.dbc" in chosen(found)) is is_chosen
    assert frozenset(range(0x100, 0x100 + ids)) in [fit.ids for fit in found.ranking]


@pytest.mark.parametrize(("ids", "period_ms", "is_chosen"), [(1, 100, False), (2, 100, True), (2, 0, False)])
def test_two_ids_with_their_periods_are_no_chance(ids: int, period_ms: int, is_chosen: bool) -> None:
    found = judge(ids_seen(ids, others=99), [made_by_hand(ids, period_ms=period_ms)])
    assert bool(found.chosen) is is_chosen


def test_an_id_that_is_explained_already_is_no_evidence_for_another_database() -> None:
    own = made_by_hand(98, period_ms=100, first=0x701, name="own.dbc")
    other = made_by_hand(2, period_ms=100, first=0x700, name="other.dbc")
    assert chosen(judge(ids_seen(0, others=99), [own, other])) == ["own.dbc"]


def test_ids_of_29_bits_are_no_chance() -> None:
    device = made_by_hand(2, first=0x18F00100 | EXTENDED)
    frames = [(f"{0x18F00100 + n:08X} # 00 00 00 00 00 00 00 00", 100) for n in range(2)]
    assert chosen(judge(seen(frames, ids_seen(99)), [device])) == ["a.dbc"]


@pytest.mark.parametrize(
    ("ids", "others", "is_chosen"), [(4, 0, False), (5, 0, True), (5, 1, True), (5, 2, False), (8, 2, True)]
)
def test_a_database_with_wrong_periods_is_believed_where_it_has_nearly_all_ids(
    ids: int, others: int, is_chosen: bool
) -> None:
    assert bool(judge(ids_seen(ids, others=others), [made_by_hand(ids, period_ms=1000)]).chosen) is is_chosen
    assert judge(ids_seen(ids, others=others), [made_by_hand(ids, period_ms=100)]).chosen


def test_ids_that_are_explained_need_no_second_database() -> None:
    found = judge(ids_seen(3), [made_by_hand(3, period_ms=100), made_by_hand(2)])
    assert [len(fit.ids) for fit in found.ranking] == [3, 2]
    assert [len(fit.ids) for fit in found.chosen] == [3]
