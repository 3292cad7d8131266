"""The arguments that name a bus, against python-can's own reading of the same words."""

import argparse
import json
import subprocess
import sys
from typing import Any

import can
import can.cli
import pytest
from can import typechecking
from can.util import load_config

from telemetry.__main__ import build_parser
from telemetry.cli.bus_arguments import TIMING, TIMING_FD, add_bus_arguments, bus_options
from telemetry.errors import UsageError
from tests.support.command import refused

CLASSIC = "f_clock=8_000_000 brp=1 tseg1=5 tseg2=2 sjw=1 nof_samples=1"
FLEXIBLE = (
    "f_clock=80000000 nom_brp=1 nom_tseg1=119 nom_tseg2=40 nom_sjw=40 "
    "data_brp=1 data_tseg1=29 data_tseg2=10 data_sjw=10"
)


def ours(words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_bus_arguments(parser)
    return bus_options(parser.parse_args(words.split()))


def theirs(words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    can.cli.add_bus_arguments(parser, filter_arg=True)
    given: dict[str, Any] = vars(parser.parse_args(words.split()))
    more: dict[str, Any] = given.pop("bus_kwargs", {})
    return given | more


@pytest.mark.parametrize(
    "words",
    [
        "-i virtual",
        "-i slcan -c /dev/ttyACM0@115200 -b 250000",
        "--interface kvaser --channel 1 --bitrate 500000 --fd --data-bitrate 2000000",
        "-i virtual -c x --filter 300:7FF 18FF0000:1FFF0000",
        "-i vector -c 1 --bus-kwargs app_name=My receive_own_messages=True serial=1234 rate=0.5",
        f"-i kvaser -c 0 --timing {CLASSIC}",
        f"-i pcan -c PCAN_USBBUS1 --timing {FLEXIBLE}",
    ],
)
def test_python_can_opens_the_same_bus_as_by_its_own_arguments(words: str) -> None:
    config, expected = (load_config(config=options) for options in (ours(words), theirs(words)))
    assert {key: config[key] for key in expected} == expected
    assert config.keys() - expected.keys() <= TIMING | TIMING_FD


def test_without_arguments_all_comes_from_python_can_s_configuration() -> None:
    assert ours("") == {}


def test_the_names_of_bit_timings_are_python_can_s() -> None:
    assert typechecking.BitTimingDict.__annotations__.keys() == TIMING
    assert typechecking.BitTimingFdDict.__annotations__.keys() == TIMING_FD


def test_an_inverted_filter_keeps_its_mask_and_is_for_the_kernel_alone() -> None:
    """can_id | CAN_INV_FILTER, as linux/can.h has it."""
    (chosen,) = ours("-i socketcan -c can0 --filter 100~7F0")["can_filters"]
    assert chosen == {"can_id": 0x20000100, "can_mask": 0x7F0}
    for words in ("-i virtual", ""):
        with pytest.raises(UsageError, match="for -i socketcan alone"):
            ours(f"{words} -c x --filter 100~7F0")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-b fast", "'fast' is no whole number above zero"),
        ("-b 0", "'0' is no whole number above zero"),
        ("--timing f_clock", "'f_clock' is not NAME=N"),
        ("--timing speed=5", "'speed=5' is not NAME=N"),
        ("--timing brp=one", "'brp=one' is not NAME=N"),
        ("--filter 100", "'100' is not ID:MASK or ID~MASK, both in hex"),
        ("--filter XYZ:7FF", "'XYZ:7FF' is not ID:MASK or ID~MASK, both in hex"),
        ("--bus-kwargs serial", "'serial' is not NAME=VALUE"),
        ("--bus-kwargs 1=2", "'1=2' is not NAME=VALUE"),
    ],
)
@pytest.mark.parametrize("command", ["monitor", "capture -o x.log"])
def test_what_is_no_argument_is_one_line(command: str, words: str, said: str) -> None:
    assert said in refused(64, *command.split(), *words.split())


def test_a_timing_that_is_not_whole_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^--timing: is not whole \(all of brp, f_clock, "):
        ours("--timing f_clock=8000000 brp=1")


def test_the_same_arguments_name_a_bus_for_both_commands() -> None:
    words = (
        f"-i virtual -c x -b 250000 --fd --data-bitrate 1 --filter 1:2 --bus-kwargs a=b --timing {CLASSIC}"
    )
    read = [
        bus_options(build_parser([name]).parse_args([name, *more, *words.split()]))
        for name, more in (("monitor", []), ("capture", ["-o", "x.log"]))
    ]
    assert read[0] == read[1] != {}


@pytest.mark.parametrize("command", [["monitor"], ["capture", "-o", "x.log"]])
def test_the_arguments_cost_no_import_of_python_can(command: list[str]) -> None:
    code = (
        "import sys, json; from telemetry.__main__ import build_parser; "
        f"build_parser(['{command[0]}']).parse_args({command} + ['-i', 'virtual', '--filter', '1:2']); "
        "print(json.dumps(sorted({'can', 'asammdf', 'cantools'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
