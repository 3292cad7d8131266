"""CPU and memory of this process, as the gateway reports them."""

import os
import resource
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def process_gauges() -> dict[str, float]:
    """CPU seconds since start (user and system) and resident memory now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    resident_pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "memory_bytes": float(resident_pages * _PAGE_BYTES)}
