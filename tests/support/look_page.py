"""The page of a look, read as a program that is not ours would: its data by HTML, JSON and base64 alone."""

import base64
import json
import re
import struct
from html.parser import HTMLParser
from typing import Any

from telemetry_core.frames.spec import SeenFrames

from telemetry.look.seen import Finding, Look, LookedId

Row = tuple[float, bytes]  # seconds since the log's first frame, and data


class _Parts(HTMLParser):
    """The texts of scripts and styles, and every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, _: str) -> None:
        self._open = ""

    def handle_data(self, text: str) -> None:
        self.texts.setdefault(self._open, []).append(text)


class LookPage:
    """scripts: data and program; frames: by channel and id, those that the page has."""

    def __init__(self, page: str) -> None:
        parts = _Parts(page)
        self.tags = parts.tags
        self.texts = parts.texts
        self.scripts = parts.texts["script"]
        self.data: dict[str, Any] = json.loads(self.scripts[0])
        self.frames = {(each["channel"], each["id"]): self._rows(each) for each in self.data["ids"]}

    def _rows(self, each: dict[str, Any]) -> list[Row]:
        ticks = base64.b64decode(each["ticks"])
        lengths = base64.b64decode(each["lengths"])
        rows = base64.b64decode(each["rows"])
        width = each["longest"]
        return [
            (tick * self.data["tick_s"], rows[at * width : at * width + lengths[at]])
            for at, (tick,) in enumerate(struct.iter_unpack("<I", ticks))
        ]


def frames_of_candump(text: str) -> dict[tuple[str, str], list[Row]]:
    """Return the frames of a candump log by channel and id, in seconds since its first one."""
    found: dict[tuple[str, str], list[Row]] = {}
    first = 0.0
    for stamp, channel, id, data in re.findall(r"\((\d+\.\d+)\) (\S+) (\w+)#(\w*)", text):
        first = first or float(stamp)
        found.setdefault((channel, id), []).append((float(stamp) - first, bytes.fromhex(data)))
    return found


def looked_id(
    id: int,
    rows: tuple[bytes, ...],
    *,
    channel: str = "can0",
    known: str = "",
    findings: tuple[Finding, ...] = (),
    every_ns: int = 10_000_000,
) -> LookedId:
    """Return an id of which all frames are known, the first at 2023-11-14T22:13:20Z."""
    lengths = [*map(len, rows)]
    stamps = tuple(1_700_000_000_000_000_000 + number * every_ns for number in range(len(rows)))
    numbers = tuple(range(len(rows)))
    seen = SeenFrames(
        0, id, len(rows), stamps[0], stamps[-1], min(lengths), max(lengths), numbers, stamps, rows
    )
    return LookedId(channel, seen, every_ns / 1e6, 0.0, findings, known)


def look_of(*ids: LookedId) -> Look:
    """Return a look at a log of these ids alone."""
    frames = sum(each.seen.frames for each in ids)
    return Look(frames, 1.0, ids, ("nothing fits",))
