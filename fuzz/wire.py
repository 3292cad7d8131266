"""What devices, servers and browsers send: any bytes, in any pieces, are understood as the models do."""

import http.client
import io

from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import BusSpec, PlanSpec
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.schema import Schema
from telemetry_core.serial.framing import TextFraming
from telemetry_core.transport.stage import Transport

from telemetry.framing.framing import Framing
from telemetry.protocols.serial.jbd import JBD
from telemetry.protocols.serial.vedirect import VEDIRECT
from telemetry.sinks.influx.verdict import MAX_RETRY_AFTER_S, MAX_WORDS, Answer, judge
from telemetry.sinks.verdict import Acknowledged, Hold, Rejected, Retry
from telemetry.web.connection import Answer as WebAnswer
from telemetry.web.connection import Connection, StatusFeed, Stream
from telemetry.web.http import METHODS, Request, Response
from tests.support.framer_models import MessageModel, TextModel
from tests.support.framing import feed_pieces
from tests.support.transport_model import TransportModel

EXTENDED = 0x80000000
ISOTP = {0x7E8: (False, False), 0x7E0: (False, True), EXTENDED | 0x18DAF110: (True, False)}
J1939_IDS = tuple(
    EXTENDED | 0x18000000 | format_ << 16 | addresses
    for format_ in (0xEC, 0xEB)
    for addresses in (0x0201, 0x0102, 0xFF01, 0xFF03)
)
IDS = (*ISOTP, *J1939_IDS, EXTENDED | 0x18FF50E5, 0x123)
STATUSES = (204, 307, 400, 401, 404, 408, 413, 418, 422, 429, 500, 503)
GREETING = b"event: hello\n\n"
SUCCESSES = (200, 201, 206, 299)  # chosen by the last four values of a byte


def jbd_harness(data: bytes) -> None:
    """Read in pieces; the first byte says how many bytes come at a time."""
    assert isinstance(JBD.framing, Framing)
    stream = data[1:]
    model = MessageModel(JBD.framing, stream)
    framer = JBD.make_framer()
    frames = feed_pieces(framer, _pieces(data))
    assert [(frame.id, frame.data) for frame in frames] == [found[:2] for found in model.found]
    assert framer.counts() == {name: model.counts[name] for name in framer.counts()}


def vedirect_harness(data: bytes) -> None:
    """Read in pieces; the first byte says how many bytes come at a time."""
    assert isinstance(VEDIRECT.framing, TextFraming)
    model = TextModel(VEDIRECT.framing, data[1:])
    framer = VEDIRECT.make_framer()
    frames = feed_pieces(framer, _pieces(data))
    assert [(frame.id, frame.data) for frame in frames] == [found[:2] for found in model.found]
    assert framer.counts() == {name: model.counts[name] for name in framer.counts()}


def transport_harness(data: bytes) -> None:
    """Read frames: the first byte is the size of a batch; a frame is an id, a time, and its data."""
    frames = _frames(data[1:])
    model = TransportModel(ISOTP)
    expected = [out for frame in frames for out in model.listen(frame)]
    transport = Transport(Plan(PlanSpec((), (BusSpec("", ()),)), Schema(())))
    transport.bind(0, 0, j1939=True, isotp=[(id, *rule) for id, rule in ISOTP.items()])
    batch = FrameBatch(1 + (data[0] if data else 0))
    found: list[FrameTuple] = []
    for frame in frames:
        batch.append(frame.time_ns, frame.id, frame.data)
        if len(batch) == batch.capacity:
            found += transport.reassemble(batch)
            batch.clear()
    found += transport.reassemble(batch)
    assert found == expected
    counts = transport.counts(0)
    assert (counts["absorbed"], counts["lost/incomplete_session"]) == (model.absorbed[0], model.lost[0])
    assert transport.open_frames(0) == model.open_frames


def verdict_harness(data: bytes) -> None:
    """Judge an answer: the first byte picks a status, the next line is a Retry-After, then the body."""
    chosen = data[0] if data else 0
    status = SUCCESSES[chosen - 252] if chosen >= 252 else STATUSES[chosen % len(STATUSES)]
    header, _, body = data[1:].partition(b"\n")
    verdict = judge(Answer(status, {"retry-after": header.decode("latin-1")}, body))
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
    elif isinstance(verdict, Acknowledged):
        assert (status, body.strip()) == (204, b"")
    words.encode()
    assert words.isprintable()
    assert len(words) <= MAX_WORDS


def http_harness(data: bytes) -> None:
    """Serve in pieces of as many bytes as the first one says: the same requests, a whole answer each."""
    asked, said = _conversation(_pieces(data))
    assert (asked, said) == _conversation([data[1:]])
    for request in asked:
        assert request.method in METHODS
        assert request.path.startswith("/")
        answer, said = _read_answer(said, request.method)
        if request.path == "/events":
            assert said == (GREETING if request.method == "GET" else b"")
            return
        assert answer == (200, request.path.encode() if request.method == "GET" else b"")
    if said:
        (status, words), said = _read_answer(said, "GET")
        assert status in (400, 405, 431, 505)
        assert words
    assert not said


def _conversation(pieces: list[bytes]) -> tuple[list[Request], bytes]:
    """Return what the client has asked, and all that it was sent; it answers at once."""
    asked: list[Request] = []

    def answer(request: Request) -> WebAnswer:
        asked.append(request)
        return (
            Stream(StatusFeed(), GREETING) if request.path == "/events" else Response(request.path.encode())
        )

    connection, said = Connection(answer, 0.0), bytearray()
    for piece in pieces:
        connection.received(piece, 0.0)
        while connection.output:
            said += connection.output
            connection.sent(len(connection.output), 0.0)
    return asked, bytes(said)


def _read_answer(said: bytes, method: str) -> tuple[tuple[int, bytes], bytes]:
    """Status and body, by Python's own reader of heads, and what follows; of a stream the head alone."""
    stream = io.BytesIO(said)
    version, status, _ = stream.readline().split(b" ", 2)
    assert version == b"HTTP/1.1"
    fields = http.client.parse_headers(stream)
    length = int(fields.get("Content-Length", "0")) if method == "GET" else 0
    body = stream.read(length)
    assert len(body) == length
    return (int(status), body), stream.read()


def _pieces(data: bytes) -> list[bytes]:
    size = 1 + data[0] if data else 1
    return [data[begin : begin + size] for begin in range(1, len(data), size)]


def _frames(data: bytes) -> list[FrameTuple]:
    """Compare 200 at most, since the model takes its time; fewer sessions than the core keeps."""
    frames: list[FrameTuple] = []
    at, time_ns = 0, 10**18
    while at + 2 <= len(data) and len(frames) < 200:
        chosen, later = data[at], data[at + 1]
        id = IDS[chosen % len(IDS)]
        byte_count = 8 if id in J1939_IDS or chosen < 224 else 64 if chosen < 240 else chosen % 8
        time_ns += later * 10_000_000 if later < 250 else -(10**9)
        frames.append(FrameTuple(time_ns, id, data[at + 2 : at + 2 + byte_count], 0, 0, 0))
        at += 2 + byte_count
    return frames
