"""The page of a look: whole by itself, true to the log, and never more than text of what a bus said."""

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from telemetry.look.page import page
from telemetry.look.seen import Finding, LookedId, Place
from telemetry.scan.traffic import frames_of_logs
from tests.support.look_page import LookPage, frames_of_candump, look_of, looked_id

CHARGE = Path(__file__).parents[3] / "examples" / "charge.log"
HOSTILE = "</script><img src=x onerror=alert(1)>\"' & \u202eevil\x1b[31m"
MIB = 1 << 20


def looked_log(file: Path) -> list[LookedId]:
    """Return what a log holds, without any finding."""
    found = frames_of_logs([file], pytest.fail)
    return [LookedId(name, each, None, None, (), "") for name, channel in found.items() for each in channel]


def test_each_frame_of_a_short_log_is_on_the_page_as_its_text_has_it() -> None:
    expected = frames_of_candump(CHARGE.read_text())
    shown = LookPage(page(look_of(*looked_log(CHARGE)), "charge.log")).frames
    assert shown.keys() == expected.keys()
    for key, rows in expected.items():
        assert [data for _, data in shown[key]] == [data for _, data in rows]
        assert [at_s for at_s, _ in shown[key]] == pytest.approx([at_s for at_s, _ in rows], abs=1.1e-6)


def test_the_page_needs_nothing_else_and_lets_its_own_script_alone_run() -> None:
    text = page(look_of(looked_id(0x123, (b"\1\2",))), "drive.log")
    read = LookPage(text)
    plain = re.sub(r"sha256-[A-Za-z0-9+/=]+", "", text)  # in whose Base64 anything may stand
    assert not re.search(r"https?:|//[a-z]|url\(|@import|import\(|fetch\(|XMLHttp|WebSocket", plain)
    assert {tag for tag, attributes in read.tags if attributes.keys() & {"src", "href", "action"}} == set()
    policy = next(one["content"] for tag, one in read.tags if tag == "meta" and "http-equiv" in one)
    digest = base64.b64encode(hashlib.sha256(read.scripts[1].encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert re.findall(r"script-src ([^;]*)", policy) == [f"'sha256-{digest}'"]
    assert text == page(look_of(looked_id(0x123, (b"\1\2",))), "drive.log")


def test_what_a_log_and_a_database_say_stays_text() -> None:
    finding = Finding("text", Place(0, 3, bit_count=24), None, None, HOSTILE)
    hostile = looked_id(0x123, (b"<b>",), channel=HOSTILE, known=HOSTILE, findings=(finding,))
    tame = looked_id(0x123, (b"<b>",), findings=(finding,))
    read = LookPage(page(look_of(hostile), HOSTILE))
    assert [tag for tag, _ in read.tags] == [tag for tag, _ in LookPage(page(look_of(tame), "a")).tags]
    shown = HOSTILE.replace("\u202e", "?").replace("\x1b", "?")
    (one,) = read.data["ids"]
    assert {read.data["name"], one["channel"], one["known"], one["findings"][0]["words"]} == {shown}
    assert read.texts["h1"] == [f"Look at {shown}"]


def test_a_page_is_bounded_and_keeps_runs_of_frames_of_each_id() -> None:
    """Of 400 ids of CAN FD with 1,024 frames each, 26 MB, 6 MiB of payloads stay."""
    rows = [Random(7).randbytes(64) for _ in range(1024)]
    ids = [looked_id(number, tuple(rows)) for number in range(400)]
    text = page(look_of(*ids), "fd.log")
    assert 8 * MIB < len(text) < 12 * MIB
    for (_, _), shown in LookPage(text).frames.items():
        numbers = [round(at_s / 0.01) for at_s, _ in shown]
        assert len(numbers) == 238
        assert [data for _, data in shown] == [rows[number] for number in numbers]
        assert [number % 17 for number in numbers] == [*range(17)] * 14  # as the sample has them
    gaps = {tuple(each["gaps"]) for each in LookPage(text).data["ids"]}
    assert len(gaps) == 1
    assert set(gaps.pop()) <= {*range(17, 238, 17)}


def test_more_ids_than_the_page_has_room_for_are_counted() -> None:
    read = LookPage(page(look_of(*(looked_id(number, (b"\1",)) for number in range(4100))), "a.log"))
    assert len(read.data["ids"]) == 4096
    assert read.data["ids_left_out"] == 4


def test_stamps_of_a_log_of_a_month_have_the_ticks_that_32_bits_leave() -> None:
    rows = tuple(bytes([number]) for number in range(31))
    shown = LookPage(page(look_of(looked_id(1, rows, every_ns=86_400_000_000_000)), "a.log"))
    stamps = [at_s for at_s, _ in shown.frames["can0", "001"]]
    assert stamps == pytest.approx([86_400 * day for day in range(31)], abs=0.0007)


def test_a_clock_that_goes_back_costs_no_frame() -> None:
    first, rows = looked_id(1, (b"\1", b"\2", b"\3")), (b"\1", b"\2", b"\3")
    stamps = tuple(1_700_000_000_000_000_000 + at for at in (5_000_000_000, 0, 7_000_000_000))
    back = replace(first, seen=first.seen._replace(times_ns=stamps))
    assert LookPage(page(look_of(back), "a.log")).frames["can0", "001"] == [
        *zip((5, 0, 7), rows, strict=True)
    ]


def test_frames_without_bytes_and_of_unequal_lengths_keep_their_lengths() -> None:
    rows = (b"", b"\1\2\3", b"\4")
    shown = LookPage(page(look_of(looked_id(1, rows), looked_id(2, (b"",))), "a.log")).frames
    assert [data for _, data in shown["can0", "001"]] == [*rows]
    assert [data for _, data in shown["can0", "002"]] == [b""]
