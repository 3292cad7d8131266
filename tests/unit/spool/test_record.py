"""Records: bytes in, the same batch out, and nothing out of damaged bytes."""

import hypothesis.strategies as st
from hypothesis import given

from telemetry.spool.batch import EncodedBatch, TimeBase
from telemetry.spool.record import accounts_bytes, decode_head, encode_head

BATCH = EncodedBatch(payload=b"payload", points=3, first_ns=-5, last_ns=2**62, ordered=True)
BOOT_ID = "0123456789abcdef" * 2
INT64 = st.integers(-(2**63), 2**63 - 1)


def encoded(
    batch: EncodedBatch = BATCH, accounts: bytes = b"accounts", state: bytes | None = b"state"
) -> bytes:
    head = encode_head(
        batch,
        accounts,
        whole=True,
        sequence=7,
        place=40,
        stored_ns=1_700_000_000,
        commit_bytes=12,
        state=state,
    )
    return head + batch.payload


@given(
    payload=st.binary(max_size=50),
    accounts=st.binary(max_size=50),
    points=st.integers(1, 2**32 - 1),
    stamps=st.tuples(INT64, INT64),
    ordered=st.booleans(),
    boot_id=st.sampled_from(["", BOOT_ID]),
    state=st.none() | st.binary(max_size=50),
)
def test_what_was_encoded_is_decoded(
    payload: bytes,
    accounts: bytes,
    points: int,
    stamps: tuple[int, int],
    ordered: bool,
    boot_id: str,
    state: bytes | None,
) -> None:
    time_base = TimeBase.BOOT if boot_id else TimeBase.UNIX
    batch = EncodedBatch(payload, points, *stamps, ordered, time_base, boot_id)
    data = encoded(batch, accounts, state)
    decoded = decode_head(data)
    assert decoded
    head, *blocks = decoded
    assert blocks == [accounts, state]
    assert head.batch(data[head.payload_offset :]) == batch
    assert head.record_bytes == len(data)
    assert (head.sequence, head.place, head.end, head.commit_bytes) == (7, 40, 40 + points, 12)


def test_without_a_state_a_record_is_byte_for_byte_what_it_was_before_there_were_states() -> None:
    """Bytes of version 0.1.0."""
    batch = EncodedBatch(b"payload", 3, -5, 2**62, ordered=True, time_base=TimeBase.BOOT, boot_id=BOOT_ID)
    assert encoded(batch, state=None).hex() == (
        "6e547301070000000c00000018000000070000000300000007000000000000002800000000000000"
        "fbffffffffffffff000000000000004000f1536500000000156a2c4269c23d140123456789abcdef"
        "0123456789abcdef6163636f756e74737061796c6f6164"
    )


def test_a_flipped_bit_is_noticed_and_one_in_the_payload_leaves_the_head_sound() -> None:
    data = encoded()
    for offset in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[offset] ^= 1 << bit
            decoded = decode_head(bytes(damaged))
            is_payload = offset >= len(data) - len(BATCH.payload)
            assert (decoded is not None) == is_payload
            if decoded:
                head = decoded[0]
                assert head.batch(bytes(damaged[head.payload_offset :])) is None


def test_a_record_that_is_cut_off_is_none_at_any_length() -> None:
    data = encoded()
    for length in range(len(data)):
        decoded = decode_head(data[:length])
        if decoded:
            head = decoded[0]
            assert head.batch(data[head.payload_offset : length]) is None


@given(st.binary(max_size=200))
def test_random_bytes_are_no_record(data: bytes) -> None:
    assert decode_head(data) is None
    assert accounts_bytes(data) is None or data.startswith(b"nTs")
