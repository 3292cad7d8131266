"""All cells of a vehicle, page by page, become one reading a round."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.support.vehicles import answer, payload, rows

Round = tuple[list[str], list[float]]  # frames, and the voltages that they are of


def _u16(*raws: int) -> str:
    return "".join(f"{raw:04X}" for raw in raws)


def kona(turn: int) -> Round:
    """98 cells: three pages of 32 with a mask, and two in another answer."""
    raws = [180 + (number + turn) % 20 for number in range(98)]
    pages = [bytes(raws[at : at + 32]).hex() for at in (0, 32, 64)]
    frames = [
        frame
        for page, part in enumerate(pages)
        for frame in answer("7EC", payload(f"62010{page + 2}", 39, {3: "FFFFFFFF", 7: part}))
    ]
    return frames + answer("7EC", payload("620105", 46, {37: bytes(raws[96:]).hex()})), [
        raw / 50 for raw in raws
    ]


def ioniq5(turn: int) -> Round:
    """180 cells in six pages, whose last mask names 20."""
    raws = [180 + (number + turn) % 20 for number in range(180)]
    frames = []
    for page, which in enumerate(("02", "03", "04", "0A", "0B", "0C")):
        part = bytes(raws[32 * page : 32 * page + 32])
        mask = f"{(1 << 32) - (1 << 32 - len(part)):08X}"
        frames += answer("7EC", payload(f"6201{which}", 39, {3: mask, 7: part.hex()}))
    return frames, [raw / 50 for raw in raws]


def leaf(turn: int) -> Round:
    raws = [4000 + number + turn for number in range(96)]
    return answer("7BB", payload("6102", 198, {2: _u16(*raws)})), [raw / 1000 for raw in raws]


def zoe(turn: int) -> Round:
    raws = [4000 + number + turn for number in range(96)]
    first, second = payload("6141", 126, {2: _u16(*raws[:62])}), payload("6142", 74, {2: _u16(*raws[62:])})
    return answer("7BB", first) + answer("7BB", second), [raw / 1000 for raw in raws]


def zoe_2(turn: int) -> Round:
    """96 answers of one cell; three identifiers in between are no cells."""
    raws = [4000 + number + turn for number in range(96)]
    identifiers = [id for id in range(0x9021, 0x9084) if id not in (0x9040, 0x9060, 0x9080)]
    said = zip(identifiers, raws, strict=True)
    return [frame for id, raw in said for frame in answer("18DAF1DB", f"62{_u16(id, raw)}")], [
        raw / 1024 for raw in raws
    ]


def meb(turn: int) -> Round:
    """Answer as a pack of 96 cells does: twelve places are not fitted."""
    raws = [2700 + number + turn for number in range(96)]
    said = enumerate([*raws, *[0x0FFE] * 12], 0x1E40)
    return [frame for id, raw in said for frame in answer("17FE007B", f"62{_u16(id, raw)}")], [
        raw / 1000 + 1 for raw in raws
    ]


def bolt(turn: int) -> Round:
    raws = [49_000 + 10 * number + turn for number in range(96)]
    said = zip([*range(0x4181, 0x41A0), *range(0x4200, 0x4241)], raws, strict=True)
    return [frame for id, raw in said for frame in answer("7EF", f"62{_u16(id, raw)}")], [
        raw * 5 / 65_535 for raw in raws
    ]


def taycan(turn: int) -> Round:
    """33 modules of six cells, each with 7 bytes, of which two are its voltage."""
    raws = [40_000 + number + turn for number in range(198)]
    frames = []
    for module in range(33):
        parts = {4 + 7 * cell: _u16(raws[6 * module + cell]) for cell in range(6)}
        frames += answer("7ED", payload(f"62{_u16(0x1850 + module)}", 46, parts))
    return frames, [raw / 10_000 for raw in raws]


def imiev(turn: int) -> Round:
    """Twelve modules, by four ids; the sixth and the twelfth have half as many cells."""
    frames, volts = [], []
    for module in range(1, 13):
        for id in range(4 if module not in (6, 12) else 2):
            pair = [320 + 4 * module + id + turn, 321 + 4 * module + id + turn]
            frames.append(f"6E{id + 1}#{module:02X}4B4B4B{_u16(*pair)}")
            volts += [raw * 0.005 + 2.1 for raw in pair]
    return frames, volts


def zeekr(turn: int) -> Round:
    """110 cells, one a frame, by a number in the frame; the pack's own three values in between."""
    raws = [3690 + number % 17 + turn for number in range(110)]
    frames = [
        f"142#{3 + number % 200:02X}00{number + 1:02X}{_u16(raw << 3 | 5)}000000"
        for number, raw in enumerate(raws)
    ]
    return [*frames, f"142#000000{_u16(4071 << 3)}000000"], [raw / 1000 for raw in raws]


