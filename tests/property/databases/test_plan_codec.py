"""Plans with any of their values changed are refused by the codec or the core, or carried out.

Run under the sanitizers too (`make sanitize`), which see what a wrong number would reach.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.databases.plan_codec import decoded, encoded

EXTENDED = 0x80000000
DATABASE = """VERSION ""
BU_: ECU
BO_ 256 Pack: 8 ECU
 SG_ Page M : 0|8@1+ (1,0) [0|255] "" ECU
 SG_ Voltage m1 : 8|16@1+ (0.1,0) [0|0] "V" ECU
 SG_ Current m2 : 8|16@1- (0.01,-40) [0|0] "A" ECU
 SG_ Wide m3 : 9|55@1- (0.3333333333333333,1) [0|0] "" ECU
BO_ 2566869221 Limits: 8 ECU
 SG_ Maximum : 7|16@0+ (1,0) [0|0] "" ECU
 SG_ Flag : 16|1@1+ (1,0) [0|1] "" ECU
 SG_ Real : 32|32@1- (1,0) [0|0] "" ECU
VAL_ 2566869221 Maximum 0 "none" 65535 "unknown" ;
SIG_VALTYPE_ 2566869221 Real : 1;
"""

NUMBERS = st.one_of(
    st.integers(-2, 70),
    st.sampled_from(
        [
            sign * (1 << bits) + by
            for bits in (7, 8, 11, 16, 29, 31, 32, 63, 64, 70)
            for by in (-1, 0, 1)
            for sign in (1, -1)
        ]
    ),
)
VALUES = st.one_of(
    NUMBERS,
    st.floats(),
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.just([]),
    st.lists(NUMBERS, max_size=3),
    st.just("x" * 70_000),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return each value in it by where it stands: a list or mapping, and the key in that."""
    found = []
    keys = range(len(value)) if isinstance(value, list) else value
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], list | dict):
            found += places(value[key])
    return found


def carry_out(plan_bytes: bytes) -> bytes:
    """Lines of frames of each message. Raises ValueError if it is no plan."""
    spec = decoded(plan_bytes).spec
    schema = Schema(spec.records)
    plan = Plan(spec, schema)
    decoder, encoder = Decoder(plan), Encoder(schema)
    decoder.bind(0, 0, 0, None)
    encoder.set_tags(0, b",vehicle=a")
    frames = FrameBatch(10_000)
    for message in spec.buses[0].messages if spec.buses else ():
        for payload in (bytes(8), b"\xff" * 8, bytes(range(1, 9)), b"\x80" * 8, b"\x01" * 64, b""):
            id = message.arbitration_id & 0x1FFFFFFF | EXTENDED * message.extended
            frames.append(1, id, payload)
    samples, lines = SampleBatch(schema), LineBuffer()
    decoder.decode(frames, samples)
    encoder.encode(samples, lines)
    return lines.take()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("databases") / "a.dbc"
    file.write_text(DATABASE)
    return encoded(build_plan([BusDatabases("can0", (file,), value_texts=True)]))


def test_the_plan_itself_is_carried_out(plan: bytes) -> None:
    assert carry_out(plan).count(b"\n") == 2 * 6 - 2  # nothing of the empty payloads


@given(data=st.data())
def test_a_plan_with_changed_values_is_refused_or_carried_out(plan: bytes, data: st.DataObject) -> None:
    content = json.loads(plan)
    everywhere = places(content)
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = everywhere[data.draw(st.integers(0, len(everywhere) - 1))]
        holder[key] = data.draw(VALUES)
    try:
        written = carry_out(json.dumps(content).encode())
    except ValueError:
        return
    assert not written or written.endswith(b"\n")
