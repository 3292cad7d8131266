"""telemetry_core/allocator.pyx: in a process of its own, since it is for good."""

import ctypes
import subprocess
import sys

import pytest

_MAPPED = """
import ctypes
from telemetry_core.allocator import LARGE_BYTES, return_large_blocks

class Mallinfo(ctypes.Structure):  # mallinfo(3)
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Mallinfo
{call}
bytearray(4 * LARGE_BYTES)  # freed at once, which glibc learns from
before = mallinfo().hblks
block = bytearray(2 * LARGE_BYTES)
print(mallinfo().hblks - before)
"""

# What glibc learns from grows to 32 MiB with 64 bits, but to 512 KiB with 32 (mallopt(3), M_MMAP_THRESHOLD).
_LEARNT = "0" if sys.maxsize > 2**32 else "1"


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="not glibc, or an old one")
@pytest.mark.parametrize(("call", "mapped"), [("", _LEARNT), ("return_large_blocks()", "1")])
def test_large_blocks_stay_apart_from_small_ones(call: str, mapped: str) -> None:
    script = _MAPPED.format(call=call)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [mapped]
