"""Control units that answer: asked by udsoncan, and read by can-isotp, they say what the plant is."""

import csv
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import can
import isotp
import pytest
from udsoncan.client import Client
from udsoncan.connections import BaseConnection
from udsoncan.Request import Request

from firmware_sim.answering import known_of, with_cells
from firmware_sim.scenario import load_scenario
from firmware_sim.simulation import Simulation
from telemetry.__main__ import build_parser
from telemetry.cli import sim_units
from telemetry.model.read_point import read_point
from telemetry.settings.table import TomlTable
from telemetry.vehicles.known import named, names
from tests.support.command import printed, refused
from tests.support.scripted_server import ScriptedServer
from tests.support.vehicle_answers import VEHICLES, Vehicle
from tests.support.vehicles import rows

TICK_NS = 100_000_000
SECONDS = 40
KWP_READ = 0x21  # which UDS, and so udsoncan, does not know
by_vehicle = pytest.mark.parametrize(
    "vehicle", VEHICLES, ids=[vehicle.profile + vehicle.options for vehicle in VEHICLES]
)


def plant_of(vehicle: Vehicle, scenario: str | Path, seconds: float) -> list[Mapping[str, float]]:
    """Return what the plant knows in each tick, of the same scenario without any units."""
    names = [fact.name for fact in vehicle.facts]
    ticks = list[Mapping[str, float]]()

    def observe(simulation: Simulation) -> None:
        known = known_of(simulation)
        ticks.append({name: value for name in names if (value := known(name)) is not None})

    loaded = with_cells(load_scenario(scenario, TomlTable.load), vehicle.cells)
    for _ in Simulation(loaded, 1, duration_s=seconds, observe=observe).ticks():
        pass
    return ticks


def messages(frames: Sequence[can.Message], address: isotp.Address) -> Iterator[tuple[int, bytes]]:
    """Yield what one end hears, with the stamp of the last frame, as can-isotp puts it together."""
    heard = list[isotp.CanMessage]()
    layer = isotp.TransportLayerLogic(
        rxfn=lambda timeout: heard.pop() if heard else None,  # noqa: ARG005  as can-isotp calls it
        txfn=lambda _: None,
        address=address,
        params={"listen_mode": True},
    )
    for each in frames:
        heard.append(
            isotp.CanMessage(each.arbitration_id, data=bytes(each.data), extended_id=each.is_extended_id)
        )
        layer.process()
        if (message := layer.recv()) is not None:
            yield round(each.timestamp * 1e9), bytes(message)


@by_vehicle
def test_a_log_of_each_vehicle_says_what_the_plant_is(vehicle: Vehicle, tmp_path: Path) -> None:
    log = tmp_path / "asked.log"
    words = ("--units", vehicle.profile + vehicle.options, "--duration", SECONDS, "--output", log)
    printed("sim", "drive", *words)
    plant = plant_of(vehicle, "drive", SECONDS)
    with can.LogReader(log) as reader:
        frames = [*reader]
    begin_ns = round(frames[0].timestamp * 1e9) - 250_000
    asked = [*messages(frames, vehicle.address(is_unit=True))]
    compared = Counter[str]()
    for ns, answer in messages(frames, vehicle.address()):
        asked_ns, request = next(each for each in reversed(asked) if each[0] < ns)
        assert answer.startswith(bytes((request[0] + 0x40,)) + request[1:])
        tick = (asked_ns - begin_ns) // TICK_NS
        for fact in vehicle.facts:
            if fact.request == request:
                compared[fact.name] += 1
                near = [plant[at][fact.name] for at in (max(tick - 1, 0), tick)]
                found = fact.read(answer)
                assert min(abs(found - each) for each in near) <= 0.501 * fact.step, fact.name
    assert compared.keys() == {fact.name for fact in vehicle.facts}


PARKED = """
starts_at = "2026-03-02T07:30:00Z"
pack.start_soc_pct = 63.0
[[phase]]
do = "stand"
duration_s = 6000.0
"""


