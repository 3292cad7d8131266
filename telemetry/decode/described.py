"""What says what recordings hold: databases, a protocol by its name, or a service's configuration.

Promises: whoever decodes recordings (`decode`, `sessions`, tables) makes stages and readers of them here, so
that the same words give the same rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry_core.decode.spec import PlanSpec

from telemetry.charging.installation import VinKey, no_key
from telemetry.databases.bus import LoadedPlan
from telemetry.decode.channels import ACCOUNT, ChannelPlan, Vehicle
from telemetry.decode.logs import FEW_MATCHED, FEW_OF_A_PLUG, Logs
from telemetry.decode.reading import Recordings
from telemetry.decode.selection import select
from telemetry.logs.content import file_digest
from telemetry.model.ids import IsoTpId
from telemetry.rules.protect import protect
from telemetry.rules.protect_entry import load_protect_entries
from telemetry.stages.output import Output, OutputKind
from telemetry.stages.stages import Stages

if TYPE_CHECKING:
    from telemetry.charging.plan import ChargingPlan
    from telemetry.charging.settings import SessionSettings
    from telemetry.protocols.can.table import CanProtocol
    from telemetry.rules.resolve import Modelling

NO_VEHICLE = "unknown"
NO_PLAN = LoadedPlan(PlanSpec((), ()), ())  # of no databases
_BUS = "log"


@dataclass(frozen=True)
class Described:
    """Makes the stages for recordings, and what reads them.

    - files: say what is decoded, but for databases without a configuration
    - plan_sha256: of those databases
    """

    make_stages: Callable[[OutputKind], Stages]
    make_recordings: Callable[[], Recordings]
    files: Sequence[Path] = ()
    is_serial: bool = False
    plan_sha256: str = ""

    @cached_property
    def databases_sha256(self) -> str:
        """Return the SHA-256 of all that says what is decoded, wherever it lies; "" where that is our own."""
        parts = [self.plan_sha256, *(file_digest(file).sha256 for file in self.files)]
        return sha256(" ".join(parts).encode()).hexdigest() if any(parts) else ""

    def make(self, output: OutputKind) -> tuple[Stages, Recordings]:
        """Return both, for a `Decoder`."""
        if isinstance(output, Output):
            output.databases_sha256 = self.databases_sha256
        return self.make_stages(output), self.make_recordings()


def by_databases(
    plan: LoadedPlan,
    channels: ChannelPlan,
    vehicle: str = NO_VEHICLE,
    *,
    protect_file: Path | None = None,
    signals: Sequence[str] = (),
    signals_by: str = "--signal",
    vehicles: Sequence[Vehicle] = (),
    value_texts: bool = False,
    with_messages: bool = False,
    sessions: Sequence["SessionSettings"] = (),
) -> Described:
    """Describe logs by databases, and by profiles of vehicles; what does not fit is raised now.

    - protect_file: has the [[protect]] by which counters and checksums are checked
    - signals: globs: these signals alone; signals_by: the argument that they were given by
    - vehicles: which profiles are of which channels
    - value_texts, with_messages: of these, as `by_protocol` has them
    - sessions: charging sessions that power shows
    """
    whole, files = plan.spec, [protect_file] if protect_file else []
    means: Callable[[PlanSpec], Modelling] | None = None
    if vehicles:
        from telemetry.decode.vehicles import with_vehicles  # which other logs need not
        from telemetry.sources.bus_protocols import BusProtocols

        spoken = BusProtocols(shown=with_messages or bool(signals), value_texts=value_texts)
        whole, channels, means, profiles = with_vehicles(whole, channels, vehicles, spoken)
        files += profiles
    protected = protect(whole, load_protect_entries(protect_file) if protect_file else ())
    spec = select(protected.spec, signals, where=signals_by) if signals else protected.spec
    modelling = means(spec) if means and not signals else None
    mapping, alarms = (modelling.map, modelling.alarms) if modelling else (None, ())

    charging = None
    if sessions:
        from telemetry.charging.plan import charging_plan
        from telemetry.charging.settings import ChargingSettings

        followed = ChargingSettings(vin="plain", sessions=tuple(sessions))
        records = (*spec.records, *(mapping.records if mapping else ()))
        charging = charging_plan(spec.buses, records, (), followed)

    def make_stages(output: OutputKind) -> Stages:
        return Stages(
            *(spec, mapping, alarms),
            protection=protected.rules,
            vehicle=vehicle,
            output=output,
            charging=charging,
        )

    few = 0.0 if vehicles else FEW_MATCHED  # a bus with a tester carries much else
    make_logs = partial(Logs, channels, is_selection=bool(signals), few_matched=few)
    return Described(make_stages, make_logs, files, plan_sha256=plan.sha256)


def by_protocol(
    name: str,
    registers: str | None = None,
    captures: Sequence[Path] = (),
    vehicle: str = NO_VEHICLE,
    *,
    with_messages: bool = False,
    value_texts: bool = False,
    signals: Sequence[str] = (),
    isotp: Sequence[IsoTpId] = (),
) -> Described:
    """Describe logs or captures by a protocol that is known by name: what messages hold, and what they mean.

    - registers, captures: of modbus: its map, and what is read for its registers where there is none
    - with_messages: the messages themselves, before what they mean
    - value_texts, signals, isotp: of a CAN bus: as `stages_of` and `ChannelPlan` have them

    Raises UsageError, ConfigError.
    """
    from telemetry.protocols.known import CAN_PROTOCOLS

    if name in CAN_PROTOCOLS:
        make_bus_stages = partial(
            stages_of,
            CAN_PROTOCOLS[name],
            vehicle=vehicle,
            with_messages=with_messages,
            value_texts=value_texts,
            signals=signals,
        )
        plan = ChannelPlan((), otherwise=0, isotp=isotp)
        few = FEW_MATCHED if CAN_PROTOCOLS[name].is_charger else FEW_OF_A_PLUG
        return Described(make_bus_stages, partial(Logs, plan, is_selection=bool(signals), few_matched=few))
    from telemetry.decode.captures import Captures, OneProtocol  # with all protocols
    from telemetry.decode.modbus_capture import protocol_of
    from telemetry.protocols.registers.register_map import find_map

    ports = OneProtocol(protocol_of(name, registers, captures, with_messages=with_messages))
    make_stages = partial(ports.stages, vehicle=vehicle, with_messages=with_messages)
    files = [] if registers is None else [find_map(registers)]
    return Described(make_stages, partial(Captures, ports), files, is_serial=True)


def stages_of(
    protocol: "CanProtocol",
    output: OutputKind,
    vehicle: str,
    *,
    with_messages: bool = False,
    value_texts: bool = False,
    signals: Sequence[str] = (),
) -> Stages:
    """Return the stages for logs of a bus that is the plan's only one.

    - with_messages: the messages themselves, before what they mean
    - value_texts: each value with words has a second one, its word
    - signals: globs: these signals of the messages alone, and not what they mean
    """
    if signals:
        plan = protocol.plan(_BUS, hidden=False, value_texts=value_texts)
        return Stages(select(plan, signals), None, vehicle=vehicle, output=output)
    plan, modelling, charging = _modelled(protocol, hidden=not with_messages, value_texts=value_texts)
    return Stages(plan, modelling.map, modelling.alarms, vehicle=vehicle, output=output, charging=charging)


@cache  # it takes longer than a short log
def _modelled(
    protocol: "CanProtocol", *, hidden: bool, value_texts: bool
) -> "tuple[PlanSpec, Modelling, ChargingPlan | None]":
    from telemetry.charging.plan import ProtocolPlug, charging_plan
    from telemetry.charging.settings import ChargingSettings
    from telemetry.rules.resolve import model

    plan = protocol.plan(_BUS, hidden=hidden, value_texts=value_texts)
    plug = ProtocolPlug(_BUS, protocol.name)
    charging = charging_plan(plan.buses, plan.records, [plug], ChargingSettings(vin="plain"))
    return plan, model(protocol.map_entries(_BUS), (), plan), charging


def by_config(
    file: Path,
    source: str = "",
    warn: Callable[[Sequence[str]], None] = lambda _: None,
    *,
    vin_key: VinKey | None = None,
) -> Described:
    """Describe logs or captures by a service's configuration.

    - source: of all channels, empty: the one that fits; warn: takes what was left out of its databases
    - vin_key: vehicle numbers are written as the configuration says, by this key; None: as they are

    Raises ConfigError, UsageError.
    """
    from telemetry.settings.document import read_document
    from telemetry.stages.offline import Recorded, read_offline  # with all sources
    from telemetry.stages.prepare import compose

    config = read_offline(read_document(file), vin="plain" if vin_key is None else "")
    composition = compose(config)
    warn(composition.loaded.warnings)
    recorded = Recorded(composition, source, account=ACCOUNT)
    files = [*config.files, *(file for each in config.sources for file in each.files if file != each.log)]
    make_stages = partial(composition.make_stages, vin_key=vin_key or no_key)
    if not recorded.is_serial:
        return Described(make_stages, partial(Logs, recorded), files)
    from telemetry.decode.captures import Captures

    return Described(make_stages, partial(Captures, recorded), files, is_serial=True)
