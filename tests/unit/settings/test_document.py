"""Files that make one configuration: what adds up, what is refused, and what a message calls the place."""

import errno
import io
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from telemetry.config import Config, load_config
from telemetry.errors import ConfigError
from telemetry.settings.document import read_document
from telemetry.settings.table import TomlTable
from telemetry.sinks.influx.settings import InfluxSettings
from tests.support.configuration import GATEWAY_OF_CAN0 as MINIMAL

MAX_FILES = 256


def files(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def load(folder: Path, texts: Mapping[str, str], environment: Mapping[str, str] | None = None) -> Config:
    files(folder, texts)
    return load_config(folder / "gateway.toml", environment or {})


def refused(folder: Path, texts: Mapping[str, str], environment: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, texts, environment)
    assert caught.value.exit_code == 78
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{folder}/", "")


def test_tables_of_included_files_come_after_those_of_the_file_itself(tmp_path: Path) -> None:
    texts = {
        "gateway.toml": 'include = ["kona-map.toml", "conf.d/*.toml"]\n' + MINIMAL,
        "kona-map.toml": '[[map]]\nsignal = "A.B"\nto = "battery.soc_pct"\n',
        "conf.d/20-second.toml": '[[can]]\nname = "can2"\n',
        "conf.d/10-first.toml": '[[can]]\nname = "can1"\n[spool]\ncap_mib = 7\n',
        "conf.d/.hidden.toml": "nonsense = 1\n",
        "conf.d/README": "not TOML",
    }
    config = load(tmp_path, texts)
    assert [source.name for source in config.sources] == ["can0", "can1", "can2"]
    assert [entry.signal for entry in config.map] == ["A.B"]
    assert config.spool.cap_bytes == 7 * 1024 * 1024
    names = ["gateway.toml", "kona-map.toml", "conf.d/10-first.toml", "conf.d/20-second.toml"]
    assert [str(file.relative_to(tmp_path)) for file in config.files] == names


def test_a_folder_is_all_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    files(tmp_path, {"b.toml": '[[can]]\nname = "can1"\n', "a.toml": MINIMAL, "c.txt": "not TOML"})
    config = load_config(tmp_path, {})
    assert [source.name for source in config.sources] == ["can0", "can1"]
    assert config.spool_directory == tmp_path / "spool"


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a folder without \*\.toml"):
        load_config(tmp_path, {})


def test_a_relative_path_starts_in_the_folder_of_its_own_file(tmp_path: Path) -> None:
    texts = {
        "gateway.toml": 'include = ["buses/*.toml"]\n' + MINIMAL,
        "buses/body.toml": '[[can]]\nname = "body"\ndatabases = ["body.dbc"]\n',
        "buses/body.dbc": "",
    }
    (_, body) = load(tmp_path, texts).sources
    assert body.buses[0].databases == (tmp_path / "buses" / "body.dbc",)


def test_a_key_that_is_set_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    texts = {
        "gateway.toml": 'include = ["more.toml"]\n' + MINIMAL,
        "more.toml": '# more\n[influx]\nbucket = "b"\nurl = "http://other"\n',
    }
    both = "more.toml:4: influx.url: is set already (see gateway.toml:5: influx.url; keep one of the two)"
    assert refused(tmp_path, texts) == both


@pytest.mark.parametrize("other", ["can = 1", "can = []", "[can]\nname = 'x'", "spool = 1", "[[spool]]"])
def test_a_key_of_two_kinds_is_refused(tmp_path: Path, other: str) -> None:
    texts = {"gateway.toml": 'include = ["more.toml"]\n' + MINIMAL, "more.toml": other}
    assert re.match(
        r"more\.toml:1: (can|spool): is set already \(see gateway\.toml:\d", refused(tmp_path, texts)
    )


def test_a_fault_is_named_by_the_file_and_line_where_it_stands(tmp_path: Path) -> None:
    texts = {
        "gateway.toml": 'include = ["map.toml"]\n' + MINIMAL + '[[map]]\nsignal = "A.B"\nto = "x.y"\n',
        "map.toml": '[[map]]\nsignal = "A.C"\nto = "x.z"\n\n[[map]]\nsignal = "A.D"\nscael = 2\nto = "x.a"\n',
    }
    assert refused(tmp_path, texts) == "map.toml:7: map[1].scael: unknown key (did you mean scale?)"


def test_a_missing_key_is_named_by_the_line_of_its_table(tmp_path: Path) -> None:
    reported = refused(tmp_path, {"gateway.toml": MINIMAL.replace("directory", "directry")})
    assert reported == "gateway.toml:6: spool.directory: is missing (is directry meant to be it?)"


@pytest.mark.parametrize(
    ("include", "reported"),
    [
        ('"more.toml"', "gateway.toml:1: include: must be a list of file names"),
        ('["more.toml", 5]', "gateway.toml:1: include: must be a list of file names"),
        ('[""]', "gateway.toml:1: include: must be a list of file names"),
        ('["absent.toml"]', "gateway.toml:1: include: no such file: absent.toml"),
        ('["/dev/zero"]', "gateway.toml:1: include: no such file: /dev/zero"),
        (
            '["*/more.toml"]',
            "gateway.toml:1: include: '*/more.toml': * and ? may stand in the last part only",
        ),
        ('["more.toml", "./more.toml"]', "gateway.toml:1: include: includes more.toml twice (see gateway"),
        ('["gateway.toml"]', "gateway.toml:1: include: includes gateway.toml twice (see gateway.toml)"),
        ('["ring.toml"]', "ring.toml:1: include: includes gateway.toml twice (see gateway.toml)"),
        ('["bad.toml"]', "bad.toml:1: is not valid TOML"),
        ('["many/*.toml"]', f"gateway.toml:1: include: more than {MAX_FILES} files are included"),
        ('["' + "x" * 300 + '"]', "gateway.toml:1: include: cannot be read: "),
    ],
)
def test_what_cannot_be_included_is_refused_by_its_place(tmp_path: Path, include: str, reported: str) -> None:
    texts = {
        "gateway.toml": f"include = {include}\n{MINIMAL}",
        "more.toml": "",
        "ring.toml": 'include = ["gateway.toml"]\n',
        "bad.toml": "a = ",
    } | {f"many/{number}.toml": "" for number in range(MAX_FILES)}
    assert refused(tmp_path, texts).startswith(reported)


def test_a_pattern_that_nothing_fits_includes_nothing(tmp_path: Path) -> None:
    texts = {"gateway.toml": 'include = ["conf.d/*.toml", "local-*.toml"]\n' + MINIMAL}
    assert load(tmp_path, texts).vehicle == "van-7"


def test_brackets_in_the_name_of_an_included_file_stand_for_themselves(tmp_path: Path) -> None:
    texts = {
        "gateway.toml": 'include = ["map[1].toml", "bus[1]*.toml"]\n' + MINIMAL,
        "map[1].toml": '[[can]]\nname = "can1"\n',
        "bus[1]-a.toml": '[[can]]\nname = "can2"\n',
        "bus1-b.toml": "nonsense = 1\n",
    }
    assert [source.name for source in load(tmp_path, texts).sources] == ["can0", "can1", "can2"]


def test_a_folder_that_may_be_listed_but_not_entered_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "conf.d"
    texts = {"gateway.toml": 'include = ["conf.d/*.toml"]\n' + MINIMAL, "conf.d/a.toml": ""}
    real = Path.is_file

    def refuse_inside(file: Path) -> bool:
        """Refuse to look inside the folder, as for a user who is not root."""
        if file.parent == folder:
            raise PermissionError(errno.EACCES, "Permission denied", str(file))
        return real(file)

    monkeypatch.setattr(Path, "is_file", refuse_inside)
    assert refused(tmp_path, texts) == "conf.d: cannot be read: Permission denied"


def test_what_is_no_regular_file_of_a_folder_is_left_out(tmp_path: Path) -> None:
    files(tmp_path, {"a.toml": MINIMAL, ".b.toml": "vehicle = 7", "c.txt": "vehicle = 7"})
    (tmp_path / "b.toml").symlink_to("/dev/null")  # a pipe would hang the test if it were read
    assert load_config(tmp_path, {}).files == (tmp_path / "a.toml",)


def test_stdin_is_read_where_the_name_is_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(MINIMAL.encode())))
    assert load_config(Path("-"), {}).spool_directory == Path("spool")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"vehicle = 7\n")))
    with pytest.raises(ConfigError, match=r"^stdin:1: vehicle: must be text"):
        TomlTable.load(Path("-")).take_text("vehicle")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"vehicle = ")))
    with pytest.raises(ConfigError, match=r"^stdin:1: is not valid TOML"):
        read_document(Path("-"))
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ConfigError, match=r"^stdin: is closed"):
        read_document(Path("-"))


