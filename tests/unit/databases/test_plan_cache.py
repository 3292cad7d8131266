import gc
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from telemetry.databases import plan_cache
from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.databases.plan_cache import load_plan, user_cache_directory
from telemetry.databases.plan_codec import decoded, encoded
from telemetry.errors import ConfigError

DATABASE = """VERSION ""
NS_ :
BS_:
BU_: ECU
BO_ 256 Pack: 8 ECU
 SG_ Page M : 0|8@1+ (1,0) [0|255] "" ECU
 SG_ Voltage m1 : 8|16@1+ (0.1,0) [0|0] "V" ECU
 SG_ time m2 : 8|16@1- (0.01,-40) [0|0] "A" ECU
BO_ 2566869221 Limits: 8 ECU
 SG_ Maximum : 7|16@0+ (1,0) [0|0] "" ECU
VAL_ 2566869221 Maximum 0 "none" 65535 "unknown" ;
"""


@pytest.fixture
def bus(tmp_path: Path) -> BusDatabases:
    (tmp_path / "ev.dbc").write_text(DATABASE)
    return BusDatabases("can0", (tmp_path / "ev.dbc",))


def must_not_parse(buses: object) -> LoadedPlan:
    raise AssertionError(f"parsed again: {buses}")


def test_a_plan_survives_its_encoding(bus: BusDatabases) -> None:
    plan = build_plan([bus])
    assert decoded(encoded(plan)) == plan


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'{"warnings":[],"records":[1],"buses":[]}'])
def test_bytes_that_are_no_plan_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  json's own errors are ValueErrors too
        decoded(content)