def byd(turn: int) -> Round:
    """54 pages of three places, of which 126 are cells."""
    raws = [3300 + number + turn for number in range(126)]
    places = [raw | 0xF000 for raw in [*raws, *[0xFFF] * 36]]
    pages = [places[at : at + 3] for at in range(0, 162, 3)]
    frames = [
        f"43D#{page:02X}{''.join(place.to_bytes(2, 'little').hex() for place in three)}00"
        for page, three in enumerate(pages)
    ]
    return frames, [raw / 1000 for raw in raws]


def mg(turn: int) -> Round:
    raws = [2600 + number + turn for number in range(108)]
    return [f"3BE#003C{_u16(raw)}00{number:02X}0000" for number, raw in enumerate(raws)], [
        (raw + 1000) / 1000 for raw in raws
    ]


ROUNDS = {
    "hyundai-kona-64": kona,
    "hyundai-ioniq5": ioniq5,
    "nissan-leaf-ze1": leaf,
    "renault-zoe-1": zoe,
    "renault-zoe-2": zoe_2,
    "vw-meb": meb,
    "chevrolet-bolt": bolt,
    "porsche-taycan": taycan,
    "mitsubishi-i-miev": imiev,
    "geely-sea": zeekr,
    "byd-atto3": byd,
    "mg-zs-ev": mg,
}


SENT = ["mitsubishi-i-miev", "geely-sea", "byd-atto3", "mg-zs-ev"]  # by themselves, over and over


def readings(profile: str, frames: list[str]) -> Iterator[list[float]]:
    (found,) = rows(profile, frames)
    for message, values in found:
        volts = {name: value for name, value in values.items() if name.startswith("v")}
        if message == "cells" and volts:
            assert [*volts] == [f"v{number:03}" for number in range(1, len(volts) + 1)]
            yield [*volts.values()]


@pytest.mark.parametrize("profile", ROUNDS)
def test_a_round_of_all_cells_is_one_reading(profile: str) -> None:
    made = [ROUNDS[profile](turn) for turn in range(6)]
    found = list(readings(profile, [frame for frames, _ in made for frame in frames]))
    expected = [volts for _, volts in made]
    if profile not in SENT:
        assert found == [pytest.approx(volts, abs=1e-6) for volts in expected]
    assert len(found) >= 4  # the first may be missing
    for reading in found:
        assert any(reading == pytest.approx(volts, abs=1e-6) for volts in expected)


@pytest.mark.parametrize("fitted", [96, 108])
def test_the_first_round_of_optional_pages_is_one_reading_in_any_order(fitted: int) -> None:
    """A tester asks an ID.4 for cells and temperatures by chance, every 20 s."""
    said = {0x1E40 + number: 2700 + number for number in range(fitted)}
    said |= {0x1EAE + number: 480 + number for number in range(16)}
    groups = []
    for seed in range(3):
        order = Random(seed).sample([*said], len(said))
        groups.append([answer("17FE007B", f"62{_u16(id, said[id])}")[0] for id in order])
    found = [values for told in rows("vw-meb", *groups) for message, values in told if message == "cells"]
    volts = {f"v{number + 1:03}": 3.7 + number / 1000 for number in range(fitted)}
    degrees = {f"t{number + 1:03}": 20 + number / 8 for number in range(16)}
    assert [values for values in found if "v001" in values] == [pytest.approx(volts, abs=1e-6)] * 3
    assert [values for values in found if "t001" in values] == [pytest.approx(degrees, abs=1e-6)] * 3
    assert len(found) == 6


OF_107 = """\
extends = "geely-sea"
cells = 107
[[broadcast]]
bus = "battery"
id = "142"
mark = "V"
selector = { byte = 0 }
cells = { number = { byte = 2, from = 1, to = 107 }, page = [3, 255], bit = 31, bits = 13, scale = 0.001 }
"""


def test_a_pack_of_fewer_cells_than_its_profile_is_read_at_once_by_one_that_says_so(tmp_path: Path) -> None:
    own = tmp_path / "ex30.toml"
    own.write_text(OF_107)
    cycles = [[f"142#0300{cell:02X}{_u16(30_000 + cell)}000000" for cell in range(1, 108)] for _ in range(12)]
    counts = [
        [sum(message == "cells" for message, _ in found) for found in rows(profile, *cycles)]
        for profile in ("geely-sea", str(own))
    ]
    assert counts == [[0] * 10 + [1] * 2, [1] * 12]