def test_variables_stand_for_their_values_in_texts_lists_and_options(tmp_path: Path) -> None:
    text = MINIMAL.replace('"van-7"', '"${VEHICLE}"').replace("[influx]", '[influx]\norg = "${ORG:-fleet}"')
    options = 'options = { interface = "${KIND}", a = ["${KIND}", { b = "$${x}" }] }'
    config = load(
        tmp_path,
        {"gateway.toml": f'{text}[[python_can]]\nname = "stick"\n{options}\n'},
        {"VEHICLE": "van-9", "KIND": "slcan"},
    )
    assert isinstance(config.sink, InfluxSettings)
    assert (config.vehicle, config.sink.org) == ("van-9", "fleet")
    settings = config.sources[1]
    assert getattr(settings, "options", None) == {"interface": "slcan", "a": ["slcan", {"b": "${x}"}]}


def test_a_variable_that_is_not_set_is_refused_by_its_name_and_place(tmp_path: Path) -> None:
    texts = {
        "gateway.toml": 'include = ["bus.toml"]\n' + MINIMAL,
        "bus.toml": '[[can]]\nname = "can1"\ndatabases = [\n  "a.dbc",\n  "${FOLDER}/b.dbc",\n]\n',
        "a.dbc": "",
    }
    reported = "bus.toml:5: can[0].databases[1]: the variable FOLDER is not set (set it, or give a default as"
    assert refused(tmp_path, texts).startswith(reported)


