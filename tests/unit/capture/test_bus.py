"""The bus that is recorded: which one it is, what it dropped, and what is said of one that does not open."""

import socket
import struct
from pathlib import Path

import can
import pytest

from telemetry.capture.bus import dropped, open_bus, options_from
from telemetry.config import Config
from telemetry.errors import MissingPackageError, UnavailableError, UsageError
from telemetry.settings.document import read_document
from telemetry.stages.offline import read_offline


def test_an_interface_that_lacks_a_package_is_answered_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("can.interfaces.udp_multicast.utils.msgpack", None)
    with pytest.raises(MissingPackageError) as refused:
        open_bus({"interface": "udp_multicast", "channel": "239.74.163.2"})
    assert str(refused.value) == (
        "udp_multicast: msgpack not installed (pip install 'python-can[multicast]')"
    )
    assert refused.value.exit_code == 72


def test_an_interface_that_nobody_knows_is_a_usage_error_that_says_how_to_name_one() -> None:
    with pytest.raises(UsageError, match=r'Unknown interface type "slcam" \(as -i socketcan -c can0, '):
        open_bus({"interface": "slcam", "channel": "x"})


def test_a_bus_that_nobody_names_is_a_usage_error_without_words_of_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("can.util.load_file_config", lambda *_: {})
    monkeypatch.delenv("CAN_INTERFACE", raising=False)
    with pytest.raises(UsageError, match=r"^capture: no bus is named \(as -i socketcan -c can0, "):
        open_bus({})


def test_an_interface_that_no_package_brings_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise can.CanInterfaceNotImplementedError("only on Windows")

    monkeypatch.setattr(can, "Bus", refuse)
    with pytest.raises(UnavailableError, match=r"^nican: only on Windows$"):
        open_bus({"interface": "nican", "channel": "CAN0"})


def test_a_bus_that_cannot_be_opened_is_named_by_its_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError("no such device")

    monkeypatch.setattr(can, "Bus", refuse)
    for options, name in (
        ({"interface": "slcan", "channel": "/dev/ttyACM0"}, "/dev/ttyACM0"),
        ({"interface": "slcan"}, "slcan"),
        ({}, "the bus"),
    ):
        with pytest.raises(UnavailableError, match=rf"^{name}: cannot be opened: no such device$"):
            open_bus(options)


@pytest.mark.parametrize("has_can", [True, False])
def test_a_kernel_without_can_is_named_as_the_cause(monkeypatch: pytest.MonkeyPatch, has_can: bool) -> None:
    def refuse(**_: object) -> None:
        raise OSError("no such device")

    monkeypatch.setattr(can, "Bus", refuse)
    monkeypatch.setattr("telemetry.capture.bus.kernel_has_can", lambda: has_can)
    with pytest.raises(UnavailableError) as refused:
        open_bus({"interface": "socketcan", "channel": "can0"})
    assert ("-i slcan, gs_usb" in str(refused.value)) is not has_can
    with pytest.raises(UnavailableError, match="cannot be opened"):
        open_bus({"interface": "slcan", "channel": "can0"})


class WithSocket:
    """A bus of socketcan: the options that were set, and what its kernel says of it."""

    def __init__(self, meminfo: bytes, *, is_root: bool = True) -> None:
        self.socket = self
        self._meminfo = meminfo
        self._is_root = is_root
        self.set: list[tuple[int, int, int]] = []

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if option == 33 and not self._is_root:  # SO_RCVBUFFORCE
            raise PermissionError
        self.set.append((level, option, value))

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option) == (socket.SOL_SOCKET, 55)  # SO_MEMINFO of linux/sock_diag.h
        return self._meminfo[:size]


def test_frames_that_the_kernel_dropped_are_counted_and_unknown_where_it_does_not_say() -> None:
    meminfo = struct.pack("9I", *range(101, 110))  # SK_MEMINFO_DROPS is the last of nine
    assert dropped(WithSocket(meminfo)) == 109  # type: ignore[arg-type]  # as much of a bus as is used
    assert dropped(WithSocket(meminfo[:32])) is None  # type: ignore[arg-type]  # as above; an older kernel
    with can.Bus(interface="virtual", channel="no socket") as bus:
        assert dropped(bus) is None


@pytest.mark.parametrize(("is_root", "option"), [(True, 33), (False, socket.SO_RCVBUF)])
def test_the_kernel_keeps_eight_mebibytes_for_us_by_force_where_we_may(
    monkeypatch: pytest.MonkeyPatch, is_root: bool, option: int
) -> None:
    bus = WithSocket(b"", is_root=is_root)
    monkeypatch.setattr(can, "Bus", lambda **_: bus)
    open_bus({"interface": "socketcan", "channel": "can0"})
    assert bus.set == [(socket.SOL_SOCKET, option, 8 << 20)]


def configured(tmp_path: Path, sources: str) -> Config:
    file = tmp_path / "gateway.toml"
    file.write_text(f'vehicle = "van"\n{sources}')
    return read_offline(read_document(file))


def test_the_only_bus_of_a_configuration_need_not_be_named(tmp_path: Path) -> None:
    config = configured(tmp_path, '[[can]]\nname = "drive"\ninterface = "can7"\n')
    options = options_from(config, "")
    assert (options["interface"], options["channel"]) == ("socketcan", "can7")
    assert options_from(config, "drive") == options


@pytest.mark.parametrize(
    ("sources", "name", "fault"),
    [
        ("can0 can1", "", r"has 2 buses to record \(--source NAME, of can0, can1\)"),
        ("can0 can1", "can2", r"has no bus 'can2' that can be recorded \(--source NAME, of can0, can1\)"),
    ],
)
def test_a_bus_that_is_not_clear_is_asked_for(tmp_path: Path, sources: str, name: str, fault: str) -> None:
    config = configured(tmp_path, "".join(f'[[can]]\nname = "{each}"\n' for each in sources.split()))
    with pytest.raises(UsageError, match=fault):
        options_from(config, name)


PORT = '[[serial]]\nname = "{0}"\nport = "/dev/ttyUSB{0}"\nprotocol = "jbd"\n'


@pytest.mark.parametrize(
    ("sources", "hint"),
    [
        (PORT.format(0) + PORT.format(1), " (--source NAME, of 0, 1)"),
        (PORT.format(0) + '[[replay]]\nname = "drive"\nfile = "drive.log"\n', " (--source NAME, of 0)"),
        (
            '[[can]]\nname = "drive"\nsocket = "/run/drive"\n',
            " (`socket` is of a simulator, which writes its own log: sim --output)",
        ),
        ('[[replay]]\nname = "drive"\nfile = "drive.log"\n', ""),
    ],
    ids=["ports", "a port and a log", "a simulator", "a log"],
)
def test_a_configuration_without_a_bus_says_what_can_be_recorded(
    tmp_path: Path, sources: str, hint: str
) -> None:
    (tmp_path / "drive.log").touch()
    with pytest.raises(UsageError) as refused:
        options_from(configured(tmp_path, sources), "")
    assert str(refused.value).endswith(f"gateway.toml: has 0 buses to record{hint}")
