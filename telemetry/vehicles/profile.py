"""What a profile of a vehicle holds: buses, control units, what these answer, and what is broadcast.

Promises: plain values, as its file has them, each with its bounds checked. Whether they go together is for
`telemetry.vehicles.checks`.

Ids and payloads are hexadecimal. A byte of an answer counts from its first, the service; of a frame from 0.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.errors import ConfigError
from telemetry.model.ids import id_text, parse_id
from telemetry.model.measurements import EVENT, MAX_NUMBERED_FIELDS
from telemetry.rules.alarm_map import checked_code
from telemetry.rules.map import check_field
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where
from telemetry.settings.table import Key, TomlTable

if TYPE_CHECKING:
    from telemetry.protocols.can.table import CanProtocol

LAST_BYTE = 4094  # of an ISO-TP message, whose length is 12 bits
MOST_PAGES = 4096  # of one selector, with the same values
MARKS = ("V", "2", "1")  # verified on a recording; two independent sources; one source
READS = {0x01: 1, 0x09: 1, 0x21: 1, 0x22: 2}  # services that change nothing, with bytes of their identifiers
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_NOWHERE = Where("")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} must be letters, digits and _, 64 at most, a letter first")
    return text


def _words(texts: Mapping[str, str]) -> Mapping[int, str]:
    try:
        return {int(raw, 0): word for raw, word in texts.items()}
    except ValueError as error:
        raise ValueError("its keys are raw values, as { 3 = ... }") from error


def _page(values: Sequence[int | str]) -> tuple[int, int]:
    numbers = [value for value in values if isinstance(value, int)]
    if len(numbers) != len(values) or len(numbers) not in (1, 2) or not 0 <= numbers[0] <= numbers[-1]:
        raise ValueError("must be a raw value, or the least and the most of several")
    if numbers[-1] - numbers[0] > MOST_PAGES:
        raise ValueError(f"are more than {MOST_PAGES} pages")
    return numbers[0], numbers[-1]


def _integers(values: Sequence[int | str]) -> tuple[int, ...]:
    numbers = tuple(value for value in values if isinstance(value, int))
    if len(numbers) != len(values):
        raise ValueError("must be integers")
    return numbers


def _raws(texts: Sequence[str]) -> tuple[int, ...]:
    return tuple(_bits(text) for text in texts)


def _bits(text: str) -> int:
    if not re.fullmatch("[0-9A-Fa-f]{1,16}", text):
        raise ValueError(f"{text!r} is no raw value in hexadecimal")
    return int(text, 16)


def _ids(texts: Sequence[str]) -> tuple[int, ...]:
    return tuple(map(parse_id, texts))


def _request(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no request in hexadecimal") from error
    known = ", ".join(f"{service:02X}" for service in READS)
    if found[:1] and found[0] not in READS:
        raise ValueError(f"{found[0]:02X} is no service that reads; known are {known}")
    if not found or len(found) != 1 + READS[found[0]]:
        raise ValueError(f"{text!r} must be a service ({known}) and its identifier")
    return found


def _requests(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(map(_request, texts))


@dataclass(frozen=True, slots=True)
class Address:
    """An id, bit 31 set where it has 29 bits, and the address in its frames' first byte, if they have one."""

    id: int
    unit: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `7EC`, or `607/F1` with the address. Raises ValueError."""
        id, slash, unit = text.partition("/")
        if slash and not re.fullmatch("[0-9A-Fa-f]{2}", unit):
            raise ValueError(f"{unit!r} is no address of two hexadecimal digits")
        return cls(parse_id(id), int(unit, 16) if slash else None)

    def __str__(self) -> str:
        return id_text(self.id) + (f"/{self.unit:02X}" if self.unit is not None else "")


@settings(kw_only=True)
class Place:
    """The place of a raw value: `byte` and `bytes`, or `bit` and `bits` as a DBC numbers them."""

    byte: int | None = key("its first byte; required without `bit`", default=None, least=0, most=LAST_BYTE)
    byte_count: int = key("how many bytes it has", name="bytes", default=1, least=1, most=8)
    bit: int | None = key(
        "in place of `byte`: its most significant bit; its least one where `little`",
        default=None,
        least=0,
        most=8 * LAST_BYTE + 7,
    )
    bits: int | None = key("with `bit`, and required there: how many it has", default=None, least=1, most=64)
    little: bool = key("the least significant byte comes first", default=False)
    signed: bool = key("in two's complement", default=False)

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError unless it is one place."""
        if (self.byte is None) == (self.bit is None):
            raise table.wrong("byte", "it or bit says where the value lies", "give one of the two")
        if (self.bit is None) != (self.bits is None):
            raise table.missing("bits" if self.bits is None else "bit")

    @property
    def bit_count(self) -> int:
        """Return how many bits it has."""
        return 8 * self.byte_count if self.bits is None else self.bits

    @property
    def start_bit(self) -> int:
        """Return its first bit, as `SignalSpec` has it."""
        if self.byte is None:
            return self.bit or 0
        return 8 * self.byte + (0 if self.little else 7)


