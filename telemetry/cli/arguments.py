"""What the arguments of several commands are read as."""

import argparse
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from telemetry.cli.options import Arguments, add_option
from telemetry.databases.files import ENDINGS, database_files
from telemetry.decode.channels import ChannelPlan, Database, Vehicle, plan_channels
from telemetry.errors import UsageError
from telemetry.logs.content import require_file
from telemetry.model.instant import read_instant
from telemetry.plugins import Choices
from telemetry.protocols.known import CAN_PROTOCOLS, PROTOCOLS

Value = TypeVar("Value")

ON_BUSES, AT_PORTS = ", ".join(CAN_PROTOCOLS), ", ".join(sorted(PROTOCOLS))  # as help lists them
SERVER_OPTIONS = ("url", "org", "bucket", "database", "token_file", "username", "password_file")


def read_as(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """Return `read` as a type of argparse, which shows what its ValueError says."""

    def typed(text: str) -> Value:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return typed


def databases(text: str) -> list[Database]:
    """Read `[CHANNEL=]FILE`, or a folder or a glob in place of FILE. Raises ConfigError where it has none."""
    channel, equals, file = text.partition("=")
    if not text or (equals and not (channel and file)):
        raise argparse.ArgumentTypeError(f"{text!r} is not FILE or CHANNEL=FILE")
    if equals and "/" not in channel and not Path(text).exists():
        return [Database(path, channel) for path in database_files(Path(file))]
    return [Database(path) for path in database_files(Path(text))]


def refuse_databases(given: Iterable[str | Path]) -> None:
    """Raise UsageError for a file among `given`, logs or signals, that is named as databases are."""
    for path in map(Path, given):
        if path.suffix.lower() in ENDINGS and path.is_file():
            raise UsageError("is a database", where=str(path), hint=f"--dbc {path}")


def require_logs(logs: Sequence[Path]) -> None:
    """Raise UsageError for a database in place of a log, InputMissingError for one that is not there."""
    refuse_databases(logs)
    for path in logs:
        require_file(path)
        if path.suffix.lower() == ".toml":
            hint = f"decode and sessions take it beside logs: decode --config {path} LOG"
            raise UsageError("is a configuration, and no log", where=str(path), hint=hint)


def no_database(where: str) -> UsageError:
    """Return the error where nothing says what frames mean."""
    known = "add one: --dbc FILE, --protocol NAME or --vehicle-profile NAME"
    hint = f"{known}; scan --log finds what fits, look shows what is there"
    return UsageError("no database was given", where=where, hint=hint)


def add_dbc(parser: Arguments, what: str, *, required: bool = False) -> None:
    """Add `--dbc`, which may be given again. what: its help."""
    add_option(
        parser,
        "--dbc [CHANNEL=]FILE",
        f"{what}; repeatable",
        action="extend",
        default=[],
        required=required,
        type=databases,
    )


def add_database_arguments(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add what says how frames are decoded: `--dbc` and how ids are matched."""
    add_dbc(
        parser,
        "a database (DBC, ARXML, KCD, SYM) for every channel, or for one; "
        "a folder (in depth) or a quoted glob: all of them",
        required=required,
    )
    add_option(parser, "--first-wins", "of an id in two databases take the first one's message")
    add_option(parser, "--j1939", "match extended ids by PGN even where messages do not declare it")


def add_protocol_arguments(parser: argparse.ArgumentParser, without_registers: str) -> None:
    """Add `--protocol` and `--registers`. without_registers: what a capture of modbus is then."""
    capture = "a text capture of a serial port, lines `(epoch.us) port RX|TX hex`"
    add_protocol(parser, f"in place of a database: {ON_BUSES}; or of {capture}: {AT_PORTS}")
    add_registers(parser, f", or pzem_017 or acrel_djsf1352; without one, {without_registers}")


def add_vehicle_profile(group: Arguments, how: str) -> None:
    """Add `--vehicle-profile`, which may be given again. how: more for the help."""
    add_option(
        group,
        "--vehicle-profile [CHANNEL=]NAME[:BUS]",
        f"the vehicle that the logs are of, {how} (`vehicles` lists them; or a file of one's own); without "
        "BUS all of its buses are looked for; repeatable",
        action="append",
        default=[],
        type=vehicle,
    )


def vehicle(text: str) -> Vehicle:
    """Return the profile that an argument names, with its channel and bus."""
    channel, _, rest = text.rpartition("=")
    return Vehicle.parse(rest, channel)


def add_device_arguments(group: Arguments, words: str, *, of: str = "of the device", maps: str = "") -> None:
    """Add what is spoken, and to which device. words: of the protocol; of, maps: more for the help."""
    add_protocol(group, words)
    add_option(group, "--address N", f"{of}: 2, 0xD2, or the digits on a meter of dlt645")
    add_registers(group, maps)


def add_protocol(group: Arguments, words: str, **options: Any) -> None:
    """Add `--protocol`, which takes all names, so that `require_spoken` can say where another is spoken."""
    choices = Choices("protocols", PROTOCOLS, CAN_PROTOCOLS)
    add_option(group, "--protocol NAME", words, choices=choices, **options)


def require_spoken(names: Iterable[str | None], *, on_buses: bool) -> None:
    """Raise UsageError for a protocol that is spoken on buses where it is to be of a port, or otherwise."""
    known = CAN_PROTOCOLS if on_buses else PROTOCOLS
    place, other = ("CAN buses", "serial ports") if on_buses else ("serial ports", "CAN buses")
    for name in names:
        if name is not None and name not in known:
            hint = f"on {place}: {ON_BUSES if on_buses else AT_PORTS}"
            raise UsageError(f"{name} is spoken on {other}", where="--protocol", hint=hint)


def add_registers(group: Arguments, maps: str = "") -> None:
    """Add `--registers`. maps: more for the help."""
    add_option(group, "--registers FILE", f"of --protocol modbus: the map of its registers{maps}")


def check_protocol(arguments: argparse.Namespace, of_can: Sequence[str] = ()) -> None:
    """Raise UsageError for what does not go with `--protocol`. of_can: what a serial port cannot have."""
    if arguments.registers and arguments.protocol != "modbus":
        raise UsageError("is for --protocol modbus", where="--registers", hint="leave it out")
    beside = ("dbc", "vehicle_profile", "first_wins", "j1939", "protect")
    given = [key for key in beside if getattr(arguments, key, None)]
    if arguments.protocol and given:
        raise UsageError("stands beside --protocol", where=flag(given[0]), hint="leave one of them out")
    if arguments.protocol in PROTOCOLS:
        refuse_of_can(arguments, of_can)


def refuse_of_can(arguments: argparse.Namespace, of_can: Sequence[str]) -> None:
    """Raise UsageError for what a capture of a serial port cannot have."""
    for key in of_can:
        if getattr(arguments, key):
            hint = "leave it out for a serial port"
            raise UsageError("is for logs of CAN", where=flag(key), hint=hint)


def flag(key: str) -> str:
    """Return the option that an argument was given by."""
    return "--filter" if key == "can_filters" else f"--{key.removesuffix('_time').replace('_', '-')}"


def add_server_arguments(group: Arguments) -> None:
    """Add SERVER_OPTIONS: where an InfluxDB is, and how it knows us."""
    option = partial(add_option, group)
    option("--url URL", "the server's address")
    option("--database NAME", "the database of InfluxDB 1.x")
    option("--bucket NAME", "the bucket of InfluxDB 2.x and later")
    option("--org NAME", "the organisation that the bucket belongs to")
    option("--token-file FILE", "its one line is the token; only its owner may read it", type=Path)
    option("--username NAME", "of InfluxDB 1.x")
    option("--password-file FILE", "as --token-file", type=Path)


def given_values(arguments: argparse.Namespace, keys: Iterable[str]) -> dict[str, str | bool]:
    """Return what was given of these, as a configuration has it."""
    given = {key: getattr(arguments, key) for key in keys if getattr(arguments, key)}
    return {key: str(value.absolute()) if isinstance(value, Path) else value for key, value in given.items()}


def add_signal_argument(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add `--signal`. purpose: what is done with what it matches, as `decode these alone`."""
    add_option(
        parser,
        "--signal GLOB …",
        f"{purpose}: a glob of names, as SIGNAL or MESSAGE.SIGNAL; case counts; repeatable",
    )


def add_time_bounds(parser: argparse.ArgumentParser) -> None:
    """Add `--from` and `--to`, as from_time and to_time."""
    for flag, which in (("--from", "from this time on"), ("--to", "before this time")):
        parser.add_argument(
            flag,
            dest=flag.strip("-") + "_time",
            metavar="TIME",
            type=read_as(read_instant),
            help=f"frames {which}: +SECONDS since the first frame, seconds since 1970, date (UTC), ISO 8601",
        )


def add_logs_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "logs",
        metavar="LOG",
        nargs="+",
        type=Path,
        help="logs, folders of them or quoted globs, of any format, as for decode",
    )


def add_list_arguments(parser: argparse.ArgumentParser, json: str = "") -> None:
    """Add `--format` and `--raw-text`. json: what it has that the others have not."""
    words, choices = f"table (default), json{json}, or csv", ("table", "json", "csv")
    add_option(parser, "--format", words, choices=choices, default="table")
    add_raw_text_argument(parser)


def add_raw_text_argument(parser: argparse.ArgumentParser) -> None:
    add_option(
        parser,
        "--raw-text",
        "csv: texts as they are; otherwise those that begin with = + - @ or a tab, which a spreadsheet "
        "takes for formulas, follow an apostrophe",
    )


def check_raw_text(arguments: argparse.Namespace) -> None:
    """Raise UsageError where `--raw-text` has nothing to do."""
    if arguments.raw_text and arguments.format != "csv":
        raise UsageError("is for csv", where="--raw-text", hint="leave it out, or --format")


def channel_plan(arguments: argparse.Namespace) -> ChannelPlan:
    """Return what the channels of a log are by these arguments."""
    return plan_channels(arguments.dbc, first_wins=arguments.first_wins, j1939=arguments.j1939)


def whole(text: str, words: str = "is no whole number above zero", most: float = math.inf) -> int:
    """Read a whole number above zero, and not above `most`. words: what is wrong with another."""
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} {words}")
    return int(text)


def positive(text: str, most: float = math.inf) -> float:
    """Read a number above zero, and not above `most`."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (0.0 < number <= most and number < math.inf):
        within = "" if most == math.inf else f" and at most {most:.0f}"
        raise argparse.ArgumentTypeError(f"{text!r} is no number above zero{within}")
    return number
