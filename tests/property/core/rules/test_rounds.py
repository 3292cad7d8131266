"""Cells that somebody asks for, page by page: read by round, whatever else comes between the answers."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, SlotKind
from telemetry_core.rules.mapper import Mapper

from telemetry.model.ids import IsoTpId
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from tests.support.cycles import START_NS, Arrival, Pack, Reading
from tests.support.examples import examples
from tests.support.plan_specs import Signal, plan, tenths
from tests.support.rounds_model import Answer, RoundsModel

MILLIVOLTS = DecimalScale(1, 0, 3)
PAGE = Signal(bits=8, signed=False, kind=SlotKind.UINT)
BEGIN_NS = 1_700_000_000 * 10**9
MS = 1_000_000
SECOND = 1000 * MS


def cells(number: int) -> dict[str, Signal]:
    return {f"Cell{n}": Signal(MILLIVOLTS, pages=[n - 1]) for n in range(1, number + 1)}


# Three units that are asked, one of them for two kinds of answers, and one that sends its pages unasked.
PLAN = plan(
    {
        "can0": {
            "Front": {"Page": PAGE, **cells(3), "T1": tenths(pages=[3]), "T2": tenths(pages=[0, 4])},
            "Rear": {"Page": PAGE, **cells(2), "T1": tenths(pages=[0]), "T2": tenths(pages=[1])},
            "Side": {"Page": PAGE, **cells(2)},
            "Sent": {"Page": PAGE, **cells(3)},
        }
    }
)
ENTRIES = [
    MapEntry("Front.Cell{n}", "cells.v{n}", pack="front", absent=(0,)),
    MapEntry("Front.T{n}", "cells.t{n}", pack="front", absent=(0,)),
    MapEntry("Rear.Cell{n}", "cells.v{n}", pack="rear", absent=(0,), within_s=2.0),
    MapEntry("Rear.T{n}", "cells.t{n}", pack="rear", absent=(0,)),
    MapEntry("Side.Cell{n}", "cells.v{n}", pack="side", absent=(0,), within_s=120.0),
    MapEntry("Sent.Cell{n}", "cells.v{n}", pack="sent"),
]
ANSWERS = {"can0": [IsoTpId(0x100), IsoTpId(0x101)]}  # those of Side come in single frames
MESSAGES = [record.measurement for record in PLAN.records]
SENT_BY = {  # which fields each page of a message has
    "Front": {0: ["v001", "t002"], 1: ["v002"], 2: ["v003"], 3: ["t001"], 4: ["t002"]},
    "Rear": {0: ["v001", "t001"], 1: ["v002", "t002"]},
    "Side": {0: ["v001"], 1: ["v002"]},
    "Sent": {0: ["v001"], 1: ["v002"], 2: ["v003"]},
}


@dataclass(frozen=True, slots=True)
class Round:
    """What is one reading: its pages by number, its fields, and the greatest pause between two of them.

    pages: of each page of the message; branches that fill the same fields are one page.
    """

    pack: str
    pages: Mapping[int, int]
    kinds: str
    within_ns: int


ROUNDS = [
    Round("front", {0: 0, 1: 1, 2: 2}, "v", 10 * SECOND),
    Round("front", {0: 0, 3: 1, 4: 0}, "t", 10 * SECOND),
    Round("rear", {0: 0, 1: 1}, "vt", 10 * SECOND),  # each answer has both; the longer of two limits
    Round("side", {0: 0, 1: 1}, "v", 120 * SECOND),
]

Given = tuple[int, str, int, int]  # time, message, page, raw value


@st.composite
def asked(draw: st.DrawFn) -> list[Given]:
    """Pages of all units, mixed: whole rounds in any order, retries, lost pages, and any pages."""
    streams = []
    for name, pages in SENT_BY.items():
        chunk = st.permutations(sorted(pages)) | st.lists(st.sampled_from(sorted(pages)), max_size=4)
        retried = draw(st.lists(st.tuples(chunk, st.integers(0, 8)), max_size=5))
        streams.append(
            [(name, page) for pages, again in retried for page in [*pages[: again + 1], *pages[again:]]]
        )
    order = draw(st.permutations([number for number, stream in enumerate(streams) for _ in stream]))
    waiting = [iter(stream) for stream in streams]
    pauses = st.sampled_from([90, 90, 90, 400, 400, 400, 0, 1, 2000, 10_000, 10_001, 60_000, 120_001, -1])
    time_ns = BEGIN_NS
    rows: list[Given] = []
    for number in order:
        time_ns += draw(pauses) * MS
        name, page = next(waiting[number])
        raw = 3000 + len(rows) if draw(st.integers(0, 5)) else 0
        rows.append((time_ns, name, page, raw))
    return rows


def batch_of(schema: Schema, rows: Sequence[Given]) -> SampleBatch:
    batch = SampleBatch(schema)
    for time_ns, name, page, raw in rows:
        record = MESSAGES.index(name)
        fields = {field.name: raw for field in PLAN.records[record].fields[1:]}
        there = {key: raw for key, raw in fields.items() if _field(key) in SENT_BY[name][page]}
        batch.append(record, time_ns, {"Page": page, **there}, tags=0, channel=0, id=0, nudge_ns=0)
    return batch


def _field(signal: str) -> str:
    return f"{'v' if signal.startswith('Cell') else 't'}{int(signal[-1]):03}"


def expected_of(one: Round, rows: Sequence[Given]) -> RoundsModel:
    model = RoundsModel(len(set(one.pages.values())), one.within_ns)
    message = one.pack.capitalize()
    model.take(
        Answer(
            time_ns,
            one.pages[page],
            {
                field: (raw / (1000 if field[0] == "v" else 10)) if raw else None
                for field in SENT_BY[message][page]
                if field[0] in one.kinds
            },
        )
        for time_ns, name, page, raw in rows
        if name == message and page in one.pages
    )
    model.end()
    return model


@settings(max_examples=examples(400), deadline=None)
@given(asked(), st.integers(1, 50))
def test_whatever_is_asked_for_in_whatever_order_is_read_by_round(rows: list[Given], batch_rows: int) -> None:
    spec = resolve(ENTRIES, PLAN, answers=ANSWERS)
    schema = Schema(PLAN.records + spec.records)
    packs = [tags["pack"] for tags in spec.tag_sets]
    mapper, alone = Mapper(schema, spec), Mapper(schema, spec)
    out, of_sent = SampleBatch(schema), SampleBatch(schema)
    made = []
    for each in (mapper, alone):
        each.bind(0, 0, range(len(packs)))
    for begin in range(0, len(rows), batch_rows):
        mapper.map(batch_of(schema, rows[begin : begin + batch_rows]), out)
        assume(not mapper.notices())  # pages that are missing: another rule
        made += [row for row in out if row.measurement == "cells"]
        out.clear()
    mapper.finish(out)
    made += [row for row in out if row.measurement == "cells"]
    alone.map(batch_of(schema, [row for row in rows if row[1] == "Sent"]), of_sent)
    alone.finish(of_sent)
    given_up = alone.incomplete_cycles
    for one in ROUNDS:
        model = expected_of(one, rows)
        read = [
            (row.time_ns, dict(row.raw))
            for row in made
            if packs[row.tags] == one.pack and any(name[0] in one.kinds for name in row.raw)
        ]
        assert read == [(time_ns, fields) for time_ns, fields in model.readings if fields]
        given_up += model.given_up
    assert [row for row in made if packs[row.tags] == "sent"] == [
        row for row in of_sent if row.measurement == "cells"
    ]
    assert mapper.incomplete_cycles == given_up


@dataclass(frozen=True, slots=True)
class Asked:
    """Rounds of one message a page, whose pages come within 0.4 of the time from one round to the next."""

    pages: int
    every_s: float
    optional: frozenset[int]
    arrivals: list[Arrival]

    @property
    def within_s(self) -> float:
        """Return a limit between the longest pause of a round and the shortest between two."""
        return 0.5 * self.every_s


def random_rounds(random: Random) -> Asked:
    """Return up to nine rounds: after ten without a page it is missing, which is another rule."""
    pages = random.choice((1, 2, 3, 8, random.randint(1, 108), 108))
    every_s = random.choice((2.0, 10.0, 600.0, random.uniform(2, 600)))
    share = random.choice((0, 0, 0.1, 0.5, 1))
    optional = frozenset(page for page in range(pages) if random.random() < share)
    first = [random.choice((0, random.randint(1, 9))) if page in optional else 0 for page in range(pages)]
    lost = random.choice((0, 0, 1, 2, 0.3 * pages)) / pages
    arrivals = []
    for number in range(9):
        for place, page in enumerate(random.sample(range(pages), pages)):
            if number >= first[page] and random.random() >= lost:
                time_ms = float(round(1000 * every_s * (number + 0.4 * place / pages)))
                arrivals.append(Arrival(time_ms, page, number))
    return Asked(pages, every_s, optional, arrivals)


def read_of(asked: Asked) -> tuple[Pack, RoundsModel, list[tuple[float, set[int], tuple[str, ...]]]]:
    model = RoundsModel(asked.pages, round(asked.within_s * SECOND), asked.optional)
    model.take(
        Answer(START_NS + round(one.time_ms * MS), one.page, {f"v{one.page + 1:03}": one.millivolts / 1000})
        for one in asked.arrivals
    )
    model.end()
    pack = Pack(asked.pages, messages=True, within_s=asked.within_s, optional=asked.optional)
    readings = pack.take(asked.arrivals, batch=7) + pack.finish()
    return pack, model, [(one.time_ms, set(one.cycles), one.cells) for one in readings]


def is_of(reading: tuple[float, set[int], tuple[str, ...]], asked: Asked) -> bool:
    """Check that it has all that its round had brought by then, and nothing else."""
    time_ms, rounds, cells = reading
    (number,) = rounds
    come = {one.page for one in asked.arrivals if one.cycle == number and one.time_ms <= time_ms}
    return set(cells) == {f"v{page + 1:03}" for page in come}


@settings(max_examples=examples(50), deadline=None)
@given(st.integers(0, 1 << 64))
def test_no_reading_has_pages_of_two_rounds_whatever_is_lost(seed: int) -> None:
    asked = random_rounds(Random(seed))
    pack, model, readings = read_of(asked)
    assert all(is_of(reading, asked) for reading in readings)
    assert [(START_NS + round(time_ms * MS), set(cells)) for time_ms, _, cells in readings] == [
        (time_ns, set(fields)) for time_ns, fields in model.readings
    ]
    assert pack.notices == []
    assert pack.mapper.incomplete_cycles == (model.given_up if asked.pages > 1 else 0)


def test_rounds_of_fifty_seeds_are_whole_lossy_and_joined_by_late_pages() -> None:
    """The property above would hold where nothing is ever lost, or never optional."""
    whole = given_up = again = 0
    random = Random(28)
    for _ in range(50):
        asked = random_rounds(random)
        _, model, readings = read_of(asked)
        given_up += model.given_up
        rounds = [number for _, numbers, _ in readings for number in numbers]
        whole += len(set(rounds))
        again += len(rounds) - len(set(rounds))
    assert whole > 100
    assert given_up > 50
    assert again > 2


@settings(max_examples=examples(50), deadline=None)
@given(
    st.sampled_from([1, 2, 3, 8, 96, 108]),
    st.sampled_from([0.1, 0.5, 1.0]),
    st.sampled_from([0.0, 0.03, 0.3]),
    st.integers(1, 3),
    st.integers(1, 50),
    st.integers(0, 1 << 64),
)
def test_the_first_whole_round_is_one_reading_whatever_pages_are_optional_and_whatever_their_order(
    pages: int, share: float, lost: float, rounds: int, batch: int, seed: int
) -> None:
    """Rounds of two channels, each with other messages in between; then a log whose stamps begin again."""
    random = Random(seed)
    optional = [page for page in range(1, pages) if random.random() < share]
    pack = Pack(pages, messages=True, within_s=10.0, optional=optional)
    readings: list[Reading] = []
    first: dict[int, set[str]] = {}  # cells of each channel's first whole round, by its number
    expected = {channel: {*range(pages)} - {*optional} for channel in (0, 100)}
    for number in range(rounds + 1):
        begin_ms = 30_000.0 * (number % rounds) + 1000.0 * (number < rounds)
        for channel in (0, 100):
            order = [page for page in random.sample(range(pages), pages) if random.random() >= lost]
            if expected[channel] <= {*order} and not any(one - one % 100 == channel for one in first):
                first[channel + number] = {f"v{page + 1:03}" for page in order}
            expected[channel] |= {*order}
            with_others = itertools.chain.from_iterable(zip(order, itertools.repeat(pages), strict=False))
            arrivals = [
                Arrival(begin_ms + 20.0 * place, page, channel + number)
                for place, page in enumerate(with_others)
            ]
            readings += pack.take(arrivals, batch, channel=channel // 100)
    readings += pack.finish()
    read = [number for one in readings for number in one.cycles]
    assert len(read) == len(readings)
    for number, cells in first.items():
        assert [set(one.cells) for one in readings if number in one.cycles] == [cells]
        assert not any(number - number % 100 <= other < number for other in read)


@settings(max_examples=examples(50), deadline=None)
@given(
    st.sampled_from([3, 4, 32, 108]),
    st.floats(2, 10),
    st.integers(1, 2),
    st.floats(0, 0.3),
    st.booleans(),
    st.integers(0, 1 << 64),
)
def test_rounds_in_quick_succession_are_told_apart_by_the_silence_between_them(
    pages: int, every_s: float, begin: int, lost: float, is_shuffled: bool, seed: int
) -> None:
    """The limit is 10 s, whatever is asked, and somebody begins to listen in the midst of a round."""
    random = Random(seed)
    arrivals: list[Arrival] = []
    for number in range(12):
        order = random.sample(range(pages), pages) if is_shuffled else [*range(pages)]
        if is_shuffled and number < 5 and arrivals and order[0] == arrivals[-1].page:
            order.reverse()  # it would look like a retry as long as no silence is known
        for place, page in enumerate(order):
            is_heard = number < 5 or random.random() >= lost
            if is_heard and (number, place) >= (0, begin):
                time_ms = float(round(1000 * every_s * (number + 0.4 * place / pages)))
                arrivals.append(Arrival(time_ms, page, number))
    readings = Pack(pages, messages=True, within_s=10.0).take(arrivals, batch=5)
    assert all(len(one.cycles) == 1 for one in readings)
    come = [one.cycle for one in arrivals]
    whole = [number for number in range(12) if come.count(number) == pages]
    known = 4 if is_shuffled else 2  # the silence is
    read = [number for one in readings for number in one.cycles]
    assert [number for number in read if number >= known] == [number for number in whole if number >= known]


@settings(max_examples=examples(50), deadline=None)
@given(
    st.sampled_from([1, 2, 3, 4, 8, 96, 108]),
    st.sampled_from([0.4, 1.0, 3.0, 4.5, 8.0]),
    st.booleans(),
    st.sampled_from(["in order", "turned", "shuffled"]),
    st.integers(0, 2),
    st.integers(0, 1 << 64),
)
def test_a_pause_within_a_round_is_no_silence_between_two(
    pages: int, longest_s: float, is_fixed: bool, order: str, lossy: int, seed: int
) -> None:
    """Between two rounds are 10 s, and within_s is 10 s; the sender says which page is of which round."""
    random = Random(seed)
    turned = [*range(pages // 2, pages), *range(pages // 2)]
    place = random.randrange(pages)
    arrivals: list[Arrival] = []
    time_ms = 0.0
    # Rounds that lack a page, where the silence is twice as long as other pauses and so tells them apart.
    lost = set(random.sample(range(2, 7), lossy if longest_s < 5 and pages > 1 else 0))
    for number in range(8):
        orders = {"in order": range(pages), "turned": turned, "shuffled": random.sample(range(pages), pages)}
        asked = [*orders[order]]
        if number in lost:
            asked.remove(random.choice(asked))
        if arrivals and asked[0] == arrivals[-1].page:  # it would look like a retry
            asked.reverse()
        pause_s = longest_s
        if not is_fixed:
            place, pause_s = random.randrange(pages), random.uniform(0.3, longest_s)
        for at, page in enumerate(asked):
            time_ms += (round(1000 * pause_s) if at == place else 0) + 11.0 if at else 0
            arrivals.append(Arrival(time_ms, page, number))
        time_ms += 10_000
    pack = Pack(pages, messages=True, within_s=10.0)
    readings = pack.take([*arrivals, Arrival(time_ms, 0, 99)], batch=7)
    come = [one.cycle for one in arrivals]
    whole = [number for number in range(8) if come.count(number) == pages]
    assert [sorted(one.cycles) for one in readings if one.cycles != {99}] == [[number] for number in whole]
    assert [len(one.cells) for one in readings if one.cycles != {99}] == [pages] * len(whole)
