"""Bits on the wire, against the frame formats of ISO 11898-1 written out."""

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.traffic import ChannelTraffic, Traffic

from tests.support.can_frames import BRS, ERROR, EXTENDED, FD, REMOTE


def traffic_of(id: int, length: int, flags: int = 0) -> ChannelTraffic:
    frames, traffic = FrameBatch(1), Traffic()
    frames.append(5, id, bytes(length), channel=3, flags=flags)
    traffic.count(frames, 7)
    return traffic.of(3)


@pytest.mark.parametrize(
    ("id", "length", "bits_without_stuffing", "stuffable"),
    [
        (0x123, 0, 47, 34),
        (0x123, 8, 111, 98),
        (EXTENDED | 0x123, 0, 67, 54),
        (EXTENDED | 0x123, 8, 131, 118),
        (REMOTE | 0x123, 8, 47, 34),
    ],
)
def test_a_classic_frame_is_its_bits_and_one_in_twelve(
    id: int, length: int, bits_without_stuffing: int, stuffable: int
) -> None:
    assert traffic_of(id, length).nominal_bits == bits_without_stuffing + stuffable // 12
    assert traffic_of(id, length).data_bits == 0


def test_a_frame_of_can_fd_switches_its_bit_rate_for_the_data() -> None:
    slow, fast = traffic_of(0x123, 64, FD), traffic_of(0x123, 64, FD | BRS)
    control_and_data = 5 + 8 * 64
    assert fast.nominal_bits == 17 + 17 // 12 + 12
    assert fast.data_bits == control_and_data + control_and_data // 12 + 25 + 7 + 1
    assert slow.nominal_bits == fast.nominal_bits + fast.data_bits
    assert slow.data_bits == 0


def test_a_short_payload_of_can_fd_has_the_shorter_checksum() -> None:
    assert traffic_of(0x123, 16, FD | BRS).data_bits == 133 + 133 // 12 + 21 + 6 + 1
    assert traffic_of(EXTENDED | 0x123, 16, FD | BRS).nominal_bits == 36 + 36 // 12 + 12


@pytest.mark.parametrize(("id", "length"), [(ERROR | 0x20, 8), (0, 65), (0, 4000), (0x123, 12)])
def test_what_no_can_frame_is_counts_and_takes_no_time(id: int, length: int) -> None:
    assert traffic_of(id, length) == ChannelTraffic(1, 0, 0, 5, 5, 7)


def test_channels_are_counted_apart() -> None:
    frames, traffic = FrameBatch(8), Traffic()
    for time_ns, channel in enumerate((0, 65535, 0)):
        frames.append(time_ns, 0x123, b"", channel=channel)
    traffic.count(frames, 1)
    traffic.count(frames, 2)
    assert traffic.of(0) == ChannelTraffic(4, 4 * 49, 0, 0, 2, 2)
    assert traffic.of(65535) == ChannelTraffic(2, 2 * 49, 0, 1, 1, 2)
    assert traffic.of(7) == ChannelTraffic(0, 0, 0, 0, 0, 0)
