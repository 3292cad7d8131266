"""Which extra of python-can has the packages that an interface needs."""

import importlib.metadata

_EXTRAS = {"udp_multicast": "multicast"}  # where they are not called as the interface


def extra_of(interface: str) -> str:
    """Return `python-can[multicast]` and the like; empty: python-can has no extra for this interface."""
    extra = _EXTRAS.get(interface, interface.replace("_", "-"))
    known = importlib.metadata.metadata("python-can").get_all("Provides-Extra") or ()
    return f"python-can[{extra}]" if extra in known else ""