@by_vehicle
def test_battery_and_cells_of_each_profile_are_the_plant(vehicle: Vehicle, tmp_path: Path) -> None:
    scenario, log = tmp_path / "parked.toml", tmp_path / "asked.log"
    scenario.write_text(PARKED)
    words = ("--units", vehicle.profile + vehicle.options, "--duration", SECONDS, "--output", log)
    printed("sim", scenario, *words)
    told_by(vehicle, scenario, log)


def test_vehicles_that_answer_by_other_ids_do_so_in_one_log(tmp_path: Path) -> None:
    scenario, log = tmp_path / "parked.toml", tmp_path / "asked.log"
    scenario.write_text(PARKED)
    vehicles = [each for each in VEHICLES if not each.profile.startswith("nissan")]  # 7BB is the Kona's, too
    units = ",".join(each.profile for each in vehicles)
    printed("sim", scenario, "--units", units, "--duration", 2 * SECONDS, "--output", log)
    for vehicle in vehicles:
        told_by(replace(vehicle, cells=max(each.cells for each in vehicles)), scenario, log)


def told_by(vehicle: Vehicle, scenario: Path, log: Path) -> None:
    """Check that a vehicle's profile finds all facts in a log, as the plant of so many cells has them."""
    (plant, *_) = plant_of(vehicle, scenario, 0.1)
    steps = {fact.name: fact.step for fact in vehicle.facts}
    told = set[str]()
    (found,) = rows(vehicle.profile, [line.split()[2] for line in log.read_text().splitlines()])
    for measurement, values in found:
        for field, value in values.items() if measurement in ("battery", "cells") else ():
            name = field if measurement == "battery" else f"{field[0]}{int(field[1:])}"
            if name in plant:
                told.add(name)
                assert abs(value - plant[name]) <= 0.51 * steps[name] + 1e-3, field
    assert told == steps.keys()


@pytest.mark.parametrize("form", ["csv", "ndjson", "lp", "influx"])
@pytest.mark.parametrize("vehicle", [VEHICLES[0], VEHICLES[-1]], ids=["hyundai-kona-64", "vw-meb"])
def test_decode_writes_what_the_plant_is_in_each_format(vehicle: Vehicle, form: str, tmp_path: Path) -> None:
    scenario, log = tmp_path / "parked.toml", tmp_path / "asked.log"
    scenario.write_text(PARKED)
    printed("sim", scenario, "--units", vehicle.profile, "--duration", SECONDS, "--output", log)
    words = ["decode", log, "--vehicle-profile", vehicle.profile, "--format", form]
    told = dict[str, float]()
    if form == "csv":
        for row in csv.DictReader(io.StringIO(printed(*words))):
            told[f"{row['message']}.{row['signal']}"] = float(row["value"])
    elif form == "ndjson":
        for each in map(json.loads, printed(*words).splitlines()):
            told |= {f"{each['message']}.{name}": value for name, value in each["signals"].items()}
    else:
        with ScriptedServer() as server:
            target = ("--url", server.url, "--database", "d", "--spool", tmp_path / "spool")
            found = printed(*words, *(target if form == "influx" else ())).encode().splitlines()
            found += [line for request in server.requests for line in request.lines]
        for line in found:
            point = read_point(line)
            assert point is not None
            if point.measurement in ("battery", "cells"):
                fields = {name: value for name, value in point.fields.items() if value != b"false"}
                told |= {
                    f"{point.measurement}.{name}": float(text.rstrip(b"iu")) for name, text in fields.items()
                }
    (plant, *_) = plant_of(vehicle, scenario, 0.1)
    for fact in vehicle.facts:
        name, number = fact.name[0], fact.name[1:]
        field = f"cells.{name}{int(number):03}" if number.isdecimal() else f"battery.{fact.name}"
        assert abs(told[field] - plant[fact.name]) <= 0.51 * fact.step + 1e-3, field


