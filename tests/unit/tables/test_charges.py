"""Tables of charges, and datasets of them, hold what csv prints, but for what is listed here."""

from collections import Counter
from itertools import takewhile
from pathlib import Path

import pytest

import telemetry
from firmware_sim.charge import ChargeSpec, DcCharge
from telemetry import lake
from tests.support.charges import chademo_from, charge_from, scenario_of
from tests.support.lake import NOON_NS, lake_values
from tests.support.tables import Value, csv_values, table_values

HOUR_NS = 3600 * 10**9


def begun_charge() -> list[str]:
    """Return lines of a charge from its handshake on, for 80 s."""
    scenario = scenario_of("00-good")
    charge = DcCharge(ChargeSpec(scenario.pack, scenario.charger, scenario.vehicle, ()), 1)
    frames = takewhile(lambda frame: frame[0] < 80 * 10**9, charge.frames())
    stamps = ((NOON_NS + ns, id & 0x1FFFFFFF, data) for ns, id, data in frames)
    return [
        f"({ns // 10**9}.{ns // 1000 % 10**6:06d}) can0 {id:08X}#{data.hex().upper()}\n"
        for ns, id, data in stamps
    ]


def of(values: Counter[Value]) -> set[tuple[str, str]]:
    return {(table, name) for _, _, table, name, _ in values}


@pytest.mark.filterwarnings("ignore:values left out")
@pytest.mark.parametrize(
    ("protocol", "phases"),
    [
        (
            "gbt27930",
            ["handshake", "recognition", "configuration", "charging", "charging", "stopping", "ended"],
        ),
        ("chademo", ["handshake", "configuration", "charging", "stopping", "ended"] * 2),
    ],
)
def test_tables_and_datasets_of_two_charges_are_what_csv_has(
    tmp_path: Path, protocol: str, phases: list[str]
) -> None:
    if protocol == "gbt27930":
        lines = begun_charge() + charge_from(NOON_NS + HOUR_NS, 40, is_over=True)
    else:
        lines = [line for n in (0, 1) for line in chademo_from(NOON_NS + n * HOUR_NS, 40 + n, seconds=70)]
    log = tmp_path / "ev7/1.log"
    log.parent.mkdir()
    log.write_text("".join(lines))
    expected = csv_values(tmp_path / "out.csv", str(log), "--protocol", protocol, "--messages")
    tables = telemetry.read(log, protocol=protocol)
    written = lake.write(log, to=tmp_path / "lake", protocol=protocol)
    assert written.errors == []
    charger = tables["charger"]
    assert [word for word in charger.column("phase") if word is not None] == phases
    assert charger.column("time").tolist() == sorted(charger.column("time").tolist())
    for found in (table_values(tables, ()), lake_values(tmp_path / "lake", ())):
        assert of(found - expected) == {("event", "text")}
        assert {table for table, _ in of(expected - found)} == {"charging_session", "charging_phase"}
        assert found.total() > 1000
