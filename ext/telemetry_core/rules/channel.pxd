"""Data sheet of a channel: what a mapper remembers of it between two rows."""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rules.counting cimport Counters
from telemetry_core.rules.cycles cimport CycleState, Page, passed
from telemetry_core.rules.derived cimport PowerState, Reading
from telemetry_core.rules.map_table cimport MapTable, Message, Slot

cdef struct Channel:
    int32_t bus                  # -1: not bound
    bint is_watching             # rows of any message matter: they have references, or tell a held reading the time
    uint16_t* tags               # of each tag set
    PowerState* powers           # of each target
    Reading* references          # the last one of each of its bus
    Reading* heard               # when each origin was, of fields that have several
    Counters* counters           # of each target
    CycleState* cycles           # of each cycle of its bus
    Page* pages                  # of these cycles
    uint64_t* brought_by         # of each field of these cycles: number of the row that brought its value
    double* values               # of each field of these cycles

# Give the channel, which is not bound, the memory that the plan's bus `bus` needs. MemoryError.
cdef object make_channel(Channel* channel, MapTable table, Py_ssize_t bus, tags)

# Forget all of it: it is not bound any more.
cdef void free_channel(Channel* channel) noexcept nogil

# All of it as plain values, None where it is not bound; and back. ValueError: it is of another map.
cdef object remembered(Channel* channel, MapTable table)
cdef object recall(Channel* channel, MapTable table, memory)

# As (cycle, page) what is missing, or has not come yet where others have.
cdef object missing_pages(const Channel* channel, MapTable table)

# Forget what another device sent for the message's targets. Counters keep their sums.
cdef void forget_sender(Channel* channel, MapTable table, const Message* message) noexcept nogil


cdef inline bint fills(Channel* channel, const Slot* slot, int64_t time_ns, uint64_t gap_ns) noexcept nogil:
    # Note that the slot has a value; return whether it fills its field: no origin of lesser rank had one within
    # `gap_ns`. After a step back in time these had their last one now, so that they are waited for no longer than that.
    cdef Reading* other
    cdef uint32_t number
    cdef bint is_first = True
    if not slot.is_ranked:
        return True
    for number in range(slot.first_origin, slot.origin):
        other = &channel.heard[number]
        other.time_ns = min(other.time_ns, time_ns)
        is_first &= not other.is_known or passed(other.time_ns, time_ns) > gap_ns
    channel.heard[slot.origin] = Reading(0, time_ns, True)
    return is_first
