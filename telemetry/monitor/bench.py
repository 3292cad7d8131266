"""What the command line asks for, as the configuration that a service would have for it.

So a bus on the bench is read, decoded and mapped exactly as by the service, by the same code. Pure, but for
reading the configuration that says what values mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from telemetry.config import Config
from telemetry.errors import UsageError
from telemetry.model.bit_rate import BitRate
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import READY, find_map
from telemetry.protocols.table import SerialProtocol
from telemetry.settings.document import Document, read_document
from telemetry.sources.keys import NAME
from telemetry.sources.kinds import KINDS
from telemetry.stages.offline import read_offline

OF_SERIAL = ("vehicle", "map", "limit")  # what --map takes from a configuration for a serial port

_DIGITS_OF_A_NUMBER = 2
_DESCRIBING = ("databases", "protocol", "vehicle_profile", "vehicle_bus")

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bench:
    """reads: what is read; means: the configuration that says what it means, which may be the same one.

    source: the source of `means` that it is; empty: the one of its name or interface, or the only one.
    """

    reads: Config
    means: Config
    source: str


def can_table(bus: str, databases: Sequence[Path], bit_rate: BitRate | None) -> dict[str, list[Table]]:
    """Return a bus's table. bus: a kernel's interface, a simulator's socket, or KIND:CHANNEL of python-can.

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
        return python_can_table({"interface": kind, "channel": channel, **rate}, databases)
    return {"can": [{"name": _name(bus), "interface": bus, "databases": files, **rate}]}


def python_can_table(options: Table, databases: Sequence[Path]) -> dict[str, list[Table]]:
    """Return a bus's table. options: of `can.Bus`, which takes the rest from python-can's configuration."""
    name = _name(str(options.get("interface", "bus")))
    return {"python_can": [{"name": name, "options": options, "databases": _texts(databases)}]}


def log_table(log: Path, databases: Sequence[Path], speed: float | None) -> dict[str, list[Table]]:
    """Return a replayed log's table. speed: 1.0 as recorded; None: as fast as possible."""
    table: Table = {"name": _name(log.name), "file": str(log.absolute()), "databases": _texts(databases)}
    if speed is not None:
        table["speed"] = speed
    return {"replay": [table]}


def serial_table(
    port: str, protocol: str, address: str | None, registers: str | None
) -> dict[str, list[Table]]:
    """Return a serial port, what is spoken there, and to whom. None: as the protocol has it.

    Raises UsageError for an address that is not a number.
    """
    table: Table = {"name": _name(Path(port).name), "port": port, "protocol": protocol}
    if address is not None:
        table["address"] = _address(address, PROTOCOLS[protocol])
    if registers is not None:
        file = find_map(registers)
        table["registers"] = registers if file.parent == READY else str(file.absolute())
    return {"serial": [table]}


def _address(text: str, protocol: SerialProtocol) -> int | str:
    """Return it as a configuration has it: a number, or the digits on a meter."""
    if protocol.addresses is not None and protocol.addresses.digits > _DIGITS_OF_A_NUMBER:
        return text
    try:
        return int(text, 0)
    except ValueError:
        raise UsageError(f"{text!r} is not a number", where="--address", hint="such as 2 or 0xD2") from None


def bench(sources: Mapping[str, list[Table]], map_file: Path | None, source: str = "") -> Bench:
    """Return what `sources` are and mean. Raises ConfigError.

    map_file: the configuration that says what values mean. Databases and the protocol that `sources` have
    replace those of its buses.
    """
    reads = read_offline(Document.plain(Path("monitor"), {"vehicle": "bench", **sources}))
    if map_file is None:
        return Bench(reads, reads, source)
    document = read_document(map_file)
    values = {"vehicle": "bench", **document.values}
    if not all(KINDS[kind]().is_can for kind in sources):
        taken = {key: values[key] for key in OF_SERIAL if key in values}
        return Bench(reads, read_offline(replace(document, values={**taken, **sources})), source)
    buses = {kind: tables for kind in KINDS if KINDS[kind]().is_can and (tables := values.get(kind))} or dict(
        sources
    )
    own = next(table for tables in sources.values() for table in tables)
    given = {key: own[key] for key in _DESCRIBING if own.get(key)}
    buses = {kind: _with(given, tables) for kind, tables in buses.items()}
    return Bench(reads, read_offline(replace(document, values={**values, **buses})), source)


def with_keys(sources: Mapping[str, list[Table]], **given: str) -> dict[str, list[Table]]:
    """Return the tables of buses with what is spoken on them: those keys that are not empty."""
    keys = {key: value for key, value in given.items() if value}
    return {kind: _with(keys, tables) for kind, tables in sources.items()}


def _with(given: Table, tables: Any) -> Any:
    """Return `tables`, each with these keys; what is no table is for the reader."""
    if not isinstance(tables, list):
        return tables
    return [{**table, **given} if isinstance(table, dict) else table for table in tables]


def _texts(files: Sequence[Path]) -> list[str]:
    return [str(file.absolute()) for file in files]


def _name(text: str) -> str:
    """Return `text` as a source may be called."""
    name = "".join(letter if NAME.fullmatch("x" + letter) else "_" for letter in text)[:64].lstrip("_.:-")
    return name or "source"
