"""What the settings of a sink can do, whatever its kind.

A kind of sink is a folder of this room. Its settings read themselves, make their client, and say how the
server is; nothing outside the folder asks of which kind they are.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.model.finding import Finding
from telemetry.settings.declared import read
from telemetry.settings.table import TomlTable
from telemetry.sinks.verdict import Exchange
from telemetry.spool.slots import FILE_NAME


class Client(Protocol):
    """What the sender needs of a sink's client. api: by which API it writes, for people."""

    @property
    def api(self) -> str: ...

    def write(self, payload: bytes) -> Exchange: ...

    def reread_credentials(self) -> bool: ...

    def close(self) -> None: ...


class SinkClient(Client, Protocol):
    """A client with threads of its own. abort: from any thread, ends the request that is in flight."""

    def start(self) -> None: ...

    def abort(self) -> None: ...


class Tables(Protocol):
    """A store that answers questions in InfluxQL by tables."""

    def table(self, query: str) -> tuple[list[str], list[list[Any]]]:
        """Return columns, `time` first, and rows; none when there is nothing. Raises UnavailableError."""
        ...

    def points(self, measurement: str, condition: str, *fields: str) -> Iterator[dict[str, Any]]:
        """Yield all points of a measurement, tags and fields by name, without those that are absent.

        condition: as in InfluxQL's WHERE; empty: all. fields: these alone; none named: all, and the tags.
        """
        ...

    def close(self) -> None: ...


class SinkSettings(ABC):
    """The settings of one sink: a class of declared settings (`telemetry.settings.declared`)."""

    name: ClassVar[str]  # of its table in a configuration

    @classmethod
    def read(cls, table: TomlTable, environment: Mapping[str, str]) -> Self:
        """Return the settings that a table holds. Raises ConfigError."""
        return read(cls, table, environment=environment)

    @property
    @abstractmethod
    def address(self) -> str:
        """Return where it sends to, for people, without secrets."""

    @property
    def target(self) -> tuple[str, ...]:
        """Return what tells the place where its points are stored from others."""
        return (self.address,)

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files that its client reads, without those of secrets."""
        return ()

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """Return the files with its secrets."""
        return ()

    @property
    def cursor(self) -> str:
        """Return the file in a spool that says what this sink has settled."""
        return f"{FILE_NAME}.{self.name}"

    @abstractmethod
    def make_client(self, clock: Clock) -> SinkClient:
        """Return its client, not connected yet."""

    def make_tables(self, clock: Clock) -> Tables:  # noqa: ARG002 - this one has no answers
        """Return what answers questions about the points that are stored. Raises UnavailableError."""
        raise UnavailableError(f"a sink [{self.name}] cannot be asked what it holds", where=self.address)

    def findings(self, clock: Clock) -> Iterator[Finding]:  # noqa: ARG002 - nothing is asked
        """Yield what `check` reports of the server, which is asked; nothing is changed there."""
        return iter(())


class NoSink(SinkSettings):
    """The sink of commands that send nothing."""

    name = ""
    address = ""

    @classmethod
    def read(cls, table: TomlTable, environment: Mapping[str, str]) -> Self:  # noqa: ARG003 - whatever it holds
        return cls()

    def make_client(self, clock: Clock) -> SinkClient:  # noqa: ARG002 - there is none
        raise RuntimeError("nothing is sent")
