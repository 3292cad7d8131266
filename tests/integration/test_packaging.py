"""The packages: sdist and wheel of a clean copy, installed and started in an empty environment."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import telemetry

# The whole core is compiled twice.
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("packages")]
ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clean_copy(folder: Path) -> Path:
    """What git would hand to someone who clones: tracked files, and new ones that are not ignored."""
    for name in run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return folder


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that was built from it."""
    copy = clean_copy(tmp_path_factory.mktemp("copy"))
    run(sys.executable, "-m", "build", "--outdir", "packages", cwd=copy)
    return copy / "packages"


def core_sources(suffix: str) -> set[str]:
    """Their paths in the core's folder."""
    core = ROOT / "ext" / "telemetry_core"
    return {str(path.relative_to(core)) for path in core.rglob(f"*{suffix}")}


def test_the_sdist_holds_all_sources_of_the_core_and_nothing_generated(packages: Path) -> None:
    (sdist,) = packages.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/ext/telemetry_core/")[2] for name in archive.getnames()}
    assert core_sources(".pyx") | core_sources(".pxd") | core_sources(".pyi") | core_sources(".h") <= names
    assert not [name for name in names if name.endswith((".c", ".cpp", ".so"))]


def test_the_wheel_starts_in_an_empty_environment(packages: Path, tmp_path: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    venv.create(tmp_path / "empty", with_pip=True)
    run(tmp_path / "empty/bin/python", "-m", "pip", "install", "-q", wheel, cwd=tmp_path)
    version = run(tmp_path / "empty/bin/nev-telemetry", "--version", cwd=tmp_path)
    assert version.split()[-1] == telemetry.__version__
    log, database = ROOT / "examples/charge.log", ROOT / "firmware_sim/wire/vehicle.dbc"
    seen = run(tmp_path / "empty/bin/nev-telemetry", "monitor", "--log", log, "--dbc", database, cwd=tmp_path)
    assert "BMS_PackPower" in seen


def test_the_wheel_has_every_module_and_its_typing(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder, place in (
        ("telemetry", "telemetry"),
        ("firmware_sim", "firmware_sim"),
        ("ext/telemetry_core", "telemetry_core"),
    ):
        expected = {
            f"{place}/{path.relative_to(ROOT / folder)}"
            for path in (ROOT / folder).rglob("*")
            if path.suffix in {".py", ".pyi", ".pxd", ".dbc", ".toml"} or path.name == "py.typed"
        }
        assert expected - names == set()
    assert not [name for name in names if name.endswith((".c", ".cpp", ".pyx"))]


def test_compiled_modules_show_no_symbol_but_their_entry(packages: Path, tmp_path: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        modules = [archive.extract(name, tmp_path) for name in archive.namelist() if name.endswith(".so")]
    assert len(modules) == len(core_sources(".pyx"))
    for module in modules:
        symbols = run("nm", "-D", "--defined-only", module, cwd=tmp_path).splitlines()
        names = {line.split()[-1] for line in symbols}
        assert names == {f"PyInit_{Path(module).name.split('.')[0]}"}


def test_the_cores_unit_tests_pass_in_a_debug_build_with_bounds_checks(tmp_path: Path) -> None:
    copy = clean_copy(tmp_path / "copy")
    run(sys.executable, "setup.py", "-q", "build_ext", "--inplace", cwd=copy, TELEMETRY_CORE_DEBUG="1")
    modules = core_sources(".pyx")
    assert len(list((copy / "ext/telemetry_core").rglob("*.html"))) == len(modules)
    files = sorted((copy / "tests/unit").rglob("test_*.py"))
    tests = [path for path in files if "telemetry_core" in path.read_text()]
    where = "import telemetry_core.decode.decoder as module; print(module.__file__)"
    environment = {"PYTHONPATH": f"{copy}/ext:{copy}"}  # before the installation in place
    assert run(sys.executable, "-c", where, cwd=copy, **environment).startswith(str(copy))
    run(sys.executable, "-m", "pytest", "-q", *tests, cwd=copy, **environment)
