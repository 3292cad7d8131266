"""`capture` on python-can's virtual bus, and how it ends."""

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import can
import pytest

from telemetry.__main__ import main
from telemetry.cli import capture
from tests.support.background import repeated
from tests.support.child import killed_at_the_end
from tests.support.command import failed, noted, refused

MESSAGES = [
    can.Message(arbitration_id=0x100 + number, data=[number], is_extended_id=False) for number in range(9)
]

ENDS = ["--seconds", "30"]  # whatever is wrong with the number of frames


@contextmanager
def sending(channel: str, messages: Sequence[can.Message] = MESSAGES) -> Iterator[None]:
    """Send the same frames again and again on a virtual bus, until the end."""
    with (
        can.Bus(interface="virtual", channel=channel) as bus,
        repeated(lambda: [bus.send(message) for message in messages], 0.002),
    ):
        yield


def read(file: Path) -> list[tuple[int, bytes]]:
    with can.LogReader(file) as reader:
        return [(each.arbitration_id, bytes(each.data)) for each in reader]


def recorded(file: Path, channel: str, frames: int, *words: str) -> list[tuple[int, bytes]]:
    """Record so many frames of a virtual bus on which some are sent; return those of an only file."""
    with sending(channel):
        options = ["--frames", str(frames), "--seconds", "30", "-o", str(file), *words]
        assert main(["capture", "-i", "virtual", "-c", channel, *options]) == 0
    return read(file) if file.exists() else []


class Seconds:
    """A clock that is a second later at each look, and fails one who looks for ever."""

    def __init__(self) -> None:
        self._looks = 0

    def monotonic(self) -> float:
        self._looks += 1
        assert self._looks < 1000, "it does not end"
        return float(self._looks)