@settings(kw_only=True)
class Value(Place):
    """A number there: raw * scale + offset."""

    scale: float = key("of a raw value", default=1.0)
    offset: float = key("added after scaling", default=0.0)
    absent: tuple[int, ...] = key(
        "raw values, in hexadecimal, that mean no value", kind="texts", convert=_raws, default=()
    )
    valid: tuple[int, int] | None = key(
        "the least and the most raw value that are a value",
        kind="integers",
        count=2,
        least=-(2**63),
        most=2**63 - 1,
        convert=lambda pair: pair or None,
        default=None,
    )
    page: tuple[int, int] | None = key(
        "the raw value of `selector` with which it is there, or the least and the most",
        kind="values",
        convert=_page,
        default=None,
    )
    mark: str = key("how sure it is; otherwise as all of it", one_of=MARKS, default="")
    where: Where = _NOWHERE

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError where a number is none of the place's."""
        Place.check(self, table)
        if self.scale == 0.0:
            raise table.wrong("scale", "must not be 0: every value would be 0")
        if any(raw >> self.bit_count for raw in self.absent):
            raise table.wrong("absent", f"has more than {self.bit_count} bits")
        if self.valid and self.valid[0] > self.valid[1]:
            raise table.wrong("valid", "must be the least raw value, then the most")


@settings(kw_only=True)
class Field(Value):
    """One value of a message."""

    to: str = key("the field of the data model, or `event.CODE`; required without `name`", default="")
    name: str = key("what rows of the message call it; otherwise as the field", convert=_name, default="")
    unit: str = key("for people", default="")
    words: Mapping[int, str] = key(
        "into a text: what each raw value is", kind="free", of=Key(""), convert=_words, default={}
    )
    when: tuple[int, ...] = key(
        "of an event: raw values that mean it; otherwise any but 0",
        kind="values",
        convert=_integers,
        default=(),
    )
    prefer: bool = key("it goes before what is broadcast", default=False)
    characters: int | None = key(
        "of a text, from `byte` on: so many; one that is called `vin` is written as `[charging] vin` says",
        default=None,
        least=1,
        most=24,
    )

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError where it has no name, or leads nowhere."""
        Value.check(self, table)
        if self.characters and (self.to or self.byte is None):
            raise table.wrong("characters", "a text has byte, and name in place of to")
        if not self.to and not self.name:
            raise table.missing("to", "or name, of a value in rows of the message alone")
        measurement, _, name = self.to.partition(".")
        if measurement == EVENT.name:
            checked_code(name, table.where("to"))
        elif self.to:
            check_field(self.to, table.where())
        if self.when and measurement != EVENT.name:
            raise table.wrong("when", "is of an event alone")

    @property
    def called(self) -> str:
        """Return its name in rows of the message."""
        return self.name or self.to.rpartition(".")[2].lower()


@settings(kw_only=True)
class Number(Place):
    """Which cell or sensor a frame is of, as the frame says."""

    least: int = key("of the first one", name="from", default=0, least=0, most=65_535)
    most: int = key("of the last one", name="to", least=0, most=65_535)
    firsts: tuple[int, ...] = key(
        "the first cell or sensor of each, where they do not simply count on; 0: it has none",
        name="first",
        kind="values",
        convert=_integers,
        default=(),
    )

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError where there is none."""
        Place.check(self, table)
        if self.most < self.least:
            raise table.wrong("to", f"must be {self.least} or more")
        if self.firsts and len(self.firsts) != self.most - self.least + 1:
            raise table.wrong("first", f"must be {self.most - self.least + 1} numbers, one for each")

    def first(self, number: int, cells: "Cells") -> int:
        """Return the first cell or sensor of a number; 0: it has none."""
        at = number - self.least
        return self.firsts[at] if self.firsts else cells.first + at * cells.count


