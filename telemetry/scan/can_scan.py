"""Which protocols, databases and vehicles fit what was seen on a bus: by ids, lengths, periods and answers.

Promises:

- An id counts for a protocol or a database exactly if the decoder would take it so.
- What is proposed explains ids that nothing before it explains, and may stand together in one configuration.
- A few ids that fit by chance are not proposed.

J1939 is known by messages that most of its buses have, and how often (source: its published numbers). A plan
for decoding does not hold how often a DBC says that its messages are sent (GenMsgCycleTime), so that is read
here, without cantools. Any DBC gives what can be read of it, other formats give nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from telemetry_core.decode.spec import BusSpec, MessageSpec
from telemetry_core.frames.spec import SeenFrames

from telemetry.databases.formats.dbc_statements import dbc_id, statements
from telemetry.databases.formats.encodings import text_of
from telemetry.model.ids import id_text
from telemetry.protocols.can.table import shared_id
from telemetry.protocols.known import CAN_PROTOCOLS
from telemetry.rules.find_message import EXTENDED, find_message
from telemetry.scan.profiles import ProfileBus, profile_buses
from telemetry.scan.traffic import BusTraffic

CLASSIC_BYTES = 8
_WRONG_LENGTH, _WRONG_PERIOD, _UNKNOWN_PERIOD = 0.1, 0.25, 0.75  # what such an id is worth; 1: all is right
_LEAST_WORTH = 0.6  # on average of the ids that a proposal explains
_LEAST_SHARE = 0.2  # of the ids seen, or of its own messages, that a database explains
_LEAST_IDS, _NEARLY_ALL = 5, 0.8  # of a database that is believed although periods are wrong, or unknown
_LEAST_ANSWERED = 3  # messages of units, by which a vehicle is believed although others are not explained
_NEAR, _NEAR_S = 0.25, 0.002  # by which a period may differ: of itself, and always


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a bus may be. periods_ms: of its messages, by name, as far as they are declared.

    database: its file; vehicle: a bus of a profile; None both: a protocol. by_pgn: ids are compared as J1939
    does. needed: messages without which it is something else.
    """

    name: str
    bus: BusSpec
    periods_ms: Mapping[str, int]
    database: Path | None = None
    by_pgn: bool = False
    needed: frozenset[str] = frozenset()
    vehicle: ProfileBus | None = None

    @property
    def is_exact(self) -> bool:
        """Return whether a message has one length: protocols' tables say what a frame must hold at least."""
        return self.database is not None


@dataclass(frozen=True, slots=True)
class Fit:
    """The fit of a candidate. ids: those that it explains; messages: their names. score: 0 to 1.

    against: ids that speak against a vehicle, since it has none of them, or has them always. answers: of the
    units that it knows; unexplained: how many of them it cannot explain; answered: its messages among them.
    """

    candidate: Candidate
    ids: frozenset[int]
    messages: frozenset[str]
    frames: int
    lengths_right: int
    periods_right: int
    periods_judged: int
    worth: float  # all ids together
    score: float
    against: frozenset[int] = frozenset()
    answers: int = 0
    unexplained: int = 0
    answered: frozenset[str] = frozenset()

    @property
    def share(self) -> float:
        """Return which part of its own messages was heard."""
        units = self.candidate.vehicle.answers.values() if self.candidate.vehicle else ()
        answers = {begins for _, known in units for begins in known}
        return len(self.messages) / max(len(answers) + len(self.candidate.bus.messages), 1)


@dataclass(frozen=True, slots=True)
class BusVerdict:
    """ranking: all that fit at all, the best first; chosen: what is proposed; alike: what fits as well."""

    ranking: tuple[Fit, ...]
    chosen: tuple[Fit, ...]
    alike: dict[str, tuple[str, ...]]


