"""A live snapshot as the JSON that the status socket, the web page and the monitor show.

Promises:
- Ages are those of the moment of looking, however long ago the snapshot was taken.
- `stale` lists the fields that are older than STALE_S.
- Messages are there only when they are asked for: a page that shows none costs nothing for them.

Pure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import takewhile
from typing import Any

from telemetry.charging.session import Session
from telemetry.ledger import Counters, lost_frames, sources
from telemetry.live.state import (
    REMAINING,
    STALE_S,
    Entity,
    LiveSnapshot,
    SourceTraffic,
    TimedEvent,
)
from telemetry.live.troubles import troubles
from telemetry.live.values import Value
from telemetry.model.event_codes import Level

_DIGITS = re.compile(r"([0-9]+)")
CELLS_V, TEMPS_C = "cells_v", "temps_c"


def live_view(
    snapshot: LiveSnapshot, now_s: float, status: Mapping[str, Any], *, with_messages: bool = False
) -> dict[str, Any]:
    """Return the whole as one dict.

    now_s: monotonic; status: as `telemetry.live.gateway.describe` gives it, with the sink's own view beside.
    """
    shown = {name: value for name, value in status.items() if name != "sink"}
    view: dict[str, Any] = {
        "time_ns": snapshot.time_ns,
        **shown,
        "troubles": troubles(status, snapshot.standing),
        "packs": [
            _pack(group, snapshot, now_s) | {"kept": _kept(group, status["gauges"], now_s)}
            for group in _by_tag(snapshot.modelled, "pack")
        ],
        "chargers": [
            charger | {"plug": _plug(charger, snapshot, now_s)}
            for charger in _chargers(snapshot.modelled, "charger", status["gauges"], now_s)
        ],
        "meters": _chargers(snapshot.modelled, "meter", status["gauges"], now_s),
        "sources": _sources(snapshot.traffic, status["accounts"], status["state"]),
        "events": [_event(each) for each in snapshot.events],
    }
    return view | messages_view(snapshot, now_s) if with_messages else view


def messages_view(snapshot: LiveSnapshot, now_s: float) -> dict[str, Any]:
    """Return the last values of all messages, in the order in which people look for them, once one asks."""
    shown = [_message(each, now_s) for each in snapshot.messages or ()]
    shown.sort(key=lambda each: [_natural(each[name]) for name in ("source", "message", "sender")])
    return {
        "messages": shown,
        "messages_left_out": snapshot.messages_left_out,
        "unmatched": [*map(asdict, snapshot.unmatched)],
        "unmatched_left_out": snapshot.unmatched_left_out,
    }


def _message(entity: Entity, now_s: float) -> dict[str, Any]:
    """Return one message. units: of signals that have one; ages_s: of those older than its newest."""
    older = {name: at_s for name, at_s in entity.values_known_s.items() if at_s < entity.known_s}
    return {
        "message": entity.measurement,
        "source": entity.tags["source"],
        "sender": entity.tags.get("sa", ""),
        "age_s": _age_s(entity.known_s, now_s),
        "rate_per_s": round(entity.rate_per_s, 1),
        "signals": {name: entity.values[name] for name in _in_order(entity.values)},
        "units": dict(entity.units),
        "ages_s": {name: _age_s(at_s, now_s) for name, at_s in older.items()},
        "stale": _stale(entity.values_known_s, now_s),
    }


def _in_order(names: Iterable[str]) -> list[str]:
    """Return them as in the database, by their place in the frame.

    Cells and what else is numbered, by number.
    """
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(_DIGITS.sub("#", name), []).append(name)
    return [name for family in families.values() for name in sorted(family, key=_natural)]


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts Cells_2 before Cells_10."""
    return [(int(part) if part.isdecimal() else -1, part.casefold()) for part in _DIGITS.split(name)]


def _by_tag(entities: Iterable[Entity], tag: str) -> list[list[Entity]]:
    """Return those that have `tag`, by its value and their source."""
    groups: dict[tuple[str, str], list[Entity]] = {}
    for entity in entities:
        if tag in entity.tags:
            groups.setdefault((entity.tags[tag], entity.tags["source"]), []).append(entity)
    return [groups[key] for key in sorted(groups)]


def _pack(entities: list[Entity], snapshot: LiveSnapshot, now_s: float) -> dict[str, Any]:
    battery, battery_known_s = _fields(entities, "battery")
    cells, cells_known_s = _fields(entities, "cells")
    lists = {}
    known_s = dict(battery_known_s)
    for name, prefix in ((CELLS_V, "v"), (TEMPS_C, "t")):
        numbered = {int(key[1:]): key for key in cells if key.startswith(prefix)}
        known = {number: cells_known_s[key] for number, key in numbered.items()}
        newest_s = max(known.values(), default=now_s)
        lists[name] = [
            cells[numbered[number]] if known.get(number, float("-inf")) >= newest_s - STALE_S else None
            for number in range(1, max(numbered, default=0) + 1)
        ]
        if numbered:
            known_s[name] = newest_s
    counted = sorted(snapshot.counted.get(entities[0].tags["pack"], frozenset()) & battery.keys())
    return {
        **_named(entities, "pack", now_s),
        "battery": battery,
        "counted": {"fields": counted, "since_ns": entities[0].channel_since_ns} if counted else None,
        **lists,
        "stale": _stale(known_s, now_s),
    }


def _chargers(
    entities: Iterable[Entity], measurement: str, gauges: Mapping[str, float], now_s: float
) -> list[dict[str, Any]]:
    """Return the chargers, or the meters beside them: both have the tag `charger`."""
    of_these = (entity for entity in entities if entity.measurement == measurement)
    return [
        _charger(group, measurement, now_s) | {"kept": _kept(group, gauges, now_s)}
        for group in _by_tag(of_these, "charger")
    ]


