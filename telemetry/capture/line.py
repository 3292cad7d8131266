"""A serial line into a capture: both directions while its devices are asked, or what is heard on it.

Promises:

- Who is asked, what, when and how is what the service does of the same settings.
- Nothing is sent where only listening is wanted.
- A port that cannot be opened, or is lost, is an UnavailableError; what was recorded until then is whole.
"""

from collections.abc import Sequence

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.framing.masking import Masker
from telemetry.logs.captures import CaptureWriter
from telemetry.sources.inbox import Arrival, Inbox, Item
from telemetry.sources.reconnect import reason_of
from telemetry.sources.serial.link import SerialLink
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.settings import Start
from telemetry.sources.stop import StopSignal
from telemetry.sources.tap import LineStore

LOOK_S = 1.0  # how long a silent line is waited for at a time


class _Nowhere(Inbox):
    """An inbox whose messages nobody needs: the capture has their bytes."""

    def put(self, item: Item, wait_s: float = 0.0) -> bool:  # noqa: ARG002 - as Inbox
        if isinstance(item, Arrival):
            self.give_back(item.batch)
        return True


class PolledPort:
    """The devices of a port, asked in turns."""

    def __init__(self, settings: SerialSettings, store: LineStore, clock: Clock) -> None:
        """Open nothing yet. store: takes the lines."""
        numbers: dict[str, int] = {}
        start = Start(clock, lambda name: numbers.setdefault(name, len(numbers)))
        self._source = settings.make_recording_source(start, store)
        self._port = settings.port

    @property
    def received_bytes(self) -> int:
        """Return all that has come so far."""
        return self._source.counts()["read_bytes"]

    def run(self, stop: StopSignal) -> None:
        """Ask until stopped. Raises UnavailableError."""
        nowhere = _Nowhere()
        try:
            while not stop.is_set():  # a session ends where the port reads nothing any more
                self._source.session(nowhere, stop)
        except OSError as error:
            raise _unavailable(self._port, error) from error


class HeardLine:
    """A port that is listened to; maskers: what takes passwords out of what is heard."""

    def __init__(
        self, name: str, link: SerialLink, store: LineStore, maskers: Sequence[Masker], clock: Clock
    ) -> None:
        """Open nothing yet. name: of the port in the capture."""
        self._link = link
        self._writer = CaptureWriter(name, store.write, maskers)
        self._clock = clock
        self.received_bytes = 0

    def run(self, stop: StopSignal) -> None:
        """Listen until stopped. Raises UnavailableError."""
        try:
            with self._link.open(stop) as port:
                while not stop.is_set():
                    data = port.receive(LOOK_S)
                    if data:
                        self.received_bytes += len(data)
                        self._writer.received(self._clock.unix_ns(), data)
        except OSError as error:
            raise _unavailable(self._link.description, error) from error
        finally:
            self._writer.finish()


def _unavailable(port: str, error: OSError) -> UnavailableError:
    return UnavailableError(reason_of(error).removeprefix(f"{port}: "), where=port)