@settings(kw_only=True)
class Unless(Place):
    """What stands beside a value, and says that it is none."""

    raws: tuple[int, ...] = key(
        "raw values, in hexadecimal, with which", name="is", kind="texts", convert=_raws
    )


@settings(kw_only=True)
class Cells(Value):
    """Voltages of cells, or temperatures of sensors, side by side."""

    first: int = key("the number of the first one", default=1, least=1, most=MAX_NUMBERED_FIELDS)
    count: int = key("how many of them a page holds", default=1, least=1, most=MAX_NUMBERED_FIELDS)
    step: int | None = key(
        "bytes from one to the next; otherwise its own", default=None, least=1, most=LAST_BYTE
    )
    step_bits: int | None = key("in place of `step`: bits", default=None, least=1, most=8 * LAST_BYTE)
    present: int | None = key(
        "the first byte of a mask that says which there are, its highest bit the first",
        default=None,
        least=0,
        most=LAST_BYTE,
    )
    number: Number | None = key("of broadcast ones: which page it is", kind="table", of=Number)
    unless: Unless | None = key("beside the first one: what says that it is absent", kind="table", of=Unless)

    @property
    def stride(self) -> int:
        """Return bits from one to the next."""
        return self.step_bits or 8 * (self.step or 0) or self.bit_count


@settings(kw_only=True)
class Layout:
    """What a message holds, whoever sends it."""

    name: str = key("what rows of it are called", convert=_name, default="")
    selector: Place | None = key("what says which page it is", kind="table", of=Place)
    fields: tuple[Field, ...] = key("its values", kind="tables", of=Field, default=())
    cells: Cells | None = key("voltages of cells", kind="table", of=Cells)
    temperatures: Cells | None = key("temperatures of sensors", kind="table", of=Cells)
    mark: str = key("how sure its values are: `V`, `2` or `1`", one_of=MARKS)
    where: Where = _NOWHERE

    def check(self, table: TomlTable) -> None:  # noqa: ARG002 - Read's has one
        """Raise ConfigError where a value is of a page, and nothing says which page it is."""
        for one in (*self.fields, self.cells, self.temperatures):
            if one and one.page and not self.selector:
                raise ConfigError("stands without selector", where=one.where.key("page"))


@settings(kw_only=True)
class Read(Layout):
    """[[read]]: something that a control unit answers when it is asked."""

    unit: str = key("the name of the control unit")
    what: bytes = key("the request: a service that reads, and its identifier", kind="text", convert=_request)
    times: int = key("so many identifiers, which count on from it", default=1, least=1, most=999)
    also: tuple[bytes, ...] = key(
        "further requests of the same layout", kind="texts", convert=_requests, default=()
    )
    every_s: float = key("how often it is worth asking, at most", default=10.0, above=0.0, most=86_400.0)
    length: tuple[int, ...] = key(
        "of the answer; several where it is one layout all the same",
        kind="values",
        convert=_integers,
        default=(),
        shown="any",
    )
    optional: bool = key("not every vehicle of the kind answers it", default=False)

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError where its identifiers do not count so far, or a length is none."""
        Layout.check(self, table)
        for one in (self.cells, self.temperatures):
            if one and one.number:
                raise ConfigError("is of a broadcast alone", where=one.where.key("number"))
        size = len(self.what) - 1
        if int.from_bytes(self.what[1:]) + self.times > 1 << 8 * size:
            raise table.wrong("times", f"identifiers end at {'FF' * size}")
        if any(not len(self.what) <= length <= LAST_BYTE + 1 for length in self.length):
            raise table.wrong("length", f"must be from {len(self.what)} to {LAST_BYTE + 1}")

    @property
    def requests(self) -> Sequence[bytes]:
        """Return what is asked, page by page."""
        service, first, size = self.what[:1], int.from_bytes(self.what[1:]), len(self.what) - 1
        return [*(service + (first + page).to_bytes(size) for page in range(self.times)), *self.also]

    @staticmethod
    def begins(request: bytes) -> bytes:
        """Return what a positive answer to the request begins with."""
        return bytes((request[0] + 0x40,)) + request[1:]


@settings(kw_only=True)
class Broadcast(Layout):
    """[[broadcast]]: a frame that is sent over and over."""

    bus: tuple[str, ...] = key("its bus, by name, or several", kind="names", shown="required")
    id: int = key("in hexadecimal: 3 digits, or 8 for 29 bits", kind="text", convert=parse_id)
    period_ms: float | None = key("of its frames", default=None, above=0.0, most=3_600_000.0)
    length: int | None = key("of its frames, in bytes", default=None, least=0, most=64)


@settings(kw_only=True)
class Pair:
    """The id that a unit is asked by, and the one that it answers by."""

    request: Address = key("`7E4`, `18DADBF1`, or `6F1/07` with the unit's address", convert=Address.parse)
    answer: Address = key("`7EC`, `18DAF1DB`, or `607/F1` with the tester's address", convert=Address.parse)


@settings(kw_only=True)
class Unit:
    """[unit.NAME]: a control unit."""

    name: str
    bus: tuple[str, ...] = key("its bus, by name, or several", kind="names", shown="required")
    at: tuple[Pair, ...] = key("its ids; each is understood", kind="tables", of=Pair, shown="required")
    where: Where = _NOWHERE

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError where it has no id."""
        if not self.at:
            raise table.missing("at", 'as at = [{ request = "7E4", answer = "7EC" }]')


