"""A real Telegraf: a child process that writes what its inputs bring into a file, as line protocol.

It is compiled from its Go module when the cache lacks it; without Go the test is skipped.
"""

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.demo.children import ends_with_parent
from telemetry.demo.server import ServerProcess, start_server
from telemetry.model.read_point import read_point
from telemetry.ownership import cache_folder
from tests.support.child import killed_at_the_end

_BUILD = Path(__file__).parent / "telegraf_main" / "build"
_BUILD_TIMEOUT_S = 1800.0
_STOP_S = 30.0
_SETTINGS = """
[agent]
interval = "200ms"
flush_interval = "200ms"
metric_batch_size = 10000
metric_buffer_limit = 1000000
precision = "1ns"
omit_hostname = true
quiet = true

[[outputs.file]]
files = ["{output}"]
data_format = "influx"
influx_max_line_bytes = 0

"""

Points = Counter[tuple[str, tuple[tuple[str, str], ...], str, float | bool | str, int]]


def telegraf_program() -> Path:
    """Return the path of Telegraf, built if the cache lacks it."""
    folder = cache_folder() / "telegraf-1.33.3"
    if not (folder / "telegraf").is_file():
        if shutil.which("go") is None:
            pytest.skip("Telegraf cannot be built: no go")
        done = subprocess.run(
            [_BUILD, folder], capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"Telegraf cannot be built: {done.stderr.strip()[-500:]}")
    return folder / "telegraf"


class Telegraf:
    """One with inputs; what they brought is there when it has stopped."""

    def __init__(self, folder: Path, inputs: str) -> None:
        """Take the TOML of the inputs, in which `{port}` is the port of one that listens."""
        self._folder = folder
        self._inputs = inputs
        self._output = folder / "output.lp"
        self._program = telegraf_program()

    def arguments(self, port: int) -> list[str]:
        """Return the command, for a port that is free."""
        file = self._folder / "telegraf.toml"
        settings = _SETTINGS.format(output=self._output) + self._inputs.replace("{port}", str(port))
        file.write_text(settings, "utf-8")
        return [str(self._program), str(file)]

    @contextmanager
    def listening(self, ready_path: str) -> Iterator[ServerProcess]:
        """Run Telegraf until the end of the block, which begins once its listener answers."""
        server = start_server(self.arguments, self._folder, Clock(), ready_path=ready_path)
        try:
            yield server
        finally:
            server.stop(_STOP_S)  # what it has goes into the file

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run a Telegraf that asks and does not listen, until the end of the block."""
        child = subprocess.Popen([*ends_with_parent("KILL"), *self.arguments(0)])
        with killed_at_the_end(child) as process:
            try:
                yield
            finally:
                process.terminate()
                process.wait(_STOP_S)

    def points(self) -> Points:
        """Return what it has written so far, field by field, with the number of times."""
        return points_of(self._output.read_bytes() if self._output.exists() else b"")


def points_of(lines: bytes) -> Points:
    """Count the same in line protocol from anywhere, whatever its order of tags and form of numbers."""
    found: Points = Counter()
    for line in lines.splitlines():
        point = read_point(line)
        assert point is not None, line
        tags = tuple(sorted(point.tags.items()))
        for field, text in point.fields.items():
            found[point.measurement, tags, field, _value(text), point.time_ns] += 1
    return found


def _value(text: bytes) -> float | bool | str:
    if text.startswith(b'"'):
        return text[1:-1].replace(b'\\"', b'"').replace(b"\\\\", b"\\").decode()
    if text in (b"true", b"false", b"t", b"f"):
        return text in (b"true", b"t")
    return float(text.rstrip(b"iu"))
