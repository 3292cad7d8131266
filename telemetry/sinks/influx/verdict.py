"""What an HTTP answer to a write means. Pure: an answer in, a verdict out; see docs/operations.md.

Promises: only what a store says is an acknowledgement, and all say it by a 204 without a body. Of other 2xx
they send those that name rejected lines. Anything else comes from something else, be it JSON or a page: a
network's login, a default site, a balancer, a wrong port.

Knows the wordings of InfluxDB 1.x (1.6.7, 1.8), 2.x (2.8), 3.x and VictoriaMetrics; never asks for a version.
What is refused is described (`RefusalReport`) as far as the server names it; `isolate` finds the lines.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from enum import Enum
from typing import Any

from telemetry.errors import printable
from telemetry.sinks.verdict import (
    Acknowledged,
    FieldConflict,
    Hold,
    HoldCause,
    RefusalReport,
    Rejected,
    Retry,
    Split,
    Verdict,
)

MAX_RETRY_AFTER_S = 600.0
MAX_WORDS = 1000  # characters of a server's words that are kept
MOST_LISTED = 100  # lines that InfluxDB Cloud lists of those that it refuses


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: `headers` with names in lower case, `body` as much of it as was read.

    broken: the chunks in which the body came could not be read.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    received_s: float = 0.0  # wall time, seconds since 1970
    broken: bool = False


class Failure(Enum):
    """Why there is no answer."""

    NO_CONNECTION = "no connection"
    BROKEN = "connection broken"
    TIMEOUT = "no answer in time"
    UNTRUSTED = "certificate not trusted"
    ABORTED = "stopped"  # by ourselves


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The request may or may not have been carried out."""

    failure: Failure
    words: str = ""


