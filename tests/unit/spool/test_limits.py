"""How much the spool may take, in numbers worked out by hand."""

import pytest

from telemetry.spool import SpoolLimits

MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("free_bytes", "held_bytes", "cap_bytes"),
    [
        (600 * MIB, 200 * MIB, 400 * MIB),  # half of what is free or held already
        (3 * GIB, 0, GIB),
        (2 * GIB - 2, 0, GIB - 1),
        (0, 0, 0),
    ],
)
def test_without_a_cap_it_takes_half_of_the_disk_and_a_gibibyte_at_most(
    free_bytes: int, held_bytes: int, cap_bytes: int
) -> None:
    assert SpoolLimits().cap(free_bytes, held_bytes) == cap_bytes
    assert SpoolLimits(cap_bytes=7).cap(free_bytes, held_bytes) == 7


@pytest.mark.parametrize(
    ("cap_bytes", "waiting_bytes"), [(None, 8 * MIB), (16 * MIB, 8 * MIB), (10 * MIB, 5 * MIB), (7, 3)]
)
def test_what_waits_in_memory_fits_twice_under_the_cap(cap_bytes: int | None, waiting_bytes: int) -> None:
    assert SpoolLimits(cap_bytes=cap_bytes, memory_bytes=8 * MIB).memory_limit_bytes == waiting_bytes


@pytest.mark.parametrize(
    ("cap_bytes", "segment_bytes"), [(GIB, 8 * MIB), (64 * MIB, 8 * MIB), (16 * MIB, 2 * MIB), (7, 1)]
)
def test_a_segment_is_an_eighth_of_the_cap_at_most(cap_bytes: int, segment_bytes: int) -> None:
    assert SpoolLimits(segment_bytes=8 * MIB).segment_size(cap_bytes) == segment_bytes
