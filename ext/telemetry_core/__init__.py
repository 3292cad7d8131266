"""The compiled hot path: batches of frames in, batches of samples through, line protocol out.

The core imports nothing from `telemetry`. A module that others compile against has a `.pxd`, its data sheet.
One that Python imports has a `.pyi`, its signatures. Docstrings stand in the `.pyx`.
"""

import sys

if sys.byteorder != "little":
    # Signals are shifted out of payloads as they lie in memory; unpack.h does not compile there either.
    raise ImportError("telemetry_core runs on little-endian processors only, and this one is big-endian")
