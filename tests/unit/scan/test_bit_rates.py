"""telemetry/scan/bit_rates.py against a kernel of the test's own, which answers as iproute2 does."""

import json
import sys
from collections.abc import Callable, Sequence

import pytest

from telemetry.errors import UnavailableError
from telemetry.model.bit_rate import BitRate
from telemetry.scan.bit_rates import (
    FD_RATES,
    RATES,
    Interface,
    Timing,
    find_bit_rate,
    interface,
    listening_only,
    run_command,
)
from telemetry.scan.traffic import BusTraffic
from tests.support.bus_traffic import traffic_of


def traffic(frames: int = 0, errors: int = 0) -> BusTraffic:
    return traffic_of([(number, 0x123, 8) for number in range(frames)], errors)


class Kernel:
    """One interface. refuses: it answers so to a setting with this word in it. can_fd: its controller can."""

    def __init__(
        self, *, kind: str = "can", bit_rate: int | None = None, refuses: str = "", can_fd: bool = False
    ) -> None:
        self.kind, self.bit_rate, self.refuses, self.can_fd = kind, bit_rate, refuses, can_fd
        self.is_up = self.listens_only = self.is_fd = False
        self.sample_point = "0.750"
        self.data_rate: int | None = None
        self.commands: list[str] = []

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        assert command[0] == "ip"
        if "show" in command:
            return (0, json.dumps([self._link()])) if command[-1] == "can7" else (1, "does not exist")
        assert command[1:5] == ("link", "set", "dev", "can7")
        words = list(command[5:])
        self.commands.append(" ".join(words))
        if self.refuses and self.refuses in words:
            return 2, "RTNETLINK answers: Operation not permitted\n"
        if words[0] in ("up", "down"):
            self.is_up = words[0] == "up"
            return 0, ""
        assert not self.is_up, "an interface that is up refuses to be set"
        settings = dict(zip(words[2::2], words[3::2], strict=True))
        assert self.can_fd or not settings.keys() & {"fd", "dbitrate", "dsample-point"}
        self.listens_only = settings.get("listen-only") == "on"
        self.is_fd = settings.get("fd", "on" if self.is_fd else "off") == "on"
        assert self.is_fd or "dbitrate" not in settings, "the kernel has no data rate without CAN FD"
        if "dbitrate" in settings:
            self.data_rate = int(settings["dbitrate"])
        if "bitrate" in settings:
            self.bit_rate = int(settings["bitrate"])
            self.sample_point = settings.get("sample-point", "0.875")
        return 0, ""

    def _link(self) -> dict[str, object]:
        data: dict[str, object] = {"state": "STOPPED"}
        if self.bit_rate:
            data["bittiming"] = {"bitrate": self.bit_rate, "sample_point": self.sample_point}
        if self.can_fd:
            data["data_bittiming_const"] = {"name": "controller"}
        if self.data_rate:
            data["data_bittiming"] = {"bitrate": self.data_rate, "sample_point": "0.700"}
        modes = {"LISTEN-ONLY": self.listens_only, "FD": self.is_fd}
        if any(modes.values()):
            data["ctrlmode"] = [name for name, is_on in modes.items() if is_on]
        return {
            "ifname": "can7",
            "flags": ["NOARP", *(["UP"] if self.is_up else [])],
            "link_type": "ether" if self.kind == "ether" else "can",
            "linkinfo": {"info_kind": self.kind, "info_data": data},
        }


def tried(kernel: Kernel, hear: Callable[[], BusTraffic]) -> BitRate | None:
    found = interface("can7", kernel.run)
    with listening_only(found, kernel.run) as set_rate:
        return find_bit_rate(found, set_rate, hear)


def test_the_first_rate_at_which_frames_come_is_that_of_the_bus() -> None:
    kernel = Kernel(bit_rate=33_333)
    heard_at: list[int | None] = []

    def hear() -> BusTraffic:
        assert kernel.is_up
        assert kernel.listens_only
        heard_at.append(kernel.bit_rate)
        return traffic(frames=kernel.bit_rate == 500_000)

    assert tried(kernel, hear) == BitRate(500_000)
    assert heard_at == [rate.nominal for rate in RATES[: RATES.index(BitRate(500_000)) + 1]]
    assert (kernel.is_up, kernel.listens_only, kernel.bit_rate) == (False, False, 33_333)
    assert kernel.sample_point == "0.750"


def test_a_rate_at_which_error_frames_come_is_not_that_of_the_bus() -> None:
    kernel = Kernel(bit_rate=33_333)
    heard = {250_000: traffic(1, 40), 500_000: traffic(0, 50), 125_000: traffic(30, 1)}
    assert tried(kernel, lambda: heard.get(kernel.bit_rate or 0, traffic())) == BitRate(125_000)


def test_on_a_bus_with_faults_the_rate_with_the_fewest_of_them_is_taken() -> None:
    kernel = Kernel()
    heard = {250_000: traffic(1, 40), 500_000: traffic(30, 20), 125_000: traffic(0, 50)}
    assert tried(kernel, lambda: heard.get(kernel.bit_rate or 0, traffic())) == BitRate(500_000)


