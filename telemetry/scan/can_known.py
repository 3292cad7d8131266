"""What is known of CAN protocols beside their tables: how often messages are sent, and what must be there.

Sources: GB/T 27930-2015 and IEEE 2030.1.1 as docs/protocols has them, SAE J1939 by its published numbers.
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
PERIODS_MS: Mapping[str, Mapping[str, int]] = {
    "gbt27930": {
        **dict.fromkeys(("CHM", "BHM", "CRM", "CML", "BRO", "CRO", "BSM", "BSD", "CSD", "BEM", "CEM"), 250),
        **dict.fromkeys(("BCL", "CCS"), 50),
        **dict.fromkeys(("BST", "CST"), 10),
        "CTS": 500,
    },
    "chademo": dict.fromkeys(("CHA100", "CHA101", "CHA102", "CHA108", "CHA109"), 100),
    J1939: {name: period_ms for name, _, period_ms in _J1939_MESSAGES if period_ms},
}

# Of protocols with ids that any vehicle may use for something else: it is that only with these, in time.
NEEDED: Mapping[str, frozenset[str]] = {"chademo": frozenset(("CHA100", "CHA102", "CHA108", "CHA109"))}

_TRANSPORT_CM, _TRANSPORT_DT = 0xEC, 0xEB
_TRANSPORT_BYTES = 8
_PRIORITY = 6
_GBT_ENDS = ((0x56, 0xF4), (0xF4, 0x56))  # charger, vehicle; each as destination and as sender
_ALL_BUT_PRIORITY = 0x03FFFFFF


def gbt_transport() -> tuple[MessageSpec, ...]:
    """The frames in which charger and vehicle send what is longer than 8 bytes."""
    return tuple(
        _message("TP", _PRIORITY << 26 | kind << 16 | ends[0] << 8 | ends[1], id_mask=_ALL_BUT_PRIORITY)
        for ends in _GBT_ENDS
        for kind in (_TRANSPORT_CM, _TRANSPORT_DT)
    )


def j1939_transport() -> tuple[MessageSpec, ...]:
    """The same of any J1939 bus."""
    return tuple(_pgn("TP", kind << 8) for kind in (_TRANSPORT_CM, _TRANSPORT_DT))


def j1939_bus() -> BusSpec:
    """Messages that most J1939 buses have some of."""
    messages = tuple(_pgn(name, pgn) for name, pgn, _ in _J1939_MESSAGES)
    return BusSpec(J1939, (*messages, *j1939_transport()))


def _pgn(name: str, pgn: int) -> MessageSpec:
    return _message(name, _PRIORITY << 26 | pgn << 8, by_pgn=True)


def _message(name: str, id: int, *, id_mask: int = 0, by_pgn: bool = False) -> MessageSpec:
    return MessageSpec(name, id, True, _TRANSPORT_BYTES, (), (), 0, by_pgn=by_pgn, id_mask=id_mask)
