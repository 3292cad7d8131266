"""The ids of logs that no message of the databases has, as a table: what `decode --unknown` prints.

Promises: memory is bounded; of more than MOST_IDS ids a warning says how many frames the others have.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.spec import SeenFrames
from telemetry_core.rows.schema import guarded

from telemetry.decode.decoder import bind_new
from telemetry.decode.output import OutputPiece
from telemetry.decode.reading import Reading, Recordings
from telemetry.model.ids import id_text
from telemetry.stages.formats import OutputFormat
from telemetry.stages.stages import Stages

MOST_IDS = 65_536
BATCH_FRAMES = 4096
COLUMNS = ("channel", "id", "frames", "min_bytes", "max_bytes", "period_s")


class UnknownIds:
    """A `FileDecoder` whose output is one row an id, after the last frame."""

    def __init__(
        self, stages: Stages, logs: Recordings, output: OutputFormat, *, raw_text: bool = False
    ) -> None:
        self._stages = stages
        self._cell = str if raw_text or output is OutputFormat.NDJSON else guarded
        self._logs = logs
        self._output = output
        self._reading = Reading(stages, logs)
        self._unmatched = stages.decoding.unmatched(MOST_IDS)
        self._is_stopped = False

    @property
    def header(self) -> bytes:
        return f"{','.join(COLUMNS)}\n".encode() if self._output == OutputFormat.CSV else b""

    @contextmanager
    def pieces(self, paths: Sequence[Path]) -> Iterator["UnknownIds"]:
        self._reading.begin(paths)
        try:
            yield self
        finally:
            self._reading.close()

    def stop(self) -> None:
        self._is_stopped = True

    def __iter__(self) -> Iterator[OutputPiece]:
        batch, bound = FrameBatch(BATCH_FRAMES), 0
        while not self._is_stopped and (taken := self._reading.take(batch)) is not None:
            frames, place = taken
            bound = bind_new(self._stages.decoding, self._stages, bound)
            self._unmatched.take(frames)
            text = self._table() if place.is_end else b""
            yield OutputPiece(
                text, text.count(b"\n"), 0, 0, place.frames, {}, place.progress, place.warnings, place.is_end
            )

    def warnings(self) -> list[str]:
        lines = self._logs.misfits(self._reading.found({}, {"decoded": 0, "unknown": 0}))
        if self._unmatched.others:
            lines.append(f"frames of more than {MOST_IDS} ids are left out: {self._unmatched.others}")
        return lines

    def raise_unread(self) -> None:
        self._reading.unread.raise_any()

    def summary(self) -> str:
        unmatched = self._unmatched.found()
        frames = sum(each.frames for each in unmatched)
        return f"{self._reading.frames_read} frames: {frames} of {len(unmatched)} ids without a message"

    def _table(self) -> bytes:
        rows = map(self._row, self._unmatched.found())
        if self._output == OutputFormat.NDJSON:
            objects = (json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) for row in rows)
            return "".join(f"{each}\n" for each in objects).encode()
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()

    def _row(self, unmatched: SeenFrames) -> tuple[str | int | float | None, ...]:
        return (
            self._cell(self._stages.channels[unmatched.channel].binding.tag),
            id_text(unmatched.id),
            unmatched.frames,
            unmatched.shortest,
            unmatched.longest,
            unmatched.mean_period_s,
        )
