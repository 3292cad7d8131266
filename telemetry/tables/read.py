"""Logs and captures as tables: what `decode` writes, without text in between."""

import os
from collections.abc import Sequence
from pathlib import Path

from telemetry.decode.channels import ACCOUNT
from telemetry.decode.logs import LogDecoder
from telemetry.decode.output import FileDecoder
from telemetry.errors import UsageError
from telemetry.logs.content import require_file
from telemetry.stages.formats import OutputFormat
from telemetry.stages.stages import Stages
from telemetry.tables.databases import Databases, FilePath, Files, load_databases, plan_of
from telemetry.tables.sink import TableSink
from telemetry.tables.table import Table, Tables
from telemetry.tables.warn import warn


def read(
    *logs: FilePath,
    databases: Files | Databases | None = None,
    config: FilePath | None = None,
    source: str = "",
    protocol: str | None = None,
    jobs: int | None = None,
) -> Tables:
    """Decode logs, one after the other as if they were one, into a table a message or measurement.

    One of these says what is in them:

    - `databases`: files as for `load_databases`, or what that has returned. Tables are messages.
    - `config`: a service's configuration. Tables are messages and its data model. `source` names the source
      that the logs are of, where channels do not say.
    - `protocol`: the logs are text captures of serial ports that speak it. Tables are the data model.

    `jobs` is the number of threads, by default one for each processor. Raises TelemetryError with the one
    line that the command would print. What the command warns of is a warning.
    """
    ways = {"databases": databases, "config": config, "protocol": protocol}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        words = f"{' and '.join(given)} say" if given else "nothing says"
        hint = "give one of databases, config and protocol"
        raise UsageError(f"{words} what the logs hold", where="read", hint=hint)
    if source and config is None:
        raise UsageError("stands without config", where="source", hint="it is a source of that")
    if not logs:
        raise UsageError("names no log", where="read", hint="give the path of one")
    paths = [Path(log) for log in logs]
    for path in paths:
        require_file(path)
    sink = TableSink()
    threads = jobs or len(os.sched_getaffinity(0))
    if databases is not None:
        _run(_of_databases(sink, databases, threads), paths)
    elif config is not None:
        _run(_configured(sink, Path(config), source, threads), paths)
    elif protocol is not None:
        _run(_captured(sink, protocol), paths)
    return Tables(Table(batches) for batches in sink.take())


def _of_databases(sink: TableSink, databases: Files | Databases, jobs: int) -> FileDecoder:
    loaded = databases if isinstance(databases, Databases) else load_databases(databases)
    channels, plan = plan_of(loaded)
    stages = Stages(plan.spec, None, vehicle="unknown", output=OutputFormat.NDJSON, rows_to=sink)
    return LogDecoder(stages, channels, jobs=jobs)


def _captured(sink: TableSink, protocol: str) -> FileDecoder:
    from telemetry.decode.captures import CaptureDecoder, OneProtocol  # with all protocols
    from telemetry.protocols.known import PROTOCOLS

    if protocol not in PROTOCOLS:
        known = ", ".join(sorted(PROTOCOLS))
        raise UsageError(f"no protocol is called {protocol!r}", where="protocol", hint=f"known are {known}")
    ports = OneProtocol(PROTOCOLS[protocol])
    stages = ports.stages(OutputFormat.NDJSON, "unknown", rows_to=sink)
    return CaptureDecoder(stages, ports, every_report=True)


def _configured(sink: TableSink, file: Path, source: str, jobs: int) -> FileDecoder:
    from telemetry.decode.captures import CaptureDecoder  # with all sources
    from telemetry.stages.offline import Recorded, read_offline
    from telemetry.stages.prepare import compose
    from telemetry.toml_document import read_document

    composition = compose(read_offline(read_document(file)))
    warn(composition.loaded.warnings)
    recorded = Recorded(composition, source, account=ACCOUNT)
    stages = composition.make_stages(OutputFormat.NDJSON, rows_to=sink)
    if recorded.is_serial:
        return CaptureDecoder(stages, recorded)
    return LogDecoder(stages, recorded, jobs=jobs)


def _run(decoder: FileDecoder, paths: Sequence[Path]) -> None:
    with decoder.pieces(paths) as pieces:
        for piece in pieces:
            warn(piece.warnings)
    warn(decoder.warnings())
