"""Databases of opendbc with statements about nothing put in: what is decoded is what the clean file says.

That the clean file's plan decodes as cantools does is what `test_against_cantools` holds.
"""

import re
from importlib.resources import files
from pathlib import Path
from random import Random

import pytest

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.databases.formats.encodings import text_of

# Some hold comments alone: what others import.
DATABASES = [
    file for file in sorted(Path(str(files("opendbc"))).rglob("*.dbc")) if b"\nBO_ " in file.read_bytes()
]
BORDERS = ("BO_ ", "CM_ ", "BA_ ", "BA_DEF_ ", "VAL_ ", "SG_MUL_VAL_ ")
ORPHANS = {
    "VAL_": 'VAL_ {} {} 0 "off" 1 "on" ;',
    "CM_": 'CM_ SG_ {} {} "words, on\ntwo lines";',
    "BA_": 'BA_ "SystemSignalLongSymbol" SG_ {} {} "Longer";',
    "BA_REL_": 'BA_REL_ "Nothing" BU_SG_REL_ ECU SG_ {} {} 5;',
    "SG_MUL_VAL_": "SG_MUL_VAL_ {} {} Page 0-99999;",
    "SIG_VALTYPE_": "SIG_VALTYPE_ {} {} : 1;",
    "SIG_GROUP_": "SIG_GROUP_ {} {} 1 : A B;",
    "BO_TX_BU_": "BO_TX_BU_ {} : {};",
}
NO_MESSAGES = (1 << 31 | 0x1FFFFFFE, 0x1FFFFFFE, 3221225472, 1 << 30, 4_000_000_000_000)


def with_orphans(random: Random, text: str) -> tuple[str, dict[str, int]]:
    """Return the text with orphans, and the line of the first one by keyword."""
    lines = text.split("\n")
    borders = [len(lines)]
    quotes = 0
    for number, line in enumerate(lines):
        if not quotes % 2 and line.startswith(BORDERS):
            borders.append(number)
        quotes += line.replace('\\"', "").count('"')
    ids = [id for id in NO_MESSAGES if f"BO_ {id} " not in text]
    placed = []  # by the line before which it stands
    for form in ORPHANS.values():
        for _ in range(random.randint(0, 3)):
            statement = form.format(random.choice(ids), f"Nothing{random.randint(0, 9)}")
            placed.append((random.choice(borders), statement))
    first: dict[str, int] = {}
    shift = 0
    result = list(lines)
    for number, statement in sorted(placed):
        first.setdefault(statement.split()[0], number + shift + 1)
        pieces = statement.split("\n")
        result[number + shift : number + shift] = pieces
        shift += len(pieces)
    return "\n".join(result), first


def plan_of(file: Path, text: str) -> LoadedPlan:
    file.write_text(text, "utf-8", newline="")
    return build_plan([BusDatabases("can0", (file,))])


def orphans_reported(plan: LoadedPlan) -> dict[str, int]:
    found = (re.match(r".*?:(\d+): (\w+) of no message or signal, left out", each) for each in plan.warnings)
    return {match[2]: int(match[1]) for match in found if match}


def others_reported(plan: LoadedPlan) -> set[str]:
    return {each.split(": ")[1] for each in plan.warnings if "of no message or signal" not in each}


@pytest.mark.parametrize(
    "file",
    [
        # `make test` takes a fifth, as of all examples.
        pytest.param(file, id=file.stem, marks=() if number % 5 == 0 else pytest.mark.long)
        for number, file in enumerate(DATABASES)
    ],
)
def test_orphans_put_into_a_published_database_change_nothing_and_are_reported_with_their_lines(
    file: Path, tmp_path: Path
) -> None:
    text = text_of(file.read_bytes())
    clean = plan_of(tmp_path / "a.dbc", text)
    changed, first = with_orphans(Random(file.name), text)
    plan = plan_of(tmp_path / "a.dbc", changed)
    assert plan.spec == clean.spec
    reported = orphans_reported(plan)
    for keyword, line in first.items():
        assert reported[keyword] == line or (keyword in orphans_reported(clean) and reported[keyword] < line)
    # Of a file that has faults the words of cantools are not reported, which may be about another one.
    assert others_reported(plan) <= others_reported(clean) <= others_reported(plan) | {"mended"}
