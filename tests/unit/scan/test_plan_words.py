"""What `--dry-run` says of a scan, byte for byte; requests by the documents of their makers."""

import pytest

from telemetry.protocols.known import PROTOCOLS
from telemetry.scan.plan_words import as_json, as_text, in_short, left_out
from telemetry.scan.probes import Setting, scanned, settings_of
from telemetry.scan.serial_scan import Waits

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
                "requests": [{"hex": first, "for": "jbd", "if_answered": after}],
            }
        ],
    }


def test_what_is_risky_is_left_out_and_said_why() -> None:
    found = left_out(list(PROTOCOLS.values()))
    assert {each.partition(": ")[0] for each in found} == {"jk_55aa", "ant_old", "vedirect_hex"}
    assert all(each.partition(": ")[2] for each in found)
    assert left_out([PROTOCOLS["jbd"]]) == []
