"""Data sheet of a channel: what a mapper remembers of it between two rows."""

from libc.stdint cimport int32_t, uint16_t, uint64_t

from telemetry_core.rules.counting cimport Counters
from telemetry_core.rules.cycles cimport CycleState, Page
from telemetry_core.rules.derived cimport PowerState, Reading
from telemetry_core.rules.map_table cimport MapTable

cdef struct Channel:
    int32_t bus                  # -1: not bound
    uint16_t* tags               # of each tag set
    PowerState* powers           # of each target
    Reading* references          # the last one of each of its bus
    Counters* counters           # of each target
    CycleState* cycles           # of each cycle of its bus
    Page* pages                  # of these cycles
    uint64_t* brought_by         # of each field of these cycles: number of the row that brought its value
    double* values               # of each field of these cycles

# Give the channel, which is not bound, the memory that the plan's bus `bus` needs. MemoryError.
cdef object make_channel(Channel* channel, MapTable table, Py_ssize_t bus, tags)

# Forget all of it: it is not bound any more.
cdef void free_channel(Channel* channel) noexcept nogil
