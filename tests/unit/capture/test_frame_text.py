"""Frames as lines of ASC and candump, as python-can's readers understand them."""

import io

import can
import pytest
from telemetry_core.frames.batch import FrameBatch, FrameTuple

from telemetry.capture.frame_text import Asc, Candump
from telemetry.logs.python_can import FLAG_BRS, FLAG_ESI, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_REMOTE


def frame(id: int, data: bytes = b"", flags: int = 0, channel: int = 0, time_ns: int = 0) -> FrameTuple:
    batch = FrameBatch(1)
    batch.append(time_ns, id, data, channel=channel, flags=flags)
    (made,) = batch
    return made


@pytest.mark.parametrize(
    ("hour", "words"),
    [(0, "12:00:00.007 am"), (11, "11:00:00.007 am"), (12, "12:00:00.007 pm"), (13, "01:00:00.007 pm")],
)
def test_the_date_of_asc_has_twelve_hours_and_noon_is_pm(hour: int, words: str) -> None:
    midnight_ns = 1_700_006_400_000_000_000  # 2023-11-15
    head = Asc(["can0"]).head(midnight_ns + hour * 3_600_000_000_000 + 7_999_999).decode()
    assert head.splitlines()[0] == f"date Wed Nov 15 {words} 2023"


def test_stamps_of_asc_count_from_the_millisecond_of_its_date() -> None:
    text = Asc(["can0"])
    text.head(1_700_000_000_007_999_999)
    assert text.line(frame(0x100, b"\x01", time_ns=1_700_000_000_008_000_000), b"\x01") == (
        b"0.001000 1 100 Rx d 1 01\n"
    )


@pytest.mark.parametrize(
    ("names", "channels"),
    [
        (["can0", "can1"], [1, 2]),
        (["can7", "can0"], [8, 1]),
        (["can99"], [100]),
        (["can100"], [1]),
        (["front", "rear"], [1, 2]),
    ],
)
def test_channels_of_asc_are_the_numbers_of_their_names_or_of_their_order(
    names: list[str], channels: list[int]
) -> None:
    text = Asc(names)
    text.head(0)
    lines = [text.line(frame(0x100, channel=number), b"") for number in range(len(names))]
    assert [int(line.split()[1]) for line in lines] == channels


STANDARD, EXTENDED = 0x123, 0x18FEE0FE | ID_EXTENDED
ORDINARY = [
    (b"\x01\x02", 0),
    (bytes(range(8)), 0),
    (bytes(range(12)), FLAG_FD),
    (bytes(range(64)), FLAG_FD | FLAG_BRS),
    (bytes(range(5)), FLAG_FD | FLAG_ESI),
    (bytes(range(48)), FLAG_FD | FLAG_BRS | FLAG_ESI),
]


@pytest.mark.parametrize(("data", "flags"), ORDINARY)
@pytest.mark.parametrize("id", [STANDARD, EXTENDED])
@pytest.mark.parametrize("as_asc", [True, False])
def test_a_frame_is_what_it_was_to_python_can(as_asc: bool, id: int, data: bytes, flags: int) -> None:
    text = Asc(["can0"]) if as_asc else Candump(["can0"])
    made = frame(id, data, flags, time_ns=1_700_000_000_000_000_000)
    content = text.head(made.time_ns) + text.line(made, data) + text.end()
    reader: can.io.generic.MessageReader = (
        can.ASCReader(io.StringIO(content.decode()))
        if as_asc
        else can.CanutilsLogReader(io.StringIO(content.decode()))
    )
    (message,) = reader
    assert (message.arbitration_id, bytes(message.data)) == (id & 0x1FFFFFFF, data)
    assert message.is_extended_id is bool(id & ID_EXTENDED)
    assert message.is_fd is bool(flags & FLAG_FD)
    assert message.bitrate_switch is bool(flags & FLAG_BRS)
    assert message.error_state_indicator is bool(flags & FLAG_ESI)


@pytest.mark.parametrize("as_asc", [True, False])
def test_a_remote_and_an_error_frame_stay_what_they_are(as_asc: bool) -> None:
    text = Asc(["can0"]) if as_asc else Candump(["can0"])
    text.head(0)
    lines = [
        text.line(frame(id, bytes(8)), bytes(8)).decode()
        for id in (ID_ERROR | 4, STANDARD | ID_REMOTE, EXTENDED | ID_REMOTE)
    ]
    if as_asc:
        assert lines == [
            "0.000000 1  ErrorFrame\n",
            "0.000000 1 123 Rx r 8\n",
            "0.000000 1 18FEE0FEx Rx r 8\n",
        ]
    else:
        names = "20000004#0000000000000000", "123#R8", "18FEE0FE#R8"
        assert lines == [f"(0.000000) can0 {name}\n" for name in names]


def test_a_stamp_has_nanoseconds_only_where_it_needs_them() -> None:
    text = Candump(["can0"])
    assert text.line(frame(1, time_ns=1_000_001_000), b"").startswith(b"(1.000001) ")
    assert text.line(frame(1, time_ns=1_000_001_001), b"").startswith(b"(1.000001001) ")


def test_a_damaged_name_becomes_one_that_an_interface_may_have_and_two_stay_two() -> None:
    text = Candump(["a b", "a!b", "x" * 20])
    names = [text.line(frame(1, channel=number), b"").split()[1] for number in range(3)]
    assert names == [b"a_b", b"a_b-1", b"x" * 15]
