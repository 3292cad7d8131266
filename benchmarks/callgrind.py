"""Instructions a frame, counted by callgrind: the guard against slow creep, since they do not vary with the
load.

Each stage is given as a ratio to the C reference in the same run, compiled by the same gcc, and compared with
the ratio on record for this architecture and this gcc (instructions.json): more than PLAY above it is a
failure. Another gcc makes other code of both sides; where it has no record, that of any other with more play
stands in for it. After a deliberate change `python -m benchmarks --only instructions --record` writes new
ones.
"""

import json
import os
import pickle
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.c_reference import CReference
from benchmarks.readers import LOG_FORMATS
from benchmarks.report import Section
from benchmarks.workload import Workload

RECORD = Path(__file__).parent / "instructions.json"
PLAY = 0.05
PLAY_OF_ANOTHER_COMPILER = 0.2
REFERENCE = "C decode"
PORTABLE = "decode, portable"
WITHOUT_AVX2 = (PORTABLE, "encode")  # stages that need as many instructions there

_ALL_REQUIRED = os.environ.get("NEV_TELEMETRY_REQUIRE") == "all"
_NAME = re.compile(r"^desc: Trigger: Client Request: (.*)$", re.MULTILINE)
_TOTAL = re.compile(r"^summary: (\d+)", re.MULTILINE)


def measure_instructions(workload: Workload, folder: Path, *, record: bool) -> Section:
    """Instructions a frame of each stage against the record, or as the new record."""
    title = "Instructions"
    if shutil.which("valgrind") is None:
        missing = "valgrind is not installed: no instructions counted"
        return Section(title, missing, ("not measured",), ((missing,),), (missing,) if _ALL_REQUIRED else ())
    counts = _count(workload, folder)
    ratios = {name: count / counts[REFERENCE] for name, count in counts.items()}
    if record:
        _write_record(ratios)
    before, play = _before(_compiler())
    if counts["decode"] >= counts[PORTABLE]:  # a processor without AVX2 runs the portable loop in every stage
        before = {name: ratio for name, ratio in before.items() if name in WITHOUT_AVX2}
    return Section(
        title,
        "Counted by callgrind; the ratio is to *C decode* in the same run. *Portable*: without AVX2. A stage "
        f"fails the smoke run when its ratio is more than {PLAY:.0%} above that on record.",
        ("what", "instructions a frame", "ratio", "on record"),
        tuple(
            (
                name,
                f"{count / len(workload.frames):,.0f}",
                f"{ratios[name]:.3f}",
                f"{before[name]:.3f}" if name in before else "",
            )
            for name, count in counts.items()
        ),
        tuple(
            f"{name}: {ratios[name]:.3f} times the instructions of {REFERENCE}, {before[name]:.3f} on record"
            for name in counts
            if ratios[name] > before.get(name, ratios[name]) * (1 + play)
        ),
    )


def _count(workload: Workload, folder: Path) -> dict[str, int]:
    """Instructions of all frames by stage, in the order in which they were counted."""
    CReference(workload.database, folder)
    (folder / "plan.pickle").write_bytes(pickle.dumps(workload.plan_spec))
    (folder / "frames.bin").write_bytes(workload.can_frames())
    for log_format in LOG_FORMATS:
        workload.write_log(log_format.file(folder))
    return count_instructions("benchmarks.counted", folder)


def count_instructions(module: str, folder: Path) -> dict[str, int]:
    """Run `module` with `folder` under callgrind: instructions by what it brackets, in their order."""
    client = Path(__file__).parent / "callgrind.c"
    subprocess.run(["gcc", "-O2", "-fPIC", "-shared", "-o", folder / "callgrind.so", client], check=True)
    subprocess.run(
        [
            *("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no"),
            f"--callgrind-out-file={folder}/counts",
            *(sys.executable, "-m", module, folder),
        ],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=True,
    )
    counts = {}
    for number in range(1, 100):
        dump = folder / f"counts.{number}"
        if not dump.exists():
            break
        text = dump.read_text()
        name, total = _NAME.search(text), _TOTAL.search(text)
        if name is not None and total is not None:
            counts[name[1]] = int(total[1])
    return counts


def _compiler() -> str:
    """Return what the record depends on."""
    gcc = subprocess.run(["gcc", "-dumpversion"], capture_output=True, text=True, check=True)
    return f"{platform.machine()} gcc {gcc.stdout.strip().partition('.')[0]}"


def _before(compiler: str) -> tuple[dict[str, float], float]:
    """Return the ratios to compare with, and how far above them is too far."""
    records = _records()
    if compiler in records:
        return records[compiler], PLAY
    others = [records[other] for other in records if other.split()[0] == platform.machine()]
    return (others[-1] if others else {}), PLAY_OF_ANOTHER_COMPILER


def _records() -> dict[str, dict[str, float]]:
    records: dict[str, dict[str, float]] = json.loads(RECORD.read_text())
    return records


def _write_record(ratios: dict[str, float]) -> None:
    records = _records()
    records[_compiler()] = {name: round(ratio, 3) for name, ratio in ratios.items()}
    RECORD.write_text(json.dumps(records, indent=2) + "\n")
