"""How a session ended: outcome, side and reason, from what both sides said in its last attempt."""

from collections.abc import Sequence
from dataclasses import dataclass

from telemetry_core.charge.follow_spec import End, Side

SIDE_NAMES = {int(Side.VEHICLE): "vehicle", int(Side.CHARGER): "charger"}
ANSWERS = {"charger_stopped": "charger", "vehicle_stopped": "vehicle"}  # a stop that answers the other side's
UNEXPLAINED = "unexplained"
NEW_IN_2023 = frozenset(("parameter_mismatch", "self_check_fault", "precharge_fault", "bsm_timeout"))
SHOW_EDITION = NEW_IN_2023.union(ANSWERS)  # names that the oldest edition does not have
_IN_2011 = {"relay_fault": "other_fault"}  # B3.3 of BST, which the edition of 2015 gave another meaning


@dataclass(frozen=True, slots=True)
class Word:
    """The first stop or error of a side, in one attempt: names of the signals that were set."""

    is_error: bool
    side: str
    names: tuple[str, ...]


def in_edition(names: Sequence[str], side: str, edition: str | None) -> tuple[str, ...]:
    """Return the names as the session's edition has them."""
    if edition != "2011":
        return tuple(sorted(names))
    renamed = (_IN_2011.get(name, name) if side == "vehicle" else name for name in names)
    return tuple(sorted({name for name in renamed if name not in SHOW_EDITION}))


def who_and_why(words: Sequence[Word], edition: str | None) -> tuple[str | None, str | None]:
    """Side and reason of an attempt's end, by its words in their order; None: nobody said anything."""
    if not words:
        return None, None
    first = words[0]
    if first.is_error:
        return first.side, ",".join(in_edition(first.names, first.side, edition))
    reasons = _reasons(first, edition)
    side = first.side
    answered = [ANSWERS[name] for name in first.names if name in ANSWERS]
    if answered and not reasons and answered[0] != side:  # the stop that it answers was not heard
        side = answered[0]
        others = (word for word in words if not word.is_error and word.side == side)
        reasons = next((_reasons(word, edition) for word in others), ())
    return side, ",".join(reasons) or UNEXPLAINED


def _reasons(word: Word, edition: str | None) -> tuple[str, ...]:
    return tuple(name for name in in_edition(word.names, word.side, edition) if name not in ANSWERS)


def outcome(end: End, words: Sequence[Word], *, has_statistics: bool, has_charged: bool) -> str:
    """Return one of OUTCOMES.

    words: that ended it. has_statistics: BSD or CSD were seen in the last attempt.
    has_charged: it reached charging.
    """
    if words and not words[0].is_error:
        return "complete" if has_statistics else "stopped"
    if words:
        return "error"
    if has_statistics or end is End.BELOW:
        return "complete"
    if end is End.FINISHED:
        return "unfinished"
    return "cut" if has_charged else "failed"
