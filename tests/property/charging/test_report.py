"""Whatever a bus said, it stays text: in the page, in the table, in CSV and in JSON."""

import csv
import io
import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from telemetry.charging.report.page import page
from telemetry.charging.report.table import as_csv, as_json, as_table, as_text
from telemetry.charging.session import Session
from telemetry.errors import printable
from tests.support.charging_sessions import good, reconnected
from tests.support.report_page import ReadPage

TEXTS = ("vehicle", "pack", "charger", "station", "vin", "maker", "battery_type", "edition", "protocol")
NASTY = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["<script>alert(1)</script>", '" onload="x', "'", "&lt;", "]]>", "-->", "\x00", "\ud800"]
    ),
)
PLAIN = ReadPage(page(reconnected()))


def sessions() -> st.SearchStrategy[Session]:
    """Return sessions with any text in any field that holds one."""
    named = dict.fromkeys((*TEXTS, "stop_reason", "stop_side", "outcome"), NASTY)
    return st.builds(
        lambda texts, what, side, phase: replace(
            reconnected(),
            **texts,
            errors=(replace(reconnected().errors[0], what=what, side=side),),
            phases=(replace(reconnected().phases[0], phase=phase), *reconnected().phases[1:]),
        ),
        st.fixed_dictionaries(named),
        *(NASTY, NASTY, NASTY),
    )


@given(sessions())
def test_any_text_in_any_field_stays_text_in_the_page(session: Session) -> None:
    read = ReadPage(page(session))
    assert read.elements == PLAIN.elements
    assert {(element, name) for element, name, _ in read.attributes} == {
        (element, name) for element, name, _ in PLAIN.attributes
    }
    for name in ("station", "vin", "maker"):
        shown = printable(getattr(session, name))
        assert not shown.strip() or shown in "\n".join(read.texts)


@given(sessions())
def test_any_text_in_any_field_stays_one_cell_of_csv_and_one_value_of_json(session: Session) -> None:
    (found,) = json.loads(as_json([session]))
    assert all(found[name] == getattr(session, name).encode("utf-8", "replace").decode() for name in TEXTS)
    (row,) = csv.DictReader(io.StringIO(as_csv([session]), newline=""))
    assert all(
        row[name].removeprefix("'") == printable(getattr(session, name)).removeprefix("'") for name in TEXTS
    )
    assert not any(row[name].startswith(("=", "+", "-", "@", "\t")) for name in TEXTS)


@given(sessions())
def test_any_text_in_any_field_leaves_a_terminal_as_it_is(session: Session) -> None:
    for text in (as_table([session, good()]), as_text(session)):
        assert all(line.isprintable() for line in text.split("\n"))
    assert as_table([session, good()]).count("\n") == 3
