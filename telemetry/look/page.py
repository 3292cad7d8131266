"""What a look at a log has found as one self-contained page of HTML. Pure.

Promises:

- It needs nothing else: no host, no font, no picture. Its policy allows its own script alone.
- Whatever a bus or a database said stays text.
- Its size is bounded: MOST_BYTES of payloads, of MOST_IDS ids. The page says what it leaves out.
- The same look gives the same page, byte for byte.
"""

import base64
import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from telemetry_core.frames.by_id import RUN_FRAMES
from telemetry_core.frames.spec import SeenFrames

from telemetry.charging.report.escape import escaped
from telemetry.charging.report.phrases import moment
from telemetry.errors import printable
from telemetry.look.seen import Finding, Look, LookedId
from telemetry.model.ids import id_text

MOST_BYTES = 6 << 20  # of payloads; with stamps and base64 a page has 12 MB at most, of usual ids 3 MB
MOST_IDS = 4096
_LEAST_TICK_NS = 1000
_MOST_TICKS = (1 << 32) - 1  # a stamp is a number of 32 bits


def page(look: Look, name: str) -> str:
    """Return the page. name: of the log, for people."""
    style = (files("telemetry") / "pages.css").read_text("utf-8")
    style += (files("telemetry.look") / "page.css").read_text("utf-8")
    script = (files("telemetry.look") / "page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    body = (files("telemetry.look") / "page.html").read_text("utf-8")
    texts = {
        "policy": policy,
        "title": escaped(f"Look at {name}"),
        "style": style,
        "data": _data(look, name),
        "script": script,
    }
    for key, text in texts.items():
        body = body.replace(f"<!-- {key} -->", text)
    return body


def _data(look: Look, name: str) -> str:
    """Return what the script shows, as JSON that no element of HTML ends."""
    shown = look.ids[:MOST_IDS]
    first_ns = min((min(each.seen.times_ns) for each in shown), default=0)  # a clock may have gone back
    last_ns = max((max(each.seen.times_ns) for each in shown), default=0)
    tick_ns = max(_LEAST_TICK_NS, -(-(last_ns - first_ns) // _MOST_TICKS))
    room = MOST_BYTES // max(1, sum(max(1, each.seen.longest) for each in shown))
    content = {
        "name": printable(name),
        "frames": look.frames,
        "seconds": look.seconds,
        "start": moment(first_ns),
        "tick_s": tick_ns / 1e9,
        "ids_left_out": len(look.ids) - len(shown),
        "known": [printable(line) for line in look.known],
        "ids": [_id(each, first_ns, tick_ns, max(RUN_FRAMES, room)) for each in shown],
    }
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def _id(looked: LookedId, first_ns: int, tick_ns: int, most: int) -> dict[str, Any]:
    seen = looked.seen
    kept = _kept(seen, most)
    rows = [seen.rows[at] for at in kept]
    ticks = [(seen.times_ns[at] - first_ns) // tick_ns for at in kept]
    numbers = [seen.numbers[at] for at in kept]
    return {
        "channel": printable(looked.channel),
        "id": id_text(seen.id),
        "frames": seen.frames,
        "shortest": seen.shortest,
        "longest": seen.longest,
        "period_ms": looked.period_ms,
        "jitter_ms": looked.jitter_ms,
        "known": printable(looked.known),
        "findings": [_finding(one) for one in looked.findings],
        "ticks": _base64(struct.pack(f"<{len(ticks)}I", *ticks)),
        "lengths": _base64(bytes(map(len, rows))),
        "rows": _base64(b"".join(row.ljust(seen.longest, b"\0") for row in rows)),
        # Where what follows did not come next on the bus.
        "gaps": [at for at in range(1, len(kept)) if numbers[at] != numbers[at - 1] + 1],
    }


def _kept(seen: SeenFrames, most: int) -> Sequence[int]:
    """Return the places of the frames that the page has: all of the sample, or runs of it evenly spread."""
    count = len(seen.rows)
    runs = [range(at, min(at + RUN_FRAMES, count)) for at in range(0, count, RUN_FRAMES)]
    room = min(len(runs), max(1, most // RUN_FRAMES))
    chosen = (runs[number * len(runs) // room] for number in range(room))
    return [at for run in chosen for at in run]


def _finding(one: Finding) -> dict[str, Any]:
    return asdict(one) | {"words": printable(one.words)}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
