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
from telemetry.__main__ import COMMANDS

# The whole core is compiled.
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("packages")]
ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": ""} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clean_copy(folder: Path) -> Path:
    """Copy what git would hand to someone who clones: tracked files, and new ones not ignored."""
    for name in run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return folder


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a folder with the sdist, the wheel that was built from it, and the SBOM."""
    copy = clean_copy(tmp_path_factory.mktemp("copy"))
    run("tools/dist.sh", cwd=copy, PYTHON=sys.executable)
    return copy / "dist"


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


@pytest.fixture(scope="module")
def environment(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a virtual environment with the wheel and what it depends on."""
    (wheel,) = packages.glob("*.whl")
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    run(folder / "bin/python", "-m", "pip", "install", "-q", wheel, cwd=folder)
    return folder


def test_the_wheel_starts_in_an_empty_environment(environment: Path, tmp_path: Path) -> None:
    version = run(environment / "bin/nev-telemetry", "--version", cwd=tmp_path)
    assert version.split()[-1] == telemetry.__version__
    log, database = ROOT / "examples/charge.log", ROOT / "firmware_sim/wire/vehicle.dbc"
    seen = run(environment / "bin/nev-telemetry", "monitor", "--log", log, "--dbc", database, cwd=tmp_path)
    assert "BMS_PackPower" in seen
    assert "hyundai-kona-64" in run(environment / "bin/nev-telemetry", "vehicles", cwd=tmp_path)


def tracked(*folders: str) -> set[str]:
    return set(run("git", "ls-files", "-co", "--exclude-standard", *folders, cwd=ROOT).split())


def test_the_wheel_has_every_file_of_its_packages_and_no_source_of_the_core(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = tracked("telemetry", "firmware_sim", "ext/telemetry_core")
    expected = {name.removeprefix("ext/") for name in files if not name.endswith((".pyx", ".map"))}
    assert {"telemetry/web/page/index.html", "telemetry_core/py.typed"} <= expected
    assert expected - names == set()
    assert not [name for name in names if name.endswith((".c", ".cpp", ".pyx"))]


def test_the_wheel_brings_unit_settings_and_dashboards_and_writes_them_out(
    environment: Path, tmp_path: Path
) -> None:
    files = tracked("packaging", "dashboards")
    of_builders = ("packaging/debian/", "packaging/compose/", "packaging/locked/")
    expected = {name for name in files if not name.endswith(".py") and not name.startswith(of_builders)}
    assert {"packaging/systemd/nev-telemetry.service", "dashboards/flux/battery.json"} <= expected
    run(environment / "bin/nev-telemetry", "files", tmp_path, cwd=tmp_path)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == expected
    assert all((tmp_path / name).read_bytes() == (ROOT / name).read_bytes() for name in written)


def test_the_wheel_has_a_manual_page_of_each_command_where_man_finds_it(environment: Path) -> None:
    pages = {page.name for page in (environment / "share/man/man1").iterdir()}
    assert pages == {"nev-telemetry.1", *(f"nev-telemetry-{name}.1" for name in COMMANDS)}
    if shutil.which("man"):
        path = f"{environment / 'bin'}:{os.environ['PATH']}"  # as of an environment that is activated
        found = run("man", "--where", "nev-telemetry-scan", cwd=environment, PATH=path)
        assert found.strip() == str(environment / "share/man/man1/nev-telemetry-scan.1")


def test_the_sdist_has_all_that_a_clone_has(packages: Path) -> None:
    (sdist,) = packages.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert tracked() - names == set()


def test_compiled_modules_show_no_symbol_but_their_entry(packages: Path, tmp_path: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        modules = [archive.extract(name, tmp_path) for name in archive.namelist() if name.endswith(".so")]
    assert len(modules) == len(core_sources(".pyx"))
    for module in modules:
        symbols = run("nm", "-D", "--defined-only", module, cwd=tmp_path).splitlines()
        names = {line.split()[-1] for line in symbols}
        assert names == {f"PyInit_{Path(module).name.split('.')[0]}"}
