"""What the arguments of several commands are read as."""

import argparse
import math
from pathlib import Path

import pytest

from telemetry.cli.arguments import databases, given_values, positive, refuse_databases
from telemetry.errors import UsageError


@pytest.mark.parametrize("text", ["", "=", "can0=", "=bus.dbc"])
def test_a_database_without_a_name_or_a_channel_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not FILE or CHANNEL=FILE"):
        databases(text)


@pytest.mark.parametrize(
    ("text", "file", "channel"),
    [("a.dbc", "a.dbc", ""), ("can0=a.dbc", "a.dbc", "can0"), ("is=here.dbc", "is=here.dbc", "")],
)
def test_a_database_is_for_every_channel_or_for_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, file: str, channel: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.dbc", "is=here.dbc"):
        Path(name).touch()
    (database,) = databases(text)
    assert (database.file, database.channel or "") == (Path(file), channel)


def test_an_equals_sign_in_a_folder_s_name_names_no_channel(tmp_path: Path) -> None:
    file = tmp_path / "a=b" / "a.dbc"
    file.parent.mkdir()
    file.touch()
    (database,) = databases(str(file))
    assert (database.file, database.channel or "") == (file, "")


@pytest.mark.parametrize(("text", "number"), [("0.001", 0.001), ("10", 10.0), ("1e3", 1000.0)])
def test_a_number_above_zero_is_taken(text: str, number: float) -> None:
    assert positive(text) == number


@pytest.mark.parametrize("text", ["0", "-1", "-0.001", "inf", "nan", "ten", ""])
def test_what_is_no_number_above_zero_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is no number above zero$"):
        positive(text)


def test_a_number_has_a_greatest_that_is_taken_and_named() -> None:
    assert positive("60", most=60.0) == 60.0
    with pytest.raises(argparse.ArgumentTypeError, match=r"'61' is no number above zero and at most 60$"):
        positive("61", most=60.0)
    with pytest.raises(argparse.ArgumentTypeError, match="at most 60"):
        positive(str(math.inf), most=60.0)


def test_a_database_in_the_place_of_a_log_is_refused_and_a_missing_one_is_not_our_matter(
    tmp_path: Path,
) -> None:
    file = tmp_path / "BUS.DBC"
    refuse_databases([file])
    file.touch()
    refuse_databases([tmp_path / "bus.log"])
    with pytest.raises(UsageError, match=r"is a database \(--dbc .*BUS\.DBC\)"):
        refuse_databases([tmp_path / "bus.log", file])


def test_options_that_were_given_are_as_a_configuration_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = argparse.Namespace(
        url="http://db", org=None, token_file=Path("token"), create=True, spool="x"
    )
    assert given_values(arguments, ("url", "org", "token_file", "create")) == {
        "url": "http://db",
        "token_file": str(tmp_path / "token"),
        "create": True,
    }
