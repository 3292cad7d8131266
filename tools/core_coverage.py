"""Prints how many lines of each of the core's sources ran: core_coverage.py BUILD.

BUILD is a folder of `TELEMETRY_CORE_GCOV=1 setup.py build`.
A line that several modules include (a .pxd) ran if it ran in one of them.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path


def counted_lines(build: Path) -> dict[str, dict[int, int]]:
    """Source, line number, how often it ran, as gcov sums it up over all processes."""
    counts: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for data in sorted(build.rglob("*.gcda")):
        report = subprocess.run(["gcov", "--json-format", "--stdout", data], check=True, capture_output=True)
        for source in json.loads(report.stdout)["files"]:
            if source["file"].startswith("telemetry_core/"):
                for line in source["lines"]:
                    counts[source["file"]][line["line_number"]] += line["count"]
    return counts


def main() -> None:
    rows = []
    for source, lines in counted_lines(Path(sys.argv[1])).items():
        missed = sorted(number for number, count in lines.items() if count == 0)
        rows.append((len(lines), missed, source))
    for total, missed, source in sorted(rows, key=lambda row: len(row[1]) / row[0], reverse=True):
        print(f"{100 - 100 * len(missed) / total:4.0f} %  {len(missed):4}/{total:<5} {source}  {missed[:12]}")
    total = sum(row[0] for row in rows)
    print(f"{100 - 100 * sum(len(row[1]) for row in rows) / total:4.1f} % of {total} lines of the core")


if __name__ == "__main__":
    main()
