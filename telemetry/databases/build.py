"""Databases (DBC, ARXML, KCD, SYM) into a decode plan.

Promises:

- A database that makes sense in part is used in that part, with one warning for each kind of fault that names
  file, line and statement.
- A missing or hopeless file, and an id that two databases of one bus claim, is a ConfigError.

Imports cantools (21 MB, 0.3 s): the service calls it through `plan_cache`, in a child process.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from cantools.database.can import Message
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec
from telemetry_core.rows.schema import escape_key, escape_measurement
from telemetry_core.rows.spec import RecordSpec

from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.databases.formats.dbc_mend import PSEUDO_MESSAGE
from telemetry.databases.formats.findings import Findings
from telemetry.databases.formats.parse import ParsedMessage, parse
from telemetry.databases.layout import MessageLayout, Report, lay_out, measurement_name, with_value_texts
from telemetry.errors import ConfigError

__all__ = ["BusDatabases", "LoadedPlan", "build_plan"]


def build_plan(buses: Sequence[BusDatabases]) -> LoadedPlan:
    """Parse all databases into one plan. Raises ConfigError (exit code 78) with file and line."""
    findings = Findings()
    records = _Records()
    laid_out = [_lay_out(bus, findings) for bus in buses]
    has_texts = any(bus.value_texts for bus in buses)
    numbers = _numbers(message for messages in laid_out for message in messages) if has_texts else {}
    specs = []
    for bus, messages in zip(buses, laid_out, strict=True):
        if bus.value_texts:
            messages = [_with_texts(message, numbers, findings) for message in messages]
        specs.append(
            BusSpec(
                bus.name,
                tuple(_message(message, bus, records) for message in messages),
                bus.standard_mask,
                bus.extended_mask,
            )
        )
    return LoadedPlan(PlanSpec(tuple(records.specs), tuple(specs)), findings.lines())


@dataclass(frozen=True, slots=True)
class _LaidOut:
    """A message of a bus, with its own measurement there."""

    parsed: ParsedMessage
    measurement: str
    layout: MessageLayout


class _Records:
    """Return the records of a plan: one for each message, or one for messages that are alike."""

    def __init__(self) -> None:
        self.specs: list[RecordSpec] = []
        self._indexes: dict[RecordSpec, int] = {}

    def index(self, spec: RecordSpec) -> int:
        index = self._indexes.setdefault(spec, len(self.specs))  # hashes all fields, so only once
        if index == len(self.specs):
            self.specs.append(spec)
        return index


def _settle(bus: BusDatabases, findings: Findings) -> list[ParsedMessage]:
    """Return the messages of a bus, each id once."""
    settled: dict[tuple[bool, int], ParsedMessage] = {}
    for file in bus.databases:
        for key, parsed in _by_id(file, bus, findings).items():
            other = settled.setdefault(key, parsed)
            if other is parsed:
                continue
            name, id = parsed.message.name, parsed.message.frame_id
            what = f"id {id:X} is {name} here and {other.message.name} in {other.file} (bus {bus.name})"
            if not bus.first_wins:
                hint = "leave one out, or take the first one's: first_wins = true, or --first-wins"
                raise ConfigError(what, where=str(file), hint=hint)
            findings.add(str(file), parsed.line, "an id of an earlier database, left out", what)
    return list(settled.values())


def _by_id(file: Path, bus: BusDatabases, findings: Findings) -> dict[tuple[bool, int], ParsedMessage]:
    """Return the messages of one file. Of several with one id the last counts, as in cantools."""
    messages: dict[tuple[bool, int], ParsedMessage] = {}
    for parsed in parse(file, findings):
        message = parsed.message
        if message.name == PSEUDO_MESSAGE:
            continue
        mask = bus.extended_mask if message.is_extended_frame else bus.standard_mask
        key = (message.is_extended_frame, message.frame_id & mask)
        if key in messages:
            names = [_name_on_bus(message), _name_on_bus(messages[key].message)]
            subject = f"{names[0]} has the id {message.frame_id:X} of {names[1]}"
            findings.add(str(file), parsed.line, "an id twice, the last message is used", subject)
        messages[key] = parsed
    return messages


def _name_on_bus(message: Message) -> str:
    """Name a message for people. A KCD or an ARXML may describe several buses, which are one here."""
    return f"{message.name} of bus {message.bus_name}" if message.bus_name else str(message.name)


def _measurements(messages: Sequence[ParsedMessage], findings: Findings) -> list[str]:
    """Return the measurement of each message of one bus. No two share one, since they share their tags."""
    names: list[str] = []
    taken: set[bytes] = set()  # as line protocol writes them, with some characters changed
    for parsed in messages:
        message = parsed.message
        name = measurement_name(message.name)
        if name != message.name:
            _find(findings, parsed, "a reserved name, written with can_", "")
        while escape_measurement(name) in taken:
            name = f"{name}_{message.frame_id:X}"
            _find(findings, parsed, "a name twice on one bus, written with the id", "")
        taken.add(escape_measurement(name))
        names.append(name)
    return names


def _lay_out(bus: BusDatabases, findings: Findings) -> list[_LaidOut]:
    messages = _settle(bus, findings)
    return [
        _LaidOut(parsed, measurement, lay_out(parsed, _reporter(parsed, findings)))
        for parsed, measurement in zip(messages, _measurements(messages, findings), strict=True)
    ]


def _numbers(messages: Iterable[_LaidOut]) -> dict[bytes, set[bytes]]:
    """Return the fields of each measurement, as line protocol writes them. Several buses may share it."""
    numbers: dict[bytes, set[bytes]] = {}
    for message in messages:
        names = numbers.setdefault(escape_measurement(message.measurement), set())
        names.update(escape_key(field.name) for field in message.layout.fields)
    return numbers


def _with_texts(message: _LaidOut, numbers: Mapping[bytes, Set[bytes]], findings: Findings) -> _LaidOut:
    report = _reporter(message.parsed, findings)
    names = numbers[escape_measurement(message.measurement)]
    return replace(message, layout=with_value_texts(message.layout, report, names))


def _message(laid_out: _LaidOut, bus: BusDatabases, records: _Records) -> MessageSpec:
    parsed, layout = laid_out.parsed, laid_out.layout
    message = parsed.message
    original = "" if message.name == laid_out.measurement else message.name
    return MessageSpec(
        name=message.name,
        arbitration_id=message.frame_id,
        extended=message.is_extended_frame,
        byte_count=message.length,
        signals=layout.signals,
        conditions=layout.conditions,
        record=records.index(RecordSpec(laid_out.measurement, layout.fields, message=original)),
        by_pgn=parsed.declares_j1939 or (bus.j1939 and message.is_extended_frame),
        drops_not_available=parsed.declares_j1939 and not bus.keep_not_available,
    )


def _reporter(parsed: ParsedMessage, findings: Findings) -> Report:
    return lambda kind, signal: _find(findings, parsed, kind, signal)


def _find(findings: Findings, parsed: ParsedMessage, kind: str, signal: str) -> None:
    subject = f"{parsed.message.name}.{signal}" if signal else parsed.message.name
    findings.add(str(parsed.file), parsed.line, kind, subject)
