"""`nev-telemetry decode LOG…`: logs to csv, line protocol or ndjson, or straight into InfluxDB.

Values go to stdout, words to stderr. With `--protocol NAME` of a serial port the logs are its text captures.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.cli.arguments import (
    SERVER_OPTIONS,
    add_database_arguments,
    add_protocol_arguments,
    add_raw_text_argument,
    add_server_arguments,
    add_signal_argument,
    add_time_bounds,
    add_vehicle_profile,
    check_protocol,
    check_raw_text,
    flag,
    given_values,
    no_database,
    positive,
    read_as,
    refuse_of_can,
    require_logs,
    whole,
)
from telemetry.cli.dataset import add_dataset_arguments, check_dataset, write_dataset
from telemetry.cli.options import add_option
from telemetry.cli.output import writing_to
from telemetry.cli.recordings import loaded_plan
from telemetry.clock import Clock
from telemetry.databases.plan_cache import load_plan, user_cache_directory
from telemetry.decode.channels import ChannelPlan, plan_channels
from telemetry.decode.decoder import Decoder
from telemetry.decode.described import Described, by_config, by_databases, by_protocol
from telemetry.decode.output import FileDecoder
from telemetry.decode.screen import Screen
from telemetry.decode.times import Times
from telemetry.decode.unknown import UnknownIds
from telemetry.errors import EXIT_OK, UsageError
from telemetry.logs.files import recording_files
from telemetry.model.ids import IsoTpId, parse_id, parse_id_masks
from telemetry.protocols.known import CAN_PROTOCOLS, PROTOCOLS
from telemetry.stages.formats import OutputFormat, TextSettings, TimeForm
from telemetry.stages.output import OutputKind

if TYPE_CHECKING:
    from telemetry.tables.databases import Databases

EXAMPLES = (
    "drive.blf --dbc ev.dbc -o drive.csv",
    "drive.log --dbc ev.dbc --signal 'Pack*' --wide --time iso",
    "drive.log --dbc ev.dbc --unknown",
    "bms.txt --protocol jbd",
    "drive.log --config gateway.toml --format influx",
)
INTO_INFLUXDB = "influx"
INTO_PARQUET = "parquet"
INTO_DATASET = "dataset"
MAX_JOBS = 256
_WITH_MESSAGES = ("csv", "ndjson", INTO_PARQUET, INTO_DATASET)  # of a serial port
_FORMATS = [str(OutputFormat.CSV), str(OutputFormat.LINE_PROTOCOL), str(OutputFormat.NDJSON)]
_SAYING_WHAT = (  # of the options, besides files and target: a configuration says all of it
    "protocol",
    "vehicle_profile",
    "vehicle",
    "first_wins",
    "j1939",
    "keep_not_available",
    "isotp",
    "isotp_length",
    "isotp_extended_addressing",
    "value_texts",
    "id_mask",
    "signal",
)
_OR_CONFIGURED = (*_SAYING_WHAT, "dbc", "protect", "messages")
_OF_CAN = ("signal", "from_time", "to_time", "unknown")
_NOT_OF_UNKNOWN = ("wide", "log_column", "signal", "from_time", "to_time")
_TARGET = (*SERVER_OPTIONS, "create")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = partial(add_option, parser)
    parser.add_argument(
        "logs",
        metavar="LOG",
        nargs="*",
        type=Path,
        help="candump, .asc, .blf, .crtd, .csv of several tools, .trc, .mf4, compressed or not; a folder: "
        "all that is named as a log in it, in depth; -: stdin",
    )
    option(
        "--config CONFIG",
        "a service's configuration: everything that it would write of these frames, the data model too; "
        "with --format influx into its database",
        type=Path,
    )
    option(
        "--source NAME",
        "of --config: the source that the logs are of (default: the one of the channel's name)",
    )
    add_protocol_arguments(parser, "--messages shows the registers as they are")
    add_vehicle_profile(parser, "beside databases or in place of them")
    option(
        "--messages",
        "of --protocol and --vehicle-profile: before what a message means, all values that it holds",
    )
    add_database_arguments(parser)
    add_signal_argument(parser, "decode these alone")
    option("--wide", "csv with a column a signal: a row a frame, empty where a frame has no value")
    add_raw_text_argument(parser)
    option(
        "--time",
        "how csv and ndjson write times: ns since 1970 (default), iso: ISO 8601 in UTC, or relative: "
        "seconds since the first frame",
        choices=[*map(str, TimeForm)],
        default=str(TimeForm.NS),
    )
    add_time_bounds(parser)
    option("--log-column", "each row of csv, ndjson and parquet says which log it is of, in a column `log`")
    option(
        "--format",
        "csv (default), lp: line protocol, ndjson: an object a row, parquet: a file a message or "
        "measurement in the folder of --output, dataset: such files for each vehicle and day, see below, "
        "or influx: into InfluxDB, see below",
        choices=[*_FORMATS, INTO_PARQUET, INTO_DATASET, INTO_INFLUXDB],
        default="csv",
    )
    option(
        "--unknown",
        "in place of values: the ids without a message, with frames, bytes and period (csv or ndjson)",
    )
    option(
        "--vehicle NAME",
        "the tag of --format lp and influx (default: unknown), or a dataset's (default: a log's folder)",
    )
    option("--keep-not-available", 'J1939 "error" and "not available" are values too')
    option(
        "--value-texts",
        "a signal with a value table has a second row or field, SIGNAL_text, that holds the word",
    )
    option(
        "--id-mask MASK …",
        "the bits in which ids are compared (hexadecimal, 3 or 8 digits); one of each kind",
    )
    option(
        "--protect FILE", "check counters and checksums as the [[protect]] of a configuration say", type=Path
    )
    option(
        "--isotp ID …",
        "an id (hexadecimal, 3 or 8 digits) whose frames are parts of ISO-TP messages; repeatable",
        type=read_as(parse_id),
    )
    option("--isotp-length", "ISO-TP payloads are preceded by the low byte of their length")
    option("--isotp-extended-addressing", "ISO-TP frames begin with an address")
    option("-o, --output FILE", "instead of stdout")
    option(
        "-j, --jobs N",
        "threads that decode, default %(default)s: one for each processor; the output is the same",
        type=partial(whole, words=f"is not a number from 1 to {MAX_JOBS}", most=MAX_JOBS),
        default=len(os.sched_getaffinity(0)),
    )
    add_dataset_arguments(parser)
    _add_influx_arguments(parser)


def _add_influx_arguments(parser: argparse.ArgumentParser) -> None:
    influx = parser.add_argument_group(
        "into InfluxDB (--format influx)",
        "Writes what --format lp prints, to the database of --config or of the options here; what neither "
        "says comes from INFLUXDB_V2_URL, _ORG, _BUCKET and _TOKEN. An "
        "interrupted decode, started again with the same arguments, goes on where it was.",
    )
    add_server_arguments(influx)
    add_option(influx, "--create", "the bucket or database, if it is missing")
    add_option(influx, "--spool DIR", "where points wait; default: a folder of the user's state", type=Path)
    add_option(
        influx,
        "--give-up-after S",
        "end when the server has taken nothing for so many seconds; default: 10, and at once where it "
        "says that something must be mended",
        type=positive,
    )
    add_option(influx, "--wait", "wait for the server as long as it takes")


def run(arguments: argparse.Namespace) -> int:
    """Decode all logs in the order given."""
    warnings: list[str] = []
    if not (arguments.logs or arguments.recordings):
        raise UsageError("names no log", where="decode", hint="give the path of one, or -")
    arguments.logs = recording_files(arguments.logs, warnings.extend)
    require_logs(arguments.logs)
    into_influxdb = arguments.format == INTO_INFLUXDB
    _check(arguments, into_influxdb=into_influxdb)
    clock = Clock()
    if arguments.format != INTO_DATASET:  # whose output may be an address
        arguments.output = arguments.output and Path(arguments.output)
    else:
        with Screen(clock, output_is_terminal=False) as screen:
            screen.warn(warnings)
            write_dataset(arguments, _loaded(arguments, screen), _isotp(arguments), screen)
        return EXIT_OK
    arguments.vehicle = arguments.vehicle or "unknown"
    is_terminal = not into_influxdb and arguments.output is None and sys.stdout.isatty()
    with Screen(clock, output_is_terminal=is_terminal) as screen:
        screen.warn(warnings)
        if into_influxdb:
            return _into_influxdb(arguments, screen, clock)
        if arguments.format == INTO_PARQUET:
            _into_parquet(arguments, screen)
            return EXIT_OK
        form = OutputFormat.WIDE_CSV if arguments.wide else OutputFormat(arguments.format)
        output = TextSettings(form, arguments.raw_text, arguments.config is not None, arguments.log_column)
        make_decoder, files = _decoders(arguments, output, screen)
        _into_text(make_decoder(0), [*arguments.logs, *files], arguments, screen)
    return EXIT_OK


def _check(arguments: argparse.Namespace, *, into_influxdb: bool) -> None:
    """Raise UsageError for options that do not go together."""
    given = _given(arguments, (*_TARGET, "spool", "give_up_after", "wait"))
    if given and not into_influxdb:
        raise UsageError(
            "stands without --format influx", where=flag(given[0]), hint="add it, or leave this out"
        )
    if arguments.config:
        refused = set(_OR_CONFIGURED) - ({"vehicle"} if arguments.format == INTO_DATASET else set())
        for key in _given(arguments, (*_TARGET, *(each for each in _OR_CONFIGURED if each in refused))):
            hint = f"leave out --config, or {flag(key)}, which the configuration decides"
            raise UsageError(f"stands beside {flag(key)}", where="--config", hint=hint)
    elif arguments.source:
        raise UsageError("stands without --config", where="--source", hint="it is a source of that")
    elif not _given(arguments, ("dbc", "protocol", "vehicle_profile", "unknown")):
        raise no_database(str(next(iter(arguments.logs), arguments.recordings)))
    check_protocol(arguments, _OF_CAN)
    of_databases = _given(arguments, ("id_mask", "keep_not_available"))
    if arguments.protocol in CAN_PROTOCOLS and of_databases:
        raise UsageError("stands beside --protocol", where=flag(of_databases[0]), hint="it is for databases")
    if arguments.unknown and (others := _given(arguments, _NOT_OF_UNKNOWN)):
        raise UsageError("stands beside --unknown", where=flag(others[0]), hint="leave one of them out")
    if arguments.unknown and arguments.format not in (OutputFormat.CSV, OutputFormat.NDJSON):
        raise UsageError("is for csv and ndjson", where="--unknown", hint="leave it out, or --format")
    if arguments.wide and arguments.format != OutputFormat.CSV:
        raise UsageError("is a form of csv", where="--wide", hint="leave it out, or --format")
    check_raw_text(arguments)
    if arguments.time != TimeForm.NS and arguments.format not in (OutputFormat.CSV, OutputFormat.NDJSON):
        raise UsageError("is for csv and ndjson", where="--time", hint="line protocol has times in ns")
    if arguments.format == INTO_DATASET:
        check_dataset(arguments)
    elif of_dataset := _given(arguments, ("recordings", "engine", "address")):
        raise UsageError("is for a dataset", where=flag(of_dataset[0]), hint="add --format dataset")
    bounds = _given(arguments, ("from_time", "to_time"))
    if bounds and into_influxdb:
        raise UsageError("stands beside --format influx", where=flag(bounds[0]), hint="leave it out")
    if arguments.log_column and arguments.format not in _WITH_MESSAGES:
        hint = "line protocol has no column for it"
        raise UsageError("is for csv, ndjson or parquet", where="--log-column", hint=hint)
    if arguments.messages and arguments.protocol is None and not arguments.vehicle_profile:
        hint = "messages of a database are always there"
        raise UsageError("is for --protocol and --vehicle-profile", where="--messages", hint=hint)
    if arguments.messages and arguments.protocol in PROTOCOLS and arguments.format not in _WITH_MESSAGES:
        hint = "into InfluxDB goes what serial messages mean"
        raise UsageError("is for csv, ndjson or parquet", where="--messages", hint=hint)


def _given(arguments: argparse.Namespace, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if getattr(arguments, key)]


MakeDecoder = Callable[[int], FileDecoder]  # given how many frames need no text any more


def _decoders(
    arguments: argparse.Namespace,
    output: OutputKind,
    screen: Screen,
    *,
    accounts: bool = False,
) -> tuple[MakeDecoder, Sequence[Path]]:
    """Return what makes the decoder, and the files that say what is decoded; databases are read now."""
    times = Times(TimeForm(arguments.time), arguments.from_time, arguments.to_time)
    described = _described(arguments, screen)
    files = [*(database.file for database in arguments.dbc), *described.files]
    if arguments.unknown:
        form, raw_text = OutputFormat(arguments.format), arguments.raw_text
        made = described.make(output)
        return lambda _: UnknownIds(*made, form, raw_text=raw_text), files
    return lambda done: Decoder(
        *described.make(output), jobs=arguments.jobs, accounts=accounts, done=done, times=times
    ), files


def _described(arguments: argparse.Namespace, screen: Screen) -> Described:
    if arguments.config is not None:
        described = by_config(arguments.config, arguments.source or "", screen.warn)
        if described.is_serial:
            refuse_of_can(arguments, _OF_CAN)
        return described
    isotp = _isotp(arguments)
    if arguments.protocol is not None:
        return by_protocol(
            arguments.protocol,
            arguments.registers,
            arguments.logs,
            arguments.vehicle,
            with_messages=arguments.messages,
            value_texts=arguments.value_texts,
            signals=arguments.signal,
            isotp=isotp,
        )
    channels = _channels(arguments, isotp)
    return by_databases(
        loaded_plan(channels, screen),
        channels,
        arguments.vehicle,
        protect_file=arguments.protect,
        signals=arguments.signal,
        vehicles=arguments.vehicle_profile,
        value_texts=arguments.value_texts,
        with_messages=arguments.messages,
    )


def _loaded(arguments: argparse.Namespace, screen: Screen) -> "Databases | None":
    if not arguments.dbc:
        return None
    from telemetry.tables.databases import Databases

    channels = _channels(arguments, ())
    plan = load_plan(channels.databases, user_cache_directory())
    screen.warn(plan.warnings)
    return Databases(channels, plan)


def _isotp(arguments: argparse.Namespace) -> list[IsoTpId]:
    extended_addressing, with_length = arguments.isotp_extended_addressing, arguments.isotp_length
    return [IsoTpId(id, extended_addressing, with_length) for id in dict.fromkeys(arguments.isotp)]


def _channels(arguments: argparse.Namespace, isotp: Sequence[IsoTpId]) -> ChannelPlan:
    return plan_channels(
        arguments.dbc,
        first_wins=arguments.first_wins,
        j1939=arguments.j1939,
        keep_not_available=arguments.keep_not_available,
        value_texts=arguments.value_texts,
        id_masks=_id_masks(arguments.id_mask),
        isotp=isotp,
    )


def _into_text(
    decoder: FileDecoder, read: Sequence[Path], arguments: argparse.Namespace, screen: Screen
) -> None:
    header = decoder.header  # goes with the first value, or last: a log that is refused prints nothing
    lines = 0
    with writing_to(arguments.output, read) as stream, decoder.pieces(arguments.logs) as pieces:
        for piece in pieces:
            lines += piece.lines
            if piece.text:
                stream.write(header + piece.text)
                stream.flush()  # the log may be a pipe, and the next piece far away
                header = b""
            screen.show(piece.progress)
            screen.warn(piece.warnings)
        stream.write(header)
    warnings = decoder.warnings()
    if not (lines or warnings or arguments.unknown):
        warnings = ["no value was written: what was chosen is not in what was read (`signals` lists what is)"]
    _end(decoder, warnings, screen)


def _into_parquet(arguments: argparse.Namespace, screen: Screen) -> None:
    if arguments.output is None:
        raise UsageError(
            "is a folder of files", where="--format parquet", hint="name the folder: --output DIR"
        )
    from telemetry.tables.parquet import ParquetFolder

    with ParquetFolder(arguments.output, with_log=arguments.log_column) as folder:
        make_decoder, _ = _decoders(arguments, folder.sink, screen)
        decoder = make_decoder(0)
        with decoder.pieces(arguments.logs) as pieces:
            for piece in pieces:
                folder.write_groups()
                screen.show(piece.progress)
                screen.warn(piece.warnings)
        folder.finish()
    _end(decoder, decoder.warnings(), screen)


def _end(decoder: FileDecoder, warnings: Sequence[str], screen: Screen) -> None:
    screen.warn(warnings)
    screen.clear()
    if screen.is_terminal:
        screen.say(decoder.summary())
    decoder.raise_unread()


def _into_influxdb(arguments: argparse.Namespace, screen: Screen, clock: Clock) -> int:
    options = given_values(arguments, _TARGET)
    if arguments.output:
        raise UsageError("stands beside --format influx", where="--output", hint="leave one of them out")
    from telemetry.decode.delivery import Patience
    from telemetry.decode.influx import Job, deliver  # with the sink, which the other formats do without
    from telemetry.decode.target import sink_settings, spool_directory

    sink = sink_settings(arguments.config, options, os.environ)
    make_decoder, files = _decoders(arguments, OutputFormat.LINE_PROTOCOL, screen, accounts=True)
    said = [getattr(arguments, key) for key in _SAYING_WHAT]
    said += [database.channel for database in arguments.dbc]
    said += [arguments.source] if arguments.source else []
    spool = arguments.spool or spool_directory(os.environ, sink, [*arguments.logs, *files], said)
    if arguments.wait and arguments.give_up_after:
        raise UsageError("stands beside --wait", where="--give-up-after", hint="leave one of them out")
    given_s = arguments.give_up_after
    patience = None if arguments.wait else Patience(given_s, given_s) if given_s else Patience()
    job = Job(arguments.logs, files, said, sink, spool, patience)
    return deliver(job, make_decoder, screen, clock)


def _id_masks(texts: Sequence[str]) -> tuple[int, int]:
    try:
        return parse_id_masks(texts)
    except ValueError as error:
        raise UsageError(str(error), where="--id-mask") from error
