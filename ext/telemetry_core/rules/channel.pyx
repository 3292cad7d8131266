"""What a mapper remembers of a channel: one piece of memory for each kind of thing, all 0 at first."""

from libc.stdint cimport int32_t, uint16_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from telemetry_core.rules.counting cimport Counters
from telemetry_core.rules.cycles cimport CycleState, Page
from telemetry_core.rules.derived cimport PowerState, Reading
from telemetry_core.rules.map_table cimport Bus, MapTable


cdef object make_channel(Channel* channel, MapTable table, Py_ssize_t bus, tags):
    cdef Bus* layout = &table.buses[bus]
    cdef Py_ssize_t number
    channel.tags = <uint16_t*>calloc(max(table.tag_set_count, 1), sizeof(uint16_t))
    channel.powers = <PowerState*>calloc(max(table.target_count, 1), sizeof(PowerState))
    channel.references = <Reading*>calloc(max(layout.reference_count, 1), sizeof(Reading))
    channel.counters = <Counters*>calloc(max(table.target_count, 1), sizeof(Counters))
    channel.cycles = <CycleState*>calloc(max(layout.cycle_count, 1), sizeof(CycleState))
    channel.pages = <Page*>calloc(max(layout.page_count, 1), sizeof(Page))
    channel.brought_by = <uint64_t*>calloc(max(layout.value_count, 1), sizeof(uint64_t))
    channel.values = <double*>calloc(max(layout.value_count, 1), sizeof(double))
    if not (channel.tags and channel.powers and channel.references and channel.counters and channel.cycles
            and channel.pages and channel.brought_by and channel.values):
        free_channel(channel)
        raise MemoryError
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
