"""The configuration: one TOML file into frozen values; nothing else in the service reads configuration.

Promises: an unknown key, a wrong type or unit, a missing file is one ConfigError with the key's path, before
anything is opened or touched. Units stand in the names of keys. Secrets are never read from the file itself:
a token or password stands in a file of its own or in the environment, and prints masked.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telemetry.errors import ConfigError
from telemetry.model.bit_rate import BitRate
from telemetry.model.ids import ID_BITS, ID_BITS_EXTENDED, IsoTpId, parse_id, parse_id_masks
from telemetry.rules.limits import Limit, read_limit
from telemetry.rules.map_entry import MapEntry, read_map_entry
from telemetry.rules.protect_entry import ProtectEntry, read_protect_entry
from telemetry.sinks.credentials import Secret, handed_over, read_secret
from telemetry.sinks.influx.settings import Api, InfluxSettings
from telemetry.sources.serial.settings import SerialSettings, SimulatedTime, read_serial, read_simulated_time
from telemetry.toml_table import TomlTable
from telemetry.web.settings import WebSettings, read_web

MIB = 1024 * 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")  # of sources: they are parts of counter names


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """The databases of one bus and how they are used."""

    files: tuple[Path, ...]
    first_wins: bool = False
    j1939: bool = False
    keep_not_available: bool = False
    value_texts: bool = False
    isotp: tuple[IsoTpId, ...] = ()
    id_masks: tuple[int, int] = (ID_BITS, ID_BITS_EXTENDED)


@dataclass(frozen=True, slots=True)
class CanSettings:
    """[[can]]: a SocketCAN interface, or a simulator's SEQPACKET socket in its place.

    bit_rate: None: the interface's own.
    """

    name: str
    databases: DatabaseSettings
    interface: str | None
    socket: Path | None
    bit_rate: BitRate | None
    receive_buffer_bytes: int
    hardware_stamps: bool
    simulated_time: SimulatedTime | None


@dataclass(frozen=True, slots=True)
class PythonCanSettings:
    """[[python_can]]: any interface of python-can, with python-can's own options."""

    name: str
    databases: DatabaseSettings
    options: Mapping[str, Any]

    @property
    def bit_rate(self) -> BitRate | None:
        """As far as `options` tell it; python-can checks what they are."""
        nominal, data = (self.options.get(key) for key in ("bitrate", "data_bitrate"))
        if type(nominal) is not int or nominal <= 0:
            return None
        return BitRate(nominal, data if type(data) is int and data > 0 else None)


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """[[replay]]: a log, at recorded speed times `speed`, or as fast as possible (None)."""

    name: str
    databases: DatabaseSettings
    channel_databases: Mapping[str, tuple[Path, ...]]  # instead of `databases`, for channels of these names
    file: Path
    speed: float | None


SourceSettings = CanSettings | PythonCanSettings | SerialSettings | ReplaySettings


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """[spool]: where batches wait, and how much room they may take."""

    directory: Path
    cap_bytes: int | None
    max_age_s: float | None
    keep_free_bytes: int


@dataclass(frozen=True, slots=True)
class ReduceSettings:
    """[reduce]: seconds between rows of one measurement; 0 sends everything."""

    every_s: float
    every_s_by_measurement: Mapping[str, float]

    def every_ns(self, measurement: str) -> int:
        """The interval of one measurement, in ns."""
        return round(self.every_s_by_measurement.get(measurement, self.every_s) * 1e9)


SEND_ALL = ReduceSettings(0.0, {})


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a configuration file says."""

    file: Path
    vehicle: str
    wait_for_clock: bool
    gateway_every_s: float
    cache_directory: Path
    influx: InfluxSettings
    spool: SpoolSettings
    reduce: ReduceSettings
    web: WebSettings
    sources: tuple[SourceSettings, ...]
    map: tuple[MapEntry, ...]
    protect: tuple[ProtectEntry, ...]
    limits: tuple[Limit, ...]


def load_config(file: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read and validate `file`. Raises ConfigError; opens no device and no connection."""
    return read_config(file, TomlTable.load(file), os.environ if environment is None else environment)


def spool_directory(path: Path) -> Path:
    """Of a service: `path` is that folder itself, or the configuration, of which nothing else need be right.

    A command on a running service must not be kept from it by an edit that the service has refused, or by an
    environment that only the service has. Raises ConfigError.
    """
    with contextlib.suppress(OSError):  # a folder on the way that this user may not enter: `load` says so
        if path.is_dir():
            return path
    return TomlTable.load(path).take_table("spool").take_path("directory")


