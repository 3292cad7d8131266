"""Steps of the current, and what voltages make of them: sums of which the resistance follows.

Promises:
- Voltage and current of a reading are of one instant: where they come apart, the current is that between its two
  readings around the voltage.
- Pairs do not overlap: the second reading of one is the first of the next.
"""

from libc.math cimport NAN, fabs
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

from telemetry_core.health.pack cimport NEVER_NS, Anchor, Cell, Conditions, Known, Pack, Pairs, Steps


cdef inline bint _take_reading(Pairs* pairs, const Pack* pack, double v, double a, int64_t now_ns, int64_t least_ns,
                               int64_t most_ns) noexcept nogil:
    """Return whether the reading makes a step of the one before."""
    cdef Anchor* anchor = &pairs.anchor
    cdef int64_t passed_ns = now_ns - anchor.time_ns
    cdef double di = a - anchor.a
    cdef double du = v - anchor.v
    cdef bint is_step
    if a != a or 0 <= passed_ns < least_ns:
        return False
    is_step = 0 <= passed_ns <= most_ns and fabs(di) >= pack.step_a
    if is_step:
        pairs.now.ii += di * di
        pairs.now.ui += du * di
        pairs.now.uu += du * du
        pairs.now_count += 1
    anchor.v, anchor.a, anchor.time_ns = v, a, now_ns
    return is_step


cdef inline void _note(Conditions* conditions, const Known* known) noexcept nogil:
    if known.temp_c == known.temp_c:
        conditions.temp_k += known.temp_c
        conditions.temps += 1
    if known.soc_pct == known.soc_pct:
        conditions.soc_pct += known.soc_pct
        conditions.socs += 1


cdef void take_volts(Pack* pack, double v, int64_t now_ns) noexcept nogil:
    cdef Pairs* pairs = &pack.known.pairs
    if now_ns > pack.known.last.time_ns:
        pairs.waiting_v, pairs.waiting_ns = v, now_ns
    elif _take_reading(pairs, pack, v, current_at(pack, now_ns), now_ns, PACK_LEAST_NS, PACK_MOST_NS):
        _note(&pack.known.pairs_now, &pack.known)


cdef void take_cell_volts(Pack* pack, uint32_t cell, double v, int64_t now_ns) noexcept nogil:
    cdef Pairs* pairs = &pack.cells[cell].pairs
    if now_ns > pack.known.last.time_ns:
        if pairs.waiting_ns == NEVER_NS:
            pack.waiting[pack.waiting_count] = cell
            pack.waiting_count += 1
        pairs.waiting_v, pairs.waiting_ns = v, now_ns
    elif _take_reading(pairs, pack, v, current_at(pack, now_ns), now_ns, CELL_LEAST_NS, CELL_MOST_NS):
        _note(&pack.known.cells_now, &pack.known)


cdef void take_waiting(Pack* pack) noexcept nogil:
    cdef Known* known = &pack.known
    cdef Pairs* pairs = &known.pairs
    cdef uint32_t number
    cdef int64_t at_ns = NEVER_NS
    cdef double a = NAN
    if pairs.waiting_ns != NEVER_NS:
        a = current_at(pack, pairs.waiting_ns)
        if _take_reading(pairs, pack, pairs.waiting_v, a, pairs.waiting_ns, PACK_LEAST_NS, PACK_MOST_NS):
            _note(&known.pairs_now, known)
        pairs.waiting_ns = NEVER_NS
    for number in range(pack.waiting_count):
        pairs = &pack.cells[pack.waiting[number]].pairs
        if pairs.waiting_ns != at_ns:  # a page has one stamp
            at_ns = pairs.waiting_ns
            a = current_at(pack, at_ns)
        if _take_reading(pairs, pack, pairs.waiting_v, a, at_ns, CELL_LEAST_NS, CELL_MOST_NS):
            _note(&known.cells_now, known)
        pairs.waiting_ns = NEVER_NS
    pack.waiting_count = 0


cdef void _add(Pairs* pairs) noexcept nogil:
    pairs.before.ii += pairs.now.ii
    pairs.before.ui += pairs.now.ui
    pairs.before.uu += pairs.now.uu
    pairs.before_count += pairs.now_count
    memset(&pairs.now, 0, sizeof(Steps))
    pairs.now_count = 0


cdef void _add_conditions(Conditions* before, Conditions* now) noexcept nogil:
    before.temp_k += now.temp_k
    before.temps += now.temps
    before.soc_pct += now.soc_pct
    before.socs += now.socs
    memset(now, 0, sizeof(Conditions))


cdef void fold_steps(Pack* pack) noexcept nogil:
    cdef uint32_t cell
    _add(&pack.known.pairs)
    _add_conditions(&pack.known.pairs_before, &pack.known.pairs_now)
    _add_conditions(&pack.known.cells_before, &pack.known.cells_now)
    for cell in range(pack.cell_count):
        _add(&pack.cells[cell].pairs)


cdef void _clear(Pairs* pairs) noexcept nogil:
    memset(&pairs.before, 0, sizeof(Steps))
    memset(&pairs.now, 0, sizeof(Steps))
    pairs.before_count = pairs.now_count = 0


cdef void clear_steps(Pack* pack) noexcept nogil:
    cdef uint32_t cell
    _clear(&pack.known.pairs)
    memset(&pack.known.pairs_before, 0, sizeof(Conditions))
    memset(&pack.known.pairs_now, 0, sizeof(Conditions))
    memset(&pack.known.cells_before, 0, sizeof(Conditions))
    memset(&pack.known.cells_now, 0, sizeof(Conditions))
    for cell in range(pack.cell_count):
        _clear(&pack.cells[cell].pairs)
