"""Tables of a configuration, key by key: each kind of value, and the line for what is none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.settings.document import Document
from telemetry.settings.table import Key, TomlTable
from telemetry.sources.serial.modbus_tcp import check_tcp_port


def table(tmp_path: Path, text: str) -> TomlTable:
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    return TomlTable.load(file)


def test_each_kind_of_value_is_read_as_it_stands(tmp_path: Path) -> None:
    top = table(
        tmp_path,
        'a = "x"\nb = true\nc = 1.5\nd = 7\ne = ["p", "/q"]\n[f]\ng = 1\n[[h]]\ni = "1"\n[[h]]\ni = "2"\n',
    )
    assert top.take_text("a") == "x"
    assert top.take_flag("b") is True
    assert top.take_number("c") == 1.5
    assert top.take_integer("d", least=0, most=9) == 7
    assert top.take_paths("e") == (tmp_path / "p", Path("/q"))
    assert top.take_table("f").take_number("g") == 1.0
    assert [each.take_text("i") for each in top.take_tables("h")] == ["1", "2"]
    top.close()


UP_TO_10 = Key("a", kind="number", above=0, most=10)


@pytest.mark.parametrize(
    ("value", "key", "message"),
    [
        ("1", Key("a"), "must be text, not an integer"),
        ("''", Key("a"), "is empty"),
        ("1", Key("a", kind="flag"), "must be true or false, not an integer"),
        ("true", UP_TO_10, "must be a number, not true/false"),
        ("nan", UP_TO_10, "must be a finite number, not nan"),
        ("11", UP_TO_10, "must be above 0 and at most 10, not 11"),
        ("0", UP_TO_10, "must be above 0 and at most 10, not 0"),
        ("1", Key("a", kind="number", least=2, most=3), "must be from 2 to 3, not 1"),
        ("3.5", Key("a", kind="number", least=2, most=3), "must be from 2 to 3, not 3.5"),
        ("5", Key("a", kind="number", above=5), "must be above 5, not 5"),
        ("-1", Key("a", kind="number", least=0, most=16_777_216), "must be from 0 to 16777216, not -1"),
        (
            "16777217",
            Key("a", kind="number", least=0, most=16_777_216),
            "must be from 0 to 16777216, not 16777217",
        ),
        ("-1e-13", Key("a", kind="number", least=0), "must be 0 or more, not -1e-13"),
        ("1.5", Key("a", kind="integer", least=0, most=9), "must be an integer, not a number"),
        ("10", Key("a", kind="integer", least=0, most=9), "must be from 0 to 9, not 10"),
        ("'x'", Key("a", kind="paths"), "must be a list of file names, not text"),
        ("['x', 1]", Key("a", kind="paths"), "must be a list of file names, not an integer"),
        ("1", Key("a", kind="table"), "must be a table [a], not an integer"),
        ("1", Key("a", kind="tables"), "must be tables [[a]], not an integer"),
        ("{}", Key("a", kind="tables"), "must be tables [[a]], not a table"),
        ("['x', '']", Key("a", kind="values"), "must be integers or texts, not an empty text"),
        ("[true]", Key("a", kind="values"), "must be integers or texts, not true/false"),
        ("1.5", Key("a", kind="values"), "must be integers or texts, not a number"),
        ("['x', '']", Key("a", kind="names"), "must be a text or a list of texts, not an empty text"),
        ("['x', 'y', 'x']", Key("a", kind="names"), "names 'x' twice"),
        ("'x'", Key("a", kind="texts"), "must be a list of texts, not text"),
        ("['']", Key("a", kind="texts"), "must be a list of texts, not an empty text"),
        ("[1]", Key("a", kind="texts"), "must be a list of texts, not an integer"),
        ("'x'", Key("a", kind="secret"), 'a secret stands in no configuration (a = "${NAME}", a'),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_its_key(
    tmp_path: Path, value: str, key: Key, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        table(tmp_path, f"a = {value}").take(key)
    assert str(caught.value).startswith(f"{tmp_path / 'gateway.toml'}:1: a: {message}")


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("every_s", "1s", "every_s = 1, in seconds, without a unit"),
        ("every_s", "500 ms", "every_s = 0.5, in seconds, without a unit"),
        ("every_s", "2min", "every_s = 120, in seconds, without a unit"),
        ("every_s", "1.5h", "every_s = 5400, in seconds, without a unit"),
        ("every_s", "3 fortnights", "the number alone: its unit stands in the name every_s"),
        ("above", "57.6", "above = 57.6, without quotes"),
        ("cap_mib", "5MiB", "the number alone: its unit stands in the name cap_mib"),
    ],
)
def test_a_text_that_holds_a_number_is_refused_with_how_it_is_written(
    tmp_path: Path, key: str, value: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        table(tmp_path, f"{key} = '{value}'").take(Key(key, kind="number"))
    assert str(caught.value).endswith(f":1: {key}: must be a number, not text ({hint})")


def test_what_is_absent_is_empty_or_false_and_its_bounds_are_values(tmp_path: Path) -> None:
    top = table(
        tmp_path,
        "least = 4\nmost = 6\nboth = [4, 6]\nwrong = [4, 7]\nfew = [4]\nflags = [true, false]\ntext = 'ab'\n",
    )
    assert (top.take_values("a"), top.take_names("b"), top.take_texts("c"), top.take_paths("d")) == ((),) * 4
    assert (top.take_flag("e"), top.take_secret("f"), top.take_optional_text("g")) == (False, None, None)
    assert top.take_optional_number("i") is None
    assert (top.take_tables("j"), top.take_table("k").names()) == ([], [])
    for key, value in (("least", 4), ("most", 6)):
        assert top.take_integer(key, least=4, most=6) == value
    assert top.take_integers("l", count=2, least=4, most=6) == ()
    assert top.take_integers("both", count=2, least=4, most=6) == (4, 6)
    for key in ("wrong", "few", "flags", "text"):
        with pytest.raises(ConfigError, match=f"{key}: must be 2 integers from 4 to 6"):
            top.take_integers(key, count=2, least=4, most=6)
    top.close()


def test_a_value_or_a_list_of_them_is_taken_with_its_variables(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('one = 7\nmany = [1, "${A}"]\nname = "x"\nsecret = "${B}"\n[rest]\nk = {l = ["${A}"]}\n')
    top = TomlTable.load(file, {"A": "a", "B": "b"})
    assert "one" in top
    assert (top.take_values("one"), top.take_values("many"), top.take_names("name")) == (
        (7,),
        (1, "a"),
        ("x",),
    )
    assert top.take_secret("secret") == "b"
    assert dict(top.take_table("rest").take_rest()) == {"k": {"l": ["a"]}}
    assert top.names() == []
    with pytest.raises(ConfigError, match="must be one of tcp, udp, not 'x'"):
        table(tmp_path, "a = 'x'").take_text("a", one_of=("tcp", "udp"))


def test_an_unknown_key_is_refused_with_the_nearest_known_one(tmp_path: Path) -> None:
    top = table(tmp_path, "[spool]\ndirectry = 'x'\n").take_table("spool")
    top.take_optional_text("directory")
    with pytest.raises(ConfigError, match=r"spool\.directry: unknown key \(did you mean directory\?\)"):
        top.close()


def test_a_missing_key_is_named_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"vehicle: is missing$"):
        table(tmp_path, "").take_text("vehicle")
    with pytest.raises(ConfigError, match=r"vehicle: is missing \(is vehicel meant to be it\?\)"):
        table(tmp_path, "vehicel = 1").take_text("vehicle")


def test_a_missing_key_of_a_table_is_named_with_what_stands_there_unread(tmp_path: Path) -> None:
    port = "[serial]\ndevice = '/dev/ttyUSB0'\nparity = 'E'\noptions = {}\n"
    with pytest.raises(ConfigError, match=r"serial\.port: is missing \(there are device, parity\)"):
        table(tmp_path, port).take_table("serial").take_text("port")


def test_a_missing_key_of_a_table_that_is_absent_names_the_table_that_may_be_meant(tmp_path: Path) -> None:
    spool = table(tmp_path, "[spoool]\ndirectory = 'x'\n").take_table("spool")
    with pytest.raises(ConfigError, match=r"spool\.directory: .* \(is \[spoool\] meant to be \[spool\]\?\)"):
        spool.take_text("directory")


@pytest.mark.parametrize(
    "content", [b"a = ", b"\xff\xfe", b"a = " + b"[" * 100_000, b"#" * (5 * 1024 * 1024)]
)
def test_a_file_that_is_no_toml_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        TomlTable.load(file)
    assert str(caught.value).startswith(f"{file}:")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        TomlTable.load(tmp_path / "absent.toml")


def test_a_path_in_the_home_of_nobody_is_refused_by_its_key(tmp_path: Path) -> None:
    top = table(tmp_path, 'file = "~nobody-of-that-name/x"\nfiles = ["~nobody-of-that-name"]\n')
    with pytest.raises(ConfigError, match=r"file: nobody here has the home directory of '~nobody-of"):
        top.take_path("file")
    with pytest.raises(ConfigError, match="files: nobody"):
        top.take_paths("files")


def test_the_mark_that_editors_on_windows_put_first_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 'x'\r\n")
    assert TomlTable.load(file).take_text("a") == "x"


@pytest.mark.parametrize("text", ['a = "x\\u0000y"', 'a = ["b", "x\\u0000y"]'])
def test_a_text_with_nul_which_no_system_call_takes_is_refused_by_its_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="a: holds the character NUL"):
        table(tmp_path, text).take_values("a")


def test_a_file_that_cannot_be_looked_at_is_refused_by_its_key(tmp_path: Path) -> None:
    found = table(tmp_path, "a = 1")
    found.check_is_file("a", Path(__file__))
    with pytest.raises(ConfigError, match="a: no such file: "):
        found.check_is_file("a", tmp_path)
    with pytest.raises(ConfigError, match="a: cannot be read"):  # fails like one in a closed folder
        found.check_is_file("a", tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * 20_000) + " = 1",
        "[" + ".".join(["a"] * 20_000) + "]",
        "a = " + "9" * 5000,
        "a = 0x" + "f" * 5000,
        "a = " + "[" * 5000 + "]" * 5000,
        "a = " + "{a=" * 5000 + "1" + "}" * 5000,
    ],
    ids=["key", "table", "integer", "hexadecimal", "arrays", "inline tables"],
)
def test_what_would_cost_more_than_its_text_is_refused_before_it_is_read(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def must_not_be_read(text: str) -> None:
        raise AssertionError(f"tomllib was handed {len(text)} characters")

    monkeypatch.setattr("tomllib.loads", must_not_be_read)
    with pytest.raises(ConfigError, match=r"gateway\.toml:2: .*more than \d+") as caught:
        table(tmp_path, f"# no harm here\n{text}\n")
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("a = 1\nb = \n", r"gateway.toml:2: is not valid TOML: Invalid value, at column 5 \(a .* quotes\)"),
        ('a = 1\nb = "c\n', r"gateway.toml:2: is not .*, at column 7 \(is a quote missing at the end\?\)"),
        ("a = 1\na = 2\n", r"gateway.toml:2: .* overwrite a value, at column 6 \(it is set above; each .*\)"),
        ("[a]\n[a]\n", r"gateway.toml:2: .* Cannot declare .* twice, at column 3 \(it stands above; .*\)"),
        ("a = 1\nb = [1,\n\n", "gateway.toml:2: is not valid TOML: .*, at the end of the file"),
    ],
)
def test_text_that_is_not_toml_is_refused_by_its_line(tmp_path: Path, text: str, reported: str) -> None:
    with pytest.raises(ConfigError, match=rf"{reported}$"):
        table(tmp_path, text)


def test_a_variable_that_is_empty_is_called_empty() -> None:
    document = Document.plain(Path("gateway.toml"), {"url": "${URL}"})
    with pytest.raises(ConfigError, match=r"^gateway.toml: url: is empty$"):
        TomlTable(document, {"URL": ""}).take_text("url")


def test_a_number_that_python_refuses_is_refused_like_any_other_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not valid TOML"):
        table(tmp_path, "a = 2026-02-30")


def check_port_in(table: TomlTable) -> None:
    """Check a port as the settings of a serial source do."""
    raise table.wrong("k", check_tcp_port(table.take_text("k")))


@pytest.mark.parametrize(
    ("take", "value", "words"),
    [
        (lambda table: table.take_text("k", one_of=("a", "b")), "${A}", "must be one of a, b, not '${A}'"),
        (lambda table: table.take_text("k", one_of=("a", "b")), "x${A}", "must be one of a, b, not 'x${A}'"),
        (lambda table: table.take_names("k"), ["${A}", "${A:-b}"], "names '${A}' twice"),
        (lambda table: table.take_path("k"), "~${B}/x", "nobody here has the home directory of '~${B}/x'"),
        (check_port_in, "tcp://host:${A}", "Port could not be cast to integer value as '${A}'"),
    ],
)
def test_an_error_shows_no_value_of_a_variable(
    take: Callable[[TomlTable], object], value: object, words: str
) -> None:
    environment = {"A": r"ca.nary\1", "B": "nobody-of-this-name"}
    table = TomlTable(Document.plain(Path("gateway.toml"), {"k": value}), environment)
    with pytest.raises(ConfigError) as raised:
        take(table)
    assert str(raised.value) == f"gateway.toml: k: {words}"
