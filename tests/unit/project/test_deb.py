"""`tools/deb.sh` before it builds: what it installs on a bare Debian, and what it says outside of a clone."""

import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def deb(root: Path, tools: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run `tools/deb.sh` of `root` with programs of the system replaced by shell scripts."""
    tools.mkdir()
    for name, script in programs.items():
        program = tools / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return subprocess.run(
        [root / "tools/deb.sh"],
        env={"PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin", "GIT_CEILING_DIRECTORIES": str(root.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bare_debian_is_asked_for_git_and_for_all_that_the_build_depends_on(tmp_path: Path) -> None:
    printed = deb(ROOT, tmp_path / "bin", dpkg_query="exit 1", apt_get="exit 1", sudo="exit 1")
    asked = printed.stderr.splitlines()[-1].removeprefix("deb: please install: apt-get install ").split()
    control = (ROOT / "packaging/debian/control").read_text()
    (depends,) = re.findall(r"^Build-Depends: (.*)$", control, re.MULTILINE)
    needed = {re.sub(r"-compat .*", "", name) for name in depends.split(", ")} - {"g++"}
    # dpkg-buildpackage refuses to start without build-essential, which has g++, make and dpkg-dev.
    assert {*needed, "build-essential", "git"} <= set(asked)


def test_outside_of_a_clone_one_line_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "copy/tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools/deb.sh", tmp_path / "copy/tools")
    printed = deb(tmp_path / "copy", tmp_path / "bin", dpkg_query="printf installed", apt_get="exit 1")
    (line,) = printed.stderr.splitlines()
    assert line.startswith("deb: needs a clone of the project: fatal: not a git repository")
    assert printed.returncode == 1
