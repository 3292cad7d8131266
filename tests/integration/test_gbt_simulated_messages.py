"""The simulator's encoding of GB/T 27930 and the decoder's tables, which know nothing of each other."""

import csv
import io
from collections import defaultdict
from datetime import datetime

import pytest

from firmware_sim.ecus.gbt.transport import MessageSender, Receiver
from firmware_sim.links.can import CandumpLog
from firmware_sim.wire import gbt
from firmware_sim.wire.gbt import BEM_BITS, CEM_BITS, CHARGER, MESSAGES, VEHICLE, Edition, Identity
from firmware_sim.wire.j1939 import CONTROL_PGN, DATA_PGN, frame_id
from telemetry.__main__ import main

Y2015, Y2023 = Edition.Y2015, Edition.Y2023
MS = 1_000_000
CAR = Identity(
    vin="LTEST27930V000042",
    maker=b"ABCD",
    battery_type=3,
    rated_ah=152.0,
    rated_v=364.8,
    pack_serial=4711,
    produced=(2023, 12, 25),
    charge_count=149,
    owned=False,
    software=(7, 1, 4, 2023),
)
STOPS = dict.fromkeys(gbt.stop_bits("BST", Y2023), 1)
SENT: dict[str, tuple[bytes, dict[str, object]]] = {
    "CHM": (gbt.chm(), {"version_minor": 1, "version_major": 1}),
    "BHM": (gbt.bhm(426.1), {"max_voltage_v": 426.1}),
    "CRM": (
        gbt.crm(True, 16843009, b"123", Y2015),
        {"recognition": 0xAA, "charger_number": 16843009, "region": "123"},
    ),
    "BRM": (
        gbt.brm(CAR, Y2015),
        {
            "battery_type": 3,
            "rated_capacity_ah": 152.0,
            "rated_voltage_v": 364.8,
            "manufacturer": "ABCD",
            "pack_serial": 4711,
            "production_year": 2023,
            "production_month": 12,
            "production_day": 25,
            "charge_count": 149,
            "ownership": 0,
            "vin": "LTEST27930V000042",
            "software_serial": 7,
            "software_day": 1,
            "software_month": 4,
            "software_year": 2023,
        },
    ),
    "BCP": (
        gbt.bcp(
            max_cell_v=3.70,
            max_current_a=250.2,
            nominal_kwh=55.4,
            max_voltage_v=426.1,
            max_temperature_c=65.0,
            soc_pct=77.6,
            pack_v=378.2,
        ),
        {
            "max_cell_voltage_v": 3.70,
            "max_current_a": -250.2,
            "nominal_energy_kwh": 55.4,
            "max_voltage_v": 426.1,
            "max_temperature_c": 65.0,
            "soc_pct": 77.6,
            "pack_voltage_v": 378.2,
        },
    ),
    "CTS": (
        gbt.cts(datetime(2026, 11, 27, 6, 59, 41)),  # noqa: DTZ001  # local
        {"second": 41, "minute": 59, "hour": 6, "day": 27, "month": 11, "year": 2026},
    ),
    "CML": (
        gbt.cml(950.0, 38.0, 250.0, 1.5, Y2015),
        {"max_voltage_v": 950.0, "min_voltage_v": 38.0, "max_current_a": -250.0, "min_current_a": -1.5},
    ),
    "BRO": (gbt.ready(True), {"ready": 0xAA}),
    "CRO": (gbt.ready(False), {"ready": 0}),
    "BCL": (gbt.bcl(426.1, 20.0, True), {"voltage_v": 426.1, "current_a": -20.0, "mode": 1}),
    "BCS": (
        gbt.bcs(383.8, 32.6, 3.37, 4, 77, 43),
        {
            "voltage_v": 383.8,
            "current_a": -32.6,
            "max_cell_voltage_v": 3.37,
            "max_cell_group": 4,
            "soc_pct": 77,
            "remaining_min": 43,
        },
    ),
    "CCS": (
        gbt.ccs(540.6, 2.9, 12, False, Y2015),
        {"voltage_v": 540.6, "current_a": -2.9, "charged_min": 12, "permitted": 0},
    ),
    "BSM": (
        gbt.bsm(
            max_cell=67,
            max_temp_c=25.0,
            max_temp_point=2,
            min_temp_c=-4.0,
            min_temp_point=28,
            states={"insulation_state": 1, "soc_state": 2},
            permitted=True,
        ),
        {
            "max_cell_number": 67,
            "max_temperature_c": 25.0,
            "max_temperature_point": 2,
            "min_temperature_c": -4.0,
            "min_temperature_point": 28,
            "cell_voltage_state": 0,
            "soc_state": 2,
            "insulation_state": 1,
            "connector_state": 0,
            "permitted": 1,
        },
    ),
    "BMV": (gbt.bmv([3.31, 3.32, 3.33, 3.34, 3.35]), {"v001": 3.31, "v005": 3.35, "group003": 0}),
    "BMT": (gbt.bmt([20.0, 21.0, -7.0, 23.0, 24.0, 25.0, 26.0, 27.0, 28.0]), {"t001": 20.0, "t003": -7.0}),
    "BST": (gbt.stop("BST", STOPS, Y2023), dict(STOPS)),
    "CST": (
        gbt.stop("CST", gbt.stop_bits("CST", Y2023), Y2023),
        dict.fromkeys(gbt.stop_bits("CST", Y2023), 1),
    ),
    "BSD": (
        gbt.bsd(77, 3.33, 3.34, 3.0, 4.0),
        {
            "soc_pct": 77,
            "min_cell_voltage_v": 3.33,
            "max_cell_voltage_v": 3.34,
            "min_temperature_c": 3.0,
            "max_temperature_c": 4.0,
        },
    ),
    "CSD": (
        gbt.csd(12, 34.5, 16843009, Y2015),
        {"charged_min": 12, "energy_kwh": 34.5, "charger_number": 16843009},
    ),
    "BEM": (gbt.error("BEM", BEM_BITS), dict.fromkeys(BEM_BITS, 1)),
    "CEM": (gbt.error("CEM", CEM_BITS), dict.fromkeys(CEM_BITS, 1)),
}


