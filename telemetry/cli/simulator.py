"""The simulator as our commands use it: its errors become ours, with the same words.

The simulator knows nothing of telemetry. It takes scenario files as tables that its caller has read.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from firmware_sim.errors import (
    NotFoundError,
    NotUsableError,
    NotValidError,
    NotWrittenError,
    SimulatorError,
)
from telemetry.databases.cantools_alone import import_cantools_alone
from telemetry.errors import ConfigError, InputMissingError, StorageError, TelemetryError, UnavailableError

_ERRORS: Mapping[type[SimulatorError], type[TelemetryError]] = {
    NotFoundError: InputMissingError,
    NotValidError: ConfigError,
    NotUsableError: UnavailableError,
    NotWrittenError: StorageError,
}


@contextmanager
def simulator() -> Iterator[None]:
    """Raise what the simulator raises meanwhile as the error of ours that has its exit code."""
    import_cantools_alone()
    try:
        yield
    except SimulatorError as error:
        raise _ERRORS[type(error)](error.what, where=error.where, hint=error.hint) from error
