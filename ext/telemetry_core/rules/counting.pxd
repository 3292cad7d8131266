"""Counting of charge and energy: a current or a power over frame time, by trapezoids.

Promises:
- What goes in and what comes out are counted apart. The count is exact for a reading that changes evenly, also
  where it changes its sign.
- Sums only grow, and depend on readings and stamps alone.
- Time that no two readings enclose is not counted: a gap longer than `gap_ns`, a step back in time, the time before
  the first reading and after the last.
- A reading so large that a sum would be infinite is not counted.
"""

from libc.math cimport isfinite, rint
from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef enum:
    NS_PER_S = 1_000_000_000

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


cdef inline void take_reading(Integral* integral, double value, int64_t time_ns, uint64_t gap_ns) noexcept nogil:
    """Count what lies between the last reading and this one."""
    cdef double before = integral.value
    cdef double seconds, halved
    cdef double into_s = integral.into_s
    cdef double out_of_s = integral.out_of_s
    # A distance without a sign: the difference of two 64-bit stamps fits it.
    cdef uint64_t passed_ns = <uint64_t>time_ns - <uint64_t>integral.time_ns
    cdef bint is_bridged = integral.is_known and integral.time_ns < time_ns and passed_ns <= gap_ns
    integral.value = value
    integral.time_ns = time_ns
    integral.is_known = True
    if not is_bridged:
        return
    seconds = passed_ns / 1e9
    if before >= 0 and value >= 0:
        into_s += 0.5 * (before + value) * seconds
    elif before <= 0 and value <= 0:
        out_of_s -= 0.5 * (before + value) * seconds
    else:  # two triangles, on either side of where the line crosses zero
        halved = 0.5 * seconds / (value - before if value > before else before - value)
        into_s += max(before, value) * max(before, value) * halved
        out_of_s += min(before, value) * min(before, value) * halved
    if isfinite(into_s) and isfinite(out_of_s):
        integral.into_s = into_s
        integral.out_of_s = out_of_s


cdef inline int64_t interval_of(int64_t time_ns, int64_t every_ns) noexcept nogil:
    # Its number, rounded down, also before 1970.
    return time_ns // every_ns if time_ns >= 0 else -1 - (-1 - time_ns) // every_ns


cdef inline bint begins_second(Counters* counters, int64_t time_ns) noexcept nogil:
    """Return whether counters are due at this stamp: not within the second in which they were written last."""
    cdef int64_t second = interval_of(time_ns, NS_PER_S)
    if counters.is_written and second == counters.written_second:
        return False
    counters.written_second = second
    counters.is_written = True
    return True


cdef inline double in_hours(double sum_s) noexcept nogil:
    """Return a sum in Ah or Wh, rounded to millionths so that it prints short."""
    cdef double hours = sum_s / 3600
    cdef double whole = hours * 1e6
    return rint(whole) / 1e6 if whole < 9007199254740992.0 else hours  # 2**53: larger ones are whole already
