"""What a `[[protect]]` may say, and the error where it says something else."""

import re
from pathlib import Path

import pytest
from telemetry_core.rules.protection_spec import Action

from telemetry.errors import ConfigError
from telemetry.rules.protect_entry import ProtectEntry, load_protect_entries

IDS = f"data_id_list = {list(range(16))}"


def load(tmp_path: Path, text: str) -> tuple[ProtectEntry, ...]:
    file = tmp_path / "protect.toml"
    file.write_text(text)
    return load_protect_entries(file)


def test_an_entry_has_defaults_for_all_but_message_profile_and_data_id(tmp_path: Path) -> None:
    (entry,) = load(tmp_path, '[[protect]]\nmessage = "Pack"\nprofile = "e2e-5"\ndata_id = 0x1234\n')
    assert (entry.message, entry.profile, entry.data_id, entry.bus) == ("Pack", "e2e-5", 0x1234, None)
    assert (entry.on_error, entry.max_skip, entry.timeout_s) == (Action.DROP, 1, 5.0)


def test_the_entries_of_a_whole_configuration_are_taken_out_of_it(tmp_path: Path) -> None:
    text = 'vehicle = "van"\n[[protect]]\nmessage = "Pack"\nprofile = "counter"\ncounter = "Alive"\n'
    (entry,) = load(tmp_path, text + 'on_error = "flag"\nmax_skip = 0\n')
    assert (entry.counter, entry.on_error, entry.max_skip) == ("Alive", Action.FLAG, 0)


@pytest.mark.parametrize(
    ("text", "id"), [("0x1A0", 0x1A0), ("1A0", 0x1A0), ("18FEF1FE", 0x98FEF1FE), ("000001A0", 0x800001A0)]
)
def test_a_message_may_be_named_by_an_id_as_elsewhere_in_the_configuration(
    tmp_path: Path, text: str, id: int
) -> None:
    (entry,) = load(tmp_path, f'[[protect]]\nid = "{text}"\nprofile = "e2e-5"\ndata_id = 1\n')
    assert (entry.message, entry.id) == (None, id)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "message: is missing, and so is id (one of the two says which message)"),
        ('message = "Pack"\nid = "1A0"', "id: stands beside message (keep one of the two)"),
        ('id = "Pack"', "id: 'Pack' is no id in hexadecimal (3 digits, or 8"),
        ('id = "8FF"', "id: '8FF' has more than 11 bits"),
        ("id = 416", "id: must be text, not an integer"),
        ('mesage = "Pack"', "mesage: unknown key (did you mean message?)"),
    ],
)
def test_one_of_message_and_id_is_needed(tmp_path: Path, keys: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"^.*protect\.toml:\d+: protect\[0\]\.{re.escape(words)}.*$"):
        load(tmp_path, f'[[protect]]\nprofile = "e2e-5"\ndata_id = 1\n{keys}\n')


@pytest.mark.parametrize(
    ("profile", "keys", "words"),
    [
        ("e2e-1", "", "profile: must be one of crc8-j1850, e2e-1a"),
        ("e2e-1a", "", "data_id: is missing: e2e-1a has one of 16 bits"),
        ("e2e-5", "data_id = 65536", "data_id: must be from 0 to 65535"),
        ("e2e-2", "", "data_id_list: is missing: e2e-2 has 16 of 8 bits"),
        ("e2e-2", "data_id_list = [256]", "data_id_list: must be 16 integers from 0 to 255"),
        ("e2e-2", f"{IDS}\ndata_id = 1", "data_id: is not for e2e-2"),
        ("e2e-5", f"data_id = 1\n{IDS}", "data_id_list: is not for e2e-5"),
        ("e2e-2", 'data_id_list = [1, 2, "x"]', "data_id_list: must be 16 integers"),
        ("crc8-j1850", "", "crc: is missing"),
        ("counter", "", "counter: is missing"),
        ("counter", 'counter = "A"\ncrc = "B"', "crc: is not for counter"),
        ("counter", 'counter = "A"\ndata_id = 1', "data_id: is not for counter"),
        ("e2e-1a", 'data_id = 1\non_eror = "drop"', "on_eror: unknown key"),
        ("e2e-1a", 'data_id = 1\non_error = "stop"', "on_error: must be one of drop, flag"),
        ("e2e-1a", "data_id = 1\ntimeout_s = 0", "timeout_s: must be above 0"),
    ],
)
def test_a_wrong_key_is_one_line_with_its_path(tmp_path: Path, profile: str, keys: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"^.*protect\[0\]\.{re.escape(words)}.*$"):
        load(tmp_path, f'[[protect]]\nmessage = "Pack"\nprofile = "{profile}"\n{keys}\n')


def test_a_file_without_any_entry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"protect\.toml: has no \[\[protect\]\]"):
        load(tmp_path, '[[protct]]\nmessage = "Pack"\n')
