"""What is generated is up to date, and pages name what there is: `make pages-check`."""

from telemetry.__main__ import EXIT_BROKEN_PIPE, EXIT_INTERRUPTED
from telemetry.cli.demo import EXIT_DIFFERENT
from telemetry.errors import EXIT_OK, TelemetryError
from telemetry.stopping import EXIT_STUCK
from tests.support.page_tables import rows
from tools.pages.__main__ import GENERATED, faults
from tools.pages.links import PAGES, missing
from tools.pages.rooms import ROOT


def test_every_generated_page_is_up_to_date_and_every_name_leads_somewhere() -> None:
    assert list(faults()) == []


def test_what_leads_nowhere_is_seen() -> None:
    page = ROOT / "docs" / "web.md"
    text = "`telemetry/no_room/` `no_file.py` `telemetry_core.nothing` [a](none.md) [b](web.md#none)"
    assert len(PAGES) > 50
    assert list(missing(page, f"{text}\n`python -m tools.nothing`")) == [
        "no file is called no_file.py",
        "there is no telemetry/no_room/",
        "there is no module telemetry_core.nothing",
        "there is no module tools.nothing",
        "the link none.md leads nowhere",
        "the link web.md#none leads nowhere",
    ]


def test_a_page_that_was_edited_by_hand_is_made_again() -> None:
    for name, rewritten in GENERATED.items():
        text = (ROOT / name).read_text("utf-8")
        assert rewritten(text.replace("| text |", "| txet |")) == text, name


def test_the_table_of_exit_codes_has_each_code_that_the_program_ends_with() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    described = {int(code) for code, *_ in rows(page, "code")}
    waiting, errors = [TelemetryError], set[int]()
    while waiting:
        error = waiting.pop()
        errors.add(error.exit_code)
        waiting += error.__subclasses__()
    others = {EXIT_OK, EXIT_DIFFERENT, EXIT_STUCK, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE}
    assert described == errors | others
