"""Scenario files: where they are, and what each of them says at its top.

Promises: the scenarios that come with the package are found by their bare name, and by its number where it
begins with one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from firmware_sim.errors import NotFoundError
from firmware_sim.plant.pack import PackSpec
from firmware_sim.table import Table, read

SCENARIOS = Path(__file__).with_name("scenarios")

Load = Callable[[Path], Table]  # the top table of a file; raises an error of its own

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Heading:
    """What every scenario says."""

    name: str
    about: str  # in one line
    starts_at_ns: int  # simulated time of the first frame where nobody says otherwise, ns since 1970
    pack: PackSpec


def read_heading(top: Table, file: Path, starts_at: str | None = None) -> dict[str, Any]:
    """Return the fields of a Heading. starts_at: where the file does not say it."""
    try:
        starts_at_ns = parse_instant(top.take_text("starts_at", starts_at))
    except ValueError as error:
        raise top.wrong("starts_at", str(error)) from error
    return {
        "name": file.stem,
        "about": top.take_text("about", "a scenario of your own"),
        "starts_at_ns": starts_at_ns,
        "pack": read(PackSpec, top.take_table("pack")),
    }


def parse_instant(text: str) -> int:
    """Return an ISO 8601 time with its zone as ns since 1970. Raises ValueError with what is wrong."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no ISO 8601 time such as 2026-03-02T07:30:00Z") from error
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: for UTC append a Z")
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000


def names_in(folder: Path) -> list[str]:
    """Return the names of a folder's scenarios, in their order."""
    return sorted(file.stem for file in folder.glob("*.toml"))


def find_in(folder: Path, name_or_file: str | Path, what: str, choice: str) -> Path:
    """Return the file that is meant: by its path, or by the name or number of one in the folder.

    Raises NotFoundError: no such `what`, a .toml file, or one of `choice`.
    """
    file = Path(name_or_file)
    if file.suffix != ".toml" and file.name == str(name_or_file):
        names = {name: name for name in names_in(folder)}
        numbers = {number: name for name in names if (number := name.partition("-")[0]).isdecimal()}
        names |= numbers | {number.lstrip("0"): name for number, name in numbers.items()}
        file = folder / f"{names.get(file.name, file.name)}.toml"
    try:
        is_file = file.is_file()
    except OSError as error:  # a folder on the way that this user may not enter
        raise NotFoundError(f"cannot be read: {error.strerror}", where=str(name_or_file)) from error
    if not is_file:
        raise NotFoundError(
            f"no such {what}", where=str(name_or_file), hint=f"a .toml file, or one of {choice}"
        )
    return file
