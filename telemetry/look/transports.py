"""What is asked and answered over ISO-TP, and what goes by J1939's transport: from samples of the frames.

Promises: an id is ISO-TP only if all of its frames are, and each message is a request or an answer that
diagnostics have. Nothing of an answer is shown but what it answers.
"""

from telemetry_core.frames.spec import SeenFrames

from telemetry.look.seen import Finding

_SERVICES = {
    0x01: ("OBD", 1),
    0x02: ("OBD", 1),
    0x03: ("OBD", 0),
    0x07: ("OBD", 0),
    0x09: ("OBD", 1),
    0x10: ("session", 1),
    0x11: ("reset", 1),
    0x14: ("clear faults", 0),
    0x19: ("faults", 1),
    0x1A: ("identification", 1),
    0x21: ("read local", 1),
    0x22: ("read", 2),
    0x27: ("security", 1),
    0x28: ("communication", 1),
    0x2E: ("write", 2),
    0x2F: ("control", 2),
    0x31: ("routine", 3),
    0x3E: ("tester present", 0),
    0x85: ("fault setting", 1),
}
_ANSWERED, _REFUSED = 0x40, 0x7F
_SINGLE, _FIRST, _CONSECUTIVE, _FLOW_CONTROL = range(4)
_MOST_SHOWN = 6
_CONTROL_PGN, _DATA_PGN = 0xEC00, 0xEB00
_CLASSIC_BYTES = 8


def transfer(seen: SeenFrames) -> Finding | None:
    """Return what goes over an id, or None where it is no transport."""
    pgn = seen.id >> 8 & 0x3FF00 if seen.id >> 31 else 0
    if pgn in (_CONTROL_PGN, _DATA_PGN):
        pgns = {
            (int.from_bytes(row[5:8], "little"), int.from_bytes(row[1:3], "little"))
            for row in seen.rows
            if pgn == _CONTROL_PGN and len(row) == _CLASSIC_BYTES and row[0] in (0x10, 0x20)
        }
        words = _listed([f"PGN {pgn:X} of {size} bytes" for pgn, size in sorted(pgns)])
        what = words or ("only answers" if pgn == _CONTROL_PGN else "data")
        return Finding("transfer", None, None, None, f"J1939 transport: {what}")
    may_be_any = any(row[:1] and row[0] >> 4 == _FIRST for row in seen.rows)
    if seen.shortest < _CLASSIC_BYTES or not (may_be_any or _is_diagnostic(seen.id)):
        return None
    messages = [_message(row) for row in seen.rows]
    heads = [head for head in messages if head]
    if not all(head is not None for head in messages) or not heads:
        return None
    asked, answered = set(), set()
    for head in heads:
        if head[0] in _SERVICES:
            asked.add(_words(head, head[0]))
        elif head[0] - _ANSWERED in _SERVICES:
            answered.add(_words(head, head[0] - _ANSWERED))
        elif head[0] == _REFUSED and len(head) > 1 and head[1] in _SERVICES:
            answered.add(f"refuses {head[1]:02X}")
        else:
            return None
    if bool(asked) == bool(answered):
        return None
    kind = "request" if asked else "answer"
    return Finding(kind, None, None, None, f"ISO-TP: {_listed(sorted(asked or answered))}")


def _is_diagnostic(id: int) -> bool:
    """Return whether ISO 15765-4, or makers as they please within 700 to 7FF, have it for diagnostics."""
    return 0x700 <= id <= 0x7FF or id & 0x9FFE0000 == 0x98DA0000


def _message(row: bytes) -> bytes | None:
    """Return the beginning of the message that begins here; empty: none does; None: it is not ISO-TP."""
    kind, low = (row[0] >> 4, row[0] & 0xF) if row else (-1, 0)
    if kind == _SINGLE and 0 < low < 8 and len(row) > low and len({*row[low + 1 :]}) <= 1:
        return row[1 : low + 1]
    if kind == _FIRST and len(row) >= 8 and (low << 8 | row[1]) >= 8:
        return row[2:]
    if (kind == _CONSECUTIVE and len(row) > 1) or (kind == _FLOW_CONTROL and low < 3 and len(row) > 2):
        return b""
    return None


def _words(head: bytes, service: int) -> str:
    name, count = _SERVICES[service]
    identifier = head[1 : 1 + count].hex().upper()
    return f"{service:02X} {name}" + (f" {identifier}" if identifier else "")


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - _MOST_SHOWN} more" if len(words) > _MOST_SHOWN else ""
    return ", ".join(words[:_MOST_SHOWN]) + more
