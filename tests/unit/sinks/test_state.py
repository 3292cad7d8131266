"""The histogram of how long requests took, and the clause that people read of a sink."""

import pytest

from telemetry.sinks.state import Latencies, SinkState


def test_a_request_counts_up_to_the_first_bound_that_is_no_shorter_and_in_all_above() -> None:
    latencies = Latencies()
    for latency_s in (0.004, 0.01, 0.011, 0.7, 31.0):
        latencies = latencies.plus(latency_s)
    view = latencies.view()
    assert view["buckets"] == [
        (0.01, 2),
        *((bound_s, 3) for bound_s in (0.025, 0.05, 0.1, 0.25, 0.5)),
        *((bound_s, 4) for bound_s in (1.0, 2.5, 5.0, 10.0, 30.0)),
    ]
    assert (view["count"], round(view["sum_s"], 3)) == (5, 31.725)
    assert Latencies().view()["count"] == 0


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (SinkState(api="v2"), "API v2, no answer yet"),
        (SinkState(api="v2", last_status=204), "API v2, last answer 204"),
        (SinkState(api="file", acknowledged_points=61), "API file"),
        (SinkState(api="v1", last_status=204, plain=True),
         "API v1, last answer 204, takes no gzip: lines are sent plain"),
        (SinkState(api="v2", acknowledged_points=61, failure="refused"), "refused"),
    ],
)  # fmt: skip
def test_a_sink_without_http_that_took_points_has_answered(state: SinkState, words: str) -> None:
    assert state.summary() == words