def known_candidates() -> list[Candidate]:
    """Return every protocol that this program knows, J1939, and every bus of a vehicle."""
    found = [
        Candidate(
            name,
            BusSpec(name, one.bus(name).messages + one.carriers),
            one.periods_ms,
            needed=one.needed,
        )
        for name, one in CAN_PROTOCOLS.items()
    ]
    return [*found, Candidate(J1939, j1939_bus(), PERIODS_MS, by_pgn=True), *map(_vehicle, profile_buses())]


def _vehicle(bus: ProfileBus) -> Candidate:
    """Return the candidate of a bus of a profile: its broadcast frames, and its answers beside them."""
    sent = tuple(one for one in bus.profile.protocol(bus.bus).bus(bus.bus).messages if not one.begins)
    periods_ms = {id_text(one.id): round(one.period_ms) for one in bus.profile.broadcasts if one.period_ms}
    by_name_ms = {one.name: periods_ms[id_text(_id(one))] for one in sent if id_text(_id(one)) in periods_ms}
    return Candidate(bus.profile.name, BusSpec(bus.bus, sent), by_name_ms, vehicle=bus)


def database_candidate(file: Path, bus: BusSpec, by_id_ms: Mapping[int, int]) -> Candidate:
    """Return the candidate of a database, whose messages come by J1939's transport where they are J1939's."""
    has_long = any(each.by_pgn and each.byte_count > CLASSIC_BYTES for each in bus.messages)
    messages = bus.messages + (j1939_transport() if has_long else ())
    by_name_ms = {each.name: by_id_ms[_id(each)] for each in bus.messages if _id(each) in by_id_ms}
    return Candidate(str(file), replace(bus, messages=messages), by_name_ms, file)


def _id(message: MessageSpec) -> int:
    return message.arbitration_id | (EXTENDED if message.extended else 0)


def judge(traffic: BusTraffic, candidates: Iterable[Candidate]) -> BusVerdict:
    """Return how well each fits, and which together explain the bus."""
    fits = [fit for one in candidates if (fit := _best_fit(traffic, one)).ids]
    # Of equal ones the first is the more usual; of vehicles the one of which most was heard.
    fits.sort(key=lambda fit: (-fit.score, fit.candidate.vehicle is not None and 1 - fit.share))
    best = {fit.candidate.name: fit for fit in reversed(fits) if fit.candidate.vehicle}  # of its buses
    ranking = [fit for fit in fits if best.get(fit.candidate.name, fit) is fit]
    chosen: list[Fit] = []
    explained: set[int] = set()
    for fit in ranking:
        new = fit.ids - explained
        if new and _is_sure(fit, new, traffic) and _may_stand_with(fit, chosen):
            chosen.append(fit)
            explained |= fit.ids
    alike = {
        fit.candidate.name: tuple(
            other.candidate.name
            for other in ranking
            if other not in chosen and (other.ids, other.score) == (fit.ids, fit.score) and not other.against
        )
        for fit in chosen
    }
    return BusVerdict(tuple(ranking), tuple(chosen), alike)


def _best_fit(traffic: BusTraffic, candidate: Candidate) -> Fit:
    plain = _fit(traffic, candidate)
    if candidate.database is None or not traffic.extended:
        return plain
    by_pgn = _fit(traffic, _by_pgn(candidate))
    return by_pgn if by_pgn.score > plain.score else plain


def _by_pgn(candidate: Candidate) -> Candidate:
    """Return the same with all ids of 29 bits compared by PGN."""
    messages = tuple(
        replace(each, by_pgn=True) if each.extended and not each.id_mask else each
        for each in candidate.bus.messages
    )
    return replace(candidate, bus=replace(candidate.bus, messages=messages), by_pgn=True)


