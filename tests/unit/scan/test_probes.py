"""telemetry/scan/probes.py: whom a scan asks after one that has answered."""

import pytest

from telemetry.protocols.known import PROTOCOLS
from telemetry.scan.probes import Meant, follow_ups, neighbour, scanned, settings_of


def meant(name: str, address: int) -> Meant:
    protocol = PROTOCOLS[name]
    return Meant(protocol, address, protocol.requests[0].reply_id)


@pytest.mark.parametrize(
    ("name", "address", "following"),
    [
        ("pylontech", 0x02, 0x03),
        ("pylontech", 0x0E, 0x0F),
        ("pylontech", 0x0F, None),  # the last module of a stack
        ("pylontech", 0x12, 0x13),
        ("pylontech", 0x1F, None),
        ("daly", 2, None),
        ("jbd", 0, None),
    ],
)
def test_after_a_module_of_a_stack_the_next_one_is_asked_and_waited_for_no_longer_than_others(
    name: str, address: int, following: int | None
) -> None:
    probe = neighbour(meant(name, address))
    if following is None:
        assert probe is None
    else:
        assert probe is not None
        assert probe.data == PROTOCOLS[name].requests[0].to(following)
        assert probe.meant == (meant(name, following),)
        assert not probe.is_usual


@pytest.mark.parametrize("names", [("pylontech", "seplos_v2"), ("seplos_v2", "pylontech")])
def test_those_who_may_answer_one_request_are_believed_in_the_order_of_the_protocols(
    names: tuple[str, str],
) -> None:
    settings = settings_of([PROTOCOLS[name] for name in names])
    (both,) = (probe.meant for setting in settings for probe in setting.probes if len(probe.meant) > 1)
    assert [one.protocol.name for one in both] == list(names)
    assert [one.name for one in scanned(names)] == ["pylontech", "seplos_v2"]


def test_what_may_follow_is_all_that_each_further_module_of_the_stack_is_asked() -> None:
    table = PROTOCOLS["pylontech"].requests
    expected = [request.to(0x0E) for request in table[1:]]
    expected += [request.to(0x0F) for request in table]
    assert follow_ups(meant("pylontech", 0x0E)) == expected
