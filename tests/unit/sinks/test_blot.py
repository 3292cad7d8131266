"""What is blotted out of texts that others wrote, in examples."""

import base64
import json

import pytest

from telemetry.errors import ConfigError, without_login
from telemetry.sinks.blot import Blotter

TOKEN = "CANARYq7Zt-_abcDEF0123456789xyzQ=="
BLOTTER = Blotter([TOKEN, "pä/ss+word"], ["operator:pä/ss+word"])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Token {TOKEN}", "Token ***"),
        (r"CANARYq7Zt-_abcDEF0123456789xyzQ\u003d\u003D", "***"),
        ("Token%20CANARYq7Zt-_abcDEF0123456789xyzQ%3d%3D", "Token%20***"),
        ("p%C3%A4%2fss%2Bword", "***"),
        ("p&#228;&#47;ss&#x2B;word", "***"),
        (r"p\u00e4\/ss+word", "***"),
        (r"p\xe4/ss+word", "***"),
        (base64.b64encode("operator:pä/ss+word".encode()).decode(), "***"),
        (base64.b64encode(TOKEN.encode()).decode(), "***"),
        ("nothing of that kind: 50% & more \\ +", "nothing of that kind: 50% & more \\ +"),
    ],
)
def test_a_secret_is_blotted_as_software_quotes_it(text: str, left: str) -> None:
    assert BLOTTER.text(text) == left


def test_a_secret_of_backslashes_is_blotted_too() -> None:
    secret = r"a\\b\c"
    quoted = [
        secret,
        json.dumps(secret)[1:-1],
        "a%5C%5cb%5Cc",
        r"a\u005c\u005Cb\u005cc",
        "a&#92;&#92;b&#x5c;c",
    ]
    assert {Blotter([secret]).text(text) for text in quoted} == {"***"}


def test_a_secret_that_begins_as_another_one_is_blotted_whole() -> None:
    assert Blotter(["token", "token-of-mine"]).text("token-of-mine, token") == "***, ***"


def test_a_secret_of_three_characters_is_left_since_half_of_every_text_would_be_blotted() -> None:
    assert Blotter(["the"]).text("the server") == "the server"
    assert Blotter([]).text("the server") == "the server"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("http://user:pa55@host:8086/x", "http://***@host:8086/x"),
        ("at https://token@host, and rfc2217://u:p@box:1", "at https://***@host, and rfc2217://***@box:1"),
        ("http://host/path?to=a@b", "http://host/path?to=a@b"),
        ("mail to a@b://", "mail to a@b://"),
    ],
)
def test_a_url_is_without_its_login(text: str, left: str) -> None:
    assert without_login(text) == left
    assert Blotter([]).text(text) == left
    assert left in str(ConfigError(f"said {text}", where="device"))


def test_a_body_that_was_cut_off_within_json_is_blotted_as_it_stands() -> None:
    body = b'{"code":"invalid","message":"token ' + TOKEN.replace("=", "\\u003d").encode() + b" is n"
    assert BLOTTER.body(body) == b'{"code":"invalid","message":"token *** is n'


def test_a_body_that_is_no_utf_8_keeps_its_bytes() -> None:
    assert BLOTTER.body(b"\x80\xc3" + TOKEN.encode() + b"\xff") == b"\x80\xc3***\xff"
