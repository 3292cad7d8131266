"""The questions of docs/queries.md and the panels of the dashboard `fleet`, asked of a whole fleet.

What a question costs is the processor time of the server, out of /proc, and not the time that passes.

    python -m benchmarks.fleet_asked --pid PID --url http://127.0.0.1:8086 --now 2026-11-30T00:00:00Z
"""

import argparse
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import urllib3

from tests.support.queries_page import questions

DASHBOARDS = Path(__file__).parents[1] / "dashboards"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_LOOK_S = 1.0
_QUIET = 0.05  # of a processor
_ALL = {"vehicle": ".*", "pack": ".*", "source": ".*"}


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def wait_until_quiet(pid: int) -> None:
    """Wait until a process does nothing any more: a question that nobody waits for goes on, a while."""
    quiet = 0
    while quiet < 2:
        before_s = cpu_s(pid)
        time.sleep(_LOOK_S)
        quiet = quiet + 1 if cpu_s(pid) - before_s < _QUIET * _LOOK_S else 0


class Asked:
    """A server of either kind, asked as a person would."""

    def __init__(self, url: str, pid: int, token: str, now: str, timeout_s: float) -> None:
        self._url, self._pid, self._token, self.now, self._timeout_s = url, pid, token, now, timeout_s
        self._pool = urllib3.PoolManager()

    @property
    def language(self) -> str:
        """Return in which language it is asked: with a token in Flux."""
        return "flux" if self._token else "influxql"

    def ask(self, query: str) -> tuple[bytes, float]:
        """Return the answer, and what it has cost in seconds; nothing, if there was none in time."""
        wait_until_quiet(self._pid)
        before_s = cpu_s(self._pid)
        options: dict[str, Any] = {"retries": False, "timeout": self._timeout_s}
        try:
            if self._token:
                body = json.dumps(
                    {"query": query, "now": self.now, "type": "flux", "dialect": {"annotations": []}}
                )
                headers = {"Authorization": f"Token {self._token}", "Content-Type": "application/json"}
                url = f"{self._url}/api/v2/query?org=fleet"
                answer = self._pool.request("POST", url, body=body, headers=headers, **options)
            else:
                fields = {"db": "fleet", "epoch": "ns", "q": query.replace("now()", f"'{self.now}'")}
                answer = self._pool.request("GET", f"{self._url}/query", fields=fields, **options)
            content = answer.data
            assert answer.status == 200, (content[:500], query)
        except urllib3.exceptions.TimeoutError:
            content = b""
        return content, cpu_s(self._pid) - before_s


def panels(language: str, now: str) -> Iterator[tuple[str, str]]:
    """Yield title and query of each panel of the dashboard, over the week before `now`, of all vehicles."""
    dashboard = json.loads((DASHBOARDS / language / "fleet.json").read_text("utf-8"))
    found = [panel for row in dashboard["panels"] for panel in (row, *row.get("panels", ()))]
    start = f"{now[:8]}{int(now[8:10]) - 7:02}{now[10:]}"
    milliseconds = [str(int(_seconds(text)) * 1000) for text in (start, now)]
    for panel in found:
        for target in panel.get("targets", ()):
            query = str(target["query"])
            for name, text in _ALL.items():
                query = query.replace(f"${{{name}:regex}}", text)
            query = query.replace("$timeFilter", f"time >= '{start}' AND time <= '{now}'")
            query = query.replace("${__from}", milliseconds[0]).replace("${__to}", milliseconds[1])
            query = query.replace("v.timeRangeStart", start).replace("v.timeRangeStop", now)
            yield panel["title"], query.replace("v.defaultBucket", '"fleet"')


def _seconds(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone


def rows(content: bytes) -> int:
    """Return how many rows an answer has."""
    if not content.startswith(b"{"):
        return len([line for line in content.splitlines() if line and not line.startswith(b",result")])
    series = json.loads(content)["results"][0].get("series", [])
    return sum(len(each["values"]) for each in series)


def main() -> None:
    """Ask, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--pid", required=True, type=int)
    parser.add_argument("--token", default="")
    parser.add_argument("--now", required=True)
    parser.add_argument("--timeout-s", default=120.0, type=float)
    parser.add_argument("--only", default=".*", help="of the names of what is asked")
    parser.add_argument("--folder", type=Path, help="where answers of panels are kept")
    arguments = parser.parse_args()
    server = Asked(arguments.url, arguments.pid, arguments.token, arguments.now, arguments.timeout_s)
    asked = [(f"question {question.number}", getattr(question, server.language)) for question in questions()]

    asked += [(f"panel {title}", query) for title, query in panels(server.language, arguments.now)]
    for name, query in asked:
        if re.search(arguments.only, name):
            content, cost_s = server.ask(query)
            print(f"{name}: {cost_s:.2f} s, {rows(content) if content else 'no'} rows", flush=True)
            if arguments.folder:
                (arguments.folder / f"{server.language} {name}").write_bytes(content)


if __name__ == "__main__":
    main()
