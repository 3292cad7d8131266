"""The cells' voltages in their order, for their median."""

from libc.stdint cimport int64_t, uint32_t

from telemetry_core.health.pack cimport Pack

# Into `sorted_v`, of those that came at this stamp or later; return how many.
cdef uint32_t sort_voltages(Pack* pack, int64_t since_ns) noexcept nogil
