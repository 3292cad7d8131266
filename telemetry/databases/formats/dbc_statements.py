"""DBC text cut into statements, however broken it is; and those about a message or a signal that is not
there.

Promises:

- Every line of the text is in one statement at most, in order.
- A statement begins on a line of its own with a keyword.
- A statement whose string never ends does not swallow the messages after it.
- A statement is an orphan exactly if it names what the file does not have. cantools refuses a whole file for
  some of them (`VAL_`, `SIG_VALTYPE_`) and silently skips the others.

Line numbers count from 1. The list of new symbols (`NS_`) names keywords and is not a statement.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

KEYWORDS = frozenset(
    (
        *("VERSION", "NS_", "BS_", "BU_", "VAL_TABLE_", "BO_", "SG_", "BO_TX_BU_", "EV_", "ENVVAR_DATA_"),
        *("SGTYPE_", "SIG_GROUP_", "CM_", "BA_DEF_", "BA_DEF_REL_", "BA_DEF_SGTYPE_", "BA_DEF_DEF_"),
        *("BA_DEF_DEF_REL_", "BA_", "BA_REL_", "BA_SGTYPE_", "VAL_", "SIG_TYPE_REF_", "SIG_VALTYPE_"),
        *(
            "SIGTYPE_VALTYPE_",
            "SG_MUL_VAL_",
            "CAT_DEF_",
            "CAT_",
            "FILTER",
            "EV_DATA_",
            "SGTYPE_VAL_",
            "NS_DESC_",
        ),
        *("BU_SG_REL_", "BU_EV_REL_", "BU_BO_REL_"),
    )
)
_BEGINNING = re.compile(rf"\s*({'|'.join(sorted(KEYWORDS, key=len, reverse=True))})(?=[\s:]|$)")
_HEADER = re.compile(r'\s*(?:BO_\s+\d+\s+\S+\s*:\s*\d+|SG_\s+\S+[^":]*:\s*\d+\s*\|\s*\d+\s*@)')
_NEWLINE = re.compile(r"\r\n|\r|\n")
# At a statement's end, or where a value table goes on, the backslash is a path's.
_ESCAPED_QUOTE = re.compile(r'\\"(?!\s*;\s*$|\s*[-+]?\d{1,20}\s*")')
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


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `text` begins with the keyword and may have several lines.

    keyword: empty for a line that belongs to no statement.
    """

    line: int
    keyword: str
    text: str


def statements(text: str) -> Iterator[Statement]:
    """Return all statements of a DBC file."""
    pending: list[str] = []
    keyword, first_line = "", 0
    in_string = False
    for number, line in enumerate(_NEWLINE.split(text), start=1):
        beginning = _BEGINNING.match(line)
        if beginning is None and not in_string and _is_stray(line, keyword, pending):
            if pending:
                yield Statement(first_line, keyword, "\n".join(pending))
            pending, keyword, first_line = [], "", 0
            yield Statement(number, "", line)
            continue
        if beginning is None or (in_string and not _HEADER.match(line)) or _is_new_symbol(keyword, line):
            if pending:
                pending.append(line)
                in_string ^= _has_odd_quotes(line)
            continue
        if pending:
            yield Statement(first_line, keyword, "\n".join(pending).rstrip())
        pending, keyword, first_line = [line.strip()], beginning[1], number
        in_string = _has_odd_quotes(line)
    if pending:
        yield Statement(first_line, keyword, "\n".join(pending).rstrip())


def _is_stray(line: str, keyword: str, pending: list[str]) -> bool:
    """Return whether a line continues nothing: after a whole statement, or before the first one."""
    if not line.strip() or line.lstrip().startswith("//"):
        return False
    if not pending:
        return True
    if keyword in ("BO_", "SG_"):
        return _HEADER.match(pending[0]) is not None and (keyword == "BO_" or '"' in pending[-1])
    return pending[-1].rstrip().endswith(";")


def _is_new_symbol(keyword: str, line: str) -> bool:
    return keyword == "NS_" and len(line.split()) <= 1 and ":" not in line


def _has_odd_quotes(line: str) -> bool:
    return _ESCAPED_QUOTE.sub("", line).count('"') % 2 == 1


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
