"""What people give to `read`: what is meant is taken, and a mistake is one line with its remedy."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import telemetry

ROOT = Path(__file__).parents[3]
LOG, DBC = "examples/charge.log", "firmware_sim/wire/vehicle.dbc"


class Database:
    """As cantools', which has parsed a file."""


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def read(log: Any = LOG, **arguments: Any) -> telemetry.Tables:
    return telemetry.read(log, **({"databases": DBC} | arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        {"log": LOG.encode(), "databases": Path(DBC)},
        {"databases": {DBC}},
        {"signals": None, "isotp": None, "id_masks": None, "jobs": None},
        {"jobs": 2, "isotp": 0x18DAF110},
    ],
)
def test_paths_and_nothing_are_taken_in_any_form(arguments: dict[str, Any]) -> None:
    assert [len(table) for table in read(**arguments).values()] == [100, 10, 10, 50, 10]


@pytest.mark.parametrize("given", [0x7F0, [0x7F0], "7F0", ["0x7F0"], (0x7F0, 0x1FFFFFFF)])
def test_an_id_is_a_number_or_a_text(given: Any, tmp_path: Path) -> None:
    log = tmp_path / "masked.log"
    log.write_text("(1700000000.0) can0 31F#0000000000000000\n")
    dbc = tmp_path / "one.dbc"
    dbc.write_text('VERSION ""\nBU_: A\nBO_ 784 Pack: 8 A\n SG_ V : 0|8@1+ (1,0) [0|0] "V" A\n')
    assert len(read(log, databases=dbc, id_masks=given)["Pack"]) == 1


def test_logs_may_be_a_list_wherever_several_are_taken(tmp_path: Path) -> None:
    again = str(shutil.copy(LOG, tmp_path))
    assert [len(table) for table in read([LOG, Path(again)]).values()] == [200, 20, 20, 100, 20]
    for logs in ([LOG, again], "examples/*.lo[g]"):
        listed = telemetry.signals(logs, databases=DBC, signals="StateOfCharge")
        assert f">{20 if isinstance(logs, list) else 10}</td>" in listed._repr_html_()


def test_numbers_of_ids_are_those_of_numpy_too() -> None:
    np = pytest.importorskip("numpy")
    assert len(read(isotp=np.array([0x7E8]), jobs=np.int64(1))) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"log": DBC}, f'{DBC}: is a database (databases="{DBC}")'),
        ({"log": 5}, "read: int is no path (give the path of its file)"),
        ({"log": ""}, "read: an empty text is no path (give the path of its file)"),
        ({"log": {LOG, DBC}}, "read: a set has no order (give a list)"),
        ({"databases": Database()}, "databases: Database is no path (give the path of its file)"),
        ({"databases": [Database()]}, "databases: Database is no path (give the path of its file)"),
        ({"databases": {0: DBC}}, """databases: 0 is no channel (its name, as "can0")"""),
        ({"databases": []}, "databases: names no file (give the path of one)"),
        ({"databases": LOG}, f"{LOG}: not a database (known are .dbc, .arxml, .kcd, .sym)"),
        ({"databases": None, "config": DBC}, f'{DBC}: is a database (databases="{DBC}")'),
        ({"id_masks": [-1]}, """id_masks: -1 is no id (as "7E8" or 0x7E8)"""),
        ({"isotp": 1.5}, """isotp: 1.5 is no id (as "7E8" or 0x7E8)"""),
        ({"isotp": [0x3FFFFFFF]}, "isotp: '3FFFFFFF' has more than 29 bits"),
        ({"jobs": "2"}, "jobs: '2' is no whole number above zero (jobs=2)"),
        ({"jobs": 0}, "jobs: 0 is no whole number above zero (jobs=2)"),
        ({"signals": [5]}, "signals: 5 is no text (give a text or a list of them)"),
        ({"signals": "SOC"}, 'signals: no signal is called "SOC" (nearest: BMS_PackState.StateOfCharge)'),
        ({"protect": 5}, "protect: int is no path (give the path of its file)"),
        ({"databases": None, "protocol": 5}, "protocol: no protocol is called 5 (known are"),
    ],
)
def test_a_mistake_is_one_line_with_its_remedy(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(telemetry.TelemetryError) as raised:
        read(**arguments)
    assert str(raised.value).startswith(words)


def test_a_database_before_all_else_is_named_where_it_stands() -> None:
    for call in (lambda: telemetry.read(LOG, DBC), lambda: telemetry.open_log(DBC)):
        with pytest.raises(telemetry.TelemetryError, match=r"^firmware_sim/wire/vehicle.dbc: is a database"):
            call()


def test_a_column_that_is_asked_of_all_tables_is_named_with_its_own() -> None:
    with pytest.raises(KeyError, match=r"no rows of 'StateOfCharge' \(it is a column of BMS_PackState\)"):
        read()["StateOfCharge"]
