"""The bounded channel against a model: what goes in comes out, in order, or is refused."""

from hypothesis import given
from hypothesis import strategies as st

from telemetry.model.events import begins
from telemetry.sources.inbox import Arrival, Inbox, SourceEvent

CAPACITY, BATCH = 8, 4  # of which the steps fill one

steps = st.lists(
    st.one_of(
        st.tuples(st.just("frames"), st.sampled_from("ab"), st.integers(1, BATCH), st.booleans()),
        st.tuples(st.just("frames"), st.just("a"), st.integers(BATCH - 1, BATCH), st.booleans()),
        st.tuples(st.just("event"), st.sampled_from("ab"), st.just(0), st.just(False)),
        st.tuples(st.just("get"), st.just(""), st.just(0), st.just(False)),
    ),
    max_size=60,
)


@given(steps)
def test_frames_and_events_of_each_source_keep_their_order_and_their_room(
    script: list[tuple[str, str, int, bool]],
) -> None:
    channel = Inbox(CAPACITY, BATCH)
    sent: dict[str, list[int | str]] = {"a": [], "b": []}
    got: dict[str, list[int | str]] = {"a": [], "b": []}
    positions = {"a": 0, "b": 0}
    waiting = {"a": 0, "b": 0}
    sealed_ends: dict[str, set[int]] = {"a": set(), "b": set()}

    def get() -> bool:
        item = channel.get(0)
        if isinstance(item, Arrival):
            last = item.batch.position + len(item.batch)
            inside = range(item.batch.position + 1, last)
            assert not sealed_ends[item.source].intersection(inside)
            assert item.counts == {"read": last}
            got[item.source] += [frame.time_ns for frame in item.batch]
            waiting[item.source] -= len(item.batch)
            channel.give_back(item.batch)
        elif item is not None:
            got[item.source].append("event")
        return item is not None

    for what, source, count, sealed in script:
        if what == "get":
            get()
        elif what == "event":
            assert channel.put(SourceEvent(begins("source_lost", "", source), 0))
            sent[source].append("event")
        else:
            batch = channel.take_empty()
            batch.position = positions[source]
            for index in range(count):
                batch.append(positions[source] + index, 1, b"")
            has_room = waiting[source] + count <= CAPACITY
            counts = {"read": positions[source] + count}
            assert channel.put(Arrival(source, batch, counts, sealed)) == has_room
            if has_room:
                sent[source] += range(positions[source], positions[source] + count)
                positions[source] += count
                waiting[source] += count
                if sealed:
                    sealed_ends[source].add(positions[source])
            assert channel.frames_waiting == sum(waiting.values())
    while get():
        pass
    assert got == sent
