"""What has changed is made again, and told; all else is skipped."""

import base64
import json
import zlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import pytest

from telemetry import lake
from telemetry.errors import DataError, UsageError
from tests.support.command import noted
from tests.support.lake import DATABASE, MIDNIGHT_NS, NOON_NS, candump, lake_rows, lake_values, tree
from tests.support.tables import csv_values
from tests.support.vehicle_logs import kona, lines

DAY_NS = 24 * 3600 * 10**9
DBC = 'VERSION ""\nBU_: ECU\nBO_ 784 Pack: 8 ECU\n SG_ A : 0|8@1+ ({},0) [0|0] "" ECU\n'
COUNTED = """vehicle = "van"
[influx]
url = "http://127.0.0.1:1"
database = "d"
[spool]
directory = "spool"
[[can]]
name = "can0"
databases = ["ev.dbc"]
[[map]]
signal = "Pack.A"
to = "battery.current_a"
"""


def reasons(written: lake.Written) -> list[str]:
    return [each.reason for each in written.outcomes]


def logs(folder: Path, *begins_ns: int) -> Path:
    for number, begin_ns in enumerate(begins_ns):
        candump(folder / f"ev7/{number}.log", [(begin_ns + n * 10**9, "310", f"{n:02X}") for n in range(20)])
    return folder / "ev7"


def write(folder: Path, database: str = "1") -> lake.Written:
    file = folder / "ev.dbc"
    file.write_text(DBC.format(database))
    return lake.write(folder / "ev7", to=folder / "lake", databases=str(file))


def test_a_new_log_of_a_day_makes_that_day_again(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS, NOON_NS + DAY_NS)
    write(tmp_path)
    before = {*lake.files(tmp_path / "lake")}
    logs(tmp_path, NOON_NS, NOON_NS + DAY_NS, NOON_NS + DAY_NS + 10**12)
    assert reasons(write(tmp_path)) == ["", "changed: logs"]
    assert {file.name for file in tree(tmp_path / "lake") if file.suffix == ".parquet"} == {
        Path(file).name for file in lake.files(tmp_path / "lake")
    }
    assert len(before & {*lake.files(tmp_path / "lake")}) == 1


def test_another_database_makes_all_again_and_removes_what_is_no_longer_made(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS)
    write(tmp_path)
    file = tmp_path / "ev.dbc"
    file.write_text(DBC.format("1").replace("Pack", "Battery"))
    again = lake.write(tmp_path / "ev7", to=tmp_path / "lake", databases=str(file))
    assert reasons(again) == ["changed: databases"]
    assert not (tmp_path / "lake/table=Pack").exists()
    assert len(lake.files(tmp_path / "lake", table="Battery")) == 1


def test_a_corrected_profile_that_another_one_extends_makes_its_days_again(tmp_path: Path) -> None:
    log, place, own, base = (tmp_path / name for name in ("ev7/1.log", "lake", "own.toml", "base.toml"))
    log.parent.mkdir()
    began_s = MIDNIGHT_NS / 1e9 - 3  # the second of three rounds goes over midnight
    log.write_text("".join(line for at in (0, 2.8, 6) for line in lines(kona(), begin_s=began_s + at)))
    own.write_text('extends = "base.toml"\n')
    read = 'unit = "bms"\nwhat = "220105"\nmark = "2"\n'
    corrected = (
        f'[[read]]\n{read}fields = [{{ to = "battery.soh_pct", byte = 28, bytes = 2, scale = 0.05 }}]\n'
    )
    words = (str(log), "--vehicle-profile", str(own), "--messages")
    for more, reason, soh_pct in (("", "new", 98.7), (corrected, "changed: databases", 49.35)):
        base.write_text(f'extends = "hyundai-kona-64"\n{more}')
        made = reasons(lake.write(log, to=place, vehicle_profile=own))
        assert [each.removesuffix(", the day before") for each in made] == [reason, reason]
        values = lake_values(place)
        assert values == csv_values(tmp_path / "rows.csv", *words)
        assert {value for *_, name, value in values if name == "soh_pct"} == {soh_pct}
        assert "2 partitions, 2 skipped" in noted("decode", *words, "--format", "dataset", "-o", place)


def test_another_version_makes_all_again(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS)
    write(tmp_path)
    with patch("telemetry.lake.task.__version__", "9"):
        assert reasons(write(tmp_path)) == ["changed: version"]


def test_a_file_that_was_removed_or_cut_makes_its_partition_again(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS)
    write(tmp_path)
    (file,) = map(Path, lake.files(tmp_path / "lake"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-10])
    assert reasons(write(tmp_path)) == ["files are missing"]
    assert file.read_bytes() == whole


def _with(content: bytes, **others: object) -> bytes:
    """Return a marker with other values, as one who knows how it is sealed writes it."""
    values = {**json.loads(content), **others}
    del values["sha256"]
    values["sha256"] = sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    return json.dumps(values).encode()


