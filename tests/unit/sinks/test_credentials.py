"""Secrets and the files they are read from."""

import os
import pickle
import struct
from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.sinks import credentials
from telemetry.sinks.credentials import Secret, handed_over, read_secret

CANARY = "canary-secret"


@pytest.fixture
def token(tmp_path: Path) -> Path:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    file = folder / "token"
    file.write_text(CANARY + "\n")
    file.chmod(0o600)
    return file


def test_a_secret_shows_itself_to_reveal_alone() -> None:
    secret = Secret(CANARY)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r}", f"{[secret]}", format(secret)]
    assert not any(CANARY in text for text in shown)
    assert secret.reveal() == CANARY


def test_a_secret_cannot_be_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("ä"), Secret("ä")}) == 1


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_file_of_its_owner_alone_is_read(token: Path, mode: int) -> None:
    token.chmod(mode)
    assert read_secret(token).reveal() == CANARY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601, 0o610, 0o666, 0o777, 0o602, 0o620])
def test_a_file_that_others_can_use_is_refused(token: Path, mode: int) -> None:
    token.chmod(mode)
    with pytest.raises(ConfigError, match="others may read it") as caught:
        read_secret(token)
    assert CANARY not in str(caught.value)
    assert f"chmod 600 {token}" in str(caught.value)


def test_a_link_in_a_folder_of_our_own_is_followed(token: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("private/../private/token")
    assert read_secret(link).reveal() == CANARY


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o775, 0o772])
def test_a_link_that_others_can_change_is_refused(token: Path, tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    (folder / "link").symlink_to(token)
    with pytest.raises(ConfigError, match="others may write to"):
        read_secret(folder / "link")


def test_a_link_in_a_sticky_folder_is_followed(token: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "link").symlink_to(token)
    assert read_secret(folder / "link").reveal() == CANARY


def test_a_folder_on_the_way_may_be_such_a_link_too(token: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "link").symlink_to(token.parent)
    with pytest.raises(ConfigError, match="others may write to"):
        read_secret(folder / "link" / "token")


@pytest.mark.optional
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_link_or_a_file_of_another_user_is_refused(token: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(token)
    os.lchown(link, 12345, 12345)
    with pytest.raises(ConfigError, match="another user"):
        read_secret(link)
    os.chown(token, 12345, 12345)
    with pytest.raises(ConfigError, match="another user"):
        read_secret(token)


def test_a_file_that_becomes_a_link_between_looking_and_opening_is_refused(
    token: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "file"
    other.symlink_to(token)
    monkeypatch.setattr(credentials, "_resolve", lambda path: path)  # it was no link when it was looked at
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(other)
    assert read_secret(token).reveal() == CANARY


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ConfigError, match="too many symbolic links"):
        read_secret(tmp_path / "a")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_secret(tmp_path / "missing")


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(ConfigError, match="not a regular file"):
        read_secret(pipe)
    with pytest.raises(ConfigError, match="not a regular file"):
        read_secret(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two\nlines\n", b"\xff\xfe" + CANARY.encode(), b"x" * 20_000]
)
def test_content_that_is_no_secret_is_refused_and_not_shown(token: Path, content: bytes) -> None:
    token.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_secret(token)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


def grant(file: Path, *entries: tuple[int, int, int]) -> None:
    """Give `file` an access control list: (tag, permissions, id), tags as in linux/posix_acl.h."""
    packed = b"".join(struct.pack("<HHI", tag, permissions, id) for tag, permissions, id in entries)
    try:
        os.setxattr(file, "system.posix_acl_access", struct.pack("<I", 2) + packed)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error.strerror}")


NOBODY_IN_PARTICULAR = 0xFFFFFFFF
OWNER, GROUP, MASK, OTHERS = 0x01, 0x04, 0x10, 0x20


@pytest.mark.optional
def test_a_file_that_a_list_opens_to_us_alone_is_read_whatever_its_mode_says(token: Path) -> None:
    mine = (0x02, 4, os.geteuid())
    rest = [
        (GROUP, 0, NOBODY_IN_PARTICULAR),
        (MASK, 4, NOBODY_IN_PARTICULAR),
        (OTHERS, 0, NOBODY_IN_PARTICULAR),
    ]
    grant(token, (OWNER, 4, NOBODY_IN_PARTICULAR), mine, *rest)
    assert token.stat().st_mode & 0o070, "as systemd hands credentials over on a tmpfs"
    assert read_secret(token).reveal() == CANARY


@pytest.mark.optional
@pytest.mark.parametrize("whom", [(0x02, 4, 4711), (0x08, 4, 4711)])
def test_a_file_that_a_list_opens_to_somebody_else_is_refused(
    token: Path, whom: tuple[int, int, int]
) -> None:
    rest = [
        (GROUP, 0, NOBODY_IN_PARTICULAR),
        (MASK, 4, NOBODY_IN_PARTICULAR),
        (OTHERS, 0, NOBODY_IN_PARTICULAR),
    ]
    entries = sorted([whom, *rest])
    grant(token, (OWNER, 4, NOBODY_IN_PARTICULAR), *entries)
    with pytest.raises(ConfigError, match="others may read it"):
        read_secret(token)


def test_what_the_service_manager_hands_over_takes_the_place_of_the_file_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert handed_over(Path("/etc/nev-telemetry/token"), environment) == tmp_path / "token"
    assert handed_over(Path("/etc/nev-telemetry/other"), environment) == Path("/etc/nev-telemetry/other")
    assert handed_over(Path("/etc/nev-telemetry/token"), {}) == Path("/etc/nev-telemetry/token")


def test_a_file_that_cannot_be_looked_at_is_left_to_its_reader(tmp_path: Path) -> None:
    unseen = tmp_path / ("x" * 300)  # fails like one in a closed folder
    assert handed_over(unseen, {}) == unseen
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(unseen)
