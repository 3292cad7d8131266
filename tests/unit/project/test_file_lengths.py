"""A file of source can be read in a sitting: it has 500 lines at most (CONTRIBUTING.md, Style)."""

from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("telemetry", "ext", "firmware_sim", "tests", "tools", "benchmarks", "fuzz")
SUFFIXES = (".py", ".pyi", ".pyx", ".pxd", ".h")
MOST_LINES = 500


def lengths() -> dict[str, int]:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.suffix in SUFFIXES]
    return {str(file.relative_to(ROOT)): file.read_bytes().count(b"\n") for file in files}


def test_no_file_of_source_is_longer_than_one_can_read_in_a_sitting() -> None:
    found = lengths()
    assert "telemetry/service/service.py" in found
    assert "ext/telemetry_core/decode/decoder.pyx" in found
    assert {file: count for file, count in found.items() if count > MOST_LINES} == {}