def transfer(pgn: int, payload: bytes) -> list[tuple[int, bytes]]:
    """Return all frames of a message over 8 bytes, as the simulator's two ends exchange them."""
    sender, receiver = MessageSender(), Receiver()
    to_charger = (CHARGER, VEHICLE)
    frames = [(frame_id(CONTROL_PGN, 7, *to_charger), sender.begin(pgn, payload, 0))]
    receiver.hear_control(frames[0][1], 0)
    for now_ns in range(0, 500 * MS, MS):
        for control in receiver.run(now_ns):
            frames.append((frame_id(CONTROL_PGN, 7, VEHICLE, CHARGER), control))
            sender.hear(control, now_ns)
        for _, data in sender.run(now_ns):
            frames.append((frame_id(DATA_PGN, 7, *to_charger), data))
            receiver.hear_data(data, now_ns)
    assert sender.sent == pgn
    return frames


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Return what `decode --messages` prints, by message and signal."""
    folder = tmp_path_factory.mktemp("messages")
    log, table = folder / "sent.log", folder / "table.csv"
    with log.open("w", encoding="ascii") as stream:
        written = CandumpLog(stream)
        now_ns = 1_772_445_600_000_000_000
        for code, (payload, _) in SENT.items():
            message = MESSAGES[code]
            frames = [(message.id(Y2015), payload)] if len(payload) <= 8 else transfer(message.pgn, payload)
            for id, data in frames:
                now_ns += 10 * MS
                written.write(now_ns, id, data)
    arguments = ["--protocol", "gbt27930", "--messages", "--format", "csv", "--output", str(table)]
    assert main(["decode", *arguments, str(log)]) == 0
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in csv.DictReader(io.StringIO(table.read_text("utf-8"))):
        found[row["message"]][row["signal"]] = row["value"]
    return found


@pytest.mark.parametrize("code", SENT)
def test_the_decoder_reads_what_the_simulator_says(code: str, decoded: dict[str, dict[str, str]]) -> None:
    _, expected = SENT[code]
    for signal, value in expected.items():
        printed = decoded[code][signal]
        if isinstance(value, str):
            assert printed == value, signal
        else:
            assert float(printed) == pytest.approx(value, abs=1e-6), signal


def test_every_message_of_the_standard_was_sent() -> None:
    assert set(SENT) == set(MESSAGES) - {"BSP"}