_SPEAKS_OF_LINES = re.compile(r"partial write|field type conflict|retention", re.IGNORECASE)
# InfluxDB 1.x answers 500 to a retention policy that does not exist.
_SPEAKS_OF_NO_PLACE = re.compile(r"(retention policy|database) not found", re.IGNORECASE)
# InfluxDB 2.x answers 400 to a request that names none: of the request, not of its lines.
_SPEAKS_OF_NO_ORGANISATION = re.compile(r"provide either orgID or org\b", re.IGNORECASE)
# A full cache passes; InfluxDB 1.x may put it into the words of a partial write.
_SPEAKS_OF_MEMORY = re.compile(r"cache-max-memory-size exceeded")
_QUOTED = re.compile(r"unable to parse '")
_CONFLICT = re.compile(
    r'input field "(?P<field>.*?)" on measurement "(?P<measurement>.*?)" is type (?P<type>\w+)', re.DOTALL
)
_COLUMN_CONFLICT = re.compile(
    r"column (?:type for column )?'?(?P<field>[^']*?)'?(?:,| is type) .*?"
    r"(?:got|write has type) iox::column_type::field::(?P<type>\w+)",
    re.DOTALL,
)
_LINE_NUMBER = re.compile(r"\b(?:error parsing|at|on|in) line (\d{1,9})")
_DROPPED = re.compile(r"\bdropped=(\d{1,9})\b")
_MESSAGE = re.compile(r'"(?:message|error)"\s*:\s*"((?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*)', re.DOTALL)
# In JSON a quote inside a text has a backslash before it.
_NUMBERED = re.compile(rb'"line(?:_number)?"\s{0,9}:\s{0,9}(\d{1,9})(?=[\s,}])')
_LOOKED_AT_BYTES = 4096  # of a page, for its title
_MAX_TITLE = 200
_TITLE = re.compile(r"<title[^>]{0,200}>(.{1,1000}?)</title", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<[^>]{0,1000}>")
# Header fields that stores have (InfluxDB and VictoriaMetrics, InfluxDB 3, GreptimeDB), and no web server.
_OF_STORES = re.compile("x-influxdb-(build|version)|cluster-uuid|x-greptime-.*")
_DELAY = re.compile(r"\d+(?:\.\d*)?(?:[eE]\+?\d+)?")


def judge(answer: Answer | Unanswered) -> Verdict:
    """Return the verdict on an answer, or on having none."""
    if isinstance(answer, Unanswered):
        if answer.failure is Failure.UNTRUSTED:
            return Hold(HoldCause.UNTRUSTED, _shown(answer.words))
        return Retry(_shown(": ".join(filter(None, (answer.failure.value, answer.words)))))
    status = answer.status
    is_success = 200 <= status < 300
    if is_success and (settled := _judge_success(answer)):
        return settled
    message = _message(answer.body)
    speaks_of_lines = (
        is_success or status in (400, 422) or (status == 500 and _SPEAKS_OF_LINES.search(message))
    )
    if speaks_of_lines and not _SPEAKS_OF_MEMORY.search(message):
        if _SPEAKS_OF_NO_PLACE.search(message):
            return Hold(HoldCause.NOT_FOUND, _shown(message))
        if _SPEAKS_OF_NO_ORGANISATION.search(message):
            return Hold(HoldCause.UNNAMED, _shown(message))
        refusal = _refusal(answer.body, message)
        return Rejected(replace(refusal, others_stored=is_success and _lists_all(refusal, answer.body)))
    if status in (401, 403):
        return Hold(HoldCause.CREDENTIALS, _shown(message))
    if status == 404:
        cause = HoldCause.NOT_FOUND if _json_object(answer.body) else HoldCause.NO_ENDPOINT
        return Hold(cause, _shown(message))
    if status == 413:
        return Split(_shown(message))
    if 300 <= status < 400:
        return Hold(HoldCause.REDIRECTED, _shown(answer.headers.get("location", "")))
    if 400 <= status < 500 and status not in (400, 408, 422, 429):
        return Hold(HoldCause.REFUSED, _shown(f"HTTP {status} {message}"))
    return Retry(
        _shown(f"HTTP {status} {message}"),
        after_s=retry_after_s(answer),
        sign=re.sub(rb"\d+", b"0", answer.body) if status == 500 else b"",
    )


def _judge_success(answer: Answer) -> Acknowledged | Hold | None:
    """Return what a 2xx means; None if it refuses lines, as a 400 does."""
    body = answer.body.strip()
    parsed = _json_object(body)
    if parsed is not None or body.startswith(b"{"):  # JSON, or the beginning of it
        message = _message(body) if parsed is None or _says(parsed) else ""
        if _SPEAKS_OF_LINES.search(message) or _refusal(body, message).names_lines:
            return None
    is_malformed = answer.broken or _length(answer).startswith("-")
    if answer.status == 204 and not body and not is_malformed and _kind(answer) != "text/html":
        return Acknowledged()
    return Hold(HoldCause.NO_DATABASE, _description(answer))


def shows_a_store(answer: Answer) -> bool:
    """Return whether the header names a store, which is more than any server does that answers 204."""
    return any(map(_OF_STORES.fullmatch, answer.headers))


def _says(parsed: Mapping[str, Any]) -> bool:
    """Return whether a JSON object has words for people, where stores have them."""
    return any(isinstance(parsed.get(key), str) for key in ("message", "error"))


def says_made(answer: Answer | Unanswered) -> bool:
    """Return whether a store says that it made a bucket (201) or a database (200, results of InfluxQL)."""
    if not isinstance(answer, Answer) or answer.broken:
        return False
    parsed = _json_object(answer.body) or {}
    results = parsed.get("results")
    if answer.status == 200 and isinstance(results, list):
        return bool(results) and all(isinstance(one, dict) and "error" not in one for one in results)
    return answer.status == 201 and isinstance(parsed.get("id"), str)


def _description(answer: Answer) -> str:
    """Return what answered, for people: status, kind, and the title or beginning of the page."""
    text = answer.body[:_LOOKED_AT_BYTES].decode("utf-8", "replace")
    title = _TITLE.search(text)
    words = _shown(title[1] if title else _MARKUP.sub(" ", text))[:_MAX_TITLE]
    if answer.broken:
        words = "chunks that cannot be read"
    elif _length(answer).startswith("-"):
        words = f"a length of {_length(answer)}"
    words = words or "an empty body"
    return _shown(" ".join(filter(None, (f"HTTP {answer.status}", _kind(answer)))) + f": {words}")


def _kind(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _length(answer: Answer) -> str:
    return answer.headers.get("content-length", "").strip()


def retry_after_s(answer: Answer) -> float:
    """Return the Retry-After header in seconds (RFC 9110, 10.2.3), 600 at most; 0 without a usable one.

    A date is compared with the server's own Date, since our clock may be wrong.
    """
    text = answer.headers.get("retry-after", "").strip()
    if _DELAY.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER_S)
    until_s = _http_date_s(text)
    if until_s is None:
        return 0.0
    now_s = _http_date_s(answer.headers.get("date", ""))
    return min(max(until_s - (answer.received_s if now_s is None else now_s), 0.0), MAX_RETRY_AFTER_S)


def _http_date_s(text: str) -> float | None:
    from email.utils import parsedate_to_datetime  # few servers write dates there

    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _message(body: bytes) -> str:
    """Return the message of a JSON answer, even of one that was cut off; otherwise the text as it is."""
    parsed = _json_object(body) or {}
    for key in ("message", "error"):
        if isinstance(parsed.get(key), str):
            return str(parsed[key])
    text = body.decode("utf-8", "replace")
    if not parsed and text.lstrip().startswith("{") and (cut_off := _MESSAGE.search(text)):
        with contextlib.suppress(ValueError):
            return str(json.loads(f'"{cut_off[1]}"', strict=False))
    return text


def _shown(words: str) -> str:
    """Return one bounded, printable line for logs. (A surrogate from a JSON escape could not be written.)"""
    return " ".join(printable(words[:MAX_WORDS], " ").split())


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _refusal(body: bytes, message: str) -> RefusalReport:
    details = list(_details(body))
    words = _shown(" ".join([message, *dict.fromkeys(reason for _, reason in details)]))
    quoted = tuple(_QUOTED.split(message)[1:])
    if quoted:  # the rest of the message may be anything, being taken from the lines
        return RefusalReport(words, quoted=quoted)
    numbers = {number for number, _ in details} | {int(text) for text in _LINE_NUMBER.findall(message)}
    if line_numbers := tuple(sorted(number for number in numbers if number > 0)):
        return RefusalReport(words, line_numbers=line_numbers)
    dropped = _DROPPED.findall(message)
    return RefusalReport(
        words,
        conflict=_field_conflict(message),
        dropped=int(dropped[-1]) if dropped else 0,
        beyond_retention="retention policy" in message.lower(),
    )


def _details(body: bytes) -> Iterator[tuple[int, str]]:
    """Yield numbers and reasons of lines as InfluxDB 3 lists them; InfluxDB Cloud numbers the first.

    Of an answer that was cut off those that came: what is not named yet is named when the rest is sent again.
    """
    parsed = _json_object(body)
    if parsed is None:
        if body.lstrip().startswith(b"{"):
            yield from ((int(number), "") for number in _NUMBERED.findall(body))
        return
    data = parsed.get("data")
    for detail in data if isinstance(data, list) else [data]:
        if isinstance(detail, dict) and type(detail.get("line_number")) is int:
            yield detail["line_number"], str(detail.get("error_message", ""))
    if type(parsed.get("line")) is int:
        yield parsed["line"], ""


def _lists_all(refusal: RefusalReport, body: bytes) -> bool:
    """Return whether a 2xx lists every line that it refuses, and not the first of many alone."""
    parsed = _json_object(body) or {}
    return isinstance(parsed.get("data"), list) and 0 < len(refusal.line_numbers) < MOST_LISTED


def _field_conflict(message: str) -> FieldConflict | None:
    if found := _CONFLICT.search(message):
        return FieldConflict(found["measurement"], found["field"], found["type"])
    if found := _COLUMN_CONFLICT.search(message):
        return FieldConflict("", found["field"], found["type"].replace("uinteger", "unsigned"))
    return None
