"""What a user would pick instead of the compiled core, as contenders over the same frames.

cantools decodes, influxdb-client's Point writes the lines (of values decoded beforehand), python-can reads
the log. Each is used as its documentation shows, without tricks for or against it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import can
from cantools.database.namedsignalvalue import NamedSignalValue
from influxdb_client.client.write.point import Point

from benchmarks.measure import Contender
from benchmarks.readers import LogFormat
from benchmarks.workload import Workload


def cantools_decode(workload: Workload, frames: int) -> Contender:
    """`Database.decode_message`, as it comes."""
    chosen = [(frame.id, frame.data) for frame in workload.frames[:frames]]
    decode = workload.database.decode_message

    def run() -> None:
        for frame_id, data in chosen:
            decode(frame_id, data)

    return Contender("cantools", len(chosen), run)


def influx_point(workload: Workload, frames: int) -> Contender:
    """Make a `Point` a frame, to line protocol; nothing is decoded while the clock runs."""
    decoded = []
    for frame in workload.frames[:frames]:
        message = workload.database.get_message_by_frame_id(frame.id)
        values = message.decode(frame.data, decode_choices=False)
        assert isinstance(values, dict)
        decoded.append((message.name, frame.time_ns, as_fields(values)))

    new_point: Any = Point  # the client has no annotations

    def run() -> None:
        for name, time_ns, fields in decoded:
            point = new_point(name)
            point.tag("vehicle", "bench").tag("source", "can0").time(time_ns)
            for key, value in fields.items():
                point.field(key, value)
            point.to_line_protocol()

    return Contender("influxdb-client Point", len(decoded), run)


def as_fields(values: Mapping[str, object]) -> dict[str, float]:
    """Return decoded values as InfluxDB should get them: floats, named values by their number."""
    # Without choices every other value is a number.
    return {
        key: float(value.value if isinstance(value, NamedSignalValue) else value)  # type: ignore[arg-type]
        for key, value in values.items()
    }


def log_reader(log_format: LogFormat, folder: Path, frames: int) -> Contender:
    """python-can's reader, which makes a `Message` of each frame; nothing is decoded."""
    log = log_format.file(folder)

    def run() -> None:
        with can.LogReader(log) as reader:
            assert sum(1 for _ in reader) == frames

    return Contender(f"python-can {log_format.name} reader", frames, run)
