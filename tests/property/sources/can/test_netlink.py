"""Whatever bytes come instead of the kernel's answer: a bit rate or none, and no error."""

from hypothesis import given
from hypothesis import strategies as st

from telemetry.model.bit_rate import BitRate
from telemetry.sources.can.netlink import parse_bit_rate
from tests.support.netlink import can_data, link

WHOLE = link(b"can", can_data(500_000, 2_000_000))


def is_sound(answer: bytes) -> bool:
    rate = parse_bit_rate(answer)
    return rate is None or (rate.nominal > 0 and (rate.data is None or rate.data > 0))


@given(st.binary(max_size=400))
def test_any_bytes(answer: bytes) -> None:
    assert is_sound(answer)


@given(
    st.integers(0, len(WHOLE)),
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6),
)
def test_an_answer_that_is_cut_or_damaged(end: int, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(WHOLE)
    for at, byte in changes:
        damaged[at] = byte
    assert is_sound(bytes(damaged[:end]))


@given(st.integers(1, 2**32 - 2), st.none() | st.integers(1, 2**32 - 2))
def test_any_rate_is_read_as_it_was_set(nominal: int, data: int | None) -> None:
    assert parse_bit_rate(link(b"can", can_data(nominal, data))) == BitRate(nominal, data)
