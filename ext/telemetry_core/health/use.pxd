"""Use of a pack in a day, and its rests: no current for 30 min, or nothing heard for so long."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from telemetry_core.health.pack cimport CHARGES, COLDEST_C, DAY_NS, REST_NS, TEMPERATURES, Known, Use
from telemetry_core.rules.counting cimport interval_of


cdef inline bint has_rest(const Known* known, int64_t newest_ns) noexcept nogil:
    # Whether a rest is to be reported: all cells have come in it, since one that came at `newest_ns` comes again in it.
    return known.idle_ns > 0 and newest_ns >= known.idle_ns + REST_NS and known.soc_pct == known.soc_pct


cdef inline void spend(Known* known, int64_t passed_ns) noexcept nogil:
    # At a temperature and a SOC that are known.
    cdef double warmth = (known.temp_c - COLDEST_C) * 0.1
    cdef double charge = known.soc_pct * 0.1
    if warmth == warmth and charge == charge:
        known.use.spent_ns[<int32_t>min(max(warmth, 0.0), TEMPERATURES - 1.0) * CHARGES
                           + <int32_t>min(max(charge, 0.0), CHARGES - 1.0)] += passed_ns


cdef inline void begin_day(Use* use, int64_t time_ns) noexcept nogil:
    # UTC. What is known of the last reading goes on.
    use.day_ns = interval_of(time_ns, DAY_NS) * DAY_NS
    use.end_ns = use.day_ns + DAY_NS
    use.charge.into_s = use.charge.out_of_s = use.energy.into_s = use.energy.out_of_s = 0
    memset(use.spent_ns, 0, sizeof(use.spent_ns))
