"""[[serial]] of the configuration: one device on one port; and the time of simulators, which others have too.

Promises and limits are those of `telemetry.config`, which calls this: a wrong value is a ConfigError with its
key's path, and nothing is opened.
"""

from dataclasses import dataclass
from pathlib import Path

from telemetry.protocols.known import PROTOCOLS
from telemetry.sources.serial.link import check_port
from telemetry.toml_table import TomlTable

MIB = 1024 * 1024
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class SimulatedTime:
    """A simulator's time: stamp = origin_ns + scale x (kernel stamp - wall_ns)."""

    scale: float
    origin_ns: int
    wall_ns: int


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """[[serial]]: a device on a port. None where the protocol's own value holds."""

    name: str
    port: str
    protocol: str
    baud_rate: int
    pack: str
    charger: str
    poll_every_s: float | None
    reply_timeout_s: float | None
    invert_current: bool
    capture: Path | None
    capture_bytes: int
    simulated_time: SimulatedTime | None


def read_serial(table: TomlTable, name: str) -> SerialSettings:
    """The settings of one [[serial]]."""
    port = table.take_text("port")
    if wrong := check_port(port):
        raise table.wrong(
            "port", wrong, "a path such as /dev/serial/by-id/…, socket://HOST:PORT or rfc2217://HOST:PORT"
        )
    if "://" not in port:
        port = str(table.full_path("port", port))
    protocol = table.take_text("protocol", one_of=tuple(PROTOCOLS))
    return SerialSettings(
        name=name,
        port=port,
        protocol=protocol,
        baud_rate=table.take_integer("baud_rate", PROTOCOLS[protocol].baud_rate, least=50, most=4_000_000),
        pack=table.take_text("pack", "main"),
        charger=table.take_text("charger", "main"),
        poll_every_s=table.take_optional_number("poll_every_s", above=0.0, most=DAY_S),
        reply_timeout_s=table.take_optional_number("reply_timeout_s", above=0.0, most=60.0),
        invert_current=table.take_flag("invert_current"),
        capture=table.take_optional_path("capture"),
        capture_bytes=round(table.take_number("capture_mib", 64.0, above=0.0, most=1024.0 * 1024.0) * MIB),
        simulated_time=read_simulated_time(table),
    )


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
