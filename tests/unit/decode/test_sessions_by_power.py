"""Sessions by power, from what each device sends: what came before and after a charge is none of it."""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry.decode.sessions import collect_sessions
from telemetry.model.read_point import read_point
from tests.support.command import printed, refused
from tests.support.framing import jbd_message, vedirect_block
from tests.support.vehicle_logs import kona, lines

START_S = 1_700_000_000
FROM_S, TO_S, END_S = 37, 638, 950  # charged in between, driven for 200 s after that, then asleep
CHARGED_A, DRIVEN_A = 20.0, -70.0
VOLTS = 50.0
# Trapezoids of 1 kW from the first row over the threshold to the first one that is not
CHARGED_WH = VOLTS * CHARGED_A * (TO_S - FROM_S) / 3600

CONFIG = """vehicle = "van"
[influx]
url = "http://127.0.0.1:9"
database = "d"
[spool]
directory = "spool"
"""


def readings(*, is_pack: bool) -> Iterator[tuple[int, float, float]]:
    """Yield second, current and state of charge; a charger gives a little to the end."""
    soc_pct = 40.0
    for second in range(END_S):
        is_charged, is_driven = FROM_S <= second < TO_S, TO_S <= second < TO_S + 200
        current_a = CHARGED_A if is_charged else DRIVEN_A * (is_driven and is_pack)
        if FROM_S < second <= TO_S:
            soc_pct += 10 / (TO_S - FROM_S)
        elif is_driven:
            soc_pct -= 0.05
        yield second, current_a if is_pack or is_charged or second < FROM_S else 1.0, soc_pct


def elcon(current_a: float) -> Iterator[str]:
    yield f"18FF50E5#{round(VOLTS * 10):04X}{round(current_a * 10):04X}00000000"


def huawei(current_a: float) -> Iterator[str]:
    for register, value in ((0x175, VOLTS), (0x181, current_a), (0x173, VOLTS * current_a)):
        yield f"1081407F#{register:04X}0000{round(value * 1024):08X}"


def infypower(current_a: float) -> Iterator[str]:
    yield f"0283F000#{struct.pack('>ff', VOLTS, current_a).hex()}"


def jbd(current_a: float, soc_pct: float) -> bytes:
    amperes = struct.pack(">HhHH", round(VOLTS * 100), round(current_a * 100), 5000, 10000)
    return jbd_message(3, amperes + bytes(11) + bytes([round(soc_pct), 3, 4, 0]))


def vedirect(current_a: float, soc_pct: float) -> bytes:
    values = {"V": VOLTS * 1000, "I": current_a * 1000, "P": VOLTS * current_a, "SOC": soc_pct * 10}
    return vedirect_block({"PID": "0xA381", **{name: f"{value:.0f}" for name, value in values.items()}})


@pytest.mark.parametrize(
    ("protocol", "frames"), [("elcon", elcon), ("huawei_r48xx", huawei), ("infypower", infypower)]
)
def test_a_charger_s_session_is_what_it_gave_until_its_power_fell(
    protocol: str, frames: Callable[[float], Iterator[str]], tmp_path: Path
) -> None:
    log = tmp_path / "charger.log"
    with log.open("w") as file:
        for second, current_a, _ in readings(is_pack=False):
            for number, frame in enumerate(frames(current_a)):
                file.write(f"({START_S + second}.{number:06d}) can0 {frame}\n")
    (session,) = json.loads(printed("sessions", "--protocol", protocol, "--format", "json", log))
    check(session)
    assert session["energy_charger_wh"] == pytest.approx(CHARGED_WH, abs=0.3)
    assert session["start_ns"] // 10**9 == START_S + FROM_S
    assert session["end_ns"] // 10**9 == START_S + TO_S


@pytest.mark.parametrize(("protocol", "message"), [("jbd", jbd), ("vedirect", vedirect)])
def test_a_pack_s_session_is_what_flowed_into_it_before_it_was_driven(
    protocol: str, message: Callable[[float, float], bytes], tmp_path: Path
) -> None:
    config, capture = tmp_path / "gateway.toml", tmp_path / "pack.txt"
    serial = f'[[serial]]\nname = "pack"\nport = "/dev/null"\nprotocol = "{protocol}"\n'
    config.write_text(f'{CONFIG}{serial}[[session]]\npack = "main"\n')
    with capture.open("w") as file:
        for second, current_a, soc_pct in readings(is_pack=True):
            file.write(f"({START_S + second}.000000) pack RX {message(current_a, soc_pct).hex()}\n")
    lines = [
        line
        for line in printed("decode", "--config", config, "--format", "lp", capture).splitlines()
        if line.startswith("charging_session,")
    ]
    point = read_point(lines[-1].encode())
    assert point is not None
    session = {name: json.loads(value) for name, value in point.fields.items()}
    check(session)
    falling_wh = VOLTS * (DRIVEN_A - CHARGED_A) / 2 / 3600
    assert session["energy_vehicle_wh"] == pytest.approx(CHARGED_WH + falling_wh, abs=0.01)
    assert point.time_ns // 10**9 == START_S + FROM_S
    assert (session["start_soc_pct"], session["end_soc_pct"]) == (40.0, 50.0)