def test_the_data_rate_of_a_can_fd_bus_is_found_and_what_was_set_comes_back() -> None:
    kernel = Kernel(bit_rate=250_000, can_fd=True)
    kernel.is_fd, kernel.data_rate = True, 1_000_000

    def hear() -> BusTraffic:
        """Half of the frames are of CAN FD, and errors at a wrong data rate."""
        if kernel.bit_rate != 500_000:
            return traffic(errors=50)
        return traffic(50) if (kernel.is_fd, kernel.data_rate) == (True, 5_000_000) else traffic(25, 25)

    assert tried(kernel, hear) == BitRate(500_000, 5_000_000)
    assert (kernel.bit_rate, kernel.data_rate, kernel.is_fd) == (250_000, 1_000_000, True)
    assert kernel.commands[-1].endswith("dsample-point 0.700 fd on listen-only off")


def test_a_data_rate_that_the_controller_cannot_do_is_left_out() -> None:
    kernel = Kernel(can_fd=True, refuses="8000000")
    wanted = BitRate(250_000, 1_000_000)
    assert FD_RATES.index(wanted) > FD_RATES.index(BitRate(1_000_000, 8_000_000))

    def hear() -> BusTraffic:
        return traffic((kernel.bit_rate, kernel.data_rate) == (wanted.nominal, wanted.data))

    assert tried(kernel, hear) == wanted
    assert (kernel.is_up, kernel.is_fd) == (False, False)


def test_where_nothing_comes_all_rates_were_tried_and_the_interface_is_as_it_was() -> None:
    kernel = Kernel(bit_rate=125_000)
    kernel.listens_only = True
    assert tried(kernel, traffic) is None
    assert sum("bitrate" in command for command in kernel.commands) == len(RATES) + 1
    assert (kernel.is_up, kernel.listens_only, kernel.bit_rate) == (False, True, 125_000)


def test_a_fault_while_listening_leaves_the_interface_down() -> None:
    kernel = Kernel(bit_rate=250_000)

    def fails() -> BusTraffic:
        raise UnavailableError("was lost", where="can7")

    with pytest.raises(UnavailableError, match="was lost"):
        tried(kernel, fails)
    assert (kernel.is_up, kernel.listens_only, kernel.bit_rate) == (False, False, 250_000)


def test_without_the_right_or_a_controller_that_only_listens_nothing_is_tried() -> None:
    kernel = Kernel(refuses="listen-only")
    with pytest.raises(UnavailableError, match="cannot be set to listen only: Operation not permitted"):
        tried(kernel, pytest.fail)
    assert "up" not in kernel.commands


def test_a_program_that_is_not_installed_is_one_line() -> None:
    with pytest.raises(UnavailableError, match="no-such-program: is not installed"):
        run_command(("no-such-program", "link"))
    assert run_command((sys.executable, "-c", "print('said')")) == (0, "said\n")
    code, said = run_command((sys.executable, "-c", "import sys; sys.exit('failed')"))
    assert (code, said) == (1, "failed\n")


def test_an_interface_is_described_by_what_the_kernel_says() -> None:
    kernel = Kernel(bit_rate=500_000)
    assert interface("can7", kernel.run) == Interface("can7", "can", False, Timing(500_000, "0.750"))
    kernel.is_up = True
    assert interface("can7", kernel.run).is_up
    with pytest.raises(UnavailableError, match="there is no such interface"):
        interface("can8", kernel.run)
    with pytest.raises(UnavailableError, match="is no CAN interface"):
        interface("can7", Kernel(kind="ether").run)
    with pytest.raises(UnavailableError, match="no JSON"):
        interface("can7", lambda _: (0, "7: can7: <NOARP>"))


@pytest.mark.parametrize(("errors", "rate"), [(3, 250_000), (4, 500_000)])
def test_a_rate_with_an_error_in_ten_frames_is_taken_and_with_more_the_search_goes_on(
    errors: int, rate: int
) -> None:
    kernel = Kernel()
    heard = {250_000: traffic(30, errors), 500_000: traffic(100)}
    assert tried(kernel, lambda: heard.get(kernel.bit_rate or 0, traffic())) == BitRate(rate)


def test_the_usual_rates_are_tried_first_as_documented_and_pairs_begin_at_one_of_them() -> None:
    """docs/scan.md; the data of a CAN FD bus are as fast as the rest of a frame, or faster."""
    assert [rate.nominal for rate in RATES[:4]] == [250_000, 500_000, 125_000, 1_000_000]
    assert len(RATES) == 4 + 5
    assert FD_RATES[0] == BitRate(500_000, 2_000_000)
    assert {pair.nominal for pair in FD_RATES} <= {rate.nominal for rate in RATES}
    assert all(pair.data is not None and pair.data >= pair.nominal for pair in FD_RATES)
