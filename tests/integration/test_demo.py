"""`nev-telemetry demo` as a user starts it: real processes, a real database, and nothing left behind."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.command import failed, refused
from tests.support.report_page import ReadPage
from tests.support.servers import DatabaseServer

# Short, and slow enough that a busy machine keeps the pace.
SCENARIO = """\
starts_at = "2026-03-02T07:30:00Z"
[pack]
start_soc_pct = 50.0
start_temp_c = 25.0
[[phase]]
do = "drive"
road = "urban"
duration_s = 20.0
[[phase]]
do = "charge"
max_power_kw = 60.0
duration_s = 20.0
[[phase]]
do = "stand"
duration_s = 5.0
"""
TIMEOUT_S = 120.0


@dataclass
class Demo:
    """A demonstration whose temporary files lie in `folder`."""

    folder: Path

    @property
    def picture(self) -> Path:
        return self.folder / "run.png"

    @contextmanager
    def started(
        self, environment: Mapping[str, str] = {}, *flags: str, **options: str
    ) -> "Iterator[subprocess.Popen[str]]":
        """Start the command in its own process group, and kill it if it still runs in the end."""
        scenario = self.folder / "short.toml"
        scenario.write_text(SCENARIO, "ascii")
        settings = {"scenario": str(scenario), "time-scale": "10"} | options
        picture = () if "--no-plot" in flags else (f"--plot={self.picture}",)
        ours = {name: text for name, text in os.environ.items() if not name.startswith("INFLUXDB_V2_")}
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "telemetry",
                "demo",
                *flags,
                *picture,
                *(f"--{name}={text}" for name, text in settings.items()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
            env={**ours, "TMPDIR": str(self.folder), **environment},
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def run(self, environment: Mapping[str, str] = {}, *flags: str, **options: str) -> tuple[int, str]:
        """Exit code and report."""
        with self.started(environment, *flags, **options) as process:
            output, errors = process.communicate(timeout=TIMEOUT_S)
        assert errors == ""
        return process.returncode, output

    def processes(self) -> dict[str, int]:
        """Ids of the processes that have to do with this demonstration, by `nev-telemetry`'s command."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            except OSError:
                continue  # it has just ended
            if any(str(self.folder) in word for word in words):
                found[next((name for name in ("demo", "sim", "run") if name in words), words[0])] = int(
                    entry.name
                )
        return found

    def wait_until_it_runs(self, process: "subprocess.Popen[str]") -> None:
        """Until the first live line is there, and all processes are (one that execs has no words)."""
        assert process.stdout is not None
        while "frames" not in process.stdout.readline():
            assert process.poll() is None
        while self.processes().keys() < {"demo", "sim", "run"}:
            assert process.poll() is None

    def leftovers(self) -> list[Path]:
        return list(self.folder.glob("nev-demo-*"))


@pytest.fixture
def demo() -> Iterator[Demo]:
    # Not tmp_path: the path of a socket may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield Demo(Path(folder))


def check(demo: Demo, code: int, output: str) -> None:
    """Check that all arrived and agrees within its sampling error, whatever this machine's pace."""
    assert "NOT AS IT SHOULD BE" not in output, output
    assert code == 0
    for words in ("BMS_PackPower", "charger  ", "service battery  ", "solar charger  ", "jbd: "):
        assert words in output
    accounts = [line for line in output.splitlines() if ": read " in line]
    assert len(accounts) == 4
    assert all(line.endswith("nothing lost") for line in accounts)
    assert ", all accounted for" in output
    (charge,) = (line.split() for line in output.splitlines() if line.startswith("  1  "))
    assert "complete" in charge
    assert demo.leftovers() == []
    assert demo.processes() == {}


def is_picture(file: Path) -> bool:
    return file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size > 10_000


@pytest.mark.server("influxdb1")
def test_it_brings_a_database_of_its_own_and_shows_what_is_in_it(
    demo: Demo, influxdb1: DatabaseServer
) -> None:
    del influxdb1  # that it starts says that Debian's package can be had here
    code, output = demo.run()
    check(demo, code, output)
    assert "read back from InfluxDB" in output
    assert ", waiting " not in output
    assert f"picture    {demo.picture}" in output
    assert is_picture(demo.picture)
    report = demo.picture.with_suffix(".html")
    assert f"report     {report}" in output
    assert [each.title for each in ReadPage(report.read_text("utf-8")).drawn[-2:]] == [
        "Attempt 1",
        "Attempt 2",
    ]


