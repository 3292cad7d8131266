"""What `check` foretells of a unit: properties as `systemctl show` prints them, files with real modes."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.config import Config
from telemetry.model.finding import Grade
from telemetry.service.unit import unit_findings
from tests.support import configuration

PACKAGED = {
    "DynamicUser": ["yes"],
    "User": ["nev-telemetry"],
    "SupplementaryGroups": ["dialout"],
    "StateDirectory": ["nev-telemetry"],
    "RuntimeDirectory": ["nev-telemetry"],
    "ReadWritePaths": [""],
    "ProtectHome": ["yes"],
    "ProtectSystem": ["strict"],
    "PrivateTmp": ["no"],
    "DevicePolicy": ["closed"],
    "DeviceAllow": ["char-ttyUSB rw", "char-ttyACM rw"],
    "LoadCredential": [""],
}
TOP = '[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n'


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that others may enter, as /etc is; those of pytest are closed."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


CAN = '[[can]]\nname = "can0"\n'


def load(folder: Path, text: str = CAN, *, top: str = "", spool: str = "/var/lib/nev-telemetry") -> Config:
    whole = f'vehicle = "v"\n{top}\n{TOP}{text}\n[spool]\ndirectory = "{spool}"\n'
    config = configuration.load(folder, whole)
    config.file.chmod(0o644)
    return config


def faults(config: Config, **properties: list[str]) -> list[str]:
    unit = {"ExecStart": [f"{{ argv[]=nev-telemetry run {config.file} ; }}"], **PACKAGED, **properties}
    found = list(unit_findings(config, lambda: unit))
    assert [each.level for each in found] == [Grade.FACT] + [Grade.FAULT] * (len(found) - 1)
    return [each.text.removeprefix("unit nev-telemetry.service: ") for each in found[1:]]


def test_a_configuration_that_the_unit_can_serve_has_no_fault(folder: Path) -> None:
    assert faults(load(folder)) == []


def test_a_unit_of_another_configuration_says_nothing(folder: Path) -> None:
    config = load(folder, spool="/srv/spool")
    assert faults(config) != []
    of_another = {**PACKAGED, "ExecStart": [f"{{ argv[]=nev-telemetry run {config.file}.old ; }}"]}
    assert list(unit_findings(config, lambda: PACKAGED)) == []
    assert list(unit_findings(config, lambda: of_another)) == []


def test_files_that_the_units_user_may_not_read_are_named_with_what_to_do(folder: Path) -> None:
    config = load(folder)
    config.file.chmod(0o600)
    assert faults(config) == [f"{config.file}: the service may not read it: chmod o+r {config.file}"]
    assert faults(config, User=[""], DynamicUser=["no"]) == [], "root reads it"
    folder.chmod(0o700)
    assert faults(config) == [f"{config.file}: the service may not enter {folder}: chmod o+x {folder}"]


def test_a_file_of_the_units_group_is_read_by_it(folder: Path) -> None:
    config = load(folder)
    config.file.chmod(0o640)
    assert len(faults(config)) == 1
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(config.file, 0, 20)  # dialout, on Debian
    assert faults(config) == []
    os.chown(config.file, 20, 0)
    assert len(faults(config)) == 1, "a user of that number is another one"


def test_databases_of_two_buses_and_a_log_are_looked_at_too(folder: Path) -> None:
    for name in ("a.dbc", "b.dbc"):
        (folder / name).write_text("")
        (folder / name).chmod(0o600)
    (folder / "drive.log").write_text("")
    config = load(
        folder,
        '[[can]]\nname = "can0"\ndatabases = ["a.dbc"]\n'
        '[[replay]]\nname = "r"\nfile = "drive.log"\ndatabases = ["b.dbc", "a.dbc"]\n',
    )
    (folder / "drive.log").chmod(0o640)
    said = [each.partition(":")[0] for each in faults(config)]
    assert said == [str(folder / name) for name in ("a.dbc", "b.dbc", "drive.log")]


def test_what_lies_in_a_home_is_hidden_unless_the_unit_shows_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.service.unit._HOMES", (folder,))
    config = load(folder)
    words = f"{config.file}: ProtectHome hides {folder} from the service: keep it in /etc/nev-telemetry"
    assert faults(config) == [words]
    assert faults(config, ProtectHome=["tmpfs"]) == [words]
    for shown in ("no", "read-only"):
        assert faults(config, ProtectHome=[shown]) == []


@pytest.mark.parametrize(
    ("spool", "properties", "words"),
    [
        (
            "/srv/spool",
            {},
            ["the spool /srv/spool: the service may not write there: take /var/lib/nev-telemetry"],
        ),
        ("/srv/spool", {"ReadWritePaths": ["-/srv /opt/x"]}, []),
        ("/srv/spool", {"ProtectSystem": ["full"]}, []),
        (
            "/var/lib/nev-telemetry-2",
            {},
            ["the spool /var/lib/nev-telemetry-2: the service may not write there"],
        ),
        ("/var/lib/nev-telemetry/deep", {}, []),
        (
            "/tmp/spool",
            {"PrivateTmp": ["yes"]},
            ["the spool /tmp/spool: /tmp is the service's own, and empty"],
        ),
    ],
)
def test_a_spool_lies_where_the_unit_may_write(
    folder: Path, spool: str, properties: dict[str, list[str]], words: list[str]
) -> None:
    found = faults(load(folder, spool=spool), **properties)
    assert [said.startswith(expected) for said, expected in zip(found, words, strict=True)] == [True] * len(
        words
    )


def test_a_capture_and_a_cache_outside_of_the_units_folders_are_refused(folder: Path) -> None:
    port = '[[serial]]\nname = "b"\nport = "socket://127.0.0.1:1"\nprotocol = "jbd"\ncapture = "/srv/b.txt"\n'
    where = "the service may not write there: take /var/lib/nev-telemetry, or add ReadWritePaths="
    box = '[black_box]\ndirectory = "/srv/box"\n'
    assert faults(load(folder, port + box, top='cache_directory = "/opt/plans"')) == [
        f"compiled databases /opt/plans: {where}/opt/plans",
        f"the black box /srv/box: {where}/srv/box",
        f"capture /srv/b.txt: {where}/srv/b.txt",
    ]


def test_a_token_is_handed_over_or_readable_and_what_is_handed_over_is_there(folder: Path) -> None:
    token = folder / "token"
    token.write_text("secret\n")
    token.chmod(0o600)
    config = configuration.load(
        folder,
        f'vehicle = "v"\n{TOP}token_file = "token"\n[spool]\ndirectory = "/var/lib/nev-telemetry"\n{CAN}',
    )
    config.file.chmod(0o644)
    assert faults(config, LoadCredential=[f"token:{token}"]) == []
    (alone,) = faults(config)
    assert alone.startswith(f"{token}: the service may not read it: add LoadCredential=token:{token} (")
    missing = folder / "influx-token"
    assert faults(config, LoadCredential=[f"token:{token} influx-token:{missing}"]) == [
        f"{missing} is missing, and without it the unit does not start: write the token to it"
    ]


@pytest.mark.parametrize(
    ("mode", "properties", "words"),
    [
        (0o666, {}, "the unit forbids it: add DeviceAllow={port} rw (systemctl edit nev-telemetry.service)"),
        (0o666, {"DeviceAllow": ["{port} rw"]}, ""),
        (0o666, {"DeviceAllow": ["{port} r"]}, "the unit forbids it"),
        (0o666, {"DevicePolicy": ["auto"], "DeviceAllow": []}, ""),
        (0o666, {"DevicePolicy": ["auto"]}, "the unit forbids it"),
        (0o600, {"DeviceAllow": ["{port} rw"]}, "the service may not open it: have a udev rule give it to"),
        (0o620, {"DeviceAllow": ["{port} rw"]}, "the service may not open it: have a udev rule give it to"),
    ],
)
def test_a_port_is_foretold_as_the_unit_lets_it_be_opened(
    folder: Path, mode: int, properties: dict[str, list[str]], words: str
) -> None:
    port = folder / "port"
    port.touch()
    port.chmod(mode)
    config = load(folder, f'[[serial]]\nname = "b"\nport = "{port}"\nprotocol = "jbd"\n')
    given = {name: [each.format(port=port) for each in values] for name, values in properties.items()}
    said = faults(config, **given)
    expected = words.format(port=port)
    assert [each.startswith(f"{port}: {expected}") for each in said] == [True] * bool(words)


def test_a_driver_is_allowed_by_its_name_as_by_a_pattern(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.service.unit.device_class", lambda _: "char-ttySC")
    (folder / "port").touch()
    (folder / "port").chmod(0o666)
    config = load(folder, f'[[serial]]\nname = "b"\nport = "{folder}/port"\nprotocol = "jbd"\n')
    assert (
        faults(config, DeviceAllow=["char-ttySC rw"]) == faults(config, DeviceAllow=["char-tty* rwm"]) == []
    )
    (said,) = faults(config)
    assert "add DeviceAllow=char-ttySC rw" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_port_of_a_group_names_that_and_one_of_no_known_group_the_rule(folder: Path) -> None:
    port = folder / "port"
    port.touch()
    port.chmod(0o660)
    config = load(folder, f'[[serial]]\nname = "b"\nport = "{port}"\nprotocol = "jbd"\n')
    allowed = {"DeviceAllow": [f"{port} rw"], "SupplementaryGroups": [""]}
    for group, remedy in (
        (20, "add SupplementaryGroups=dialout ("),
        (64_999, "have a udev rule"),
        (0, "have a udev"),
    ):
        os.chown(port, 0, group)
        (said,) = faults(config, **allowed)
        assert said.startswith(f"{port}: the service may not open it: {remedy}")


def test_the_groups_of_a_units_own_user_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = folder.stat().st_gid
    monkeypatch.setattr("os.getgrouplist", lambda name, _: [group] if name == "daemon" else [])
    config = load(folder)
    config.file.chmod(0o640)
    assert faults(config, User=["daemon"]) == []
    assert len(faults(config, User=["nobody"])) == 1