def read_config(file: Path, top: TomlTable, environment: Mapping[str, str]) -> Config:
    """The same, from the file's top table: every key that there is is asked for here or below."""
    spool = _spool(top.take_table("spool"))
    config = Config(
        file=file,
        vehicle=top.take_text("vehicle"),
        wait_for_clock=top.take_text("clock", "system", one_of=("system", "wait")) == "wait",
        gateway_every_s=top.take_number("gateway_every_s", 10.0, above=0.0, most=86_400.0),
        cache_directory=top.take_optional_path("cache_directory") or spool.directory / "plans",
        influx=read_influx(top.take_table("influx"), environment),
        spool=spool,
        reduce=_reduce(top.take_table("reduce")),
        web=read_web(top.take_table("web")),
        sources=_sources(top),
        map=tuple(read_map_entry(table) for table in top.take_tables("map")),
        protect=tuple(read_protect_entry(table) for table in top.take_tables("protect")),
        limits=tuple(read_limit(table) for table in top.take_tables("limit")),
    )
    top.close()
    return config


def _sources(top: TomlTable) -> tuple[SourceSettings, ...]:
    readers: dict[str, Callable[[TomlTable, str], SourceSettings]]
    readers = {"can": _can, "python_can": _python_can, "serial": read_serial, "replay": _replay}
    found: dict[str, SourceSettings] = {}
    for kind, reader in readers.items():
        for table in top.take_tables(kind):
            name = table.take_text("name")
            if not NAME.fullmatch(name):
                raise table.wrong("name", f"{name!r} must be letters, digits and _ . : -, 64 at most")
            if name in found:
                raise table.wrong("name", f"another source is already called {name!r}")
            found[name] = reader(table, name)
            _check_shares_nothing(table, found[name], found.values())
            table.close()
    if not found:
        raise ConfigError(
            "names no source", where=top.where(), hint="add [[can]], [[python_can]], [[serial]] or [[replay]]"
        )
    return tuple(found.values())


def _check_shares_nothing(table: TomlTable, new: SourceSettings, found: Iterable[SourceSettings]) -> None:
    for other in found:
        if other is new or not isinstance(new, SerialSettings) or not isinstance(other, SerialSettings):
            continue
        if other.port == new.port:
            raise table.wrong("port", f"source {other.name!r} has {new.port} already")
        if new.capture is not None and other.capture == new.capture:
            raise table.wrong("capture", f"source {other.name!r} writes {new.capture} already")


def _databases(table: TomlTable) -> DatabaseSettings:
    return DatabaseSettings(
        files=_files(table, "databases"),
        first_wins=table.take_flag("first_wins"),
        j1939=table.take_flag("j1939"),
        keep_not_available=table.take_flag("keep_not_available"),
        value_texts=table.take_flag("value_texts"),
        isotp=tuple(_isotp(entry) for entry in table.take_tables("isotp")),
        id_masks=_id_masks(table),
    )


def _id_masks(table: TomlTable) -> tuple[int, int]:
    try:
        return parse_id_masks(table.take_texts("id_masks"))
    except ValueError as error:
        raise table.wrong(
            "id_masks", str(error), '3 digits, or 8 for ids of 29 bits: ["1FFFFF00"]'
        ) from error


def _isotp(table: TomlTable) -> IsoTpId:
    try:
        id = parse_id(table.take_text("id"))
    except ValueError as error:
        raise table.wrong("id", str(error), "3 digits, or 8 for an id of 29 bits") from error
    entry = IsoTpId(id, table.take_flag("extended_addressing"), table.take_flag("with_length"))
    table.close()
    return entry


def _files(table: TomlTable, key: str) -> tuple[Path, ...]:
    files = table.take_paths(key)
    for file in files:
        table.check_is_file(key, file)
    return files


