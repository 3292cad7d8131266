"""[influx]: what each key becomes, what is refused, what the environment adds, and what follows from them."""

import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.settings.document import Document
from telemetry.settings.table import TomlTable
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings

CANARY = "canary-secret"

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
    ("values", "message"),
    [
        ({"url": ""}, "url: is empty"),
        ({"url": "localhost:8086"}, "must be http"),
        ({"url": "ftp://host"}, "must be http"),
        ({"url": "http://"}, "must be http"),
        ({"url": "http://host:99999"}, "is not a URL"),
        ({"url": f"http://host:{CANARY}"}, "is not a URL"),
        ({"url": f"http://user:{CANARY}@host"}, "must not hold a user or password"),
        ({"url": "http://host?q=1"}, "must not hold a query"),
        ({"url": "http://127.0. 0.1:8086"}, "must be http"),
        ({"url": "http://host:8086\n"}, "must be http"),
        ({"url": "http://m\u00fcnchen.example:8086"}, "neither a name in ASCII nor an address"),
        ({"url": f"http://{'a' * 64}.example"}, "neither a name in ASCII nor an address"),
        ({"bucket": ""}, "bucket: is empty"),
        ({"token": "${T}", "token_file": "t"}, "token and token_file are both given"),
        ({"password": "${T}"}, "a password without a username"),
        ({"ca_file": "/nowhere/ca.pem"}, r"ca_file: holds no certificate: No such file"),
        ({"ca_file": __file__}, r"ca_file: holds no certificate"),
        ({"proxy": f"http://user:{CANARY}@proxy"}, r"proxy: must not hold a user or password \(give a proxy"),
        ({"url": None}, r"url: is missing \(the server's address, here or in INFLUXDB_V2_URL; "),
        ({"bucket": None}, "names no bucket and no database"),
        ({"token": CANARY}, "token: a secret stands in no configuration"),
        ({"token_file": "absent"}, "token_file: "),
        ({"password_file": "absent", "username": "u"}, "password_file: "),
        ({"api": "v3"}, "api: must be one of auto, v1, v2, not 'v3'"),
        ({"colour": "red"}, "colour: unknown key"),
        ({"url": "http://h:0"}, "url: must be http://HOST:PORT"),
        ({"url": "http://h#x"}, "url: must not hold a query"),
        ({"url": "http://u@h"}, "url: must not hold a user or password"),
        ({"url": "http://:p@h"}, "url: must not hold a user or password"),
    ],
)
def test_what_cannot_work_is_one_line_without_a_secret(
    tmp_path: Path, values: dict[str, object], message: str
) -> None:
    keys = {name: value for name, value in {**LEAST, **values}.items() if value is not None}
    with pytest.raises(ConfigError, match=message) as caught:
        influx(tmp_path, keys, {"T": CANARY})
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "http://host",
        "http://HOST_1.fleet.",
        "http://10.0.0.1",
        "https://[fe80::1%eth0]:8086",
        "https://host/a/proxy/",
    ],
)
def test_of_addresses_that_are_good_the_bucket_is_looked_at_next(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="names no bucket and no database"):
        influx(tmp_path, {"url": url})


def test_settings_show_no_secret() -> None:
    settings = InfluxSettings(url="http://host", bucket="b", token=Secret(CANARY), password=Secret(CANARY))
    assert CANARY not in repr(settings)


def test_bucket_and_database_stand_in_for_each_other() -> None:
    by_bucket = InfluxSettings(url="http://h", bucket="cars/weekly")
    assert (by_bucket.v1_database, by_bucket.v1_retention_policy) == ("cars", "weekly")
    by_database = InfluxSettings(url="http://h", database="cars", retention_policy="weekly")
    assert by_database.v2_bucket == "cars/weekly"
    assert InfluxSettings(url="http://h", database="cars").v2_bucket == "cars"
    both = InfluxSettings(url="http://h", database="a/b", bucket="c/d")
    assert (both.v1_database, both.v1_retention_policy, both.v2_bucket) == ("a/b", "", "c/d")


def test_the_deadline_grows_with_the_size() -> None:
    assert InfluxSettings(url="http://h", bucket="b").request_deadline_s(100 * 1024) == 15.0