def _fit(traffic: BusTraffic, candidate: Candidate) -> Fit:
    found = [
        (seen, message)
        for seen in traffic.ids.values()
        if (message := find_message(candidate.bus, seen.id)) is not None
    ]
    vehicle = candidate.vehicle
    answers = vehicle.answers.keys() & traffic.ids.keys() if vehicle else ()
    heard = [(traffic.ids[id], vehicle.heard(traffic.ids[id])) for id in answers] if vehicle else []
    answering = [(seen, one) for seen, one in heard if one.explained]
    worths = [_worth(seen, message, candidate) for seen, message in found]
    worths += [one.explained / (one.explained + one.others) for _, one in answering]
    judged = [_has_right_period(seen, message, candidate) for seen, message in found]
    against = vehicle.speaking_against(traffic.ids) if vehicle else frozenset()
    answered = frozenset(begins for _, one in answering for begins in one.known)
    return Fit(
        candidate,
        frozenset(seen.id for seen, _ in (*found, *answering)),
        answered.union(message.name for _, message in found),
        sum(seen.frames for seen, _ in (*found, *answering)),
        sum(_has_right_length(seen, message, candidate) for seen, message in found) + len(answering),
        sum(each is True for each in judged),
        sum(each is not None for each in judged),
        sum(worths),
        sum(worths) / max(len(traffic.ids), 1) * (_WRONG_LENGTH if against else 1),
        against,
        sum(one.explained + one.others for _, one in heard),
        sum(one.others for _, one in heard),
        answered,
    )


def _worth(seen: SeenFrames, message: MessageSpec, candidate: Candidate) -> float:
    """Return what an id says for the candidate."""
    if not _has_right_length(seen, message, candidate):
        return _WRONG_LENGTH
    period = _has_right_period(seen, message, candidate)
    return _UNKNOWN_PERIOD if period is None else 1.0 if period else _WRONG_PERIOD


def _has_right_length(seen: SeenFrames, message: MessageSpec, candidate: Candidate) -> bool:
    if candidate.vehicle and seen.id in candidate.vehicle.lengths:
        return seen.shortest == seen.longest == candidate.vehicle.lengths[seen.id]
    if candidate.is_exact:
        return seen.shortest == seen.longest and seen.longest in (message.byte_count, CLASSIC_BYTES)
    return message.byte_count <= seen.longest <= CLASSIC_BYTES


def _has_right_period(seen: SeenFrames, message: MessageSpec, candidate: Candidate) -> bool | None:
    """Return how the period fits; None: nothing is declared, or nothing was measured."""
    period_s, declared_ms = seen.period_s, candidate.periods_ms.get(message.name)
    if declared_ms is None or period_s is None:
        return None
    declared_s = declared_ms / 1000
    return abs(period_s - declared_s) <= max(_NEAR * declared_s, _NEAR_S)


def _is_sure(fit: Fit, new: frozenset[int], traffic: BusTraffic) -> bool:
    """Return whether it is more than chance."""
    vehicle = fit.candidate.vehicle
    if not fit.candidate.needed <= fit.messages or fit.against:
        return False
    if vehicle and (len(fit.answered) >= _LEAST_ANSWERED or _is_understood(fit)):
        return True
    is_unmistakable = (fit.candidate.database or vehicle) is None and not fit.candidate.needed
    worth = fit.lengths_right if is_unmistakable else fit.worth
    if worth < _LEAST_WORTH * len(fit.ids) and not _is_thinned(fit, traffic):
        return False
    if fit.candidate.name == J1939:
        return bool(fit.messages - {"TP"}) and len(new) > 1
    if (fit.candidate.database or vehicle) is None:
        return True
    if len(new) >= _LEAST_SHARE * len(traffic.ids):
        return True
    # Vehicles share the numbers of 11 bits: of many databases some small one has a few of them.
    periods_right = fit.periods_right - len(fit.ids - new)  # of the new ones, at least
    alike = len(new) + (len(vehicle.needed - new) if vehicle else 0)
    is_no_chance = alike >= _LEAST_IDS or periods_right > 1 or max(new) >= EXTENDED
    return is_no_chance and len(new) >= _LEAST_SHARE * len(fit.candidate.bus.messages)


def _is_understood(fit: Fit) -> bool:
    """Return whether a vehicle of which units answered explains most answers."""
    return 0 < _LEAST_WORTH * fit.answers <= fit.answers - fit.unexplained


