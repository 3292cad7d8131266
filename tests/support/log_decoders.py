"""Decoders of `nev-telemetry decode`, apart from its command line."""

from telemetry_core.decode.spec import PlanSpec

from telemetry.decode.channels import ChannelPlan
from telemetry.decode.decoder import BATCH_FRAMES, Decoder
from telemetry.decode.described import by_protocol
from telemetry.decode.logs import Logs
from telemetry.stages.formats import OutputFormat
from telemetry.stages.stages import Stages


def log_decoder(
    plan: PlanSpec,
    channels: ChannelPlan,
    output: OutputFormat,
    *,
    vehicle: str = "van",
    batch_frames: int = BATCH_FRAMES,
    jobs: int = 1,
    accounts: bool = False,
    done: int = 0,
) -> Decoder:
    """Make a decoder as with `--dbc`."""
    stages = Stages(plan, None, vehicle=vehicle, output=output)
    return Decoder(stages, Logs(channels), batch_frames=batch_frames, jobs=jobs, accounts=accounts, done=done)


def capture_decoder(
    protocol: str, output: OutputFormat, *, vehicle: str = "car", with_messages: bool = False
) -> Decoder:
    """Make a decoder as with `--protocol`."""
    described = by_protocol(protocol, vehicle=vehicle, with_messages=with_messages)
    return Decoder(*described.make(output), accounts=True)
