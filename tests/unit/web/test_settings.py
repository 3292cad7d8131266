"""[web]: addresses, names, and who may call this machine how."""

from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.settings import declared
from telemetry.settings.table import TomlTable
from telemetry.web.settings import ListenAddress, WebSettings, is_served, own_names, parse_listen


def read(tmp_path: Path, text: str) -> WebSettings:
    file = tmp_path / "gateway.toml"
    file.write_text(f"[web]\n{text}\n")
    return declared.read(WebSettings, TomlTable.load(file).take_table("web"))


def test_without_a_word_the_page_is_on_loopback_only(tmp_path: Path) -> None:
    settings = read(tmp_path, "")
    assert settings == WebSettings(ListenAddress("127.0.0.1", 8480))
    assert settings.listen is not None
    assert settings.listen.is_loopback


def test_off_serves_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, 'listen = "off"') == WebSettings(None)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:0", "127.0.0.1", 0),
        ("[::1]:8480", "::1", 8480),
        ("0.0.0.0:80", "0.0.0.0", 80),  # noqa: S104  read, not bound
        ("[2001:DB8::1]:65535", "2001:db8::1", 65535),
    ],
)
def test_addresses_of_both_kinds_are_read(text: str, host: str, port: int) -> None:
    assert parse_listen(text) == ListenAddress(host, port)


def test_an_address_is_written_as_it_is_read() -> None:
    for text in ("127.0.0.1:8480", "[::1]:0"):
        assert str(parse_listen(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "8480",
        ":8480",
        "::1:8480",
        "example.org:80",
        "127.0.0.1:65536",
        "127.0.0.1:",
        "[::1]",
        "1.2.3:80",
        "[::1]:-1",
    ],
)
def test_what_is_no_address_is_refused_with_its_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.toml:2: web\.listen"):
        read(tmp_path, f'listen = "{text}"')


@pytest.mark.parametrize("text", ["http://a", "a b", "a:80", "-", "a" * 300])
def test_what_is_no_name_is_refused_with_its_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.toml:2: web\.names"):
        read(tmp_path, f'names = ["{text}"]')


NAMES = own_names("Gw7.fleet.example", ["monitor.example"])


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost:9000",
        "LOCALHOST",
        "127.0.0.1:8480",
        "10.0.0.7",
        "[::1]:8480",
        "[fe80::1]",
        "gw7.fleet.example:8480",
        "gw7.local",
        "monitor.example.",
    ],
)
def test_addresses_and_own_names_are_served(host: str) -> None:
    assert is_served(host, NAMES)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "a@127.0.0.1", "1.2.3", " "],
)
def test_names_that_others_can_point_here_are_not_served(host: str) -> None:
    assert not is_served(host, NAMES)
