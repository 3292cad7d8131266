"""The table [influx] as a kind of sink."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from telemetry.clock import Clock
from telemetry.errors import ConfigError
from telemetry.model.finding import Finding, Grade
from telemetry.settings.declared import read, settings
from telemetry.settings.table import TomlTable
from telemetry.sinks.credentials import Secret, handed_over, read_secret
from telemetry.sinks.influx.server import InfluxServer
from telemetry.sinks.settings import SinkSettings
from telemetry.sinks.verdict import Acknowledged, Hold, HoldCause, Retry
from telemetry.spool.slots import FILE_NAME

if TYPE_CHECKING:  # a start reads settings, and needs no client before the first batch
    from telemetry.sinks.influx.client import InfluxClient
    from telemetry.sinks.influx.tables import InfluxTables


@settings
class InfluxSettings(InfluxServer, SinkSettings):
    """One InfluxDB, or what speaks as it does."""

    name = "influx"
    cursor = FILE_NAME  # as when there was no other kind

    @classmethod
    def read(cls, table: TomlTable, environment: Mapping[str, str]) -> Self:
        """Return [influx]; what it leaves out comes from influxdb-client's own environment variables."""
        found = read(cls, table, environment=environment)
        token_file = found.token_file and handed_over(found.token_file, environment)
        password_file = found.password_file and handed_over(found.password_file, environment)
        token = found.token
        if token is None and found.token_file is None and environment.get("INFLUXDB_V2_TOKEN"):
            token = Secret(environment["INFLUXDB_V2_TOKEN"])
        for name, file in (("token_file", token_file), ("password_file", password_file)):
            try:
                if file is not None:
                    read_secret(file)  # refused now rather than when the first batch is sent
            except ConfigError as error:
                raise table.wrong(name, f"{error.where}: {error.what}", error.hint) from error
        return replace(found, token=token, token_file=token_file, password_file=password_file)

    @property
    def address(self) -> str:
        return self.url

    @property
    def files(self) -> tuple[Path, ...]:
        return () if self.ca_file is None else (self.ca_file,)

    @property
    def secret_files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.token_file, self.password_file) if file is not None)

    @property
    def target(self) -> tuple[str, ...]:
        """Return the database, by all its names."""
        return self.url, self.org, self.v2_bucket, self.v1_database, self.v1_retention_policy

    def make_client(self, clock: Clock) -> "InfluxClient":
        """Return the client of this server, not connected yet."""
        from telemetry.sinks.influx.client import InfluxClient

        return InfluxClient(self, clock)

    def make_tables(self, clock: Clock) -> "InfluxTables":
        """Return what answers questions in InfluxQL."""
        from telemetry.sinks.influx.tables import InfluxTables

        return InfluxTables(self, clock)

    def findings(self, clock: Clock) -> Iterator[Finding]:
        """Yield whether the server takes data, and what it says of itself and the bucket."""
        with contextlib.closing(self.make_client(clock)) as client:
            exchange = client.probe()
            is_taken = exchange.verdict == Acknowledged()
            described = client.describe() if is_taken else ""
            is_strange = is_taken and not described and not client.is_recognised()
            is_missing = isinstance(exchange.verdict, Hold) and exchange.verdict.cause is HoldCause.NOT_FOUND
            refused = client.refusal_to_create() if is_missing and self.create else ""
        url = self.url
        match exchange.verdict:
            case Acknowledged():
                yield Finding(Grade.FACT, f"server {url}: takes data by API {exchange.api}")
                if described:
                    yield Finding(Grade.FACT, f"server {url}: {described}")
                if is_strange:
                    words = "answers as a store does, and nothing in its header names one"
                    yield Finding(Grade.WARNING, f"server {url}: {words}: does it keep the data?")
            case Hold(cause=HoldCause.NOT_FOUND) if self.create and refused:
                words = f"the bucket or database is missing, and these credentials may make none: {refused}"
                yield Finding(Grade.FAULT, f"server {url}: {words} (make it as its administrator)")
            case Hold(cause=HoldCause.NOT_FOUND) if self.create:
                yield Finding(Grade.FACT, f"server {url}: the bucket or database is missing and will be made")
            case Hold(cause=HoldCause.NO_DATABASE) as verdict:
                hint = "another program at that address, or a network's login page?"
                yield Finding(Grade.FAULT, f"server {url}: {verdict} ({hint})")
            case Hold() | Retry() as verdict:
                yield Finding(Grade.FAULT, f"server {url}: {verdict}")
            case verdict:
                yield Finding(Grade.FAULT, f"server {url}: answers an empty write with {verdict}")
