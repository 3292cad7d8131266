"""What a benchmark run found, as text for the terminal and as Markdown: the same tables in both."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.plot import Plot

PLOTS = "benchmarks"  # folder beside the page
PEERS = ("cantools", "python-can", "influxdb-client", "pandas", "pyarrow", "opendbc", "cython", "isal")


@dataclass(frozen=True, slots=True)
class Section:
    """One table: heading, what is to be known to read it, rows, plots; and what makes the run a failure."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    failures: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()

    def as_text(self) -> str:
        table = [self.columns, *self.rows]
        widths = [max(len(row[column]) for row in table) for column in range(len(self.columns))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table
        ]
        return "\n".join([self.title, "-" * len(self.title), *(line.rstrip() for line in lines)]) + "\n"

    def as_markdown(self) -> str:
        table = [self.columns, ("---",) * len(self.columns), *self.rows]
        lines = [f"| {' | '.join(row)} |" for row in table]
        pictures = [f"![{plot.title}]({PLOTS}/{plot.file})" for plot in self.plots]
        return (
            "\n".join([f"## {self.title}", "", self.note, "", *lines, *([""] if pictures else []), *pictures])
            + "\n"
        )


def goal(found: float, *, at_most: float | None = None, at_least: float | None = None) -> tuple[str, str]:
    """Two cells: the goal in words, and whether `found` meets it."""
    if at_most is not None:
        return f"{at_most:g} or less", "yes" if found <= at_most else "no"
    assert at_least is not None
    return f"{at_least:g} or more", "yes" if found >= at_least else "no"


def write_page(page: Path, sections: Sequence[Section]) -> None:
    """Write the page, and its plots into a folder beside it."""
    page.write_text(markdown_page(sections), encoding="utf-8")
    for section in sections:
        for plot in section.plots:
            (page.parent / PLOTS).mkdir(exist_ok=True)
            (page.parent / PLOTS / plot.file).write_text(plot.as_svg(), encoding="utf-8")


def markdown_page(sections: Iterable[Section]) -> str:
    """Return the page of one run, with the machine and the versions it was measured with."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    head = f"""# Benchmarks

Written by `make bench-page`. Only the ratios mean anything: a shared machine has slow phases, so everything
in one table was measured in turns, round by round, in one run. A *goal* is the ratio to reach.

Measured on {today} on {_machine()}: {", ".join(_versions())}.
"""
    return "\n".join([head, *(section.as_markdown() for section in sections)])


def _machine() -> str:
    facts: dict[str, str] = {}  # of the first processor
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    model = facts.get("model name", platform.machine())
    if "cpu family" in facts:  # generations of one name differ by half
        model += f" (family {facts['cpu family']}, model {facts['model']})"
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {model}, {memory_gib:.0f} GiB, Linux {platform.release()}"


def _versions() -> Iterable[str]:
    yield f"CPython {platform.python_version()}"
    gcc = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True)
    yield f"gcc {gcc.stdout.strip()}"
    for name in PEERS:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue  # isal has no wheel on every architecture
