"""Charging sessions through the service's pipeline and a real spool, life after life, in one process.

Each life is one run of the service: killed at any moment, or stopped in order. What it has stored goes into a
database in miniature, in the spool's order. Rows replace rows there as in InfluxDB.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch

from firmware_sim.charge import ChargeSpec, DcCharge
from firmware_sim.ecus.gbt.vehicle import VehicleSpec
from firmware_sim.plant.pack import PackSpec
from telemetry.config import load_config
from telemetry.ledger import Ledger, imbalances
from telemetry.model.read_point import ReadPoint, read_point
from telemetry.service.pipeline import Pipeline
from telemetry.sources.assemble import ChannelTable, assemble_sources
from telemetry.spool import Recovery, Spool, SpoolLimits
from telemetry.spool.batch import lines_of
from telemetry.stages.prepare import compose
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.disk import PowerCutError, SimulatedDisk
from tests.support.spool import drain
from tests.support.spool_writer import keeping_in

DIRECTORY = Path("/spool")
LIMITS = SpoolLimits(keep_free_bytes=0)
DELIVERY_NS = 100_000_000
START_NS = 1_700_000_000_000_000_000
BAYS = ("bay-1", "bay-2")

Frame = tuple[int, int, bytes]  # ns from the start of the charge, id, data


@cache
def charge(start_soc_pct: float = 30.5, until_soc_pct: float = 33.5, seed: int = 1) -> tuple[Frame, ...]:
    """Return the frames of a whole charge, 87 s."""
    spec = ChargeSpec(
        pack=PackSpec(start_soc_pct=start_soc_pct), vehicle=VehicleSpec(until_soc_pct=until_soc_pct)
    )
    return tuple(DcCharge(spec, seed).frames())


def config_of(folder: Path, bays: Sequence[str] = BAYS, top: str = "") -> Path:
    """Write a configuration with one GB/T 27930 bus for each bay."""
    buses = "".join(
        f'[[can]]\nname = "{bay}"\nsocket = "{folder}/{bay}.sock"\nprotocol = "gbt27930"\nmessages = true\n'
        f'charger = "{bay}"\n'
        for bay in bays
    )
    path = folder / "gateway.toml"
    influx = '[influx]\nurl = "http://127.0.0.1:9"\napi = "v1"\ndatabase = "d"\n'
    path.write_text(f'vehicle = "van"\n{top}\n{influx}[spool]\ndirectory = "{folder}/spool"\n{buses}')
    return path


class Database:
    """What a server has: fields by series and stamp. A row's field replaces that of an earlier row."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, tuple[tuple[str, str], ...], int], dict[str, bytes]] = {}
        self.written: list[ReadPoint] = []

    def take(self, lines: bytes) -> None:
        for line in lines.splitlines():
            point = read_point(line)
            assert point is not None, line
            self.written.append(point)
            key = (point.measurement, tuple(sorted(point.tags.items())), point.time_ns)
            self.rows.setdefault(key, {}).update(point.fields)

    def of(self, measurement: str, **tags: str) -> list[tuple[int, dict[str, bytes]]]:
        """Return its rows with these tags: stamp and fields, by stamp."""
        return sorted(
            (stamp, fields)
            for (name, tag_set, stamp), fields in self.rows.items()
            if name == measurement and tags.items() <= dict(tag_set).items()
        )


def number(fields: dict[str, bytes], name: str) -> float:
    return float(fields[name].rstrip(b"iu"))


def text(fields: dict[str, bytes], name: str) -> str:
    return fields[name].decode().strip('"')


class Lives:
    """One gateway over all of its lives."""

    def __init__(self, folder: Path, bays: Sequence[str] = BAYS, *, wait_for_clock: bool = False) -> None:
        self.folder = folder
        self.memory = folder / "memory"
        self.memory.mkdir()
        self.disk = SimulatedDisk()
        self.clock = FakeClock(START_NS)
        self.database = Database()
        self.wait_for_clock = wait_for_clock
        self.configure(bays)

    def start(self) -> Recovery:
        """Another life."""
        self.spool = Spool(
            DIRECTORY,
            clock=self.clock,
            limits=LIMITS,
            filesystem=self.disk,
            keep_in_memory=lambda _: keeping_in(self.memory)(self.memory.parent),
        )
        recovery = self.spool.recovery
        self.stages = self._make_stages()
        self.ledger = Ledger(dict(recovery.accounts))
        self.pipeline = Pipeline(
            self.stages,
            self.spool,
            self.ledger,
            self.clock,
            {},
            wait_for_clock=self.wait_for_clock,
            newest_ns=recovery.newest_ns,
            state=recovery.state,
        )
        self.pipeline.close_orphans(self.bays)
        return recovery

    def _make_stages(self) -> Stages:
        channels = ChannelTable()
        sources = assemble_sources(self.config.sources, channels, self.clock, {})
        stages = self.composition.make_stages()
        for channel in channels.since(0):
            source = next(each for each in sources if each.name == channel.source)
            stages.bind(channel.number, self.composition.binding(source, channel.name))
        self.channels = {channel.source: channel.number for channel in channels.since(0)}
        return stages

    def configure(self, bays: Sequence[str], top: str = "") -> None:
        """Write another configuration."""
        self.bays = bays
        self.config = load_config(config_of(self.folder, bays, top))
        self.composition = compose(self.config)

    def reload(self) -> None:
        """SIGHUP."""
        self.stages = self._make_stages()
        self.pipeline.replace_stages(self.stages)

    def deliver(self, bay: str, frames: Iterable[Frame], at_ns: int, *, time_known: bool = True) -> None:
        """Frames as they come within a tenth of a second; at_ns: when the charge began."""
        batch = FrameBatch(512)
        for time_ns, id, data in frames:
            batch.append(at_ns + time_ns, id, data, channel=self.channels[bay])
        if len(batch):
            self.pipeline.process(bay, batch, {}, time_known=time_known)

    def kill(self) -> None:
        """Kill the process; the machine goes on."""
        self.disk.cut_at = None
        self.disk.kill()

    def stop(self) -> None:
        """SIGTERM."""
        self.pipeline.leave_sessions()
        self.pipeline.finish(self.bays)
        self.spool.close()
        self.disk.kill()

    def send(self) -> None:
        """Send all that is on disk to the server."""
        for entry in drain(self.spool):
            self.database.take(lines_of(entry.batch))

    def assert_balanced(self) -> None:
        counters = {**self.ledger.snapshot(), **self.spool.counters()}
        waiting = self.spool.gauges().waiting_points + self.pipeline.points_waiting
        assert list(imbalances(counters, waiting, {})) == []

    def watch(self, seconds: float, *, away: Sequence[str] = ()) -> None:
        """Watch for so long while nothing comes. away: bays whose device is not there."""
        listening = [bay for bay in self.bays if bay not in away]
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.pipeline.watch_silence(listening, away)
            self.pipeline.tick(self.bays)


def deliveries(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Yield the frames as a bus that is read each tenth of a second brings them."""
    part: list[Frame] = []
    until_ns = DELIVERY_NS
    for frame in frames:
        while frame[0] >= until_ns:
            yield part
            part = []
            until_ns += DELIVERY_NS
        part.append(frame)
    yield part


__all__ = ["BAYS", "Database", "Lives", "PowerCutError", "charge", "deliveries", "number", "text"]
