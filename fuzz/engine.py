"""Drives one harness for some seconds: by atheris, or without it by mutations at random.

A harness is a function of bytes that raises when what it promises does not hold. Whatever ends it (an
exception, a crash of compiled code, more than INPUT_LIMIT_S for one input, more than MEMORY_LIMIT_MIB) leaves
that input in the folder of findings. What is found to be worth keeping is put there too, under `kept`.

atheris is guided by coverage: of the Python code of `telemetry` and h11, and of the compiled core where
TELEMETRY_CORE_COVERAGE built one (the Makefile puts it on the path). It has no wheels but for x86-64.
"""

import ctypes
import faulthandler
import importlib.util
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import TypeVar

INPUT_LIMIT_S = 20
SEED = int(os.environ.get("FUZZ_SEED", "0"))  # 0: another one each time
INPUT_LIMIT_BYTES = 4096
MEMORY_LIMIT_MIB = 1024
CORPUS = Path(__file__).parent / "corpus"

Harness = Callable[[bytes], None]
_Loaded = TypeVar("_Loaded")


def corpus_files(name: str) -> list[Path]:
    """Return the inputs that a harness starts from."""
    return sorted(path for path in (CORPUS / name).iterdir() if path.is_file())


def has_atheris() -> bool:
    """Say whether this Python has it."""
    return importlib.util.find_spec("atheris") is not None


def replay(harness: Harness, files: Iterable[Path]) -> None:
    """Hand over the inputs as they are."""
    for file in files:
        harness(file.read_bytes())


def watched(load: Callable[[], _Loaded]) -> _Loaded:
    """Import by `load`, so that atheris sees what is reached of what it imports."""
    if not has_atheris():
        return load()
    import atheris

    _share_libfuzzer()
    with atheris.instrument_imports(include=["telemetry", "h11"]):
        return load()


def fuzz(name: str, harness: Harness, seconds: int, findings: Path) -> None:
    """Run a harness that was imported by `watched`, until the time is up or it fails.

    May end the process: libFuzzer does.
    """
    (findings / "kept").mkdir(parents=True, exist_ok=True)
    if has_atheris():
        _fuzz_guided(name, harness, seconds, findings)
    else:
        _fuzz_at_random(name, harness, seconds, findings)


def _fuzz_guided(name: str, harness: Harness, seconds: int, findings: Path) -> None:
    import atheris

    options = {
        "max_total_time": seconds,
        "seed": SEED,
        "timeout": INPUT_LIMIT_S,
        "rss_limit_mb": MEMORY_LIMIT_MIB,
        "max_len": INPUT_LIMIT_BYTES,
        "artifact_prefix": f"{findings}/",
        "verbosity": 0,
        "print_final_stats": 1,
    }
    arguments = [f"-{option}={value}" for option, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, str(findings / "kept"), str(CORPUS / name)], harness)
    try:
        atheris.Fuzz()
    except SystemExit as end:
        # libFuzzer keeps a failing input as the process ends: by C's exit(), which no forked one comes to.
        ctypes.CDLL(None).exit(end.code)


def _share_libfuzzer() -> None:
    """Let the compiled core find atheris' own libFuzzer, to which it reports its coverage.

    A module's symbols are its own unless it is loaded so that others see them; atheris then takes it for one
    that was linked into the program, and asks for the module that does without.
    """
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | os.RTLD_GLOBAL)
    try:
        from atheris import core_with_libfuzzer
    finally:
        sys.setdlopenflags(flags)
    sys.modules["atheris.core_without_libfuzzer"] = core_with_libfuzzer


def _fuzz_at_random(name: str, harness: Harness, seconds: int, findings: Path) -> None:
    limit_bytes = MEMORY_LIMIT_MIB * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    inputs = [file.read_bytes() for file in corpus_files(name)]
    random = Random(SEED or None)
    tried = findings / "crash-last"
    end_s = time.monotonic() + seconds
    count = 0
    while count < len(inputs) or time.monotonic() < end_s:
        data = inputs[count] if count < len(inputs) else mutated(random, inputs)
        tried.write_bytes(data)
        faulthandler.dump_traceback_later(INPUT_LIMIT_S, exit=True)
        harness(data)
        count += 1
    faulthandler.cancel_dump_traceback_later()
    tried.unlink(missing_ok=True)
    print(f"number_of_executed_units: {count}")


def mutated(random: Random, inputs: list[bytes]) -> bytes:
    """Return one of the inputs with a few changes."""
    data = bytearray(random.choice(inputs or [b""]))
    for _ in range(random.randint(1, 8)):
        at = random.randint(0, len(data))
        match random.randint(0, 4):
            case 0:
                data[at:at] = random.randbytes(random.randint(1, 8))
            case 1:
                del data[at : at + random.randint(1, 32)]
            case 2:
                other = random.choice(inputs or [b""])
                begin = random.randint(0, len(other))
                data[at:at] = other[begin : begin + random.randint(1, 64)]
            case 3:
                data[at : at + 1] = bytes((random.choice((0, 1, 0x0A, 0x20, 0x30, 0x7F, 0x80, 0xFF)),))
            case _ if at < len(data):
                data[at] ^= 1 << random.randint(0, 7)
            case _:
                data += b"\n"
    return bytes(data[:INPUT_LIMIT_BYTES])
