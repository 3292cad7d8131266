"""The quick look before a commit: lint, types, and the tests that look at what has changed.

`python -m tools.check [BASE]` compares the work tree with BASE (otherwise the upstream branch, or HEAD). It
runs the test files that have changed, those that import a changed module, and those that mirror its folder if
none imports it. Servers, campaigns and CAN buses are left to `make test`.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tools.pages.rooms import ROOT

_MIRRORS = {"telemetry": (), "ext": ("core",), "firmware_sim": ("firmware_sim",), "tools": ("tools",)}
_QUICK = ("-m", "not long and not server and not vcan", "--hypothesis-profile=quick")


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else []


def changed(base: str = "") -> set[Path]:
    """Return the files that differ from `base`, new ones included."""
    base = base or next(iter(_git("merge-base", "HEAD", "@{upstream}")), "HEAD")
    names = {*_git("diff", "--name-only", base), *_git("ls-files", "--others", "--exclude-standard")}
    return {Path(name) for name in names}


def module_of(file: Path) -> str:
    """Return the dotted name by which others import a source file, compiled or not."""
    parts = file.with_suffix("").parts
    name = ".".join(parts[1:] if parts[0] == "ext" else parts)
    return name.removesuffix(".__init__")


@cache
def imported(test: Path) -> set[str]:
    """Return the modules that a test file imports, and what it takes from them, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(test.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def looking_at(files: Iterable[Path], tests: Iterable[Path]) -> set[Path]:
    """Return those of `tests` that look at `files`; all paths below the project's root."""
    files, imports = set(files), {test: imported(ROOT / test) for test in tests}
    found = {test for test in imports if test in files}
    for file in files:
        if file.parts[0] not in (*_MIRRORS, "tests") or file in imports:
            continue
        name = module_of(file)
        looking = {test for test, names in imports.items() if name in names}
        mirror = Path("tests", "unit", *_MIRRORS.get(file.parts[0], ()), *module_of(file).split(".")[1:-1])
        found |= looking or {test for test in imports if test.is_relative_to(mirror)}
    return found


def main() -> int:
    """Run everything; return 0 if all of it passes."""
    files = changed(*sys.argv[1:2])
    every = (path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py"))
    found = sorted(map(str, looking_at(files, every)))
    if any(file.suffix in (".md", ".py", ".pyx") for file in files):
        found.append("tests/unit/project")
    python = sys.executable
    commands = [
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "mypy"],
        [python, "-m", "pytest", "-q", "-n", str(os.cpu_count()), *_QUICK, *found],
    ]
    print(f"check: {len(files)} files have changed; tests: {' '.join(found) or 'none'}", flush=True)
    codes = [subprocess.run(each, cwd=ROOT).returncode for each in (commands if found else commands[:-1])]
    return int(any(codes))  # that of a child which a signal has ended is below 0


if __name__ == "__main__":
    raise SystemExit(main())
