"""Statements of a DBC about a message or a signal that the file does not have.

Promises: a statement is an orphan exactly if it names what the file does not have. cantools refuses a whole
file for some of them (`VAL_`, `SIG_VALTYPE_`) and silently skips the others. Relies on `dbc_statements` for
the keywords.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Set

from telemetry.databases.formats.dbc_statements import Statement

EXTENDED = 0x80000000  # of a DBC's ids
HIGHEST_ID = 0x1FFFFFFF

# By the keyword. The id is the first group that matches, names of signals are the others.
SUBJECTS = {
    keyword: re.compile(rf"{keyword}\s+{subject}")
    for keyword, subject in {
        "VAL_": r"(\d+)\s+(\S+)",
        "SIG_VALTYPE_": r"(\d+)\s+([^\s:]+)",
        "SG_MUL_VAL_": r"(\d+)\s+(\S+)\s+(\S+)",
        "CM_": r"(?:BO_\s+(\d+)|SG_\s+(\d+)\s+(\S+))\s",
        "BA_": r'"[^"]*"\s+(?:BO_\s+(\d+)|SG_\s+(\d+)\s+(\S+))\s',
        "BA_REL_": r'"[^"]*"\s+(?:BU_BO_REL_\s+\S+\s+(\d+)|BU_SG_REL_\s+\S+\s+SG_\s+(\d+)\s+(\S+))\s',
        "SIG_GROUP_": r"(\d+)\s",
        "BO_TX_BU_": r"(\d+)\s*:",
    }.items()
}


def orphans(found: Iterable[Statement], signals: Mapping[int, Set[str]]) -> Iterator[Statement]:
    """Return those of `found` that are about nothing in the file.

    `signals` holds the names of each message's signals, by its id with the bit of extended ones.
    """
    for statement in found:
        pattern = SUBJECTS.get(statement.keyword)
        match = pattern.match(statement.text) if pattern else None
        if match is None:
            continue
        id, *names = (group for group in match.groups() if group is not None)
        known = signals.get(dbc_id(int(id))) if len(id) <= len(str(1 << 32)) else None
        if known is None or not known >= set(names):
            yield statement


def dbc_id(id: int) -> int:
    """Return the id with the bit of extended ids, which some files leave out."""
    return id | EXTENDED if 0x7FF < id <= HIGHEST_ID else id
