"""Whatever answers on a line, or is on a bus: a scan ends in time, says nothing wrong, and breaks nothing."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.links.shared_line import DeviceEnd
from telemetry.rules.find_message import EXTENDED
from telemetry.scan.can_findings import BusFindings, block
from telemetry.scan.can_scan import Candidate, judge, known_candidates
from telemetry.scan.findings import PortFindings, configuration
from telemetry.scan.probes import follow_ups, scanned, settings_of
from telemetry.scan.serial_scan import LineReport, LineScan, Waits, silent_s
from telemetry.scan.toml_words import SourceNames
from telemetry.settings.text import parse_toml
from telemetry.sources.stop import StopSignal
from tests.support.bus_traffic import traffic_of
from tests.support.clock import FakeClock
from tests.support.examples import examples
from tests.support.scanned_line import LINES, ScannedLine, answering

SETTINGS = settings_of(scanned(), risky=True)
PROBES = [probe for setting in SETTINGS for probe in setting.probes]
ANNOUNCED = {probe.data for probe in PROBES} | {
    data for probe in PROBES for meant in probe.meant for data in follow_ups(meant)
}
ASKED = sorted(set(LINES) - {"vedirect", "dlt645"})  # a meter is asked by the address that it says
CANDIDATES = known_candidates()
KNOWN_IDS = sorted(
    {
        message.arbitration_id | EXTENDED * message.extended
        for one in CANDIDATES
        for message in one.bus.messages
    }
)


def losing(device: DeviceEnd, seed: int, share: float) -> DeviceEnd:
    """Make a device of which bytes get lost, and of which an answer comes twice now and then."""
    chance = Random(seed)

    def answer(data: bytes) -> list[bytes]:
        answers = device.feed(data)
        answers += [answer for answer in answers if chance.random() < share]
        return [bytes(byte for byte in answer if chance.random() >= share) for answer in answers]

    return answering(answer)


def scan(line: ScannedLine) -> LineReport:
    with StopSignal() as stop:
        return LineScan(line.link_at, line.clock, Waits(), speaks_always=True).run(SETTINGS, stop)


@settings(max_examples=examples(40))
@given(st.lists(st.binary(max_size=120), min_size=1, max_size=8))
def test_any_answers_end_in_time_and_make_nothing_be_sent_that_was_not_announced(
    answers: list[bytes],
) -> None:
    saying = cycle(answers)
    line = ScannedLine(FakeClock(), [answering(lambda _: [next(saying)])])
    report = scan(line)
    assert line.clock.monotonic_s() < 1.6 * silent_s(SETTINGS, Waits())
    text = configuration([PortFindings("/dev/ttyUSB0", report)], SourceNames())
    parse_toml(text, Path())
    if not report.found:
        assert {data for _, _, data in line.sent} <= ANNOUNCED


@settings(max_examples=examples(60))
@given(st.sampled_from(ASKED), st.integers(0, 2**32), st.sampled_from((0.0, 0.001, 0.01, 0.1)))
def test_a_device_whose_bytes_get_lost_is_found_as_itself_or_not_at_all(
    protocol: str, seed: int, share: float
) -> None:
    make, baud_rate, line_settings = LINES[protocol]
    line = ScannedLine(FakeClock(), [losing(make(), seed, share)], baud_rate, line_settings)
    found = [one.protocol.name for one in scan(line).found]
    assert set(found) <= {protocol}
    assert share or found == [protocol]
    assert {data for _, _, data in line.sent} <= ANNOUNCED


@settings(max_examples=examples(100))
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**40),
            st.one_of(st.sampled_from(KNOWN_IDS), st.integers(0, 0x7FF), st.integers(0, 2**29 - 1)),
            st.integers(0, 64),
        ),
        max_size=60,
    )
)
def test_any_frames_are_ranked_by_shares_and_what_is_proposed_is_a_configuration(
    frames: list[tuple[int, int, int]],
) -> None:
    assert_judged([(time_ns, id if id <= 0x7FF else id | EXTENDED, length) for time_ns, id, length in frames])


@settings(max_examples=examples(60))
@given(
    st.lists(st.sampled_from(CANDIDATES), min_size=1, max_size=2, unique_by=id),
    st.floats(0.4, 1.0),
    st.integers(0, 2**32),
)
def test_of_one_or_two_known_buses_on_one_line_whatever_is_proposed_explains_more_frames(
    present: list[Candidate], share: float, seed: int
) -> None:
    """Some of their messages are there, each as often as it should be and as long as it is."""
    chance = Random(seed)
    frames = [
        (time_ms * 1_000_000, message.arbitration_id | EXTENDED * message.extended, message.byte_count)
        for one in present
        for message in one.bus.messages
        if chance.random() < share
        for time_ms in range(0, 3000, one.periods_ms.get(message.name) or 100)
    ]
    assert_judged(sorted(frames))


def assert_judged(frames: Sequence[tuple[int, int, int]]) -> None:
    traffic = traffic_of(frames)
    verdict = judge(traffic, CANDIDATES)
    scores = [fit.score for fit in verdict.ranking]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 < score <= 1.0 for score in scores)
    for fit in verdict.ranking:
        assert fit.periods_right <= fit.periods_judged <= len(fit.ids) >= fit.lengths_right
    explained: set[int] = set()
    for fit in verdict.chosen:
        assert fit.ids - explained
        explained |= fit.ids
    text = block(BusFindings("can0", "can0", traffic, verdict), SourceNames())
    assert bool(parse_toml(text, Path())) is bool(verdict.chosen)