@settings(kw_only=True)
class VehicleBus:
    """[bus.NAME]: a bus of the vehicle."""

    name: str
    title: str = key("where it is to be had, for people")
    bit_rate: int = key("in bit/s", least=1_000, most=8_000_000)
    awake: tuple[int, ...] = key(
        "ids that are heard while the vehicle is awake", kind="texts", convert=_ids, default=()
    )
    needed: tuple[int, ...] = key(
        "ids that it always has: otherwise it is of another vehicle", kind="texts", convert=_ids, default=()
    )
    against: tuple[int, ...] = key(
        "ids that only buses of other vehicles have", kind="texts", convert=_ids, default=()
    )
    where: Where = _NOWHERE


@settings(kw_only=True)
class Profile:
    """A profile; with all that it extends, once it is found by its name.

    name: as in `vehicle_profile`; of a path that of the file. bases: files that it extends.
    """

    name: str
    file: Path
    bases: tuple[Path, ...] = ()
    title: str = key("which vehicles they are; required, here or in `extends`", default="")
    cells: int = key("how many it has at most", default=0, least=0, most=MAX_NUMBERED_FIELDS)
    sources: tuple[str, ...] = key("where the facts are from", default=())
    note: str = key("what its owner should know", default="")
    extends: str = key("the profile that it adds to: a name, or a path", default="")
    yields: bool = key("it is of any vehicle: beside another profile it adds what that lacks", default=False)
    buses: Mapping[str, VehicleBus] = key("its buses, one at least", name="bus", kind="named", of=VehicleBus)
    units: Mapping[str, Unit] = key("its control units", name="unit", kind="named", of=Unit)
    reads: tuple[Read, ...] = key("what units answer", name="read", kind="tables", of=Read, default=())
    broadcasts: tuple[Broadcast, ...] = key(
        "what is sent over and over", name="broadcast", kind="tables", of=Broadcast, default=()
    )

    @property
    def files(self) -> tuple[Path, ...]:
        """Return all that it is read from."""
        return (self.file, *self.bases)

    def extending(self, base: "Profile") -> "Profile":
        """Return it with the tables of `base`, but for those in whose place it has one."""
        asked = {(one.unit, one.what) for one in self.reads}
        sent = {(bus, one.id) for one in self.broadcasts for bus in one.bus}
        return replace(
            self,
            bases=base.files,
            title=self.title or base.title,
            cells=self.cells or base.cells,
            sources=tuple(dict.fromkeys((*base.sources, *self.sources))),
            note=self.note or base.note,
            buses={**base.buses, **self.buses},
            units={**base.units, **self.units},
            reads=(*(one for one in base.reads if (one.unit, one.what) not in asked), *self.reads),
            broadcasts=(
                *(one for one in base.broadcasts if sent.isdisjoint((bus, one.id) for bus in one.bus)),
                *self.broadcasts,
            ),
        )

    def protocol(self, bus: str = "") -> "CanProtocol":
        """Return what is heard on a bus of it; without a name, on any of them.

        Raises ConfigError where it has no such bus, or where two buses have one id for two things.
        """
        from telemetry.vehicles.protocol import protocol

        return protocol(self, bus)
