"""Who charges: numbers of vehicles and packs, as they are shown."""

from pathlib import Path

import pytest

from telemetry.charging.identity import MOST_PACKS, PackRegister, pack_identity, shown_vin
from telemetry.charging.installation import installation_key


def key() -> bytes:
    return b"of this installation"


def test_a_digest_is_twelve_digits_that_the_key_and_the_number_decide() -> None:
    digest = shown_vin("LSIMGBT27930V0001", "digest", key)
    assert digest is not None
    assert len(digest) == 12
    assert int(digest, 16) >= 0
    assert shown_vin("LSIMGBT27930V0001", "digest", key) == digest
    assert shown_vin("LSIMGBT27930V0002", "digest", key) != digest
    assert shown_vin("LSIMGBT27930V0001", "digest", lambda: b"of another") != digest


@pytest.mark.parametrize(("form", "shown"), [("plain", "V1"), ("off", None)])
def test_a_number_is_shown_as_it_is_or_not_at_all_where_that_is_configured(
    form: str, shown: str | None
) -> None:
    assert shown_vin("V1", form, key) == shown


def test_no_number_has_no_digest() -> None:
    assert shown_vin("", "digest", key) is None


@pytest.mark.parametrize(
    ("maker", "serial", "identity"),
    [
        ("BYD", 0x2A, "BYD-0000002A"),
        ("", 0x2A, "0000002A"),
        ("?A?", 1, "A-00000001"),
        ("BYD", None, None),
        ("BYD", 0, None),
        ("BYD", 0xFFFFFFFF, None),
    ],
)
def test_a_pack_without_a_serial_number_has_no_identity(
    maker: str, serial: int | None, identity: str | None
) -> None:
    assert pack_identity(maker, serial) == identity


def test_a_vehicle_has_so_many_packs_and_one_more_is_called_as_configured() -> None:
    packs = PackRegister()
    names = [packs.name(f"P-{number}", "main") for number in range(MOST_PACKS + 1)]
    assert names[-2:] == [f"P-{MOST_PACKS - 1}", "main"]
    assert packs.refused == 1
    assert packs.name("P-0", "main") == "P-0"


def test_the_key_of_an_installation_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    made = installation_key(tmp_path)
    installation_key.cache_clear()
    assert installation_key(tmp_path) == made
    assert len(made) == 32
    assert (tmp_path / "installation.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_cannot_be_kept_is_of_this_run_alone(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert len(installation_key(missing)) == 32
    assert not missing.exists()