def asked(channel: str, begin_s: float = 0.0) -> Iterator[str]:
    """Yield the frames of a Kona that somebody asks each second."""
    for second, current_a, soc_pct in readings(is_pack=True):
        answer, *_ = kona(voltage_v=VOLTS, current_a=current_a, soc_pct=round(soc_pct))
        yield from lines([answer], channel, START_S + begin_s + second)


def test_a_vehicles_session_is_what_flowed_into_the_battery_that_its_profile_describes(
    tmp_path: Path,
) -> None:
    log, two = tmp_path / "asked.log", tmp_path / "two.log"
    log.write_text("".join(asked("can0")))
    profile = ("--vehicle-profile", "hyundai-kona-64")
    (session,) = json.loads(printed("sessions", log, *profile, "--format", "json"))
    check(session)
    falling_wh = VOLTS * (DRIVEN_A - CHARGED_A) / 2 / 3600
    assert session["energy_vehicle_wh"] == pytest.approx(CHARGED_WH + falling_wh, abs=0.01)
    assert session["start_ns"] // 10**9 == START_S + FROM_S
    assert (session["start_soc_pct"], session["end_soc_pct"]) == (40.0, 50.0)
    assert "40 → 50 %" in printed("session", 1, log, *profile)

    two.write_text("".join(sorted([*asked("can0"), *asked("can1", 120)])))  # each vehicle by its channel
    (other,) = json.loads(
        printed("sessions", two, "--vehicle-profile", f"can1={profile[1]}", "--format", "json")
    )
    assert other["start_ns"] - session["start_ns"] == pytest.approx(120e9, abs=1e6)
    assert other["energy_vehicle_wh"] == pytest.approx(session["energy_vehicle_wh"], abs=0.01)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("x.log", "--protocol", "elcon"), "--vehicle-profile: stands beside --protocol"),
        (("x.toml",), "--vehicle-profile: is for logs without a configuration"),
        (("x.log", "--vehicle-profile", "can1=vw-meb"), "--vehicle-profile: names several channels"),
    ],
)
def test_what_does_not_go_with_a_vehicles_profile_is_refused(words: tuple[str, ...], said: str) -> None:
    assert said in refused(64, "sessions", "--vehicle-profile", "hyundai-kona-64", *words)


@pytest.mark.parametrize("is_one_file", [True, False])
def test_a_capture_whose_clock_begins_again_ends_what_is_open(is_one_file: bool, tmp_path: Path) -> None:
    """Two captures of a pack that is charged to their ends, in which the second one's clock begins alike."""
    config = tmp_path / "gateway.toml"
    serial = '[[serial]]\nname = "pack"\nport = "/dev/null"\nprotocol = "jbd"\n'
    config.write_text(f'{CONFIG}{serial}[[session]]\npack = "main"\n')
    lines = [
        f"({START_S + second}.000000) pack RX {jbd(CHARGED_A * (second > 9), 50.0).hex()}\n"
        for second in range(200)
    ]
    files = [tmp_path / "a.txt"] if is_one_file else [tmp_path / "a.txt", tmp_path / "b.txt"]
    for file in files:
        file.write_text("".join(lines * (3 - len(files))))
    warnings: list[str] = []
    found = collect_sessions(files, config=config, warn=warnings.extend)
    assert [(session.outcome, session.duration_s) for session in found] == [("unfinished", 189.0)] * 2
    where = f"{files[-1]}: its clock begins 199.0 s before the last frame: what was open"
    assert [line.startswith(where) for line in warnings if "its clock" in line] == [True]


def check(session: dict[str, Any]) -> None:
    """Check that it is over, and lasted and charged from when power rose to when it fell."""
    assert session["outcome"] == "complete"
    assert session["duration_s"] == pytest.approx(TO_S - FROM_S, abs=0.001)
    assert session["charging_s"] == pytest.approx(TO_S - FROM_S, abs=0.001)
    assert session["mean_power_w"] == pytest.approx(VOLTS * CHARGED_A, rel=0.01)
