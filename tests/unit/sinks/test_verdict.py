"""What answers mean; the texts are what InfluxDB 1.6.7, 2.8.0 and 3 really answer."""

import json
from dataclasses import replace

import pytest

from telemetry.sinks.influx.verdict import (
    Answer,
    Failure,
    Unanswered,
    judge,
    retry_after_s,
    says_made,
    shows_a_store,
)
from telemetry.sinks.verdict import (
    Acknowledged,
    FieldConflict,
    Hold,
    HoldCause,
    RefusalReport,
    Rejected,
    Retry,
    Split,
)

JSON = {"content-type": "application/json"}


def refusal(status: int, body: str) -> RefusalReport:
    verdict = judge(Answer(status, JSON, body.encode()))
    assert isinstance(verdict, Rejected), verdict
    return verdict.refusal


def held(status: int, body: str | bytes = "") -> Hold:
    verdict = judge(Answer(status, JSON, body.encode() if isinstance(body, str) else body))
    assert isinstance(verdict, Hold), verdict
    return verdict


# -- 2xx

PAGE = b"<!DOCTYPE html><html><head><title>Welcome to\n nginx!</title></head><body>It works</body></html>"
PORTAL = b"<html><body>Please accept the terms of this network</body></html>"
# As the documentation of InfluxDB Cloud Dedicated (201) and Serverless (204) has it.
PARTIAL = (
    b'{"code":"invalid","message":"partial write has occurred, errors encountered on line(s)","data":['
    b'{"error_message":"invalid column type","line_number":2,"original_line":"m v=\\"line_number\\" 1"},'
    b'{"error_message":"no fields","line_number":5,"original_line":"m"}]}'
)


@pytest.mark.parametrize("body", [b"", b"\r\n"])
@pytest.mark.parametrize("headers", [{}, JSON, {"content-length": "0"}])
def test_of_answers_without_a_body_a_204_alone_is_acknowledged(headers: dict[str, str], body: bytes) -> None:
    assert judge(Answer(204, headers, body)) == Acknowledged()
    for status in (200, 201, 202, 299):
        verdict = judge(Answer(status, headers, body))
        assert isinstance(verdict, Hold)
        assert verdict.cause is HoldCause.NO_DATABASE
        assert verdict.words.endswith(": an empty body")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(204, {"content-type": "Text/HTML; charset=utf-8"}), "HTTP 204 text/html: an empty body"),
        (Answer(204, {"content-length": "-1"}), "HTTP 204: a length of -1"),
        (Answer(200, {"content-length": "-1"}, b"{}"), "HTTP 200: a length of -1"),
        (Answer(204, {}, broken=True), "HTTP 204: chunks that cannot be read"),
    ],
)
def test_a_2xx_that_contradicts_itself_is_not_an_acknowledgement(answer: Answer, words: str) -> None:
    assert judge(answer) == Hold(HoldCause.NO_DATABASE, words)


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"x-influxdb-version": "1.8.0", "x-server-hostname": "vm"}, True),
        ({"x-influxdb-build": "OSS"}, True),
        ({"cluster-uuid": "d34f"}, True),
        ({"server": "nginx", "x-version": "2", "x-influxdb-token": "?"}, False),
    ],
)
def test_a_store_is_known_by_its_header(headers: dict[str, str], shown: bool) -> None:
    assert shows_a_store(Answer(204, headers)) is shown


BUCKET = b'{"id":"08","orgID":"15","type":"user","name":"cars","retentionRules":[],"labels":[]}'


