"""Decoders of `nev-telemetry decode`, apart from its command line."""

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from telemetry_core.decode.spec import PlanSpec

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.decode.channels import ChannelPlan, Database, plan_channels
from telemetry.decode.decoder import Decoder
from telemetry.decode.described import by_protocol
from telemetry.decode.logs import Logs
from telemetry.decode.output import OutputPiece
from telemetry.model.ids import IsoTpId
from telemetry.stages.formats import OutputFormat
from telemetry.stages.stages import Stages


def channels_of(databases: Sequence[Database], **options: Any) -> ChannelPlan:
    """Return what the channels are by these. options: of `plan_channels`."""
    return plan_channels(databases, **{"first_wins": False, "j1939": False, **options})


@functools.cache
def _plan(channels: tuple[BusDatabases, ...]) -> PlanSpec:
    return build_plan(channels).spec


def log_decoder(
    databases: Sequence[Database],
    output: OutputFormat,
    *,
    vehicle: str = "van",
    j1939: bool = False,
    isotp: Sequence[IsoTpId] = (),
    **options: Any,
) -> Decoder:
    """Make a decoder as with `--dbc`. options: of `Decoder`."""
    channels = channels_of(databases, j1939=j1939, isotp=isotp)
    stages = Stages(_plan(channels.databases), None, vehicle=vehicle, output=output)
    return Decoder(stages, Logs(channels), **options)


def pieces_of(decoder: Decoder, logs: Sequence[Path]) -> list[OutputPiece]:
    """Return the whole output, piece by piece."""
    with decoder.pieces(logs) as pieces:
        return list(pieces)


def text_of(pieces: Iterable[OutputPiece]) -> bytes:
    """Return the pieces together."""
    return b"".join(piece.text for piece in pieces)


def capture_decoder(
    protocol: str, output: OutputFormat, *, vehicle: str = "car", with_messages: bool = False
) -> Decoder:
    """Make a decoder as with `--protocol`."""
    described = by_protocol(protocol, vehicle=vehicle, with_messages=with_messages)
    return Decoder(*described.make(output), accounts=True)
