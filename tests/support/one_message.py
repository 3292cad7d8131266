"""The message of a database that has one, for tests of databases."""

from telemetry_core.decode.spec import MessageSpec
from telemetry_core.rows.spec import FieldSpec

from telemetry.databases.bus import LoadedPlan


def only(plan: LoadedPlan) -> tuple[MessageSpec, tuple[FieldSpec, ...]]:
    """Return the one message of the first bus, and the fields of its rows."""
    (spec,) = plan.spec.buses[0].messages
    return spec, plan.spec.records[spec.record].fields
