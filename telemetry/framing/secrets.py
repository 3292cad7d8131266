"""What of a message says whose it is, or opens something: its kind, its place, how its bytes mean it."""

import re
from collections.abc import Callable
from typing import NamedTuple

VIN, SERIAL_NUMBER, POSITION = "VIN", "serial number", "position"  # which `scrub` replaces by made-up ones
A_VIN = re.compile(rb"[A-HJ-NPR-Z0-9]{17}")
PASSWORD = "password"  # noqa: S105 - the kind, which is masked in what is kept at all
KNOWN_NUMBERS = "known numbers"  # any that other messages have; everything else stays
WORDS = "words"  # long ones, which may be numbers, since nothing says what stands there


class Form(NamedTuple):
    """The form of a text in bytes. others: in which other ways messages of the protocol have it."""

    read: Callable[[bytes], bytes]
    written: Callable[[bytes], bytes]
    others: tuple[Callable[[bytes], bytes], ...] = ()


TEXT = Form(bytes, bytes)
NUMBER = Form(bytes, bytes)  # whole bytes that are no letters, whatever they look like
HEX_TEXT = Form(
    lambda digits: bytes.fromhex(digits.decode("ascii")),
    lambda letters: letters.hex().upper().encode("ascii"),
    (lambda letters: letters.hex().encode("ascii"),),
)


class Secret(NamedTuple):
    """One of them, within a good message."""

    kind: str
    place: slice
    form: Form = TEXT


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PLACE_WORDS = frozenset(("lat", "lon", "lng"))  # of a position, or of a lateral acceleration
_OF_A_PLACE = frozenset(("gps", "gnss", "pos", "position", "nav", "navigation", "location"))


def kind_of(name: str) -> str | None:
    """Return what a signal or register of this name holds: VIN, SERIAL_NUMBER or POSITION, or None."""
    words = [word.lower() for word in _WORDS.findall(name)]
    whole = "".join(words)
    if "vin" in words or "vehicleident" in whole:
        return VIN
    if "serial" in words or "sn" in words or "serialn" in whole or "serno" in whole:
        return SERIAL_NUMBER
    is_place = not _PLACE_WORDS.isdisjoint(words) and (len(words) == 1 or not _OF_A_PLACE.isdisjoint(words))
    return POSITION if is_place or "latitude" in whole or "longitude" in whole else None