@pytest.mark.parametrize(
    ("answer", "made"),
    [
        (Answer(201, JSON, BUCKET), True),
        (Answer(200, JSON, b'{"results":[{"statement_id":0}]}'), True),
        (Answer(200, JSON, b'{"results":[{}]}'), True),  # of InfluxDB before 1.0
        (Answer(200, JSON, b'{"results":[{"statement_id":0,"error":"not executed"}]}'), False),
        (Answer(200, JSON, b'{"results":[]}'), False),
        (Answer(200, JSON, b'{"results":[0]}'), False),
        (Answer(200, JSON, b"{}"), False),
        (Answer(200, JSON, BUCKET), False),
        (Answer(201, JSON, b'{"id":8}'), False),
        (Answer(201, JSON, BUCKET, broken=True), False),
        (Answer(204), False),
        (Unanswered(Failure.TIMEOUT), False),
    ],
)
def test_a_bucket_or_database_is_made_where_a_store_says_so(answer: Answer | Unanswered, made: bool) -> None:
    assert says_made(answer) is made
    assert judge(answer) != Acknowledged() or answer == Answer(204)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.parametrize(
    "body",
    [
        *(PAGE, PORTAL, b"OK", b"[]", b"null", b'"ok"', b"{", b"\xff\xfe", b"[" * 9999),
        *(b"{}", b'{"message":"please log in"}', b'{"status":"error","reason":"x"}', b'{"error":""}'),
        *(b' {"results":[{"statement_id":0}]}\n', b'{"code":0,"message":"accepted"}', BUCKET),
        *(b'{"error":"unknown route"}', b'{"errors":true,"items":[]}'),
        b'{"code":"unauthorized","message":"unauthorized access"}',
    ],
)
def test_a_2xx_that_no_store_gives_holds(status: int, body: bytes) -> None:
    assert held(status, body).cause is HoldCause.NO_DATABASE


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("text/html; charset=utf-8", PAGE, "HTTP 200 text/html: Welcome to nginx!"),
        ("text/html", PORTAL, "HTTP 200 text/html: Please accept the terms of this network"),
        ("", b"OK", "HTTP 200: OK"),
        ("application/json", b'{"message":"log in"}', 'HTTP 200 application/json: {"message":"log in"}'),
    ],
)
def test_what_answers_in_place_of_a_database_is_described(kind: str, body: bytes, words: str) -> None:
    headers = {"content-type": kind} if kind else {}
    assert judge(Answer(200, headers, body)) == Hold(HoldCause.NO_DATABASE, words)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_2xx_that_names_rejected_lines_means_what_a_400_that_names_them_does(status: int) -> None:
    found = refusal(status, PARTIAL.decode())
    assert found.line_numbers == (2, 5)
    assert found == replace(refusal(400, PARTIAL.decode()), others_stored=True)


@pytest.mark.parametrize(
    ("status", "count", "others_stored"),
    [(201, 1, True), (201, 99, True), (201, 100, False), (204, 99, True), (400, 1, False)],
)
def test_only_a_2xx_that_lists_fewer_lines_than_a_server_lists_at_most_says_that_the_others_are_stored(
    status: int, count: int, others_stored: bool
) -> None:
    details = [{"error_message": "m", "line_number": number + 1} for number in range(count)]
    assert refusal(status, json.dumps({"data": details})).others_stored is others_stored


def test_a_2xx_that_names_the_first_rejected_line_alone_does_not_say_that_the_others_are_stored() -> None:
    found = refusal(204, '{"code":"invalid","line":3,"message":"partial write has occurred"}')
    assert found.line_numbers == (3,)
    assert not found.others_stored


@pytest.mark.parametrize("status", [201, 204, 400])
def test_of_an_answer_that_was_cut_off_the_lines_that_it_names_are_taken(status: int) -> None:
    assert refusal(status, PARTIAL[: PARTIAL.index(b',"original_line":"m"')].decode()).line_numbers == (2,)
    assert refusal(status, PARTIAL[: PARTIAL.index(b"}]}") - 1].decode()).line_numbers == (2, 5)


def test_a_partial_write_that_names_no_line_is_isolated_like_any_other() -> None:
    found = refusal(201, '{"code":"invalid","message":"partial write has occurred"}')
    assert not found.names_lines


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_are_refused_hold(status: int) -> None:
    verdict = held(status, '{"code":"unauthorized","message":"unauthorized access"}')
    assert verdict == Hold(HoldCause.CREDENTIALS, "unauthorized access")


def test_404_in_json_is_a_missing_bucket_or_database() -> None:
    assert held(404, '{"code":"not found","message":"bucket \\"b\\" not found"}').cause is HoldCause.NOT_FOUND
    assert held(404, '{"error":"database not found: \\"d\\""}').cause is HoldCause.NOT_FOUND


def test_400_of_a_request_without_an_organisation_holds_and_refuses_no_line() -> None:
    verdict = held(400, '{"code":"invalid","message":"Please provide either orgID or org"}')
    assert verdict == Hold(HoldCause.UNNAMED, "Please provide either orgID or org")


@pytest.mark.parametrize("body", ["404 page not found\n", "", "<html>404</html>", '"text"', "[]", "null"])
def test_404_that_is_no_json_object_is_a_missing_endpoint(body: str) -> None:
    assert held(404, body).cause is HoldCause.NO_ENDPOINT


def test_a_missing_retention_policy_is_a_missing_place_though_it_is_a_500() -> None:
    verdict = held(500, '{"error":"retention policy not found: \\"weekly\\""}')
    assert verdict.cause is HoldCause.NOT_FOUND


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
def test_3xx_holds(status: int) -> None:
    verdict = judge(Answer(status, {"location": "https://elsewhere/"}))
    assert verdict == Hold(HoldCause.REDIRECTED, "https://elsewhere/")


