"""`nev-telemetry schema`: prints the JSON schema of the configuration, for editors.

The first line of the configuration names it: `#:schema ./gateway.schema.json`.
"""

import argparse
import sys

from telemetry.cli.files import shipped_files
from telemetry.errors import EXIT_OK, InputMissingError

EXAMPLES = ("> gateway.schema.json",)
_FILE = "packaging/gateway.schema.json"


def add_arguments(_: argparse.ArgumentParser) -> None:
    """None."""


def run(_: argparse.Namespace) -> int:
    """Print it."""
    file = dict(shipped_files()).get(_FILE)
    if file is None:
        raise InputMissingError(
            "no schema was installed beside it",
            where="nev-telemetry",
            hint="install the wheel, or use a clone",
        )
    sys.stdout.write(file.read_text("utf-8"))
    return EXIT_OK
