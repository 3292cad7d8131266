"""`[[health]]` of the configuration: what is read, and each wrong table as one line with its place."""

from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.health.settings import HealthSettings
from telemetry.stages.prepare import compose
from tests.support.configuration import GATEWAY_OF_CAN0, load, refused
from tests.support.recording import VEHICLE_DBC

BUSES = GATEWAY_OF_CAN0 + f'databases = ["{VEHICLE_DBC}"]\n'
CURRENT = '[[map]]\nsignal = "BMS_PackPower.PackCurrent"\nto = "battery.current_a"\npack = "{}"\n'
PACKS = BUSES + CURRENT.format("left") + CURRENT.format("right")
HOUSE = '[[aggregate]]\npack = "house"\nparallel = ["left", "right"]\n'


def test_of_each_pack_all_keys_have_defaults(tmp_path: Path) -> None:
    one, two = load(tmp_path, f'{GATEWAY_OF_CAN0}[[health]]\n[[health]]\npack = "b"\nrated_ah = 149\n').health
    assert (one.pack, one.rated_ah, one.chemistry) == ("main", None, "other")
    assert (one.soc_error_pct, one.current_error_pct, one.current_offset_a) == (3.3, 1.0, 0.3)
    assert (one.min_window_pct, two.pack, two.rated_ah) == (30.0, "b", 149.0)
    assert load(tmp_path, GATEWAY_OF_CAN0).health == ()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("rated_ah = 0", "health[0].rated_ah: must be above 0 and at most 5000, not 0"),
        ("rated_ah = 10_000", "health[0].rated_ah: must be above 0 and at most 5000, not 10000"),
        ('chemistry = "lead"', "health[0].chemistry: "),
        ("min_window_pct = 5", "health[0].min_window_pct: "),
        ("soc_error_pct = 0", "health[0].soc_error_pct: "),
        ('pack = ""', "health[0].pack: "),
        ("colour = 1", "health[0].colour: unknown key"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path: Path, keys: str, words: str) -> None:
    assert refused(tmp_path, f"{GATEWAY_OF_CAN0}[[health]]\n{keys}\n").startswith(words)


@pytest.mark.parametrize(
    ("pack", "words"),
    [
        (
            "house",
            'health[0].pack: "house" is an aggregate (a [[health]] for each of its packs: left, right)',
        ),
        ("lift", 'health[0].pack: no source fills the pack "lift" (did you mean "left"?)'),
        ("main", 'health[0].pack: no source fills the pack "main" (a pack of [[map]] or of a device)'),
    ],
)
def test_a_pack_is_one_that_is_filled_and_no_aggregate(tmp_path: Path, pack: str, words: str) -> None:
    config = load(tmp_path, f'{PACKS}{HOUSE}[[health]]\npack = "{pack}"\n')
    with pytest.raises(ConfigError) as caught:
        compose(config)
    assert words in str(caught.value)
    assert (caught.value.exit_code, str(caught.value).count("\n")) == (78, 0)


def test_a_pack_has_one_table(tmp_path: Path) -> None:
    config = load(tmp_path, PACKS + 2 * '[[health]]\npack = "left"\n')
    with pytest.raises(ConfigError) as caught:
        compose(config)
    assert str(caught.value).endswith(
        ': health[1].pack: the pack "left" has a [[health]] already (one a pack)'
    )


def test_a_pack_without_any_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='no source fills the pack "main"'):
        compose(load(tmp_path, f"{BUSES}[[health]]\n"))


def test_both_packs_of_an_aggregate_have_their_own(tmp_path: Path) -> None:
    config = load(tmp_path, f'{PACKS}{HOUSE}[[health]]\npack = "left"\n[[health]]\npack = "right"\n')
    assert compose(config).config.health == tuple(
        HealthSettings(pack=pack, where=each.where)
        for pack, each in zip(("left", "right"), config.health, strict=True)
    )
