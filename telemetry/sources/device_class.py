"""What a device's driver is called, as a systemd unit allows all of its ports (DeviceAllow=char-ttySC)."""

import contextlib
from pathlib import Path

_DEVICES = Path("/proc/devices")


def device_class(port: Path) -> str:
    """Return the name by which a unit allows all ports of a driver, as `char-ttySC`; if unknown the path."""
    with contextlib.suppress(OSError):
        driver = port.resolve().name.rstrip("0123456789")
        if driver in _DEVICES.read_text().partition("Block")[0].split():
            return f"char-{driver}"
    return str(port)
