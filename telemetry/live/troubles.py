"""What is wrong now, as sentences for people: alarms, outages and refusals, the worst first.

Promises: each trouble is there once, from what shows it best. A source, each of several devices on its line,
the server and the disk show it by their state; alarms and whatever else has no state show it by their events.
What all devices of a line have is a trouble of the line. Refused points are a trouble while dead letters are
left.

Two verdicts for monitoring systems are made of the same:

- *alive*: the pipeline's loop has made progress, as systemd's watchdog sees it
  (`telemetry.service.supervisor`). A restart helps a service that is not alive.
- *ready*: the service is alive, its sources run, and the spool takes batches to disk. The database does not
  count: the spool is there for a server that is away or refuses. Nor does an absent device: its source waits
  for it. Both appear as notes beside the answer.

Pure.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.model.events import Event
from telemetry.model.source_states import ANOTHER_DEVICE, WELL

ALIVE_WITHIN_S = 15.0  # a memory card may delay a sync for seconds
_SHOWN_BY_STATE = frozenset(
    (
        "source_lost",
        "values_unknown",
        "device_offline",
        "spool_volatile",
        "sink_hold",
        "sink_unreachable",
        "clock_unknown",
    )
)

Json = Mapping[str, Any]


def troubles(status: Json, standing: Sequence[Event]) -> list[dict[str, Any]]:
    """Return it as JSON: `level` as of events, `code` of its event, and `text`.

    status: as the service gives it, or a part of it; standing: events that hold.
    """
    over = {"sink_refused"} if status.get("accounts", {}).get("points/dead") == 0 else set()
    hidden = _SHOWN_BY_STATE | over
    changed = {each.source for each in standing if each.code == "device_changed"}
    found = [
        *_of_service(status, changed),
        *(_of_event(each) for each in standing if each.code not in hidden),
    ]
    found.sort(key=lambda trouble: -trouble[0])
    return [{"level": int(level), "code": code, "text": text} for level, code, text in found]


def source_troubles(state: Mapping[str, str], changed: Container[str] = ()) -> Iterator[str]:
    """Yield `NAME: state` of each source that does not work, or of those of its devices that do not.

    changed: sources and devices of which an event says that another device answers.
    """
    for key, text in state.items():
        if not key.startswith("source/") or not text or text in WELL:
            continue
        name = key.removeprefix("source/")
        states = {key: text for key, text in state.items() if key.startswith(f"state/{name}/")}
        if len(set(states.values())) <= 1:
            states = {key: text}
        for which, does in states.items():
            device = which.rpartition("/")[2]
            if does not in WELL and not (does == ANOTHER_DEVICE and device in changed):
                yield f"{device}: {does}"


def server_trouble(status: Json) -> tuple[str, str]:
    """Return why nothing is sent or taken now, as code and sentence; empty if something is."""
    state, sink = status["state"], status.get("sink", {})
    if status["gauges"].get("sink_held"):
        return "sink_hold", f"the server refuses everything, batches wait: {state['sink']}"
    if sink.get("failure"):
        return "sink_unreachable", f"the server takes nothing, batches wait: {sink['failure']}"
    if sink.get("waits_for_time"):
        return "clock_unknown", str(state["sink"])
    return "", ""


def alive(status: Json) -> dict[str, Any]:
    """Return the answer of /healthz as JSON: `ok`, `reasons` why not, and no `notes`."""
    return _verdict((_hangs(status["gauges"]["progress_age_s"]),), ())


def ready(status: Json) -> dict[str, Any]:
    """Return the answer of /readyz as JSON; notes: what is wrong beside `reasons`."""
    service = status["state"]["service"]
    is_over = "" if service == "running" else f"the service is {service}"
    notes = (*source_troubles(status["state"]), server_trouble(status)[1])
    gauges = status["gauges"]
    reasons = (_hangs(gauges["progress_age_s"]), is_over, _disk_trouble(status, gauges["spool_volatile"]))
    return _verdict(reasons, notes)


def _verdict(reasons: Iterable[str], notes: Iterable[str]) -> dict[str, Any]:
    against = [*filter(None, reasons)]
    return {"ok": not against, "reasons": against, "notes": [*filter(None, notes)]}


def _hangs(age_s: float) -> str:
    return f"the pipeline has not got on for {age_s:.0f} s" if age_s > ALIVE_WITHIN_S else ""


def _disk_trouble(status: Json, is_refusing: bool) -> str:
    words = "the disk refuses, batches wait in memory alone"
    return f"{words}: {status['state']['spool']}" if is_refusing else ""


_Trouble = tuple[Level, str, str]


def _of_service(status: Json, changed: Container[str]) -> Iterator[_Trouble]:
    gauges = status["gauges"]  # without a service, of a watched bus, they lack those of the service
    if words := _hangs(gauges.get("progress_age_s", 0.0)):
        yield Level.CRITICAL, "", words
    if words := _disk_trouble(status, gauges.get("spool_volatile", False)):
        yield Level.CRITICAL, "spool_volatile", words
    code, words = server_trouble(status)
    if code:
        yield EVENT_CODES[code].level, code, words
    for words in source_troubles(status["state"], changed):
        yield Level.WARNING, "source_lost", words


def _of_event(event: Event) -> _Trouble:
    owners = (("pack", event.pack), ("charger", event.charger))
    about = ", ".join(f"{kind} {name}" for kind, name in owners if name) or event.source
    name = f"{'alarm ' if EVENT_CODES[event.code].is_alarm else ''}{event.code.replace('_', ' ')}"
    subject = ", ".join(filter(None, (name, about)))
    return event.level, event.code, ": ".join(filter(None, (subject, event.text)))
