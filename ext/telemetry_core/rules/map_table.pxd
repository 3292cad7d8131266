"""Data sheet of a MapSpec packed for the hot loop: flat arrays that refer to each other by index.

An index of ABSENT (-1) stands for no index. The functions read a message row by them: whether a part is there, and what
the raw value of a slot means.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from telemetry_core.rows.access cimport has_field
from telemetry_core.rows.schema cimport SLOT_FLOAT, SLOT_INT, Record, Schema

cdef struct Slot:                # map_spec.SlotMap
    double factor
    double offset
    double divisor               # with `decimal`: (raw * multiplier + bias) / divisor
    int64_t multiplier
    int64_t bias
    uint32_t source
    uint32_t target
    uint8_t kind                 # SlotKind of the source
    uint8_t decimal
    uint8_t is_flag              # the target's slot is a flag
    uint8_t is_text              # the target's slot is one
    uint32_t first_word          # raw values that are not numbers: absent ones, and the words of a text
    uint32_t word_count
    int32_t per                  # among the references of its bus; ABSENT: divided by none
    uint32_t first_origin        # of its field: those of lesser rank come first
    uint32_t origin              # among all origins; that of a field with one rank is not heard
    uint8_t is_ranked

cdef struct Reference:           # of BusMap.references
    uint32_t record
    uint32_t field

cdef struct Word:                # of SlotMap.absent and SlotMap.words
    uint64_t raw
    uint64_t slot
    uint8_t is_absent

cdef struct Range:               # inclusive; compared as signed or not, as its part says
    uint64_t low
    uint64_t high

cdef struct Part:                # map_spec.PartMap
    int32_t selector             # ABSENT: always there
    uint32_t first_range
    uint32_t range_count
    uint32_t first_slot
    uint32_t slot_count
    uint32_t first_selected      # the fields that are there with it, in MapTable.selected
    uint32_t selected_count
    uint8_t is_signed

cdef struct Output:              # map_spec.OutputMap
    uint32_t target
    int32_t cycle                # among the cycles of its bus
    uint32_t first_page          # of its parts, among the pages of its cycle
    uint32_t first_part
    uint32_t part_count

cdef struct Message:             # map_spec.MessageMap
    uint32_t first_output
    uint32_t output_count
    int32_t protection           # ABSENT: no field says whether a frame is right
    int32_t sender               # ABSENT: the one that is taken
    uint32_t sender_mask
    int32_t next                 # of the same record; ABSENT: this is the last

cdef struct Target:              # map_spec.TargetMap; fields that are not derived are ABSENT
    uint32_t record
    uint16_t tag_set
    uint32_t cell_count
    int32_t spread_to            # the target of what follows from its cells; ABSENT: nothing does
    int32_t voltage
    int32_t current
    int32_t power
    int32_t charging
    int32_t discharging
    int32_t cell_min
    int32_t cell_max
    int32_t cell_delta
    int32_t cell_min_index
    int32_t cell_max_index
    int32_t temp_min
    int32_t temp_max
    int32_t counted_current
    int32_t counted_power
    int32_t charged_ah
    int32_t discharged_ah
    int32_t charged_wh
    int32_t discharged_wh
    uint8_t is_counted           # it has a CountRule
    uint32_t first_origin        # of its fields
    uint32_t origin_count
    double power_unit            # 10**decimals of the power; 0: not rounded
    double delta_unit

cdef struct Cycle:               # map_spec.CycleMap
    uint32_t target
    uint32_t page_count
    uint32_t value_count         # fields of its target's record
    uint32_t first_page          # among the pages of all cycles of its bus
    uint32_t first_rank          # of its pages, among those of all cycles
    uint32_t first_value         # among their values
    uint64_t within_ns           # its pages are asked for: a round; 0: they are sent over and over

cdef struct Bus:                 # map_spec.BusMap
    int32_t* message_of_record   # index of the first of its messages, by record of the schema
    uint32_t first_cycle
    uint32_t cycle_count
    uint32_t page_count          # of all its cycles
    uint32_t value_count
    uint32_t first_reference
    uint32_t reference_count
    uint64_t count_gap_ns

cdef class MapTable:
    cdef Slot* slots
    cdef Word* words
    cdef Range* ranges
    cdef uint32_t* selected
    cdef Part* parts
    cdef Output* outputs
    cdef Message* messages
    cdef Target* targets
    cdef Cycle* cycles
    cdef uint32_t* ranks         # of the pages of each cycle: the lowest field that a page fills
    cdef uint8_t* optional       # of the same pages
    cdef dict origins            # of (target, field) with several ranks: the first of them, and the ranks
    cdef Bus* buses
    cdef Reference* references
    cdef Py_ssize_t reference_count
    cdef Py_ssize_t slot_count
    cdef Py_ssize_t word_count
    cdef Py_ssize_t range_count
    cdef Py_ssize_t selected_count
    cdef Py_ssize_t part_count
    cdef Py_ssize_t output_count
    cdef Py_ssize_t message_count
    cdef Py_ssize_t target_count
    cdef Py_ssize_t cycle_count
    cdef Py_ssize_t rank_count
    cdef Py_ssize_t origin_count
    cdef Py_ssize_t bus_count
    cdef Py_ssize_t tag_set_count

    cdef object _pack_bus(self, Schema schema, Bus* bus, spec)
    cdef object _chain_message(self, Bus* bus, Py_ssize_t record)
    cdef object _pack_cycle(self, Schema schema, Bus* bus, spec)
    cdef object _pack_output(self, Schema schema, Bus* bus, record, spec)
    cdef object _pack_origins(self, outputs)
    cdef object _pack_part(self, Schema schema, Bus* bus, record, target, spec)
    cdef object _pack_slot(self, Schema schema, Bus* bus, Record* source, target, spec)


cdef inline double mapped_value(const Slot* slot, uint64_t raw) noexcept nogil:
    # A raw value that its signal cannot have wraps round and does no harm.
    cdef double number
    if slot.decimal:
        return <double><int64_t>(raw * <uint64_t>slot.multiplier + <uint64_t>slot.bias) / slot.divisor
    if slot.kind == SLOT_FLOAT:
        memcpy(&number, &raw, 8)
    elif slot.kind == SLOT_INT:
        number = <double><int64_t>raw
    else:
        number = <double>raw
    return number * slot.factor + slot.offset


cdef inline const Word* find_word(const Slot* slot, const Word* words, uint64_t raw) noexcept nogil:
    # What the raw value means, or that it is absent; NULL where the slot has no word for it.
    cdef uint32_t number
    for number in range(slot.first_word, slot.first_word + slot.word_count):
        if words[number].raw == raw:
            return &words[number]
    return NULL


cdef inline bint has_selected(const uint64_t* row, const Part* part, const uint32_t* selected) noexcept nogil:
    # Whether the row has what the part's selector selects. The selector's own value is left out as "not available".
    cdef uint32_t number
    for number in range(part.first_selected, part.first_selected + part.selected_count):
        if has_field(row, selected[number]):
            return True
    return False


cdef inline bint is_there(const uint64_t* row, const uint64_t* raw, const Part* part, const Range* ranges,
                          const uint32_t* selected) noexcept nogil:
    if part.selector < 0:
        return True
    if not has_field(row, part.selector):
        return has_selected(row, part, selected)
    cdef uint64_t value = raw[part.selector]
    cdef uint32_t number
    for number in range(part.first_range, part.first_range + part.range_count):
        if part.is_signed:
            if <int64_t>ranges[number].low <= <int64_t>value <= <int64_t>ranges[number].high:
                return True
        elif ranges[number].low <= value <= ranges[number].high:
            return True
    return False
