"""The table of kinds: another kind is one more line there, and what several sources need is found for all."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import pytest

from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.databases.bus import BusDatabases
from telemetry.model.finding import Grade
from telemetry.monitor.bench import Bench
from telemetry.monitor.feeds import DirectFeed
from telemetry.service.check import check
from telemetry.settings.declared import key, settings
from telemetry.settings.table import TomlTable
from telemetry.sources.assemble import ChannelTable, assemble_source, assemble_sources
from telemetry.sources.inbox import Arrival, Inbox, SourceEnded
from telemetry.sources.keys import SourceKeys
from telemetry.sources.kinds import KINDS
from telemetry.sources.reconnect import put_end
from telemetry.sources.running import RunningSources
from telemetry.sources.settings import Resource, SourceSettings, Start
from telemetry.sources.source import Source
from telemetry.sources.stop import StopSignal
from tests.support import configuration
from tests.support.clock import FakeClock
from tests.support.configuration import GATEWAY

ROOT = Path(__file__).parents[3]
DATABASE = 'BO_ 291 Beacon: 8 X\n SG_ Light : 0|8@1+ (1,0) [0|255] "lx" X\n'
BEACON = '[[beacon]]\nname = "mast"\nantenna = "north"\nframes = 3\ndatabase = "beacon.dbc"\n'


class BeaconSource(Source):
    """Sends its frames, and ends."""

    def __init__(self, name: str, channel: int, frames: int) -> None:
        self.name = name
        self._channel = channel
        self._frames = frames

    @property
    def status(self) -> str:
        return "shining"

    def counts(self) -> Mapping[str, int]:
        return {"read": self._frames}

    def run(self, output: Inbox, stop: StopSignal) -> None:
        batch = output.take_empty()
        for number in range(self._frames):
            batch.append(
                time_ns=10**18 + number, id=291, data=bytes([number, *range(7)]), channel=self._channel
            )
        output.put(Arrival(self.name, batch, self.counts()))
        put_end(self.name, self.counts(), output, is_complete=not stop.is_set())


@settings(kw_only=True)
class BeaconKeys(SourceKeys):
    """[[beacon]], as a file has it."""

    antenna: str = key("from where it shines")
    database: Path = key("what it says")
    frames: int = key("how many it sends", least=1, most=9)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeaconSettings(SourceSettings):
    """[[beacon]]: a kind that only this test knows."""

    antenna: str
    frames: int
    keys: ClassVar[type[BeaconKeys]] = BeaconKeys

    @classmethod
    def of(cls, keys: BeaconKeys, table: TomlTable) -> Self:  # noqa: ARG003 - it finds no fault of its own
        buses = (BusDatabases(keys.name, (keys.database,)),)
        return cls(name=keys.name, buses=buses, antenna=keys.antenna, frames=keys.frames)

    @property
    def resources(self) -> tuple[Resource, ...]:
        return (Resource("antenna", self.antenna, use="shines from"),)

    @property
    def is_paced(self) -> bool:
        return False

    def make_source(self, start: Start) -> BeaconSource:
        return BeaconSource(self.name, start.number_of(self.name), self.frames)


def load(folder: Path, sources: str) -> Config:
    (folder / "beacon.dbc").write_text(DATABASE)
    return configuration.load(folder, GATEWAY + sources)


def refused(folder: Path, sources: str) -> str:
    (folder / "beacon.dbc").write_text(DATABASE)
    return configuration.refused(folder, GATEWAY + sources)


@pytest.fixture
def beacon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "beacon", lambda: BeaconSettings)


@pytest.mark.usefixtures("beacon")
def test_a_kind_that_is_one_entry_of_the_table_is_configured_assembled_and_run(tmp_path: Path) -> None:
    config, channels, inbox, clock = load(tmp_path, BEACON), ChannelTable(), Inbox(), FakeClock()
    running = RunningSources(
        assemble_sources(config.sources, channels, clock, {}),
        inbox,
        lambda each: assemble_source(each, channels, clock, {}),
    )
    running.start()
    (channel,) = channels.since(0)
    arrival, ended = inbox.get(10.0), inbox.get(10.0)
    assert isinstance(arrival, Arrival)
    assert [(frame.id, frame.channel, frame.data[0]) for frame in arrival.batch] == [
        (291, channel.number, number) for number in range(3)
    ]
    assert ended == SourceEnded("mast", {"read": 3}, is_complete=True)
    running.ended("mast")
    assert not running.any_running
    assert running["mast"].states == {"source/mast": "shining"}
    (changed,) = load(tmp_path, BEACON.replace("frames = 3", "frames = 1")).sources
    running.reserve([changed])
    running.adopt([changed])
    again = inbox.get(10.0)
    assert isinstance(again, Arrival)
    assert len(again.batch) == 1


@pytest.mark.usefixtures("beacon")
def test_the_frames_of_another_kind_are_decoded_by_the_databases_that_it_brings(tmp_path: Path) -> None:
    config = load(tmp_path, BEACON)
    with closing(DirectFeed(Bench(config, config, ""), Clock())) as feed:
        feed.settle(with_messages=True)
        view = feed.read(with_messages=True)
    assert [(each["message"], each["signals"]) for each in view["messages"]] == [("Beacon", {"Light": 2.0})]
    assert [(each["source"], each["read"], each["decoded"]) for each in view["sources"]] == [("mast", 3, 3)]


@pytest.mark.usefixtures("beacon")
def test_another_kind_has_the_messages_of_every_kind(tmp_path: Path) -> None:
    assert refused(tmp_path, BEACON + "colour = 1\n").startswith("beacon[0].colour: unknown key (known are: ")
    assert refused(tmp_path, BEACON.replace("mast", "a/b")).startswith(
        "beacon[0].name: 'a/b' must be letters"
    )
    twin = BEACON.replace("mast", "twin")
    assert refused(tmp_path, BEACON + twin) == "beacon[1].antenna: source 'mast' shines from north already"
    assert refused(tmp_path, "").endswith(
        "add [[can]], [[python_can]], [[serial]], [[replay]] or [[beacon]])"
    )


@pytest.mark.parametrize("channel", ["/dev/ttyACM0", "/dev/ttyACM0@115200"])
def test_an_adapter_and_a_serial_device_on_one_port_are_refused(tmp_path: Path, channel: str) -> None:
    stick = f'[[python_can]]\nname = "stick"\noptions = {{ interface = "slcan", channel = "{channel}" }}\n'
    port = '[[serial]]\nname = "bms"\nport = "/dev/ttyACM0"\nprotocol = "jbd"\n'
    assert refused(tmp_path, stick + port) == "serial[0].port: source 'stick' has /dev/ttyACM0 already"


def test_a_capture_that_would_be_written_over_its_own_port_is_refused(tmp_path: Path) -> None:
    port = '[[serial]]\nname = "bms"\nport = "line"\nprotocol = "jbd"\ncapture = "line"\n'
    assert refused(tmp_path, port) == f"serial[0].capture: source 'bms' has {tmp_path}/line already"


def test_two_sources_may_read_one_interface_and_check_warns(tmp_path: Path) -> None:
    config = load(
        tmp_path, '[[can]]\nname = "a"\ninterface = "vc0"\n[[can]]\nname = "b"\ninterface = "vc0"\n'
    )
    warnings = [finding.text for finding in check(config) if finding.level is Grade.WARNING]
    assert "interface vc0 is read by a and b: each decodes every frame" in warnings


# They look for devices at a port or a bus, or record one line: a new kind of source changes nothing there.
OF_ONE_KIND = ("telemetry/scan/", "telemetry/capture/", "telemetry/cli/scan", "telemetry/cli/capture")


def test_nothing_outside_a_folder_of_a_kind_names_that_kind() -> None:
    kinds = {kind().__module__.rpartition(".")[0] for kind in KINDS.values()}
    named = {
        (path.relative_to(ROOT).as_posix(), kind)
        for path in (ROOT / "telemetry").rglob("*.py")
        if not path.relative_to(ROOT).as_posix().startswith(OF_ONE_KIND)
        for kind in kinds
        if f"{kind}." in path.read_text("utf-8") and ROOT.joinpath(*kind.split(".")) not in path.parents
    }
    assert named == {("telemetry/sources/kinds.py", kind) for kind in kinds}
