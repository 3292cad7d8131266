"""Runs under callgrind: decoding, encoding and following the log of a charge, each bracketed so that it is
counted alone.

    valgrind --tool=callgrind --instr-atstart=no python -m benchmarks.counted_charging FOLDER

FOLDER holds what benchmarks/charging.py put there.
"""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.followed import CHARGE_LOG, FollowedCharge


def main(folder: Path) -> None:
    client = ctypes.CDLL(str(folder / "callgrind.so"))
    charge = FollowedCharge(folder / CHARGE_LOG)

    def counted(name: str, run: Callable[[], object]) -> None:
        run()  # what is made on first use is made
        client.begin()
        run()
        client.end(name.encode())

    counted("decode + encode", charge.decode_and_encode)
    counted("follower", charge.follow)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
