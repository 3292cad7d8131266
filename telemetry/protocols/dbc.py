"""Databases (DBC, ARXML, KCD, SYM) into a decode plan.

Promises: a database that makes sense in part is used in that part, with one warning for each kind of fault
that names file, line and statement; a missing or hopeless file and an id that two databases of one bus claim
are a ConfigError. Imports cantools (21 MB, 0.3 s): the service calls it through `plan_cache`, in a child
process.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cantools.database
from cantools.database.can import Database, Message
from telemetry_core.spec import BusSpec, FieldSpec, MessageSpec, PlanSpec, RecordSpec

from telemetry.errors import ConfigError
from telemetry.protocols.databases import BusDatabases, LoadedPlan
from telemetry.protocols.mend import Mended, mend
from telemetry.protocols.messages import lay_out
from telemetry.protocols.names import measurement_name

__all__ = ["BusDatabases", "LoadedPlan", "build_plan"]

FORMATS = {".dbc": "dbc", ".arxml": "arxml", ".kcd": "kcd", ".sym": "sym"}
_PSEUDO_MESSAGE = "VECTOR__INDEPENDENT_SIG_MSG"
_J1939_FRAME_FORMATS = ("J1939PG", "J1939PGN")
_LINE = re.compile(r"\bline:? (\d+)")


@dataclass(frozen=True, slots=True)
class _Claim:
    """A message and the database that declares it."""

    message: Message
    file: Path
    line: int
    warnings: list[str]

    def warn(self, what: str) -> None:
        self.warnings.append(f"{self.file}:{self.line}: {what}")


def build_plan(buses: Sequence[BusDatabases]) -> LoadedPlan:
    """Parse all databases. Raises ConfigError (exit code 78) with file and line."""
    warnings: list[str] = []
    records = _Records(warnings)
    specs = []
    for bus in buses:
        claims = _settle(bus, warnings)
        measurements = records.measurements(claims)
        specs.append(
            BusSpec(
                bus.name,
                tuple(
                    _message(claim, bus, measurement, records)
                    for claim, measurement in zip(claims, measurements, strict=True)
                ),
            )
        )
    return LoadedPlan(PlanSpec(tuple(records.specs), tuple(specs)), tuple(warnings))


class _Records:
    """The records of a plan: one a message, or one for messages that are alike."""

    def __init__(self, warnings: list[str]) -> None:
        self.specs: list[RecordSpec] = []
        self._index: dict[RecordSpec, int] = {}
        self._warnings = warnings

    def index(self, measurement: str, message: str, fields: tuple[FieldSpec, ...]) -> int:
        spec = RecordSpec(measurement, fields, message="" if message == measurement else message)
        if spec not in self._index:
            self._index[spec] = len(self.specs)
            self.specs.append(spec)
        return self._index[spec]

    def measurements(self, claims: Sequence[_Claim]) -> list[str]:
        """The measurement of each message of one bus: no two have the same, as they share their tags."""
        taken: set[str] = set()
        names = []
        for claim in claims:
            message = claim.message.name
            name = measurement_name(message)
            if name != message:
                claim.warn(f"message {message}: the name is reserved: written as {name}")
            if name in taken:
                name = f"{name}_{claim.message.frame_id:X}"
                claim.warn(f"message {message}: the name is there twice on this bus: written as {name}")
            taken.add(name)
            names.append(name)
        return names


def _message(claim: _Claim, bus: BusDatabases, measurement: str, records: _Records) -> MessageSpec:
    message = claim.message
    layout = lay_out(message, lambda what: claim.warn(f"message {message.name}: {what}"))
    declares_j1939 = message.is_extended_frame and _declares_j1939(message)
    return MessageSpec(
        name=message.name,
        arbitration_id=message.frame_id,
        extended=message.is_extended_frame,
        byte_count=message.length,
        signals=layout.signals,
        conditions=layout.conditions,
        record=records.index(measurement, message.name, layout.fields),
        by_pgn=message.is_extended_frame and (declares_j1939 or bus.j1939),
        drops_not_available=declares_j1939 and not bus.keep_not_available,
    )


def _declares_j1939(message: Message) -> bool:
    """By the attribute VFrameFormat of the message, or its default."""
    if message.protocol == "j1939":
        return True
    definition = message.dbc.attribute_definitions.get("VFrameFormat") if message.dbc else None
    if message.dbc is None or definition is None:
        return False
    attribute = message.dbc.attributes.get("VFrameFormat")
    if attribute is None:
        return str(definition.default_value) in _J1939_FRAME_FORMATS
    value = attribute.value
    choices = definition.choices
    return isinstance(value, int) and 0 <= value < len(choices) and choices[value] in _J1939_FRAME_FORMATS


def _settle(bus: BusDatabases, warnings: list[str]) -> list[_Claim]:
    """The messages of a bus, each id once."""
    settled: dict[tuple[bool, int], _Claim] = {}
    for file in bus.databases:
        for key, claim in _claims(file, warnings).items():
            other = settled.get(key)
            if other is None:
                settled[key] = claim
                continue
            what = (
                f"id {key[1]:X} is {claim.message.name} here and {other.message.name} in {other.file}"
                f" (bus {bus.name})"
            )
            if not bus.first_wins:
                raise ConfigError(what, where=str(file), hint="let the first database win, or leave one out")
            claim.warn(f"{what}: the first one is used")
    return list(settled.values())


def _claims(file: Path, warnings: list[str]) -> dict[tuple[bool, int], _Claim]:
    database, mended = _parse(file, warnings)
    claims: dict[tuple[bool, int], _Claim] = {}
    for message in database.messages:
        if message.name == _PSEUDO_MESSAGE:
            continue
        claim = _Claim(message, file, mended.line_of(message), warnings)
        key = (message.is_extended_frame, message.frame_id)
        if key in claims:
            other = claims[key].message.name
            claim.warn(f"id {message.frame_id:X} is both {other} and {message.name}: the last one is used")
        claims[key] = claim
    return claims


def _parse(file: Path, warnings: list[str]) -> tuple[Database, Mended]:
    kind = FORMATS.get(file.suffix.lower())
    if kind is None:
        raise ConfigError("not a database", where=str(file), hint=f"one of {', '.join(FORMATS)}")
    text = _read(file)
    mended = mend(text) if kind == "dbc" else Mended(text)
    warnings += (f"{file}:{line}: {what}" for line, what in mended.warnings)
    logging.getLogger("cantools").setLevel(logging.ERROR)
    try:
        database = cantools.database.load_string(mended.text, kind, strict=False)
    except Exception as error:
        raise _refused(file, error) from error
    if not isinstance(database, Database):
        raise ConfigError("not a database of CAN messages", where=str(file))
    return database, mended


def _refused(file: Path, error: Exception) -> ConfigError:
    line = _LINE.search(str(error))
    where = f"{file}:{line[1]}" if line else str(file)
    return ConfigError(f"cannot be read as a database: {error}", where=where)


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file)) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
