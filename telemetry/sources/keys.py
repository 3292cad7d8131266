"""Keys that several kinds of sources have: the databases of their frames, and a simulator's time."""

from dataclasses import dataclass
from pathlib import Path

from telemetry_core.frames.stamps import TimeMap

from telemetry.databases.bus import BusDatabases
from telemetry.model.ids import IsoTpId, parse_id, parse_id_masks
from telemetry.toml_table import TomlTable


def read_databases(table: TomlTable, name: str) -> BusDatabases:
    """The databases of the bus of that name, and how they are used. Raises ConfigError."""
    try:
        masks = parse_id_masks(table.take_texts("id_masks"))
    except ValueError as error:
        hint = '3 digits, or 8 for ids of 29 bits: ["1FFFFF00"]'
        raise table.wrong("id_masks", str(error), hint) from error
    return BusDatabases(
        name,
        read_files(table, "databases"),
        table.take_flag("first_wins"),
        table.take_flag("j1939"),
        table.take_flag("keep_not_available"),
        table.take_flag("value_texts"),
        *masks,
    )


def read_files(table: TomlTable, key: str) -> tuple[Path, ...]:
    """A list of files that are there. Raises ConfigError."""
    files = table.take_paths(key)
    for file in files:
        table.check_is_file(key, file)
    return files


def read_isotp(table: TomlTable) -> tuple[IsoTpId, ...]:
    """The ids of frames that are parts of longer messages. Raises ConfigError."""
    return tuple(_isotp(entry) for entry in table.take_tables("isotp"))


def _isotp(table: TomlTable) -> IsoTpId:
    try:
        id = parse_id(table.take_text("id"))
    except ValueError as error:
        raise table.wrong("id", str(error), "3 digits, or 8 for an id of 29 bits") from error
    entry = IsoTpId(id, table.take_flag("extended_addressing"), table.take_flag("with_length"))
    table.close()
    return entry


@dataclass(frozen=True, slots=True)
class SimulatedTime:
    """A simulator's time: stamp = origin_ns + scale x (kernel stamp - wall_ns)."""

    scale: float
    origin_ns: int
    wall_ns: int

    def time_map(self) -> TimeMap:
        """What puts this machine's stamps on the simulator's time line."""
        return TimeMap(self.scale, self.origin_ns, self.wall_ns)


def read_simulated_time(table: TomlTable) -> SimulatedTime | None:
    """The keys of a simulator's time; None: the machine's own."""
    if "time_scale" not in table:
        for key in ("time_origin_ns", "time_wall_ns"):
            if key in table:
                raise table.wrong(key, "stands without time_scale", "give all three")
        return None
    nanoseconds = {"least": 0, "most": 2**63 - 1}
    return SimulatedTime(
        scale=table.take_number("time_scale", above=0.0, most=100_000.0),
        origin_ns=table.take_integer("time_origin_ns", **nanoseconds),
        wall_ns=table.take_integer("time_wall_ns", **nanoseconds),
    )
