"""The addresses of servers."""

import re
from urllib.parse import urlsplit

from telemetry.errors import ConfigError

# A name, its labels of 63 characters at most, or an address of IPv4 or IPv6, which may have a zone.
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|[0-9a-f:.]+(%[A-Za-z0-9_.-]+)?")


def checked_url(url: str, where: object = "", *, instead: str = "use username and password_file") -> str:
    """Return `url`. Raises ConfigError, which does not show it, unless it is a server's, without a login.

    instead: what to do in place of a login.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # The text of the error, and the URL, may hold a password.
        raise ConfigError("is not a URL", where=where) from None
    has_space = any(letter.isspace() for letter in url)  # urlsplit leaves some of it out
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or has_space:
        raise ConfigError("must be http://HOST:PORT or https://HOST:PORT", where=where)
    if not _HOST.fullmatch(parts.hostname):
        raise ConfigError("has a host that is neither a name in ASCII nor an address", where=where)
    if parts.username is not None or parts.password is not None:
        raise ConfigError("must not hold a user or password", where=where, hint=instead)
    if parts.query or parts.fragment:
        raise ConfigError("must not hold a query", where=where)
    return url