class Scripted:
    """A bus from which these come, None while it is silent; then it fails."""

    channel_info = "can7"

    def __init__(self, *received: can.Message | None) -> None:
        self._received = [*received]

    def recv(self, timeout: float) -> can.Message | None:
        assert 0.0 < timeout <= 0.2  # a stop is seen within so long
        if not self._received:
            raise can.CanOperationError("adapter pulled")
        return self._received.pop(0)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a function that sets what the next capture records and how many the kernel has dropped."""
    monkeypatch.setattr(capture, "time", Seconds())

    def script(*received: can.Message | None, lost: int | None = None) -> None:
        bus = Scripted(*received)
        monkeypatch.setattr("telemetry.capture.bus.open_bus", lambda _: contextlib.nullcontext(bus))
        monkeypatch.setattr("telemetry.capture.bus.dropped", lambda _: lost)

    return script


def test_a_silent_bus_is_recorded_for_as_long_as_it_was_asked_for(
    tmp_path: Path, scripted: Callable[..., None]
) -> None:
    file = tmp_path / "bus.log"
    for _ in range(2):  # the first does not block the second
        scripted(*[None] * 900)
        warning = f"warning: nothing was received, and no {file} is left\n"
        assert noted("capture", "-o", file, "--seconds", "9") == warning
        assert list(tmp_path.iterdir()) == []
    scripted(None, *MESSAGES)
    assert noted("capture", "-o", file, "--frames", "9") == f"{file}: 9 frames\n"


def test_a_bus_that_is_lost_is_one_line_and_what_came_before_is_in_the_file(
    tmp_path: Path, scripted: Callable[..., None]
) -> None:
    scripted(None, *MESSAGES, None, lost=5)
    file = tmp_path / "bus.log"
    assert failed(69, "capture", "-o", file).splitlines() == [
        f"{file}: 9 frames",
        "warning: the kernel dropped 5 frames, for which its buffer was full",
        "nev-telemetry: can7: was lost: adapter pulled",
    ]
    assert len(read(file)) == 9


def test_files_are_rotated_every_so_many_seconds(
    tmp_path: Path, scripted: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    scripted(*MESSAGES)
    words = ["capture", "-o", str(tmp_path / "bus.log"), "--frames", "9", "--rotate-every", "10"]
    assert main(words) == 0
    files = sorted(tmp_path.glob("bus-*.log"))
    assert 2 <= len(files) < 9
    assert sum(len(read(file)) for file in files) == 9
    assert f"bus-000001.log to {files[-1].name}: 9 frames\n" in capsys.readouterr().err


def test_a_file_without_rotation_is_one_and_has_its_own_name(
    tmp_path: Path, scripted: Callable[..., None]
) -> None:
    scripted(*MESSAGES * 3)
    assert main(["capture", "-o", str(tmp_path / "bus.log"), "--frames", "27"]) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["bus.log"]


@pytest.mark.parametrize("name", ["bus.log", "bus.blf"])
def test_frames_of_a_bus_of_python_can_are_in_the_file(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    known = {(each.arbitration_id, bytes(each.data)) for each in MESSAGES}
    frames = recorded(file, name, 30)
    assert (len(frames), set(frames)) == (30, known)
    assert f"{file}: 30 frames" in capfd.readouterr().err


def test_files_are_rotated_at_so_many_megabytes(tmp_path: Path) -> None:
    recorded(tmp_path / "bus.log", "rotated", 700, "--rotate-size", "0.01")
    *full, last = sorted(tmp_path.glob("bus-*.log"))
    assert sum(len(read(file)) for file in (*full, last)) == 700
    assert all(10_000 <= file.stat().st_size < 10_000 + 64 * 60 for file in full)  # 64 lines later at most
    assert full


def test_filters_of_python_can_choose_frames(tmp_path: Path) -> None:
    assert {id for id, _ in recorded(tmp_path / "few.log", "few", 4, "--filter", "102:7FF")} == {0x102}


def test_a_bus_of_a_configuration_is_recorded(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        'vehicle = "van"\n[influx]\nurl = "http://localhost:1"\ndatabase = "x"\n'
        '[spool]\ndirectory = "spool"\n[[python_can]]\nname = "drive"\n'
        'options = { interface = "virtual", channel = "configured" }\n'
    )
    file = tmp_path / "bus.log"
    with sending("configured"):
        assert main(["capture", str(config), "-o", str(file), "--frames", "9", *ENDS]) == 0
    assert len(read(file)) == 9


def test_python_can_s_own_configuration_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAN_INTERFACE", "virtual")
    monkeypatch.setenv("CAN_CHANNEL", "environment")
    file = tmp_path / "bus.log"
    with sending("environment"):
        assert main(["capture", "-o", str(file), "--frames", "9", *ENDS]) == 0
    assert len(read(file)) == 9


@contextmanager
def idle_capture(file: Path, hangup: str = "SIG_DFL") -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a silent bus's capture once it records. hangup: what becomes of SIGHUP where it begins."""
    words = [hangup, "capture", "-i", "virtual", "-c", "idle", "-o", str(file)]
    child = subprocess.Popen(
        [sys.executable, "-c", _SAYING_READY, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with killed_at_the_end(child) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_capture_of_a_silent_bus_and_no_file_is_left(
    tmp_path: Path, number: signal.Signals
) -> None:
    file = tmp_path / "idle.blf"
    with idle_capture(file) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"warning: nothing was received, and no {file} is left".encode() in err
    assert list(tmp_path.iterdir()) == []


def test_a_hangup_that_is_ignored_stays_ignored_as_nohup_wants(tmp_path: Path) -> None:
    with idle_capture(tmp_path / "idle.log", "SIG_IGN") as process:
        ignored = re.search(r"SigIgn:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())
    assert ignored is not None
    assert int(ignored[1], 16) >> (signal.SIGHUP - 1) & 1


@pytest.mark.parametrize("frames", ["0", "-5", "many"])
def test_a_number_of_frames_is_above_zero(tmp_path: Path, frames: str) -> None:
    words = ["capture", "-i", "virtual", "-c", "none", "-o", str(tmp_path / "x.log"), f"--frames={frames}"]
    assert f"--frames: '{frames}' is not a number of frames" in failed(64, *words)


_SAYING_READY = """
import signal
import sys
signal.signal(signal.SIGHUP, getattr(signal, sys.argv.pop(1)))
from telemetry.__main__ import main
from telemetry.capture.recorder import Recorder
tick = Recorder.tick
def ready(self):
    print("ready", flush=True)
    Recorder.tick = tick
    tick(self)
Recorder.tick = ready
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-i", "virtual", "-c", "x", "-o", "x.pcap"], 64, "x.pcap: is not a log format"),
        (["-i", "virtual", "-c", "x", "-o", "/nowhere/x.log"], 74, "/nowhere/x.log: cannot be written"),
        (["-i", "socketcan", "-c", "nosuch0", "-o", "x.log"], 69, ""),
    ],
)
def test_what_cannot_be_recorded_is_one_line(words: list[str], code: int, said: str) -> None:
    assert said in refused(code, "capture", *words)
