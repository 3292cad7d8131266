"""Data sheet of printing: what is prepared of each record and field, and the hot loop over it."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from telemetry_core.rows.access cimport lowest_bit
from telemetry_core.rows.schema cimport HEAD_WORDS, Field, FieldText, Schema

cdef extern from "telemetry_core/text/numbers.h" nogil:
    cdef enum:
        NUMBER_ROOM              # bytes that any number may write
        SMALL_NUMBERS
    uint64_t scale_raw(uint64_t raw, int64_t multiplier, int64_t bias)
    char* put_small(char* out, uint64_t number)
    char* put_decimal(char* out, int64_t scaled, unsigned decimals)

cdef enum:
    KEY_HEAD = 32                # bytes of a key that are copied at once

cdef enum Form:                  # how a slot becomes text
    FORM_DECIMAL = 0             # (raw * multiplier + bias) / 10**decimals, within int64
    FORM_FLAG = 1                # true, false
    FORM_WHOLE_INT = 2           # int64 * multiplier + bias, exact as far as it fits 64 bits
    FORM_WHOLE_UINT = 3          # uint64 likewise
    FORM_INT = 4                 # int64 * factor + offset, in double precision
    FORM_UINT = 5                # uint64 likewise
    FORM_FLOAT = 6               # double likewise
    FORM_TEXT = 7                # int64: what its field's table has for it
    FORM_WORD = 8                # the same, and nothing where the table has nothing
    FORM_ASCII = 9               # the characters themselves

cdef struct FieldPlan:           # one cache line
    char key[KEY_HEAD]           # the beginning of the escaped `,name=`
    int64_t multiplier
    int64_t bias
    Field* field
    uint32_t small_limit         # scaled numbers below it are looked up; 0 if the key is longer than KEY_HEAD
    uint16_t key_length
    uint8_t form                 # Form
    uint8_t decimals

cdef struct RecordPlan:          # one cache line
    char key[KEY_HEAD]           # the beginning of the escaped measurement
    uint32_t key_at              # the whole, in Schema.text
    uint32_t key_length
    uint32_t first_field
    uint16_t mask_words
    uint16_t modelled            # its number among the records of the data model, from 1 on; 0: a message's
    uint32_t row_words
    uint32_t line_bytes          # room that a line may need, tags apart
    uint64_t empty_rows

cdef RecordPlan* plan_records(Schema schema) except NULL
cdef FieldPlan* plan_fields(Schema schema) except NULL

# A value that is not decimal; NULL if it is not finite, or a raw value without a word.
cdef char* put_other(char* out, FieldPlan* plan, const uint64_t* slot) noexcept nogil

# One value, with NUMBER_ROOM bytes from `out`; its end, or NULL as for put_other. `slot` is its place in the row.
cdef inline char* put_value(char* out, FieldPlan* plan, const uint64_t* slot) noexcept nogil:
    cdef uint64_t scaled = scale_raw(slot[0], plan.multiplier, plan.bias)
    if scaled < plan.small_limit:
        return put_small(out, scaled)
    if plan.form == FORM_DECIMAL:
        return put_decimal(out, <int64_t>scaled, plan.decimals)
    return put_other(out, plan, slot)

# The characters of a field of FORM_ASCII, or a text, as one value of a csv row. is_guarded: after an apostrophe where a
# spreadsheet may take it for a formula.
cdef char* put_csv_characters(char* out, const Field* field, const uint64_t* slot, bint is_guarded) noexcept nogil
cdef char* put_csv_text(char* out, const FieldText* text, bint is_guarded) noexcept nogil

cdef inline char* put_key(char* out, const char* head, size_t length, const char* whole) noexcept nogil:
    memcpy(out, head, KEY_HEAD)
    if length > KEY_HEAD:
        memcpy(out + KEY_HEAD, whole + KEY_HEAD, length - KEY_HEAD)
    return out + length

# `,name=value` of any field; `out` itself, and the field counted, where put_value gives nothing.
cdef char* put_field(char* out, FieldPlan* plan, const char* text, const uint64_t* slot,
                     int64_t* left_out) noexcept nogil

# `,name=value` of each field that the row has and that can be written.
cdef inline char* put_fields(char* out, uint64_t* row, RecordPlan* record, FieldPlan* plans, const char* text,
                             int64_t* left_out) noexcept nogil:
    # The fields that are present, run by run: a row is mostly one run.
    cdef FieldPlan* plan
    cdef FieldPlan* end_of_run
    cdef uint64_t* slot
    cdef uint32_t word
    cdef uint64_t present
    cdef int count
    cdef uint64_t scaled
    for word in range(record.mask_words):
        present = row[HEAD_WORDS + word]
        plan = plans + record.first_field + 64 * word
        slot = row + HEAD_WORDS + record.mask_words + 64 * word
        while present:
            count = lowest_bit(present)
            plan += count
            slot += count
            present >>= count
            count = lowest_bit(~present) if ~present else 64
            present = present >> (count - 1) >> 1
            end_of_run = plan + count
            while plan != end_of_run:
                scaled = scale_raw(slot[0], plan.multiplier, plan.bias)
                if scaled < plan.small_limit:
                    memcpy(out, plan.key, KEY_HEAD)
                    out = put_small(out + plan.key_length, scaled)
                else:  # by a call, so that what most fields need stays in registers
                    out = put_field(out, plan, text, slot, left_out)
                plan += 1
                slot += 1
    return out