@pytest.mark.server("influxdb2")
def test_it_uses_the_server_that_the_environment_names(demo: Demo, influxdb2: DatabaseServer) -> None:
    environment = {
        "INFLUXDB_V2_URL": influxdb2.url,
        "INFLUXDB_V2_ORG": influxdb2.org,
        "INFLUXDB_V2_TOKEN": influxdb2.token,
        "INFLUXDB_V2_BUCKET": "demonstration",
    }
    code, output = demo.run(environment, "--no-plot")
    check(demo, code, output)
    assert influxdb2.token not in output
    assert "picture" not in output
    assert "report  " not in output
    assert "bucket nev-telemetry-demo" in output
    assert f"database   {influxdb2.url}" in output


def without_apt(demo: Demo) -> dict[str, str]:
    """Return an environment in which no database can be had."""
    programs = demo.folder / "bin"
    programs.mkdir()
    for name in ("setpriv", "nice"):
        found = shutil.which(name)
        if found is not None:
            (programs / name).symlink_to(found)
    return {"PATH": str(programs), "XDG_CACHE_HOME": str(demo.folder / "cache")}


def without_matplotlib(demo: Demo) -> dict[str, str]:
    """Return an environment in which it cannot be imported, and no database can be had."""
    (demo.folder / "sitecustomize.py").write_text(
        "import sys\nclass Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'matplotlib':\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
    )
    paths = os.pathsep.join([str(demo.folder), os.environ["PYTHONPATH"]])
    return {**without_apt(demo), "PYTHONPATH": paths}


def test_a_picture_that_could_not_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "gone" / "run.png"):
        assert refused(64, "demo", f"--plot={file}").startswith(f"nev-telemetry: {file}: ")


def look_at(page: str) -> tuple[int, str]:
    """Status and content type."""
    connection = http.client.HTTPConnection(urlsplit(page).netloc, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.headers.get_content_type()
    finally:
        connection.close()


def wait_for_page(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Return its address, and what was printed before."""
    assert process.stdout is not None
    before = ""
    while not (line := process.stdout.readline()).startswith("  page "):
        assert process.poll() is None
        before += line
    return line.split()[1], before


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_without_a_database_it_reads_the_spool_and_when_asked_to_stay_it_shows_a_page_until_it_is_to_end(
    demo: Demo, number: signal.Signals
) -> None:
    with demo.started(without_matplotlib(demo), "--stay") as process:
        page, output = wait_for_page(process)
        assert page.startswith("http://127.0.0.1:")
        assert look_at(page) == (200, "text/html")
        demo.wait_until_it_runs(process)
        os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=TIMEOUT_S)
    check(demo, process.returncode, output)
    assert "database   none: " in output
    assert "read back from the spool" in output
    assert "acknowledged 0" in output
    assert "no picture: a picture takes matplotlib (pip install 'nev-telemetry[demo]')" in output
    assert not demo.picture.exists()
    assert errors == ""
    with pytest.raises(ConnectionRefusedError):
        look_at(page)


@pytest.mark.vcan
@pytest.mark.long
def test_on_a_real_can_bus_too(demo: Demo) -> None:
    # A kernel within the kernel has little time for each frame, and a bus waits for nobody.
    code, output = demo.run(without_apt(demo), **{"time-scale": "5"})
    check(demo, code, output)
    assert "on interface vcan0" in output


@pytest.mark.parametrize("scale", ["0", "-1", "nan"])
def test_a_time_scale_that_makes_no_sense_is_refused(scale: str) -> None:
    assert failed(64, "demo", f"--time-scale={scale}").startswith(
        "nev-telemetry demo: argument --time-scale: "
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_signal_leaves_nothing_running_and_nothing_behind(demo: Demo, number: signal.Signals) -> None:
    with demo.started(without_apt(demo), **{"time-scale": "1"}) as process:
        demo.wait_until_it_runs(process)
        os.killpg(process.pid, number)  # as a terminal does
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert errors == ""
    assert demo.processes() == {}
    assert demo.leftovers() == []


def test_a_gateway_that_dies_ends_it_with_one_line(demo: Demo) -> None:
    with demo.started(without_apt(demo), **{"time-scale": "1"}) as process:
        demo.wait_until_it_runs(process)
        os.kill(demo.processes()["run"], signal.SIGKILL)
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 69
    assert errors.startswith("nev-telemetry: gateway: ended with -9")
    assert errors.count("\n") == 1
    assert demo.processes() == {}
    assert demo.leftovers() == []
