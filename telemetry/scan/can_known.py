"""J1939 as a scan knows it: messages that most of its buses have, and how often.

Source: its published numbers.
"""

from collections.abc import Mapping, Sequence

from telemetry_core.decode.spec import BusSpec, MessageSpec

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
