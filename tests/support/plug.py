"""One plug in a test: rows of a charging protocol and of the data model, fed one by one to a tracker."""

from collections.abc import Mapping, Sequence
from functools import cache

from telemetry_core.charge.follow_spec import FollowSpec
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.charging.items import SessionItem
from telemetry.charging.plan import ChargingPlan, FollowedPlugs, ProtocolPlug, charging_plan
from telemetry.charging.session import Session
from telemetry.charging.settings import ChargingSettings
from telemetry.model.events import Event
from telemetry.model.measurements import BATTERY, CHARGER, METER, cells_record_spec, record_spec
from telemetry.protocols.known import CAN_PROTOCOLS

START_NS = 1_772_445_600_000_000_000
READY = 0xAA
PACK, INLET, SHUNT = 1, 2, 3  # tag sets
SECOND = 2  # channel of another plug of the same bus, whose tag sets are these
_SECOND_TAGS = {"battery": 4, "cells": 4, "charger": 5}
_MODELLED = (record_spec(BATTERY), record_spec(CHARGER), record_spec(METER), cells_record_spec(90, 8))
_TAGS = {"battery": PACK, "cells": PACK, "charger": INLET, "meter": SHUNT}
_PLUG = ProtocolPlug("plug", "gbt27930")
_SETTINGS = ChargingSettings(vin="plain")


@cache
def _schema_of(protocol: str) -> Schema:
    return Schema((*CAN_PROTOCOLS[protocol].records, *_MODELLED))


@cache
def _plan_of(
    protocol: str, settings: ChargingSettings, plugs: tuple[ProtocolPlug, ...], buses: tuple[str, ...]
) -> ChargingPlan:
    records = _schema_of(protocol).specs
    spoken = [CAN_PROTOCOLS[protocol].bus(bus) for bus in buses]
    plan = charging_plan(spoken, records, plugs, settings, lambda: b"of this installation")
    assert plan is not None
    return plan


class PlugBench:
    """Channel 0 is the plug, channel 1 a meter, channel SECOND another plug. Times are seconds."""

    def __init__(
        self,
        settings: ChargingSettings = _SETTINGS,
        plugs: Sequence[ProtocolPlug] = (_PLUG,),
        buses: Sequence[str] = ("plug",),
    ) -> None:
        self.protocol = plugs[0].protocol if plugs else "gbt27930"
        self.schema = _schema_of(self.protocol)
        self._numbers = {each.measurement: number for number, each in enumerate(self.schema.specs)}
        plan = _plan_of(self.protocol, settings, tuple(plugs), tuple(buses))
        self.plugs = FollowedPlugs(self.schema, plan, "bus-7")
        self.plugs.bind(0, 0, "can0", [PACK, INLET], [{"pack": "main"}, {"charger": "main"}])
        self.plugs.bind(1, -1, "shunt", [SHUNT], [{"charger": "main"}])
        if plugs:
            self.plugs.bind(SECOND, 0, "can1", [4, 5], [{"pack": "main"}, {"charger": "can1"}])
        self.tracker = self.plugs.tracker
        self.sessions: list[Session] = []  # that are over
        self.tracker.collect(self.sessions)
        self.made: list[SessionItem] = []
        self.now_s = 0.0

    @property
    def spec(self) -> FollowSpec:
        spec = self.tracker.follower.specs[0]
        assert isinstance(spec, FollowSpec)
        return spec

    def put(self, code: str, at_s: float, channel: int = 0, /, **raw: float | str) -> list[SessionItem]:
        """Feed one message; BCL alone needs no values."""
        return self._feed(f"{self.protocol}_{code}", at_s, raw, tags=0, channel=channel)

    def measure(
        self, measurement: str, at_s: float, channel: int = 0, /, **values: float
    ) -> list[SessionItem]:
        tags = (_SECOND_TAGS if channel == SECOND else _TAGS)[measurement]
        return self.measure_by(tags, measurement, at_s, channel=1 if tags == SHUNT else channel, **values)

    def measure_by(
        self, tags: int, measurement: str, at_s: float, *, channel: int, **values: float
    ) -> list[SessionItem]:
        """Measure one row with that tag set."""
        return self._feed(measurement, at_s, values, tags=tags, channel=channel)

    def _feed(
        self, record: str, at_s: float, values: Mapping[str, float | str], *, tags: int, channel: int
    ) -> list[SessionItem]:
        batch = SampleBatch(self.schema)
        stamp_ns = START_NS + round(at_s * 1e9)
        batch.append(self._numbers[record], stamp_ns, values, tags=tags, channel=channel)
        made = self.tracker.follow(batch)
        self.made += made
        self.now_s = max(self.now_s, at_s)
        return made

    def begin(self, at_s: float = 0.0) -> None:
        """Handshake to charging, as editions from 2015 on do it, within a second."""
        self.put("CHM", at_s, version_minor=1, version_major=1)
        self.recognise(at_s + 0.1)

    def recognise(self, at_s: float) -> None:
        """Go from CRM(00) to charging."""
        self.put("CRM", at_s, recognition=0, charger_number=7)
        self.put("BRM", at_s + 0.1, version_minor=1, version_major=1)
        self.put("CRM", at_s + 0.2, recognition=READY, charger_number=7)
        self.put("BCP", at_s + 0.3, soc_pct=500)
        self.put("CML", at_s + 0.4, min_current_a=4000)
        self.put("BRO", at_s + 0.5, ready=READY)
        self.put("CRO", at_s + 0.6, ready=READY)
        self.charge(at_s + 0.7, at_s + 0.7)

    def charge(self, from_s: float, to_s: float, soc_pct: float = 50.0) -> None:
        """100 V and 36 A on both sides (an hour is 3.6 kWh), four times a second."""
        for step in range(round((to_s - from_s) * 4) + 1):
            at_s = from_s + step / 4
            self.put("BCL", at_s)
            self.put("BCS", at_s)
            self.measure("battery", at_s, voltage_v=100.0, current_a=36.0, soc_pct=soc_pct)
            self.put("CCS", at_s, permitted=1, charged_min=int(at_s // 60))
            self.measure("charger", at_s, voltage_v=100.0, current_a=36.0)

    def stop(self, at_s: float) -> None:
        """Let the vehicle stop, and both sides count."""
        self.put("BST", at_s, soc_reached=1)
        self.put("CST", at_s + 0.1, vehicle_stopped=1)
        self.put("BSD", at_s + 0.2, soc_pct=80)
        self.put("CSD", at_s + 0.3, energy_kwh=10)

    def finish(self, at_s: float | None = None) -> Session:
        """End the recording; return the last session."""
        self.finish_all(self.now_s if at_s is None else at_s)
        return self.sessions[-1]

    def finish_all(self, at_s: float) -> None:
        """End the recording at all plugs."""
        for channel in self.tracker.plugs:
            self.made += self.tracker.finish_plug(channel, START_NS + round(at_s * 1e9))

    def events(self, *codes: str) -> list[str]:
        """Texts of these events; of one code, or with the code before."""
        found = [made.content for made in self.made if isinstance(made.content, Event)]
        return [event.text for event in found if event.code in codes]
