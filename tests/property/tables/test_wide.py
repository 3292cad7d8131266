"""`Tables.wide` against a model that looks at every row for every instant."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import telemetry
from tests.support.wide import load, read, values

pytest.importorskip("numpy")  # there are no wheels for 32 bits

MS = 1_000_000


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> telemetry.Databases:
    return load(tmp_path_factory.mktemp("wide"))


FRAMES = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from(["can0", "can1"]),
        st.sampled_from([256, 257]),
        st.binary(min_size=4, max_size=4),
    ),
    min_size=1,
    max_size=40,
)


@pytest.mark.filterwarnings("ignore:.*stamps step back")
@given(
    frames=FRAMES,
    every=st.sampled_from([None, 1, 3, 10, 100]),
    fill=st.sampled_from(["last", None]),
    start=st.integers(0, 9),
)
def test_as_a_model_that_looks_at_every_row(
    tmp_path_factory: pytest.TempPathFactory,
    databases: telemetry.Databases,
    frames: list[tuple[int, str, int, bytes]],
    every: int | None,
    fill: Any,
    start: int,
) -> None:
    """Stamps repeat and go back; two channels send each message; some rows lack a multiplexed signal."""
    lines = [
        f"(1000.{start + at:03d}) {channel} {id:03X}#{bytes([data[0] % 2]).hex()}{data[1:].hex()}"
        for at, channel, id, data in frames
    ]
    tables = read(tmp_path_factory.mktemp("model"), lines, databases)
    wide = values(tables.wide(None if every is None else f"{every}ms", fill=fill))
    rows = [(name, values(table)) for name, table in tables.items()]
    stamps = sorted({stamp for _, columns in rows for stamp in columns["time"]})
    instants = stamps
    if every is not None:
        step, first = every * MS, stamps[0] // (every * MS)
        multiples = [number * step for number in range(first - 2, first + 60)]
        instants = [at for at in multiples if stamps[0] <= at < stamps[-1] + step]
    assert wide.pop("time") == instants
    expected: dict[str, list[Any]] = {}
    for message, columns in rows:
        channels = sorted(set(columns["channel"]))
        for signal in [name for name in columns if name not in ("time", "channel", "id")]:
            for channel in channels:
                named = f"{message}.{signal}" if sum(signal in other for _, other in rows) > 1 else signal
                named += f" ({channel})" if len(channels) > 1 else ""
                came = sorted(
                    (
                        (at, number, columns[signal][number])
                        for number, at in enumerate(columns["time"])
                        if columns["channel"][number] == channel and columns[signal][number] is not None
                    ),
                    key=lambda each: each[:2],
                )
                expected[named] = []
                for number, at in enumerate(instants):
                    since = instants[number - 1] if number and fill is None else -1
                    here = [value for stamp, _, value in came if since < stamp <= at]
                    expected[named].append(here[-1] if here else None)
    assert wide == expected
