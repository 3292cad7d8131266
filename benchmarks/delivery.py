"""`decode --format influx` against the server's own limit: the same lines, made and compressed before the
clock starts, posted one request after another over one connection to the same InfluxDB 1.x.

What counts is who waits for whom: where a request is on its way nearly all the time, the server is the limit.
The rates say less, since decoding takes processors from a server on the same machine.
"""

import http.client
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch
from urllib.parse import urlencode

from benchmarks.command import decode
from benchmarks.report import Section, goal
from benchmarks.workload import Workload
from telemetry.clock import Clock
from telemetry.decode.delivery import BATCH_LINES
from telemetry.demo.server import ServerProcess, start_influxdb1
from telemetry.ownership import cache_folder
from telemetry.sinks.influx.client import InfluxClient
from telemetry.spool.compress import compress

LIMIT_SHARE = 0.9  # of the time a request is on its way


@dataclass(frozen=True, slots=True)
class Run:
    """One contender, once."""

    wall_s: float
    in_flight_s: float  # a request was on its way


def measure_delivery(workload: Workload, folder: Path, rounds: int) -> list[Section]:
    """Points a second of both, in turns, and how long each kept the server busy."""
    log = folder / "workload.log"
    workload.write_log(log)
    bodies = list(_bodies(workload, log, folder))
    posted: list[Run] = []
    decoded: list[Run] = []
    (folder / "influxdb").mkdir()
    with start_influxdb1(folder / "influxdb", cache_folder(), Clock()) as server:
        for number in range(rounds):
            posted.append(_post(server.port, f"posted{number}", bodies))
            decoded.append(_decode_into(server, f"decoded{number}", workload, log, folder))
            assert _stored(server.port, f"decoded{number}") == _stored(server.port, f"posted{number}")
    share = statistics.median(run.in_flight_s / run.wall_s for run in decoded)
    points = len(workload.frames)
    return [
        Section(
            "A log into InfluxDB",
            f"A candump log of {points:,} frames into InfluxDB 1.x on the same machine. *Requests alone*: "
            f"the same lines, made and compressed before, {BATCH_LINES:,} a request, one after another over "
            "one connection. *Waiting for the server*: the share of the command's time in which a request is "
            "on its way; the rate is less than that of requests alone by what decoding takes of the server's "
            "processors.",
            ("requests alone, points/s", "decode, points/s", "waiting for the server", "goal", "met"),
            (
                (
                    f"{points / statistics.median(run.wall_s for run in posted):,.0f}",
                    f"{points / statistics.median(run.wall_s for run in decoded):,.0f}",
                    f"{share:.2f}",
                    *goal(share, at_least=LIMIT_SHARE),
                ),
            ),
        )
    ]


def _bodies(workload: Workload, log: Path, folder: Path) -> Iterator[bytes]:
    """Return what --format lp makes, as bodies of requests."""
    lines = folder / "workload.lp"
    decode(workload, [log], "lp", "-o", str(lines))
    with lines.open("rb") as rest:
        while some := b"".join(islice(rest, BATCH_LINES)):
            yield compress(some)


def _decode_into(server: ServerProcess, database: str, workload: Workload, log: Path, folder: Path) -> Run:
    in_flight_s = 0.0
    write = InfluxClient.write

    def timed(client: InfluxClient, payload: bytes) -> object:
        nonlocal in_flight_s
        start_s = time.monotonic()
        try:
            return write(client, payload)
        finally:
            in_flight_s += time.monotonic() - start_s

    with TemporaryDirectory(dir=folder) as spool, patch.object(InfluxClient, "write", timed):
        where = ("--url", server.url, "--database", database, "--create", "--spool", spool)
        start_s = time.monotonic()
        decode(workload, [log], "influx", *where)
        return Run(time.monotonic() - start_s, in_flight_s)


def _post(port: int, database: str, bodies: Sequence[bytes]) -> Run:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    _ask(connection, "POST", "/query?" + urlencode({"q": f"CREATE DATABASE {database}"}))
    start_s = time.monotonic()
    for body in bodies:
        _ask(connection, "POST", f"/write?db={database}", body, {"Content-Encoding": "gzip"})
    took_s = time.monotonic() - start_s
    connection.close()
    return Run(took_s, took_s)


def _stored(port: int, database: str) -> bytes:
    """Ask the server how many points there are of each measurement."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        question = {"db": database, "q": "SELECT count(*) FROM /.*/"}
        return _ask(connection, "GET", "/query?" + urlencode(question))
    finally:
        connection.close()


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status in (200, 204), text[:200]
    return text
