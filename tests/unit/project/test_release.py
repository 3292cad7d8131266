"""What a release is made by: locked packages, SBOM, the workflow of wheels, and what `make dist` warns of."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
LOCKED = ROOT / "packaging" / "locked"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
RUNTIME = PROJECT["project"]["dependencies"]
RELEASE = RUNTIME + [one for name in ("logs", "mf4", "demo", "parquet", "plot") for one in EXTRAS[name]]
BUILD = PROJECT["build-system"]["requires"] + [one for one in EXTRAS["dev"] if "argparse-manpage" in one]


def locked(name: str) -> dict[str, set[str]]:
    """Return the hashes of each NAME==VERSION of a file."""
    whole = (LOCKED / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in whole.splitlines() if line and line[0] not in "# "]
    found = {line.split()[0]: set(re.findall("--hash=sha256:([0-9a-f]{64})", line)) for line in lines}
    assert len(found) == len(lines)
    assert all(found.values())
    return found


@pytest.mark.parametrize(
    ("name", "asked"),
    [("release", RELEASE), ("debian", RUNTIME + EXTRAS["logs"]), ("debian-build", BUILD)],
)
def test_what_the_project_asks_for_is_locked_by_version_and_hashes(name: str, asked: list[str]) -> None:
    versions: dict[str, list[str]] = {}
    for pin in locked(name):
        package, _, version = pin.partition("==")
        versions.setdefault(canonicalize_name(package), []).append(version)
    for requirement in map(Requirement, asked):
        found = versions.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement}: make lock"
        assert all(requirement.specifier.contains(one) for one in found), f"{requirement}: make lock"


def test_the_debian_package_has_the_versions_of_the_release() -> None:
    assert locked("debian").keys() < locked("release").keys()


@pytest.mark.long  # of a release: it reads all that is locked
def test_the_sbom_is_valid_and_has_every_package_with_its_hashes(tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion  # a second; no other test needs it
    from cyclonedx.validation.json import JsonStrictValidator

    file = tmp_path / "sbom.json"
    environment = os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(
        [ROOT / "tools/sbom.sh", file], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = file.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    written = json.loads(text)
    root = written["metadata"]["component"]
    assert (root["name"], root["version"]) == ("nev-telemetry", PROJECT["project"]["version"])
    hashes = {
        f"{one['name']}=={one['version']}": {
            each["content"] for place in one["externalReferences"] for each in place.get("hashes", ())
        }
        for one in written["components"]
    }
    assert hashes == locked("release")


def test_the_workflow_of_wheels_builds_for_each_processor_by_pinned_actions() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/wheels.yml").read_text())["jobs"]
    matrix = [one["arch"] for one in jobs["wheels"]["strategy"]["matrix"]["include"]]
    assert matrix == PROJECT["tool"]["cibuildwheel"]["linux"]["archs"]
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert any(one.startswith("pypa/cibuildwheel@") for one in used)
    assert [one for one in used if not re.fullmatch("[a-z]+/[a-z-]+@[0-9a-f]{40}", one)] == []


@pytest.mark.parametrize("urls", ["", '[project.urls]\nSource = "https://example.org"\n'])
def test_a_release_without_an_address_of_the_project_is_warned_of(urls: str, tmp_path: Path) -> None:
    for name in ("tools/dist.sh", "tools/sbom.sh", "telemetry/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "pyproject.toml").write_text(urls)
    done = subprocess.run(
        [tmp_path / "tools/dist.sh"],
        env=os.environ | {"PYTHON": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert ("pyproject.toml has no [project.urls]" in done.stderr) is (urls == "")
