"""What a mapper remembers of a channel: one piece of memory for each kind of thing, all 0 at first."""

from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from telemetry_core.memory cimport zeroed
from telemetry_core.rules.counting cimport Counters
from telemetry_core.rules.cycles cimport UNHEARD, CycleState, Page
from telemetry_core.rules.derived cimport PowerState, Reading
from telemetry_core.rules.map_table cimport Bus, Cycle, MapTable, Message, Output, Target


cdef object make_channel(Channel* channel, MapTable table, Py_ssize_t bus, tags):
    cdef Bus* layout = &table.buses[bus]
    cdef Py_ssize_t number, first_rank
    channel.tags = <uint16_t*>zeroed(table.tag_set_count, sizeof(uint16_t))
    channel.powers = <PowerState*>zeroed(table.target_count, sizeof(PowerState))
    channel.references = <Reading*>zeroed(layout.reference_count, sizeof(Reading))
    channel.heard = <Reading*>zeroed(table.origin_count, sizeof(Reading))
    channel.counters = <Counters*>zeroed(table.target_count, sizeof(Counters))
    channel.cycles = <CycleState*>zeroed(layout.cycle_count, sizeof(CycleState))
    channel.pages = <Page*>zeroed(layout.page_count, sizeof(Page))
    channel.brought_by = <uint64_t*>zeroed(layout.value_count, sizeof(uint64_t))
    channel.values = <double*>zeroed(layout.value_count, sizeof(double))
    if layout.page_count:
        first_rank = table.cycles[layout.first_cycle].first_rank
        for number in range(layout.page_count):
            if table.optional[first_rank + number]:
                channel.pages[number].is_optional = True
                channel.pages[number].is_missing = UNHEARD
    for number in range(table.tag_set_count):
        channel.tags[number] = tags[number]
    channel.bus = <int32_t>bus
    channel.is_watching = True  # until a row finds nothing that does


cdef void free_channel(Channel* channel) noexcept nogil:
    free(channel.tags)
    free(channel.powers)
    free(channel.references)
    free(channel.heard)
    free(channel.counters)
    free(channel.cycles)
    free(channel.pages)
    free(channel.brought_by)
    free(channel.values)
    memset(channel, 0, sizeof(Channel))
    channel.bus = -1


cdef object remembered(Channel* channel, MapTable table):
    if channel.bus < 0:
        return None
    cdef Bus* bus = &table.buses[channel.bus]
    cdef Py_ssize_t n
    return (
        [channel.powers[n] for n in range(table.target_count)],
        [channel.counters[n] for n in range(table.target_count)],
        [channel.heard[n] for n in range(table.origin_count)],
        [channel.references[n] for n in range(bus.reference_count)],
        [channel.cycles[n] for n in range(bus.cycle_count)],
        [channel.pages[n] for n in range(bus.page_count)],
        [channel.brought_by[n] for n in range(bus.value_count)],
        [channel.values[n] for n in range(bus.value_count)],
    )


cdef object recall(Channel* channel, MapTable table, memory):
    cdef Py_ssize_t n
    if channel.bus < 0 or [*map(len, memory)] != [*map(len, remembered(channel, table))]:
        raise ValueError("the memory is of another map")
    powers, counters, heard, references, cycles, pages, brought_by, values = memory
    for n in range(len(powers)):
        channel.powers[n], channel.counters[n] = powers[n], counters[n]
    for n in range(len(heard)):
        channel.heard[n] = heard[n]
    for n in range(len(references)):
        channel.references[n] = references[n]
    for n in range(len(cycles)):
        channel.cycles[n] = cycles[n]
    for n in range(len(pages)):
        channel.pages[n] = pages[n]
    for n in range(len(values)):
        channel.brought_by[n], channel.values[n] = brought_by[n], values[n]
    channel.is_watching = True


cdef object missing_pages(const Channel* channel, MapTable table):
    cdef Py_ssize_t number
    cdef uint32_t page
    cdef Cycle* cycle
    cdef Page* pages
    found = []
    for number in range(table.buses[channel.bus].cycle_count if channel.bus >= 0 else 0):
        cycle = &table.cycles[table.buses[channel.bus].first_cycle + number]
        pages = channel.pages + cycle.first_page
        for page in range(cycle.page_count if channel.cycles[number].number else 0):
            if pages[page].is_missing != UNHEARD and (
                    pages[page].is_missing or (pages[page].came == 0 and cycle.page_count > 1)):
                found.append((number, page))
    return found


cdef void forget_sender(Channel* channel, MapTable table, const Message* message) noexcept nogil:
    cdef const Output* output
    cdef const Target* target
    cdef uint32_t number
    for number in range(message.first_output, message.first_output + message.output_count):
        output = &table.outputs[number]
        target = &table.targets[output.target]
        memset(&channel.heard[target.first_origin], 0, target.origin_count * sizeof(Reading))
        memset(&channel.powers[output.target], 0, sizeof(PowerState))
        channel.powers[output.target].is_changed = True
        channel.counters[output.target].charge.is_known = False
        channel.counters[output.target].energy.is_known = False
        if output.cycle >= 0:
            channel.cycles[output.cycle].is_cut = True
            channel.cycles[output.cycle].fitted = 0
