"""`nev-telemetry` as a child of tests: its stop may take a minute, not 4.5 s, on a machine that is busy."""

import sys
from functools import partial

import telemetry.stopping
from telemetry.__main__ import main

UNHURRIED = (sys.executable, "-m", "tests.support.unhurried")

if __name__ == "__main__":
    vars(telemetry.stopping)["SignalWatch"] = partial(telemetry.stopping.SignalWatch, limit_s=60.0)
    sys.exit(main())
