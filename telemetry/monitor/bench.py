"""What is asked for on the command line, as the configuration that a service would have for it.

So that a bus on the bench is read, decoded and mapped exactly as by the service, by the same code. Pure, but
for reading the configuration that says what values mean.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from telemetry.config import Config, read_config
from telemetry.databases.plan_cache import user_cache_directory
from telemetry.model.bit_rate import BitRate
from telemetry.sources.kinds import KINDS
from telemetry.sources.settings import NAME
from telemetry.toml_table import TomlTable
from telemetry.toml_text import read_toml

FROM_CONFIGURATION = ("vehicle", "map", "limit")  # what --map takes from a configuration
OF_FRAMES = "protect"  # what it takes where frames are read
_VALUE_TEXTS = "value_texts"  # likewise, of the sources whose databases are read so

Table = dict[str, Any]


def can_table(bus: str, databases: Sequence[Path], bit_rate: BitRate | None) -> dict[str, list[Table]]:
    """`bus`: an interface of the kernel, a simulator's socket, or KIND:CHANNEL for one of python-can's.

    bit_rate: None: the bus's own.
    """
    files = _texts(databases)
    rate = {} if bit_rate is None else {"bitrate": bit_rate.nominal}
    if bit_rate is not None and bit_rate.data is not None:
        rate["data_bitrate"] = bit_rate.data
    kind, colon, channel = bus.partition(":")
    if "/" in kind:
        socket = str(Path(bus).absolute())
        return {"can": [{"name": _name(Path(bus).stem), "socket": socket, "databases": files, **rate}]}
    if colon:
        options: Table = {"interface": kind, "channel": channel, **rate}
        return {"python_can": [{"name": _name(kind), "options": options, "databases": files}]}
    return {"can": [{"name": _name(bus), "interface": bus, "databases": files, **rate}]}


def log_table(log: Path, databases: Sequence[Path], speed: float | None) -> dict[str, list[Table]]:
    """`speed`: 1.0 as recorded; None: as fast as possible."""
    table: Table = {"name": _name(log.name), "file": str(log.absolute()), "databases": _texts(databases)}
    if speed is not None:
        table["speed"] = speed
    return {"replay": [table]}


def serial_table(port: str, protocol: str) -> dict[str, list[Table]]:
    """A serial port and what is spoken there."""
    return {"serial": [{"name": _name(Path(port).name), "port": port, "protocol": protocol}]}


def bench_config(sources: Mapping[str, list[Table]], map_file: Path | None) -> Config:
    """A configuration of `sources` alone; map_file: the configuration that says what values mean.

    Raises ConfigError.
    """
    taken = _taken_from(map_file, has_frames=all(KINDS[kind].is_can for kind in sources)) if map_file else {}
    if taken.pop(_VALUE_TEXTS, False):
        sources = {
            kind: [{**table, _VALUE_TEXTS: True} for table in tables] for kind, tables in sources.items()
        }
    document: Table = {
        "vehicle": "bench",
        "influx": {"url": "http://localhost", "database": "unused"},
        "spool": {"directory": "unused"},
        "cache_directory": str(user_cache_directory()),
        **taken,
        **sources,
    }
    where = map_file or Path("monitor")
    return read_config(where, TomlTable(where, "", document), {})


def _taken_from(file: Path, *, has_frames: bool) -> Table:
    """The map and what else says what values mean. Entries for one bus hold for the one that is looked at."""
    document = read_toml(file)
    wanted = (*FROM_CONFIGURATION, OF_FRAMES) if has_frames else FROM_CONFIGURATION
    taken = {key: document[key] for key in wanted if key in document}
    for name in ("map", OF_FRAMES):
        if isinstance(taken.get(name), list):
            taken[name] = [_without_bus(entry) for entry in taken[name]]
    if has_frames:
        sources = [table for kind in KINDS if KINDS[kind].is_can for table in _tables(document.get(kind))]
        taken[_VALUE_TEXTS] = any(table.get(_VALUE_TEXTS) is True for table in sources)
    return taken


def _without_bus(entry: Any) -> Any:
    return {key: value for key, value in entry.items() if key != "bus"} if isinstance(entry, dict) else entry


def _tables(value: Any) -> list[Table]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _texts(files: Sequence[Path]) -> list[str]:
    return [str(file.absolute()) for file in files]


def _name(text: str) -> str:
    """`text` as a source may be called."""
    name = "".join(letter if NAME.fullmatch("x" + letter) else "_" for letter in text)[:64].lstrip("_.:-")
    return name or "source"
