"""Data sheet of the use of a pack in a day: what flowed in and out, and how long it was how warm and how full."""

from libc.math cimport floor
from libc.stdint cimport int32_t, int64_t

from telemetry_core.health.pack cimport CHARGES, DAY_NS, TEMPERATURES, Known, Pack, Use

cdef enum:
    COLDEST_C = -40


cdef inline void find_range(Known* known) noexcept nogil:
    # Temperature or SOC has changed.
    cdef double temperature, charge
    if known.temp_c != known.temp_c or known.soc_pct != known.soc_pct:
        known.use.range = -1
        return
    temperature = min(max(floor((known.temp_c - COLDEST_C) / 10), 0.0), TEMPERATURES - 1.0)
    charge = min(max(floor(known.soc_pct / 10), 0.0), CHARGES - 1.0)
    known.use.range = <int32_t>temperature * CHARGES + <int32_t>charge


cdef inline int64_t day_of(int64_t time_ns) noexcept nogil:
    # Midnight before it, in UTC; rounded down, also before 1970.
    return (time_ns // DAY_NS if time_ns >= 0 else -1 - (-1 - time_ns) // DAY_NS) * DAY_NS


cdef inline void begin_day(Use* use, int64_t time_ns) noexcept nogil:
    # What is known of the last reading goes on.
    cdef Py_ssize_t number
    use.day_ns = day_of(time_ns)
    use.end_ns = use.day_ns + DAY_NS
    use.charge.into_s = use.charge.out_of_s = use.energy.into_s = use.energy.out_of_s = 0
    for number in range(TEMPERATURES * CHARGES):
        use.spent_ns[number] = 0
