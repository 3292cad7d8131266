"""`nev-telemetry check CONFIG`: validates everything without starting."""

import argparse
import json
import re
from functools import partial
from pathlib import Path

from telemetry.cli.arguments import positive
from telemetry.cli.options import add_option
from telemetry.config import load_config
from telemetry.databases.files import ENDINGS
from telemetry.errors import EXIT_OK, UsageError
from telemetry.model.finding import Finding, Grade
from telemetry.service.check import check

EXAMPLES = (
    "gateway.toml",
    "gateway.toml --log drive.log",
    "gateway.toml --seconds 60",
)
_MOST_S = 86_400.0
_BUDGET = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kM])B/h")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = partial(add_option, parser)
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="the configuration: TOML, a folder of it, or - for stdin"
    )
    option("--log LOG", "also measure points/s and MB a day on this log of its buses", type=Path)
    option(
        "--seconds S",
        "also listen to its buses for so long, and measure that",
        type=partial(positive, most=_MOST_S),
    )
    option(
        "--for BUDGET", "also propose bounds, as 250kB/h on the link: with --log", type=_budget, dest="budget"
    )
    option("--json", "what is found as one JSON object")


def _budget(text: str) -> float:
    """Read bytes an hour, as 250kB/h."""
    match = _BUDGET.fullmatch(text)
    if match is None or not float(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a budget: write it as 250kB/h")
    return float(match[1]) * {"k": 1e3, "M": 1e6}[match[2]]


def run(arguments: argparse.Namespace) -> int:
    """Print what is found; exit 69, or 74, when the service would not do its work as things are."""
    if arguments.config.suffix.lower() in ENDINGS and arguments.config.is_file():
        hint = "a [[can]] of one has it in databases; signals lists what it holds"
        raise UsageError("is a database, and no configuration", where=str(arguments.config), hint=hint)
    if arguments.budget and arguments.log is None:
        raise UsageError("--for needs a log to measure on", hint="add --log LOG")
    found = []
    config = load_config(arguments.config)
    asked = {"log": arguments.log, "listen_s": arguments.seconds, "budget_bytes": arguments.budget}
    for finding in check(config, **asked):
        if not arguments.json:
            print(finding, flush=True)
        found.append(finding)
    faults = [finding.exit_code for finding in found if finding.level is Grade.FAULT]
    if arguments.json:
        print(json.dumps({"ok": not faults, "findings": [*map(_as_json, found)]}, indent=2))
    return max(faults, default=EXIT_OK)  # the spool's first, without which nothing starts


def _as_json(finding: Finding) -> dict[str, object]:
    plain: dict[str, object] = {"level": finding.level.name.lower(), "text": finding.text}
    return plain if finding.rate is None else {**plain, "rate": finding.rate}
