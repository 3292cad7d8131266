"""Zip and tar archives: each member is a log, in the order of their names."""

import ast
import contextlib
import io
import random
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.decode.decoder import Decoder
from telemetry.decode.described import by_protocol
from telemetry.errors import DataError, InputMissingError, TelemetryError
from telemetry.logs.archives import with_members
from telemetry.logs.content import require_file, unpacked
from telemetry.scan.traffic import traffic_of_logs
from telemetry.stages.formats import OutputFormat
from tests.support.logs import PACKERS, blf_container, blf_file, blf_message, read_log

LOGS = {
    "b/2.log": b"(2.0) can0 002#02\n",
    "b/10.log": b"(3.0) can0 003#03\n",
    "a.log": b"(1.0) can0 001#01\n",
    "c.blf": blf_file(blf_container(blf_message(4, b"\4"))),
}
NAMES = ["a.log", "b/10.log", "b/2.log", "c.blf"]  # as sorted


def zipped(logs: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, log in logs.items():
            archive.writestr(name, log)
    return file.getvalue()


def tarred(logs: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, log in logs.items():
            member = tarfile.TarInfo(name)
            member.size = len(log)
            archive.addfile(member, io.BytesIO(log))
        link = tarfile.TarInfo("link.log")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return file.getvalue()


ARCHIVES: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "drive.zip": zipped,
    "stored.zip": lambda logs: zipped(logs, zipfile.ZIP_STORED),
    "drive.tar": tarred,
    "drive.tar.gz": lambda logs: PACKERS[".gz"](tarred(logs)),
    "drive.tar.zst": lambda logs: PACKERS[".zst"](tarred(logs)),
    "drive.tar.xz": lambda logs: PACKERS[".xz"](tarred(logs)),
    "drive": tarred,
}


def read(path: Path) -> list[tuple[int, bytes]]:
    return [(frame.id, frame.data) for frame in read_log(path)[0]]


@pytest.mark.parametrize("name", ARCHIVES)
def test_members_are_logs_in_the_order_of_their_names(tmp_path: Path, name: str) -> None:
    hidden = {"__MACOSX/._a.log": b"x", ".DS_Store": b"x", "b/": b""} if "zip" in name else {".hidden": b"x"}
    path = tmp_path / name
    path.write_bytes(ARCHIVES[name](hidden | LOGS))
    log = tmp_path / "before.log"
    log.write_bytes(LOGS["a.log"])
    members = with_members([log, path])
    assert members == [log, *(Path(f"{path}:{member}") for member in NAMES)]
    assert [read(member) for member in members[1:]] == [[(id, bytes([id]))] for id in (1, 3, 2, 4)]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["before.log", name])


