from telemetry_core.map_spec import MapSpec
from telemetry_core.schema import Schema

class MapTable:
    def __init__(self, schema: Schema, spec: MapSpec) -> None: ...