OTHERS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-50],
    "nested": lambda _: b"[" * 10_000 + b"]" * 10_000,
    "100 MB": lambda content: content + bytes(100_000_000),
    "no accounts": lambda content: _with(content, accounts=None),
    "texts for numbers": lambda content: content.replace(b'"rows": ', b'"rows": "x", "y": '),
    "a file elsewhere": lambda content: _with(
        content, outputs={"../victim": {"table": "", "day": "2026-03-02", "rows": 1, "bytes": 1, "types": {}}}
    ),
    "a vehicle elsewhere": lambda content: _with(content, vehicle="../x"),
    "a lead-in after the day": lambda content: _with(content, lead_ns=NOON_NS + DAY_NS),
    "of a later version": lambda content: _with(content, more=1),
    "another memory": lambda content: content.replace(b'"memory": ""', b'"memory": "c$_81"'),
    "another count": lambda content: content.replace(b'"bus/logs/read": 20', b'"bus/logs/read": 21'),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_damaged_marker_makes_its_partition_again_and_is_named_in_one_line(
    tmp_path: Path, other: str
) -> None:
    logs(tmp_path, NOON_NS, NOON_NS + DAY_NS)
    write(tmp_path)
    (tmp_path / "victim").touch()
    fresh = tree(tmp_path / "lake")
    marker = tmp_path / "lake/_done/ev7_2026-03-02.json"
    marker.write_bytes(OTHERS[other](marker.read_bytes()))
    said = list[str]()
    with pytest.raises(DataError, match=r"is damaged: .*\(decode --format dataset makes"):
        lake.files(tmp_path / "lake")
    database = str(tmp_path / "ev.dbc")
    done = lake.write(tmp_path / "ev7", to=tmp_path / "lake", databases=database, warn=said.extend)
    assert reasons(done) == ["new", ""]
    (line,) = said
    assert line.startswith(f"{marker}: is damaged: ")
    assert len(line) < 300
    assert tree(tmp_path / "lake") == fresh
    assert (tmp_path / "victim").exists()


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("version", "is of other databases or options, or of another version"),
        ("options", "is of other databases or options, or of another version"),
        ("c$_81", "has a damaged memory"),
        ("cut", "has a damaged memory"),
        ("os.system", "has a damaged memory"),
    ],
)
def test_a_day_does_not_go_on_with_what_another_version_or_somebody_else_remembers(
    tmp_path: Path, other: str, reason: str
) -> None:
    (tmp_path / "ev.dbc").write_text(DBC.format("1"))
    config = tmp_path / "gateway.toml"
    config.write_text(COUNTED)
    logs(tmp_path, NOON_NS)
    lake.write(tmp_path / "ev7/0.log", to=tmp_path / "lake", config=config)
    marker = tmp_path / "lake/_done/ev7_2026-03-02.json"
    values = json.loads(marker.read_text())
    if other == "version":
        made_of = {**values["made_of"], "version": "0.0.9"}
        marker.write_bytes(_with(marker.read_bytes(), made_of=made_of, outputs={}))
    elif other == "options":  # of channels: the memory does not fit this configuration
        config.write_text(COUNTED.replace('"can0"', '"can1"'))
    else:
        system = b"cos\nsystem\n(S'touch " + str(tmp_path / "victim").encode() + b"'\ntR."
        memories = {
            "cut": values["memory"][:-20],
            "os.system": base64.b85encode(zlib.compress(system)).decode(),
        }
        marker.write_bytes(_with(marker.read_bytes(), memory=memories.get(other, other)))
    (tmp_path / "ev7/0.log").unlink()  # so that its day stays as it is
    logs(tmp_path / "next", NOON_NS + DAY_NS)
    unread = patch("telemetry.stages.memory._Values", side_effect=RuntimeError("it is unpickled"))
    with unread if other != "os.system" else nullcontext():
        (outcome,) = lake.write(tmp_path / "next/ev7", to=tmp_path / "lake", config=config).outcomes
    assert (outcome.reason, outcome.error) == ("new", "")
    line = outcome.problems[0]
    assert line.startswith(f"{marker}: {reason}: ")
    assert line.endswith("to make that day again, remove it, and name its recordings")
    assert not (tmp_path / "victim").exists()


def test_later_days_whose_first_state_differs_are_made_again(tmp_path: Path) -> None:
    """A counter goes on over days: what is added to the first one changes the others."""
    (tmp_path / "ev.dbc").write_text(DBC.format("1"))
    config = tmp_path / "gateway.toml"
    config.write_text(COUNTED + '[[map]]\nsignal = "Pack.A"\nto = "battery.voltage_v"\n')
    for number, begin_ns in enumerate((NOON_NS, NOON_NS + DAY_NS, NOON_NS + 3 * DAY_NS)):
        candump(
            tmp_path / f"ev7/{number}.log", [(begin_ns + n * 10**8, "310", f"{n:02X}") for n in range(20)]
        )

    def made(where: str) -> Sequence[str]:
        return reasons(lake.write(tmp_path / "ev7", to=tmp_path / where, config=config))

    assert made("lake") == ["new"] * 3
    candump(tmp_path / "ev7/9.log", [(NOON_NS + 10**12 + n * 10**8, "310", f"{n:02X}") for n in range(20)])
    assert made("lake") == ["changed: logs", *["changed: the day before"] * 2]
    assert made("fresh") == ["new"] * 3
    assert lake_rows(tmp_path / "lake") == lake_rows(tmp_path / "fresh")
    assert tree(tmp_path / "lake") == tree(tmp_path / "fresh")


