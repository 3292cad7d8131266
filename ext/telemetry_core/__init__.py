"""The compiled hot path: batches of frames in, batches of samples through, line protocol out.

The core imports nothing from `telemetry`. Each module has a `.pxd` (its data sheet, for other compiled
modules) and a `.pyi` (its contract, for Python, with the docstrings that an editor shows).
"""

import sys

if sys.byteorder != "little":
    # Signals are shifted out of payloads as they lie in memory; unpack.h does not compile there either.
    raise ImportError("telemetry_core runs on little-endian processors only, and this one is big-endian")
