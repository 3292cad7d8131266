"""What arrived: numbers about one vehicle, asked of the database.

InfluxQL, since every InfluxDB answers it at `/query`: 1.x, 2.4 and later (a bucket is a database there), 3.x.
Requests go through the sink's own transport, so address, TLS and credentials are those of the gateway.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.sink.credentials import Secret, read_secret
from telemetry.sink.settings import InfluxSettings
from telemetry.sink.transport import Transport
from telemetry.sink.verdict import Answer

_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A drive and a charge, as the stored points tell them. Energy is the integral of power over time."""

    soc_start_pct: float
    soc_end_pct: float
    energy_in_wh: float
    energy_out_wh: float
    cell_min_v: float  # at the end
    cell_max_v: float

    @classmethod
    def from_net(cls, net_wh: float, gross_wh: float, **others: float) -> "Measured":
        """net_wh: the integral of power; gross_wh: that of its absolute value."""
        return cls(energy_in_wh=(gross_wh + net_wh) / 2.0, energy_out_wh=(gross_wh - net_wh) / 2.0, **others)


@dataclass(frozen=True, slots=True)
class Live:
    """The newest values."""

    soc_pct: float
    power_w: float
    cell_min_v: float
    cell_max_v: float


class Readback(Protocol):
    """Where points are read back from."""

    name: str

    def field_counts(self, measurements: Iterable[str]) -> dict[str, dict[str, int]]:
        """Stored values of each field of each measurement."""
        ...

    def measured(self) -> Measured:
        """The run as a whole. Raises UnavailableError when there is too little to tell."""
        ...


class InfluxReadback:
    """An InfluxDB. Raises UnavailableError when it does not answer, or not with numbers."""

    def __init__(self, settings: InfluxSettings, vehicle: str, clock: Clock) -> None:
        self.name = "InfluxDB"
        self._database = settings.v1_database
        self._vehicle = vehicle
        self._url = settings.url
        token, basic = _credentials(settings)
        self._transport = Transport(settings, token, basic=basic, clock=clock)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def field_counts(self, measurements: Iterable[str]) -> dict[str, dict[str, int]]:
        counts = {}
        for measurement in measurements:
            row = self._row(_select("count(*)", self._of(measurement)))
            counts[measurement] = {name.removeprefix("count_"): int(count) for name, count in row.items()}
        return counts

    def measured(self) -> Measured:
        battery = self._of("battery")
        soc = self._row(_select("first(soc_pct) AS first, last(soc_pct) AS last", battery))
        net = self._row(_select("integral(power_w, 1h) AS wh", battery))
        gross = self._row(_select("integral(w, 1h) AS wh", f"({_select('abs(power_w) AS w', battery)})"))
        live = self.live()
        if live is None or not (soc and net and gross):
            raise UnavailableError(f"holds no points of {self._vehicle}", where=self._url)
        return Measured.from_net(
            net["wh"],
            gross["wh"],
            soc_start_pct=soc["first"],
            soc_end_pct=soc["last"],
            cell_min_v=live.cell_min_v,
            cell_max_v=live.cell_max_v,
        )

    def live(self) -> Live | None:
        """None: nothing has arrived yet."""
        fields = ("soc_pct", "power_w", "cell_min_v", "cell_max_v")
        row = self._row(
            _select(", ".join(f"last({field}) AS {field}" for field in fields), self._of("battery"))
        )
        return Live(**{field: row[field] for field in fields}) if row.keys() >= set(fields) else None

    def _of(self, measurement: str) -> str:
        """What to select from: this vehicle's points of a measurement."""
        return f"\"{measurement}\" WHERE vehicle = '{self._vehicle}'"

    def _row(self, query: str) -> dict[str, float]:
        """The one row of numbers that the query gives, without its time; empty when there is nothing."""
        parameters = {"db": self._database, "epoch": "ns", "q": query}
        answer = self._transport.request("GET", "/query", parameters, {}, b"", deadline_s=_DEADLINE_S)
        if not isinstance(answer, Answer):
            raise UnavailableError(f"does not answer: {answer.failure.value}", where=self._url)
        if answer.status != 200:
            raise UnavailableError(f"answers {answer.status} to a query", where=self._url)
        try:
            return _first_row(json.loads(answer.body))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise UnavailableError("answers something else than InfluxQL's JSON", where=self._url) from error


def _select(what: str, source: str) -> str:
    return " ".join(("SELECT", what, "FROM", source))


def _first_row(document: Mapping[str, Any]) -> dict[str, float]:
    """Of `{"results": [{"series": [{"columns": […], "values": [[…]]}]}]}`."""
    series = document["results"][0].get("series")
    if not series:
        return {}
    named = zip(series[0]["columns"], series[0]["values"][0], strict=True)
    return {name: float(value) for name, value in named if name != "time" and value is not None}


def _credentials(settings: InfluxSettings) -> tuple[Secret | None, bool]:
    """A token, or user:password for basic authentication; and whether it is the latter."""
    if settings.username:
        password = settings.password or (
            read_secret(settings.password_file) if settings.password_file else None
        )
        return Secret(f"{settings.username}:{password.reveal() if password else ''}"), True
    return settings.token or (read_secret(settings.token_file) if settings.token_file else None), False
