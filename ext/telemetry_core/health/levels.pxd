"""Data sheet of levels: voltages, 5 mV apart, and the charge at which cells and the median cross them."""

from libc.stdint cimport int32_t, int64_t, uint32_t

from telemetry_core.health.pack cimport MINUTE_NS, NEVER_NS, NO_CHARGE, SECOND_NS, Cell, Known, Median, Pack

cdef enum:
    NO_LEVEL = -1                # of a cell that takes no part

cdef extern from *:
    """
    #define STEADY_NS (300 * SECOND_NS)
    """
    const int64_t STEADY_NS      # so long after a change of the current voltages still follow it

# A current into the pack has come after `Known.last`; where none flows, or after a gap, `end_stretch`.
cdef void take_steady(Pack* pack, double a, int64_t now_ns) noexcept nogil
cdef void end_stretch(Pack* pack) noexcept nogil
# A cell's voltage, in a stretch of constant current. Before its newest one is replaced.
cdef void take_level(Pack* pack, Cell* cell, double v, int64_t now_ns) noexcept nogil


cdef inline bint is_steady(const Known* known, int64_t now_ns) noexcept nogil:
    return (known.state != NO_CHARGE and known.median.steady_ns != NEVER_NS
            and now_ns - known.median.steady_ns >= STEADY_NS and now_ns - known.last.time_ns <= MINUTE_NS)
