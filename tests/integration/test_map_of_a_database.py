"""A database's signals become points of the data model: parsed, decoded, mapped and written."""

from pathlib import Path

import cantools.database
from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.mapper import Mapper
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry

VEHICLE_DBC = Path(__file__).parents[2] / "firmware_sim" / "wire" / "vehicle.dbc"
MILLISECOND = 1_000_000
ENTRIES = [
    MapEntry("BMS_PackPower.PackVoltage", "battery.voltage_v"),
    MapEntry("BMS_PackPower.PackCurrent", "battery.current_a"),
    MapEntry("BMS_PackState.StateOfCharge", "battery.soc_pct"),
    MapEntry("BMS_PackState.Balancing", "battery.balancing"),
    MapEntry("BMS_CellVoltages.Cell{n}Voltage", "cells.v{n}"),
    MapEntry("BMS_ModuleTemperatures.Module{n}Temperature", "cells.t{n}"),
]


def cell_mv(number: int) -> int:
    return 3600 + (number * 37) % 50


def frames() -> FrameBatch:
    """Pack, 24 pages of cells with 2 pages of temperatures among them, 1 ms apart; then the next cycle."""
    database = cantools.database.load_file(VEHICLE_DBC)
    assert isinstance(database, cantools.database.can.Database)
    batch = FrameBatch(64)

    def send(name: str, **values: float) -> None:
        message = database.get_message_by_name(name)
        assert message is not None
        page = values.get("Page")
        present = [signal.name for signal in message.signals if signal.multiplexer_ids in (None, [page])]
        payload = message.encode({signal: values.get(signal, 0) for signal in present}, strict=False)
        batch.append(len(batch) * MILLISECOND, message.frame_id, payload)

    send("BMS_PackPower", PackVoltage=351.27, PackCurrent=-12.35)
    send("BMS_PackState", StateOfCharge=61.3, Balancing=1)
    for page in range(24):
        if page in (3, 17):
            modules = range(6 * (page // 17) + 1, 6 * (page // 17) + 7)
            temperatures = {f"Module{n:02d}Temperature": 20 + n / 4 for n in modules}
            send("BMS_ModuleTemperatures", Page=page // 17, **temperatures)
        cells = range(4 * page + 1, 4 * page + 5)
        send("BMS_CellVoltages", Page=page, **{f"Cell{n:02d}Voltage": cell_mv(n) / 1000 for n in cells})
    # Nothing is known of the sender yet: a reading that took over 20 ms waits for the next page.
    first = batch[2]
    batch.append(100 * MILLISECOND, first.id, first.data)
    return batch


def test_signals_of_a_database_are_written_as_points_of_the_data_model() -> None:
    plan = build_plan([BusDatabases("can0", (VEHICLE_DBC,))]).spec
    spec = resolve(ENTRIES, plan)
    schema = Schema(plan.records + spec.records)
    decoder, mapper, encoder = Decoder(Plan(plan, schema)), Mapper(schema, spec), Encoder(schema)
    decoder.bind(0, 0, 0)
    mapper.bind(0, 0, [1])
    encoder.set_tags(0, b"")
    encoder.set_tags(1, b",pack=main")
    samples, mapped, lines = SampleBatch(schema), SampleBatch(schema), LineBuffer()
    decoder.decode(frames(), samples)
    mapper.map(samples, mapped)
    encoder.encode(mapped, lines)
    modelled = [line for line in lines.take().decode().splitlines() if "pack=main" in line]
    volts = ",".join(f"v{n:03d}={cell_mv(n) / 1000:g}" for n in range(1, 97))
    temperatures = ",".join(f"t{n:03d}={20 + n / 4:g}" for n in range(1, 13))
    flow = "charging=false,discharging=true"
    spread = "cell_min_v=3.6,cell_max_v=3.649,cell_delta_v=0.049,cell_min_index=50,cell_max_index=27"
    assert modelled == [
        f"battery,pack=main voltage_v=351.27,current_a=-12.35,power_w=-4338.1845,{flow} 0",
        f"battery,pack=main soc_pct=61.3,balancing=true {MILLISECOND}",
        f"cells,pack=main {temperatures} {20 * MILLISECOND}",
        f"battery,pack=main temp_min_c=20.25,temp_max_c=23 {20 * MILLISECOND}",
        f"cells,pack=main {volts} {27 * MILLISECOND}",
        f"battery,pack=main {spread} {27 * MILLISECOND}",
    ]
    assert mapper.made() == {"cells": 2, "battery": 4}
