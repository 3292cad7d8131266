"""Data sheet of a counter: what it remembers of one quantity between two readings."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef struct Integral:            # of a current or a power over time, either way apart
    double value                 # the last reading
    int64_t time_ns              # its stamp
    double into_s                # of what was positive: A s, W s
    double out_of_s              # of what was negative, without its sign
    uint8_t is_known             # there is a last reading

cdef struct Counters:            # of one target of a channel
    Integral charge              # A s
    Integral energy              # W s
    int64_t written_second       # in which the counters were written last
    uint8_t is_written           # they were written before

cdef void take_reading(Integral* integral, double value, int64_t time_ns, uint64_t gap_ns) noexcept nogil
cdef bint begins_second(Counters* counters, int64_t time_ns) noexcept nogil
cdef double in_hours(double sum_s) noexcept nogil
