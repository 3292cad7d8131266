"""How a map reads a message row: whether a part is there, and what the raw value of a slot means."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from telemetry_core.rules.map_table cimport Part, Range, Slot, Word
from telemetry_core.rows.access cimport has_field
from telemetry_core.rows.schema cimport SLOT_FLOAT, SLOT_INT


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
