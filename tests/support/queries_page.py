"""docs/queries.md taken apart, and its queries run as a reader would, when it is the fleet's own now.

zone: whose days are asked for, as the page says how; none: UTC.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.fleet import NOW
from tests.support.raw_answers import Answer, Labels, stamp
from tests.support.servers import Database

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
_QUESTION = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(flux|sql|python|python setup)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOW = f"{NOW:%FT%TZ}"


@dataclass(frozen=True, slots=True)
class Question:
    """One of the page's questions in its three languages."""

    number: int
    title: str
    flux: str
    influxql: str
    pandas: str


def setup_code() -> str:
    """Return what the page says that every pandas example begins with."""
    return next(code for language, code in _blocks(_page()) if language == "python setup")


def integral_queries() -> dict[str, str]:
    """Return, by language, what the page says of rows without counters, ahead of its questions."""
    return dict(_blocks(_QUESTION.split(_page())[0]))


def by_vehicle() -> str:
    """Return the script that asks a question of the file QUESTION.sql vehicle by vehicle."""
    (script,) = re.findall(r"^```sh\n(.*?)^```$", _page(), re.MULTILINE | re.DOTALL)
    return str(script)


def questions() -> Iterator[Question]:
    """Yield all questions in order; raise AssertionError if one lacks a language."""
    parts = _QUESTION.split(_page())[1:]
    for number, title, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        blocks = list(_blocks(text))
        assert [language for language, _ in blocks] == ["flux", "sql", "python"], title
        flux, influxql, python = (code for _, code in blocks)
        yield Question(int(number), title, flux, influxql, python)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    return ((match[1], match[2]) for match in _BLOCK.finditer(text))


def _page() -> str:
    return PAGE.read_text("utf-8")


def answer_by_flux(
    database: Database, question: Question, labels: Labels, zone: ZoneInfo | None = None
) -> Answer:
    """Return what InfluxDB 2 answers when its time is the fleet's now."""
    query = question.flux.replace('"fleet"', f'"{database.name}"')
    if zone:
        option = f'option location = timezone.location(name: "{zone.key}")'
        query = re.sub(r"\A((?:import .*\n)*)", rf'import "timezone"\n\1\n{option}\n\n', query)
    found: Answer = {}
    for row in flux_rows(database, query, NOW):
        if text := row.get("_time"):
            row |= _times(datetime.fromisoformat(text), zone)
        row.setdefault("reason", row.get("_field", ""))
        for column in ("least", "most") if "column" in labels else ("_value",):
            key = tuple({**row, "column": column}.get(label, "") for label in labels)
            assert key not in found, (key, query)
            found[key] = float(row[column])
    return found


def _times(at: datetime, zone: ZoneInfo | None) -> dict[str, str]:
    return {"day": f"{at.astimezone(zone or UTC):%F}", "time": f"{at.astimezone(UTC):%FT%T}"}


def flux_rows(database: Database, query: str, now: datetime) -> Iterator[dict[str, str]]:
    """Yield the rows of all tables of the answer, as text by column."""
    body = {"query": query, "now": f"{now:%FT%T.%fZ}", "type": "flux", "dialect": {"annotations": []}}
    server = database.server
    answer = server.request(
        "POST", "/api/v2/query", json.dumps(body).encode(), content_type="application/json", org=server.org
    )
    assert answer.status == 200, f"{answer.body.decode()}\n{query}"
    for table in answer.body.decode().replace("\r", "").strip().split("\n\n"):
        yield from csv.DictReader(io.StringIO(table))


def answer_by_influxql(
    database: Database, question: Question, labels: Labels, zone: ZoneInfo | None = None
) -> Answer:
    """Return what InfluxDB answers when it is the fleet's now."""
    found: Answer = {}
    for series in database.query(_influxql(question, zone)).get("series", []):
        columns = series["columns"][1:]
        for time_ns, *values in series["values"]:
            row = {**series["tags"], **_times(datetime.fromtimestamp(time_ns // 10**9, UTC), zone)}
            for column, value in zip(columns, values, strict=True):
                row |= {"column": column, "reason": column}
                if value is not None:
                    found[tuple(row[label] for label in labels)] = float(value)
    return found


def answer_by_listing(
    database: Database, question: Question, labels: Labels, zone: ZoneInfo | None, *, is_mean: bool
) -> Answer:
    """Return what InfluxQL lists, grouped as the other languages do: the row count, or the mean."""
    (series,) = database.query(_influxql(question, zone))["series"]
    listed: dict[Labels, list[float]] = {}
    for values in series["values"]:
        row = dict(zip(series["columns"], values, strict=True))
        value = float(row[series["columns"][-1]]) if is_mean else 1.0
        listed.setdefault(tuple(row[label] or "" for label in labels), []).append(value)
    return {key: sum(some) / len(some) if is_mean else sum(some) for key, some in listed.items()}


def _influxql(question: Question, zone: ZoneInfo | None) -> str:
    query = question.influxql.replace("now()", f"'{_NOW}'")
    return re.sub(r"(GROUP BY time\(1d\).*)", rf"\1 tz('{zone.key}')", query) if zone else query


def answer_by_pandas(
    database: Database, question: Question, labels: Labels, zone: ZoneInfo | None = None
) -> Answer:
    """Return what the page's Python makes of it when it is the fleet's now."""
    code = f"{setup_code()}\n{question.pandas}".replace('"fleet"', f'"{database.name}"')
    code = code.replace('pd.Timestamp.now("UTC")', f'pd.Timestamp("{_NOW}")')
    if zone:
        code = code.replace('ZONE = "UTC"', f'ZONE = "{zone.key}"')
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102 - it is the page that is tested
    answer = names["answer"]
    if "column" in labels:
        answer = answer.stack()
    found: Answer = {}
    for index, value in answer.items():
        parts = index if isinstance(index, tuple) else (index,)
        key = tuple(_label(label, part) for label, part in zip(labels, parts, strict=True))
        found[key] = float(value)
    return found


def _label(label: str, part: Any) -> str:
    if label == "day":
        return f"{part:%F}"
    return stamp(part.value) if label == "time" else str(part)
