"""A getting-started page as its reader: files are written and commands run as they stand, in one shell.

Fenced blocks: `sh` is run; `sh setup` is what a reader does once and the tests have done already; `toml NAME`
is written into NAME; `text` is what the commands of the block before print (`…` stands for anything). Blocks
`sh PART` and `text PART` are another way through the page, with all its `toml`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTED_SERVER = "127.0.0.1:8086"
_BLOCK = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "=== block"
_LINKS = ("examples", "firmware_sim", "packaging")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: ```` ```language argument ````."""

    language: str
    argument: str
    text: str


def blocks(page: str) -> list[Block]:
    """Return all blocks of docs/`page`, in order."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return [Block(match[1], match[2] or "", match[3]) for match in _BLOCK.finditer(text)]


def commands_done_before(page: str) -> list[str]:
    """Return what the tests do not run: each line of the blocks `sh setup`."""
    return [
        line
        for block in blocks(page)
        if (block.language, block.argument) == ("sh", "setup")
        for line in block.text.splitlines()
    ]


def follow(page: str, folder: Path, server: str, timeout_s: float, *, part: str = "", twice: int = 0) -> None:
    """Do what the page says in `folder`; AssertionError when a command fails or prints something else.

    server: HOST:PORT of the InfluxDB that stands in for the page's. twice: of so many blocks at the
    beginning, which the reader runs again.
    """
    for name in _LINKS:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    found = [block for block in blocks(page) if block.language == "toml" or block.argument == part]
    for block in found:
        if block.language == "toml":
            (folder / block.argument).write_text(block.text.replace(DOCUMENTED_SERVER, server))
    shell = [block for block in found if block.language == "sh"]
    again = [f"{{\n{block.text}}} > /dev/null\n" for block in shell[:twice]] + [""] * len(shell)
    texts = (f"echo '{_MARK}'\n{block.text}{more}" for block, more in zip(shell, again, strict=False))
    script = "".join(texts).replace(DOCUMENTED_SERVER, server)
    printed = _run(script, folder, timeout_s).replace(server, DOCUMENTED_SERVER)
    for output, promised in zip(printed.split(f"{_MARK}\n")[1:], _promised(found), strict=True):
        pattern = ".*".join(re.escape(part) for part in promised.split("…"))
        assert re.fullmatch(pattern, output, re.DOTALL), f"{page} promises\n{promised}\nand got\n{output}"


def _promised(found: list[Block]) -> Iterator[str]:
    """Yield for each block of commands the block `text` after it, if any; otherwise anything."""
    for index, block in enumerate(found):
        if block.language == "sh":
            following = found[index + 1 : index + 2]
            yield next((block.text for block in following if block.language == "text"), "…")


def _run(script: str, folder: Path, timeout_s: float) -> str:
    """Return the script's standard output. All that it has left running is ended with it."""
    programs = folder / "programs"
    programs.mkdir()
    _program(programs / "nev-telemetry", f'exec "{sys.executable}" -m telemetry "$@"')
    _program(programs / "sudo", 'exec "$@"')
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin:/sbin"}
    errors = folder / "stderr"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            ["bash", "-e", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            printed, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.terminate()
            printed, _ = process.communicate()
            raise AssertionError(f"not done after {timeout_s} s:\n{printed}\n{errors.read_text()}") from None
    assert process.returncode == 0, f"{printed}\n{errors.read_text()}"
    return printed


def _program(file: Path, command: str) -> None:
    file.write_text(f"#!/bin/sh\n{command}\n")
    file.chmod(0o755)
