"""The stages in a row: points that nothing is written of, and what a configuration may ask for."""

import struct

import pytest
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.errors import ConfigError
from telemetry.ledger import imbalances
from telemetry.rules.reduce import ReduceSettings
from telemetry.stages.stages import Stages
from tests.support.plan_specs import Signal, plan
from tests.support.stages import stages_of, written
from tests.support.transport_wire import bam, id_of

PLAN = plan({"can0": {"Probe": {"kelvin": Signal(kind=SlotKind.FLOAT, bits=32)}}}, is_tight=True)


def test_a_row_of_which_nothing_can_be_written_is_no_point() -> None:
    line = stages_of(PLAN)
    kelvins = enumerate((273.5, float("nan"), float("inf")))
    text = written(line, [(time_ns, 0x100, struct.pack("<f", kelvin)) for time_ns, kelvin in kelvins])
    assert text == b"Probe,source=can0,vehicle=van kelvin=273.5 0\n"
    assert line.counted()["points/made/Probe"] == 1
    assert line.counted()["frames/bus/decoded"] == 3


def test_an_interval_for_a_measurement_that_there_is_not_is_refused() -> None:
    Stages(PLAN, None, vehicle="van", reduce=ReduceSettings(0.0, {"Probe": 1.0, "battery": 5.0}))
    with pytest.raises(ConfigError, match="no measurement 'Prob'"):
        Stages(PLAN, None, vehicle="van", reduce=ReduceSettings(1.0, {"Prob": 1.0}))


def test_the_accounts_balance_while_a_transport_session_is_open() -> None:
    message = MessageSpec("Long", 0x18FECA00, True, 9, (SignalSpec(64, 8, True, False, False),), (), record=0)
    spec = PlanSpec((RecordSpec("Long", (FieldSpec("soc", SlotKind.INT),)),), (BusSpec("can0", (message,)),))
    line, lines = stages_of(spec), 0
    for read, text in enumerate(bam(1, bytes(9)), 1):
        id, _, data = text.partition("#")
        lines += written(line, [(read, id_of(id), bytes.fromhex(data))]).count(b"\n")
        counted = line.counted()
        counted["bus/bus/read"] += read  # as the pipeline delivers them
        assert list(imbalances(counted, lines, {})) == []
        assert counted["bus/bus/read"] == (0 if read < 3 else 3)  # of an open session nothing has become yet
