"""Builds the compiled core, ext/telemetry_core, installed as the package `telemetry_core`.

One environment variable, TELEMETRY_CORE_DEBUG=1, gives a debug build: bounds and initialisation checks, line
tracing, and annotated HTML beside each source. It computes the same: integer arithmetic wraps and divides as
in C in both builds, since the decoder relies on it.

Another, TELEMETRY_CORE_SANITIZE=1, has every address and every undefined operation checked as it runs
(`make sanitize`, which builds into a folder of its own): the process must begin with libasan loaded.

A third, TELEMETRY_CORE_COVERAGE=1, shows a fuzzer which branches were taken and what was compared (`make
fuzz`, likewise in a folder of its own; by clang): the process must have loaded libFuzzer first.

A fourth, TELEMETRY_CORE_GCOV=1, counts how often each line of the core runs (`make coverage`, in a folder of
its own).

A fifth, TELEMETRY_CORE_IN_PLACE=1, is for tools/setup.sh: the core has been compiled in place already, and
installing the project in place need not do it again.
"""

import os

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("TELEMETRY_CORE_DEBUG") == "1"
SANITIZE = os.environ.get("TELEMETRY_CORE_SANITIZE") == "1"
COVERAGE = os.environ.get("TELEMETRY_CORE_COVERAGE") == "1"
GCOV = os.environ.get("TELEMETRY_CORE_GCOV") == "1"

SANITIZERS = ["-fsanitize=address,undefined"]

# No fused multiply-add: a value is the same double on every architecture.
# Hidden symbols: calls between functions of one module need not go through the PLT (measured: 45 ns -> 20 ns
# a frame). No -march=native: a wheel runs on every machine of its architecture.
# Wrapping: signed arithmetic is two's complement, whatever flags a Python was built with.
COMPILE_ARGS = ["-ffp-contract=off", "-fwrapv"]
if DEBUG:
    COMPILE_ARGS += ["-O0", "-g"]
elif SANITIZE:
    COMPILE_ARGS += ["-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS, "-fno-sanitize-recover=undefined"]
elif COVERAGE:
    COMPILE_ARGS += ["-O1", "-g0", "-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp"]
elif GCOV:
    COMPILE_ARGS += ["-O0", "-g0", "--coverage"]
else:
    COMPILE_ARGS += ["-O3", "-g0", "-fvisibility=hidden", "-fno-plt"]

LINK_ARGS = [*SANITIZERS * SANITIZE, *["--coverage"] * GCOV]

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "cdivision": True,
    "initializedcheck": DEBUG,
    "linetrace": DEBUG,
    "embedsignature": True,
}

extensions = cythonize(
    [
        Extension(
            "telemetry_core.*",
            ["ext/telemetry_core/**/*.pyx"],
            include_dirs=["ext"],
            extra_compile_args=COMPILE_ARGS,
            extra_link_args=["-Wl,--version-script=ext/telemetry_core/exports.map", *LINK_ARGS],
            define_macros=[("CYTHON_TRACE", "1")] if DEBUG else [],
        )
    ],
    include_path=["ext"],
    compiler_directives=DIRECTIVES,
    annotate=DEBUG,
    emit_linenums=GCOV,
    build_dir="build/gcov/c" if GCOV else None,  # C with other line numbers
)
setup(
    ext_modules=[] if os.environ.get("TELEMETRY_CORE_IN_PLACE") == "1" else extensions,
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
