"""What of the database's settings is refused, and what follows from them."""

import traceback
from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.settings.document import Document
from telemetry.settings.table import TomlTable
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.settings import InfluxSettings

PLACE = TomlTable(Document.plain(Path("influx"), {}), {})
CANARY = "canary-secret"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"url": ""}, r"influx: url: must be http"),
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
        ({"bucket": ""}, "names no bucket and no database"),
        ({"token": Secret(CANARY), "token_file": Path("t")}, "token and token_file are both given"),
        ({"password": Secret(CANARY)}, "a password without a username"),
        ({"ca_file": Path("/nowhere/ca.pem")}, r"influx: ca_file: holds no certificate: No such file"),
        ({"ca_file": Path(__file__)}, r"influx: ca_file: holds no certificate"),
        ({"proxy": f"http://user:{CANARY}@proxy"}, r"proxy: must not hold a user or password \(give a proxy"),
    ],
)
def test_what_cannot_work_is_one_line_without_a_secret(values: dict[str, object], message: str) -> None:
    # Values of several types go through one mapping, which no annotation of it could distinguish.
    settings = InfluxSettings(**{"url": "http://host:8086", "bucket": "b", **values})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=message) as caught:
        settings.check(PLACE)
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
def test_of_addresses_that_are_good_the_bucket_is_looked_at_next(url: str) -> None:
    with pytest.raises(ConfigError, match="names no bucket and no database"):
        InfluxSettings(url=url).check(PLACE)


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
