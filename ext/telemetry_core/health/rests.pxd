"""Data sheet of rests: no current for 30 minutes, or nothing heard for so long. Then voltages of cells show their charge."""

from libc.stdint cimport int64_t

from telemetry_core.health.pack cimport MINUTE_NS, NEVER_NS, Known

cdef extern from *:
    """
    #define REST_NS (30 * MINUTE_NS)
    """
    const int64_t REST_NS


cdef inline bint has_rest(const Known* known, int64_t newest_ns) noexcept nogil:
    # Whether a rest is to be reported: all cells have come in it, since one that came in it at `newest_ns` comes again.
    return (known.idle_ns != NEVER_NS and newest_ns >= known.idle_ns + REST_NS and not known.has_rested
            and known.soc_pct == known.soc_pct)
