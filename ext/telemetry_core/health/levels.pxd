"""The charge of cells between like voltages, against the median cell: sums over the levels, 5 mV apart, that both crossed.

Promises:
- Levels count in stretches of constant current of 1 C or less, from 300 s after its last change.
- Nothing is kept of a voltage but the charge at which it was first crossed, until both have: 20 levels of a cell at most.
- The median crosses a level when half of the cells that take part have.

Relies on readings of all cells coming in turn: a cell that comes twice ends the first turn of a stretch.
"""

from libc.math cimport fabs, floor
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport qsort
from libc.string cimport memset

from telemetry_core.health.pack cimport (
    LEVELS, MINUTE_NS, NEVER_NS, NO_CHARGE, NO_LEVEL, OPEN_LEVELS, SECOND_NS, Cell, Known, Median, Pack,
)

cdef extern from *:
    """
    #define STEADY_NS (300 * SECOND_NS)
    #define CONSTANT 0.05
    #define SMOOTHED_S 60.0
    #define LEVEL_V 0.005
    """
    const int64_t STEADY_NS      # so long after a change of the current voltages still follow it
    const double CONSTANT        # a current that differs by less, of its smoothed self
    const double SMOOTHED_S
    const double LEVEL_V


cdef inline int compare_voltages(const void* one, const void* other) noexcept nogil:
    cdef double first = (<const double*>one)[0]
    cdef double second = (<const double*>other)[0]
    return (first > second) - (first < second)


cdef inline uint32_t sort_voltages(Pack* pack, int64_t since_ns) noexcept nogil:
    # Into `sorted_v`, of those that came at this stamp or later; how many. Rare.
    cdef uint32_t count = 0
    cdef uint32_t number
    for number in range(pack.cell_count):
        if pack.cells[number].newest_ns >= since_ns:
            pack.sorted_v[count] = pack.cells[number].newest_v
            count += 1
    qsort(pack.sorted_v, count, sizeof(double), compare_voltages)
    return count


cdef inline void end_stretch(Pack* pack) noexcept nogil:
    cdef uint32_t number
    pack.known.median.steady_ns = NEVER_NS
    if pack.known.median.is_counting:
        pack.known.median.is_counting = False
        for number in range(pack.cell_count):
            pack.cells[number].next_level = NO_LEVEL


cdef inline void take_steady(Pack* pack, double a, int64_t now_ns) noexcept nogil:
    # A current into the pack has come after `Known.last`; where none flows, or after a gap, `end_stretch`.
    cdef Median* median = &pack.known.median
    cdef double passed_s = (now_ns - pack.known.last.time_ns) / 1e9
    if median.steady_ns == NEVER_NS or fabs(a - median.reference_a) > CONSTANT * median.reference_a or a > pack.one_c_a:
        end_stretch(pack)
        median.steady_ns = now_ns
        median.reference_a = a
    else:
        median.reference_a += (a - median.reference_a) * min(passed_s / SMOOTHED_S, 1.0)


cdef inline bint is_steady(const Known* known, int64_t now_ns) noexcept nogil:
    return (known.state != NO_CHARGE and known.median.steady_ns != NEVER_NS
            and now_ns - known.median.steady_ns >= STEADY_NS and now_ns - known.last.time_ns <= MINUTE_NS)


cdef inline int32_t level_over(double v) noexcept nogil:
    return <int32_t>floor(v / LEVEL_V) + 1


cdef inline void join_stretch(Median* median, Cell* cell, double v) noexcept nogil:
    # It has crossed what lies under its voltage, nobody knows when.
    cdef int32_t level
    cell.next_level = cell.first_level = level_over(v)
    median.cells += 1
    for level in range(median.next_level, min(cell.first_level, median.next_level + LEVELS)):
        median.above[level % LEVELS] += 1


cdef inline void begin_stretch(Pack* pack) noexcept nogil:
    # With the cells that have come in it.
    cdef Median* median = &pack.known.median
    cdef int64_t since_ns = median.steady_ns + STEADY_NS
    cdef uint32_t number = sort_voltages(pack, since_ns) // 2  # of two the upper: fewer than half are over the next level
    cdef Cell* cell
    memset(median.above, 0, sizeof(median.above))
    median.next_level = median.first_level = level_over(pack.sorted_v[number])
    median.cells = 0
    median.is_counting = True
    for number in range(pack.cell_count):
        cell = &pack.cells[number]
        if median.start_ns != pack.known.charge.start_ns:
            cell.levels = 0
            cell.x = cell.y = cell.xx = cell.xy = cell.yy = 0
        if cell.newest_ns >= since_ns:
            join_stretch(median, cell, cell.newest_v)
    median.start_ns = pack.known.charge.start_ns


cdef inline void fold_level(Cell* cell, float median_as, float cell_as) noexcept nogil:
    cdef double x = median_as / 3600.0
    cdef double y = cell_as / 3600.0
    cell.levels += 1
    cell.x += x
    cell.y += y
    cell.xx += x * x
    cell.xy += x * y
    cell.yy += y * y


cdef inline void cross_median(Pack* pack, float as_) noexcept nogil:
    # Half of the cells have crossed the next level: fold those of them whose charge there is still known.
    cdef Median* median = &pack.known.median
    cdef int32_t level = median.next_level
    cdef uint32_t number
    cdef Cell* cell
    median.open_as[level % OPEN_LEVELS] = as_
    median.above[level % LEVELS] = 0
    median.next_level = level + 1
    for number in range(pack.cell_count):
        cell = &pack.cells[number]
        if cell.first_level <= level < cell.next_level and cell.next_level - level <= OPEN_LEVELS:
            fold_level(cell, as_, cell.open_as[level % OPEN_LEVELS])


cdef inline void cross_level(Pack* pack, Cell* cell, int32_t level, float as_) noexcept nogil:
    cdef Median* median = &pack.known.median
    cell.open_as[level % OPEN_LEVELS] = as_
    cell.next_level = level + 1
    if median.first_level <= level < median.next_level and median.next_level - level <= OPEN_LEVELS:
        fold_level(cell, median.open_as[level % OPEN_LEVELS], as_)
    elif median.next_level <= level < median.next_level + LEVELS:
        median.above[level % LEVELS] += 1
        while 2 * median.above[median.next_level % LEVELS] >= median.cells:
            cross_median(pack, as_)


cdef inline bint take_level(Pack* pack, Cell* cell, double v, int64_t now_ns) noexcept nogil:
    # A cell's voltage while `is_steady`, before its newest one is replaced. Whether the stretch goes on.
    cdef Median* median = &pack.known.median
    cdef double as_ = pack.known.charge.sums.as_ + pack.known.last.a * ((now_ns - pack.known.last.time_ns) / 1e9)
    cdef double before_as = as_ - median.reference_a * ((now_ns - cell.newest_ns) / 1e9)
    cdef double rise_v = v - cell.newest_v
    cdef double share = 0
    cdef int32_t level
    if not median.is_counting:
        if cell.newest_ns < median.steady_ns + STEADY_NS:
            return True  # the first turn
        begin_stretch(pack)
    if cell.next_level == NO_LEVEL:
        join_stretch(median, cell, v)
    elif level_over(v) - cell.next_level > OPEN_LEVELS:
        end_stretch(pack)  # no cell does so: it is another, or a reading is wrong
        return False
    else:
        for level in range(cell.next_level, level_over(v)):
            if rise_v > 0:
                share = max((level * LEVEL_V - cell.newest_v) / rise_v, 0.0)
            cross_level(pack, cell, level, <float>(before_as + (as_ - before_as) * share))
    return True
