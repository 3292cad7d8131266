"""A plug's open session as JSON, which goes on in another process.

Promises:
- At most MOST_STATE bytes, whatever a bus sends: so the follower's numbers are there without their names.
- What an older gateway left open is read so far that it can be closed.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from math import nan
from typing import Any, Final

from telemetry_core.charge.follow_spec import FollowedPhase, Numbers
from telemetry_core.charge.follower import no_numbers

from telemetry.charging.plug import OpenSession, Plug

MOST_STATE: Final = 2048
_MOST_UNWRITTEN = 8  # phases without a row that a state keeps, the newest ones
_VERSION = 2
_NO_NUMBERS = no_numbers()
_LAYOUT = zlib.crc32(repr(_NO_NUMBERS).encode())


@dataclass(frozen=True, slots=True)
class SavedPlug:
    """What a state says."""

    named: list[str]  # vehicle, charger, protocol, source
    last: dict[str, str | None]
    last_start_ns: int
    last_ns: int  # stamp of the last sign
    known: dict[str, Any]  # of the OpenSession
    places: int = 0  # checksum of the names that places in the numbers stand for
    numbers: Numbers | None = None  # of the follower; None: they are in another order


def packed(plug: Plug, vehicle: str, places: int, numbers: Numbers) -> bytes:
    """Return the session that is open at `plug` as a state."""
    now = replace(
        plug.known,
        cross=plug.cross.to_json() if plug.cross else None,
        unwritten=[list(astuple(phase)) for phase in plug.phases[plug.unwritten :][-_MOST_UNWRITTEN:]],
    )
    known = {name: getattr(now, name) for name in OpenSession.__slots__}
    named = [vehicle, plug.settings.charger, plug.settings.protocol, plug.settings.source]
    parts = [named, plug.last, plug.last_start_ns, numbers["last_ns"], known]
    parts += [places, _LAYOUT, list(_in_order(numbers))]
    return zlib.compress(json.dumps([_VERSION, *parts], separators=(",", ":")).encode())


def unpacked(state: bytes) -> SavedPlug:
    """Return what a state says. Raises ValueError for bytes of another kind or version."""
    try:
        body = zlib.decompress(state)
        is_older = body[:1] != b"["
        version, *parts = json.loads(body[4 : 4 + int.from_bytes(body[:4], "little")] if is_older else body)
        if version == 1:
            last, last_start_ns, known, named, last_ns = parts
            return SavedPlug(named, last, last_start_ns, last_ns, known)
        if version == _VERSION:
            named, last, last_start_ns, last_ns, known, places, layout, found = parts
            numbers = _named(_NO_NUMBERS, iter(found)) if layout == _LAYOUT else None
            return SavedPlug(named, last, last_start_ns, last_ns, known, places, numbers)
    except (zlib.error, ValueError, TypeError, StopIteration) as error:
        raise ValueError("the state is damaged") from error
    raise ValueError(f"the state is of version {version}, and not {_VERSION}")


def _in_order(numbers: Any) -> Iterator[float]:
    if isinstance(numbers, dict | list):
        for one in numbers.values() if isinstance(numbers, dict) else numbers:
            yield from _in_order(one)
    else:
        yield numbers


def _named(names: Any, left: Iterator[float]) -> Any:
    if isinstance(names, dict):
        return {name: _named(inner, left) for name, inner in names.items()}
    return [_named(inner, left) for inner in names] if isinstance(names, list) else next(left)


def restored(numbers: Numbers) -> Numbers:
    """Return numbers of a state to go on with: what is open waits for the bus to show that it is the same."""
    unheard = int(bool(numbers["is_open"]))
    return {**numbers, "is_restored": unheard, "calm_until_ns": 0, "same_soc": nan}


def has_ended(state: bytes) -> bool:
    """Return whether both ends have finished the session of `state`; a damaged one says nothing."""
    try:
        return bool(unpacked(state).known["phase"] == FollowedPhase.ENDED)
    except ValueError:
        return False
