"""Compression: deterministic, readable by gzip, bounded when opened."""

import gzip
import random
import subprocess
import sys
from itertools import groupby

import pytest

from telemetry.errors import DataError
from telemetry.spool.compress import compress, compress_joint, decompress

LINES = b"".join(b"battery,vehicle=a voltage_v=%d %d\n" % (number % 7, number) for number in range(5_000))


@pytest.mark.parametrize("data", [b"", b"x", LINES, random.Random(1).randbytes(100_000)])
def test_gzip_reads_it_back(data: bytes) -> None:
    packed = compress(data)
    assert gzip.decompress(packed) == data
    assert decompress(packed, len(data)) == data
    assert compress(data) == packed
    assert packed[4:8] == bytes(4)  # RFC 1952: MTIME


def test_zlib_does_the_same_where_isal_is_missing() -> None:
    script = (
        "import sys; sys.modules['isal'] = None\n"
        "from telemetry.spool.compress import compress, decompress\n"
        "packed = compress(b'a' * 9999)\n"
        "assert packed[4:8] == bytes(4) and decompress(packed, 9999) == b'a' * 9999\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_joint_lines_are_fewer_bytes_each_series_together_and_in_its_order() -> None:
    chance = random.Random(1)
    series = [rb"m\,1\ x,a=b\ c", b"battery", b"battery,vehicle=a", b"battery,vehicle=b", b"cells,pack=main"]
    lines = [b'%b v=%d,t="\r" %d' % (chance.choice(series), chance.randrange(9), at) for at in range(3_000)]
    text = b"".join(line + b"\n" for line in lines)
    packed = compress_joint(text)
    assert packed[4:8] == bytes(4)
    assert len(packed) < 0.9 * len(compress(text))
    came = gzip.decompress(packed).split(b"\n")
    assert sorted(came) == sorted([*lines, b""])
    assert [name for name, _ in groupby(came[:-1], key=lambda line: line.split(b" v=")[0])] == sorted(series)
    for name in series:
        assert [each for each in came if each.startswith(name + b" ")] == [
            each for each in lines if each.startswith(name + b" ")
        ]
    assert gzip.decompress(compress_joint(b"")) == b""


def test_members_one_after_another_are_one_text() -> None:
    assert decompress(compress(b"a\n") + compress(b"") + compress(b"b\n"), 4) == b"a\nb\n"


@pytest.mark.parametrize("limit_bytes", [0, 1, 999, len(LINES) - 1])
def test_more_than_the_limit_is_refused(limit_bytes: int) -> None:
    with pytest.raises(DataError, match="more than"):
        decompress(compress(LINES), limit_bytes)
    with pytest.raises(DataError, match="more than"):
        decompress(compress(b"") + compress(LINES[:100]) + compress(LINES), limit_bytes)


def test_every_cut_is_found() -> None:
    packed = compress(LINES[:200])
    for end in range(len(packed)):
        with pytest.raises(DataError):
            decompress(packed[:end], 200)


def test_no_flipped_bit_gives_other_data() -> None:
    packed = compress(LINES[:200])
    for bit in range(8 * 10, 8 * len(packed)):  # the header's flags and times say nothing about the data
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << (bit % 8)
        try:
            assert decompress(bytes(damaged), 10_000) == LINES[:200]  # the bit was padding
        except DataError:
            continue


@pytest.mark.parametrize("data", [b"", b"battery v=1 5\n", compress(b"a") + b"garbage"])
def test_what_is_no_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(DataError):
        decompress(data, 1_000)
