"""Use of a pack in a day, and its rests: no current for 30 min, or nothing heard for so long."""

from libc.math cimport floor
from libc.stdint cimport int32_t, int64_t

from telemetry_core.health.pack cimport CHARGES, COLDEST_C, DAY_NS, MINUTE_NS, NEVER_NS, TEMPERATURES, Known, Use

cdef extern from *:
    """
    #define REST_NS (30 * MINUTE_NS)
    """
    const int64_t REST_NS


cdef inline bint has_rest(const Known* known, int64_t newest_ns) noexcept nogil:
    # Whether a rest is to be reported: all cells have come in it, since one that came at `newest_ns` comes again in it.
    return (known.idle_ns != NEVER_NS and newest_ns >= known.idle_ns + REST_NS and not known.has_rested
            and known.soc_pct == known.soc_pct)


cdef inline void find_range(Known* known) noexcept nogil:
    # Temperature or SOC has changed.
    cdef double warmth = floor((known.temp_c - COLDEST_C) / 10)
    cdef double charge = floor(known.soc_pct / 10)
    if warmth != warmth or charge != charge:
        known.use.range = -1
    else:
        known.use.range = (<int32_t>min(max(warmth, 0.0), TEMPERATURES - 1.0) * CHARGES
                           + <int32_t>min(max(charge, 0.0), CHARGES - 1.0))


cdef inline void begin_day(Use* use, int64_t time_ns) noexcept nogil:
    # UTC; rounded down, also before 1970. What is known of the last reading goes on.
    cdef Py_ssize_t number
    use.day_ns = (time_ns // DAY_NS if time_ns >= 0 else -1 - (-1 - time_ns) // DAY_NS) * DAY_NS
    use.end_ns = use.day_ns + DAY_NS
    use.charge.into_s = use.charge.out_of_s = use.energy.into_s = use.energy.out_of_s = 0
    for number in range(TEMPERATURES * CHARGES):
        use.spent_ns[number] = 0
