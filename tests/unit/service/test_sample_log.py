"""`check --log`: which channels a log has, and what it is refused for."""

from pathlib import Path

import pytest

from telemetry.config import load_config
from telemetry.errors import DataError, UsageError
from telemetry.model.finding import Finding, Grade
from telemetry.service.check import check
from tests.support.configuration import GATEWAY
from tests.support.recording import VEHICLE_DBC

PACK = "300#7700019600000000"


def bus(name: str) -> str:
    return f'[[can]]\nname = "{name}"\ndatabases = ["{VEHICLE_DBC}"]\n'


def found(folder: Path, frames: list[str], rest: str) -> list[Finding]:
    file, log = folder / "gateway.toml", folder / "drive.log"
    file.write_text(GATEWAY + rest)
    log.write_text("".join(f"({number}.0) {frame}\n" for number, frame in enumerate(frames, 1)))
    return [one for one in check(load_config(file, {}), log=log) if one.text.startswith("log ")]


def test_a_channel_that_is_called_otherwise_than_its_source_is_named(tmp_path: Path) -> None:
    first = found(tmp_path, [f"can3 {PACK}"] * 3, bus("can0"))[0]
    assert (first.level, first.text) == (
        Grade.FACT,
        f"log {tmp_path}/drive.log: its channel can3 is taken for can0",
    )
    assert "its channel" not in found(tmp_path, [f"can0 {PACK}"] * 3, bus("can0"))[0].text


def test_a_channel_that_is_left_out_is_a_warning(tmp_path: Path) -> None:
    first = found(tmp_path, [f"can0 {PACK}", f"can3 {PACK}", f"can0 {PACK}"], bus("can0"))[0]
    assert first.level is Grade.WARNING
    assert first.text.startswith(f"log {tmp_path}/drive.log: channel can3: left out: it is no source of")


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "holds no frame"),
        (
            ["can3 7AA#00", "can3 7AB#00"],
            r"nothing of its 2 frames is sent: no message of can0 has one of their ids \(nev-telemetry .*",
        ),
        ([f"can3 {PACK}"], "all that is sent of it has one stamp: there is no rate"),
    ],
)
def test_a_log_of_which_nothing_can_be_measured_is_refused(
    tmp_path: Path, frames: list[str], words: str
) -> None:
    with pytest.raises(DataError, match=rf"^{tmp_path}/drive\.log: {words}$"):
        found(tmp_path, frames, bus("can0"))


def test_a_log_whose_channels_have_no_database_is_refused_with_their_names(tmp_path: Path) -> None:
    words = r"is sent \(its channels are can0, can1, the configuration has can0, can1\)"
    with pytest.raises(DataError, match=rf"drive\.log: nothing of its 2 frames {words}$"):
        found(tmp_path, ["can0 7AA#00", "can1 7AB#00"], bus("can0") + '[[can]]\nname = "can1"\n')


def test_a_channel_of_no_bus_is_refused_with_those_that_are_configured(tmp_path: Path) -> None:
    words = r"no source fits the channel 'can3' \(the configuration has can0, can1\)"
    with pytest.raises(UsageError, match=rf"drive\.log: {words}$"):
        found(tmp_path, [f"can3 {PACK}"] * 3, bus("can0") + bus("can1"))


RING = """[[trigger]]
on = ["limit"]
before_s = 30
[reduce]
ring_mb = {}
[reduce.bounds]
"*" = 1
"""


def test_room_for_less_than_a_trigger_asks_for_is_a_warning_with_what_to_do(tmp_path: Path) -> None:
    frames = [f"can0 {PACK}"] * 200
    (large,) = (one for one in found(tmp_path, frames, bus("can0") + RING.format(8)) if "ring_mb" in one.text)
    assert large.level is Grade.FACT
    assert large.text.endswith(" of what triggers send")
    (small,) = (
        one for one in found(tmp_path, frames, bus("can0") + RING.format(0.002)) if "ring_mb" in one.text
    )
    assert small.level is Grade.WARNING
    assert small.text.endswith(
        "of what triggers send, and before_s asks for 30 s (raise ring_mb, or name less in only)"
    )
