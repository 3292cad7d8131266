"""One `[[protect]]` of the configuration: which message has a checksum and a counter, what kind, and where.

What the databases hold is not looked at here: `telemetry.rules.protect` does that.
"""

from pathlib import Path

from telemetry_core.rules.protection_spec import Action

from telemetry.errors import ConfigError
from telemetry.model.ids import id_text, parse_id
from telemetry.settings.declared import key, read, settings
from telemetry.settings.document import Where
from telemetry.settings.table import TomlTable

ACTIONS = {"drop": Action.DROP, "flag": Action.FLAG, "keep": Action.KEEP}
CRC8_J1850, COUNTER = "crc8-j1850", "counter"
E2E_1A, E2E_1B, E2E_1C, E2E_1_LOW = "e2e-1a", "e2e-1b", "e2e-1c", "e2e-1-low"
E2E_2, E2E_5 = "e2e-2", "e2e-5"
PROFILES = (CRC8_J1850, E2E_1A, E2E_1B, E2E_1C, E2E_1_LOW, E2E_2, E2E_5, COUNTER)
DATA_IDS = 16  # of profile 2
_NEEDS_DATA_ID = (E2E_1A, E2E_1B, E2E_1C, E2E_1_LOW, E2E_5)
_FIRST = Where("protect[0]")


@settings
class ProtectEntry:
    """How a message is protected, and what becomes of a frame that fails its checks.

    id: with bit 31 where it has 29 bits. What is None is where the profile has it, or as long as that says.
    """

    message: str | None = key("the message, as the database names it", shown="one of the two")
    profile: str = key(
        "the CRC-8 of SAE J1850; AUTOSAR E2E profile 1 (variants 1A, 1B, 1C, and with the low byte of the"
        " data id alone), 2 or 5; or a counter without a checksum",
        one_of=PROFILES,
    )
    id: int | None = key(
        "the message, by the id of its frames in hexadecimal: up to 3 digits, or 8 for an id of 29 bits",
        kind="text",
        default=None,
        shown="one of the two",
        convert=parse_id,
    )
    bus: str | None = key("the source whose databases are meant", default=None, shown="all")
    crc: str | None = key(
        "the signal that holds the checksum",
        default=None,
        shown="profile 1 and 2: byte 0; profile 5: bytes 0 and 1; `crc8-j1850`: required",
    )
    counter: str | None = key(
        "the signal that holds the counter",
        default=None,
        shown="profile 1 and 2: the low nibble of byte 1; profile 5: byte 2; `crc8-j1850`: no counter;"
        " `counter`: required",
    )
    data_id: int | None = key(
        "profile 1 and 5: the data id, of 16 bits; `crc8-j1850`: two bytes before the payload, the low"
        " one first",
        default=None,
        shown="profile 1 and 5: required; `crc8-j1850`: none",
        least=0,
        most=0xFFFF,
    )
    data_id_list: tuple[int, ...] = key(
        "profile 2: its 16 data ids, of 8 bits",
        kind="integers",
        default=(),
        shown="profile 2: required",
        count=DATA_IDS,
        least=0,
        most=0xFF,
    )
    byte_count: int | None = key(
        "how many bytes of the payload are protected",
        default=None,
        shown="the message's length",
        least=1,
        most=4096,
    )
    counter_max: int | None = key(
        "the highest counter, after which comes 0",
        default=None,
        shown="profile 1: 14; others: all that its bits hold",
        least=1,
        most=0xFFFF,
    )
    max_skip: int = key(
        "how many frames may be missing between two before the counter is wrong",
        default=1,
        least=0,
        most=0xFFFF,
    )
    timeout_s: float = key(
        "after a silence of this length any counter is right", default=5.0, above=0.0, most=86_400.0
    )
    on_error: Action = key(
        "a frame with a wrong checksum or counter is left out (drop); marked by the field `protection_ok`"
        " and kept out of the data model (flag); or only counted (keep)",
        default=Action.DROP,
        one_of=ACTIONS,
    )
    where: Where = _FIRST  # key path, for messages

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError where the profile has no such key, or needs one, or no message is named."""
        profile = self.profile
        if profile == E2E_2 and not self.data_id_list:
            raise table.wrong("data_id_list", f"is missing: {profile} has {DATA_IDS} of 8 bits")
        if profile != E2E_2 and self.data_id_list:
            raise table.wrong("data_id_list", f"is not for {profile}", "data_id is")
        if profile in _NEEDS_DATA_ID and self.data_id is None:
            raise table.wrong("data_id", f"is missing: {profile} has one of 16 bits")
        if profile in (E2E_2, COUNTER) and self.data_id is not None:
            raise table.wrong("data_id", f"is not for {profile}", "profile 2 has a data_id_list")
        if profile == COUNTER and self.crc is not None:
            raise table.wrong(
                "crc", f"is not for {COUNTER}", "a profile with a checksum, or without this key"
            )
        if profile in (CRC8_J1850, COUNTER):
            required = "crc" if profile == CRC8_J1850 else "counter"
            if getattr(self, required) is None:
                raise table.wrong(required, f"is missing: {profile} has no place of its own for it")
        if self.message is None and self.id is None:
            raise table.wrong("message", "is missing, and so is id", "one of the two says which message")
        if self.message is not None and self.id is not None:
            raise table.wrong("id", "stands beside message", "keep one of the two")

    @property
    def subject(self) -> str:
        """Return what the entry is about, in its own words."""
        return self.message or ("" if self.id is None else id_text(self.id))

    @property
    def where_subject(self) -> Where:
        """Return the path of the key that says so."""
        return self.where.key("id" if self.message is None else "message")


def load_protect_entries(file: Path) -> tuple[ProtectEntry, ...]:
    """Return the `[[protect]]` of a configuration, or of a file with nothing else. Raises ConfigError."""
    entries = tuple(read(ProtectEntry, table) for table in TomlTable.load(file).take_tables("protect"))
    if not entries:
        raise ConfigError("has no [[protect]]", where=str(file))
    return entries
