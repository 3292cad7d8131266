"""Builds the compiled core, ext/telemetry_core, installed as the package `telemetry_core`.

Of these environment variables one at a time may be 1; all but the last compile into a folder of their own:

- TELEMETRY_CORE_SANITIZE has every address, index and undefined operation checked as it runs (`make
  sanitize`). The process must begin with libasan loaded.
- TELEMETRY_CORE_COVERAGE shows a fuzzer which branches were taken and what was compared (`make fuzz`; by
  clang). The process must have loaded libFuzzer first.
- TELEMETRY_CORE_GCOV counts how often each line of the core runs (`make coverage`).
- TELEMETRY_CORE_IN_PLACE is for tools/setup.sh: the core has been compiled in place already, and installing
  the project in place need not do it again.
"""

import os

from Cython.Build import cythonize
from setuptools import Extension, setup

SANITIZE = os.environ.get("TELEMETRY_CORE_SANITIZE") == "1"
COVERAGE = os.environ.get("TELEMETRY_CORE_COVERAGE") == "1"
GCOV = os.environ.get("TELEMETRY_CORE_GCOV") == "1"

SANITIZERS = ["-fsanitize=address,undefined"]

# No fused multiply-add: a value is the same double on every architecture.
# Hidden symbols: calls between functions of one module need not go through the PLT (measured: 45 ns -> 20 ns
# a frame). No -march=native: a wheel runs on every machine of its architecture.
# Wrapping: signed arithmetic is two's complement, whatever flags a Python was built with.
COMPILE_ARGS = ["-ffp-contract=off", "-fwrapv"]
if SANITIZE:
    COMPILE_ARGS += ["-Og", "-g1", "-fno-omit-frame-pointer", *SANITIZERS, "-fno-sanitize-recover=undefined"]
elif COVERAGE:
    COMPILE_ARGS += ["-O1", "-g0", "-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp"]
elif GCOV:
    COMPILE_ARGS += ["-O0", "-g0", "--coverage"]
else:
    COMPILE_ARGS += ["-O3", "-g0", "-fvisibility=hidden", "-fno-plt"]

LINK_ARGS = [*SANITIZERS * SANITIZE, *["--coverage"] * GCOV]

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": SANITIZE,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": SANITIZE,
    "embedsignature": True,
}
PROCESSORS = os.cpu_count() or 1


def compiled() -> list[Extension]:
    """Return the core's modules, with C that Cython has made of each that changed."""
    core = Extension(
        "telemetry_core.*",
        ["ext/telemetry_core/**/*.pyx"],
        include_dirs=["ext"],
        extra_compile_args=COMPILE_ARGS,
        extra_link_args=["-Wl,--version-script=ext/telemetry_core/exports.map", *LINK_ARGS],
    )
    return cythonize(
        [core],
        nthreads=PROCESSORS,
        include_path=["ext"],
        compiler_directives=DIRECTIVES,
        emit_linenums=GCOV,
        # C with other line numbers, or with checks: Cython looks at times, not at what a file was made with.
        build_dir="build/gcov/c" if GCOV else "build/sanitize/c" if SANITIZE else None,
    )


if __name__ == "__main__":  # Cython's processes, side by side, import this file where Python does not fork
    setup(
        ext_modules=[] if os.environ.get("TELEMETRY_CORE_IN_PLACE") == "1" else compiled(),
        options={"build_ext": {"parallel": PROCESSORS}},
    )
