"""Answers of control units and frames of vehicles as buses carry them, through the stages of a profile."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.described import stages_of
from telemetry.stages.binding import Binding
from telemetry.stages.formats import OutputFormat
from telemetry.vehicles.known import named
from tests.support.can_protocols import frame_of

FILLER = 0x5A  # of bytes that a test says nothing of
_STEP_NS, _APART_NS = 1_000_000, 20_000_000_000


def payload(begins: str, length: int, parts: Mapping[int, str]) -> str:
    """Return so many bytes in hexadecimal: `begins`, and the parts from these bytes on."""
    data = bytearray([FILLER] * length)
    for at, part in {0: begins, **parts}.items():
        values = bytes.fromhex(part)
        assert at + len(values) <= length
        data[at : at + len(values)] = values
    return data.hex()


def answer(id: str, said: str) -> list[str]:
    """Return the frames of an answer (ISO 15765-2); id: as `7EC`, or `607/F1` with the address in front."""
    id, _, address = id.partition("/")
    data, room = bytes.fromhex(said), 7 - bool(address)
    if len(data) <= room:
        bodies = [bytes([len(data)]) + data]
    else:
        bodies = [bytes([0x10 | len(data) >> 8, len(data) & 0xFF]) + data[: room - 1]]
        rest = data[room - 1 :]
        bodies += [
            bytes([0x20 | (number + 1) % 16]) + rest[at : at + room]
            for number, at in enumerate(range(0, len(rest), room))
        ]
    return [f"{id}#{address}{body.hex()}" for body in bodies]


def rows(profile: str, *groups: Iterable[str]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Yield what each group of frames says: message or measurement, and its values.

    Frames are a millisecond apart, and groups 20 s, so that no value of one stands in the way of another.
    """
    protocol = named(profile).protocol()
    stages = stages_of(protocol, OutputFormat.NDJSON, "v", with_messages=True)
    stages.bind(0, Binding(0, "logs", "can0", isotp=protocol.isotp))
    lines, waiting = LineBuffer(), FrameBatch(10_000)
    for group, frames in enumerate(groups):
        waiting.clear()
        for number, frame in enumerate(frames):
            waiting.append(group * _APART_NS + number * _STEP_NS, *frame_of(frame))
        stages.process(waiting, lines)
        if group == len(groups) - 1:
            stages.writing.finish(lines, 0)
        found = map(json.loads, lines.take().splitlines())
        yield [(row["message"], row["signals"]) for row in found]


def told(profile: str, groups: Iterable[Iterable[str]]) -> Iterator[dict[str, Any]]:
    """Yield the last value of each name: `battery.soc_pct`, or the name alone in rows of the message."""
    for found in rows(profile, *groups):
        values: dict[str, Any] = {}
        for message, signals in found:
            of_model = f"{message}." if message in ("battery", "cells") else ""
            values |= {f"{of_model}{name}": value for name, value in signals.items()}
        yield values