@pytest.mark.parametrize("name", ["drive.zip", "drive.tar.gz"])
def test_one_member_is_named_after_its_archive(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "1:2"
    folder.mkdir()
    path = folder / name
    path.write_bytes(ARCHIVES[name](LOGS))
    require_file(Path(f"{path}:b/2.log"))
    assert read(Path(f"{path}:b/2.log")) == [(2, b"\2")]
    with pytest.raises(DataError, match=rf"is an archive, and no log \(name one, like {path}:a\.log\)"):
        read(path)
    for missing in (Path(f"{path}:d.log"), Path(f"{path}:"), path / "a.log", Path("x" * 300 + ":a.log")):
        with pytest.raises(InputMissingError):
            require_file(missing)


def test_decoding_an_archive_gives_what_its_members_give_and_names_those_that_are_none(
    tmp_path: Path,
) -> None:
    lines = [b"(1.0) can0 1806E5F4#0FA0012C00000000\n", b"(2.0) can0 1806E5F4#0FA1012C00000000\n"]
    logs = {"1.log": lines[0], "2.log": lines[1], "notes.txt": b"words\n"}
    files = []
    for name, log in logs.items():
        files.append(tmp_path / name)
        files[-1].write_bytes(log)
    archive = tmp_path / "drive.zip"
    archive.write_bytes(zipped(logs))

    def decoded(paths: list[Path]) -> tuple[bytes, list[str]]:
        decoder = Decoder(*by_protocol("elcon", vehicle="car").make(OutputFormat.CSV))
        with decoder.pieces(paths) as pieces:
            every = list(pieces)
        with pytest.raises(DataError):
            decoder.raise_unread()
        return b"".join(piece.text for piece in every), [line for piece in every for line in piece.warnings]

    text, warnings = decoded([archive])
    assert text == decoded(files)[0]
    assert text.count(b"\n") > 2
    assert warnings[0].startswith(f"{archive}:notes.txt: nothing in it is a frame.")


READ_IN_FORKS = """
import multiprocessing, pathlib, sys, zlib
from telemetry.logs.content import Content

def read(path):
    with Content(pathlib.Path(path)) as content:
        return zlib.crc32(content.readall()), content.problem

read(sys.argv[1])
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(read, sys.argv[1:] * 4, chunksize=1))
"""


@pytest.mark.parametrize("name", ["drive.zip", "stored.zip", "drive.tar.gz"])
def test_forks_of_a_process_read_members_of_one_archive_at_once(tmp_path: Path, name: str) -> None:
    members = {name: random.Random(name).randbytes(4_000_000) for name in ("a.log", "b.log")}
    path = tmp_path / name
    path.write_bytes(ARCHIVES[name](members))
    words = [sys.executable, "-c", READ_IN_FORKS, f"{path}:a.log", f"{path}:b.log"]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert ast.literal_eval(done.stdout) == [(zlib.crc32(each), "") for each in members.values()] * 4


@pytest.mark.parametrize(("archives_read", "copies"), [(1, 1), (2, 4)])
def test_a_copy_of_a_tar_serves_all_its_logs_until_another_archive_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archives_read: int, copies: int
) -> None:
    counted = Mock(side_effect=unpacked)
    monkeypatch.setattr("telemetry.logs.archives.unpacked", counted)
    paths = [tmp_path / f"{number}.tar.gz" for number in range(archives_read)]
    for path in paths:
        path.write_bytes(ARCHIVES["drive.tar.gz"](LOGS))
    assert sum(len(read(member)) for member in with_members(paths)) == 4 * archives_read
    assert counted.call_count == copies


def test_stdin_is_left_alone_where_an_archive_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "-").write_bytes(zipped(LOGS))
    monkeypatch.chdir(tmp_path)
    assert with_members([Path("-")]) == [Path("-")]


def test_an_archive_is_scanned_as_its_logs_are(tmp_path: Path) -> None:
    path = tmp_path / "drive.zip"
    path.write_bytes(zipped(LOGS | {"notes.txt": b"words\n"}))
    said: list[str] = []
    traffic = traffic_of_logs([path], said.append)
    assert sorted(traffic["can0"].ids) == [1, 2, 3, 4]
    assert said[-1].startswith(f"{path}:notes.txt: nothing in it is a frame.")


def test_an_mf4_of_an_archive_is_read_as_it_is_alone(tmp_path: Path) -> None:
    log = (Path(__file__).parents[3] / "fuzz" / "drive.mf4").read_bytes()
    (tmp_path / "drive.mf4").write_bytes(log)
    (tmp_path / "drive.zip").write_bytes(zipped({"x.mf4": log}))
    alone = read(tmp_path / "drive.mf4")
    assert len(alone) > 3
    assert read(tmp_path / "drive.zip:x.mf4") == alone


@pytest.mark.parametrize(
    ("archive", "reported"),
    [
        (zipped(LOGS)[:-10], "is an archive that cannot be read: File is not a zip file"),
        (zipped({"[Content_Types].xml": b""}), "it is a document of Office"),
        (zipped({}), "is an archive, and no log (it holds none)"),
        (zipped({f"{number}.log": b"" for number in range(4097)}), "holds more than 4,096 files (unpack it)"),
        (tarred(LOGS)[:300], "is an archive that cannot be read: "),
    ],
)
def test_an_archive_that_is_of_no_use_is_refused(tmp_path: Path, archive: bytes, reported: str) -> None:
    path = tmp_path / "drive.zip"
    path.write_bytes(archive)
    for member in with_members([path]):
        with pytest.raises(DataError) as caught:
            read(member)
        assert reported in str(caught.value)
        assert caught.value.exit_code == 65


