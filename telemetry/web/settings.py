"""[web]: at which address the service shows itself, and by which names it may be called.

Promises: an address is checked when the configuration is read, without asking any resolver. Pure.
"""

import ipaddress
import re
from dataclasses import dataclass

from telemetry.toml_table import TomlTable

DEFAULT_LISTEN = "127.0.0.1:8480"
OFF = "off"
_ADDRESS = re.compile(r"(?:\[([^\[\]]*)\]|([^\[\]:]*)):([0-9]{1,5})")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """host: an IP address, without brackets; port 0: any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback


@dataclass(frozen=True, slots=True)
class WebSettings:
    """[web].

    listen: None if nothing is served; names: of this machine, in lower case, beside its own; values: whether
    metrics have the live values, too.
    """

    listen: ListenAddress | None
    names: tuple[str, ...] = ()
    values: bool = False


def parse_listen(text: str) -> ListenAddress | None:
    """`127.0.0.1:8480`, `[::1]:8480`, `localhost:8480`; `off` gives None. Raises ValueError."""
    if text == OFF:
        return None
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no ADDRESS:PORT")
    host, port = match[1] or match[2] or "", int(match[3])
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{host!r} is no IP address") from None
    if port > 65535:
        raise ValueError(f"{port} is no port")
    return ListenAddress(str(address), port)


def read_web(table: TomlTable) -> WebSettings:
    """[web] of a configuration. Raises ConfigError."""
    try:
        listen = parse_listen(table.take_text("listen", DEFAULT_LISTEN))
    except ValueError as error:
        raise table.wrong("listen", str(error), f'as "{DEFAULT_LISTEN}", "[::1]:8480" or "off"') from error
    names = tuple(name.lower() for name in table.take_texts("names"))
    for name in names:
        if not _NAME.fullmatch(name):
            raise table.wrong("names", f"{name!r} is no name of a machine", 'as "gateway-7.example.org"')
    values = table.take_flag("values")
    table.close()
    return WebSettings(listen, names, values)
