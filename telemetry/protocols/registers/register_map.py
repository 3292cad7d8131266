"""A map of registers: a TOML file that says what a Modbus device has where.

Promises: an unknown key or type, a register in two values, and a value outside of every poll are one line
with file and key, before anything is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telemetry.errors import ConfigError
from telemetry.protocols.serial.rtu import HOLDING, INPUT, LAST_SLAVE, MOST_REGISTERS
from telemetry.rules.alarm_map import checked_code
from telemetry.rules.map import check_number_field
from telemetry.settings.table import TomlTable

READY = Path(__file__).parent  # of the maps that come with the program
DAY_S = 86_400.0

# Registers that a value of each type takes; a text says its own.
TYPES = {
    "u16": 1,
    "s16": 1,
    "bcd16": 1,
    "u32": 2,
    "s32": 2,
    "f32": 2,
    "bcd32": 2,
    "u64": 4,
    "s64": 4,
    "f64": 4,
    "text": 0,
}
ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")  # of the bytes of two registers; A is the highest
_LAST_REGISTER = 0xFFFF
_REGISTER_BITS = 16


@dataclass(frozen=True, slots=True)
class Register:
    """One value. first: the address of its first register, from 0. bits: codes of alarms by number of bit.

    decimals: the register that holds how many decimal places the value has more.
    """

    name: str
    function: int
    first: int
    count: int
    type: str
    order: str
    scale: float
    offset: float
    unit: str
    to: str
    absent: tuple[int, ...]
    decimals: int | None
    bits: tuple[tuple[int, str], ...]

    @property
    def stop(self) -> int:
        """Return the register after its last one."""
        return self.first + self.count


@dataclass(frozen=True, slots=True)
class Group:
    """Registers that are read at once."""

    function: int
    first: int
    count: int
    every_s: float
    registers: tuple[Register, ...]


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """All of a device. slave: its usual address."""

    title: str
    slave: int
    baud_rate: int
    parity: str
    stop_bits: int
    reply_timeout_s: float
    groups: tuple[Group, ...]


def find_map(name: str, folder: Path = Path()) -> Path:
    """Return the file of that name, or of a map that comes with the program: `pzem_017`."""
    ready = READY / f"{name}.toml"
    return ready if ready.is_file() and "/" not in name else folder / name


def read_register_map(file: Path) -> RegisterMap:
    """Read a map. Raises ConfigError."""
    table = TomlTable.load(file)
    numbered_from = table.take_integer("numbers_from", 0, least=0, most=50_000)
    function = table.take_integer("function", HOLDING, least=HOLDING, most=INPUT)
    found = RegisterMap(
        title=table.take_text("title"),
        slave=table.take_integer("slave", 1, least=1, most=LAST_SLAVE),
        baud_rate=table.take_integer("baud_rate", 9600, least=50, most=4_000_000),
        parity=table.take_text("parity", "N", one_of=("N", "E", "O")),
        stop_bits=table.take_integer("stop_bits", 1, least=1, most=2),
        reply_timeout_s=table.take_number("reply_timeout_s", 0.5, above=0.0, most=60.0),
        groups=_groups(
            table,
            [_register(one, function, numbered_from) for one in table.take_tables("register")],
            function,
            numbered_from,
        ),
    )
    table.close()
    if not any(group.registers for group in found.groups):
        raise ConfigError("has no [[register]]", where=str(file))
    return found


def numbered_from_1(found: RegisterMap) -> int:
    """Return the first register where all are numbered as in manuals, from 30001 or 40001 on; otherwise 0."""
    bases = {HOLDING: 40_001, INPUT: 30_001}
    placed = [register for group in found.groups for register in group.registers]
    are_so = all(0 <= one.first - bases[one.function] < 9_999 for one in placed)
    return min(one.first for one in placed) if are_so else 0


_Placed = tuple[TomlTable, Register]


def _register(table: TomlTable, function: int, numbered_from: int) -> _Placed:
    type_ = table.take_text("type", "u16", one_of=tuple(TYPES))
    number = table.take_integer("register", least=numbered_from, most=_LAST_REGISTER + numbered_from)
    decimals = table.take_optional_integer(
        "decimals", least=numbered_from, most=_LAST_REGISTER + numbered_from
    )
    bits = table.take_table("bits")
    register = Register(
        name=table.take_text("name"),
        function=table.take_integer("function", function, least=HOLDING, most=INPUT),
        first=number - numbered_from,
        count=TYPES[type_] or table.take_integer("count", least=1, most=MOST_REGISTERS),
        type=type_,
        order=table.take_text("order", "ABCD", one_of=ORDERS),
        scale=_scale(table),
        offset=table.take_number("offset", 0.0),
        unit=table.take_optional_text("unit") or "",
        to=table.take_optional_text("to") or "",
        absent=_absent(table),
        decimals=None if decimals is None else decimals - numbered_from,
        bits=tuple((_bit(table, name, type_), _alarm(bits, name)) for name in bits.names()),
    )
    table.close()
    if register.to:
        check_number_field(register.to, table.where())
    if register.stop > _LAST_REGISTER + 1:
        raise table.wrong("register", f"{register.name} ends after the last register")
    return table, register


def _scale(table: TomlTable) -> float:
    scale = table.take_number("scale", 1.0)
    if scale == 0.0:
        raise table.wrong("scale", "must not be 0: every value would be 0")
    return scale


def _absent(table: TomlTable) -> tuple[int, ...]:
    values = table.take_values("absent")
    found = tuple(one for one in values if isinstance(one, int))
    if len(found) != len(values):
        raise table.wrong("absent", "must be integers: raw values, before scale and offset")
    return found


def _bit(table: TomlTable, name: str, type_: str) -> int:
    if type_[0] not in "us":
        raise table.wrong("bits", f"a {type_} has no bits", "take u16 or u32")
    most = _REGISTER_BITS * TYPES[type_] - 1
    if not name.isdecimal() or int(name) > most:
        words = f"{name!r} is not the number of a bit of a {type_}"
        raise table.wrong("bits", words, f"0 is the lowest, {most} the highest")
    return int(name)


def _alarm(bits: TomlTable, name: str) -> str:
    return checked_code(bits.take_text(name), bits.where(name))


def _groups(
    table: TomlTable, placed: Sequence[_Placed], function: int, numbered_from: int
) -> tuple[Group, ...]:
    taken: dict[tuple[int, int], Register] = {}
    names: set[str] = set()
    filled: dict[str, str] = {}  # by field: the register that fills it
    for one, register in placed:
        if register.to and filled.setdefault(register.to, register.name) != register.name:
            raise one.wrong("to", f"{filled[register.to]} fills {register.to} already")
        if register.name in names:
            raise one.wrong("name", f"{register.name} is there twice")
        names.add(register.name)
        for number in range(register.first, register.stop):
            other = taken.setdefault((register.function, number), register)
            if other is not register:
                words = f"{number + numbered_from} of {register.name} is a part of {other.name} as well"
                raise one.wrong("register", words)
    polls = [_poll(one, function, numbered_from) for one in table.take_tables("poll")] or _contiguous(
        [register for _, register in placed]
    )
    groups = tuple(
        Group(
            *poll,
            tuple(register for _, register in placed if _is_within(register, poll[0], poll[1], poll[2])),
        )
        for poll in polls
    )
    for one, register in placed:
        if not any(register in group.registers for group in groups):
            raise one.wrong("register", f"{register.name} lies in no [[poll]]", "all of it must lie in one")
    return groups


def _poll(table: TomlTable, function: int, numbered_from: int) -> tuple[int, int, int, float]:
    poll = (
        table.take_integer("function", function, least=HOLDING, most=INPUT),
        table.take_integer("first", least=numbered_from, most=_LAST_REGISTER + numbered_from) - numbered_from,
        table.take_integer("count", least=1, most=MOST_REGISTERS),
        table.take_number("every_s", 1.0, above=0.0, most=DAY_S),
    )
    table.close()
    return poll


def _is_within(register: Register, function: int, first: int, count: int) -> bool:
    return register.function == function and first <= register.first and register.stop <= first + count


def _contiguous(registers: Sequence[Register]) -> list[tuple[int, int, int, float]]:
    """Return polls of what lies side by side: some devices refuse a range that is not all theirs."""
    spans = {(register.function, register.first, register.stop) for register in registers}
    spans |= {
        (register.function, register.decimals, register.decimals + 1)
        for register in registers
        if register.decimals is not None
    }
    polls: list[tuple[int, int, int, float]] = []
    for function, first, stop in sorted(spans):
        if polls:
            last, begin, count, every_s = polls[-1]
            if last == function and begin + count >= first and stop - begin <= MOST_REGISTERS:
                polls[-1] = (last, begin, max(count, stop - begin), every_s)
                continue
        polls.append((function, first, stop - first, 1.0))
    return polls
