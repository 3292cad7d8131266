"""The charge of cells between like voltages, against the median cell: sums over the levels, 5 mV apart, that both crossed.

Promises:
- Levels count in stretches of constant current of 1 C or less, from 300 s after its last change.
- Nothing is kept of a voltage but the charge at which it was first crossed, until both have: 20 levels of a cell at most.
- The median crosses a level when half of the cells that take part have.

Relies on readings of all cells coming in turn: a cell that comes twice ends the first turn of a stretch.
"""

from libc.math cimport fabs
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint32_t
from libc.string cimport memset

from telemetry_core.health.pack cimport (
    MINUTE_NS, NEVER_NS, NO_CHARGE, NO_LEVEL, OPEN_LEVELS, SECOND_NS, Cell, Kept, Known, Levels, Median, Pack,
)

cdef extern from *:
    """
    #define STEADY_NS (300 * SECOND_NS)  /* so long after a change of the current voltages still follow it */
    #define CONSTANT 0.05                /* a current that differs by less, of its smoothed self */
    #define SMOOTHED_NS 60e9
    #define LEVELS_A_V 200
    """
    const int64_t STEADY_NS
    const double CONSTANT, SMOOTHED_NS
    const int32_t LEVELS_A_V


cdef inline void end_stretch(Pack* pack) noexcept nogil:
    cdef uint32_t number
    pack.known.median.steady_ns = NEVER_NS
    if pack.known.median.next_level != NO_LEVEL:
        pack.known.median.next_level = NO_LEVEL
        for number in range(pack.cell_count):
            pack.cells[number].next_level = NO_LEVEL


cdef inline void take_steady(Pack* pack, double a, int64_t now_ns) noexcept nogil:
    # A current into the pack has come after `Known.last`; where none flows, `end_stretch`.
    cdef Median* median = &pack.known.median
    cdef int64_t passed_ns = now_ns - pack.known.last.time_ns
    if (median.steady_ns == NEVER_NS or passed_ns > MINUTE_NS or a > pack.one_c_a
            or fabs(a - median.reference_a) > CONSTANT * median.reference_a):
        end_stretch(pack)
        median.steady_ns = now_ns
        median.reference_a = a
    else:
        median.reference_a += (a - median.reference_a) * min(passed_ns / SMOOTHED_NS, 1.0)


cdef inline void forget_levels(Pack* pack) noexcept nogil:
    # Another charge has begun.
    cdef uint32_t number
    for number in range(pack.cell_count):
        memset(&pack.kept[number].levels, 0, sizeof(Levels))


cdef inline bint is_steady(const Known* known, int64_t now_ns) noexcept nogil:
    return (known.state != NO_CHARGE and known.median.steady_ns != NEVER_NS
            and now_ns - known.median.steady_ns >= STEADY_NS and now_ns - known.last.time_ns <= MINUTE_NS)


cdef inline int32_t level_over(double v) noexcept nogil:
    return <int32_t>(v * LEVELS_A_V) + 1


cdef inline void join_stretch(Median* median, Cell* cell, double v) noexcept nogil:
    # It has crossed what lies under its voltage, nobody knows when.
    cell.next_level = cell.first_level = level_over(v)
    median.cells += 1
    median.above += cell.next_level > median.next_level


cdef inline void fold_level(Levels* levels, float median_as, float cell_as) noexcept nogil:
    cdef double x = median_as / 3600.0
    cdef double y = cell_as / 3600.0
    levels.count += 1
    levels.x += x
    levels.y += y
    levels.xx += x * x
    levels.xy += x * y
    levels.yy += y * y


cdef inline void cross_median(Pack* pack, float as_) noexcept nogil:
    # Half of the cells have crossed the next level: fold those of them whose charge there is still known.
    cdef Median* median = &pack.known.median
    cdef int32_t level = median.next_level
    cdef uint32_t number
    cdef const Cell* cell
    median.open_as[level % OPEN_LEVELS] = as_
    median.next_level = level + 1
    median.above = 0
    for number in range(pack.cell_count):
        cell = &pack.cells[number]
        median.above += cell.next_level > median.next_level
        if cell.first_level <= level < cell.next_level <= level + OPEN_LEVELS:
            fold_level(&pack.kept[number].levels, as_, pack.kept[number].open_as[level % OPEN_LEVELS])


cdef inline void begin_stretch(Pack* pack) noexcept nogil:
    # With the cells that have come in it. The median begins over the lowest, and has crossed what half of them have.
    cdef Median* median = &pack.known.median
    cdef int64_t since_ns = median.steady_ns + STEADY_NS
    cdef uint32_t number
    cdef Cell* cell
    median.next_level = INT32_MAX
    for number in range(pack.cell_count):
        if pack.cells[number].time_ns >= since_ns:
            median.next_level = min(median.next_level, level_over(pack.cells[number].v))
    median.cells = median.above = 0
    for number in range(pack.cell_count):
        cell = &pack.cells[number]
        if cell.time_ns >= since_ns:
            join_stretch(median, cell, cell.v)
    while 2 * median.above >= median.cells:
        cross_median(pack, 0)
    median.first_level = median.next_level


cdef inline void cross_level(Pack* pack, uint32_t number, int32_t level, float as_) noexcept nogil:
    cdef Median* median = &pack.known.median
    cdef Kept* kept = &pack.kept[number]
    kept.open_as[level % OPEN_LEVELS] = as_
    pack.cells[number].next_level = level + 1
    if median.first_level <= level < median.next_level <= level + OPEN_LEVELS:
        fold_level(&kept.levels, median.open_as[level % OPEN_LEVELS], as_)
    elif level == median.next_level:
        median.above += 1
        while 2 * median.above >= median.cells:
            cross_median(pack, as_)


cdef inline bint take_level(Pack* pack, uint32_t number, double v, int64_t now_ns) noexcept nogil:
    # A cell's voltage over its next level while `is_steady`, before its newest one is replaced. Whether that goes on.
    cdef const Known* known = pack.known
    cdef Cell* cell = &pack.cells[number]
    cdef double as_, before_as, share
    cdef int32_t level
    if known.median.next_level == NO_LEVEL:
        if cell.time_ns < known.median.steady_ns + STEADY_NS:
            return True  # the first turn
        begin_stretch(pack)
    if cell.next_level == NO_LEVEL:
        join_stretch(&pack.known.median, cell, v)
    elif level_over(v) > cell.next_level + OPEN_LEVELS:
        end_stretch(pack)  # no cell does so: it is another, or a reading is wrong
        return False
    else:
        as_ = known.charge.sums.as_ + known.last.a * ((now_ns - known.last.time_ns) / 1e9)
        before_as = as_ - known.median.reference_a * ((now_ns - cell.time_ns) / 1e9)
        for level in range(cell.next_level, level_over(v)):
            share = max((<double>level / LEVELS_A_V - cell.v) / (v - cell.v), 0.0) if v > cell.v else 0.0
            cross_level(pack, number, level, <float>(before_as + (as_ - before_as) * share))
    return True
