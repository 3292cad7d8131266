"""Pages of cells: what a row brings into its cycle, and the row that hands it over with its own stamp."""

from libc.math cimport NAN, isfinite
from libc.stdint cimport uint32_t, uint64_t

from telemetry_core.rules.channel cimport Channel
from telemetry_core.rules.map_table cimport (
    Cycle, MapTable, Output, Part, Slot, Target, find_word, mapped_value,
)
from telemetry_core.rows.access cimport has_field, set_double
from telemetry_core.rows.batch cimport RowHead, SampleBatch


cdef inline void take_values(const uint64_t* row, const uint64_t* raw, Channel* channel, const Cycle* cycle,
                             MapTable table, const Part* part, uint64_t row_number, uint64_t replaced) noexcept nogil:
    # Take the values of a part. replaced: number of a row whose values end where this row has none.
    cdef const Slot* slot
    cdef uint32_t number
    cdef double value
    for number in range(part.first_slot, part.first_slot + part.slot_count):
        slot = &table.slots[number]
        value = NAN
        if has_field(row, slot.source) and (slot.word_count == 0
                                            or find_word(slot, table.words, raw[slot.source]) == NULL):
            value = mapped_value(slot, raw[slot.source])  # cells have no texts: a word is an absent value
        if isfinite(value):
            channel.values[cycle.first_value + slot.target] = value
            channel.brought_by[cycle.first_value + slot.target] = row_number
        elif channel.brought_by[cycle.first_value + slot.target] == replaced:
            channel.brought_by[cycle.first_value + slot.target] = 0


cdef inline int write_page(SampleBatch pages, const uint64_t* row, const Channel* channel, const Output* output,
                           MapTable table, const uint32_t* parts, uint32_t count, uint32_t rows) except -1 nogil:
    # Write the voltages that the row has just brought in `count` parts, after so many rows of the batch.
    cdef const Target* target = &table.targets[output.target]
    cdef const Cycle* cycle = &table.cycles[table.buses[channel.bus].first_cycle + output.cycle]
    cdef uint64_t number = channel.cycles[output.cycle].number
    cdef uint32_t mask_words = pages.schema.records[target.record].mask_words
    cdef uint64_t* made = pages.add_row(target.record)
    cdef bint is_empty = True
    cdef const Part* part
    cdef uint32_t index, slot, field
    (<RowHead*>made).time_ns = (<const RowHead*>row).time_ns
    (<RowHead*>made).channel = (<const RowHead*>row).channel
    (<RowHead*>made).tags = channel.tags[target.tag_set]
    (<RowHead*>made).id = rows
    for index in range(count):
        part = &table.parts[output.first_part + parts[index]]
        for slot in range(part.first_slot, part.first_slot + part.slot_count):
            field = table.slots[slot].target
            if field < target.cell_count and channel.brought_by[cycle.first_value + field] == number:
                set_double(made, mask_words, field, channel.values[cycle.first_value + field])
                is_empty = False
    if is_empty:
        pages.drop_row(target.record)
    return 0
