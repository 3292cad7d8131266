"""`python -m fuzz`: all harnesses, each for its share of the time, in a process of its own.

As many run side by side as there are processors. All are forked from one that has imported what is fuzzed.

    python -m fuzz --seconds 60            all of them
    python -m fuzz NAME --seconds 600      one of them
    python -m fuzz NAME FILE…              inputs as they are: to reproduce a finding

Ends with status 1 and the commands that reproduce what was found, if anything was. What a run found worth
keeping is in build/fuzz/NAME/kept until the next one; into the corpus it is copied by hand.
"""

import argparse
import math
import multiprocessing
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path

from fuzz.engine import CORPUS, Harness, fuzz, has_atheris, replay, watched

FINDINGS = Path("build/fuzz")
NAMES = sorted(folder.name for folder in CORPUS.iterdir())
INPUTS = re.compile(r"number_of_executed_units: (\d+)")  # as libFuzzer says it
PROCESSORS = len(os.sched_getaffinity(0))


def main() -> int:
    """See the module."""
    arguments = _arguments()
    if arguments.inputs:
        replay(_harnesses()[arguments.name], arguments.inputs)
        return 0
    names = [arguments.name] if arguments.name else NAMES
    if not has_atheris():
        print("fuzz: no atheris for this Python: the corpus, mutated at random", flush=True)
    failed = []
    for name, held, words in _outcomes(names, share_s(arguments.seconds, len(names), PROCESSORS)):
        print(words, flush=True)
        if not held:
            failed.append(name)
    for name in failed:
        for finding in _findings(name):
            print(f"fuzz: {name} failed; again: .venv/bin/python -m fuzz {name} {finding}")
    return 1 if failed else 0


def share_s(seconds: int, harnesses: int, processors: int) -> int:
    """Return how long each harness runs, so that all are through after `seconds`."""
    return max(1, seconds // math.ceil(harnesses / processors))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=str(__doc__).partition("\n")[0])
    parser.add_argument("name", nargs="?", choices=NAMES, help="one harness; left out: all")
    parser.add_argument(
        "inputs", nargs="*", type=Path, metavar="FILE", help="inputs to hand over as they are"
    )
    parser.add_argument("--seconds", type=int, default=60, help="for all together (default: %(default)s)")
    return parser.parse_args()


def _harnesses() -> Mapping[str, Harness]:
    from fuzz.catalogue import HARNESSES

    return HARNESSES


def _outcomes(names: Sequence[str], seconds: int) -> Iterator[tuple[str, bool, str]]:
    """Yield each name as it ends: whether it held, and what there is to say."""
    harnesses = watched(_harnesses)
    fork = multiprocessing.get_context("fork")
    waiting = [*reversed(names)]
    running: dict[int, ForkProcess] = {}
    while waiting or running:
        while waiting and len(running) < PROCESSORS:
            name = waiting.pop()
            process = fork.Process(target=_run, name=name, args=(name, harnesses[name], seconds))
            process.start()
            running[process.sentinel] = process
        for ended in set(running).intersection(wait([*running])):
            process = running.pop(ended)
            process.join()
            yield process.name, *_outcome(process.name, process.exitcode)


def _run(name: str, harness: Harness, seconds: int) -> None:
    """Run one in this process, into its log. What an earlier run left is forgotten."""
    shutil.rmtree(FINDINGS / name, ignore_errors=True)
    log = _log(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    fuzz(name, harness, seconds, FINDINGS / name)  # it ends by itself: each input has a limit


def _outcome(name: str, status: int | None) -> tuple[bool, str]:
    text = _log(name).read_text(errors="replace")
    counted = INPUTS.search(text)
    if status or counted is None:
        return False, f"{text}\n{name}: failed"
    return True, f"{name}: {counted[1]} inputs"


def _log(name: str) -> Path:
    return FINDINGS / f"{name}.log"


def _findings(name: str) -> list[Path]:
    return sorted(path for path in (FINDINGS / name).glob("*-*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
