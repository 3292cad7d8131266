"""Frames through the stages of one bus into lines, as tests of rules and of the stages arrange them."""

from collections.abc import Sequence

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rules.protection_spec import ProtectionRule
from telemetry_core.text.lines import LineBuffer

from telemetry.ledger import Ledger, imbalances
from telemetry.rules.limits import Limit
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.resolve import model
from telemetry.service.pipeline import Pipeline
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore

Sent = tuple[int, int, bytes]  # stamp in ns, id, payload


def batch_of(frames: Sequence[Sent], position: int = 0, *, channel: int = 0) -> FrameBatch:
    """Return a batch of these frames. position: how many frames of their source came before."""
    batch = FrameBatch(max(len(frames), 1))
    batch.position = position
    for time_ns, id, data in frames:
        batch.append(time_ns, id, data, channel=channel)
    return batch


def stages_of(
    plan: PlanSpec,
    entries: Sequence[MapEntry] = (),
    limits: Sequence[Limit] = (),
    *,
    source: str = "bus",
    vehicle: str = "van",
    every_s: float = 0.0,
    counting: Counting | None = None,
    protection: Sequence[ProtectionRule] = (),
) -> Stages:
    """Return the stages of a plan and its map, with its first bus, `can0`, as channel 0."""
    modelling = model(entries, limits, plan, counting)
    stages = Stages(
        plan,
        modelling.map,
        modelling.alarms,
        vehicle=vehicle,
        reduce=ReduceSettings(every_s, {}),
        protection=protection,
    )
    stages.bind(0, Binding(0, source, "can0"))
    return stages


def written(stages: Stages, frames: Sequence[Sent], size: int = 5000) -> bytes:
    """Return all lines that frames in batches of that size become, with what the reducer holds at the end."""
    lines = LineBuffer()
    for begin in range(0, len(frames), size):
        stages.process(batch_of(frames[begin : begin + size]), lines)
    stages.writing.flush(lines)
    return lines.take()


def resumed(stages: Stages, frames: Sequence[Sent], stored: int, size: int) -> tuple[bytes, dict[str, int]]:
    """Return the lines and the accounts of a log of which an earlier run has stored so many frames.

    The accounts balance.
    """
    store, ledger = ListedStore(), Ledger({})
    pipeline = Pipeline(stages, store, ledger, FakeClock(), {"log": stored})
    for begin in range(0, len(frames), size):
        pipeline.process("log", batch_of(frames[begin : begin + size], begin), {}, resume_as="log")
    pipeline.finish()
    counters = ledger.snapshot()
    assert list(imbalances(counters, store.text.count(b"\n"), {})) == []
    return store.text, counters