@pytest.mark.usefixtures("parser_in_a_child")
def test_a_plan_is_parsed_once_for_each_content(
    bus: BusDatabases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = load_plan([bus], tmp_path / "plans")
    assert plan == build_plan([bus])
    monkeypatch.setattr(plan_cache, "_parse", must_not_parse)
    assert load_plan([bus], tmp_path / "plans") == plan
    bus.databases[0].write_text(DATABASE.replace("Voltage", "Tension"))
    with pytest.raises(AssertionError, match="parsed again"):
        load_plan([bus], tmp_path / "plans")


def test_options_are_part_of_what_is_cached(bus: BusDatabases, tmp_path: Path) -> None:
    load_plan([bus], tmp_path / "plans")
    load_plan([BusDatabases(bus.name, bus.databases, j1939=True)], tmp_path / "plans")
    assert len(list((tmp_path / "plans").iterdir())) == 2


def test_a_damaged_cache_is_made_again(bus: BusDatabases, tmp_path: Path) -> None:
    plan = load_plan([bus], tmp_path / "plans")
    (cached,) = (tmp_path / "plans").iterdir()
    whole = cached.read_bytes()
    flipped = whole.replace(b"0.1", b"0.3")
    for damaged in (b"", whole[: len(whole) // 2], flipped):
        assert damaged != whole
        cached.write_bytes(damaged)
        assert load_plan([bus], tmp_path / "plans") == plan
        assert cached.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_nothing_but_a_warning(
    bus: BusDatabases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "plans").write_text("a file where a folder should be")
    assert load_plan([bus], tmp_path / "plans") == build_plan([bus])
    assert "cannot be cached" in caplog.text


@pytest.mark.usefixtures("parser_in_a_child")
def test_what_the_parser_refuses_is_one_line_with_its_place(tmp_path: Path) -> None:
    for name in ("a.dbc", "b.dbc"):
        (tmp_path / name).write_text(DATABASE)
    bus = BusDatabases("can0", (tmp_path / "a.dbc", tmp_path / "b.dbc"))
    with pytest.raises(ConfigError) as caught:
        load_plan([bus], None)
    with pytest.raises(ConfigError) as direct:
        build_plan([bus])
    assert str(caught.value) == str(direct.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.dbc: cannot be read"):
        load_plan([BusDatabases("can0", (tmp_path / "absent.dbc",))], tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ev.dbc")
    with pytest.raises(ConfigError, match=r"ev\.dbc: is no regular file"):
        load_plan([BusDatabases("can0", (tmp_path / "ev.dbc",))], tmp_path)


@pytest.mark.usefixtures("parser_in_a_child")
def test_a_parser_that_never_ends_is_ended(bus: BusDatabases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "PARSE_TIMEOUT_S", 0.001)
    with pytest.raises(ConfigError, match=r"ev\.dbc: takes more than"):
        load_plan([bus], None)


@pytest.mark.usefixtures("parser_in_a_child")
def test_a_parser_that_crashes_is_a_configuration_error(
    bus: BusDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ConfigError, match=r"ev\.dbc: the parser failed \(status 1\)"):
        load_plan([bus], None)


def test_loading_a_cached_plan_imports_no_parser(bus: BusDatabases, tmp_path: Path) -> None:
    load_plan([bus], tmp_path / "plans")
    script = (
        "import sys; from pathlib import Path; from telemetry.databases.bus import BusDatabases;"
        "from telemetry.databases.plan_cache import load_plan;"
        "load_plan([BusDatabases('can0', (Path(sys.argv[1]),))], Path(sys.argv[2]));"
        "sys.exit('cantools' in sys.modules)"
    )
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    arguments = [str(bus.databases[0]), str(tmp_path / "plans")]
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, env=environment)


def test_the_parser_blocks_no_signal_though_who_started_it_does() -> None:
    """Its limits are signals: with those blocked, a database that never ends would be parsed for ever."""
    code = """
import signal
from telemetry.databases import plan_cache
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
plan_cache.import_cantools_alone = lambda: exit(len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
plan_cache._child()
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_the_parser_imports_nothing_that_only_logs_need() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "telemetry.databases.plan_cache"]
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    parser = subprocess.run(command, input="[]", capture_output=True, check=True, env=environment, text=True)
    imported = {line.rpartition("|")[2].strip() for line in parser.stderr.splitlines()}
    assert "cantools" in imported
    assert not imported & {"numpy", "pandas"}


def collections() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def test_a_plan_of_the_cache_is_read_without_collecting_garbage(
    tmp_path: Path,
) -> None:
    """Collecting took half of the time."""
    message = 'BO_ {0} M{0}: 8 E\n SG_ A : 0|8@1+ (1,0) [0|0] "" E\n'
    file = tmp_path / "large.dbc"
    file.write_text("BU_: E\n" + "".join(map(message.format, range(2000))))  # objects for many collections
    large = [BusDatabases("can0", (file,))]
    load_plan(large, tmp_path / "plans")
    before = collections()
    assert len(load_plan(large, tmp_path / "plans").spec.records) == 2000
    assert collections() - before <= 3  # afterwards, at most one of each generation
    assert gc.isenabled()


def test_the_parser_collects_no_garbage(bus: BusDatabases) -> None:
    """Collecting took a third of its time, for each message again all of those before it."""
    program = (
        "import gc, sys; from telemetry.databases import plan_cache; "
        "count = lambda: sum(each['collections'] for each in gc.get_stats()); before = count(); "
        "plan_cache._child(); sys.stderr.write(str(count() - before))"
    )
    request = json.dumps([{"name": bus.name, "databases": [str(file) for file in bus.databases]}])
    child = subprocess.run([sys.executable, "-c", program], input=request.encode(), capture_output=True)
    assert decoded(child.stdout) == build_plan([bus])
    assert int(child.stderr) <= 3


def test_a_file_that_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: File name too long"):  # as of a closed folder
        load_plan([BusDatabases("can0", (tmp_path / f"{'x' * 300}.dbc",))], tmp_path)


@pytest.mark.parametrize("whose", ["folder", "file"])
def test_a_plan_that_others_may_have_written_is_not_used(
    bus: BusDatabases, tmp_path: Path, whose: str
) -> None:
    plan = load_plan([bus], tmp_path / "plans")
    (cached,) = (tmp_path / "plans").iterdir()
    forged = cached.read_bytes().partition(b"\n")[2].replace(b"0.1", b"0.3")
    cached.write_bytes(hashlib.sha256(forged).hexdigest().encode() + b"\n" + forged)
    assert load_plan([bus], tmp_path / "plans") != plan  # who may write may forge: the digest is no secret
    {"folder": cached.parent, "file": cached}[whose].chmod(0o777)
    assert load_plan([bus], tmp_path / "plans") == plan


def test_a_link_in_a_plans_place_is_neither_read_nor_written_through(
    bus: BusDatabases, tmp_path: Path
) -> None:
    plan = load_plan([bus], tmp_path / "plans")
    (cached,) = (tmp_path / "plans").iterdir()
    victim = cached.rename(tmp_path / "victim")
    victim.write_bytes(b"as it was")
    cached.symlink_to(victim)
    cached.with_name(f"{cached.name}.{os.getpid()}.new").symlink_to(victim)
    assert load_plan([bus], tmp_path / "plans") == plan
    assert victim.read_bytes() == b"as it was"
    assert not cached.is_symlink()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("decimals", 255),
        ("decimals", -1),
        ("decimals", 19),
        ("kind", 6),
        ("kind", -1),
        ("factor", "1"),
        ("multiplier", 1 << 63),
        ("record", -1),
        ("record", 2),
        ("condition", 9),
        ("selector", -1),
        ("bit_count", 65),
        ("start_bit", 1.5),
        ("little_endian", 1),
        ("arbitration_id", -1),
        ("standard_mask", -1),
    ],
)
def test_a_cached_plan_with_a_field_that_cannot_be_is_parsed_again(
    field: str, value: object, bus: BusDatabases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = load_plan([bus], tmp_path / "plans")
    (cached,) = (tmp_path / "plans").iterdir()
    content = json.loads(cached.read_bytes().partition(b"\n")[2])
    record_field = content["records"][0][1][1]  # the signal Voltage
    message = content["buses"][0][1][0]
    rows: dict[str, tuple[list[object], int]] = {
        "kind": (record_field, 1),
        "factor": (record_field, 2),
        "multiplier": (record_field[4], 0),
        "decimals": (record_field[4], 2),
        "arbitration_id": (message, 1),
        "record": (message, 6),
        "start_bit": (message[4][1], 0),
        "bit_count": (message[4][1], 1),
        "little_endian": (message[4][1], 2),
        "condition": (message[4][1], 5),
        "selector": (message[5][0], 0),
        "standard_mask": (content["buses"][0], 2),
    }
    row, index = rows[field]
    row[index] = value
    forged = json.dumps(content).encode()
    cached.write_bytes(hashlib.sha256(forged).hexdigest().encode() + b"\n" + forged)
    assert load_plan([bus], tmp_path / "plans") == plan
    assert "cached plan is of no use" in caplog.text


def test_plans_of_commands_lie_in_the_cache_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert user_cache_directory() == Path("/cache/nev-telemetry/plans")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/me")
    assert user_cache_directory() == Path("/home/me/.cache/nev-telemetry/plans")
