"""By which names a client may call this machine: the guard against DNS rebinding.

A page of another host can make its own name point to 127.0.0.1, and then read our answers as if they were its
own. Its browser still sends that name as Host. So we serve an IP address (no resolver is asked for one),
`localhost`, this machine's own name and the names in the configuration, and no other. Pure.
"""

import ipaddress
import re
from collections.abc import Iterable

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z_.-]+))(?::[0-9]{1,5})?")


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
