"""`nev-telemetry schema`: prints the JSON schema of the configuration, for editors.

The first line of the configuration names it: `#:schema ./gateway.schema.json`. It has what packages add
by name; `check` alone knows what their tables hold.
"""

import argparse
import json
import sys

from telemetry import plugins
from telemetry.cli.files import shipped_files
from telemetry.errors import EXIT_OK

EXAMPLES = ("> gateway.schema.json",)
_FILE = "packaging/gateway.schema.json"


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add nothing."""


def run(_: argparse.Namespace) -> int:
    file = shipped_files("schema was", _FILE)[_FILE]
    schema = json.loads(file.read_text("utf-8"))
    added = {name: {"type": "array"} for name in plugins.names("sources")}
    added |= {name: {"type": "object"} for name in plugins.names("sinks")}
    schema["properties"] = added | schema["properties"]  # what is built in is not replaced
    serial = schema["properties"]["serial"]["items"]["properties"]
    for keys in (serial, serial["device"]["items"]["properties"]):
        choices = keys["protocol"]["anyOf"][0]["enum"]
        choices.extend(name for name in plugins.names("protocols") if name not in choices)
    json.dump(schema, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    return EXIT_OK
