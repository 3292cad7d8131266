"""telemetry/demo/stored.py: the same points give the same numbers from a database and from the spool."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.demo.sampling import Series
from telemetry.demo.stored import InfluxReadback, Readback, SpoolReadback
from telemetry.errors import UnavailableError
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.verdict import Acknowledged
from telemetry.spool.batch import EncodedBatch
from telemetry.spool.spool import Spool
from tests.support.servers import DatabaseServer

NOW_NS = Clock().unix_ns() // 1_000_000_000 * 1_000_000_000
HOUR_S = 3600


def power_w(second: int) -> float:
    """Return a power of 1 kW out for an hour, then of 2 kW in for half an hour."""
    return -1000.0 if second < HOUR_S else 2000.0


def points(vehicle: str, factor: float = 1.0) -> list[str]:
    lines = []
    for second in range(0, HOUR_S * 3 // 2 + 1, 10):
        time_ns = NOW_NS - (2 * HOUR_S - second) * 1_000_000_000
        tags = f"pack=main,source=can,vehicle={vehicle}"
        lines.append(f"battery,{tags} voltage_v=350.0,power_w={factor * power_w(second)} {time_ns}")
        lines.append(f"battery,{tags} soc_pct={80.0 - second / 1000.0},balancing=false {time_ns + 1}")
        lines.append(f"battery,{tags} cell_min_v=3.5,cell_max_v={3.6 + second / 1e5} {time_ns + 2}")
        lines.append(f"BMS_Identity,source=can,vehicle={vehicle} CellCount=96.0 {time_ns}")
    return lines


def check(readback: Readback) -> None:
    counts = readback.field_counts("battery", "can")
    assert counts["voltage_v"] == counts["balancing"] == 541
    assert readback.field_counts("BMS_Identity", "can") == {"CellCount": 541}
    assert readback.field_counts("cells", "can") == readback.field_counts("battery", "jbd") == {}
    power = readback.series("battery", "can", "power_w")["power_w"]
    assert len(power) == 541
    assert power.times_ns[0] == NOW_NS - 2 * HOUR_S * 1_000_000_000
    assert list(power.values) == [power_w(second) for second in range(0, HOUR_S * 3 // 2 + 1, 10)]
    assert readback.series("battery", "jbd", "power_w") == {"power_w": Series([], [])}
    several = readback.series("battery", "can", "soc_pct", "power_w", "nothing")
    assert several["power_w"] == power
    assert several["nothing"] == Series([], [])
    assert list(several["soc_pct"].times_ns) == [time_ns + 1 for time_ns in power.times_ns]
    assert several["soc_pct"].values == [
        80.0 - second / 1000.0 for second in range(0, HOUR_S * 3 // 2 + 1, 10)
    ]


def write(settings: InfluxSettings, lines: list[str]) -> None:
    client = InfluxClient(settings, Clock())
    try:
        assert client.write(gzip.compress("\n".join(lines).encode())).verdict == Acknowledged()
    finally:
        client.close()


@pytest.fixture(params=["influxdb1", "influxdb2"])
def settings(request: pytest.FixtureRequest) -> InfluxSettings:
    server: DatabaseServer = request.getfixturevalue(request.param)
    database = server.fresh_database()
    return InfluxSettings(
        url=server.url,
        org=server.org,
        bucket=database.name,
        token=Secret(server.token) if server.token else None,
        username="" if server.token else server.username,
        password=None if server.token else Secret(server.password),
    )


@pytest.fixture
def readback(settings: InfluxSettings) -> Iterator[InfluxReadback]:
    readback = InfluxReadback(settings.make_tables(Clock()), "mine")
    yield readback
    readback.close()


@pytest.mark.server("influxdb1", "influxdb2")
def test_a_database_gives_the_numbers_of_one_vehicle(
    settings: InfluxSettings, readback: InfluxReadback
) -> None:
    write(settings, points("mine"))
    write(settings, points("another", factor=3.0))
    check(readback)


@pytest.mark.server("influxdb1", "influxdb2")
def test_more_rows_than_one_answer_has_come_all(
    settings: InfluxSettings, readback: InfluxReadback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.sinks.influx.tables.ROWS", 100)
    write(settings, points("mine"))
    check(readback)


@pytest.mark.server("influxdb1", "influxdb2")
def test_a_series_has_what_a_late_simulation_has_stamped_in_the_future(
    settings: InfluxSettings, readback: InfluxReadback
) -> None:
    later_ns = NOW_NS + HOUR_S * 1_000_000_000
    write(settings, [f"battery,source=can,vehicle=mine soc_pct=75.0 {later_ns}"])
    assert list(readback.series("battery", "can", "soc_pct")["soc_pct"].values) == [75.0]


@pytest.mark.server("influxdb1", "influxdb2")
def test_an_answer_may_be_far_longer_than_one_to_a_write(
    settings: InfluxSettings, readback: InfluxReadback
) -> None:
    count = 5000  # 100 KB and more as JSON
    write(settings, [f"cells,source=can,vehicle=mine v001={n}.5 {NOW_NS + n}" for n in range(count)])
    assert list(readback.series("cells", "can", "v001")["v001"].values) == [n + 0.5 for n in range(count)]


@pytest.mark.server("influxdb1", "influxdb2")
def test_a_database_without_points_says_so(readback: InfluxReadback) -> None:
    assert readback.field_counts("battery", "can") == {}
    assert readback.series("battery", "can", "power_w") == {"power_w": Series([], [])}


def test_a_server_that_does_not_answer_is_one_line() -> None:
    settings = InfluxSettings(url="http://127.0.0.1:9", database="nev")
    readback = InfluxReadback(settings.make_tables(Clock()), "mine")
    with pytest.raises(UnavailableError, match=r"^http://127\.0\.0\.1:9: does not answer"):
        readback.series("battery", "can", "power_w")
    readback.close()


def test_a_spool_gives_the_same_numbers_and_keeps_its_points(tmp_path: Path) -> None:
    lines = points("mine")
    spool = Spool(tmp_path / "spool", clock=Clock())
    for start in range(0, len(lines), 200):
        some = lines[start : start + 200]
        payload = gzip.compress(("\n".join(some) + "\n").encode())
        batch = EncodedBatch(payload=payload, points=len(some), first_ns=NOW_NS, last_ns=NOW_NS)
        spool.append(batch, accounts={}, positions={})
        spool.commit()
    spool.close()
    for _ in range(2):
        check(SpoolReadback(tmp_path / "spool", Clock()))


def test_a_spool_without_points_says_so(tmp_path: Path) -> None:
    Spool(tmp_path / "spool", clock=Clock()).close()
    readback = SpoolReadback(tmp_path / "spool", Clock())
    assert readback.field_counts("battery", "can") == {}
    assert readback.series("battery", "can", "power_w") == {"power_w": Series([], [])}
