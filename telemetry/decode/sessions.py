"""The charging sessions in recordings: what the service would have recorded of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from telemetry.charging.session import Session
from telemetry.charging.settings import SessionSettings
from telemetry.decode.channels import ChannelPlan, Vehicle
from telemetry.decode.decoder import Decoder
from telemetry.decode.described import NO_PLAN, Described, by_config, by_databases, by_protocol
from telemetry.rules.map_entry import MAIN
from telemetry.stages.output import Output


def collect_sessions(
    paths: Sequence[Path],
    *,
    protocol: str = "gbt27930",
    config: Path | None = None,
    source: str = "",
    vehicles: Sequence[Vehicle] = (),
    vehicle: str = "unknown",
    warn: Callable[[Iterable[str]], None] = lambda _: None,
    end: Callable[[Decoder], object] = lambda _: None,
) -> Iterator[Session]:
    """Yield the sessions in these logs, in the order in which they ended, as if the logs were one.

    - protocol: one of CAN_PROTOCOLS, without `config`
    - config: a service's configuration, and what it follows; source: of it, the one that the logs are of
    - vehicles: their profiles in place of `protocol`: a session is what flows into the pack, as the service
      has it by a `[[session]]`
    - warn: takes what was wrong with the logs, and what frames were lost; values that a message leaves open
      are no matter of a session
    - end: takes the decoder when all is read, which says what could not be

    Raises InputMissingError, DataError, ConfigError, UsageError.
    """
    described = _described(protocol, config, source, vehicles, vehicle)
    stages, recordings = described.make(Output())
    decoder = Decoder(stages, recordings)  # one thread: rows in their order
    finished: list[Session] = []
    if stages.sessions.any:
        stages.sessions.tracker.collect(finished)
    with decoder.pieces(paths) as pieces:
        for piece in pieces:
            warn(piece.warnings)
            yield from finished
            finished.clear()
    warn(decoder.losses())
    end(decoder)


def _described(
    protocol: str, config: Path | None, source: str, vehicles: Sequence[Vehicle], vehicle: str
) -> Described:
    if config:
        return by_config(config, source)
    if vehicles:
        by_power = (SessionSettings(pack=MAIN),)
        return by_databases(NO_PLAN, ChannelPlan(()), vehicle, vehicles=vehicles, sessions=by_power)
    return by_protocol(protocol, vehicle=vehicle)
