"""Runs under callgrind: each compiled stage once over the same frames, bracketed so that it is counted alone.

    valgrind --tool=callgrind --instr-atstart=no python -m benchmarks.counted FOLDER

FOLDER holds what benchmarks/callgrind.py put there. Imports, plans and batches are made before the counting
begins.
"""

import ctypes
import pickle
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch

from benchmarks.core import BATCH_FRAMES, Core
from benchmarks.health import ChargedPack
from benchmarks.readers import CANDUMP, LOG_FORMATS


def main(folder: Path) -> None:
    client = ctypes.CDLL(str(folder / "callgrind.so"))
    reference = ctypes.CDLL(str(folder / "reference.so"))
    spec = pickle.loads((folder / "plan.pickle").read_bytes())  # noqa: S301  our own
    core, portable, encoding = Core(spec), Core(spec, portable=True), Core(spec)
    can_frames = (folder / "frames.bin").read_bytes()
    batches = _batches(folder)

    def counted(name: str, run: Callable[[], object]) -> None:
        run()  # what is made on first use is made
        client.begin()
        run()
        client.end(name.encode())

    counted("C decode", lambda: reference.decode_frames(can_frames, ctypes.c_size_t(len(can_frames) // 16)))
    counted("decode", lambda: core.decode(batches))
    counted("decode, portable", lambda: portable.decode(batches))
    for batch in batches:
        encoding.fill(batch)
    counted("encode", encoding.encode)
    counted("reduce within bounds", encoding.reduce)
    counted("keep for triggers", encoding.keep)
    counted("pack for the black box", lambda: core.pack(batches))
    counted("decode + encode", lambda: core.decode_and_encode(batches))
    counted("battery health", ChargedPack(5_000, 50).follow)
    for log_format in LOG_FORMATS:
        counted(log_format.stage, partial(core.log_to_lines, log_format, folder))


def _batches(folder: Path) -> list[FrameBatch]:
    batches = []
    with CANDUMP.file(folder).open("rb", buffering=0) as stream:
        reader = CANDUMP.reader(stream, lambda _name: 0)
        while reader.read(batch := FrameBatch(BATCH_FRAMES)):
            batches.append(batch)
    return batches


if __name__ == "__main__":
    main(Path(sys.argv[1]))
