"""Steps of the current, and what voltages make of them: sums of which the resistance follows.

Promises:
- Voltage and current of a reading are of one instant: where they come apart, the current is that between its two
  readings around the voltage. Of several voltages between two currents the newest counts.
- Pairs do not overlap: the second reading of one is the first of the next.
"""

from libc.math cimport NAN, fabs
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from telemetry_core.health.pack cimport NEVER_NS, Cell, Conditions, Known, Pack, Steps
from telemetry_core.rows.access cimport lowest_bit

cdef extern from *:
    """
    #define PACK_LEAST_NS INT64_C(900000000)  /* between the two readings of a pair */
    #define PACK_MOST_NS INT64_C(1100000000)
    #define CELL_LEAST_NS INT64_C(200000000)
    #define CELL_MOST_NS INT64_C(1500000000)
    #define CLOSE_NS INT64_C(200000000)  /* two readings of the current so close say what it was between them */
    #define NEAR_NS INT64_C(50000000)    /* and one of them what it was so near to it */
    """
    const int64_t PACK_LEAST_NS, PACK_MOST_NS, CELL_LEAST_NS, CELL_MOST_NS, CLOSE_NS, NEAR_NS


cdef inline double current_at(const Pack* pack, int64_t at_ns) noexcept nogil:
    # The current then, of the last two readings; NaN where they do not say it.
    cdef const Known* known = pack.known
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


cdef inline void take_step(Pack* pack, uint32_t number, double di, double du) noexcept nogil:
    cdef Steps* steps = &pack.kept[number].steps
    cdef Known* known = pack.known
    steps.ii += di * di
    steps.ui += du * di
    steps.uu += du * du
    steps.count += 1
    if number < pack.cell_count:
        return
    if known.temp_c == known.temp_c:
        known.conditions.temp_c += known.temp_c
        known.conditions.temps += 1
    if known.soc_pct == known.soc_pct:
        known.conditions.soc_pct += known.soc_pct
        known.conditions.socs += 1


cdef inline void take_reading(Pack* pack, uint32_t number, double v, double a, int64_t now_ns) noexcept nogil:
    # Of a cell, or of the pack: perhaps a step since the one before.
    cdef Cell* cell = &pack.cells[number]
    cdef bint is_cell = number < pack.cell_count
    cdef int64_t passed_ns = now_ns - cell.first_ns
    if a != a or 0 <= passed_ns < (CELL_LEAST_NS if is_cell else PACK_LEAST_NS):
        return
    if 0 <= passed_ns <= (CELL_MOST_NS if is_cell else PACK_MOST_NS) and fabs(a - cell.first_a) >= pack.step_a:
        take_step(pack, number, a - cell.first_a, v - cell.first_v)
    cell.first_v, cell.first_a, cell.first_ns = v, a, now_ns


cdef inline void take_volts(Pack* pack, uint32_t number, double v, int64_t now_ns, double a) noexcept nogil:
    # As part of a pair, now or once its current is known. a: `current_at` then.
    pack.cells[number].v, pack.cells[number].time_ns = v, now_ns
    if now_ns > pack.known.last.time_ns:
        pack.waiting[number // 64] |= <uint64_t>1 << (number % 64)
        pack.known.is_waiting = True
    else:
        take_reading(pack, number, v, a, now_ns)


cdef inline void take_waiting(Pack* pack) noexcept nogil:
    # A current has come.
    cdef uint32_t word, number
    cdef int64_t at_ns = NEVER_NS
    cdef double a = NAN
    pack.known.is_waiting = False
    for word in range(pack.cell_count // 64 + 1):
        while pack.waiting[word]:
            number = 64 * word + <uint32_t>lowest_bit(pack.waiting[word])
            pack.waiting[word] &= pack.waiting[word] - 1
            if pack.cells[number].time_ns != at_ns:  # a page has one stamp
                at_ns = pack.cells[number].time_ns
                a = current_at(pack, at_ns)
            take_reading(pack, number, pack.cells[number].v, a, at_ns)


cdef inline void mark_steps(Pack* pack, bint is_new) noexcept nogil:
    # What comes now is of a drive, or of none; is_new: and a charge has ended, whose steps are forgotten.
    cdef uint32_t number
    if is_new:
        memset(&pack.known.conditions, 0, sizeof(Conditions))
    pack.known.before = pack.known.conditions
    for number in range(pack.cell_count + 1):
        if is_new:
            memset(&pack.kept[number].steps, 0, sizeof(Steps))
        pack.kept[number].before = pack.kept[number].steps
