"""Serial ports as this machine has them: which there are, their lasting names, and who has them open.

The service, and this scan, open a port for themselves alone (`telemetry.sources.serial.link`). Programs that
take no lock are found in /proc, as far as this user may look.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from telemetry.sources.serial.link import BY_ID, lasting_link

PROC = Path("/proc")


class Process(NamedTuple):
    """A process that has a port open."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name})"


def candidates() -> list[str]:
    """Return the serial ports of this machine, by their lasting names."""
    from serial.tools.list_ports import comports

    return sorted({lasting_name(port.device) for port in comports()})


def lasting_name(port: str, links: Path = BY_ID) -> str:
    """Return the name of `port` in /dev/serial/by-id, which stays when it is plugged in again.

    Otherwise return its whole path.
    """
    if "://" in port:
        return port
    path = Path(port).absolute()
    return str(lasting_link(path, links) or path)


def user_of(port: str, proc: Path = PROC) -> Process | None:
    """Return another process that has the port open; None: none that this user may see."""
    if "://" in port:
        return None
    try:
        device = Path(port).stat()
    except OSError:
        return None
    if not stat.S_ISCHR(device.st_mode):
        return None
    for pid in _processes(proc):
        if pid != os.getpid() and _has_open(proc / str(pid) / "fd", device.st_rdev):
            return Process(pid, _name(proc, pid))
    return None


def _processes(proc: Path) -> Iterator[int]:
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            yield int(entry.name)


def _has_open(descriptors: Path, device: int) -> bool:
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        for entry in descriptors.iterdir():
            with contextlib.suppress(OSError):
                if str(entry.readlink()).startswith("/dev/"):
                    found = entry.stat()
                    if stat.S_ISCHR(found.st_mode) and found.st_rdev == device:
                        return True
    return False


def _name(proc: Path, pid: int) -> str:
    with contextlib.suppress(OSError):
        return (proc / str(pid) / "comm").read_text("utf-8", "replace").strip()
    return "ended"
