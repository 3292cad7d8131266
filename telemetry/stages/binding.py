"""What the stages know of a channel: its bus, the source that its frames count for, its points' tags.

Of a serial port of a recording: what is spoken there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from telemetry.model.ids import IsoTpId

if TYPE_CHECKING:  # a service without serial ports imports none of it
    from telemetry.protocols.table import SerialProtocol

NO_BUS = -1
SENDERS = 256  # source addresses of J1939: a tag set for each


@dataclass(frozen=True, slots=True)
class Binding:
    """What a channel is.

    bus: of the plan, NO_BUS without a database
    source: what its frames count for
    tag: `source` of its points
    isotp: ids whose frames are parts of longer messages
    has_error_frames: it is a bus, or a log of one, and not a serial port
    channel: what csv and ndjson call it; empty: as `tag`
    address: of the one device whose frames it has, in hexadecimal; empty: it has none, or has several
    by_order: stamps say nothing of pauses (simulated time), so that pages of cells are ordered by number
    least_wait_ns: no time-out is shorter, in the time of its stamps: a fast simulator multiplies delays
    own_time: its stamps are those of a log or simulator, and not of this machine
    """

    bus: int
    source: str
    tag: str
    isotp: Sequence[IsoTpId] = ()
    has_error_frames: bool = True
    channel: str = ""
    address: str = ""
    by_order: bool = False
    least_wait_ns: int = 0
    own_time: bool = False


@dataclass(frozen=True, slots=True)
class BoundChannel:
    """A channel and the indexes of its tag sets: its own one, one a J1939 sender, one a tag set of the map.

    j1939: sessions are followed, and points carry their sender.
    """

    number: int
    binding: Binding
    vehicle: str
    j1939: bool
    map_tags: Sequence[Mapping[str, str]]
    own: int

    @property
    def senders(self) -> range:
        """Return indexes of the tag sets of J1939 senders, by source address."""
        return range(self.own + 1, self.own + 1 + SENDERS * self.j1939)

    @property
    def modelled(self) -> range:
        """Return indexes of the tag sets of the data model, as the map has them."""
        return range(self.senders.stop, self.senders.stop + len(self.map_tags))

    @property
    def tag_sets(self) -> range:
        """Return indexes of all of them."""
        return range(self.own, self.modelled.stop)

    def tags(self) -> Iterator[Mapping[str, str]]:
        """Yield what `tag_sets` stand for."""
        common = {"vehicle": self.vehicle, "source": self.binding.tag}
        yield common
        for sender in range(len(self.senders)):
            yield {**common, "sa": f"{sender:02X}"}
        for own in self.map_tags:
            yield {**common, **own}


@dataclass(frozen=True, slots=True)
class Spoken:
    """One device of a port, or each that has an address.

    hears: whether a message of that address is the device's; None: each address is a device of its own.
    """

    protocol: "SerialProtocol"
    binding: Binding
    hears: Callable[[int], bool] | None = None
