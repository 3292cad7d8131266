"""Sessions of CHAdeMO in logs of two plugs, against a model that has the frames alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.charging.session import CurvePoint, Phase, Session
from telemetry.decode.sessions import collect_sessions
from tests.support.chademo_model import (
    CHARGER_REASONS,
    Message,
    charges,
    curve,
    events,
    fields,
    states_of_charge,
)
from tests.support.command import command
from tests.support.examples import examples
from tests.support.lineprotocol import parse_lines

START_S = 1_772_474_400
CODES = (
    *("charging_started", "charging_stopped", "charging_error", "charging_reconnect", "charging_cut"),
    *("charging_silence", "charging_paused", "charging_current_doubtful", "charging_protocol_unknown"),
    *("measurements_disagree", "request_not_met", "request_exceeded", "pack_swapped"),
)
FAULTS = (
    *("fault_overvoltage", "fault_undervoltage", "fault_current_deviation", "fault_overtemperature"),
    "fault_voltage_deviation",
)
OF_102 = ("charging_enabled", "not_in_park", "system_fault", "contactor_open", "stop_before_charging")
OF_109 = (
    *("charging", "charger_malfunction", "energized", "battery_incompatible", "system_malfunction"),
    "stopped",
)


def byte_of(names: Sequence[str], bits: frozenset[str]) -> int:
    return sum(1 << place for place, name in enumerate(names) if name in bits)


def data_of(message: Message) -> bytes:
    """Return the bytes, as docs/protocols/chademo.md has the fields."""
    values = {name: round(value) for name, value in message.values.items()}
    match message.number:
        case 0x100:
            return bytes([0, 0, 0, 0, 0, 0, values["rate_reference"], 0])
        case 0x108:
            volts = values["available_voltage_v"].to_bytes(2, "little")
            return bytes([1, *volts, values["available_current_a"], 0, 0, 0, 0])
        case 0x102:
            states = byte_of(FAULTS, message.bits), byte_of(OF_102, message.bits)
            amperes, rate = values["requested_current_a"], values["charged_rate"]
            volts = values["target_voltage_v"].to_bytes(2, "little")
            return bytes([2, *volts, amperes, *states, rate, 0])
        case 0x208:
            return bytes([0xFF - values["discharge_current_a"], 0, 0, 0xFF, 0, 0, 0, 0])
    volts = values["voltage_v"].to_bytes(2, "little")
    return bytes([2, *volts, values["current_a"], 1, byte_of(OF_109, message.bits), 0xFF, 0xFF])


class Scene:
    """What both ends of one plug send: charges as they are, with frames lost, and bits as they like."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.messages: list[Message] = []
        self.now_ms = chance.randrange(1000)
        self.lost = chance.choice((0.0, 0.0, 0.05, 0.3))
        self.reference = chance.choice((0, 100, 200, 80))
        self.rate = chance.randrange(20, 60)
        self.available_a = chance.choice((120, 50))
        self.target_v = chance.choice((410, 410, 390))
        self.share = chance.choice((1.0, 1.0, 0.7, 1.2))  # of the current asked for that is given
        self.gives_back = chance.random() < 0.5
        self.ticks = 0
        self.is_away = chance.random() < 0.1
        self.unplug()
        for _ in range(chance.randrange(1, 5)):
            chance.choices((self.charge, self.flip), (3, 1))[0]()
            self.now_ms += chance.choice((0, 0, 3_000, 9_400, 10_500, 30_000))
            self.is_away = chance.random() < 0.15  # nobody but the charger is heard

    def unplug(self) -> None:
        self.vehicle, self.charger = {"contactor_open"}, {"stopped"}
        self.voltage_v = self.current_a = self.asked_a = self.discharge_a = 0
        self.period_ms = self.chance.choice((100, 100, 500, 1000))

    def send(self, number: int, bits: set[str] | None = None, **values: float) -> None:
        if self.chance.random() >= self.lost and not (self.is_away and 0x100 <= number <= 0x102):
            self.messages.append(Message(self.now_ms / 1000, number, frozenset(bits or ()), values))
        self.now_ms += self.chance.randrange(1, 20)

    def tick(self, most: int = 12) -> None:
        for _ in range(self.chance.randrange(1, most)):
            next_ms = self.now_ms + self.period_ms
            self.ticks += 1
            if self.ticks % 7 == 0 and self.current_a:
                self.rate = min(self.rate + self.chance.choice((1, 1, 1, -1)), 255)
            self.send(0x100, rate_reference=self.reference)
            asked = {
                "target_voltage_v": self.target_v,
                "requested_current_a": self.asked_a,
                "charged_rate": self.rate,
            }
            given = {"voltage_v": self.voltage_v, "current_a": self.current_a}
            if self.chance.random() < 0.8:
                self.send(0x102, self.vehicle, **asked)
                self.send(0x109, self.charger, **given)
            else:
                self.send(0x109, self.charger, **given)
                self.send(0x102, self.vehicle, **asked)
            if self.gives_back:
                self.send(0x208, discharge_current_a=self.discharge_a)
            self.send(0x108, available_voltage_v=500, available_current_a=self.available_a)
            self.now_ms = max(self.now_ms, next_ms)

    def maybe(self, share: float) -> None:
        if self.chance.random() < share:
            self.tick()

    def charge(self) -> None:
        chance = self.chance
        self.unplug()
        self.maybe(0.8)
        self.vehicle.add("charging_enabled")
        self.maybe(0.8)
        if (fate := chance.random()) < 0.15:  # the charger fails to start, and may charge after all
            self.charger |= set(chance.sample(CHARGER_REASONS, chance.randrange(1, 3)))
            self.tick()
            self.charger -= set(CHARGER_REASONS)
        elif fate < 0.25:  # the vehicle gives up
            self.vehicle -= {"charging_enabled"}
            self.vehicle |= set(chance.sample((*FAULTS, *OF_102[1:3], OF_102[4]), chance.randrange(3)))
            self.tick()
            return
        self.vehicle.discard("contactor_open")
        self.voltage_v = 400
        self.maybe(0.8)
        self.charger.add("charging")
        self.maybe(0.5)
        self.charger.discard("stopped")
        self.asked_a = chance.randrange(20, 120)
        for step in range(chance.randrange(1, 8)):
            self.voltage_v = chance.randrange(397, 404)
            self.current_a = round(self.asked_a * (self.share if step else 1)) - chance.randrange(4)
            self.discharge_a = chance.choice((0, chance.randrange(1, 60)))
            self.tick(40 if self.period_ms == 1000 else 12)
            self.now_ms += chance.choice((0, 0, 0, 0, 500, 1900, 2100, 9000))
            self.available_a -= chance.random() < 0.1
        self.stop()

    def stop(self) -> None:
        chance = self.chance
        if chance.random() < 0.5:
            self.vehicle.discard("charging_enabled")
            self.vehicle |= set(chance.sample((*FAULTS, *OF_102[1:3], OF_102[4]), chance.randrange(3)))
            self.maybe(0.5)
            self.charger.add("stopped")
        else:
            self.charger.add("stopped")
            self.charger |= set(chance.sample(CHARGER_REASONS, chance.randrange(2)))
            self.maybe(0.5)
            self.vehicle.discard("charging_enabled")
        self.current_a = self.discharge_a = 0
        self.maybe(0.9)
        self.vehicle.add("contactor_open")
        self.maybe(0.9)

    def flip(self) -> None:
        for _ in range(self.chance.randrange(5, 30)):
            if self.chance.random() < 0.5:
                self.vehicle ^= {self.chance.choice((*OF_102, *FAULTS))}
            else:
                self.charger ^= {self.chance.choice(OF_109)}
            self.current_a = self.chance.randrange(100)
            self.tick(4)


