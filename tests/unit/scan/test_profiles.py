"""`scan` of logs with vehicles whose profiles it knows: by what they broadcast, and by what units answer."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from telemetry.config import load_config
from telemetry.stages.prepare import map_entries
from tests.support.command import failed, printed
from tests.support.configuration import GATEWAY
from tests.support.vehicles import answer, payload

LEAF = {"1DB": 10, "1DC": 10, "55B": 100, "5BC": 100}  # period in ms by id; frames of 8 bytes
OF_AZE0 = {"5C0": 500, "59E": 500}
OF_ZE1 = {"1ED": 10, "1C2": 10}
KONA = [  # answers, each asked for; the last one is of no profile
    payload("620101", 62, {}),
    payload("620102", 39, {}),
    payload("620103", 39, {}),
    payload("620105", 46, {}),
    payload("620106", 60, {}),
]
VIN = "KMHC851HFKU012345"


def log(file: Path, frames: Iterable[tuple[float, str]]) -> Path:
    """Write frames with their stamps in ms."""
    lines = (f"({1_700_000_000 + at_ms / 1000:.6f}) can0 {frame}\n" for at_ms, frame in sorted(frames))
    file.write_text("".join(lines))
    return file


def broadcast(periods_ms: dict[str, int], data: str = "00" * 8) -> list[tuple[float, str]]:
    return [
        (number * period_ms, f"{id}#{data}")
        for id, period_ms in periods_ms.items()
        for number in range(5000 // period_ms)
    ]


def asked(said: Iterable[tuple[str, str]]) -> list[tuple[float, str]]:
    """Return the frames of answers, one a second."""
    return [
        (1000 * second + number, frame)
        for second, (id, data) in enumerate(said)
        for number, frame in enumerate(answer(id, data))
    ]


def scanned(file: Path, *words: object) -> tuple[dict[str, Any], str]:
    """Return what was found on the only channel, and the proposed configuration."""
    found = json.loads(printed("scan", "--log", file, *words, "--format", "json"))
    (bus,) = found["buses"]
    return bus, found["configuration"]


@pytest.mark.parametrize(
    ("periods_ms", "named", "alike"),
    [
        (LEAF | {"5C0": 500}, "nissan-leaf-ze0", ""),
        (LEAF | OF_AZE0, "nissan-leaf-aze0", "nissan-e-nv200"),
        (LEAF | OF_AZE0 | OF_ZE1, "nissan-leaf-ze1", ""),
    ],
)
def test_a_leaf_is_known_by_the_ids_that_it_has_and_those_that_it_has_not(
    periods_ms: dict[str, int], named: str, alike: str, tmp_path: Path
) -> None:
    bus, configuration = scanned(log(tmp_path / "leaf.log", broadcast(periods_ms)))
    proposed = [fit["profile"] for fit in bus["ranking"] if fit["proposed"]]
    assert (proposed, f'vehicle_profile = "{named}"' in configuration) == ([named], True)
    assert ("Equally well fit" in configuration, alike in configuration) == (bool(alike), True)
    assert ('vehicle_bus = "ev"' in configuration) == (named == "nissan-leaf-ze1")  # it has two
    (tmp_path / "gateway.toml").write_text(GATEWAY + configuration)
    assert "battery.soc_pct" in {one.to for one in map_entries(load_config(tmp_path / "gateway.toml", {}))}
    against = {fit["profile"]: fit["against"] for fit in bus["ranking"]}
    assert against["nissan-leaf-ze0"] == sorted({"59E", "1ED", "1C2"} & periods_ms.keys())
    assert against[named] == []


@pytest.mark.parametrize("negative", [0, 4])
def test_answers_that_a_profile_explains_are_counted_apart_from_those_that_it_does_not(
    negative: int, tmp_path: Path
) -> None:
    said = [("7EC", data) for data in KONA * 2] + [("7EC", "7F2231")] * negative
    requests = [(at_ms - 1, "7E4#0322010155555555") for at_ms, _ in asked(said)]
    bus, configuration = scanned(log(tmp_path / "kona.log", asked(said) + requests))
    first = bus["ranking"][0]
    assert (first["profile"], first["answers"], first["answers_unexplained"]) == ("hyundai-kona-64", 10, 2)
    assert 'vehicle_profile = "hyundai-kona-64"' in configuration
    assert "answers explained 8 of 10" in configuration
    assert "nothing proposed explains" not in configuration  # requests are the tester's
    others = [fit for fit in bus["ranking"] if fit["profile"] == "jaguar-i-pace"]
    assert others == []  # the same ids, and other answers


def test_units_with_an_address_in_front_are_told_by_it(tmp_path: Path) -> None:
    said = [("607/F1", "62DDBC02F4"), ("607/F4", "62DD688F20"), ("607/F1", "62DDC0FF9C09C404B0")]
    bus, configuration = scanned(log(tmp_path / "i3.log", broadcast({"112": 10}) + asked(said)))
    first = bus["ranking"][0]
    assert (first["profile"], first["answers"], first["answers_unexplained"]) == ("bmw-i3", 3, 0)
    assert 'vehicle_profile = "bmw-i3"' in configuration


def test_of_a_vin_the_first_three_letters_are_shown(tmp_path: Path) -> None:
    said = [("7E8", f"490201{VIN.encode().hex()}"), *(("7E8", f"410D{speed:02X}") for speed in range(9))]
    file = log(tmp_path / "obd.log", asked(said))
    bus, configuration = scanned(file)
    assert (bus["vin_begins"], 'vehicle_profile = "obd-ii"' in configuration) == ("KMH", True)
    assert (bus["ranking"][0]["answers"], bus["ranking"][0]["answers_unexplained"]) == (10, 0)
    text = printed("scan", "--log", file)
    assert ("begins with KMH" in text, VIN[3:] in text, VIN[3:] in json.dumps(bus)) == (True, False, False)


def test_only_what_a_profile_reads_of_a_service_is_explained(tmp_path: Path) -> None:
    """A profile may have several reads of OBD-II in one message: others of the service are none of it."""
    said = [("7E8", "410D32"), *(("7E8", f"4105{temp:02X}") for temp in range(4))]
    file = log(tmp_path / "obd.log", broadcast({"0A1": 100}) + asked(said))
    assert "answers explained 1 of 5" in failed(1, "scan", "--log", file)


def test_a_car_without_its_battery_is_no_vehicle(tmp_path: Path) -> None:
    """Ids of 8 bytes that some profiles have, too, among 80 others: none has enough of them."""
    ids = {f"{0x100 + 13 * number:03X}": 20 for number in range(80)} | {"323": 100, "345": 100, "301": 100}
    assert not {"444", "43D", "112", "1DB", "142", "3AC", "374"} & ids.keys()
    said = failed(1, "scan", "--log", log(tmp_path / "car.log", broadcast(ids)))
    assert "nothing that is known fits" in said


def test_a_database_that_explains_more_stands_alone(tmp_path: Path) -> None:
    ids = {**LEAF, **OF_AZE0, "50A": 100, "54A": 100}
    messages = "".join(f'BO_ {int(id, 16)} M{id}: 8 X\n SG_ S{id} : 7|8@0+ (1,0) [0|0] "" X\n' for id in ids)
    (tmp_path / "car.dbc").write_text(f'VERSION ""\nNS_ :\nBS_:\nBU_: X\n{messages}')
    file = log(tmp_path / "leaf.log", broadcast(ids))
    bus, configuration = scanned(file, "--dbc", tmp_path / "car.dbc")
    proposed = {fit["name"]: fit["profile"] for fit in bus["ranking"] if fit["proposed"]}
    assert proposed == {str(tmp_path / "car.dbc"): None}
    assert "vehicle_profile" not in configuration