def _kept(
    entities: Iterable[Entity], gauges: Mapping[str, float], now_s: float
) -> dict[str, dict[str, float]]:
    """Return of fields within bounds how old the last value is that goes to the server, and the bound now.

    Of cells and sensors those of the oldest one.
    """
    found: dict[str, dict[str, float]] = {}
    for entity in entities:
        for name, (known_s, bound) in entity.kept.items():
            shown = {"v": CELLS_V, "t": TEMPS_C}[name[0]] if entity.measurement == "cells" else name
            one = {"age_s": _age_s(known_s, now_s), "bound": bound * gauges.get("bound_factor", 1)}
            found[shown] = max(found.get(shown, one), one, key=lambda each: each["age_s"])
    return found


def _charger(entities: list[Entity], measurement: str, now_s: float) -> dict[str, Any]:
    values, known_s = _fields(entities, measurement)
    return {**_named(entities, "charger", now_s), "values": values, "stale": _stale(known_s, now_s)}


def _named(entities: list[Entity], tag: str, now_s: float) -> dict[str, Any]:
    """Return what it is called by, its source, and how old its newest part is."""
    tags, known_s = entities[0].tags, max(each.known_s for each in entities)
    return {tag: tags[tag], "source": tags["source"], "age_s": _age_s(known_s, now_s)}


def _plug(charger: Mapping[str, Any], snapshot: LiveSnapshot, now_s: float) -> dict[str, Any] | None:
    """Return what else is known of a charge: None of a charger without a session and without a phase.

    values: phase, energy and state of charge of the session, state of charge of the only pack of its source,
    minutes that remain; error: the last one since the last start of a session.
    """
    session = next((each for each in snapshot.sessions if each.charger == charger["charger"]), None)
    if session is None and "phase" not in charger["values"]:
        return None
    values = {} if session is None else dict(_of_session(session))
    is_old = charger["age_s"] > STALE_S
    stale = [name for name in values if is_old and session is not None and session.open]
    beside = [entity for entity in snapshot.modelled if entity.tags["source"] == charger["source"]]
    packs = {entity.tags["pack"] for entity in beside if "pack" in entity.tags}
    known_s: dict[str, float] = {}
    for name in ("soc_pct", REMAINING):
        for entity in beside:
            is_of_charge = len(packs) == 1 if "pack" in entity.tags else "charger" not in entity.tags
            if name in entity.values and is_of_charge:
                values[name], known_s[name] = entity.values[name], entity.values_known_s[name]
    events = (each for each in snapshot.events if each.event.charger == charger["charger"])
    since_start = takewhile(lambda each: each.event.code != "charging_started", events)
    errors = (each for each in since_start if each.event.active and each.event.level > Level.INFORMATION)
    error = next(errors, None)
    return {
        "values": values,
        "stale": [*(name for name in stale if name not in known_s), *_stale(known_s, now_s)],
        "error": None if error is None else {"time_ns": error.time_ns, "text": error.event.text},
    }


def _of_session(session: Session) -> Iterator[tuple[str, Value]]:
    """Yield its phase while it is open, then its outcome; its energy and state of charge."""
    phase = session.phases[-1].phase if session.open and session.phases else session.outcome
    if phase:
        yield "phase", phase
    if session.energy_wh is not None:
        yield "energy_wh", session.energy_wh
    if session.end_soc_pct is not None:
        yield "soc_pct", session.end_soc_pct


def _fields(entities: Iterable[Entity], measurement: str) -> tuple[dict[str, Value], dict[str, float]]:
    values: dict[str, Value] = {}
    known_s: dict[str, float] = {}
    for entity in entities:
        if entity.measurement == measurement:
            values |= entity.values
            known_s |= entity.values_known_s
    return values, known_s


def _sources(
    traffic: Iterable[SourceTraffic], accounts: Counters, states: Mapping[str, str]
) -> list[dict[str, Any]]:
    by_source = {each.source: each for each in traffic}
    named = {name.removeprefix("source/") for name in states if name.startswith("source/")}
    found = []
    for source in sorted({*sources(accounts), *by_source, *named}):
        lately = by_source.get(source, SourceTraffic(source, 0.0, None))
        frames = f"frames/{source}/"
        load_pct = lately.bus_load_pct
        found.append(
            {
                "source": source,
                "state": states.get(f"source/{source}", ""),
                "device": states.get(f"device/{source}", ""),
                "devices": {
                    name.removeprefix(f"state/{source}/"): does
                    for name, does in states.items()
                    if name.startswith(f"state/{source}/")
                },
                "frames_per_s": round(lately.frames_per_s, 1),
                "bus_load_pct": None if load_pct is None else round(load_pct, 1),
                "read": accounts.get(f"bus/{source}/read", 0),
                "decoded": accounts.get(frames + "decoded", 0),
                "unknown": accounts.get(frames + "unknown", 0),
                "lost": lost_frames(accounts, source),
            }
        )
    return found


def _event(timed: TimedEvent) -> dict[str, Any]:
    said = asdict(timed.event) | {"level": int(timed.event.level)}
    del said["trigger"]  # a number within this configuration
    return {"time_ns": timed.time_ns, **said}


def _age_s(known_s: float, now_s: float) -> float:
    return round(max(now_s - known_s, 0.0), 1)


def _stale(known_s: Mapping[str, float], now_s: float) -> list[str]:
    return [name for name, at_s in known_s.items() if now_s - at_s > STALE_S]