def test_members_of_a_zip_that_overlap_are_refused(tmp_path: Path) -> None:
    """As of a bomb that names the same megabytes of zeros again and again (D. Fifield, 2019)."""
    whole = zipped({"a": bytes(100_000), "b": bytes(100_000)})
    directory = whole.index(b"PK\1\2")
    claimed = bytearray(whole)
    second = whole.index(b"PK\1\2", directory + 1)
    struct.pack_into("<L", claimed, second + 20, len(whole))  # bytes of `b`, compressed
    path = tmp_path / "bomb.zip"
    path.write_bytes(claimed)
    with pytest.raises(DataError, match="its members overlap"):
        read(path)


def test_a_member_that_is_damaged_ends_there(tmp_path: Path) -> None:
    lines = b"".join(b"(%d.0) can0 001#%02X\n" % (number, number % 7) for number in range(20_000))
    archive = bytearray(zipped({"a.log": lines}, zipfile.ZIP_STORED))
    archive[300_000] ^= 1
    path = tmp_path / "drive.zip"
    path.write_bytes(archive)
    (member,) = with_members([path])
    frames, log, _ = read_log(member)
    assert 19_990 < len(frames) <= 20_000
    assert log.warnings()[-1] == f"{member}: ends early: its archive is damaged: Bad CRC-32 for file 'a.log'"


def test_a_tar_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "drive.tar"
    path.write_bytes(tarred({"a.log": LOGS["a.log"], "b.log": LOGS["b/2.log"] * 100})[: 512 * 4])
    assert [len(read(member)) for member in with_members([path])] == [1, 28]


def test_an_encrypted_member_costs_itself(tmp_path: Path) -> None:
    archive = bytearray(zipped({"a.log": LOGS["a.log"]}))
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        archive[archive.index(signature) + at] |= 1
    path = tmp_path / "drive.zip"
    path.write_bytes(archive)
    with pytest.raises(DataError, match=r"drive.zip:a.log: cannot be unpacked: .*encrypted"):
        read(Path(f"{path}:a.log"))


def test_a_header_of_a_tar_that_claims_much_is_not_read(tmp_path: Path) -> None:
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 2**30
    path = tmp_path / "bomb.tar"
    path.write_bytes(member.tobuf())
    with pytest.raises(DataError, match="a header that is too long"):
        read(path)


def test_names_of_members_are_shown_and_never_written(tmp_path: Path) -> None:
    path = tmp_path / "drive.zip"
    path.write_bytes(zipped({"../../up.log": LOGS["a.log"], "/etc/x.log": LOGS["a.log"], "a\nb.log": b""}))
    members = with_members([path])
    assert [str(member).removeprefix(str(path)) for member in members] == [
        ":../../up.log",
        ":/etc/x.log",
        ":a?b.log",
    ]
    assert [len(read(member)) for member in members] == [1, 1, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["drive.zip"]
    assert stat.S_ISREG(path.stat().st_mode)


@given(
    st.sampled_from([zipped(LOGS), tarred(LOGS)]),
    st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=1, max_size=4)), max_size=4),
    st.integers(0, 4000),
)
def test_hostile_archives_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    archive: bytes,
    changes: list[tuple[int, bytes]],
    cut: int,
) -> None:
    path = tmp_path_factory.mktemp("hostile") / "drive"
    content = bytearray(archive)
    for number, (tail, new) in enumerate(changes):
        at = (len(content) - 900 + 211 * number) % len(content) if tail else 37 * number
        content[at : at + len(new)] = new
    path.write_bytes(content[: len(content) - cut] if cut < len(content) else content)
    for member in with_members([path]):
        with contextlib.suppress(TelemetryError):
            _, log, _ = read_log(member)
            assert all("\n" not in line for line in log.warnings())
