"""cantools without python-can, which only its `tester` needs.

python-can imports asammdf and pandas for MF4 logs where they are installed: 1.7 s of processor and 60 MB.
"""

import sys
from types import ModuleType


def import_cantools_alone() -> None:
    """Import cantools, unless it is there; a later import of `cantools.tester` still brings the real one."""
    if "cantools" not in sys.modules:
        sys.modules["cantools.tester"] = ModuleType("cantools.tester")
        import cantools  # noqa: F401  # from now on it is there

        del sys.modules["cantools.tester"]
