"""Deflate as zlib has it, by isal where that has wheels: at a quarter of the cost."""

import zlib
from typing import Any

try:
    from isal import isal_zlib
except ImportError:  # no wheels for this architecture
    decompressobj: Any = zlib.decompressobj  # the two are of one kind, but have no type in common
    INFLATE_ERRORS: Any = zlib.error
else:
    decompressobj = isal_zlib.decompressobj
    INFLATE_ERRORS = (zlib.error, isal_zlib.error)
