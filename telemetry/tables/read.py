"""Logs and captures as tables: what `decode` writes, without text in between."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from telemetry.decode.channels import ChannelPlan
from telemetry.decode.decoder import Decoder
from telemetry.decode.described import NO_PLAN, by_config, by_databases, by_protocol
from telemetry.errors import UsageError
from telemetry.logs.content import require_file
from telemetry.logs.files import recording_files
from telemetry.model.ids import IsoTpId, parse_id
from telemetry.tables.accounts import Said
from telemetry.tables.arguments import (
    FilePath,
    Ids,
    Paths,
    Texts,
    Time,
    ids_of,
    jobs_of,
    one_of,
    path_of,
    paths_of,
    profiles_of,
    refuse_beside,
    rows_of,
    texts_of,
    times_of,
)
from telemetry.tables.batches import Prepared, RecordBatches
from telemetry.tables.databases import Databases, Files, loaded, plan_of
from telemetry.tables.sink import BATCH_ROWS, TableSink
from telemetry.tables.table import Tables

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _prepared(
    is_apart: bool,
    /,
    *logs: Paths,
    databases: Files | Databases | None = None,
    config: FilePath | None = None,
    source: str = "",
    protocol: str | None = None,
    vehicle_profile: Files | Mapping[str, Files] | None = None,
    registers: FilePath | None = None,
    signals: Texts = (),
    from_time: Time | None = None,
    to_time: Time | None = None,
    protect: FilePath | None = None,
    id_masks: Ids = (),
    isotp: Ids = (),
    isotp_length: bool = False,
    isotp_extended_addressing: bool = False,
    log_column: bool = False,
    on_error: Literal["skip", "raise"] = "skip",
    batch_rows: int = BATCH_ROWS,
    jobs: int | None = None,
) -> Prepared:
    """Return what reads the logs. is_apart: batches are handed on; otherwise they are gathered."""
    said = Said()
    paths = recording_files(paths_of(logs, "read"), said.of_files)
    vehicles = profiles_of(vehicle_profile)
    described_by = databases if databases is not None else vehicles or None
    one_of({"databases": described_by, "config": config, "protocol": protocol}, "read")
    if source and config is None:
        raise UsageError("stands without config", where="source", hint="it is a source of that")
    if registers is not None and protocol != "modbus":
        raise UsageError("stands without modbus", where="registers", hint='say protocol="modbus"')
    if not paths:
        raise UsageError("names no log", where="read", hint="give the path of one")
    if on_error not in ("skip", "raise"):
        raise UsageError(f'{on_error!r} is neither "skip" nor "raise"', where="on_error")
    if log_column not in (True, False):
        raise UsageError(f"{log_column!r} is neither True nor False", where="log_column")
    rows = rows_of(batch_rows)
    for path in paths if on_error == "raise" or len(paths) == 1 else ():
        require_file(path)
    globs = texts_of(signals, "signals")
    ids = [IsoTpId(each, isotp_extended_addressing, isotp_length) for each in _isotp_ids(isotp)]
    times = times_of(from_time, to_time)
    # What a configuration decides, and with the times what a serial port does without.
    protect_file = None if protect is None else path_of(protect, "protect")
    of_bus: dict[str, object] = {"id_masks": id_masks, "protect": protect_file}
    of_can = {"signals": globs, "isotp": ids, **of_bus}
    bounds: dict[str, object] = {"from_time": times.start, "to_time": times.stop}
    if described_by is not None:
        if databases is None:
            channels, plan = ChannelPlan(()), NO_PLAN
        else:
            channels, plan = plan_of(loaded(databases, id_masks))
        if not isinstance(databases, Databases):
            said.keep(plan.warnings, "database")
        described = by_databases(
            plan,
            replace(channels, isotp=ids),
            protect_file=protect_file,
            signals=globs,
            signals_by="signals",
            vehicles=vehicles,
            with_messages=True,
        )
    elif config is not None:
        refuse_beside(of_can, "config", "the configuration decides it")
        (file,) = paths_of([config], "config")
        described = by_config(file, source, partial(said.of_files, kind="database"))
        if described.is_serial:
            refuse_beside(of_can | bounds, "a serial source", "it is for logs of CAN")
    else:
        refuse_beside(of_bus, "protocol", "leave it out")
        if is_serial(protocol):
            refuse_beside(of_can | bounds, "a serial protocol", "it is for logs of CAN")
        described = by_protocol(
            str(protocol),
            None if registers is None else str(path_of(registers, "registers")),
            paths,
            with_messages=not is_serial(protocol) or (protocol == "modbus" and registers is None),
            signals=globs,
            isotp=ids,
        )
    sink = TableSink(with_log=log_column, batch_rows=rows, is_apart=is_apart)
    is_strict = on_error == "raise"
    made = described.make(sink)
    decoder = Decoder(*made, jobs=jobs_of(jobs), times=times, is_strict=is_strict, hashes=True)
    return Prepared(decoder, sink, paths, said, described.databases_sha256)


def _as(like: Callable[Concatenate[bool, _P], object]) -> Callable[[Callable[..., _R]], Callable[_P, _R]]:
    """Give a function the arguments of `like` but for the first, also for those who look at its signature."""
    _, *parameters = inspect.signature(like).parameters.values()

    def signed(function: Callable[..., _R]) -> Callable[_P, _R]:
        annotation = inspect.signature(function).return_annotation
        function.__signature__ = inspect.Signature(parameters, return_annotation=annotation)  # type: ignore[attr-defined]  # which `inspect` asks for
        return function

    return signed


@_as(_prepared)
def open(*logs: Paths, **options: Any) -> RecordBatches:  # noqa: A001  called telemetry.open
    """Decode logs as `read` does, and yield the rows of its tables in record batches while they are read.

    Arguments are those of `read`; `batch_rows` is the most rows of a batch. Memory is bounded, however long
    the logs are. Raises TelemetryError: of arguments now, of logs when the next batch is asked for.
    """
    return RecordBatches(_prepared(True, *logs, **options))


@_as(_prepared)
def read(*logs: Paths, **options: Any) -> Tables:
    """Decode logs, one after the other as if they were one, into a table a message or measurement.

    A log is a file, a folder (all files in it, in depth, that are named as recordings), a glob, or several of
    these in a list. `log_column` adds a column `log`, which says which of them a row is of.

    One of these says what is in them:

    - `databases`: files as for `load_databases`, or what that has returned. Tables are messages.
    - `config`: a service's configuration. Tables are messages and its data model. `source` names the source
      that the logs are of, where channels do not say.
    - `vehicle_profile`: the name of a vehicle's profile, or the path of one, `NAME:BUS` for one of its buses,
      or several in a list; or a mapping from a channel's name to these. It may stand beside `databases`.
      Tables are its messages and the data model.
    - `protocol`: of a CAN bus: tables are its messages and the data model. Of a serial port: the logs are
      text captures, and tables are the data model. `registers` is the map of those of `modbus`: a file, or
      the name of a map that comes along. Without one tables are the registers as they are.

    These choose what is read of CAN logs:

    - `from_time`, `to_time`: frames from this time on and before that one. A time is a `datetime` with its
      zone, or a text: `"+90"` are seconds since the first frame, others are seconds since 1970 or ISO 8601.
    - `signals`: a glob of names, or several, as `SIGNAL` or `MESSAGE.SIGNAL`: these alone.

    These say how frames become messages, where no configuration does:

    - `protect`: a file with the [[protect]] by which counters and checksums are checked.
    - `id_masks`: as for `load_databases`.
    - `isotp`: ids, as numbers or hexadecimal of 3 or 8 digits, whose frames are parts of ISO-TP messages.
      `isotp_length`: the low byte of its length precedes each payload. `isotp_extended_addressing`: frames
      begin with an address.

    One log of several that cannot be read is a warning, and the others are read. With `on_error="raise"` it
    raises, as one log alone does, and as all of them do if none can be read.

    `batch_rows` is the most rows of a record batch that Arrow gets. `jobs` is the number of threads, by
    default one for each processor. Raises TelemetryError with the one
    line that the command would print. What the command warns of is a warning.
    """
    return _prepared(False, *logs, **options).tables()


def _isotp_ids(isotp: Ids) -> Sequence[int]:
    try:
        return [parse_id(each) for each in dict.fromkeys(ids_of(isotp, "isotp"))]
    except ValueError as error:
        raise UsageError(str(error), where="isotp") from error


def is_serial(protocol: object) -> bool:
    """Return whether it is of a serial port, not of a CAN bus. Raises UsageError where none is called so."""
    from telemetry.protocols.known import CAN_PROTOCOLS, PROTOCOLS  # all of them

    if protocol not in CAN_PROTOCOLS and protocol not in PROTOCOLS:
        known = ", ".join(sorted((*PROTOCOLS, *CAN_PROTOCOLS)))
        raise UsageError(f"no protocol is called {protocol!r}", where="protocol", hint=f"known are {known}")
    return protocol in PROTOCOLS
