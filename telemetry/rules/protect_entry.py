"""One `[[protect]]` of the configuration: which message has a checksum and a counter, what kind, and where.

What the databases hold is not looked at here: `telemetry.rules.protect` does that.
"""

from dataclasses import dataclass
from pathlib import Path

from telemetry_core.rules.protection_spec import Action

from telemetry.errors import ConfigError
from telemetry.model.ids import id_text, parse_id
from telemetry.toml_document import Where
from telemetry.toml_table import TomlTable

ACTIONS = {"drop": Action.DROP, "flag": Action.FLAG, "keep": Action.KEEP}
CRC8_J1850, COUNTER = "crc8-j1850", "counter"
E2E_1A, E2E_1B, E2E_1C, E2E_1_LOW = "e2e-1a", "e2e-1b", "e2e-1c", "e2e-1-low"
E2E_2, E2E_5 = "e2e-2", "e2e-5"
PROFILES = (CRC8_J1850, E2E_1A, E2E_1B, E2E_1C, E2E_1_LOW, E2E_2, E2E_5, COUNTER)
DATA_IDS = 16  # of profile 2
_NEEDS_DATA_ID = (E2E_1A, E2E_1B, E2E_1C, E2E_1_LOW, E2E_5)
_FIRST = Where("protect[0]")


@dataclass(frozen=True, slots=True)
class ProtectEntry:
    """How a message is protected, and what becomes of a frame that fails its checks."""

    message: str | None  # as the database names it; None: the id says which message
    profile: str  # one of PROFILES
    id: int | None = None  # with bit 31 where it has 29 bits; None: the name says which message
    bus: str | None = None  # None: every bus that has the message
    crc: str | None = None  # the signal that holds the checksum; None: where the profile has it
    counter: str | None = None  # the signal that holds the counter; likewise
    data_id: int | None = None
    data_id_list: tuple[int, ...] = ()
    byte_count: int | None = None  # None: as long as the message
    counter_max: int | None = None  # None: the profile's, or all that its bits hold
    max_skip: int = 1
    timeout_s: float = 5.0
    on_error: Action = Action.DROP
    where: Where = _FIRST  # key path, for messages

    @property
    def subject(self) -> str:
        """What the entry is about, in its own words."""
        return self.message or ("" if self.id is None else id_text(self.id))

    @property
    def where_subject(self) -> Where:
        """The path of the key that says so."""
        return self.where.key("id" if self.message is None else "message")


def read_protect_entry(table: TomlTable) -> ProtectEntry:
    """One `[[protect]]`. Raises ConfigError."""
    profile = table.take_text("profile", one_of=PROFILES)
    entry = ProtectEntry(
        message=table.take_optional_text("message"),
        profile=profile,
        id=_id(table),
        bus=table.take_optional_text("bus"),
        crc=table.take_optional_text("crc"),
        counter=table.take_optional_text("counter"),
        data_id=table.take_optional_integer("data_id", least=0, most=0xFFFF),
        data_id_list=_data_id_list(table, profile),
        byte_count=table.take_optional_integer("byte_count", least=1, most=4096),
        counter_max=table.take_optional_integer("counter_max", least=1, most=0xFFFF),
        max_skip=table.take_integer("max_skip", 1, least=0, most=0xFFFF),
        timeout_s=table.take_number("timeout_s", 5.0, above=0.0, most=86_400.0),
        on_error=ACTIONS[table.take_text("on_error", "drop", one_of=tuple(ACTIONS))],
        where=table.where(),
    )
    if profile in _NEEDS_DATA_ID and entry.data_id is None:
        raise table.wrong("data_id", f"is missing: {profile} has one of 16 bits")
    if profile in (E2E_2, COUNTER) and entry.data_id is not None:
        raise table.wrong("data_id", f"is not for {profile}", "profile 2 has a data_id_list")
    if profile == COUNTER and entry.crc is not None:
        raise table.wrong("crc", f"is not for {COUNTER}", "a profile with a checksum, or without this key")
    if profile in (CRC8_J1850, COUNTER):
        required = "crc" if profile == CRC8_J1850 else "counter"
        if getattr(entry, required) is None:
            raise table.wrong(required, f"is missing: {profile} has no place of its own for it")
    table.close()
    if entry.message is None and entry.id is None:
        raise table.wrong("message", "is missing, and so is id", "one of the two says which message")
    if entry.message is not None and entry.id is not None:
        raise table.wrong("id", "stands beside message", "keep one of the two")
    return entry


def load_protect_entries(file: Path) -> tuple[ProtectEntry, ...]:
    """The `[[protect]]` of a configuration, or of a file with nothing else. Raises ConfigError."""
    entries = tuple(read_protect_entry(table) for table in TomlTable.load(file).take_tables("protect"))
    if not entries:
        raise ConfigError("has no [[protect]]", where=str(file))
    return entries


def _id(table: TomlTable) -> int | None:
    text = table.take_optional_text("id")
    try:
        return None if text is None else parse_id(text)
    except ValueError as error:
        raise table.wrong("id", str(error), "3 digits, or 8 for an id of 29 bits") from error


def _data_id_list(table: TomlTable, profile: str) -> tuple[int, ...]:
    ids = table.take_integers("data_id_list", count=DATA_IDS, least=0, most=0xFF)
    if profile == E2E_2 and not ids:
        raise table.wrong("data_id_list", f"is missing: {profile} has {DATA_IDS} of 8 bits")
    if profile != E2E_2 and ids:
        raise table.wrong("data_id_list", f"is not for {profile}", "data_id is")
    return ids
