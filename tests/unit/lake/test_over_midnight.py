"""What is open at midnight goes on in the next day: the two days equal one run over all."""

import json
from itertools import takewhile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import telemetry
from firmware_sim.charge import ChargeSpec, DcCharge
from firmware_sim.charge_scenario import GOOD
from telemetry import lake
from tests.support.charges import charge_from, scenario_of
from tests.support.composition_cases import INFLUX, J1939_DBC
from tests.support.lake import MIDNIGHT_NS, candump, lake_rows, rows_of, tree

DAY_NS = 24 * 3600 * 10**9


def logs(folder: Path, lines: list[str], parts: int = 3) -> Path:
    (folder / "ev7").mkdir()
    size = -(-len(lines) // parts)
    for number in range(parts):
        (folder / f"ev7/{number}.log").write_text("".join(lines[number * size : (number + 1) * size]))
    return folder / "ev7"


def test_a_transport_session_that_began_minutes_before_midnight_is_put_together(tmp_path: Path) -> None:
    frames = ["1CEC56F4#100006DCFF001100"]  # 1,536 bytes in 220 packets
    frames += [f"1CEB56F4#{number + 1:02X}{number:02X}3B0000000000" for number in range(220)]
    begin_ns = MIDNIGHT_NS - 140 * 10**9
    stamps = [begin_ns + n * 700_000_000 for n in range(len(frames))]
    assert stamps[-1] > MIDNIGHT_NS
    text = [
        f"({ns // 10**9}.{ns // 1000 % 10**6:06d}) can0 {frame}\n"
        for ns, frame in zip(stamps, frames, strict=True)
    ]
    database = tmp_path / "bus.dbc"
    database.write_text(J1939_DBC)
    written = lake.write(logs(tmp_path, text), to=tmp_path / "lake", databases=str(database))
    assert [(each.rows, each.accounts.get("frames/logs/absorbed", 0)) for each in written.outcomes] == [
        (0, 0),
        (1, len(frames)),
    ]
    assert lake.accounts(tmp_path / "lake")["bus/logs/read"] == len(frames)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_charge_over_midnight_stands_in_the_day_of_its_start(tmp_path: Path, jobs: int) -> None:
    lines = charge_from(MIDNIGHT_NS - 10 * 10**9, 40, seconds=10)
    lines += charge_from(MIDNIGHT_NS, 41, seconds=20, is_over=True)
    recorded = logs(tmp_path, lines)
    lake.write(recorded, to=tmp_path / "lake", protocol="gbt27930", jobs=jobs)
    with pytest.warns(UserWarning, match="values left out"):
        tables = telemetry.read(recorded, protocol="gbt27930")
    expected = {row for table in tables.values() for row in rows_of(table.name, pa.table(table))}
    assert {*lake_rows(tmp_path / "lake")} == expected
    (session,) = lake.files(tmp_path / "lake", table="charging_session")
    assert "/day=2026-03-02/ev7_2026-03-03-" in session


@pytest.mark.parametrize(("vin", "is_there"), [("plain", True), ("digest", False), ("off", False)])
def test_a_vehicle_number_is_written_as_the_configuration_says_and_nowhere_else(
    tmp_path: Path, vin: str, is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    scenario = scenario_of(GOOD)
    charge = DcCharge(ChargeSpec(scenario.pack, scenario.charger, scenario.vehicle, ()), 1)
    begun = takewhile(lambda frame: frame[0] < 40 * 10**9, charge.frames())
    frames = [(MIDNIGHT_NS + ns, f"{id & 0x1FFFFFFF:08X}", data.hex()) for ns, id, data in begun]
    number = "LSIMGBT27930V0001"
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'vehicle = "van"\n{INFLUX}[spool]\ndirectory = "spool"\n'
        f'[charging]\nvin = "{vin}"\n[[can]]\nname = "can0"\nprotocol = "gbt27930"\n'
    )
    log = candump(tmp_path / "1.log", frames)
    written = lake.write(log, to=tmp_path / "lake", config=config, vehicle="van")
    assert written.errors == []
    (session,) = lake.files(tmp_path / "lake", table="charging_session")
    vins = pq.ParquetFile(session).read()["vin"].to_pylist()
    assert (number in vins) is is_there
    assert (vins == [None]) is (vin == "off")
    if not is_there:
        for path in tree(tmp_path / "lake"):
            assert number not in str(path)
            if path.suffix == ".json":
                marker = json.loads((tmp_path / "lake" / path).read_text())
                assert number not in json.dumps(marker)
        for name in lake.files(tmp_path / "lake"):
            assert number not in repr(pq.ParquetFile(name).read().to_pylist())
