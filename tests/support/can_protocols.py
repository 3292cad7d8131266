"""Frames as references print them, through the stages of a protocol: what each message says."""

import json
from collections.abc import Iterable
from typing import Any

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.described import stages_of
from telemetry.model.event_codes import ALARM_NUMBERS
from telemetry.protocols.can.table import CanProtocol
from telemetry.stages.binding import Binding
from telemetry.stages.formats import OutputFormat

EXTENDED = 0x80000000

Said = tuple[str, dict[str, Any]]  # message or measurement, and its values


def said(protocol: CanProtocol, *frames: str, with_messages: bool = True) -> list[Said]:
    """Return what the frames say, each given as `ID#DATA` or `ID # DA TA`, a second apart."""
    return [(row["message"], row["signals"]) for row in rows(protocol, frames, with_messages=with_messages)]


def rows(
    protocol: CanProtocol, frames: Iterable[str], *, with_messages: bool = True, batch: int = 1000
) -> list[dict[str, Any]]:
    """Return what `decode --format ndjson` prints, without what it says of the session."""
    stages = stages_of(protocol, OutputFormat.NDJSON, "v", with_messages=with_messages)
    stages.bind(0, Binding(0, "logs", "can0"))
    lines, waiting = LineBuffer(), FrameBatch(batch)
    for number, frame in enumerate(frames):
        id, data = frame_of(frame)
        waiting.append(number * 1_000_000, id, data)
        if len(waiting) == batch:
            stages.process(waiting, lines)
            waiting.clear()
    stages.process(waiting, lines)
    return [row for row in map(json.loads, lines.take().splitlines()) if not _is_of_session(row)]


def _is_of_session(row: dict[str, Any]) -> bool:
    """Check whether the row is of the session that the frames make, not of a frame's own values."""
    if row["message"] == "event":
        return row["signals"]["code"] not in ALARM_NUMBERS
    return row["message"].startswith("charging_") or set(row["signals"]) == {"phase"}


def frame_of(text: str) -> tuple[int, bytes]:
    """Id, with the bit that says 29 bits, and data."""
    id, _, data = text.replace(" ", "").partition("#")
    return int(id, 16) | (EXTENDED if len(id) == 8 else 0), bytes.fromhex(data)


def transfer(pgn: int, payload: str, *, sender: int = 0xF4, destination: int = 0x56) -> list[str]:
    """Return a whole message by J1939 transport, as a vehicle and a charger send it."""
    data = bytes.fromhex(payload)
    packets = -(-len(data) // 7)
    padded = data.ljust(7 * packets, b"\xff")
    name = pgn.to_bytes(3, "little").hex()
    there, back = f"{destination:02X}{sender:02X}", f"{sender:02X}{destination:02X}"
    announced = len(data).to_bytes(2, "little").hex() + f"{packets:02x}"
    return [
        f"1CEC{there}#10{announced}FF{name}",
        f"1CEC{back}#11{packets:02x}01FFFF{name}",
        *(
            f"1CEB{there}#{number + 1:02x}{padded[7 * number : 7 * number + 7].hex()}"
            for number in range(packets)
        ),
        f"1CEC{back}#13{announced}FF{name}",
    ]


def omitted(protocol: CanProtocol, frames: Iterable[str]) -> dict[str, int]:
    """Return how many values of the frames were left out, by reason."""
    stages = stages_of(protocol, OutputFormat.NDJSON, "v")
    stages.bind(0, Binding(0, "logs", "can0"))
    batch = FrameBatch(1000)
    for number, frame in enumerate(frames):
        batch.append(number * 1_000_000, *frame_of(frame))
    stages.process(batch, LineBuffer())
    return stages.decoding.omitted()