class Asking(BaseConnection):
    """Carries udsoncan's requests over can-isotp, without its threads, which must start in half a second."""

    def __init__(self, bus: can.BusABC, address: isotp.Address) -> None:
        super().__init__("vcan0")
        self._bus = bus
        self._layer = isotp.TransportLayerLogic(self._receive, self._send, address)

    def _receive(self, timeout_s: float) -> isotp.CanMessage | None:
        each = self._bus.recv(timeout_s)
        if each is None:
            return None
        data = bytes(each.data)
        return isotp.CanMessage(each.arbitration_id, data=data, extended_id=each.is_extended_id)

    def _send(self, frame: isotp.CanMessage) -> None:
        is_extended = frame.is_extended_id
        self._bus.send(
            can.Message(arbitration_id=frame.arbitration_id, data=frame.data, is_extended_id=is_extended)
        )

    def open(self) -> "Asking":
        return self

    def close(self) -> None:
        self._layer.stop_sending()

    def is_open(self) -> bool:
        return True

    def empty_rxqueue(self) -> None:
        self._layer.clear_rx_queue()

    def specific_send(self, payload: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  one frame
        self._layer.send(payload)
        self._layer.process(0.0)

    def specific_wait_frame(self, timeout: float | None = None) -> bytes | None:
        ends_s = time.monotonic() + (timeout or 0.0)
        while (message := self._layer.recv()) is None and time.monotonic() < ends_s:
            self._layer.process(0.1)
        return None if message is None else bytes(message)


@contextmanager
def answering(vehicle: Vehicle, scenario: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`sim --units` on vcan0, as the command does it."""
    words = ["sim", str(scenario), "--units", vehicle.profile, "--can", "vcan0"]
    arguments = build_parser(["sim"]).parse_args(words)
    loaded, is_open, is_over = load_scenario(scenario, TomlTable.load), threading.Event(), threading.Event()
    monkeypatch.setattr(sim_units, "print_clock", lambda _: is_open.set())
    thread = threading.Thread(target=sim_units.run_units, args=(arguments, loaded, is_over.is_set, None))
    thread.start()
    try:
        assert is_open.wait(60)
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.vcan
def test_vehicles_on_one_bus_say_what_their_plants_are_to_udsoncan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = tmp_path / "parked.toml"
    scenario.write_text(PARKED)
    compared = 0
    vehicles = [each for each in VEHICLES if not each.options]
    with ExitStack() as stack:
        for vehicle in vehicles:
            stack.enter_context(answering(vehicle, scenario, monkeypatch))
        for vehicle in vehicles:
            bus = stack.enter_context(can.Bus(interface="socketcan", channel="vcan0"))
            (plant, *_) = plant_of(vehicle, scenario, 0.1)
            with Client(Asking(bus, vehicle.address()), request_timeout=60) as client:
                client.set_config("p2_timeout", 60)
                for request in dict.fromkeys(fact.request for fact in vehicle.facts):
                    if request[0] == KWP_READ:
                        client.conn.send(request)
                        answer = client.conn.wait_frame(timeout=60)
                    else:
                        response = client.send_request(Request.from_payload(request))
                        assert response is not None
                        answer = response.original_payload
                    assert answer is not None
                    assert answer.startswith(bytes((request[0] + 0x40,)) + request[1:])
                    for fact in [each for each in vehicle.facts if each.request == request]:
                        compared += 1
                        assert abs(fact.read(answer) - plant[fact.name]) <= 0.51 * fact.step + 1e-3, fact.name
    assert compared == sum(len(vehicle.facts) for vehicle in vehicles)


def test_sensors_that_the_plant_lacks_are_none_or_as_the_others(tmp_path: Path) -> None:
    scenario, log = tmp_path / "parked.toml", tmp_path / "asked.log"
    scenario.write_text(PARKED)
    told = dict[str, int]()
    for profile in map(named, names()):
        if not any(read.temperatures for read in profile.reads):
            continue
        printed("sim", scenario, "--units", profile.name, "--duration", 12, "--output", log)
        (found,) = rows(profile.name, [line.split()[2] for line in log.read_text().splitlines()])
        temperatures = {
            f"{measurement}.{field}": value
            for measurement, values in found
            for field, value in values.items()
            if (measurement, field[0]) == ("cells", "t") or field in ("temp_min_c", "temp_max_c")
        }
        told[profile.name] = sum(name.startswith("cells.") for name in temperatures)
        assert all(14 <= value <= 15 for value in temperatures.values()), (profile.name, temperatures)
    assert told["renault-zoe-1"] == 8  # modules of 12 cells; the profile has 12 sensors, and a word for none
    assert (told["maxus-edeliver3"], told["xpeng"]) == (16, 64)  # no word for none


def outcomes(tmp_path: Path, options: str, *, profile: str = "hyundai-kona-64") -> Counter[tuple[str, str]]:
    """Return how often each outcome and number of pendings comes in a log of these faults."""
    log = tmp_path / "asked.log"
    printed("sim", "drive", "--units", profile + options, "--duration", SECONDS, "--output", log)
    found = [*csv.DictReader(io.StringIO(printed("exchanges", log)))]
    answered = [row for row in found if row["latency_ms"] and row["request_id"] != "6F1/07"]
    assert all(10 < float(row["latency_ms"]) - 400 * int(row["pending"]) < 11 for row in answered)
    return Counter((row["outcome"], row["pending"]) for row in found)


def test_every_profile_with_units_answers_all_that_it_knows(tmp_path: Path) -> None:
    log, counted = tmp_path / "asked.log", 0
    for profile in map(named, names()):
        if profile.units:
            printed("sim", "drive", "--units", profile.name, "--duration", 2, "--output", log)
            found = csv.DictReader(io.StringIO(printed("exchanges", log, "--vehicle-profile", profile.name)))
            outcomes_of = [row["outcome"] for row in found]
            requests = {(read.unit, request) for read in profile.reads for request in read.requests}
            assert len(outcomes_of) >= min(len(requests), 20)
            assert {"positive"} <= set(outcomes_of) <= {"positive", "unanswered"}
            assert outcomes_of.count("unanswered") <= 1  # where the log ends
            counted += 1
    assert counted == 24


def test_faults_take_turns_with_right_answers(tmp_path: Path) -> None:
    right = outcomes(tmp_path, "")
    assert set(right) == {("positive", "0")} | {("unanswered", "0")} & set(right)
    pending = outcomes(tmp_path, ",pending:3,negative:22")
    assert abs(pending["positive", "3"] - pending["negative 22", "0"]) <= 1
    assert abs(pending["positive", "0"] - 2 * pending["positive", "3"]) <= 3
    wrong = outcomes(tmp_path, ",wrong-identifier")
    assert wrong["unasked", "0"] >= 10
    assert abs(wrong["unanswered", "0"] - wrong["unasked", "0"]) <= 1
    broken = outcomes(tmp_path, ",broken-off,wrong-sequence")
    assert abs(broken["unanswered", "0"] - broken["positive", "0"]) <= 2
    assert set(broken) == {("positive", "0"), ("unanswered", "0")}


def test_a_second_tester_makes_itself_felt(tmp_path: Path) -> None:
    both = outcomes(tmp_path, ",second-tester", profile="bmw-i3")
    assert both["positive", "0"] > outcomes(tmp_path, "", profile="bmw-i3")["positive", "0"]
    assert both["unanswered", "0"]  # who comes second is not answered


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--units", "hyundai-kona-64,slow", "--output", "u.log"),
            "'slow' is no profile and no fault",
        ),
        (
            ("--units", "hyundai-kona-64,negative:GG", "--output", "u.log"),
            "'negative:GG' is no profile",
        ),
        (
            ("--units", "nissan-leaf-ze1,layout:42", "--output", "u.log"),
            "no answer of nissan-leaf-ze1 has 42 bytes (lengths are 16, 31, 37, 41, 43, 53, 198, 331)",
        ),
        (("--units", "think-city", "--output", "u.log"), "think-city broadcasts all that it tells"),
        (
            ("--units", "vw-meb,hyundai-kona-64,negative:22,kia-ev6", "--output", "u.log"),
            "hyundai-kona-64 and kia-ev6 both answer by 7EC",
        ),
        (("--units", "hyundai-kona-64", "--socket", "bus"), "answer on --can or --interface, or in --output"),
        (("--units", "hyundai-kona-64,second-tester", "--can", "vcan0"), "asks in a log alone"),
    ],
)
def test_units_that_are_none_are_refused_in_a_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    assert said in refused(64, "sim", "drive", *words, folder=tmp_path)
