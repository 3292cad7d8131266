"""Manual pages, made from the parsers of the commands: `python -m tools.pages.manual FOLDER`.

Promises:
- `nev-telemetry.1` lists the commands.
- Each command has its own page, `nev-telemetry-COMMAND.1`, with every argument that its parser reads.

Relies on argparse-manpage for the markup.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from argparse_manpage.manpage import Manpage

from telemetry import __version__
from telemetry.__main__ import COMMANDS, build_parser

PROGRAM = "nev-telemetry"
TITLE = "Battery and charging telemetry"
SUMMARY = "battery and charging telemetry from vehicle buses into InfluxDB"


def pages() -> Iterator[tuple[str, str]]:
    """Yield each file's name and text."""
    yield f"{PROGRAM}.1", _overview()
    for action in build_parser(COMMANDS)._actions:  # argparse has no public list of them
        if isinstance(action, argparse._SubParsersAction):
            for name, parser in action.choices.items():
                typed, page = parser.prog, f"{PROGRAM}-{name}"
                text = str(_manpage(parser, COMMANDS[name]))
                for said, named in ((typed.upper(), page.upper()), (typed, page)):  # in the title, in NAME
                    text = text.replace(_escaped(said), _escaped(named), 1)
                yield f"{page}.1", text


def _overview() -> str:
    parser = argparse.ArgumentParser(PROGRAM, description=f"{TITLE} from vehicle buses into InfluxDB.")
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("command", metavar="COMMAND", help="what to do; the commands are listed below")
    parser.add_argument("arguments", metavar="...", help="the command's own, see its page or COMMAND --help")
    page = _manpage(parser, SUMMARY)
    rows = [f".TP\n.B {_escaped(name)}\n{_escaped(summary)}" for name, summary in COMMANDS.items()]
    page.add_section("COMMANDS", "=", "\n".join(rows))
    others = ",\n".join(f".BR {_escaped(f'{PROGRAM}-{name}')} (1)" for name in COMMANDS)
    page.add_section("SEE ALSO", "=", others.replace("(1),", "(1) ,"))
    return str(page)


def _manpage(parser: argparse.ArgumentParser, summary: str) -> Manpage:
    data = {"project_name": PROGRAM, "version": __version__, "manual_title": TITLE, "description": summary}
    return Manpage(parser, _data=data)


def _escaped(text: str) -> str:
    return text.replace("-", r"\-")


def main(folder: Path) -> None:
    """Write all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    asked = argparse.ArgumentParser("python -m tools.pages.manual", description=__doc__)
    asked.add_argument("folder", metavar="FOLDER", type=Path)
    main(asked.parse_args().folder)
