"""Packages from outside: found by a name that is not built in, listed with their names, and alone to pay."""

import importlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import BinaryIO

import pytest
from can import Message
from telemetry_core.frames.batch import FrameBatch

from telemetry.__main__ import main
from telemetry.errors import DataError, MissingPackageError
from telemetry.logs.log import OpenLog
from telemetry.protocols.known import CAN_PROTOCOLS, PROTOCOLS
from telemetry.protocols.table import SerialProtocol
from telemetry.service.check import check
from telemetry.sources.assemble import ChannelTable, assemble_source, assemble_sources
from telemetry.sources.inbox import Inbox, SourceEnded
from telemetry.sources.running import RunningSources
from tests.support import configuration
from tests.support.clock import FakeClock
from tests.support.command import failed, printed
from tests.support.configuration import GATEWAY, GATEWAY_OF_CAN0
from tests.support.plugins import EXAMPLE, installed, installed_example

ROOT = Path(__file__).parents[2]
# 51.20 V, -1.50 A, 77 %, 3.301 V, 3.302 V, 3.303 V: 0xA5 + 0x0B + ... = 0x5B3, written out by hand
ANSWER = bytes.fromhex("a50b 1400 ff6a 4d 0ce5 0ce6 0ce7")
PARTS = """
from collections.abc import Iterator
from can import Message
from telemetry.settings.declared import key, settings
from telemetry.sinks.settings import SinkSettings
from telemetry.sources.keys import SourceKeys
from telemetry.sources.settings import SourceSettings
from telemetry.sources.source import Source
import dataclasses

def read_log(stream) -> Iterator[Message]:
    for line in stream:
        stamp, id, data = line.split()
        if stamp == b"!":
            raise ValueError("no line")
        yield Message(float(stamp), int(id, 16), False, data=bytes.fromhex(data.decode()))

@settings(kw_only=True)
class MastKeys(SourceKeys):
    height_m: float = key("how high", least=1.0)

class Mast(Source):
    def __init__(self, name):
        self.name = name
    status = "standing"
    def counts(self):
        return {"read": 0}
    def run(self, output, stop):
        raise RuntimeError("it fell")

@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MastSettings(SourceSettings):
    height_m: float
    keys = MastKeys
    @classmethod
    def of(cls, keys, table):
        if keys.height_m > 100.0:
            raise RuntimeError("it would fall")
        return cls(name=keys.name, height_m=keys.height_m)
    def make_source(self, start):
        return Mast(self.name)

@settings
class LedgerSettings(SinkSettings):
    name = "ledger"
    file: str = key("where")
    address = "the ledger"
    def make_client(self, clock):
        raise NotImplementedError
"""
GROUPS = {
    "logs": {"acme": "acme_parts:read_log", "blf": "acme_parts:read_log"},
    "sources": {"mast": "acme_parts:MastSettings", "serial": "acme_parts:MastSettings"},
    "sinks": {"ledger": "acme_parts:LedgerSettings", "influx": "acme_parts:LedgerSettings"},
}
MAST = '[[mast]]\nname = "north"\nheight_m = 30.0\n'
SERIAL = '[[serial]]\nname = "pack"\nport = "/dev/ttyUSB0"\nprotocol = "acme"\n'


