"""`telemetry.sessions`, `signals` and `plot`: what the commands of these names show."""

import csv
import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import telemetry
from firmware_sim.wire.broadcast import VEHICLE_DBC
from tests.support.charges import played_charge
from tests.support.command import printed

pytest.importorskip("numpy")  # there are no wheels for 32 bits
pd = pytest.importorskip("pandas")

DATA = Path(__file__).parents[2] / "data"
CHARGE = Path(__file__).parents[3] / "examples" / "charge.log"
DAY_S = 86400


@pytest.fixture(autouse=True)
def _caches(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def charges(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two logs of a charge each: one at its first attempt, and a day later one at its second."""
    folder = tmp_path_factory.mktemp("charges")
    first, second, later = folder / "first.log", folder / "second.log", folder / "later.log"
    played_charge("18").write_log(first)
    played_charge("19").write_log(second)
    lines = [line.partition(")") for line in second.read_text().splitlines()]
    later.write_text("".join(f"({float(stamp[1:]) + DAY_S:.6f}){rest}\n" for stamp, _, rest in lines))
    return [first, later]


def assert_as_csv(table: telemetry.Table, text: str) -> None:
    """Compare the table with the cells of csv, which are read without this project."""
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(table) == len(rows) > 0
    assert table.columns == tuple(name.removesuffix("_ns") for name in rows[0])
    frame = table.to_pandas()
    for name in rows[0]:
        column = frame[name.removesuffix("_ns")]
        for cell, value in zip((row[name] for row in rows), column, strict=True):
            if cell == "":
                assert pd.isna(value), name
            elif isinstance(value, pd.Timestamp):
                assert value.value == int(cell)
            elif isinstance(value, bool | str):
                assert str(value) == {"true": "True", "false": "False"}.get(cell, cell)
            else:
                assert float(value) == float(cell)


def test_sessions_are_those_of_the_command_in_its_columns(charges: list[Path]) -> None:
    found = telemetry.sessions(*charges)
    assert_as_csv(found, printed("sessions", *charges, "--format", "csv"))
    assert (len(found), found["attempts"].tolist()) == (2, [1, 2])
    assert found["end"].dtype == "datetime64[ns]"
    assert {"energy_wh": "Wh", "end_soc_pct": "%", "duration_s": "s"}.items() <= found.units.items()


def test_sessions_are_chosen_by_their_start_and_none_is_a_warning(charges: list[Path]) -> None:
    with pytest.warns(UserWarning, match="is named twice, and read once"):
        assert len(telemetry.sessions(*charges, *charges)) == 2
    first, later = telemetry.sessions(*charges)["start"].astype("int64").tolist()
    for since in (datetime.fromtimestamp(later // 10**9, UTC), str(later // 10**9)):
        assert telemetry.sessions(*charges, since=since)["start"].astype("int64").tolist() == [later]
    with pytest.warns(
        UserWarning, match="no charging session in .*`since` or `vehicle` leaves out 2 sessions"
    ):
        assert len(telemetry.sessions(*charges, vehicle="another")) == 0
    assert later - first > DAY_S * 10**9 / 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        ({"signals": "*Voltage*"}, ["--signal", "*Voltage*"]),
        ({"everything": True}, ["--all"]),
    ],
)
def test_signals_are_those_of_the_command_in_its_columns(given: dict[str, Any], words: list[str]) -> None:
    for logs in ([], [CHARGE]) if words != ["--all"] else ([CHARGE],):
        found = telemetry.signals(*logs, databases=VEHICLE_DBC, **given)
        assert_as_csv(found, printed("signals", *logs, VEHICLE_DBC, *words, "--format", "csv"))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_signals_of_a_protocol_are_those_that_came() -> None:
    found = telemetry.signals(DATA / "jbd.txt", protocol="jbd")
    assert_as_csv(found, printed("signals", DATA / "jbd.txt", "--protocol", "jbd", "--format", "csv"))


def test_a_figure_is_that_of_the_command_and_a_notebook_shows_it(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    own, theirs = tmp_path / "own.png", tmp_path / "theirs.png"
    words = (CHARGE, "PackVoltage", "State*", "--dbc", VEHICLE_DBC, "--time", "utc")
    printed("plot", *words, "-o", theirs)
    before = list(tmp_path.iterdir())
    figure = telemetry.plot(CHARGE, "PackVoltage", "State*", databases=VEHICLE_DBC, time="utc")
    assert list(tmp_path.iterdir()) == before
    assert isinstance(figure, matplotlib.figure.Figure)
    assert [axes.get_ylabel() for axes in figure.axes] == ["V", "", "%"]
    shown = figure._repr_png_()  # what a notebook calls
    telemetry.plot(CHARGE, "PackVoltage", "State*", databases=VEHICLE_DBC, time="utc", file=own)
    assert own.read_bytes() == theirs.read_bytes()
    image = pytest.importorskip("PIL.Image")
    assert image.open(io.BytesIO(shown)).tobytes() == image.open(own).tobytes()


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(telemetry.TelemetryError, match=r"pip install 'nev-telemetry\[plot\]'"):
        telemetry.plot(CHARGE, "PackVoltage", databases=VEHICLE_DBC)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: telemetry.sessions(), "sessions: nothing says where sessions are (give the path of a log,"),
        (lambda: telemetry.sessions(VEHICLE_DBC), f'{VEHICLE_DBC}: is a database (databases="'),
        (lambda: telemetry.sessions("no.log"), "no.log: No such file or directory"),
        (lambda: telemetry.sessions(CHARGE, protocol="jbd"), "protocol: jbd is of a serial port"),
        (lambda: telemetry.sessions(CHARGE, protocol="x"), "protocol: no protocol is called 'x' (known are"),
        (lambda: telemetry.sessions(CHARGE, since="noon"), "since: 'noon' is not a time like 2023-11-14"),
        (lambda: telemetry.sessions(CHARGE, since=5), "since: 5 is neither"),  # type: ignore[arg-type]
        (lambda: telemetry.sessions(config="no.toml", protocol="elcon"), "protocol: stands beside config"),
        (lambda: telemetry.signals(CHARGE), "signals: nothing says what the logs hold"),
        (
            lambda: telemetry.signals(CHARGE, databases=VEHICLE_DBC, signals="SOC"),
            "signals: no signal is called",
        ),
        (lambda: telemetry.plot(CHARGE, databases=VEHICLE_DBC), "plot: names no signal (as plot(log,"),
        (lambda: telemetry.plot(CHARGE, "SOC", databases=VEHICLE_DBC), "signals: no signal is called"),
        (
            lambda: telemetry.plot(CHARGE, ["x"], protocol="jbd", to_time="+1"),
            "from_time, to_time: stand beside",
        ),
        (lambda: telemetry.plot(CHARGE, "x", databases=VEHICLE_DBC, file="x.pdf"), "x.pdf: is neither .png"),
        (lambda: telemetry.plot(CHARGE, "x", protocol="jbd", time="UTC"), "time: 'UTC'"),  # type: ignore[arg-type]
    ],
)
def test_a_mistake_is_one_line(call: Any, words: str) -> None:
    with pytest.raises(telemetry.TelemetryError) as raised:
        call()
    assert str(raised.value).startswith(words)
