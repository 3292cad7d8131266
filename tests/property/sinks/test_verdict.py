"""The verdict on any answer whatever."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from telemetry.sinks.influx.verdict import MAX_RETRY_AFTER_S, MAX_WORDS, Answer, judge, retry_after_s
from telemetry.sinks.verdict import Acknowledged, Hold, Rejected, Retry

json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["message", "error", "data", "line", "code", "results", "status", "id"])
            | st.text(),
            inner,
        )
    ),
)
fragments = st.sampled_from(
    [
        b'{"message":"',
        b'{"error":"',
        b"unable to parse '",
        b"': ",
        b"\\n",
        b"\\ud800",
        b"\\u12",
        b"\\x",
        b'input field "',
        b'" on measurement "',
        b'" is type ',
        b"dropped=",
        b"9" * 30,
        b"error parsing line ",
        b"retention policy",
        b'"}',
        b"[" * 5000,
        b"\xff",
    ]
)
bodies = (
    st.binary(max_size=200)
    | st.lists(fragments, max_size=12).map(b"".join)
    | json_like.map(repr).map(str.encode)
)


@given(
    st.sampled_from([200, 201, 204, 299, 307, 400, 401, 404, 413, 415, 418, 422, 429, 500, 503]),
    st.dictionaries(st.sampled_from(["retry-after", "date", "location"]), st.text()),
    bodies,
)
def test_every_answer_has_a_verdict_with_printable_words(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    verdict = judge(Answer(status, headers, body))
    words = ""
    if isinstance(verdict, Rejected):
        words = verdict.refusal.words
        assert all(number > 0 for number in verdict.refusal.line_numbers)
        assert verdict.refusal.dropped >= 0
    elif isinstance(verdict, Retry):
        words = verdict.reason
        assert 0.0 <= verdict.after_s <= MAX_RETRY_AFTER_S
    elif isinstance(verdict, Hold):
        words = verdict.words
    words.encode()
    assert words.isprintable()
    assert len(words) <= MAX_WORDS


@given(
    st.integers(0, 999),
    st.dictionaries(st.text(), st.text(), max_size=3),
    st.one_of(
        bodies, json_like.map(json.dumps).map(str.encode), st.sampled_from([b"", b"{}", b"<html>", b"OK"])
    ),
)
@example(204, {}, b"")
def test_an_acknowledgement_is_a_204_without_a_body(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    if isinstance(judge(Answer(status, headers, body)), Acknowledged):
        assert (status, body.strip()) == (204, b"")


@given(st.integers(200, 299), st.dictionaries(st.text(), json_like).map(json.dumps))
@example(200, '{"message": "please log in"}')
@example(204, "{}")
def test_no_json_object_is_an_acknowledgement_and_what_names_no_line_holds_or_is_isolated(
    status: int, body: str
) -> None:
    verdict = judge(Answer(status, {"content-type": "application/json"}, body.encode()))
    assert isinstance(verdict, Hold | Rejected)
    assert isinstance(verdict, Hold) or verdict.refusal.names_lines or "retention" in body.lower()


@given(
    st.sampled_from([200, 201, 204, 400, 422]), st.lists(st.integers(1, 99), min_size=1), st.integers(1, 400)
)
def test_a_line_that_an_answer_names_is_never_acknowledged_and_only_named_lines_are_taken_out(
    status: int, named: list[int], most_bytes: int
) -> None:
    details = [
        {"error_message": "m", "line_number": number, "original_line": 'a"line":7 '} for number in named
    ]
    body = json.dumps({"code": "invalid", "message": "partial write has occurred", "data": details}).encode()
    verdict = judge(Answer(status, {}, body[:most_bytes]))
    if isinstance(verdict, Rejected):
        assert set(verdict.refusal.line_numbers) <= set(named)
        assert len(body) > most_bytes or set(verdict.refusal.line_numbers) == set(named)
    else:
        assert len(body) > most_bytes


@given(st.text(), st.text(), st.floats(0, 1e11))
def test_any_retry_after_is_a_wait_of_at_most_ten_minutes(text: str, date: str, now_s: float) -> None:
    answer = Answer(503, {"retry-after": text, "date": date}, received_s=now_s)
    assert 0.0 <= retry_after_s(answer) <= MAX_RETRY_AFTER_S
