"""What `import telemetry` gives: these names, none of them before it is asked for, typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import telemetry

ROOT = Path(__file__).parents[3]
NAMES = {
    *("open", "read", "load_databases", "open_log", "Tables", "Table", "Databases", "Log", "TelemetryError"),
    *("sessions", "signals", "plot"),
    "__version__",
}


def test_these_names_are_public_and_no_others() -> None:
    assert set(telemetry.__all__) == NAMES
    assert set(dir(telemetry)) == NAMES
    for name in NAMES:
        assert getattr(telemetry, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'decode_log'"):
        telemetry.decode_log  # noqa: B018


def test_each_name_says_what_it_is_for() -> None:
    for name in NAMES - {"__version__"}:
        assert getattr(telemetry, name).__doc__


def test_importing_the_package_imports_none_of_its_rooms_and_reading_neither_pandas_nor_a_parser() -> None:
    program = (
        "import sys, json; before = set(sys.modules); import telemetry; "
        "light = sorted(set(sys.modules) - before); telemetry.read; telemetry.open_log; "
        "print(json.dumps([light, sorted({name.partition('.')[0] for name in sys.modules})]))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT)
    light, heavy = json.loads(ended.stdout)
    assert [name for name in light if name.startswith("telemetry")] == ["telemetry"]
    assert not {"numpy", "pandas", "pyarrow", "polars", "cantools", "can", "urllib3", "rich"} & set(heavy)
