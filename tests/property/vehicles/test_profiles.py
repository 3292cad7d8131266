"""Any file is a profile that goes through decoder and mapper, or is refused as a configuration is."""

import contextlib
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.decode.plan import Plan
from telemetry_core.rows.schema import Schema

from telemetry.errors import ConfigError
from telemetry.rules.resolve import model
from telemetry.vehicles.known import READY, named
from tests.support.examples import examples

WHOLE = [file.read_text() for file in sorted(READY.glob("*.toml"))]
WORD = re.compile(r"[-\w.]+|\"[^\"\n]*\"")  # a key or a value: what replaces it leaves the file TOML
OTHERS = ["-1", "0", "9999999999999999999", "1e300", "nan", '""', "[]", "{}", "true", "[1, 0]", "[0, 99999]"]
part = st.sampled_from(sorted({*OTHERS, *(word for text in WHOLE for word in WORD.findall(text))}))
edits = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), part), min_size=1, max_size=4)


@settings(deadline=None, max_examples=examples(30))  # each is a whole vehicle
@given(st.sampled_from(WHOLE), edits)
def test_a_profile_with_any_word_replaced_is_used_or_refused_in_one_line_each(
    text: str, edits: list[tuple[float, str]]
) -> None:
    for at, word in edits:
        found = list(WORD.finditer(text))
        begin, end = found[int(at * len(found))].span()
        text = text[:begin] + word + text[end:]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "any.toml"
        file.write_text(text)
        with contextlib.suppress(ConfigError):
            profile = named(file)
            for bus in profile.buses:
                protocol = profile.protocol(bus)
                plan = protocol.plan("bus")
                Plan(plan, Schema(plan.records))
                model(protocol.map_entries("bus"), (), plan)
