"""What a mapper remembers of a channel: one piece of memory for each kind of thing, all 0 at first."""

from libc.stdint cimport int32_t, uint16_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from telemetry_core.memory cimport zeroed
from telemetry_core.rules.counting cimport Counters
from telemetry_core.rules.cycles cimport CycleState, Page
from telemetry_core.rules.derived cimport PowerState, Reading
from telemetry_core.rules.map_table cimport Bus, MapTable


cdef object make_channel(Channel* channel, MapTable table, Py_ssize_t bus, tags):
    cdef Bus* layout = &table.buses[bus]
    cdef Py_ssize_t number
    channel.tags = <uint16_t*>zeroed(table.tag_set_count, sizeof(uint16_t))
    channel.powers = <PowerState*>zeroed(table.target_count, sizeof(PowerState))
    channel.references = <Reading*>zeroed(layout.reference_count, sizeof(Reading))
    channel.counters = <Counters*>zeroed(table.target_count, sizeof(Counters))
    channel.cycles = <CycleState*>zeroed(layout.cycle_count, sizeof(CycleState))
    channel.pages = <Page*>zeroed(layout.page_count, sizeof(Page))
    channel.brought_by = <uint64_t*>zeroed(layout.value_count, sizeof(uint64_t))
    channel.values = <double*>zeroed(layout.value_count, sizeof(double))
    for number in range(table.tag_set_count):
        channel.tags[number] = tags[number]
    channel.bus = <int32_t>bus


cdef void free_channel(Channel* channel) noexcept nogil:
    free(channel.tags)
    free(channel.powers)
    free(channel.references)
    free(channel.counters)
    free(channel.cycles)
    free(channel.pages)
    free(channel.brought_by)
    free(channel.values)
    memset(channel, 0, sizeof(Channel))
    channel.bus = -1
