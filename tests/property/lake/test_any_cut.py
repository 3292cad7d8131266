"""However a recording is cut into files and days, a dataset has the rows and accounts of one run over all."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry import lake
from tests.support.composition_cases import CASES, config
from tests.support.examples import examples
from tests.support.lake import MIDNIGHT_NS, frame_accounts, lake_rows, one_run

STEP_NS = 100_000_000
DAY_NS = 24 * 3600 * 10**9


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=examples(15))
@given(data=st.data())
def test_any_cut_gives_the_rows_of_one_run_over_all(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    count = len(case.frames)
    midnights = sorted(data.draw(st.sets(st.integers(0, count), min_size=1, max_size=2), "midnights"))
    cuts = sorted(data.draw(st.sets(st.integers(1, count - 1), max_size=3), "cuts"))
    with TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        (folder / "bus.dbc").write_text(case.database)
        file = config(folder, "can", case)
        # Frames are 0.1 s apart; with a second midnight those between are at the end of their day.
        stamps = []
        for number in range(count):
            day = sum(number >= each for each in midnights[1:])
            stamps.append(MIDNIGHT_NS + (number - midnights[day]) * STEP_NS + day * DAY_NS)
        lines = [
            f"({ns // 10**9}.{ns // 1000 % 10**6:06d}) can0 {frame}\n"
            for ns, frame in zip(stamps, case.frames, strict=True)
        ]
        logs = folder / "van"
        logs.mkdir()
        for number, (first, stop) in enumerate(zip([0, *cuts], [*cuts, count], strict=True)):
            (logs / f"{number}.log").write_text("".join(lines[first:stop]))
        expected, accounts = one_run(sorted(logs.iterdir()), file)
        written = lake.write(logs, to=folder / "lake", config=file)
        assert written.errors == []
        assert lake_rows(folder / "lake") == expected
        assert frame_accounts(lake.accounts(folder / "lake")) == accounts
