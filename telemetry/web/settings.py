"""[web]: at which address the service shows itself, and by which names it may be called.

Promises: an address is checked when the configuration is read, without asking any resolver. Pure.

The names are the guard against DNS rebinding. A page of another host can make its own name point to
127.0.0.1, and then read our answers as if they were its own. Its browser still sends that name as Host. So we
serve an IP address (no resolver is asked for one), `localhost`, this machine's own name and the names in the
configuration, and no other.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from telemetry.settings.declared import key, settings

DEFAULT_LISTEN = "127.0.0.1:8480"
OFF = "off"
_ADDRESS = re.compile(r"(?:\[([^\[\]]*)\]|([^\[\]:]*)):([0-9]{1,5})")
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z_.-]+))(?::[0-9]{1,5})?")
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
        """Return whether only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback


def parse_listen(text: str) -> ListenAddress | None:
    """Read `127.0.0.1:8480`, `[::1]:8480`, `localhost:8480`; `off` gives None. Raises ValueError."""
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


def _names(texts: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(name.lower() for name in texts)
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a machine")
    return names


@settings
class WebSettings:
    """[web].

    listen: None if nothing is served; names: of this machine, in lower case, beside its own; values: whether
    metrics have the live values, too.
    """

    listen: ListenAddress | None = key(
        "an IP address and a port; `[::1]:8480` is IPv6; port 0: any free one (the log and `status`"
        ' name it); `"off"`: no page',
        kind="text",
        default=DEFAULT_LISTEN,
        convert=parse_listen,
        hint=f'as "{DEFAULT_LISTEN}", "[::1]:8480" or "off"',
    )
    names: tuple[str, ...] = key(
        "by which browsers and scrapers call this machine, besides its own name, `localhost` and addresses",
        default=(),
        shown="none",
        convert=_names,
        hint='as "gateway-7.example.org"',
    )
    values: bool = key("`/metrics` has the [live values](web.md#values-as-metrics), too", default=False)


def own_names(hostname: str, configured: Iterable[str]) -> frozenset[str]:
    """Return all names that are served, in lower case. hostname: of this machine."""
    own = hostname.lower()
    return frozenset({"localhost", own, f"{own.partition('.')[0]}.local", *configured})


def is_served(host: str, names: frozenset[str]) -> bool:
    """Return whether `host`, the header field, is ours; empty: the client is not a browser (HTTP/1.0)."""
    if not host:
        return True
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    if match[2] and match[2].lower().removesuffix(".") in names:
        return True
    try:
        ipaddress.ip_address(match[1] or match[2])
    except ValueError:
        return False
    return True
