"""docs/queries.md taken apart, and its queries run as a reader would, when it is the fleet's own now."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.fleet import NOW
from tests.support.fleet_answers import Answer
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
    """What the page says that every pandas example begins with."""
    return next(code for language, code in _blocks(_page()) if language == "python setup")


def integral_queries() -> dict[str, str]:
    """By language: what the page says of rows without counters, ahead of its questions."""
    return dict(_blocks(_QUESTION.split(_page())[0]))


def questions() -> Iterator[Question]:
    """All of them, in order. AssertionError when one lacks a language."""
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


def answer_by_flux(database: Database, question: Question, labels: tuple[str, ...]) -> Answer:
    """What InfluxDB 2 answers when it is the fleet's now."""
    found: Answer = {}
    for row in flux_rows(database, question.flux.replace('"fleet"', f'"{database.name}"'), NOW):
        row["day"] = row.get("_time", "")[:10]
        row["reason"] = row.get("_field", "")
        if "column" in labels:
            for column in ("least", "most"):
                found[tuple({**row, "column": column}[label] for label in labels)] = float(row[column])
        else:
            found[tuple(row[label] for label in labels)] = float(row["_value"])
    return found


def flux_rows(database: Database, query: str, now: datetime) -> Iterator[dict[str, str]]:
    """The rows of all tables of the answer, as text by column."""
    body = {"query": query, "now": f"{now:%FT%TZ}", "type": "flux", "dialect": {"annotations": []}}
    server = database.server
    answer = server.request(
        "POST", "/api/v2/query", json.dumps(body).encode(), content_type="application/json", org=server.org
    )
    assert answer.status == 200, f"{answer.body.decode()}\n{query}"
    for table in answer.body.decode().replace("\r", "").strip().split("\n\n"):
        yield from csv.DictReader(io.StringIO(table))


def answer_by_influxql(database: Database, question: Question, labels: tuple[str, ...]) -> Answer:
    """What InfluxDB answers when it is the fleet's now."""
    found: Answer = {}
    for series in database.query(question.influxql.replace("now()", f"'{_NOW}'")).get("series", []):
        columns = series["columns"][1:]
        for time_ns, *values in series["values"]:
            row = {**series["tags"], "day": f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%F}"}
            for column, value in zip(columns, values, strict=True):
                row |= {"column": column, "reason": column.removeprefix("spread_")}
                if value is not None:
                    found[tuple(row[label] for label in labels)] = float(value)
    return found


def answer_by_listing(
    database: Database, question: Question, labels: tuple[str, ...], *, is_mean: bool
) -> Answer:
    """What InfluxQL lists, grouped as the other languages do: the number of rows, or the mean."""
    result = database.query(question.influxql.replace("now()", f"'{_NOW}'"))
    (series,) = result["series"]
    listed: dict[tuple[str, ...], list[float]] = {}
    for values in series["values"]:
        row = dict(zip(series["columns"], values, strict=True))
        value = float(row[series["columns"][-1]]) if is_mean else 1.0
        listed.setdefault(tuple(row[label] or "" for label in labels), []).append(value)
    return {key: sum(some) / len(some) if is_mean else sum(some) for key, some in listed.items()}


def answer_by_pandas(database: Database, question: Question, labels: tuple[str, ...]) -> Answer:
    """What the page's Python makes of it when it is the fleet's now."""
    code = f"{setup_code()}\n{question.pandas}".replace('"fleet"', f'"{database.name}"')
    code = code.replace('pd.Timestamp.now("UTC")', f'pd.Timestamp("{_NOW}")')
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102 - it is the page that is tested
    answer = names["answer"]
    if "column" in labels:
        answer = answer.stack()
    return {
        tuple(_label(part) for part in (index if isinstance(index, tuple) else (index,))): float(value)
        for index, value in answer.items()
    }


def _label(part: object) -> str:
    return f"{part:%F}" if isinstance(part, datetime) else str(part)