def test_a_day_more_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS)
    write(tmp_path)
    logs(tmp_path, NOON_NS, MIDNIGHT_NS + 10**12)
    assert reasons(write(tmp_path)) == ["", "new"]


def test_a_signal_whose_type_changes_is_refused_while_other_partitions_have_the_old_one(
    tmp_path: Path,
) -> None:
    logs(tmp_path, NOON_NS)
    write(tmp_path)
    files = lake.files(tmp_path / "lake")
    tenths = tmp_path / "tenths.dbc"
    tenths.write_text(DBC.format("0.1"))
    with pytest.raises(UsageError) as caught:
        lake.write(tmp_path / "ev7", to=tmp_path / "lake", databases=str(tenths), vehicle="x")
    said = str(caught.value)
    assert "Pack.A is double by these databases, and int64 in ev7 2026-03-02" in said
    assert f"nev-telemetry decode {tmp_path}/ev7/0.log --format dataset -o {tmp_path}/lake" in said
    assert lake.files(tmp_path / "lake") == files
    assert reasons(write(tmp_path, "0.1")) == ["changed: databases"]  # all partitions that there are


def test_a_marker_says_what_a_partition_was_made_of(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS)
    lake.write(tmp_path / "ev7", to=tmp_path / "lake", databases=str(DATABASE))
    marker = json.loads((tmp_path / "lake/_done/ev7_2026-03-02.json").read_text())
    assert [*marker["made_of"]] == [
        "databases",
        "logs",
        "options",
        "the day after",
        "the day before",
        "version",
    ]
    assert [(each["path"], each["size"]) for each in marker["inputs"]] == [
        (str(tmp_path / "ev7/0.log"), (tmp_path / "ev7/0.log").stat().st_size)
    ]


def test_a_day_keeps_the_recordings_that_a_later_run_does_not_name(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS, NOON_NS + 10**12, NOON_NS + DAY_NS)
    file = tmp_path / "ev.dbc"
    file.write_text(DBC.format("1"))

    def made(where: str, *numbers: int) -> Sequence[tuple[str, str]]:
        named = [tmp_path / f"ev7/{number}.log" for number in numbers]
        written = lake.write(*named, to=tmp_path / where, databases=str(file))
        return [(each.day, each.reason) for each in written.outcomes]

    assert made("lake", 0) == [("2026-03-02", "new")]
    assert made("lake", 2) == [("2026-03-03", "new")]
    assert made("lake", 1) == [("2026-03-02", "changed: logs"), ("2026-03-03", "")]
    made("fresh", 0, 1, 2)
    assert tree(tmp_path / "lake") == tree(tmp_path / "fresh")


def test_a_day_of_which_a_recording_is_gone_is_not_made_without_it(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS, NOON_NS + 10**12)
    write(tmp_path)
    files = lake.files(tmp_path / "lake")
    (tmp_path / "ev7/0.log").unlink()
    assert reasons(write(tmp_path)) == []
    candump(tmp_path / "ev7/9.log", [(NOON_NS + 2 * 10**12, "310", "00")])
    (error,) = write(tmp_path).errors
    assert f"{tmp_path}/ev7/0.log: is gone, and the day was made of it, too" in error
    assert lake.files(tmp_path / "lake") == files


def test_a_day_of_which_all_recordings_are_gone_stays_also_with_another_database(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS, NOON_NS + DAY_NS)
    write(tmp_path)
    (tmp_path / "ev7/0.log").unlink()
    assert reasons(write(tmp_path)) == [""]
    written = write(tmp_path, "2")
    assert (reasons(written), written.errors) == (["changed: databases"], [])
    assert lake.accounts(tmp_path / "lake")["bus/logs/read"] == 40
    assert len(lake.files(tmp_path / "lake", days=("2026-03-02", "2026-03-02"))) == 1


def test_recordings_that_have_moved_are_the_same(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS, NOON_NS + 10**12)
    write(tmp_path)
    (tmp_path / "ev7").rename(tmp_path / "old")
    (tmp_path / "archive").mkdir()
    (tmp_path / "old").rename(tmp_path / "archive/ev7")
    written = lake.write(tmp_path / "archive", to=tmp_path / "lake", databases=str(tmp_path / "ev.dbc"))
    assert reasons(written) == [""]


def test_a_recording_that_has_not_changed_is_not_looked_at_again(tmp_path: Path) -> None:
    logs(tmp_path, NOON_NS)
    write(tmp_path)
    with patch("telemetry.lake.write.look", side_effect=AssertionError):
        assert reasons(write(tmp_path)) == [""]
