"""Several modules of one charger on one bus: each one's values stay its own, and a second one is reported."""

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.protocols.can.huawei_r48xx import HUAWEI_R48XX
from telemetry.protocols.can.infypower import INFYPOWER
from telemetry.protocols.can.table import CanProtocol
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.resolve import model
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.can_protocols import frame_of
from tests.support.lineprotocol import Line, parse_lines


def rectifier(address: int, register: int, value: float) -> str:
    """Return an answer of the module with that address."""
    return f"10{0x80 + address:02X}407F # {register:04X} 0000 {round(value * 1024):08X}"


def two_rectifiers() -> list[str]:
    """Voltage and current of modules 1 and 2, three times, in turns."""
    answers = []
    for _ in range(3):
        answers += [rectifier(1, 0x175, 53.5), rectifier(2, 0x175, 48.0)]
        answers += [rectifier(2, 0x181, 30.0), rectifier(1, 0x181, 2.0)]
    return answers


def test_two_rectifiers_on_a_bus_are_never_mixed_and_the_second_is_reported() -> None:
    found = charger_rows(HUAWEI_R48XX, two_rectifiers())
    assert found == {"main": {"voltage_v": {53.5}, "current_a": {2.0}}}
    reports = second_senders(HUAWEI_R48XX, two_rectifiers())
    assert len(reports) == 1
    assert reports[0].startswith("HuaweiReply comes from senders 01 and 02; only 01 is taken.")


def test_rectifiers_that_a_map_names_are_chargers_of_their_own() -> None:
    entries = tuple(
        MapEntry(f"HuaweiReply.output_{field}", f"charger.{field}", sender=address, charger=name)
        for address, name in ((1, "rectifier-1"), (2, "rectifier-2"))
        for field in ("voltage_v", "current_a")
    )
    assert charger_rows(HUAWEI_R48XX, two_rectifiers(), entries) == {
        "rectifier-1": {"voltage_v": {53.5}, "current_a": {2.0}},
        "rectifier-2": {"voltage_v": {48.0}, "current_a": {30.0}},
    }


def test_infypower_modules_and_groups_are_never_mixed() -> None:
    """500 V of module 0; 400 V of module 5, with an error code in its id; 300 V of group 0."""
    frames = ["0283F000 # 43FA000040600000", "1283F005 # 43C8000040000000", "02C3F000 # 4396000040000000"] * 3
    settings = ["029C00F0 # 0007A12000001388", "029C05F0 # 00061A8000001388"] * 3
    found = charger_rows(INFYPOWER, frames + settings)
    assert found["main"]["voltage_v"] == {500.0}
    assert found["main"]["requested_voltage_v"] == {500.0}
    reports = second_senders(INFYPOWER, frames + settings)
    said_of = {report.partition(";")[0] for report in reports}
    assert said_of == {
        "InfyOutput comes from senders 00 and 05",
        "InfyOutput comes from senders 00 and 40",
        "InfySetting comes from senders 00 and 05",
    }
    entry = MapEntry("InfyOutput.voltage_v", "charger.voltage_v", sender=0x40, charger="group")
    assert charger_rows(INFYPOWER, frames, (entry,))["group"] == {"voltage_v": {300.0}}


def charger_rows(
    protocol: CanProtocol, frames: list[str], entries: tuple[MapEntry, ...] = ()
) -> dict[str, dict[str, set[float]]]:
    """Return each charger's values by field, but none derived; `entries` replace the protocol's own."""
    found: dict[str, dict[str, set[float]]] = {}
    for point in points(protocol, frames, entries):
        if point.measurement == "charger":
            for name, value in point.fields.items():
                if name != "power_w":
                    found.setdefault(point.tags["charger"], {}).setdefault(name, set()).add(float(value))
    return found


def second_senders(protocol: CanProtocol, frames: list[str]) -> list[str]:
    return [
        str(point.fields["text"])
        for point in points(protocol, frames)
        if point.measurement == "event" and "comes from senders" in str(point.fields["text"])
    ]


def points(protocol: CanProtocol, frames: list[str], entries: tuple[MapEntry, ...] = ()) -> list[Line]:
    """Return what becomes of the frames, 10 ms apart; `entries` replace the protocol's own."""
    plan = protocol.plan("bus")
    modelling = model(entries or protocol.map_entries("bus"), (), plan)
    stages = Stages(plan, modelling.map, modelling.alarms, vehicle="v")
    stages.bind(0, Binding(0, "bus", "can0"))
    lines, batch = LineBuffer(), FrameBatch(len(frames))
    for number, frame in enumerate(frames):
        batch.append(number * 10_000_000, *frame_of(frame))
    stages.process(batch, lines)
    return parse_lines(lines.take())
