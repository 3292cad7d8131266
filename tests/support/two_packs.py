"""Two packs on two buses that are one bank in parallel, through the stages into text."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.spec import DecimalScale
from telemetry_core.text.lines import LineBuffer

from telemetry.live.state import LiveState
from telemetry.rules.aggregate import Aggregate
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.reduce import SEND_ALL, ReduceSettings
from telemetry.rules.resolve import model
from telemetry.rules.send import SendSettings
from telemetry.rules.trigger import Trigger, resolved
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.plan_specs import Signal, plan

SECOND = 1_000_000_000
SEND_AS_USUAL = SendSettings()
START = 1_700_000_000 * SECOND
_SIGNALS = {
    "Volts": Signal(DecimalScale(1, 0, 1), factor=0.1),
    "Amps": Signal(DecimalScale(1, 0, 1), factor=0.1, start_bit=16),
    "Cell": Signal(DecimalScale(1, 0, 3), factor=0.001, start_bit=32),
    "Fault": Signal(start_bit=48),
}
PLAN = plan({bus: {"Pack": _SIGNALS} for bus in ("can0", "can1")})
PACKS = {"can0": "front", "can1": "rear"}
ENTRIES = [
    MapEntry(f"Pack.{signal}", to, bus=bus, pack=pack)
    for bus, pack in PACKS.items()
    for signal, to in (
        ("Volts", "battery.voltage_v"),
        ("Amps", "battery.current_a"),
        ("Cell", "battery.cell_min_v"),
    )
] + [
    MapEntry("Pack.Fault", "event.cell_undervoltage", bus=bus, pack=pack, bit=0, level="critical")
    for bus, pack in PACKS.items()
]
HOUSE = Aggregate("house", parallel=("front", "rear"))


@dataclass(frozen=True, slots=True)
class Step:
    """One frame of one pack: 52.0 V and 10.0 A unless it says so."""

    seconds: float
    bus: int
    amps: float = 10.0
    cell_v: float = 3.2
    fault: int = 0

    def add_to(self, frames: FrameBatch) -> None:
        raw = (520, round(self.amps * 10), round(self.cell_v * 1000), self.fault)
        payload = b"".join(each.to_bytes(2, "little", signed=True) for each in raw)
        stamp_ns = START + round(self.seconds * SECOND)
        frames.append(stamp_ns, 0x100 + self.bus, payload, channel=self.bus)


def stages_of(
    reduce: ReduceSettings = SEND_ALL,
    observer: LiveState | None = None,
    entries: Sequence[MapEntry] = ENTRIES,
    *,
    send: SendSettings = SEND_AS_USUAL,
    counting: Counting | None = None,
    aggregates: Sequence[Aggregate] = (HOUSE,),
    triggers: Sequence[Trigger] = (),
    own_time: Collection[int] = (),
) -> Stages:
    """Return the stages of both buses. own_time: those whose stamps do not come from this machine's clock."""
    modelling = model(entries, (), PLAN, counting, aggregates=aggregates)
    stages = Stages(
        PLAN,
        modelling.map,
        modelling.alarms,
        vehicle="van",
        reduce=reduce,
        send=send,
        banks=modelling.banks,
        triggers=resolved(triggers, PLAN, modelling.map) if triggers else (),
        observer=observer,
    )
    for number, bus in enumerate(PACKS):
        stages.bind(number, Binding(number, bus, bus, own_time=number in own_time))
    return stages


def written(stages: Stages, batches: Sequence[Sequence[Step]]) -> list[str]:
    """Return all lines, after a flush of what the reducer holds."""
    lines = LineBuffer()
    for batch in batches:
        frames = FrameBatch(max(len(batch), 1))
        for step in batch:
            step.add_to(frames)
        stages.process(frames, lines)
    stages.writing.flush(lines)
    return lines.take().decode().splitlines()


def bank_rows(lines: Sequence[str]) -> list[tuple[float, dict[str, str]]]:
    """Seconds after the start, and fields, of each row of the bank."""
    rows = []
    for line in lines:
        if line.startswith("battery,") and "pack=house" in line:
            _, fields, stamp = line.split(" ")
            seconds = (int(stamp) - START) / SECOND
            rows.append((seconds, dict(each.split("=") for each in fields.split(","))))
    return rows
