"""What a scan sends: whom it asks after one that has answered, and what `--dry-run` says, byte for byte."""

import pytest

from telemetry.protocols.known import PROTOCOLS
from telemetry.scan.plan_words import as_json, as_text, in_short, left_out
from telemetry.scan.probes import Meant, Setting, follow_ups, neighbour, scanned, settings_of
from telemetry.scan.serial_scan import Waits


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


# JBD: basic information, cell voltages, hardware version and error counts (registers 03, 04, 05, AA).
JBD = ["DDA50300FFFD77", "DDA50400FFFC77", "DDA50500FFFB77", "DDA5AA00FF5677"]


def of(*names: str) -> list[Setting]:
    return list(settings_of(scanned(names), risky=False))


@pytest.mark.parametrize(
    ("name", "is_always", "words"),
    [
        (
            "jbd",
            False,
            "unless something talks, sends 1 request to read, of jbd, and more to who answers; 3 s",
        ),
        (
            "daly",
            True,
            "sends 16 requests to read, of daly, and more to who answers; 4 s",
        ),
    ],
)
def test_in_short_it_says_what_is_sent_and_how_long_it_takes(name: str, is_always: bool, words: str) -> None:
    said = in_short(of(name), Waits(), speaks_always=is_always)
    assert said == f"listens at 9600 baud 8N1; {words} if nobody answers"


def test_in_short_nothing_is_sent_to_a_device_that_talks() -> None:
    said = in_short(of("vedirect"), Waits(), speaks_always=False)
    assert said == "listens at 19200 baud 8N1, and sends nothing; 2 s if nobody answers"


def test_in_full_each_request_is_there_with_what_follows_its_answer() -> None:
    first, *after = JBD
    assert as_text(of("jbd"), Waits(), speaks_always=False).splitlines() == [
        "9600 baud 8N1: listens for 2.1 s; then, unless something talks, sends",
        f"  {first}  to jbd",
        f"    answered by jbd: {' '.join(after)}",
    ]
    assert ": listens for 2.1 s; then, sends\n" in as_text(of("jbd"), Waits(), speaks_always=True)


def test_a_request_to_an_address_names_it() -> None:
    text = as_text(of("daly"), Waits(), speaks_always=False)
    assert "  A5409408AAAAAAAAAAAAAAAAD1  to daly at 1\n" in text
    assert "dlt645 at any address\n" in as_text(of("dlt645"), Waits(), speaks_always=False)


def test_as_plain_values_it_is_the_same() -> None:
    first, *after = (each.lower() for each in JBD)
    assert as_json("/dev/x", of("jbd"), Waits()) == {
        "port": "/dev/x",
        "settings": [
            {
                "baud_rate": 9600,
                "parity": "N",
                "stop_bits": 1,
                "listen_s": 2.1,
                "requests": [{"hex": first, "for": "jbd", "if_several_answer": [], "if_answered": after}],
            }
        ],
    }


def test_what_is_risky_is_left_out_and_said_why() -> None:
    found = left_out(list(PROTOCOLS.values()))
    assert {each.partition(": ")[0] for each in found} == {"jk_55aa", "ant_old", "vedirect_hex"}
    assert all(each.partition(": ")[2] for each in found)
    assert left_out([PROTOCOLS["jbd"]]) == []