def _is_thinned(fit: Fit, traffic: BusTraffic) -> bool:
    """Return whether a database has nearly all ids with their lengths, so that only frames may be missing."""
    has_lengths = fit.candidate.is_exact and fit.lengths_right == len(fit.ids)
    return has_lengths and len(fit.ids) >= max(_LEAST_IDS, _NEARLY_ALL * len(traffic.ids))


def _may_stand_with(fit: Fit, chosen: Sequence[Fit]) -> bool:
    """Return whether a configuration may have both: one vehicle, and databases alone may overlap."""
    for other in chosen:
        if fit.candidate.vehicle and other.candidate.vehicle:
            return False
        if fit.candidate.database is None or other.candidate.database is None:
            if J1939 in (fit.candidate.name, other.candidate.name):
                continue
            if shared_id(other.candidate.bus, fit.candidate.bus.messages) is not None:
                return False
    return True


# --- what is known of J1939, and what a DBC declares

J1939 = "j1939"

_J1939_MESSAGES: Sequence[tuple[str, int, int]] = (  # name, PGN, period in ms (0: it varies, or by request)
    ("TSC1", 0x0000, 0),
    ("ETC1", 0xF002, 10),
    ("EEC2", 0xF003, 50),
    ("EEC1", 0xF004, 0),
    ("EBC1", 0xF001, 100),
    ("ERC1", 0xF000, 100),
    ("REQUEST", 0xEA00, 0),
    ("ADDRESS_CLAIMED", 0xEE00, 0),
    ("ACKNOWLEDGEMENT", 0xE800, 0),
    ("VDHR", 0xFEC1, 1000),
    ("DM1", 0xFECA, 1000),
    ("HOURS", 0xFEE5, 0),
    ("TD", 0xFEE6, 1000),
    ("VI", 0xFEEC, 0),
    ("ET1", 0xFEEE, 1000),
    ("EFLP1", 0xFEEF, 500),
    ("CCVS1", 0xFEF1, 100),
    ("LFE", 0xFEF2, 100),
    ("AMB", 0xFEF5, 1000),
    ("IC1", 0xFEF6, 500),
    ("VEP1", 0xFEF7, 1000),
    ("DD", 0xFEFC, 1000),
)
PERIODS_MS: Mapping[str, int] = {name: period_ms for name, _, period_ms in _J1939_MESSAGES if period_ms}

_TRANSPORT_CM, _TRANSPORT_DT = 0xEC, 0xEB
_TRANSPORT_BYTES = 8
_PRIORITY = 6


def j1939_transport() -> tuple[MessageSpec, ...]:
    """Return the frames in which a J1939 node sends what is longer than 8 bytes."""
    return tuple(_pgn("TP", kind << 8) for kind in (_TRANSPORT_CM, _TRANSPORT_DT))


def j1939_bus() -> BusSpec:
    """Return messages that most J1939 buses have some of."""
    messages = tuple(_pgn(name, pgn) for name, pgn, _ in _J1939_MESSAGES)
    return BusSpec(J1939, (*messages, *j1939_transport()))


def _pgn(name: str, pgn: int) -> MessageSpec:
    id = _PRIORITY << 26 | pgn << 8
    return MessageSpec(name, id, True, _TRANSPORT_BYTES, (), (), 0, by_pgn=True)


_PERIOD = re.compile(r'BA_\s+"GenMsgCycleTime"\s+BO_\s+(\d{1,10})\s+(\d{1,8})(?:\.\d*)?\s*;')


def periods_ms(file: Path) -> Mapping[int, int]:
    """Return the period of each message by its id, with bit 31 where it has 29 bits."""
    if file.suffix.lower() != ".dbc":
        return {}
    try:
        text = text_of(file.read_bytes())
    except OSError:  # its parser says so
        return {}
    values = (_PERIOD.match(each.text) for each in statements(text) if each.keyword == "BA_")
    return {dbc_id(int(value[1])): int(value[2]) for value in values if value and int(value[2])}