@pytest.mark.parametrize("status", [402, 405, 406, 409, 410, 411, 414, 415, 418, 431, 451])
def test_other_4xx_hold_as_a_refused_request(status: int) -> None:
    assert held(status).cause is HoldCause.REFUSED


def test_413_is_split() -> None:
    verdict = judge(Answer(413, JSON, b'{"error":"Request Entity Too Large"}'))
    assert verdict == Split("Request Entity Too Large")


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 507, 520, 599])
def test_a_server_in_trouble_is_asked_again(status: int) -> None:
    verdict = judge(Answer(status, {}, b"busy"))
    assert isinstance(verdict, Retry)
    assert verdict.reason == f"HTTP {status} busy"
    assert bool(verdict.sign) == (status == 500)


@pytest.mark.parametrize("failure", [f for f in Failure if f is not Failure.UNTRUSTED])
def test_no_answer_is_asked_again(failure: Failure) -> None:
    assert judge(Unanswered(failure, "words")) == Retry(f"{failure.value}: words")
    assert judge(Unanswered(failure)) == Retry(failure.value)


def test_a_certificate_that_is_not_trusted_holds() -> None:
    assert judge(Unanswered(Failure.UNTRUSTED, "expired")) == Hold(HoldCause.UNTRUSTED, "expired")


# -- 500


def test_500s_are_identical_when_only_their_numbers_differ() -> None:
    first = judge(Answer(500, {}, b"request 17 from 10.0.0.1:4711 failed"))
    second = judge(Answer(500, {}, b"request 18 from 10.0.0.1:4712 failed"))
    assert isinstance(first, Retry)
    assert isinstance(second, Retry)
    assert first.sign == second.sign != b""


@pytest.mark.parametrize(
    "message",
    [
        "partial write: points beyond retention policy dropped=3",
        'field type conflict: input field "v" on measurement "m" is type string, already exists as float',
    ],
)
def test_a_500_that_speaks_of_lines_rejects_them(message: str) -> None:
    assert refusal(500, json.dumps({"error": message})).words == message


@pytest.mark.parametrize("status", [400, 500])
def test_a_full_cache_passes(status: int) -> None:
    body = b'{"error":"partial write: engine: cache-max-memory-size exceeded: (107/100) dropped=0"}'
    assert isinstance(judge(Answer(status, {}, body)), Retry)


# -- Retry-After (600 s at most; RFC 9110, 10.2.3)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        ("17", 17),
        ("599.5", 599.5),
        ("600", 600),
        ("601", 600),
        ("1000000000000", 600),
        ("1e12", 600),
        ("1e999", 600),
        ("9" * 5000, 600),
        ("-1", 0),
        ("", 0),
        ("soon", 0),
        ("1_0", 0),
        ("NaN", 0),
        ("inf", 0),
        ("0x10", 0),
        ("Wed, 25 Nov 2026 10:00:30 GMT", 30),
        ("Wed, 25 Nov 2026 09:00:00 GMT", 0),
        ("Wed, 25 Nov 2099 09:00:00 GMT", 600),
        ("Wednesday, 25-Nov-26 10:00:30 GMT", 30),
        ("Wed, 99 Nov 2026 10:00:30 GMT", 0),
        ("Wed, 25 Nov 99999999 10:00:30 GMT", 0),
    ],
)
def test_retry_after(text: str, seconds: float) -> None:
    now_s = 1_795_600_800.0  # 2026-11-25 10:00:00 UTC
    assert retry_after_s(Answer(503, {"retry-after": text}, received_s=now_s)) == seconds


def test_a_date_is_compared_with_the_servers_own_clock() -> None:
    headers = {"retry-after": "Wed, 25 Nov 2026 10:00:30 GMT", "date": "Wed, 25 Nov 2026 10:00:10 GMT"}
    assert retry_after_s(Answer(503, headers, received_s=0.0)) == 20
    assert judge(Answer(429, headers)) == Retry("HTTP 429", after_s=20.0)


# -- what a refusal names


def test_influxdb_2_quotes_each_line_that_does_not_parse() -> None:
    found = refusal(
        400,
        '{"code":"invalid","message":"unable to parse \'m v=oops 14\': invalid boolean\\n'
        "unable to parse 'm,x v=3 15': missing tag value\"}",
    )
    assert found.quoted == ("m v=oops 14': invalid boolean\n", "m,x v=3 15': missing tag value")
    assert found.words.startswith("unable to parse 'm v=oops 14': invalid boolean unable to parse")


def test_influxdb_1_says_that_nothing_was_dropped_when_lines_do_not_parse() -> None:
    found = refusal(
        400, '{"error":"partial write: unable to parse \'m v=NaN 16\': invalid number dropped=0"}\n'
    )
    assert found.quoted == ("m v=NaN 16': invalid number dropped=0",)
    assert found.dropped == 0


