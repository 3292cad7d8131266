"""`nev-telemetry scrub FILE… -o OUT`: recordings without VINs, serial numbers and positions."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.cli.arguments import AT_PORTS, add_dbc, add_protocol, add_registers
from telemetry.cli.options import add_option
from telemetry.cli.output import refuse_to_overwrite, writing_to
from telemetry.errors import EXIT_OK, StorageError, UsageError
from telemetry.logs.content import STDIN, require_file
from telemetry.logs.inflate import ENDINGS
from telemetry.logs.unread import UNREADABLE, Unread
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import SerialProtocol

if TYPE_CHECKING:
    from telemetry.scrub.buses import NamedMessage

EXAMPLES = (
    "drive.log -o public.log --dbc ev.dbc",
    "bms.txt -o public.txt",
)
_ASC, _LOG = ".asc", ".log"
_AS_CANDUMP = ("", ".log", ".candump", ".txt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="CAN logs as for decode, and captures of serial ports",
    )
    add_option(
        parser,
        "-o, --output OUT",
        "the file; of several FILEs the folder. CAN logs are written as candump or, named .asc, as ASC",
        type=Path,
        required=True,
    )
    words = f"of captures: what is spoken, repeatable (default: whatever is found): {AT_PORTS}; logs of buses"
    add_protocol(parser, f"{words} need none", action="append", default=[])
    add_registers(parser)
    add_dbc(
        parser, "of logs: a database whose signals named latitude, longitude, VIN, serial … are replaced too"
    )


def run(arguments: argparse.Namespace) -> int:
    """Copy each file; print what was replaced, and how often."""
    from telemetry.protocols.registers.register_map import find_map
    from telemetry.scrub.files import is_serial_capture, scrub_capture, scrub_log
    from telemetry.scrub.replacements import Replacements

    files: list[Path] = arguments.files
    for file in files:
        if file == STDIN:
            raise UsageError("is read twice, and cannot be a pipe", where="-", hint="name a file")
        require_file(file)
    protocols = _protocols(arguments)
    messages = _messages(arguments)
    named = [database.file for database in arguments.dbc]
    if arguments.registers is not None:
        named.append(find_map(arguments.registers))
    new = Replacements()
    outputs = [_output(file, arguments.output, is_folder=len(files) > 1) for file in files]
    for number, output in enumerate(outputs):
        if output in outputs[:number]:
            other = files[outputs.index(output)]
            raise UsageError(
                f"would be written over {other}", where=str(files[number]), hint=f"both are {output}"
            )
        refuse_to_overwrite(output, [*files, *named])
    unread = Unread(files, is_strict=len(files) == 1)  # an archive alone is an error, however many it holds
    for file, output in zip(files, outputs, strict=True):
        try:
            with writing_to(output, [*files, *named]) as stream:
                if is_serial_capture(file):
                    done = scrub_capture(file, protocols, new, stream.write)
                else:
                    as_asc = output.suffix.lower() == _ASC
                    done = scrub_log(file, messages, new, stream.write, as_asc=as_asc)
                    if not as_asc and output.suffix.lower() not in _AS_CANDUMP:
                        done.warnings.append(f"{output}: is candump, whatever its ending says")
        except UNREADABLE as error:
            print(f"warning: {unread.note(error)}", file=sys.stderr)
            continue
        for words in done.warnings:
            print(f"warning: {words}", file=sys.stderr)
        for port, spoken in done.spoken.items():
            if spoken:
                names = ", ".join(one.name for one in spoken)
                print(f"{file}: {port}: taken for {names}; --protocol says otherwise", file=sys.stderr)
        print(f"{output}: {_number(done.items, done.what)}", file=sys.stderr)
    if not unread.are_all:
        _report(new.counts, new.distinct)
    unread.raise_any()
    return EXIT_OK


def _protocols(arguments: argparse.Namespace) -> Sequence[SerialProtocol]:
    """Return what --protocol names. Raises UsageError, ConfigError for a map that is wrong."""
    names: list[str] = arguments.protocol
    if arguments.registers is not None and "modbus" not in names:
        raise UsageError("is of --protocol modbus", where="--registers", hint="add it")
    from telemetry.decode.modbus_capture import protocol_of

    return [
        protocol_of(name, arguments.registers, arguments.files, with_messages=False)
        for name in names
        if name in PROTOCOLS  # all of buses are looked for, named or not
    ]


def _messages(arguments: argparse.Namespace) -> "Mapping[tuple[bool, int], NamedMessage]":
    """Return the messages of --dbc whose signals are replaced; a warning says where it has none.

    Raises ConfigError.
    """
    if not arguments.dbc:
        return {}
    from telemetry.databases.plan_cache import load_plan, user_cache_directory
    from telemetry.decode.channels import plan_channels
    from telemetry.scrub.buses import named_messages

    plan = load_plan(
        plan_channels(arguments.dbc, first_wins=True, j1939=False).databases, user_cache_directory()
    )
    messages = named_messages(plan.spec)
    for message in messages.values():
        print(f"{message.name}: {', '.join(message.names)}", file=sys.stderr)
    if not messages:
        files = ", ".join(str(database.file) for database in arguments.dbc)
        words = "no signal is named as a VIN, serial number or position: nothing is replaced by it"
        print(f"warning: {files}: {words}", file=sys.stderr)
    return messages


def _output(file: Path, given: Path, *, is_folder: bool) -> Path:
    """Return where a file goes.

    In a folder its name is kept, without the ending of what it is not any more.
    """
    if not is_folder and not given.is_dir():
        return given
    try:
        given.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise UsageError("is a file", where=str(given), hint="several FILEs need a folder") from error
    except OSError as error:
        raise StorageError(f"cannot be made: {error.strerror}", where=str(given)) from error
    name = Path(file.name)
    if name.suffix.lower() in ENDINGS:
        name = name.with_suffix("")
    if name.suffix.lower() not in (*_AS_CANDUMP, _ASC):
        name = name.with_suffix(_LOG)
    return given / name


def _report(counts: Mapping[str, int], distinct: Mapping[str, int]) -> None:
    found = [
        f"{_number(distinct[kind], kind)} in {_number(count, 'place')}"
        if distinct.get(kind)
        else _number(count, kind)
        for kind, count in counts.items()
        if count
    ]
    if found:
        print(f"replaced: {', '.join(found)}", file=sys.stderr)
    else:
        print("nothing was replaced: nothing was found that is known to identify", file=sys.stderr)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