class GoesOn:
    """A reader that is an iterator, and so goes on after what it raises."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __iter__(self) -> "GoesOn":
        return self

    def __next__(self) -> Message:
        stamp, arbitration_id, data = next(self._stream).split()
        return Message(float(stamp), int(arbitration_id, 16), False, data=bytes.fromhex(data.decode()))


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    installed(monkeypatch, folder, "acme-parts", GROUPS, PARTS)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "example"
    folder.mkdir()
    installed_example(monkeypatch, folder)


def decoded(tmp_path: Path) -> list[str]:
    capture = tmp_path / "pack.txt"
    message = ANSWER + bytes((sum(ANSWER) & 0xFF,))
    capture.write_text(f"(1.000000) ttyUSB0 RX {message.hex()}\n(2.000000) ttyUSB0 RX {message.hex()}\n")
    return printed("decode", capture, "--protocol", "acme", "--format", "lp").splitlines()


@pytest.mark.usefixtures("example")
def test_the_example_is_a_device_of_every_command(tmp_path: Path) -> None:
    lines = decoded(tmp_path)
    battery = next(line for line in lines if line.startswith("battery"))
    cells = next(line for line in lines if line.startswith("cells"))
    assert {"voltage_v=51.2", "current_a=-1.5", "soc_pct=77"} <= set(battery.split(" ")[1].split(","))
    assert {"v001=3.301", "v002=3.302", "v003=3.303"} <= set(cells.split(" ")[1].split(","))
    config = configuration.load(tmp_path, GATEWAY + SERIAL)
    assert config.sources[0].names == ("pack",)
    facts = [finding.text for finding in check(config)]
    assert "protocols: acme is added by nev-telemetry-acme 1.0" in facts


@pytest.mark.usefixtures("example")
def test_what_a_package_adds_is_listed_where_built_in_ones_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("decode", "scrub", "monitor"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert "acme(nev-telemetry-acme1.0)" in "".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        main(["--help"])
    assert capsys.readouterr().out.endswith(
        "added by packages:\n  protocols: acme (nev-telemetry-acme 1.0)\n"
    )
    assert "acme" not in list(PROTOCOLS)  # nothing that goes through all of them imports it
    for unknown in (SERIAL.replace("acme", "acne"), '[[can]]\nname = "c"\nprotocol = "acne"\n'):
        refused = configuration.refused(tmp_path, GATEWAY + unknown)
        assert "acme (nev-telemetry-acme 1.0), not 'acne'" in refused


@pytest.mark.usefixtures("parts", "example")
def test_editors_accept_what_packages_add(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    import jsonschema  # a second; few tests need it

    validator = jsonschema.Draft7Validator(json.loads(capsys.readouterr().out))
    gateway = tomllib.loads(GATEWAY + SERIAL + MAST + '[ledger]\nfile = "points"\n')
    assert [error.message for error in validator.iter_errors(gateway)] == []
    replaced = tomllib.loads('[influx]\nfile = "points"\n')
    assert "'file' was unexpected" in " ".join(error.message for error in validator.iter_errors(replaced))


@pytest.mark.usefixtures("parts")
def test_a_log_a_source_and_a_sink_of_a_package_are_found_by_their_names(tmp_path: Path) -> None:
    log = tmp_path / "drive.acme"
    log.write_text("1.5 123 0102\n2.5 124 03\n")
    batch = FrameBatch(9)
    with OpenLog(log, lambda _: 0) as opened:
        assert opened.read(batch) == 2
    assert [(frame.time_ns, frame.id, bytes(frame.data)) for frame in batch] == [
        (1_500_000_000, 0x123, b"\1\2"),
        (2_500_000_000, 0x124, b"\3"),
    ]
    ledger = GATEWAY.replace("[influx]", "[ledger]").replace('url = "http://127.0.0.1:8086"', "")
    config = configuration.load(tmp_path, ledger.replace("database", "file") + MAST)
    assert (config.sink.address, config.sink.cursor) == ("the ledger", "acknowledged.ledger")
    assert [source.name for source in config.sources] == ["north"]
    refused = configuration.refused(tmp_path, GATEWAY + '[ledger]\nfile = "x"\n' + MAST)
    assert refused == "ledger: is a second sink beside [influx] (keep one of them)"
    assert "[[replay]] or [[mast (acme-parts 1.0)]]" in configuration.refused(tmp_path, GATEWAY)


@pytest.mark.usefixtures("parts")
def test_what_is_built_in_is_not_replaced(tmp_path: Path) -> None:
    config = configuration.load(tmp_path, GATEWAY + SERIAL.replace("acme", "jbd"))
    modules = {type(each).__module__ for each in (*config.sources, config.sink)}
    assert modules == {"telemetry.sources.serial.settings", "telemetry.sinks.influx.settings"}
    log = tmp_path / "drive.blf"
    log.write_text("1.5 123 0102\n")
    with pytest.raises(DataError, match="is no BLF log"):
        OpenLog(log, lambda _: 0)


@pytest.mark.usefixtures("parts")
def test_a_log_whose_reader_gives_up_ends_early(tmp_path: Path) -> None:
    log = tmp_path / "drive.acme"
    log.write_text("1.5 123 0102\n! 1 1\n2.5 123 0102\n")
    with OpenLog(log, lambda _: 0) as opened:
        assert opened.read(FrameBatch(9)) == 1
        assert opened.read(FrameBatch(9)) == 0
        assert opened.warnings() == [f"{log}: ends early: the reader of acme-parts 1.0 gave up"]


@pytest.mark.usefixtures("parts")
def test_a_log_whose_reader_goes_on_lacks_the_damaged_place_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "drive.acme"
    log.write_text("1.5 123 0102\n! 1 1\n2.5 123 0102\n")
    monkeypatch.setattr(importlib.import_module("acme_parts"), "read_log", GoesOn)
    with OpenLog(log, lambda _: 0) as opened:
        while opened.read(FrameBatch(9)):
            pass
        assert opened.frames_read == 2
        assert opened.warnings() == [f"{log}:after frame 1: no frame, skipped"]


@pytest.mark.usefixtures("parts")
def test_a_source_that_raises_ends_alone(tmp_path: Path) -> None:
    (mast,) = configuration.load(tmp_path, GATEWAY + MAST).sources
    channels, inbox = ChannelTable(), Inbox()
    running = RunningSources(
        assemble_sources([mast], channels, FakeClock(), {}),
        inbox,
        lambda each: assemble_source(each, channels, FakeClock(), {}),
    )
    running.start()
    assert inbox.get(10.0) == SourceEnded("north", {"read": 0}, is_complete=False)
    words = configuration_fault(tmp_path, MAST.replace("30.0", "300.0"))
    assert "mast[0]: acme-parts 1.0 fails: RuntimeError: it would fall (mend or " in words


def configuration_fault(folder: Path, sources: str) -> str:
    with pytest.raises(MissingPackageError) as caught:
        configuration.load(folder, GATEWAY + sources)
    assert caught.value.exit_code == 72
    return str(caught.value)


def test_a_package_that_raises_costs_what_names_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = {
        "protocols": {"acme": "broken:TABLE", "jbd": "broken:TABLE"},
        "sources": {"mast": "broken:MAST"},
    }
    installed(monkeypatch, tmp_path, "broken", groups, "raise OSError('no licence')\n")
    why = "broken 1.0 fails: OSError: no licence (mend or uninstall that package)"
    assert configuration_fault(tmp_path, MAST) == f"sources: mast: {why}"
    assert configuration_fault(tmp_path, SERIAL) == f"protocols: acme: {why}"
    assert failed(72, "decode", "x.txt", "--protocol", "acme") == f"nev-telemetry: protocols: acme: {why}\n"
    assert isinstance(PROTOCOLS["jbd"], SerialProtocol)
    configuration.load(tmp_path, GATEWAY + SERIAL.replace("acme", "jbd"))
    assert "jbd" not in CAN_PROTOCOLS
    with pytest.raises(SystemExit):
        main(["decode", "--help"])


def test_what_two_packages_add_is_neither_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        installed(monkeypatch, tmp_path / name, name, {"sources": {"mast": f"{name}:X"}}, "X = 1\n")
    words = configuration_fault(tmp_path, MAST)
    assert words == "sources: mast: second 1.0 and first 1.0 both add it (uninstall one of them)"


def test_a_service_of_what_is_built_in_looks_for_no_package(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(GATEWAY_OF_CAN0 + 'protocol = "elcon"\n' + SERIAL.replace("acme", "jbd"))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from telemetry.config import load_config\n"
        f"load_config(Path({str(file)!r}))\n"
        "from telemetry import plugins\n"
        "sys.exit(plugins._entries.cache_info().misses)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


@pytest.mark.long
def test_the_example_is_built_and_installed_by_pip(tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    source = tmp_path / "plugin"
    for path in sorted(EXAMPLE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            target = source / path.relative_to(EXAMPLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    subprocess.run([*pip, "--target", site, source], check=True)
    capture = tmp_path / "pack.txt"
    capture.write_text(f"(1.0) ttyUSB0 RX {ANSWER.hex()}{sum(ANSWER) & 0xFF:02x}\n")
    command = [
        sys.executable,
        "-m",
        "telemetry",
        "decode",
        str(capture),
        "--protocol",
        "acme",
        "--format",
        "lp",
    ]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert "voltage_v=51.2" in ended.stdout
