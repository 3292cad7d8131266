"""No secret is left in a text in any of the encodings in which software quotes what it was sent.

The encodings are made by Python's own libraries and by hand, and not by what is tested.
"""

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus, unquote

from hypothesis import example, given, settings
from hypothesis import strategies as st

from telemetry.sinks.blot import BLOT, Blotter
from tests.support.examples import examples

# No character that stars or the texts around are made of, so that what is left can only be the secret's.
secrets = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="*.")
    | st.sampled_from("äß€😀 "),
    min_size=8,
    max_size=20,
).filter(lambda text: len(set(text)) > 4 and text.strip() == text)
around = st.text(st.sampled_from(".\n*"), max_size=5)


def mixed(form: Callable[[str], str]) -> Callable[[str], str]:
    """Return a function that puts every second character in that form and keeps the others."""
    return lambda text: "".join(form(letter) if at % 2 else letter for at, letter in enumerate(text))


def escaped(letter: str, *, upper: bool = False) -> str:
    units = letter.encode("utf-16-be")
    codes = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join("\\u" + (code.upper() if upper else code) for code in codes)


def percent(letter: str, *, upper: bool = True) -> str:
    return "".join(f"%{octet:02X}" if upper else f"%{octet:02x}" for octet in letter.encode())


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON twice": lambda text: json.dumps(json.dumps(text))[3:-3],
    "JSON, slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON, all escaped": lambda text: "".join(map(escaped, text)),
    "JSON, upper case": lambda text: "".join(escaped(letter, upper=True) for letter in text),
    "JSON, in part": mixed(escaped),
    "percent": lambda text: quote(text, safe=""),
    "percent, path": quote,
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent, lower case": lambda text: "".join(percent(letter, upper=False) for letter in text),
    "percent, all": lambda text: "".join(map(percent, text)),
    "percent, in part": mixed(percent),
    "form": quote_plus,
    "HTML": html.escape,
    "HTML, decimal": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(letter):X};" for letter in text),
}
encodings = st.sampled_from(sorted(ENCODINGS))


@settings(max_examples=examples(60), deadline=None)  # a pattern is compiled for each
@given(secrets, encodings, around, around)
@example("000012\\u", "JSON, in part", "", "")  # a backslash, and then an encoded letter
def test_a_secret_in_any_encoding_is_blotted_and_the_text_around_it_is_kept(
    secret: str, name: str, before: str, after: str
) -> None:
    text = f"{before}{ENCODINGS[name](secret)}{after}"
    assert Blotter([secret]).text(text) == f"{before}{BLOT}{after}"


@settings(max_examples=examples(60), deadline=None)  # a pattern is compiled for each
@given(secrets, st.binary(max_size=7), st.binary(max_size=7), st.booleans())
def test_base64_of_anything_that_holds_a_secret_shows_none_of_it(
    secret: str, before: bytes, after: bytes, urlsafe: bool
) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    text = encode(before + secret.encode() + after).decode()
    for form in (text, quote(text, safe=""), json.dumps(text).replace("/", "\\/").replace("=", "\\u003d")):
        left = Blotter([secret]).text(form)
        assert BLOT in left
        # Some bits of the first and the last octet may stand in a letter together with what is around.
        kept = unquote(left.replace("\\/", "/").replace("\\u003d", "="))
        letters = len(re.sub(r"[^A-Za-z0-9+/_-]", "", kept))
        assert letters <= (len(before) * 8 + 5) // 6 + (len(after) * 8 + 5) // 6


@settings(max_examples=examples(60), deadline=None)  # a pattern is compiled for each
@given(secrets, encodings)
def test_the_words_of_an_answer_are_blotted_as_json_decodes_them(secret: str, name: str) -> None:
    """Whatever the encoding, and JSON around it."""
    message = {"code": "invalid", "message": f"token {ENCODINGS[name](secret)} is not known", "n": [1, None]}
    for body in (
        json.dumps(message).encode(),
        json.dumps(message)
        .replace("\\\\", "\\u005c")
        .replace("%", "\\u0025")
        .replace("&", "\\u0026")
        .encode(),
        json.dumps(message).encode("utf-16"),
        json.dumps(message, ensure_ascii=False).encode("utf-16-le"),
    ):
        shown = json.loads(Blotter([secret]).body(body).decode().removeprefix("\ufeff"))
        # The backslash that escaped the first character may be left.
        assert shown.pop("message").replace("\\", "") == f"token {BLOT} is not known"
        assert shown == {"code": "invalid", "n": [1, None]}


@settings(max_examples=examples(60), deadline=None)  # a pattern is compiled for each
@given(secrets, st.binary(max_size=300))
def test_a_body_without_a_secret_is_kept_byte_by_byte(secret: str, body: bytes) -> None:
    body = b"." + body.replace(b"\0", b"").replace(b"://", b"")
    blotted = Blotter([secret]).body(body)
    assert blotted == body or BLOT.encode() in blotted


@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_and_any_secret_do(text: str, known: list[str]) -> None:
    Blotter(known, known).text(text)
    Blotter(known).body(text.encode("utf-8", "surrogatepass"))
