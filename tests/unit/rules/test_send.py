"""`[send]`: which messages go out, which are only mapped and watched, and that all are accounted for."""

from functools import partial

import pytest
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.lines import LineBuffer

from telemetry.errors import ConfigError
from telemetry.ledger import imbalances
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.reduce import SEND_ALL, ReduceSettings
from telemetry.rules.send import SendSettings
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.configuration import settings_of

NAMES = ("BMS_Pack", "BMS_Debug", "Doors")
PLAN = PlanSpec(
    tuple(RecordSpec(name, (FieldSpec("soc", SlotKind.UINT),)) for name in NAMES),
    (
        BusSpec(
            "can0",
            tuple(
                MessageSpec(
                    name, 0x100 + number, False, 1, (SignalSpec(0, 8, True, False, False),), (), number
                )
                for number, name in enumerate(NAMES)
            ),
        ),
    ),
)
MAPPING = resolve([MapEntry("BMS_Pack.soc", "battery.soc_pct")], PLAN)


def sent(settings: SendSettings, reduce: ReduceSettings = SEND_ALL) -> list[str]:
    """Return the measurements of ten frames of each message, and check that all accounts balance."""
    stages = Stages(PLAN, MAPPING, vehicle="van", reduce=reduce, send=settings)
    stages.bind(0, Binding(0, "can0", "can0"))
    frames, lines = FrameBatch(64), LineBuffer()
    for step in range(10):
        for number in range(len(NAMES)):
            frames.append(step * 100_000_000, 0x100 + number, bytes([step]))
    stages.process(frames, lines)
    stages.writing.flush(lines)
    counted = stages.counted()
    counted["bus/can0/read"] += len(frames)
    assert list(imbalances(counted, lines.lines, {})) == []
    return [line.partition(",")[0] for line in lines.take().decode().splitlines()]


def counts(settings: SendSettings, reduce: ReduceSettings = SEND_ALL) -> dict[str, int]:
    names = sent(settings, reduce)
    return {name: names.count(name) for name in sorted(set(names))}


def test_without_messages_the_data_model_alone_is_sent() -> None:
    assert counts(SendSettings(messages=False)) == {"battery": 10}
    assert counts(SendSettings(messages=False), ReduceSettings(1.0, {})) == {"battery": 2}


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (SendSettings(), NAMES),
        (SendSettings(only=("BMS_*",)), ("BMS_Pack", "BMS_Debug")),
        (SendSettings(without=("*_Debug", "Doors")), ("BMS_Pack",)),
        (SendSettings(only=("BMS_*", "Doors"), without=("BMS_?ebug",)), ("BMS_Pack", "Doors")),
    ],
)
def test_globs_choose_messages(settings: SendSettings, names: tuple[str, ...]) -> None:
    assert counts(settings) == dict.fromkeys(("battery", *names), 10)


def test_a_glob_that_no_message_fits_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^send\.only: no message fits 'bms_pack' \(did you mean \"BMS_Pack\"\?\)"
    ):
        sent(SendSettings(only=("bms_pack",)))
    with pytest.raises(ConfigError, match=r"^send\.without: no message fits 'battery'"):
        sent(SendSettings(without=("battery",)))


def test_the_table_is_read_and_globs_beside_no_messages_are_refused() -> None:
    read = partial(settings_of, SendSettings)
    assert read().chosen(PLAN.records) == [True] * 3
    assert read(only=["a*"], without=["b"]).only == ("a*",)
    with pytest.raises(ConfigError, match="without: stands beside messages = false"):
        read(messages=False, without=["b"])
    assert (read().every_s, read(every_s=300).every_s) == (1.0, 300.0)
    for outside in (0.99, 300.1):
        with pytest.raises(ConfigError, match=r"every_s: .* from 1 to 300"):
            read(every_s=outside)
