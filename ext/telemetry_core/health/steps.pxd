"""Data sheet of steps: pairs of readings of a voltage between which the current has changed."""

from libc.math cimport NAN, fabs
from libc.stdint cimport int64_t, uint32_t

from telemetry_core.health.pack cimport NEVER_NS, Anchor, Cell, Conditions, Known, Pack, Pairs, Steps

cdef extern from *:
    """
    #define PACK_LEAST_NS (900 * (SECOND_NS / 1000))
    #define PACK_MOST_NS (1100 * (SECOND_NS / 1000))
    #define CELL_LEAST_NS (200 * (SECOND_NS / 1000))
    #define CELL_MOST_NS (1500 * (SECOND_NS / 1000))
    #define CLOSE_NS (200 * (SECOND_NS / 1000))
    #define NEAR_NS (50 * (SECOND_NS / 1000))
    """
    const int64_t PACK_LEAST_NS  # between the two readings of a pair
    const int64_t PACK_MOST_NS
    const int64_t CELL_LEAST_NS
    const int64_t CELL_MOST_NS
    const int64_t CLOSE_NS       # two readings of the current so close say what it was between them
    const int64_t NEAR_NS        # and one of them what it was so near to it


cdef inline double current_at(const Pack* pack, int64_t at_ns) noexcept nogil:
    # The current then, of the last two readings; NaN where they do not say it.
    cdef const Known* known = &pack.known
    cdef int64_t from_ns = known.before.time_ns
    cdef int64_t until_ns = known.last.time_ns
    cdef double rise = known.last.a - known.before.a
    if at_ns == until_ns:
        return known.last.a
    if not from_ns <= at_ns < until_ns or from_ns == NEVER_NS:
        return NAN
    if until_ns - from_ns <= CLOSE_NS or (until_ns - from_ns <= pack.gap_ns and fabs(rise) <= 0.01 * pack.one_c_a):
        return known.before.a + rise * (<double>(at_ns - from_ns) / <double>(until_ns - from_ns))
    if at_ns - from_ns <= NEAR_NS:
        return known.before.a
    return known.last.a if until_ns - at_ns <= NEAR_NS else NAN

# Take a voltage of the pack, or of cell number `cell`: as part of a pair now, or once its current is known.
cdef void take_volts(Pack* pack, double v, int64_t now_ns) noexcept nogil
cdef void take_cell_volts(Pack* pack, uint32_t cell, double v, int64_t now_ns) noexcept nogil
# A current has come.
cdef void take_waiting(Pack* pack) noexcept nogil

# What is counted from here on is of a drive; or of none, and goes to what was before.
cdef void fold_steps(Pack* pack) noexcept nogil
# Forget all steps: a charge has ended.
cdef void clear_steps(Pack* pack) noexcept nogil
