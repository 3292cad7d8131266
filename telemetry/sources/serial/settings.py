"""[[serial]] of the configuration: one device on one port.

Promises:
- Two ports with one protocol share the records of its messages.
- A simulator's time shortens intervals and the time-outs of silence, but never the time that an answer may
  take on this machine.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from telemetry_core.decode.spec import PlanSpec

from telemetry.clock import Clock
from telemetry.logs.capture_file import CaptureFile
from telemetry.model.finding import Grade
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import SerialProtocol
from telemetry.rules.map_entry import MAIN, MapEntry
from telemetry.sources.keys import read_simulated_time
from telemetry.sources.serial.conversation import Asking, Conversation, Listening, Poll
from telemetry.sources.serial.link import PyserialLink, check_port
from telemetry.sources.serial.silence import OFFLINE_S, UNKNOWN_S, SilenceWatch
from telemetry.sources.serial.source import SerialSource
from telemetry.sources.settings import Resource, SourceSettings, Start
from telemetry.toml_table import TomlTable

MIB = 1024 * 1024
DAY_S = 86_400.0

# Of a simulator's time, so that one that is held up for a moment is not a silent device.
LEAST_UNKNOWN_S = 2.0
LEAST_OFFLINE_S = 4.0

_COUNTED_POLLS = 3.0
_LEAST_POLL_S = 1.0  # as often as devices are asked, or talk by themselves
_NUMBERED_PORT = re.compile("/dev/tty(USB|ACM)[0-9]+")
_BY_ID = Path("/dev/serial/by-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialSettings(SourceSettings):
    """[[serial]]: a device on a port. None where the protocol's own value holds."""

    port: str
    protocol: str
    baud_rate: int
    pack: str
    charger: str
    poll_every_s: float | None
    reply_timeout_s: float | None
    invert_current: bool
    capture: Path | None
    capture_bytes: int
    is_can: ClassVar[bool] = False
    of_the_line: ClassVar[frozenset[str]] = frozenset({"pack", "charger", "invert_current"})

    @classmethod
    def read(cls, table: TomlTable, name: str) -> Self:
        port = table.take_text("port")
        if wrong := check_port(port):
            hint = "a path such as /dev/serial/by-id/…, socket://HOST:PORT or rfc2217://HOST:PORT"
            raise table.wrong("port", wrong, hint)
        if "://" not in port:
            port = str(table.full_path("port", port))
        protocol = table.take_text("protocol", one_of=tuple(PROTOCOLS))
        usual_baud_rate = PROTOCOLS[protocol].baud_rate
        capture_mib = table.take_number("capture_mib", 64.0, above=0.0, most=1024.0 * 1024.0)
        return cls(
            name=name,
            port=port,
            protocol=protocol,
            baud_rate=table.take_integer("baud_rate", usual_baud_rate, least=50, most=4_000_000),
            pack=table.take_text("pack", MAIN),
            charger=table.take_text("charger", MAIN),
            poll_every_s=table.take_optional_number("poll_every_s", above=0.0, most=DAY_S),
            reply_timeout_s=table.take_optional_number("reply_timeout_s", above=0.0, most=60.0),
            invert_current=table.take_flag("invert_current"),
            capture=table.take_optional_path("capture"),
            capture_bytes=round(capture_mib * MIB),
            simulated_time=read_simulated_time(table),
        )

    @property
    def _protocol(self) -> SerialProtocol:
        return PROTOCOLS[self.protocol]

    @property
    def _scale(self) -> float:
        return self.simulated_time.scale if self.simulated_time else 1.0

    # -- what it needs

    @property
    def resources(self) -> tuple[Resource, ...]:
        port = Resource("port", self.port)
        return (port,) if self.capture is None else (port, Resource("capture", str(self.capture), "writes"))

    def presence(self) -> Iterator[tuple[Grade, str]]:
        where = f"port {self.port}"
        said = f"{self._protocol.title}, {self.baud_rate} baud"
        if "://" in self.port:
            yield Grade.FACT, f"{where}: {said}"
            return
        port = Path(self.port)
        try:
            is_there = port.exists()
        except OSError as error:  # a folder on the way that this user may not enter
            yield Grade.FAULT, f"{where}: {error.strerror}"
            return
        if not is_there:
            yield Grade.WARNING, f"{where} is not there yet: {said}"
        elif not os.access(port, os.R_OK | os.W_OK):
            yield Grade.FAULT, f"{where}: permission denied (add this user to the group dialout)"
        else:
            yield Grade.FACT, f"{where}: {said}"
        if _NUMBERED_PORT.fullmatch(self.port):
            words = f"its number may change when it is plugged in again (take {_lasting_name(port)})"
            yield Grade.WARNING, f"{where}: {words}"

    # -- what it brings

    def extended(self, plan: PlanSpec) -> PlanSpec:
        """With a bus for the port, called as the source."""
        records, protocol = plan.records, self._protocol
        if protocol.records[0] not in records:
            records += protocol.records
        bus = protocol.bus(self.name, records.index(protocol.records[0]))
        return PlanSpec(records, (*plan.buses, bus))

    def map_entries(self) -> Iterator[MapEntry]:
        """Fields and alarms."""
        for entry in self._protocol.map_entries(self.name, pack=self.pack, charger=self.charger):
            has_sign = entry.to.endswith((".current_a", ".power_w"))
            yield replace(entry, scale=-entry.scale) if self.invert_current and has_sign else entry

    @property
    def count_gap_ns(self) -> int:
        """Two readings may have been lost.

        A simulator's readings come as this machine's time lets them, whatever its own time is.
        """
        gap_s = _COUNTED_POLLS * max(self.poll_every_s or 0.0, _LEAST_POLL_S)
        if self.simulated_time is not None:
            gap_s = max(gap_s, LEAST_UNKNOWN_S * self._scale)
        return round(gap_s * 1e9)

    # -- its source

    def make_source(self, start: Start) -> SerialSource:
        time, clock = self.simulated_time, start.clock
        return SerialSource(
            self.name,
            PyserialLink(self.port, self.baud_rate),
            self._conversation(clock),
            self._protocol.make_framer(start.number_of(self.name)),
            self._silence(clock),
            clock,
            time_map=time.time_map() if time else None,
            capture=CaptureFile(self.capture, self.capture_bytes, clock) if self.capture else None,
        )

    def _conversation(self, clock: Clock) -> Conversation:
        protocol = self._protocol
        if not protocol.requests:
            return Listening(clock)
        shortest_s = min(request.every_s for request in protocol.requests)
        factor = (self.poll_every_s or shortest_s) / shortest_s / self._scale
        timeout_s = self.reply_timeout_s or protocol.reply_timeout_s
        polls = [
            Poll(
                request.to(protocol.addresses.default if protocol.addresses else 0),
                request.reply_id,
                request.every_s * factor,
                timeout_s,
            )
            for request in protocol.requests
        ]
        return Asking(polls, protocol.rest_s / self._scale, clock)

    def _silence(self, clock: Clock) -> SilenceWatch:
        if self._scale == 1.0:
            return SilenceWatch(self.name, clock)
        return SilenceWatch(
            self.name,
            clock,
            unknown_s=max(UNKNOWN_S / self._scale, LEAST_UNKNOWN_S),
            offline_s=max(OFFLINE_S / self._scale, LEAST_OFFLINE_S),
        )


def _lasting_name(port: Path) -> str:
    """The link of udev that leads to a port, whatever its number."""
    links = (link for link in sorted(_BY_ID.glob("*")) if link.resolve() == port)
    return str(next(links, f"its link in {_BY_ID}"))
