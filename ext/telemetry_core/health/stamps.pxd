"""The stamps of a pack, all of them: to forget, or to move when the clock is set."""

from libc.math cimport NAN
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

from telemetry_core.health.pack cimport NEVER_NS, NO_LEVEL, Cell, Known, Pack

ctypedef void (*Stamped)(int64_t* time_ns, int64_t by_ns) noexcept nogil


cdef inline void forget_stamp(int64_t* time_ns, int64_t by_ns) noexcept nogil:
    time_ns[0] = NEVER_NS


cdef inline void shift_stamp(int64_t* time_ns, int64_t by_ns) noexcept nogil:
    if time_ns[0] != NEVER_NS:
        time_ns[0] += by_ns


cdef inline void each_stamp(Pack* pack, Stamped change, int64_t by_ns) noexcept nogil:
    # All but those of the day, which are the calendar's, and of its counters, which are not moved.
    cdef Known* known = &pack.known
    cdef uint32_t number
    cdef int64_t* stamps[15]
    stamps[:] = [
        &known.newest_ns, &known.last.time_ns, &known.previous.time_ns, &known.charge.start_ns, &known.charge.end_ns,
        &known.charge.under_ns, &known.charge.to_ns, &known.out_ns, &known.drive_ns, &known.moved_ns, &known.idle_ns,
        &known.median.steady_ns, &known.median.start_ns, &known.pairs.first.time_ns, &known.pairs.waiting_ns,
    ]
    for number in range(15):
        change(stamps[number], by_ns)
    for number in range(pack.cell_count):
        change(&pack.cells[number].pairs.first.time_ns, by_ns)
        change(&pack.cells[number].pairs.waiting_ns, by_ns)
        change(&pack.cells[number].newest_ns, by_ns)


cdef inline void forget_pack(Pack* pack) noexcept nogil:
    cdef Known* known = &pack.known
    cdef uint32_t cell
    memset(known, 0, sizeof(Known))
    memset(pack.cells, 0, pack.cell_count * sizeof(Cell))
    pack.waiting_count = 0
    each_stamp(pack, forget_stamp, 0)
    known.use.day_ns = known.use.end_ns = NEVER_NS
    known.v = known.last_v = known.soc_pct = known.temp_min_c = known.temp_max_c = known.temp_c = NAN
    known.use.range = -1
    for cell in range(pack.cell_count):
        pack.cells[cell].next_level = NO_LEVEL
