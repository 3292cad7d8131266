"""Data sheet of what passes with time alone."""

from libc.stdint cimport int64_t

from telemetry_core.charge.plug cimport Plug

# Report deadlines, windows and minutes that have passed until now_ns.
cdef void pass_timers(Plug* plug, int64_t now_ns) noexcept nogil
# Report the deadlines that have passed at now_ns, and find the next.
cdef void pass_deadlines(Plug* plug, int64_t now_ns) noexcept nogil
