"""Any bytes, in any pieces: requests or one refusal, nothing else, in bounded memory."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.web.http import Request, RequestError, RequestParser

MAX_HEAD_BYTES = 8192
BIG = 3 * MAX_HEAD_BYTES
HEAD_PIECES = st.sampled_from(
    [
        *(b"GET", b"HEAD", b"POST", b" ", b"/", b"/events?x=1", b" HTTP/1.1", b" HTTP/1.0"),
        *(b"Host: a", b"host:b", b"Connection: close", b"Content-Length: 5", b": "),
        *(b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"\x00", b"\xff"),
    ]
)
WHOLE = [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HEAD /b HTTP/1.1\r\nhost: b\r\nConnection: close\r\n\r\n"]
STREAMS = st.one_of(
    st.binary(max_size=300),
    st.lists(st.one_of(st.sampled_from(WHOLE), HEAD_PIECES), max_size=40).map(b"".join),
    st.lists(HEAD_PIECES, max_size=40).map(b"".join),
    st.integers(0, BIG).map(lambda count: b"GET / HTTP/1.1\r\nA: " + b"a" * count),
)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[begin:end] for begin, end in pairwise(edges)]


def parsed(chunks: list[bytes]) -> list[Request | str]:
    """Return all requests, and the words of the refusal that ends them."""
    parser, found = RequestParser(), list[Request | str]()
    for chunk in chunks:
        parser.feed(chunk)
        try:
            while (request := parser.next()) is not None:
                found.append(request)
        except RequestError as error:
            return [*found, error.words]
    return found


@settings(deadline=None)  # on a busy machine
@given(stream=STREAMS, cuts=st.lists(st.integers(0, BIG), max_size=10))
def test_the_same_bytes_make_the_same_requests_however_they_are_cut(stream: bytes, cuts: list[int]) -> None:
    assert parsed(pieces(stream, cuts)) == parsed([stream])


@settings(deadline=None)  # on a busy machine
@given(stream=STREAMS)
def test_byte_by_byte_is_no_different(stream: bytes) -> None:
    stream = stream[: MAX_HEAD_BYTES + 100]
    assert parsed([stream[index : index + 1] for index in range(len(stream))]) == parsed([stream])


@settings(deadline=None)  # on a busy machine
@given(stream=STREAMS)
def test_what_is_kept_of_a_request_that_is_not_whole_is_bounded(stream: bytes) -> None:
    parser = RequestParser()
    try:
        for index in range(0, len(stream), 1000):
            parser.feed(stream[index : index + 1000])
            while parser.next() is not None:
                pass
            assert parser.waiting_bytes <= MAX_HEAD_BYTES
    except RequestError:
        pass


NAMES = st.from_regex(r"x-[a-z]{1,10}", fullmatch=True)
VALUES = st.from_regex(r"([!-~]([ -~]{0,20}[!-~])?)?", fullmatch=True)


@settings(deadline=None)  # on a busy machine
@given(
    path=st.from_regex(r"/[!-~]{0,30}", fullmatch=True),
    fields=st.dictionaries(NAMES, VALUES, max_size=10),
    count=st.integers(1, 5),
)
def test_what_a_client_writes_is_read_back(path: str, fields: dict[str, str], count: int) -> None:
    lines = [f"GET {path} HTTP/1.1", "Host: here", *(f"{name}: {value}" for name, value in fields.items())]
    found = parsed(["\r\n".join([*lines, "", ""]).encode("latin-1") * count])
    request = Request("GET", path.partition("?")[0], {"host": "here", **fields}, keep_alive=True)
    assert found == [request] * count
