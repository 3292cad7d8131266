"""telemetry/demo/display.py: lines rewritten in a terminal, few lines elsewhere."""

import io

from telemetry.demo.display import Display, bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminals_lines_are_rewritten_and_cleared_before_a_note() -> None:
    stream = Terminal()
    display = Display(stream)
    display.live(["one", "uno"], 0.0)
    display.live(["two"], 0.1)
    display.note("done")
    assert stream.getvalue() == "one\nuno\r\x1b[A\x1b[Jtwo\r\x1b[Jdone\n"


def test_a_line_never_wraps() -> None:
    stream = Terminal()
    Display(stream).live(["x" * 5000], 0.0)
    assert len(stream.getvalue()) < 1000


def test_elsewhere_a_line_is_written_every_few_seconds() -> None:
    stream = io.StringIO()
    display = Display(stream)
    for tenth in range(120):
        display.live([f"at   {tenth / 10}", "  all well"], tenth / 10)
    assert stream.getvalue().splitlines() == [
        "at 0.0; all well",
        "at 5.0; all well",
        "at 10.0; all well",
    ]


def test_a_second_act_begins_with_a_line() -> None:
    stream = io.StringIO()
    display = Display(stream)
    display.live(["first"], 30.0)
    display.begin()
    display.live(["second"], 0.0)
    assert stream.getvalue().splitlines() == ["first", "second"]


def test_a_bar_fills_up_and_never_over() -> None:
    assert bar(0.0) == "[" + "." * 24 + "]"
    assert bar(0.5) == "[" + "#" * 12 + "." * 12 + "]"
    assert bar(1.7) == "[" + "#" * 24 + "]"
