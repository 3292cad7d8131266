"""The cells' voltages in their order, for their median. Rare."""

from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport qsort

from telemetry_core.health.pack cimport Pack


cdef int _compare(const void* one, const void* other) noexcept nogil:
    cdef double first = (<const double*>one)[0]
    cdef double second = (<const double*>other)[0]
    return (first > second) - (first < second)


cdef uint32_t sort_voltages(Pack* pack, int64_t since_ns) noexcept nogil:
    cdef uint32_t count = 0
    cdef uint32_t number
    for number in range(pack.cell_count):
        if pack.cells[number].newest_ns >= since_ns:
            pack.sorted_v[count] = pack.cells[number].newest_v
            count += 1
    qsort(pack.sorted_v, count, sizeof(double), _compare)
    return count
