"""The monitor's screens as text: what a user sees at two sizes, and what is never shown."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from telemetry.monitor.layout import Filter, Page, View, has_nothing_mapped, trouble, view, whole
from telemetry.monitor.sections import age
from tests.support.live import example, message

HUNG_S = 5.0

DATA = Path(__file__).parents[2] / "data"


def printed(shown: View, width: int, encoding: str = "utf-8") -> list[str]:
    """Return the lines that rich prints of the view where output is not a terminal."""
    output = io.BytesIO()
    stream = io.TextIOWrapper(output, encoding=encoding)
    Console(file=stream, width=width, height=999).print(shown)
    stream.flush()
    return output.getvalue().decode(encoding).splitlines()


def unmapped() -> dict[str, Any]:
    return {**example(), "packs": [], "chargers": []}


def everything(live: dict[str, Any], page: Page = Page.OVERVIEW) -> list[str]:
    return printed(whole(live, 80, page=page), 80)


@pytest.mark.parametrize(
    ("file", "width", "height", "encoding"),
    [
        ("monitor-80x24.txt", 80, 24, "utf-8"),
        ("monitor-120x40.txt", 120, 40, "utf-8"),
        ("monitor-ascii-80x24.txt", 80, 24, "ascii"),
    ],
)
def test_a_screen_looks_as_recorded(file: str, width: int, height: int, encoding: str) -> None:
    shown = printed(view(example(), width, height), width, encoding)
    assert shown == (DATA / file).read_text("utf-8").splitlines()


@given(
    st.integers(1, 150),
    st.integers(1, 60),
    st.sampled_from(("utf-8", "ascii", "latin-1")),
    st.integers(-5, 99),
)
def test_nothing_is_wider_or_higher_than_the_terminal(
    width: int, height: int, encoding: str, first: int
) -> None:
    shown = view(example(), width, height, first=first)
    lines = printed(shown, width, encoding)
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) == len(shown.lines) <= max(height, 2)
    assert 0 <= shown.first <= shown.last_first


def test_a_style_stands_where_its_words_do_and_colour_needs_a_terminal() -> None:
    found = coloured(example())
    assert "\x1b[36mSOC \x1b[0m78.2 %  \x1b[32m████████\x1b[0m" in found
    assert "\x1b[33m[96.0 %]\x1b[0m" in found


def test_scrolled_to_the_end_the_last_line_is_there() -> None:
    shown = view(example(), 80, 10, first=999)
    assert shown.first == shown.last_first
    assert printed(shown, 80)[-1] == printed(view(example(), 80, 999), 80)[-1]


def test_stale_values_stand_in_brackets_whatever_the_terminal() -> None:
    words = "\n".join(everything(example()))
    assert "SOH [96.0 %]" in words
    assert "SOC 78.2 %" in words
    assert "[28.10 V]  [+12.00 A]  phase [bulk]" in words
    assert "no data for 35 s" in words


def test_cells_that_are_stale_are_neither_lowest_nor_highest() -> None:
    live = example()
    live["packs"][0]["stale"] += ["cells_v", "temps_c", "cell_min_v"]
    words = "\n".join(everything(live))
    assert "no cell has come lately" in words
    assert "▼" not in words
    assert "[14.0] [14.5] [-] [17.5]" in words
    assert "lowest [3.950 V #1]" in words


def test_charge_and_energy_that_have_flown_stand_as_on_the_page() -> None:
    live = example()
    flown = {"charged_ah": 0.22601, "discharged_ah": 12.34, "charged_wh": 80.4, "discharged_wh": 280.129023}
    live["packs"][0]["battery"] |= flown
    live["packs"][0]["stale"].append("charged_wh")
    words = "\n".join(everything(live))
    assert "charge in 0.2 Ah  charge out 12.3 Ah  energy in [0.08 kWh]  energy out 0.28 kWh" in words
    assert not any(name in words for name in flown)


@pytest.mark.parametrize(("name", "words"), [("temp_min_c", "[14.0 °C]"), ("temp_max_c", "[17.5 °C]")])
def test_a_temperature_stands_in_brackets_when_it_is_stale(name: str, words: str) -> None:
    live = example()
    live["packs"][0]["stale"].append(name)
    assert "\n".join(everything(live)).count(words) == 1


def test_a_small_pack_has_its_voltages_below_its_bars() -> None:
    live = example()
    live["packs"][0]["cells_v"] = [3.301, 3.305, 3.31, 3.29]
    lines = [line.split() for line in everything(live)]
    assert ["3.301", "3.305", "3.310", "3.290"] in lines
    assert ["▲3", "▼4"] in lines


def test_without_a_map_the_messages_are_on_the_first_page() -> None:
    live = unmapped()
    signals = {"Voltage": 360.25, "Counter": 7, "Old": 1}
    live["messages"] = [message("Pack", signals, rate_per_s=10.0, stale=["Old"])]
    words = everything(live)
    assert any(line.startswith("Pack · can0 ───") and line.endswith("10.0/s  0.1 s") for line in words)
    assert " Voltage 360.25  Counter 7       Old [1]" in words
    on_their_page = everything(live, Page.MESSAGES)
    assert on_their_page[1:] == words[words.index(on_their_page[1]) :]


def test_ids_without_a_message_are_listed_after_the_messages() -> None:
    live: dict[str, Any] = {**example(), "messages": []}
    ids = {"source": "can0", "id": "7DF", "frames": 1234, "min_bytes": 2, "max_bytes": 8, "period_s": 0.0125}
    single = {**ids, "source": "can1", "id": "18FF1234", "frames": 1, "min_bytes": 8, "period_s": None}
    live |= {"unmatched": [ids, single], "unmatched_left_out": 17}
    words = everything(live, Page.MESSAGES)
    at = next(index for index, row in enumerate(words) if row.startswith("ids without a message ─"))
    assert words[at + 1 : at + 4] == [
        " can0 7DF  1,234 frames, 2 to 8 bytes, every 12.5 ms",
        " can1 18FF1234  1 frame, 8 bytes",
        " and 17 frames of other ids",
    ]


def test_messages_of_two_j1939_senders_are_kept_apart() -> None:
    live = unmapped()
    live["messages"] = [message("Pack", {}, sender=sender) for sender in ("01", "F3")]
    words = everything(live)
    assert [line.partition(" ─")[0] for line in words if line.startswith("Pack")] == [
        "Pack · can0 · sa 01",
        "Pack · can0 · sa F3",
    ]


def test_a_meter_and_what_a_device_says_of_itself_are_shown() -> None:
    live = unmapped()
    live["meters"] = [
        {"charger": "roof", "source": "ttyUSB1", "age_s": 1.0, "values": {"current_a": 5.0}, "stale": []}
    ]
    live["sources"][1]["device"] = "product 0xA389, firmware 0416"
    words = everything(live)
    assert words[words.index(" +5.00 A") - 1].startswith("meter roof · ttyUSB1 ───")
    assert any("product 0xA389, firmware 0416" in line for line in words)


def test_a_plug_shows_phase_state_of_charge_time_left_and_its_last_error() -> None:
    live = example()
    live["chargers"][0] |= {
        "stale": [],
        "plug": {
            "values": {"soc_pct": 43.0, "remaining_min": 12},
            "stale": ["remaining_min"],
            "error": {"time_ns": 0, "text": "the vehicle no longer hears \x1b[2J CCS"},
        },
    }
    shown = everything(live)
    (values,) = (line for line in shown if "phase bulk" in line)
    assert "SOC 43 %" in values
    assert "left [12 min]" in values
    assert " last error the vehicle no longer hears ?[2J CCS" in shown


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_text_from_outside_cannot_steer_the_terminal(encoding: str) -> None:
    live = example()
    live["events"][0]["text"] = "\x1b[2J\x07 go \x9b1m [bold]:c:\nnext"
    live["sources"][0]["source"] = "\x1b]0;x\x07"
    live["packs"][0]["pack"] = "电池\u202e"
    shown = view(live, 80, 60)
    lines = printed(shown, 80, encoding)
    assert len(lines) == len(shown.lines)
    for line in lines:
        assert line.isprintable()
        assert cell_len(line) <= 80
    assert any(line.endswith(" go ?1m [bold]:c:?next") for line in lines)


def test_without_a_service_no_value_is_shown_and_the_reason_is() -> None:
    lines = printed(trouble("spool/status.sock: no service answers", 60), 60)
    assert lines[1:] == [" spool/status.sock: no service answers"]


@pytest.mark.parametrize("first", [0, 3])
def test_how_many_lines_are_below_is_how_many_there_are(first: int) -> None:
    shown = view(example(), 80, 12, first=first)
    lines = printed(shown, 80)
    below = shown.last_first + 11 - first - 10  # of eleven lines the last says so
    assert lines[-1] == f" {below} more lines (arrow down)"


def test_of_many_events_so_many_are_shown_that_the_accounts_stay_in_sight() -> None:
    live = example()
    live["events"] = [live["events"][0]] * 50
    heights = [height for height in range(10, 120) if view(live, 80, height).last_first == 0]
    assert heights == list(range(heights[0], 120))
    few = {**live, "events": live["events"][:1]}
    fits = next(height for height in range(10, 120) if view(few, 80, height).last_first == 0)
    assert fits <= heights[0] <= fits + 4
    shown = printed(view(live, 80, heights[0] + 5), 80)
    assert len(shown) == heights[0] + 5
    assert any(line.startswith("accounts") for line in shown)


@pytest.mark.parametrize("things", ["packs", "chargers", "meters"])
def test_one_thing_that_is_mapped_is_enough(things: str) -> None:
    nothing: dict[str, Any] = {"packs": [], "chargers": [], "meters": []}
    assert has_nothing_mapped(nothing)
    assert not has_nothing_mapped({**nothing, things: [{}]})


def test_a_service_hangs_only_after_a_while() -> None:
    live = example()
    live["gauges"]["status_age_s"] = HUNG_S
    assert "hangs" not in everything(live)[0]
    live["gauges"]["status_age_s"] = HUNG_S + 1.0
    assert "the service hangs since 6 s" in everything(live)[0]


def test_a_message_without_a_signal_is_shown_unless_a_filter_is_set() -> None:
    live = unmapped()
    live["messages"] = [message("Empty", {}), message("Full", {"Volt": 1})]

    def shown(words: str) -> list[str]:
        lines = printed(view(live, 80, 30, page=Page.MESSAGES, wanted=Filter(words)), 80)
        return [line.split()[0] for line in lines if " · can0" in line]

    assert [shown(""), shown("volt"), shown("amps")] == [["Empty", "Full"], ["Full"], []]


def test_points_that_wait_do_so_in_memory_or_on_the_disk() -> None:
    live = example()
    live["gauges"] |= {"points_waiting_memory": 7, "points_waiting_disk": 1100}
    assert any("waiting 1,107" in line for line in everything(live))


def coloured(live: dict[str, Any]) -> str:
    output = io.StringIO()
    Console(file=output, width=80, force_terminal=True, color_system="standard").print(whole(live, 80))
    return output.getvalue()


@pytest.mark.parametrize(
    ("state", "colour"),
    [
        *dict.fromkeys(
            ("receiving", "reading", "waiting: the spool is half full", "ended", ""), "32"
        ).items(),
        *dict.fromkeys(("another device answers", "there is no such port"), "33").items(),
    ],
)
def test_the_colour_of_a_source_shows_whether_it_is_well(state: str, colour: str) -> None:
    live = example()
    live["sources"][0]["state"] = state
    assert f"\x1b[{colour}m{state or 'no longer configured'}\x1b[0m" in coloured(live)


def test_a_bus_that_is_loaded_by_80_per_cent_is_a_warning() -> None:
    live = example()
    for load_pct, colour in ((79.9, "34"), (80.0, "33")):
        live["sources"][0]["bus_load_pct"] = load_pct
        assert f"load \x1b[0m\x1b[{colour}m██" in coloured(live)


def test_what_is_switched_off_is_a_warning_and_what_is_on_is_good() -> None:
    live = example()
    for is_on, words in ((True, "\x1b[32mcharge on"), (False, "\x1b[33mcharge off")):
        live["packs"][0]["battery"] = {"charge_enabled": is_on, "charging": True}
        found = coloured(live)
        assert words in found
        assert "\x1b[32mcharging" in found


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.14, "0.1 s"),
        (10.0, "10.0 s"),
        (10.1, "no data for 10 s"),
        (119.4, "no data for 119 s"),
        (120.0, "no data for 2 min"),
    ],
)
def test_what_is_older_than_ten_seconds_is_no_longer_called_fresh(seconds: float, words: str) -> None:
    assert age(seconds).plain == words
