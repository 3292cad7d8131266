"""Each flag of `decode` that changes what comes out: a run with it and one without, where it shows."""

from pathlib import Path

import pytest

from tests.support.command import Done, command
from tests.support.scripted_server import Connection, ScriptedServer

DATABASE = f"""VERSION ""
NS_ :
BS_:
BU_: X
BO_ 256 Plain: 8 X
 SG_ Level : 0|8@1+ (1,0) [0|0] "" X
BO_ {0x18FF1000 | 1 << 31} Undeclared: 8 X
 SG_ Speed : 0|8@1+ (1,0) [0|0] "" X
BO_ {0x18FF2000 | 1 << 31} Declared: 8 X
 SG_ Temp : 0|8@1+ (1,0) [0|0] "" X
 SG_ Load : 8|8@1+ (1,0) [0|0] "" X
BO_ 2024 Answer: 8 X
 SG_ Service : 0|8@1+ (1,0) [0|0] "" X
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "StandardCAN";
BA_ "VFrameFormat" BO_ {0x18FF2000 | 1 << 31} 3;
VAL_ 256 Level 5 "five";
"""
LOG = """(1.0) can0 105#05
(2.0) can0 100#05
(3.0) can0 18FF1021#07
(4.0) can0 18FF2000#FF09
(5.0) can0 7E8#F1016200
(6.0) can0 7E8#01640000
"""
PLAIN = [
    "2000000000,can0,100,Plain,Level,5",
    "4000000000,can0,18FF2000,Declared,Load,9",
]
SERVICE = "{},can0,7E8,Answer,Service,{}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "car.dbc").write_text(DATABASE)
    (tmp_path / "car.log").write_text(LOG)
    return tmp_path


def decode(folder: Path, *flags: str) -> Done:
    return command("decode", "car.log", "--dbc", "car.dbc", *flags, home=folder, folder=folder)


def rows(folder: Path, *flags: str) -> set[str]:
    """Return the decoded rows, without answers to a diagnosis unless those are asked for."""
    found = decode(folder, *flags).stdout.splitlines()[1:]
    return {row for row in found if ",Answer," not in row or "--isotp" in flags}


@pytest.mark.parametrize(
    ("flags", "more"),
    [
        pytest.param([], [], id="none"),
        pytest.param(["--j1939"], ["3000000000,can0,18FF1021,Undeclared,Speed,7"], id="j1939"),
        pytest.param(
            ["--keep-not-available"],
            ["4000000000,can0,18FF2000,Declared,Temp,255"],
            id="keep not available",
        ),
        pytest.param(["--id-mask", "7F0"], ["1000000000,can0,105,Plain,Level,5"], id="mask of 11 bits"),
        pytest.param(
            ["--id-mask", "1FFFFF00"],
            ["3000000000,can0,18FF1021,Undeclared,Speed,7"],
            id="mask of 29 bits",
        ),
        pytest.param(["--value-texts"], ["2000000000,can0,100,Plain,Level_text,five"], id="value texts"),
        pytest.param(["--isotp", "7E8"], [SERVICE.format(6 * 10**9, 0x64)], id="isotp"),
        pytest.param(
            ["--isotp", "7E8", "--isotp-extended-addressing"],
            [SERVICE.format(5 * 10**9, 0x62)],
            id="isotp, extended addressing",
        ),
        pytest.param(
            ["--isotp", "7E8", "--isotp-length"], [SERVICE.format(6 * 10**9, 1)], id="isotp, with its length"
        ),
    ],
)
def test_a_flag_adds_what_it_says(folder: Path, flags: list[str], more: list[str]) -> None:
    assert rows(folder, *flags) == {*PLAIN, *more}


def test_unknown_lists_the_ids_without_a_message_in_place_of_values(folder: Path) -> None:
    done = decode(folder, "--unknown")
    assert done.stdout.splitlines() == [
        "channel,id,frames,min_bytes,max_bytes,period_s",
        "can0,105,1,1,1,",
        "can0,18FF1021,1,1,1,",
    ]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("creates", [False, True])
def test_a_missing_database_is_made_where_that_is_allowed(folder: Path, creates: bool) -> None:
    databases: set[str] = set()

    def act(connection: Connection) -> None:
        """Act as InfluxDB 1.x: no other version's endpoints, no write into a database that is not there."""
        request = connection.read_request()
        if request.target.startswith("/query"):
            databases.add("fleet")
            connection.answer(200, {"Content-Type": "application/json"}, b'{"results":[{}]}')
        elif not request.target.startswith("/write"):
            connection.answer(404, {"Content-Type": "text/plain"}, b"404 page not found")
        elif not databases:
            connection.answer(
                404, {"Content-Type": "application/json"}, b'{"error":"database not found: \\"fleet\\""}'
            )
        else:
            connection.server.store(request)
            connection.answer(204)

    with ScriptedServer() as server:
        server.script(*[act] * 20)
        flags = ["--format", "influx", "--url", server.url, "--database", "fleet", "--give-up-after", "0.5"]
        done = decode(folder, *flags, *["--create"] * creates)
        assert (done.returncode == 0) == creates
        assert len(server.stored) == creates * 4
