"""All that is generated of pages: `python -m tools.pages` writes it, `--check` says what is out of date.

`--check` also looks at what pages name (`tools.pages.links`). It prints a line a fault, and ends with 1.
docs/monitor.svg shows a moment: `python -m tools.pages.monitor_picture docs/monitor.svg` draws it.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from dashboards.__main__ import written
from tools.pages import configuration, data_model, devices, home_assistant, protocols, rooms, schema, vehicles
from tools.pages.links import PAGES, missing
from tools.pages.rooms import ROOT

# What makes the text of a page out of the text that it has.
GENERATED: dict[str, Callable[[str], str]] = {
    "docs/architecture.md": rooms.rewritten,
    "docs/configuration.md": configuration.rewritten,
    "docs/data-model.md": lambda _: data_model.documentation(),
    **dict.fromkeys(
        (
            "README.md",
            *(f"docs/{name}.md" for name in ("charging", "scan", "scrub", "serial", "sessions", "simulator")),
        ),
        devices.rewritten,
    ),
    "docs/home-assistant.md": home_assistant.rewritten,
    "packaging/gateway.schema.json": lambda _: schema.text(),
    "docs/vehicles.md": lambda _: vehicles.documentation(),
    **{str(page.relative_to(ROOT)): protocols.rewritten for page in protocols.PAGES},
}


def texts() -> Iterator[tuple[Path, str]]:
    """Yield each generated file with what is to stand in it."""
    for name, rewritten in GENERATED.items():
        yield ROOT / name, rewritten((ROOT / name).read_text("utf-8"))
    yield from written()


def faults() -> Iterator[str]:
    """Yield a line for each page that is out of date, and for what pages name and is not there."""
    for file, text in texts():
        if not file.exists() or file.read_text("utf-8") != text:
            yield f"{file.relative_to(ROOT)}: is not as it would be made now (make pages)"
    for page in PAGES:
        for fault in missing(page, page.read_text("utf-8")):
            yield f"{page.relative_to(ROOT)}: {fault}"


def main() -> int:
    """Write the pages, or check them; return 1 for any fault."""
    parser = argparse.ArgumentParser("python -m tools.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and print what is wrong")
    if not parser.parse_args().check:
        for file, text in texts():
            file.write_text(text, "utf-8")
        return 0
    found = list(faults())
    print("".join(f"{fault}\n" for fault in found), end="")
    return min(len(found), 1)


if __name__ == "__main__":
    raise SystemExit(main())
