"""Which curves share a panel, and what thinning keeps, on logs made by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from telemetry.__main__ import main
from telemetry.overview.curves import Curve, Panel, thinned

np = pytest.importorskip("numpy")
pytest.importorskip("matplotlib")

DBC = """VERSION ""
BU_: X
BO_ 1 Pack: 8 X
 SG_ Hundred : 0|8@1+ (1,0) [0|0] "V" X
 SG_ Five : 8|8@1+ (1,0) [0|0] "V" X
 SG_ Four : 16|8@1+ (1,0) [0|0] "V" X
 SG_ Ampere : 24|8@1- (1,0) [0|0] "A" X
 SG_ On : 32|1@1+ (1,0) [0|0] "" X
 SG_ Off : 33|1@1+ (1,0) [0|0] "" X
 SG_ Gear : 34|2@1+ (1,0) [0|0] "" X
BO_ 2 Other: 1 X
 SG_ Five : 0|8@1+ (1,0) [0|0] "V" X
VAL_ 1 Gear 0 "P" 1 "R" ;
"""
DATA = bytes([100, 5, 4, 0xFC, 0b0101, 0, 0, 0]).hex()

Draw = Callable[..., list[Panel]]


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Return a function that draws signals of a log with these lines, and returns their panels."""
    drawn: list[list[Panel]] = []
    monkeypatch.setattr("telemetry.overview.plot.draw", lambda panels, *_, **__: drawn.append(panels))

    def plot(lines: list[str], *signals: str) -> list[Panel]:
        (tmp_path / "pack.dbc").write_text(DBC)
        (tmp_path / "pack.log").write_text(
            "".join(f"(1700000000.{n:06}) {each}\n" for n, each in enumerate(lines))
        )
        words = ["plot", str(tmp_path / "pack.log"), *signals, "--dbc", str(tmp_path / "pack.dbc")]
        assert main([*words, "-o", str(tmp_path / "x.png")]) == 0
        return drawn[-1]

    return plot


def shown(panels: list[Panel]) -> list[tuple[str, list[str]]]:
    return [(panel.unit, [curve.label for curve in panel.curves]) for panel in panels]


ONE = [f"can0 001#{DATA}"] * 2


def test_curves_of_one_unit_share_a_panel_up_to_twenty_times_the_size(draw: Draw) -> None:
    assert shown(draw(ONE, "Hundred", "Pack.Five")) == [("V", ["Hundred", "Five"])]
    assert shown(draw(ONE, "Pack.Five", "Hundred")) == [("V", ["Five", "Hundred"])]
    assert shown(draw(ONE, "Hundred", "Four")) == [("V", ["Hundred"]), ("V", ["Four"])]
    assert shown(draw(ONE, "Four", "Hundred")) == [("V", ["Four"]), ("V", ["Hundred"])]
    assert shown(draw(ONE, "Pack.Five", "Ampere")) == [("V", ["Five"]), ("A", ["Ampere"])]


def test_flags_share_a_panel_and_words_have_their_own(draw: Draw) -> None:
    flags, gear = draw(ONE * 3, "On", "Off", "Gear")  # more values than there are words, though of few kinds
    assert [curve.label for curve in flags.curves] == ["On", "Off"]
    assert (flags.is_flags, flags.words) == (True, ())
    assert (gear.is_flags, gear.words) == (False, ((0.0, "P"), (1.0, "R")))
    assert all(curve.is_stepped for curve in (*flags.curves, *gear.curves))
    (volts,) = draw(ONE, "Hundred")
    assert not volts.curves[0].is_stepped


def test_a_name_of_two_messages_has_its_message_and_a_signal_of_two_channels_its_channel(draw: Draw) -> None:
    lines = [*ONE, "can0 002#05", f"can1 001#{DATA}"]
    assert shown(draw(lines, "Five")) == [("V", ["Pack.Five  can0", "Pack.Five  can1", "Other.Five"])]
    assert shown(draw(lines[:3], "Five")) == [("V", ["Pack.Five", "Other.Five"])]


def test_signals_are_in_the_order_in_which_they_are_named_and_each_is_there_once(draw: Draw) -> None:
    assert [label for _, labels in shown(draw(ONE, "Ampere", "*er*", "Hundred")) for label in labels] == [
        "Ampere",
        "Hundred",
    ]


def test_values_are_sorted_by_their_stamps(draw: Draw) -> None:
    log = [f"can0 001#{bytes([value, *bytes(7)]).hex()}" for value in (3, 1, 2)]
    (panel,) = draw(log, "Hundred")
    (curve,) = panel.curves
    assert curve.values.tolist() == [3.0, 1.0, 2.0]
    assert np.diff(curve.times_ns).tolist() == [1000, 1000]


def test_thinning_keeps_the_first_the_last_the_lowest_and_the_highest_of_each_column() -> None:
    values = [5.0, 9.0, 1.0, 5.0, 5.0, 6.0, 5.0, 2.0, 8.0, 5.0, 5.0, 7.0]
    curve = Curve("v", np.arange(12), np.array(values), False)
    thin = thinned(curve, 2)
    assert thin.times_ns.tolist() == [0, 1, 2, 5, 6, 7, 8, 11]
    assert thin.values.tolist() == [values[at] for at in thin.times_ns.tolist()]
    assert thinned(curve, 3) is curve
