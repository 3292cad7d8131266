"""Requests and answers of several testers on two channels, as can-isotp cuts them into frames."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch

from telemetry.look.exchanges import Exchange, Exchanges
from telemetry.look.pairs import Pair, known_pairs
from telemetry.vehicles.profile import Address
from tests.support.diagnostics import segments
from tests.support.examples import examples
from tests.support.exchanges_model import ExchangesModel, Message

MS = 1_000_000
BEGIN_NS = 1_700_000_000 * 10**9
PAIRS = (
    *map(Pair.read, ("7E4:7EC", "7E0:7E8", "6F1/07:607/F1", "6F1/12:612/F1", "6F4/07:607/F4")),
    Pair(Address(0x7DF), Address(0x7E8), is_functional=True),
    Pair(Address(0x7DF), Address(0x7EC), is_functional=True),
)
OF_11_BITS = [pair for pair in known_pairs() if pair.request.id < 0x800]
ENDS = tuple(dict.fromkeys(end for pair in PAIRS for end in (pair.request, pair.answer)))
ASKING = {pair.request for pair in PAIRS}
LONG = bytes(range(40))
REQUESTS = [
    *map(bytes.fromhex, ("220101", "220102", "2101", "2102", "03", "3E00", "3E80", "1003", "1083", "0902")),
    bytes.fromhex("2E0101") + LONG,
]
ANSWERS = [
    *map(bytes.fromhex, ("62010100", "6201", "6102", "43", "7E00", "5003", "6E0101", "4902")),
    *(bytes.fromhex(head) + LONG for head in ("620101", "620102", "6101", "4902")),
    *map(bytes.fromhex, ("7F2278", "7F2231", "7F2E78", "7F2112", "7F3E12", "7F0978")),
]
GAPS_MS = (1, 3, 40, 4_900, 5_000, 5_001)
# What the model's rules must have decided, lest they say nothing.
BRANCHES = {
    *("positive", "negative 31", "negative 12", "unanswered", "none expected", "unasked", "pending"),
    *("newest", "answered before", "overtaken", "too late", "broken off", "several units"),
    *("overtaken while answering", "not overtaken by what forbids its answer"),
}


@dataclass(frozen=True)
class Said:
    """One message. gap_ms: after the one before it began; lost: which of its frames, of -1 the last one."""

    channel: int
    end: Address
    data: bytes
    gap_ms: int
    spread_ms: int
    lost: int | None


@st.composite
def messages(draw: st.DrawFn) -> Said:
    end = draw(st.sampled_from(ENDS))
    data = draw(st.sampled_from(REQUESTS if end in ASKING else ANSWERS))
    lost = draw(st.sampled_from((None, None, None, 1, -1)))
    gap_ms, spread_ms = draw(st.sampled_from(GAPS_MS)), draw(st.sampled_from((1, 20)))
    return Said(draw(st.integers(0, 1)), end, data, gap_ms, spread_ms, lost)


@st.composite
def conversations(draw: st.DrawFn) -> list[Said]:
    """Return a request, what may be said to it, and anything between."""
    all_of_it = list[Said]()
    for _ in range(draw(st.integers(1, 6))):
        pair, channel = draw(st.sampled_from(PAIRS)), draw(st.integers(0, 1))
        request = draw(st.sampled_from(REQUESTS))
        own = [each.answer for each in PAIRS if each.request == pair.request]
        all_of_it.append(Said(channel, pair.request, request, draw(st.sampled_from(GAPS_MS)), 1, None))
        fits = [each for each in ANSWERS if each[0] == request[0] + 0x40 or each[:2] == b"\x7f" + request[:1]]
        for answer in draw(st.lists(st.sampled_from(fits or ANSWERS), max_size=3)):
            lost = draw(st.sampled_from((None, None, 1)))
            gap_ms, end = draw(st.sampled_from(GAPS_MS)), draw(st.sampled_from(own))
            all_of_it.append(Said(channel, end, answer, gap_ms, 20, lost))
        all_of_it += draw(st.lists(messages(), max_size=2))
    return all_of_it


def said(end: str, data: str, gap_ms: int = 3, lost: int | None = None) -> Said:
    long = LONG if data.endswith("…") else b""
    return Said(0, Address.parse(end), bytes.fromhex(data.removesuffix("…")) + long, gap_ms, 20, lost)


EVERY_BRANCH = [
    *(said("7DF", "0902"), said("7E8", "7F0978"), said("7EC", "4902"), said("7E8", "4902…")),
    *(said("7E0", "0902", 900), said("7DF", "0902"), said("7E8", "4902"), said("7E8", "4902")),
    *(said("7E0", "2101", 900), said("7E8", "6101…"), said("7E0", "2102"), said("7E8", "7F2112", 200)),
    *(said("7E0", "2101"), said("7E0", "3E80"), said("7E8", "6101…", lost=1), said("7E8", "6101", 5_001)),
    *(said("7E0", "220101"), said("7E0", "2101"), said("7E8", "62010100"), said("7E8", "7F2112")),
    *(said("7E4", "220101"), said("7EC", "7F2278"), said("7EC", "62010100", 4_900)),
    *(said("7E4", "220101"), said("7EC", "7F2231"), said("7EC", "7F2231")),
    *(said("7E4", "220101"), said("7E4", "3E80"), said("7EC", "62010100")),
]


def on_the_bus(conversation: Sequence[Said]) -> tuple[list[tuple[int, int, int, bytes]], list[Message]]:
    """Return frames (stamp, channel, id, data) in their order, and the messages that they are of."""
    frames = list[tuple[int, int, int, bytes, int]]()  # and the message
    free_ns = dict[tuple[int, Address], int]()
    now_ns = BEGIN_NS
    lost = set[int]()
    for number, each in enumerate(conversation):
        key = each.channel, each.end
        now_ns = max(now_ns + each.gap_ms * MS, free_ns.get(key, 0))
        parts = list(enumerate(segments(each.data, each.end.unit)))
        if each.lost is not None and len(parts) > 1:
            parts.pop(each.lost)
            lost.add(number)
        for place, data in parts:
            frames.append((now_ns + place * each.spread_ms * MS, each.channel, each.end.id, data, number))
        free_ns[key] = frames[-1][0] + MS
    frames.sort(key=lambda frame: frame[0])
    found = []
    for number, each in enumerate(conversation):
        own = [place for place, frame in enumerate(frames) if frame[4] == number]
        first_ns, last_ns = frames[own[0]][0], frames[own[-1]][0]
        is_whole = number not in lost
        found.append(Message(each.channel, each.end, each.data, own[0], own[-1], first_ns, last_ns, is_whole))
    return [frame[:4] for frame in frames], found


def rows_of(frames: Sequence[tuple[int, int, int, bytes]], batch_frames: int) -> list[Exchange]:
    exchanges, rows = Exchanges(PAIRS), list[Exchange]()
    for start in range(0, len(frames), batch_frames):
        batch = FrameBatch(2 * batch_frames)
        for ns, channel, id, data in frames[start : start + batch_frames]:
            batch.append(ns, id, data, channel=channel)
            batch.append(ns, 0x7E5, data, channel=channel)  # of no pair
        exchanges.take(batch)
        rows += exchanges.rows()
    return [*rows, *exchanges.rows(is_end=True)]


def test_rows_are_those_of_a_model_that_knows_all_messages() -> None:
    branches = set[str]()

    @settings(max_examples=examples(500), deadline=None, derandomize=True)
    @given(conversations(), st.sampled_from((1, 7, 1000)))
    @example(EVERY_BRANCH, 7)
    def compare(conversation: list[Said], batch_frames: int) -> None:
        frames, found = on_the_bus(conversation)
        model = ExchangesModel(PAIRS)
        assert rows_of(frames, batch_frames) == model.rows(found)
        branches.update(model.branches)

    compare()
    assert branches >= BRANCHES


@settings(max_examples=examples(100))
@given(st.lists(st.tuples(st.integers(0x5F8, 0x7FF), st.binary(max_size=9), st.sampled_from((0, 1, 6_000)))))
def test_no_frames_are_too_much_for_the_pairs_that_makers_use(frames: list[tuple[int, bytes, int]]) -> None:
    exchanges, batch, ns = Exchanges(OF_11_BITS, is_guess=True), FrameBatch(len(frames) + 1), BEGIN_NS
    for id, data, gap_ms in frames:
        ns += gap_ms * MS
        batch.append(ns, id, data)
    exchanges.take(batch)
    rows = [*exchanges.rows(is_end=True)]
    assert len({row.time_ns for row in rows}) <= len(frames)
    assert all(row.request or row.outcome == "unasked" for row in rows)


def test_a_refusal_of_nothing_is_no_message() -> None:
    exchanges, batch = Exchanges(OF_11_BITS, is_guess=True), FrameBatch(1)
    batch.append(BEGIN_NS, 0x7E8, b"\x01\x7f")
    exchanges.take(batch)
    assert not [*exchanges.rows(is_end=True)]
