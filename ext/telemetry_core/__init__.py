"""The compiled hot path: batches of frames in, batches of samples through, line protocol out.

Imports nothing from `telemetry`. Each module has a `.pxd` (its data sheet, for other compiled modules)
and a `.pyi` (its contract, for Python).
"""