def write_log(file: Path, plugs: Sequence[Sequence[Message]]) -> None:
    frames = [(message.at_s, plug, message) for plug, messages in enumerate(plugs) for message in messages]
    with file.open("w", encoding="ascii") as log:
        for at_s, plug, message in sorted(frames, key=lambda frame: frame[:2]):
            seconds, ms = divmod(round(at_s * 1000), 1000)
            data = data_of(message).hex().upper()
            log.write(f"({START_S + seconds}.{ms:03d}000) can{plug} {message.number:03X}#{data}\n")


def phases_of(row: Session | CurvePoint) -> tuple[Phase, ...]:
    return row.phases if isinstance(row, Session) else ()


def stored(row: Session | CurvePoint, name: str) -> Any:
    """Return a field; stamps as seconds of the scene."""
    match name:
        case "start" | "end" | "at":
            return (getattr(row, f"{name}_ns") - START_S * 10**9) / 1e9
        case "phases":
            return [phase.phase for phase in phases_of(row)]
        case "phases_s":
            seconds = [((each.start_ns - START_S * 10**9) / 1e9, each.duration_s) for each in phases_of(row)]
            return [number for pair in seconds for number in pair]
        case _:
            return getattr(row, name)


def assert_same(row: Session | CurvePoint, wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        is_text = value is None or isinstance(value, str) or name == "phases"
        same = value if is_text else pytest.approx(value, rel=1e-7, abs=2e-6)
        assert stored(row, name) == same, name


def events_in(log: Path) -> dict[str, list[tuple[float, str, bool, str]]]:
    """Return the events of charging by charger, stamps as whole milliseconds of the scene."""
    done = command("decode", "--protocol", "chademo", log, "--format", "lp")
    found = defaultdict(list)
    for line in parse_lines(done.stdout.encode()):
        if line.measurement == "event" and line.tags["code"] in CODES:
            at_s = round((line.time_ns - START_S * 10**9) / 1e9, 3)
            active, text = bool(line.fields["active"]), str(line.fields["text"])
            found[line.tags["charger"]].append((at_s, line.tags["code"], active, text))
    return found


@given(seed=st.integers(0, 2**32))
@settings(max_examples=examples(150))
def test_sessions_curves_and_events_of_two_plugs_are_those_of_the_model(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plugs = [Scene(Random(f"{seed} {plug}")).messages for plug in range(2)]
    log = tmp_path_factory.getbasetemp() / "chademo.log"
    write_log(log, plugs)
    sessions = list(collect_sessions([log], protocol="chademo"))
    said = events_in(log)
    heard = [(each.at_s, plug) for plug, messages in enumerate(plugs) for each in messages]
    for plug, messages in enumerate(plugs):
        charger = "main" if plug == min(heard)[1] else f"can{plug}"
        found = sorted((each for each in sessions if each.charger == charger), key=lambda one: one.start_ns)
        soc = list(states_of_charge(messages))
        signs = [message for message in messages if message.number != 0x208]
        wholes = list(charges(signs, max(heard)[0]))
        discharged = [
            [each for each in messages if each.number == 0x208 and start_s <= each.at_s < charge.over_s]
            for charge in wholes
            for start_s in [charge.messages[0].at_s]
        ]
        for session, charge, out in zip(found, wholes, discharged, strict=True):
            assert_same(session, fields(charge, soc, out))
            for point, expected in zip(session.curve, curve(charge, soc), strict=True):
                assert_same(point, expected)
        expected_events = [(round(at_s, 3), *words) for charge in wholes for at_s, *words in events(charge)]
        assert sorted(said[charger]) == sorted(expected_events)
