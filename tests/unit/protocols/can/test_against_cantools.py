"""Numbers of GB/T 27930 and CHAdeMO against cantools, by databases written by hand from the references."""

from random import Random
from typing import Any

import cantools.database
import pytest
from cantools.database.can import Database, Message

from telemetry.protocols.can.chademo import CHADEMO
from telemetry.protocols.can.gbt27930 import GBT27930
from telemetry.protocols.can.table import CanProtocol
from tests.support.can_protocols import said

GBT_DBC = """VERSION ""
BU_: X
BO_ 2552714996 BHM: 2 X
 SG_ max_voltage_v : 0|16@1+ (0.1,0) [0|0] "V" X
BO_ 2550723670 CML: 8 X
 SG_ max_voltage_v : 0|16@1+ (0.1,0) [0|0] "V" X
 SG_ min_voltage_v : 16|16@1+ (0.1,0) [0|0] "V" X
 SG_ max_current_a : 32|16@1+ (0.1,-400) [0|0] "A" X
 SG_ min_current_a : 48|16@1+ (0.1,-400) [0|0] "A" X
BO_ 2551207668 BCL: 5 X
 SG_ voltage_v : 0|16@1+ (0.1,0) [0|0] "V" X
 SG_ current_a : 16|16@1+ (0.1,-400) [0|0] "A" X
 SG_ mode : 32|8@1+ (1,0) [0|0] "" X
BO_ 2551379030 CCS: 8 X
 SG_ voltage_v : 0|16@1+ (0.1,0) [0|0] "V" X
 SG_ current_a : 16|16@1+ (0.1,-400) [0|0] "A" X
 SG_ charged_min : 32|16@1+ (1,0) [0|0] "min" X
 SG_ permitted : 48|2@1+ (1,0) [0|0] "" X
BO_ 2551404276 BSM: 7 X
 SG_ max_cell_number : 0|8@1+ (1,1) [0|0] "" X
 SG_ max_temperature_c : 8|8@1+ (1,-50) [0|0] "" X
 SG_ max_temperature_point : 16|8@1+ (1,1) [0|0] "" X
 SG_ min_temperature_c : 24|8@1+ (1,-50) [0|0] "" X
 SG_ min_temperature_point : 32|8@1+ (1,1) [0|0] "" X
 SG_ cell_voltage_state : 40|2@1+ (1,0) [0|0] "" X
 SG_ soc_state : 42|2@1+ (1,0) [0|0] "" X
 SG_ current_state : 44|2@1+ (1,0) [0|0] "" X
 SG_ temperature_state : 46|2@1+ (1,0) [0|0] "" X
 SG_ insulation_state : 48|2@1+ (1,0) [0|0] "" X
 SG_ connector_state : 50|2@1+ (1,0) [0|0] "" X
 SG_ permitted : 52|2@1+ (1,0) [0|0] "" X
BO_ 2551994100 BSD: 7 X
 SG_ soc_pct : 0|8@1+ (1,0) [0|0] "" X
 SG_ min_cell_voltage_v : 8|16@1+ (0.01,0) [0|0] "" X
 SG_ max_cell_voltage_v : 24|16@1+ (0.01,0) [0|0] "" X
 SG_ min_temperature_c : 40|8@1+ (1,-50) [0|0] "" X
 SG_ max_temperature_c : 48|8@1+ (1,-50) [0|0] "" X
BO_ 2552099926 CSD: 8 X
 SG_ charged_min : 0|16@1+ (1,0) [0|0] "" X
 SG_ energy_kwh : 16|16@1+ (0.1,0) [0|0] "" X
 SG_ charger_number : 32|32@1+ (1,0) [0|0] "" X
"""
CHADEMO_DBC = """VERSION ""
BU_: X
BO_ 256 CHA100: 8 X
 SG_ min_current_a : 0|8@1+ (1,0) [0|0] "" X
 SG_ max_current_a : 8|8@1+ (1,0) [0|0] "" X
 SG_ min_voltage_v : 16|16@1+ (1,0) [0|0] "" X
 SG_ max_voltage_v : 32|16@1+ (1,0) [0|0] "" X
 SG_ rate_reference : 48|8@1+ (1,0) [0|0] "" X
BO_ 258 CHA102: 8 X
 SG_ protocol_number : 0|8@1+ (1,0) [0|0] "" X
 SG_ target_voltage_v : 8|16@1+ (1,0) [0|0] "" X
 SG_ requested_current_a : 24|8@1+ (1,0) [0|0] "" X
 SG_ fault_overvoltage : 32|1@1+ (1,0) [0|0] "" X
 SG_ fault_undervoltage : 33|1@1+ (1,0) [0|0] "" X
 SG_ fault_current_deviation : 34|1@1+ (1,0) [0|0] "" X
 SG_ fault_overtemperature : 35|1@1+ (1,0) [0|0] "" X
 SG_ fault_voltage_deviation : 36|1@1+ (1,0) [0|0] "" X
 SG_ charging_enabled : 40|1@1+ (1,0) [0|0] "" X
 SG_ not_in_park : 41|1@1+ (1,0) [0|0] "" X
 SG_ system_fault : 42|1@1+ (1,0) [0|0] "" X
 SG_ contactor_open : 43|1@1+ (1,0) [0|0] "" X
 SG_ stop_before_charging : 44|1@1+ (1,0) [0|0] "" X
 SG_ discharge_capable : 47|1@1+ (1,0) [0|0] "" X
 SG_ charged_rate : 48|8@1+ (1,0) [0|0] "" X
BO_ 264 CHA108: 8 X
 SG_ welding_detection : 0|8@1+ (1,0) [0|0] "" X
 SG_ available_voltage_v : 8|16@1+ (1,0) [0|0] "" X
 SG_ available_current_a : 24|8@1+ (1,0) [0|0] "" X
 SG_ threshold_voltage_v : 32|16@1+ (1,0) [0|0] "" X
"""


def messages_of(dbc: str) -> list[Message]:
    database = cantools.database.load_string(dbc, "dbc")
    assert isinstance(database, Database)
    return database.messages


CASES = [
    pytest.param(protocol, message, id=message.name)
    for protocol, dbc in ((GBT27930, GBT_DBC), (CHADEMO, CHADEMO_DBC))
    for message in messages_of(dbc)
]


@pytest.mark.parametrize(("protocol", "message"), CASES)
def test_numbers_are_those_of_cantools(protocol: CanProtocol, message: Message) -> None:
    """A field of all ones is no value here, and one there."""
    random = Random(message.frame_id)
    digits = 8 if message.is_extended_frame else 3
    payloads = [random.randbytes(message.length) for _ in range(60)]
    frames = [f"{message.frame_id:0{digits}X}#{payload.hex()}" for payload in payloads]
    found = [values for name, values in said(protocol, *frames) if name == message.name]
    expected: list[dict[str, Any]] = []
    for payload in payloads:
        raw = message.decode_simple(payload, scaling=False)
        scaled = message.decode_simple(payload)
        assert isinstance(raw, dict)
        assert isinstance(scaled, dict)
        expected.append(
            {
                signal.name: pytest.approx(scaled[signal.name])
                for signal in message.signals
                if protocol is CHADEMO or raw[signal.name] != (1 << signal.length) - 1
            }
        )
    assert found == expected
