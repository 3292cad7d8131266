from telemetry_core.rows.schema import Schema
from telemetry_core.rules.map_spec import MapSpec

class MapTable:
    """A MapSpec packed into flat arrays, for the Mapper alone."""

    def __init__(self, schema: Schema, spec: MapSpec) -> None:
        """schema: of the plan's records followed by the map's.

        ValueError when `spec` does not belong to it.
        """
