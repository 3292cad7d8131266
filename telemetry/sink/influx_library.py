"""influxdb-client, as the service needs it: without numpy, even where that is installed.

Its `Point` takes numpy's numbers where there is numpy, and imports it for that: 20 MB in a process that
writes no `Point` at all. Data frames import it by themselves when they are asked for.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _as_if_missing(name: str) -> Iterator[None]:
    if name in sys.modules:
        yield  # somebody needs it
        return
    # None makes an import fail with ModuleNotFoundError (The Python Language Reference, 5.3.1).
    sys.modules[name] = None  # type: ignore[assignment]  # None: an import that fails
    try:
        yield
    finally:
        del sys.modules[name]


with _as_if_missing("numpy"):
    from influxdb_client.client.influxdb_client import InfluxDBClient

__all__ = ["InfluxDBClient"]
