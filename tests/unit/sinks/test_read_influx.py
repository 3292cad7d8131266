"""[influx]: what each key becomes, and what the environment of influxdb-client adds."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.settings.document import Document
from telemetry.settings.table import TomlTable
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings

LEAST = {"url": "http://h:8086", "bucket": "b"}


def influx(
    folder: Path, keys: Mapping[str, object], environment: Mapping[str, str] | None = None
) -> InfluxSettings:
    environment = environment or {}
    return InfluxSettings.read(
        TomlTable(Document.plain(folder / "gateway.toml", keys), environment), environment
    )


def test_what_is_not_said_is_the_default(tmp_path: Path) -> None:
    assert influx(tmp_path, LEAST) == InfluxSettings(url="http://h:8086", bucket="b")


def test_each_key_reaches_the_settings(tmp_path: Path) -> None:
    for name in ("token", "password"):
        (tmp_path / name).write_text(f"{name} of a file\n")
        (tmp_path / name).chmod(0o600)
    names = {"org": "o", "database": "d", "retention_policy": "r", "username": "u", "proxy": "http://p:3128"}
    files = {"token_file": "token", "password_file": "password"}
    flags = {"unsafe_skip_tls_verification": True, "create": True}
    assert influx(tmp_path, {**LEAST, **names, **files, **flags, "api": "v2"}) == InfluxSettings(
        url="http://h:8086",
        bucket="b",
        api=Api.V2,
        org="o",
        database="d",
        retention_policy="r",
        username="u",
        proxy="http://p:3128",
        token_file=tmp_path / "token",
        password_file=tmp_path / "password",
        unsafe_skip_tls_verification=True,
        create=True,
    )


ENVIRONMENT = {
    "INFLUXDB_V2_URL": "http://env:1",
    "INFLUXDB_V2_ORG": "env org",
    "INFLUXDB_V2_BUCKET": "env bucket",
    "INFLUXDB_V2_TOKEN": "env token",
}


def test_what_is_left_out_comes_from_the_environment_and_what_is_said_does_not(tmp_path: Path) -> None:
    expected = InfluxSettings(
        url="http://env:1", org="env org", bucket="env bucket", token=Secret("env token")
    )
    assert influx(tmp_path, {}, ENVIRONMENT) == expected
    said = influx(tmp_path, {**LEAST, "org": "o", "token": "${T}"}, {**ENVIRONMENT, "T": "mine"})
    assert said == InfluxSettings(url="http://h:8086", bucket="b", org="o", token=Secret("mine"))
    (tmp_path / "token").write_text("of a file")
    (tmp_path / "token").chmod(0o600)
    assert influx(tmp_path, {"token_file": "token"}, ENVIRONMENT).token is None


def test_a_file_that_the_service_manager_hands_over_is_taken(tmp_path: Path) -> None:
    (tmp_path / "handed").mkdir(mode=0o700)
    (tmp_path / "handed" / "token").write_text("handed over")
    (tmp_path / "handed" / "token").chmod(0o600)
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path / "handed")}
    found = influx(tmp_path, {**LEAST, "token_file": "/etc/nev/token"}, environment)
    assert found.token_file == tmp_path / "handed" / "token"


@pytest.mark.parametrize(
    ("keys", "reported"),
    [
        ({"bucket": "b"}, "url: is missing (the server's address, here or in INFLUXDB_V2_URL)"),
        ({"url": "http://h"}, "names no bucket and no database"),
        ({**LEAST, "token": "written down"}, "token: a secret stands in no configuration"),
        ({**LEAST, "token_file": "absent"}, "token_file: "),
        ({**LEAST, "password_file": "absent", "username": "u"}, "password_file: "),
        ({**LEAST, "api": "v3"}, "api: must be one of auto, v1, v2, not 'v3'"),
        ({**LEAST, "colour": "red"}, "colour: unknown key"),
        ({**LEAST, "url": "http://h:0"}, "url: must be http://HOST:PORT"),
        ({**LEAST, "url": "http://h#x"}, "url: must not hold a query"),
        ({**LEAST, "url": "http://u@h"}, "url: must not hold a user or password"),
        ({**LEAST, "url": "http://:p@h"}, "url: must not hold a user or password"),
    ],
)
def test_what_cannot_work_is_refused_by_its_key(
    tmp_path: Path, keys: dict[str, object], reported: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        influx(tmp_path, keys)
    assert reported in str(caught.value)
    assert "written down" not in str(caught.value)
