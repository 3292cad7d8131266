from telemetry_core.rows.schema import Schema
from telemetry_core.rules.map_spec import MapSpec

class MapTable:
    def __init__(self, schema: Schema, spec: MapSpec) -> None: ...
