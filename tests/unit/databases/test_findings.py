"""One line for each kind of fault in each file."""

from telemetry.databases.formats.dbc_mend import mend
from telemetry.databases.formats.findings import Findings, shortened


def test_faults_of_one_kind_are_one_line_with_the_first_of_them() -> None:
    findings = Findings()
    for line in (7, 9, 11):
        findings.add("a.dbc", line, "left out", f"statement {line}")
    findings.add("a.dbc", 8, "mended", "other")
    findings.add("b.kcd", None, "left out", "message")
    assert findings.lines() == (
        "a.dbc:7: left out: statement 7 (and 2 more)",
        "a.dbc:8: mended: other",
        "b.kcd: left out: message",
    )


def test_a_statement_that_is_cut_says_so() -> None:
    assert shortened("VAL_ 568\n Speed 31;", most=14) == "VAL_ 568 Spee..."
    assert shortened("VAL_ 568\n Speed 31;", most=19) == "VAL_ 568 Speed 31;"
    (fault,) = mend('VERSION ""\nBO_ 1 M: 8 E\nVAL_ 568 Speed ' + '31 "SNA" ' * 20 + ";\n").faults
    assert fault.statement.startswith("VAL_ 568 Speed ")
    assert fault.statement.endswith("...")
