"""`nev-telemetry map suggest --dbc FILE [LOG…]`: proposes the `[[map]]` of a configuration."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.extremes import Extremes

from telemetry.cli.arguments import add_database_arguments, channel_plan
from telemetry.cli.recordings import loaded_plan
from telemetry.clock import Clock
from telemetry.decode.channels import ChannelPlan
from telemetry.decode.logs import Logs
from telemetry.decode.rows import Rows
from telemetry.decode.screen import Screen
from telemetry.decode.selection import select
from telemetry.errors import EXIT_OK, DataError, UsageError
from telemetry.logs.archives import file_of
from telemetry.logs.content import STDIN, require_file
from telemetry.overview.current_sign import Evidence, Series, by_charge, by_voltage
from telemetry.overview.left_out import left_out
from telemetry.overview.map_suggestions import CURRENT, Suggestion, as_toml, signals_of, suggest
from telemetry.overview.shared_messages import SharedMessages
from telemetry.overview.signals import list_messages
from telemetry.stages.stages import Stages

EXAMPLES = ("suggest drive.log --dbc ev.dbc",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    action = actions.add_parser("suggest", help=parser.description, description=parser.description)
    action.add_argument("logs", metavar="LOG", nargs="*", type=Path, help="logs as for decode: what came")
    add_database_arguments(action, required=True)


def run(arguments: argparse.Namespace) -> int:
    """Print the entries as TOML."""
    for path in arguments.logs:
        require_file(path)
        if path == STDIN or not file_of(path).is_file():
            raise UsageError(
                "is read twice, and a pipe gives what it holds once", where=str(path), hint="give a file"
            )
    channels = channel_plan(arguments)
    with Screen(Clock(), output_is_terminal=sys.stdout.isatty()) as screen:
        spec = loaded_plan(channels, screen).spec
        extremes, rows = _extremes(spec, channels, arguments.logs, screen) if arguments.logs else (None, None)
        messages = list_messages(spec, {} if extremes is None else {"": extremes})
        found = suggest(messages, with_log=bool(arguments.logs))
        rest = [*left_out(messages, found, with_log=bool(arguments.logs))]
        if not found:
            for line in rest:
                screen.say(f"left out: {line}")
            names = ", ".join(str(database.file) for database in arguments.dbc)
            raise DataError("no signal looks like one of a battery or charger", where=names)
        if arguments.logs:
            found = _with_evidence(found, spec, channels, arguments.logs)
    comments = ["", "# left out:", *(f"#   {line}" for line in rest)] if rest else []
    sys.stdout.write(as_toml(found) + "".join(f"{line}\n" for line in comments))
    if rows is not None:
        rows.raise_unread()
    return EXIT_OK


def _extremes(
    spec: PlanSpec, channels: ChannelPlan, logs: Sequence[Path], screen: Screen
) -> tuple[Extremes, Rows]:
    stages = Stages(spec, None, vehicle="")
    rows, extremes = Rows(stages, Logs(channels)), Extremes(stages.schema)
    shared = SharedMessages(stages.schema)
    for samples in rows.read(logs):
        extremes.observe(samples)
        shared.observe(samples)
    screen.warn([*rows.warnings(), *shared.warnings([channel.binding.tag for channel in stages.channels])])
    return extremes, rows


def _with_evidence(
    found: Sequence[Suggestion], spec: PlanSpec, channels: ChannelPlan, logs: Sequence[Path]
) -> list[Suggestion]:
    """Return `found`, the current with what the log says of its sign."""
    names = signals_of(found)
    current, soc, voltage = (names.get(f"battery.{field}") for field in ("current_a", "soc_pct", "voltage_v"))
    if current is None:
        return list(found)
    series = _series([name for name in (current, soc, voltage) if name], spec, channels, logs)
    evidence: list[Evidence] = []
    if soc is not None:
        evidence.append(by_charge(series[current], series[soc]))
    if voltage is not None:
        evidence.append(by_voltage(series[current], series[voltage]))
    return [replace(one, evidence=tuple(evidence)) if one.to == CURRENT else one for one in found]


def _series(
    names: Sequence[str], spec: PlanSpec, channels: ChannelPlan, logs: Sequence[Path]
) -> dict[str, Series]:
    """Return the values of some signals, decoded alone, each of the channel on which it changes most."""
    stages = Stages(select(spec, names), None, vehicle="")
    fields = {
        (record.measurement, field.name): (
            f"{record.message_name}.{field.signal_name}",
            field,
        )
        for record in stages.schema.specs
        for field in record.fields
    }
    found: dict[str, dict[int, list[tuple[int, float]]]] = {name: {} for name in names}
    for samples in Rows(stages, Logs(channels)).read(logs):
        for row in samples:
            for field_name, raw in row.raw.items():
                name, field = fields[row.measurement, field_name]
                if name in found:
                    value = raw * field.factor + field.offset
                    found[name].setdefault(row.channel, []).append((row.time_ns, value))
    return {name: sorted(_liveliest(of_channels.values())) for name, of_channels in found.items()}


def _liveliest(channels: Iterable[list[tuple[int, float]]]) -> list[tuple[int, float]]:
    """Return the series with the most different values."""
    return max(channels, key=lambda series: len({value for _, value in series}), default=[])
