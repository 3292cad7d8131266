"""Replies of tagged values whose forms change, against what each says by itself."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.wire.jk_nw import seal
from telemetry.protocols.serial.jk_nw import JK_NW
from tests.support.serial_rows import Row, Value, rows_of

Body = list[tuple[int, int | dict[int, int]]]  # tags, each with its value, or with millivolts by cell

_HEAD = bytes(4) + bytes((6, 0, 1))
values = st.integers(1, 99)  # a cell of 0 V is a wire that is off
bodies = st.permutations((0x79, 0x81, 0x82, 0x83, 0x85, 0x8B)).flatmap(
    lambda tags: st.tuples(
        *(
            st.tuples(
                st.just(tag),
                st.dictionaries(st.integers(1, 3), values, min_size=2, max_size=2) if tag == 0x79 else values,
            )
            for tag in tags
        )
    ).map(list)
)


def reply(body: Body) -> bytes:
    said = b""
    for tag, value in body:
        said += bytes((tag,))
        if isinstance(value, dict):
            said += bytes((3 * len(value),))
            said += b"".join(bytes((number, 0, raw)) for number, raw in value.items())
        else:
            said += value.to_bytes(1 if tag == 0x85 else 2, "big")
    return seal(_HEAD + said + bytes(4))


def rows(body: Body) -> list[Row]:
    """Make the rows by hand."""
    numbers = {tag: value for tag, value in body if isinstance(value, int)}
    (voltages,) = (value for _, value in body if isinstance(value, dict))
    battery: dict[str, Value] = {
        "voltage_v": numbers[0x83] / 100,
        "soc_pct": float(numbers[0x85]),
        "protection_word": float(numbers[0x8B]),
    }
    cells: dict[str, Value] = {f"v{number:03}": raw / 1000 for number, raw in sorted(voltages.items())}
    cells |= {"t001": float(numbers[0x81]), "t002": float(numbers[0x82])}
    return [("cells", cells), ("battery", battery)]


@given(st.lists(bodies, min_size=2, max_size=5))
def test_replies_of_one_length_with_their_tags_elsewhere_are_read_by_their_own_tags(said: list[Body]) -> None:
    found = rows_of(JK_NW, b"".join(map(reply, said)))
    wanted = [row for body in said for row in rows(body)]
    assert [name for name, _ in found] == [name for name, _ in wanted]
    for (_, values), (_, hoped) in zip(found, wanted, strict=True):
        assert {name: values[name] for name in hoped} == hoped
        assert {name for name in values if name[0] in "vt" and name[1:].isdigit()} <= set(hoped)
