"""A plug's open session as bytes, which go on in another process.

Promises: at most MOST_STATE bytes, whatever a bus sends; bytes of another version are refused.
"""

import json
import zlib
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

from telemetry_core.charge.follow_spec import FollowedPhase

from telemetry.charging.plug import OpenSession, Plug

MOST_STATE: Final = 2048
_MOST_UNWRITTEN = 8  # phases without a row that a state keeps, the newest ones
_VERSION = 1


def packed(plug: Plug, vehicle: str, last_ns: int, follower: bytes) -> bytes:
    """The session that is open at `plug`. last_ns: stamp of its last sign; follower: its state."""
    now = replace(
        plug.known,
        cross=plug.cross.to_json() if plug.cross else None,
        unwritten=[list(astuple(phase)) for phase in plug.phases[plug.unwritten :][-_MOST_UNWRITTEN:]],
    )
    known = {name: getattr(now, name) for name in OpenSession.__slots__}
    named = [vehicle, plug.settings.charger, plug.settings.protocol, plug.settings.source]
    parts = [_VERSION, plug.last, plug.last_start_ns, known, named, last_ns]
    head = json.dumps(parts, separators=(",", ":")).encode()
    return zlib.compress(len(head).to_bytes(4, "little") + head + follower, 1)


@dataclass(frozen=True, slots=True)
class SavedPlug:
    """What the bytes of a state say."""

    last: dict[str, str | None]
    last_start_ns: int
    known: dict[str, Any]
    vehicle: str
    charger: str
    protocol: str
    source: str
    last_ns: int  # stamp of the last sign
    follower: bytes


def unpacked(state: bytes) -> SavedPlug:
    """Raises ValueError for bytes of another kind or version."""
    try:
        body = zlib.decompress(state)
        length = int.from_bytes(body[:4], "little")
        version, last, last_start_ns, known, named, last_ns = json.loads(body[4 : 4 + length])
    except (zlib.error, ValueError, TypeError) as error:
        raise ValueError("the state is damaged") from error
    if version != _VERSION:
        raise ValueError(f"the state is of version {version}, and not {_VERSION}")
    vehicle, charger, protocol, source = named
    return SavedPlug(
        last, last_start_ns, known, vehicle, charger, protocol, source, last_ns, body[4 + length :]
    )


def has_ended(state: bytes) -> bool:
    """Whether both ends have finished the session of `state`; a damaged one says nothing."""
    try:
        return bool(unpacked(state).known["phase"] == FollowedPhase.ENDED)
    except ValueError:
        return False
