"""`nev-telemetry run CONFIG`: the gateway service."""

import argparse
import logging
import os
import sys
import threading
from pathlib import Path

from telemetry_core.allocator import return_large_blocks

from telemetry.cli.options import add_option
from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.errors import EXIT_OK, UsageError
from telemetry.service.service import Service
from telemetry.service.stderr_queue import JournalFormatter, JsonFormatter, TextFormatter, is_journal
from telemetry.service.supervisor import Supervisor
from telemetry.settings.text import STDIN
from telemetry.sources.stop import StopSignal
from telemetry.stopping import SignalWatch

LOG = logging.getLogger("telemetry.service")

EXAMPLES = ("gateway.toml",)
_FORMATTERS = {"text": TextFormatter, "json": JsonFormatter}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="the configuration: TOML, or a folder of it"
    )
    add_option(
        parser,
        "--log-format",
        "lines for people, or a JSON object a line: time, level, logger, message, exception (default: text)",
        choices=_FORMATTERS,
        default="text",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; when all sources are logs, until they are read and delivered.

    SIGHUP: read the configuration again.
    """
    if arguments.config == STDIN:
        raise UsageError("the configuration is read again on SIGHUP: stdin cannot be", hint="give a file")
    return_large_blocks()
    handler = logging.StreamHandler(sys.stderr)
    lines = _FORMATTERS[arguments.log_format]()
    is_marked = is_journal(sys.stderr.fileno(), os.environ)
    handler.setFormatter(JournalFormatter(lines) if is_marked else lines)
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.INFO, handlers=[handler])
    stop, reload = StopSignal(), threading.Event()
    clock = Clock()
    supervisor = Supervisor.from_environment(clock, os.environ, os.getpid())
    with SignalWatch(stop.set, on_hangup=reload.set) as signals:
        try:
            with signals.interrupting():  # parsing the databases may take minutes
                config = load_config(arguments.config)
                service = Service(config, clock, stop, reload=reload, supervisor=supervisor)
        except KeyboardInterrupt:
            LOG.info("stopped before it had started")
            return EXIT_OK
        service.run()
    return EXIT_OK
