"""The bit rate of a CAN interface, out of what the kernel answers."""

import errno
import struct

import pytest

from telemetry.model.bit_rate import BitRate
from telemetry.sources.can.netlink import interface_bit_rate, link_request, parse_bit_rate
from tests.support.netlink import NESTED, can_data, link


@pytest.mark.parametrize("nested", [0, NESTED])
@pytest.mark.parametrize(
    ("data", "rate"),
    [
        (can_data(500_000), BitRate(500_000)),
        (can_data(500_000, 2_000_000), BitRate(500_000, 2_000_000)),
        (can_data(None), None),
        (can_data(0), None),  # not set, as older kernels report it
        (can_data(0xFFFFFFFF), None),  # slcan whose adapter was set by slcand
        (can_data(500_000, 0), BitRate(500_000)),
        (b"", None),
        (None, None),
    ],
)
def test_it_is_what_is_set_in_the_controller(data: bytes | None, rate: BitRate | None, nested: int) -> None:
    assert parse_bit_rate(link(b"can", data, nested=nested)) == rate


def test_what_looks_alike_in_an_interface_of_another_kind_is_no_bit_rate() -> None:
    assert parse_bit_rate(link(b"vcan", can_data(500_000))) is None
    assert parse_bit_rate(link(b"vcan", None)) is None


def test_an_error_of_the_kernel_is_no_bit_rate() -> None:
    request = link_request(7)
    refused = struct.pack("=IHHIIi", 36, 2, 0, 0, 4711, -errno.ENODEV) + request[:16]
    assert parse_bit_rate(refused) is None


def test_of_an_answer_that_is_cut_nothing_is_believed() -> None:
    whole = link(b"can", can_data(500_000))
    behind_the_rate = whole.index(struct.pack("=I", 500_000)) + 4
    assert parse_bit_rate(whole[:behind_the_rate]) is None


def test_the_request_names_the_interface_by_its_index() -> None:
    assert link_request(7) == struct.pack("=IHHIIBxHiII", 32, 18, 1, 0, 0, 0, 0, 7, 0, 0)


@pytest.mark.parametrize("name", ["lo", "none-such"])
def test_an_interface_that_is_no_can_bus_or_not_there_has_none(name: str) -> None:
    assert interface_bit_rate(name) is None
