"""The charge of cells between like voltages, against the median cell: sums over the levels that both crossed.

Promises:
- Levels count in stretches of constant current of 1 C or less, from 300 s after its last change.
- Nothing is kept of a voltage but the charge at which it was first crossed, until both have: 20 levels of a cell at most.
- The median crosses a level when half of the cells that take part have.

Relies on readings of all cells coming in turn: a cell that comes twice ends the first turn of a stretch.
"""

from libc.math cimport fabs, floor
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memset

from telemetry_core.health.median cimport sort_voltages
from telemetry_core.health.pack cimport (
    LEVELS, NEVER_NS, OPEN_LEVELS, Cell, Known, Median, Pack,
)

cdef double LEVEL_V = 0.005
cdef double LIKE = 0.05          # a current that differs by less, of its smoothed self, is constant
cdef double SMOOTHED_S = 60.0


cdef void end_stretch(Pack* pack) noexcept nogil:
    cdef Median* median = &pack.known.median
    cdef uint32_t number
    median.steady_ns = NEVER_NS
    if median.is_counting:
        median.is_counting = False
        for number in range(pack.cell_count):
            pack.cells[number].next_level = NO_LEVEL


cdef void take_steady(Pack* pack, double a, int64_t now_ns) noexcept nogil:
    cdef Median* median = &pack.known.median
    cdef double passed_s = (now_ns - pack.known.last.time_ns) / 1e9
    if median.steady_ns == NEVER_NS or fabs(a - median.reference_a) > LIKE * median.reference_a or a > pack.one_c_a:
        end_stretch(pack)
        median.steady_ns = now_ns
        median.reference_a = a
    else:
        median.reference_a += (a - median.reference_a) * min(passed_s / SMOOTHED_S, 1.0)


cdef inline int32_t _level_over(double v) noexcept nogil:
    """Return the first level over the voltage."""
    return <int32_t>floor(v / LEVEL_V) + 1


cdef void take_level(Pack* pack, Cell* cell, double v, int64_t now_ns) noexcept nogil:
    cdef Known* known = &pack.known
    cdef Median* median = &known.median
    cdef double as_ = known.charge.sums.as_ + known.last.a * ((now_ns - known.last.time_ns) / 1e9)
    cdef double before_as = as_ - median.reference_a * ((now_ns - cell.newest_ns) / 1e9)
    cdef double before_v = cell.newest_v
    cdef int32_t level
    if not median.is_counting:
        if cell.newest_ns - median.steady_ns < STEADY_NS:
            return  # the first turn
        _begin(pack)
    if cell.next_level == NO_LEVEL:
        _join(median, cell, v)
        return
    level = cell.next_level
    if v < level * LEVEL_V:
        return
    if _level_over(v) - level > OPEN_LEVELS:  # no cell does so: it is another, or a reading is wrong
        end_stretch(pack)
        return
    while level * LEVEL_V <= v:
        _cross(pack, cell, level, before_as + (as_ - before_as) * _share(level * LEVEL_V, before_v, v))
        level += 1
    cell.next_level = level


cdef inline double _share(double at, double before, double now) noexcept nogil:
    """Return how far from one voltage to the next it is."""
    return min(max((at - before) / (now - before), 0.0), 1.0) if now > before else 1.0


cdef void _begin(Pack* pack) noexcept nogil:
    """Let the cells take part that have come in this stretch."""
    cdef Median* median = &pack.known.median
    cdef int64_t since_ns = median.steady_ns + STEADY_NS
    cdef uint32_t number
    cdef Cell* cell
    memset(median.above, 0, sizeof(median.above))
    number = sort_voltages(pack, since_ns) // 2  # of two the upper one: fewer than half are over the next level
    median.next_level = median.first_level = _level_over(pack.sorted_v[number])
    median.cells = 0
    median.is_counting = True
    for number in range(pack.cell_count):
        cell = &pack.cells[number]
        if median.start_ns != pack.known.charge.start_ns:
            cell.levels = 0
            cell.x = cell.y = cell.xx = cell.xy = cell.yy = 0
        if cell.newest_ns >= since_ns:
            _join(median, cell, cell.newest_v)
    median.start_ns = pack.known.charge.start_ns


cdef void _join(Median* median, Cell* cell, double v) noexcept nogil:
    """Let a cell take part. It has crossed what lies under its voltage, nobody knows when."""
    cdef int32_t level
    cell.next_level = cell.first_level = _level_over(v)
    median.cells += 1
    for level in range(median.next_level, min(cell.first_level, median.next_level + LEVELS)):
        median.above[level % LEVELS] += 1


cdef void _cross(Pack* pack, Cell* cell, int32_t level, double as_) noexcept nogil:
    cdef Median* median = &pack.known.median
    cell.open_as[level % OPEN_LEVELS] = <float>as_
    cell.next_level = level + 1
    if level < median.next_level:
        if level >= median.first_level and median.next_level - level <= OPEN_LEVELS:
            _fold(cell, median.open_as[level % OPEN_LEVELS], cell.open_as[level % OPEN_LEVELS])
    elif level < median.next_level + LEVELS:
        median.above[level % LEVELS] += 1
        while 2 * median.above[median.next_level % LEVELS] >= median.cells:
            _cross_median(pack, <float>as_)


cdef void _cross_median(Pack* pack, float as_) noexcept nogil:
    """Half of the cells have crossed the next level: fold those of them whose charge there is known still."""
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
            _fold(cell, as_, cell.open_as[level % OPEN_LEVELS])


cdef void _fold(Cell* cell, float median_as, float cell_as) noexcept nogil:
    cdef double x = median_as / 3600.0
    cdef double y = cell_as / 3600.0
    cell.levels += 1
    cell.x += x
    cell.y += y
    cell.xx += x * x
    cell.xy += x * y
    cell.yy += y * y
