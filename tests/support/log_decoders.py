"""Decoders of `nev-telemetry decode`, apart from its command line."""

from telemetry_core.decode.spec import PlanSpec

from telemetry.decode.captures import CaptureDecoder, OneProtocol
from telemetry.decode.channels import ChannelPlan
from telemetry.decode.logs import BATCH_FRAMES, LogDecoder
from telemetry.protocols.known import PROTOCOLS
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
) -> LogDecoder:
    """As with `--dbc`."""
    stages = Stages(plan, None, vehicle=vehicle, output=output)
    return LogDecoder(stages, channels, batch_frames=batch_frames, jobs=jobs, accounts=accounts, done=done)


def capture_decoder(
    protocol: str, output: OutputFormat, *, vehicle: str = "car", with_messages: bool = False
) -> CaptureDecoder:
    """As with `--protocol`."""
    ports = OneProtocol(PROTOCOLS[protocol])
    stages = ports.stages(output, vehicle, with_messages=with_messages)
    return CaptureDecoder(stages, ports)