def test_words_inside_a_quoted_line_are_not_the_servers() -> None:
    found = refusal(400, """{"message":"unable to parse 'm s=\\"at line 5 dropped=7\\" x': bad timestamp"}""")
    assert found.line_numbers == ()
    assert found.dropped == 0


def test_a_type_conflict_names_measurement_field_and_type() -> None:
    found = refusal(
        422,
        '{"code":"unprocessable entity","message":"failure writing points to database: partial write: field '
        'type conflict: input field \\"a=b c\\" on measurement \\"m x,y\\" is type boolean, already exists '
        'as type float dropped=1"}',
    )
    assert found.conflict == FieldConflict("m x,y", "a=b c", "boolean")
    assert found.dropped == 1


def test_points_beyond_retention_are_counted() -> None:
    old = refusal(400, '{"error":"partial write: points beyond retention policy dropped=2"}\n')
    new = refusal(
        422,
        '{"code":"unprocessable entity","message":"failure writing points to database: partial write: '
        "dropped 2 points outside retention policy of duration 1h0m0s - oldest point m at 1970-01-01 "
        "dropped because it violates a Retention Policy Lower Bound at 2026-11-25T00:39:25.1Z, newest point "
        "m at 1970-01-01T00:00:00.000000002Z dropped because it violates a Retention Policy Lower Bound at "
        '2026-11-25T00:39:25.1Z dropped=2 for database: 4b832bf2d4352e83 for retention policy: autogen"}',
    )
    assert (old.dropped, old.beyond_retention) == (new.dropped, new.beyond_retention) == (2, True)


def test_influxdb_3_lists_numbers_of_lines() -> None:
    found = refusal(
        400,
        '{"error":"partial write of line protocol occurred","data":[{"original_line":"m v=a","line_number":2,'
        '"error_message":"no digits"},{"original_line":"m","line_number":7,"error_message":"no fields"}]}',
    )
    assert found.line_numbers == (2, 7)
    assert found.words == "partial write of line protocol occurred no digits no fields"


def test_influxdb_3_gives_the_only_line_without_a_list() -> None:
    found = refusal(
        400,
        '{"error":"parsing failed for write_lp endpoint","data":{"original_line":"m","line_number":3,'
        '"error_message":"no fields"}}',
    )
    assert found.line_numbers == (3,)


def test_influxdb_cloud_gives_numbers_in_its_words() -> None:
    found = refusal(
        400,
        '{"code":"invalid","line":2,"message":"failed to parse line protocol: errors encountered on line(s):'
        '\\nerror parsing line 2 (1-based): Invalid measurement\\nerror parsing line 4 (1-based): no stamp"}',
    )
    assert found.line_numbers == (2, 4)


def test_a_column_conflict_names_field_and_type() -> None:
    found = refusal(
        400,
        '{"error":"invalid column type for column \'v\', expected iox::column_type::field::float, got '
        'iox::column_type::field::uinteger"}',
    )
    assert found.conflict == FieldConflict("", "v", "unsigned")
    found = refusal(
        400,
        '{"code":"invalid","message":"dml handler error: schema conflict: column foo is type tag but write '
        'has type iox::column_type::field::string"}',
    )
    assert found.conflict == FieldConflict("", "foo", "string")


@pytest.mark.parametrize("newline", ["\\n", "\n"])  # as JSON has it, and as it comes all the same
def test_a_message_that_was_cut_off_is_understood_as_far_as_it_goes(newline: str) -> None:
    one, other = r"unable to parse 'm v=\"x 14': bad", r"unable to parse 'm w=\u00"
    body = f'{{"code":"invalid","message":"{one}{newline}{other}'
    assert refusal(400, body).quoted == ("m v=\"x 14': bad\n", "m w=")


def test_words_are_one_bounded_printable_line() -> None:
    verdict = judge(Answer(400, {}, b'{"message":"a\\u0000\\ud800\\u001b[31m\\nb' + b"c" * 5000 + b'"}'))
    assert isinstance(verdict, Rejected)
    words = verdict.refusal.words
    assert words.encode()
    assert words.isprintable()
    assert words.startswith("a [31m b")
    assert len(words) <= 1000


def test_lines_are_counted_from_1_and_a_number_that_is_none_names_no_line() -> None:
    details = [{"line_number": number, "error_message": "x"} for number in (0, -1, 2, 2)]
    assert refusal(400, json.dumps({"error": "partial write", "data": details})).line_numbers == (2,)
    assert refusal(400, json.dumps({"code": "invalid", "message": "x", "line": 0})).line_numbers == ()
    assert refusal(400, json.dumps({"code": "invalid", "message": "x", "line": 1})).line_numbers == (1,)