def test_a_secret_comes_from_a_variable_and_stands_in_no_file(tmp_path: Path) -> None:
    text = MINIMAL.replace("[spool]", 'token = "${VAN_TOKEN}"\n[spool]')
    influx = load(tmp_path, {"gateway.toml": text}, {"VAN_TOKEN": "canary"}).sink
    assert isinstance(influx, InfluxSettings)
    assert influx.token is not None
    assert influx.token.reveal() == "canary"
    assert "canary" not in repr(influx)
    reported = refused(tmp_path, {"gateway.toml": text}, {})
    assert reported.startswith("gateway.toml:6: influx.token: the variable VAN_TOKEN is not set")
    for written in ("canary", "${VAN_TOKEN:-canary}", "canary${VAN_TOKEN}"):
        reported = refused(
            tmp_path, {"gateway.toml": text.replace("${VAN_TOKEN}", written)}, {"VAN_TOKEN": "canary"}
        )
        assert reported.startswith("gateway.toml:6: influx.token: a secret stands in no configuration")
        assert "canary" not in reported


@pytest.mark.parametrize("key", ["url", "proxy"])
def test_a_password_that_a_variable_brings_into_a_url_is_refused_and_not_shown(
    tmp_path: Path, key: str
) -> None:
    text = MINIMAL.replace('url = "http://127.0.0.1:8086"\n', "" if key == "url" else 'url = "http://h"\n')
    text = text.replace("[influx]", f'[influx]\n{key} = "http://me:${{SECRET}}@server"')
    reported = refused(tmp_path, {"gateway.toml": text}, {"SECRET": "canary"})
    assert reported.startswith(f"gateway.toml:4: influx.{key}: must not hold a user or password")
    assert "canary" not in reported
