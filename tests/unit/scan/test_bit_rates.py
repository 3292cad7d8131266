"""telemetry/scan/bit_rates.py against a kernel of the test's own, which answers as iproute2 does."""

import json
import sys
from collections.abc import Sequence

import pytest

from telemetry.errors import UnavailableError
from telemetry.scan.bit_rates import RATES, Interface, find_bit_rate, interface, run_command


class Kernel:
    """One interface. refuses: what it answers to a setting with this word in it."""

    def __init__(self, *, kind: str = "can", bit_rate: int | None = None, refuses: str = "") -> None:
        self.kind, self.bit_rate, self.refuses = kind, bit_rate, refuses
        self.is_up = self.listens_only = False
        self.sample_point = "0.750"
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
        self.listens_only = settings.get("listen-only") == "on"
        if "bitrate" in settings:
            self.bit_rate = int(settings["bitrate"])
            self.sample_point = settings.get("sample-point", "0.875")
        return 0, ""

    def _link(self) -> dict[str, object]:
        data: dict[str, object] = {"state": "STOPPED"}
        if self.bit_rate:
            data["bittiming"] = {"bitrate": self.bit_rate, "sample_point": self.sample_point}
        if self.listens_only:
            data["ctrlmode"] = ["LISTEN-ONLY"]
        return {
            "ifname": "can7",
            "flags": ["NOARP", *(["UP"] if self.is_up else [])],
            "link_type": "ether" if self.kind == "ether" else "can",
            "linkinfo": {"info_kind": self.kind, "info_data": data},
        }


def test_the_first_rate_at_which_frames_come_is_that_of_the_bus() -> None:
    kernel = Kernel(bit_rate=33_333)
    heard_at: list[int | None] = []

    def hears_frames() -> bool:
        assert kernel.is_up
        assert kernel.listens_only
        heard_at.append(kernel.bit_rate)
        return kernel.bit_rate == 500_000

    assert find_bit_rate(interface("can7", kernel.run), hears_frames, kernel.run) == 500_000
    assert heard_at == list(RATES[: RATES.index(500_000) + 1])
    assert (kernel.is_up, kernel.listens_only, kernel.bit_rate) == (False, False, 33_333)
    assert kernel.sample_point == "0.750"


def test_where_nothing_comes_all_rates_were_tried_and_the_interface_is_as_it_was() -> None:
    kernel = Kernel()
    kernel.listens_only = True
    assert find_bit_rate(interface("can7", kernel.run), lambda: False, kernel.run) is None
    assert sum("bitrate" in command for command in kernel.commands) == len(RATES)
    assert (kernel.is_up, kernel.listens_only) == (False, True)


def test_a_fault_while_listening_leaves_the_interface_down() -> None:
    kernel = Kernel(bit_rate=250_000)

    def fails() -> bool:
        raise UnavailableError("was lost", where="can7")

    with pytest.raises(UnavailableError, match="was lost"):
        find_bit_rate(interface("can7", kernel.run), fails, kernel.run)
    assert (kernel.is_up, kernel.listens_only, kernel.bit_rate) == (False, False, 250_000)


def test_without_the_right_or_a_controller_that_only_listens_nothing_is_tried() -> None:
    kernel = Kernel(refuses="listen-only")
    with pytest.raises(UnavailableError, match="cannot be set to listen only: Operation not permitted"):
        find_bit_rate(interface("can7", kernel.run), pytest.fail, kernel.run)
    assert "up" not in kernel.commands


def test_a_program_that_is_not_installed_is_one_line() -> None:
    with pytest.raises(UnavailableError, match="no-such-program: is not installed"):
        run_command(("no-such-program", "link"))
    assert run_command((sys.executable, "-c", "print('said')")) == (0, "said\n")
    code, said = run_command((sys.executable, "-c", "import sys; sys.exit('failed')"))
    assert (code, said) == (1, "failed\n")


def test_an_interface_is_described_by_what_the_kernel_says() -> None:
    kernel = Kernel(bit_rate=500_000)
    assert interface("can7", kernel.run) == Interface("can7", "can", False, 500_000, "0.750", False)
    kernel.is_up = True
    assert interface("can7", kernel.run).is_up
    with pytest.raises(UnavailableError, match="there is no such interface"):
        interface("can8", kernel.run)
    with pytest.raises(UnavailableError, match="is no CAN interface"):
        interface("can7", Kernel(kind="ether").run)
    with pytest.raises(UnavailableError, match="no JSON"):
        interface("can7", lambda _: (0, "7: can7: <NOARP>"))
