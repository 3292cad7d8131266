"""Steps of the current, and what voltages make of them: sums of which the resistance follows.

Promises:
- Voltage and current of a reading are of one instant: where they come apart, the current is that between its two
  readings around the voltage. Of several voltages between two currents the newest counts.
- Pairs do not overlap: the second reading of one is the first of the next.
"""

from libc.math cimport NAN, fabs
from libc.stdint cimport int64_t, uint16_t, uint32_t
from libc.string cimport memset

from telemetry_core.health.pack cimport NEVER_NS, Conditions, Known, Pack, Pairs, Reading, Steps

cdef extern from *:
    """
    #define PACK_LEAST_NS INT64_C(900000000)
    #define PACK_MOST_NS INT64_C(1100000000)
    #define CELL_LEAST_NS INT64_C(200000000)
    #define CELL_MOST_NS INT64_C(1500000000)
    #define CLOSE_NS INT64_C(200000000)
    #define NEAR_NS INT64_C(50000000)
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
    cdef int64_t from_ns = known.previous.time_ns
    cdef int64_t until_ns = known.last.time_ns
    cdef double rise = known.last.a - known.previous.a
    if at_ns == until_ns:
        return known.last.a
    if not from_ns <= at_ns < until_ns:
        return NAN
    if until_ns - from_ns <= CLOSE_NS or (until_ns - from_ns <= pack.gap_ns and fabs(rise) <= 0.01 * pack.one_c_a):
        return known.previous.a + rise * (<double>(at_ns - from_ns) / <double>(until_ns - from_ns))
    if at_ns - from_ns <= NEAR_NS:
        return known.previous.a
    return known.last.a if until_ns - at_ns <= NEAR_NS else NAN


cdef inline bint take_reading_of(Pairs* pairs, const Pack* pack, double v, double a, int64_t now_ns, int64_t least_ns,
                                 int64_t most_ns) noexcept nogil:
    # Whether the reading makes a step of the one before.
    cdef Reading* first = &pairs.first
    cdef int64_t passed_ns = now_ns - first.time_ns
    cdef double di = a - first.a
    cdef double du = v - first.v
    cdef bint is_step
    if a != a or 0 <= passed_ns < least_ns:
        return False
    is_step = 0 <= passed_ns <= most_ns and fabs(di) >= pack.step_a
    if is_step:
        pairs.steps.ii += di * di
        pairs.steps.ui += du * di
        pairs.steps.uu += du * du
        pairs.steps.count += 1
    first.v, first.a, first.time_ns = v, a, now_ns
    return is_step


cdef inline void take_pair(Pack* pack, double v, double a, int64_t now_ns) noexcept nogil:
    cdef Known* known = &pack.known
    if not take_reading_of(&known.pairs, pack, v, a, now_ns, PACK_LEAST_NS, PACK_MOST_NS):
        return
    if known.temp_c == known.temp_c:
        known.conditions.temp_c += known.temp_c
        known.conditions.temps += 1
    if known.soc_pct == known.soc_pct:
        known.conditions.soc_pct += known.soc_pct
        known.conditions.socs += 1


cdef inline void take_volts(Pack* pack, double v, int64_t now_ns) noexcept nogil:
    # Of the pack: as part of a pair now, or once its current is known.
    if now_ns > pack.known.last.time_ns:
        pack.known.pairs.waiting_v, pack.known.pairs.waiting_ns = v, now_ns
    else:
        take_pair(pack, v, current_at(pack, now_ns), now_ns)


cdef inline void take_cell_volts(Pack* pack, uint32_t cell, double v, int64_t now_ns) noexcept nogil:
    cdef Pairs* pairs = &pack.cells[cell].pairs
    if now_ns <= pack.known.last.time_ns:
        take_reading_of(pairs, pack, v, current_at(pack, now_ns), now_ns, CELL_LEAST_NS, CELL_MOST_NS)
        return
    if pairs.waiting_ns == NEVER_NS:
        pack.waiting[pack.waiting_count] = <uint16_t>cell
        pack.waiting_count += 1
    pairs.waiting_v, pairs.waiting_ns = v, now_ns


cdef inline void take_waiting(Pack* pack) noexcept nogil:
    # A current has come.
    cdef Pairs* pairs = &pack.known.pairs
    cdef uint32_t number
    cdef int64_t at_ns = NEVER_NS
    cdef double a = NAN
    if pairs.waiting_ns != NEVER_NS:
        take_pair(pack, pairs.waiting_v, current_at(pack, pairs.waiting_ns), pairs.waiting_ns)
        pairs.waiting_ns = NEVER_NS
    for number in range(pack.waiting_count):
        pairs = &pack.cells[pack.waiting[number]].pairs
        if pairs.waiting_ns != at_ns:  # a page has one stamp
            at_ns = pairs.waiting_ns
            a = current_at(pack, at_ns)
        take_reading_of(pairs, pack, pairs.waiting_v, a, at_ns, CELL_LEAST_NS, CELL_MOST_NS)
        pairs.waiting_ns = NEVER_NS
    pack.waiting_count = 0


cdef inline void mark_steps(Pack* pack, bint is_new) noexcept nogil:
    # What comes now is of a drive, or of none; is_new: and a charge has ended, whose steps are forgotten.
    cdef uint32_t number
    cdef Pairs* pairs
    for number in range(pack.cell_count + 1):
        pairs = &pack.cells[number].pairs if number < pack.cell_count else &pack.known.pairs
        if is_new:
            memset(&pairs.steps, 0, sizeof(Steps))
        pairs.before = pairs.steps
    if is_new:
        memset(&pack.known.conditions, 0, sizeof(Conditions))
    pack.known.before = pack.known.conditions
