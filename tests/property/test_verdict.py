"""The verdict on any answer whatever."""

from hypothesis import given
from hypothesis import strategies as st

from telemetry.sink.verdict import (
    MAX_RETRY_AFTER_S,
    MAX_WORDS,
    Answer,
    Hold,
    Rejected,
    Retry,
    judge,
    retry_after_s,
)

json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["message", "error", "data", "line"]), inner)
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
    st.sampled_from([204, 307, 400, 401, 404, 413, 418, 422, 429, 500, 503]),
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


@given(st.text(), st.text(), st.floats(0, 1e11))
def test_any_retry_after_is_a_wait_of_at_most_ten_minutes(text: str, date: str, now_s: float) -> None:
    answer = Answer(503, {"retry-after": text, "date": date}, received_s=now_s)
    assert 0.0 <= retry_after_s(answer) <= MAX_RETRY_AFTER_S
