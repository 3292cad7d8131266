"""Objects of the core that the garbage collector finds in a ring, as an exception's traceback makes one."""

import gc
from collections.abc import Callable

import pytest
from telemetry_core.columns.columns import Columns
from telemetry_core.rows.points import Points
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.senders import Senders

SCHEMA = Schema([RecordSpec(name, (FieldSpec("x", SlotKind.INT),)) for name in "ab"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Senders(SCHEMA, [[(0, -1)], [(1, -1)]]),
        lambda: Points(SCHEMA),
        lambda: Columns(SCHEMA, ()),
    ],
    ids=["Senders", "Points", "Columns"],
)
def test_what_an_object_owns_is_freed_though_its_attributes_may_be_cleared_first(
    make: Callable[[], object],
) -> None:
    gc.collect()
    ring = [make()]  # made before the ring, and so cleared before it
    ring.append(ring)
    del ring
    assert gc.collect()  # an exception that is ignored there fails the test