def _can(table: TomlTable, name: str) -> CanSettings:
    interface, socket = table.take_optional_text("interface"), table.take_optional_path("socket")
    if interface is not None and socket is not None:
        raise table.wrong("socket", "stands beside interface", "keep one of the two")
    if socket is None:
        interface = interface or name
        if len(interface.encode()) > 15:
            raise table.wrong("interface", f"{interface!r} is longer than 15 bytes, as no interface name is")
    return CanSettings(
        name=name,
        databases=_databases(table),
        interface=interface,
        socket=socket,
        bit_rate=_bit_rate(table),
        receive_buffer_bytes=table.take_integer("receive_buffer_kib", 16 * 1024, least=64, most=1024 * 1024)
        * 1024,
        hardware_stamps=table.take_flag("hardware_stamps"),
        simulated_time=read_simulated_time(table),
    )


def _bit_rate(table: TomlTable) -> BitRate | None:
    nominal = table.take_optional_integer("bitrate", least=1000, most=1_000_000)
    data = table.take_optional_integer("data_bitrate", least=1000, most=20_000_000)
    if nominal is None:
        if data is not None:
            raise table.wrong("data_bitrate", "stands without bitrate", "give both")
        return None
    return BitRate(nominal, data)


def _python_can(table: TomlTable, name: str) -> PythonCanSettings:
    options = dict(table.take_table("options").take_rest())
    if "interface" not in options:
        raise table.wrong(
            "options.interface", "is missing", "the python-can interface, such as slcan or gs_usb"
        )
    return PythonCanSettings(name=name, databases=_databases(table), options=options)


def _replay(table: TomlTable, name: str) -> ReplaySettings:
    file = table.take_path("file")
    table.check_is_file("file", file)
    channels = table.take_table("channel_databases")
    return ReplaySettings(
        name=name,
        databases=_databases(table),
        channel_databases={channel: _files(channels, channel) for channel in channels.names()},
        file=file,
        speed=table.take_optional_number("speed", above=0.0, most=100_000.0),
    )


def read_influx(table: TomlTable, environment: Mapping[str, str]) -> InfluxSettings:
    """[influx]; what it leaves out comes from influxdb-client's own environment variables."""

    def given(key: str, variable: str = "") -> str:
        return table.take_optional_text(key) or environment.get(variable, "")

    def secret_file(key: str) -> Path | None:
        file = table.take_optional_path(key)
        return file and handed_over(file, environment)

    token_file, password_file = secret_file("token_file"), secret_file("password_file")
    token = environment.get("INFLUXDB_V2_TOKEN", "")
    url = given("url", "INFLUXDB_V2_URL")
    if not url:
        raise table.wrong("url", "is missing", "the server's address, here or in INFLUXDB_V2_URL")
    settings = InfluxSettings(
        url=url,
        api=Api(table.take_text("api", "auto", one_of=tuple(Api))),
        org=given("org", "INFLUXDB_V2_ORG"),
        bucket=given("bucket", "INFLUXDB_V2_BUCKET"),
        database=given("database"),
        retention_policy=given("retention_policy"),
        token=Secret(token) if token and token_file is None else None,
        token_file=token_file,
        username=given("username"),
        password_file=password_file,
        ca_file=table.take_optional_path("ca_file"),
        unsafe_skip_tls_verification=table.take_flag("unsafe_skip_tls_verification"),
        create=table.take_flag("create"),
        proxy=given("proxy"),
    )
    settings.check(table.where())
    for key, file in (("token_file", token_file), ("password_file", password_file)):
        if file is not None:
            try:
                read_secret(file)  # refused now rather than when the first batch is sent
            except ConfigError as error:
                raise table.wrong(key, f"{error.where}: {error.what}", error.hint) from error
    table.close()
    return settings


def _spool(table: TomlTable) -> SpoolSettings:
    cap_mib = table.take_optional_number("cap_mib", above=0.0, most=16 * MIB)
    max_age_h = table.take_optional_number("max_age_h", above=0.0)
    settings = SpoolSettings(
        directory=table.take_path("directory"),
        cap_bytes=None if cap_mib is None else round(cap_mib * MIB),
        max_age_s=None if max_age_h is None else max_age_h * 3600.0,
        keep_free_bytes=round(table.take_number("keep_free_mib", 64.0, least=0.0, most=16 * MIB) * MIB),
    )
    table.close()
    return settings


def _reduce(table: TomlTable) -> ReduceSettings:
    day = 86_400.0
    every_s = table.take_number("every_s", 0.0, least=0.0, most=day)
    exceptions = table.take_table("measurements")
    by_measurement = {name: exceptions.take_number(name, least=0.0, most=day) for name in exceptions.names()}
    table.close()
    return ReduceSettings(every_s=every_s, every_s_by_measurement=by_measurement)
