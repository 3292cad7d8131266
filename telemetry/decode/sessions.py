"""The charging sessions in recordings: what the service would have recorded of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from telemetry.charging.session import Session
from telemetry.decode.channels import ACCOUNT, ChannelPlan, Channels
from telemetry.decode.logs import LogDecoder
from telemetry.decode.one_bus import stages_of
from telemetry.protocols.known import CAN_PROTOCOLS
from telemetry.settings.document import read_document
from telemetry.stages.output import Output
from telemetry.stages.stages import Stages

_IN_ORDER = 1  # thread: rows are followed in their order, and nothing is written that others could write


def collect_sessions(
    paths: Sequence[Path],
    *,
    protocol: str = "gbt27930",
    config: Path | None = None,
    source: str = "",
    vehicle: str = "unknown",
    warn: Callable[[Iterable[str]], None] = lambda _: None,
) -> Iterator[Session]:
    """Yield the sessions in these logs, in the order in which they ended, as if the logs were one.

    - protocol: one of CAN_PROTOCOLS, without `config`
    - config: a service's configuration, and what it follows; source: of it, the one that the logs are of
    - warn: takes what was wrong with the logs, and what frames were lost; values that a message leaves open
      are no matter of a session

    Raises InputMissingError, DataError, ConfigError, UsageError.
    """
    stages, channels = _configured(config, source) if config else _of_protocol(protocol, vehicle)
    decoder = LogDecoder(stages, channels, jobs=_IN_ORDER, is_search=True)
    finished: list[Session] = []
    if stages.sessions.any:
        stages.sessions.tracker.collect(finished)
    with decoder.pieces(paths) as pieces:
        for piece in pieces:
            warn(piece.warnings)
            yield from finished
            finished.clear()
    warn(decoder.losses())


def _of_protocol(name: str, vehicle: str) -> tuple[Stages, Channels]:
    stages = stages_of(CAN_PROTOCOLS[name], Output(), vehicle)
    return stages, ChannelPlan((), otherwise=0)


def _configured(config: Path, source: str) -> tuple[Stages, Channels]:
    from telemetry.stages.offline import Recorded, read_offline  # with all sources
    from telemetry.stages.prepare import compose

    composition = compose(read_offline(read_document(config)))
    return composition.make_stages(Output()), Recorded(composition, source, account=ACCOUNT)
