"""One line for each kind of fault in each file."""

from telemetry.databases.formats.findings import Findings


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
