import io
from pathlib import Path

from telemetry.cli.dataset import Reporter
from telemetry.decode.output import Progress
from telemetry.decode.screen import Screen
from telemetry.lake.task import Outcome
from tests.support.clock import FakeClock


def test_a_log_gets_a_line_a_minute_of_how_far_a_dataset_is_and_how_fast() -> None:
    clock, stream = FakeClock(), io.StringIO()
    reporter = Reporter(Screen(clock, output_is_terminal=False, stream=stream), clock)
    reporter.ended(Outcome("ev7", "2026-03-02"), Progress(Path("ev7"), 1, 40, 0, 0, 600_000))
    said = []
    for second in range(1, 131):
        clock.advance(1.0)
        reporter.show()
        if stream.getvalue():
            said.append((second, stream.getvalue()))
            stream.truncate(stream.seek(0))
    assert said == [
        (60, "1 of 40 partitions, 600,000 frames, 10,000 frames/s\n"),
        (120, "1 of 40 partitions, 600,000 frames, 5,000 frames/s\n"),
    ]
