# distutils: language = c++
"""How the fields of a record are printed: prepared from a Schema once, then followed by the encoder's loop.

Promises: a plan is one cache line, with all that most fields need. Relies on the Schema for escaped keys, and on
its living as long as its plans.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from telemetry_core.rows.schema cimport (
    MOST_CHARACTERS, SLOT_ASCII, SLOT_BOOL, SLOT_FLOAT, SLOT_INT, SLOT_TEXT, SLOT_WORD, Field, FieldText, Record, Schema,
    begins_formula, find_text, get_characters,
)
from telemetry_core.text.texts cimport TEXT_SLACK, put_literal

cdef extern from "stdlib.h":
    void* aligned_alloc(size_t alignment, size_t size)

cdef extern from "telemetry_core/text/numbers.h" nogil:
    char* put_whole(char* out, uint64_t raw, bint is_signed, int64_t factor, int64_t offset)
    char* put_double(char* out, double number)
    char* put_flag(char* out, bint flag)

# Beyond this a double no longer holds every whole number.
cdef double WHOLE_LIMIT = 9007199254740992.0


cdef inline bint _is_whole(double number) noexcept:
    return -WHOLE_LIMIT <= number <= WHOLE_LIMIT and number == <double><int64_t>number


cdef void _plan_field(FieldPlan* plan, Field* field, const char* text) noexcept:
    cdef bint whole = _is_whole(field.factor) and _is_whole(field.offset)
    memcpy(plan.key, text + field.key, min(<size_t>field.key_length, <size_t>KEY_HEAD))
    plan.field = field
    plan.key_length = field.key_length
    if field.kind == SLOT_BOOL:
        plan.form = FORM_FLAG
    elif field.kind == SLOT_TEXT:
        plan.form = FORM_TEXT
    elif field.kind == SLOT_WORD:
        plan.form = FORM_WORD
    elif field.kind == SLOT_ASCII:
        plan.form = FORM_ASCII
    elif field.kind == SLOT_FLOAT:
        plan.form = FORM_FLOAT
    elif field.decimal:
        plan.form = FORM_DECIMAL
        plan.multiplier = field.multiplier
        plan.bias = field.bias
        plan.decimals = field.decimals
        plan.small_limit = SMALL_NUMBERS if field.decimals == 0 and field.key_length <= KEY_HEAD else 0
    elif whole:
        plan.form = FORM_WHOLE_INT if field.kind == SLOT_INT else FORM_WHOLE_UINT
        plan.multiplier = <int64_t>field.factor
        plan.bias = <int64_t>field.offset
    else:
        plan.form = FORM_INT if field.kind == SLOT_INT else FORM_UINT


cdef uint32_t longest_of(const Field* field) noexcept:
    cdef uint32_t index, longest = 2 * field.characters + 2  # each may have to be escaped
    for index in range(field.text_count):
        longest = max(longest, field.texts[index].quoted_length)
    return longest


cdef void _plan_record(RecordPlan* plan, Record* record, Field* fields, const char* text) noexcept:
    cdef uint32_t index
    memcpy(plan.key, text + record.key, min(<size_t>record.key_length, <size_t>KEY_HEAD))
    plan.key_at = record.key
    plan.key_length = record.key_length
    plan.first_field = record.first_field
    plan.mask_words = 0 if record.hidden else <uint16_t>record.mask_words  # no field of a hidden record is read
    plan.row_words = record.row_words
    plan.line_bytes = record.key_length + 2 * NUMBER_ROOM + 2 * TEXT_SLACK
    for index in range(record.first_field, record.first_field + record.field_count):
        plan.line_bytes += fields[index].key_length + NUMBER_ROOM + longest_of(&fields[index])


cdef void* _cache_lines(size_t count, size_t size) except NULL:
    # `count` zeroed structs of `size` bytes, a multiple of 64, each at the beginning of a cache line.
    cdef void* lines = aligned_alloc(64, max(count, <size_t>1) * size)
    if lines == NULL:
        raise MemoryError
    memset(lines, 0, max(count, <size_t>1) * size)
    return lines


cdef FieldPlan* plan_fields(Schema schema) except NULL:
    cdef FieldPlan* plans = <FieldPlan*>_cache_lines(schema.field_count, sizeof(FieldPlan))
    cdef Py_ssize_t index
    for index in range(schema.field_count):
        _plan_field(&plans[index], &schema.fields[index], schema.text)
    return plans


cdef RecordPlan* plan_records(Schema schema) except NULL:
    cdef RecordPlan* plans = <RecordPlan*>_cache_lines(schema.record_count, sizeof(RecordPlan))
    cdef Py_ssize_t index
    cdef uint16_t modelled = 0
    for index in range(schema.record_count):
        _plan_record(&plans[index], &schema.records[index], schema.fields, schema.text)
        if schema.records[index].modelled:
            modelled += 1
            plans[index].modelled = modelled
    return plans


cdef char* put_quoted(char* out, const Field* field, int64_t raw) noexcept nogil:
    cdef const FieldText* found = find_text(field, raw)
    if found == NULL and field.kind == SLOT_WORD:
        return NULL
    if found == NULL:
        return put_literal(put_whole(put_literal(out, b'"'), <uint64_t>raw, True, 1, 0), b'"')
    memcpy(out, found.quoted, found.quoted_length)
    return out + found.quoted_length


cdef char* put_characters(char* out, const Field* field, const uint64_t* slot) noexcept nogil:
    # In quotes, as line protocol and JSON have them.
    cdef char[MOST_CHARACTERS] text
    cdef size_t index
    cdef size_t count = get_characters(text, field, slot)
    out[0] = c'"'
    out += 1
    for index in range(count):
        if text[index] == c'"' or text[index] == c"\\":
            out[0] = c"\\"
            out += 1
        out[0] = text[index]
        out += 1
    out[0] = c'"'
    return out + 1


cdef char* put_csv_characters(char* out, const Field* field, const uint64_t* slot, bint is_guarded) noexcept nogil:
    cdef char[MOST_CHARACTERS] text
    cdef size_t index
    cdef size_t count = get_characters(text, field, slot)
    cdef bint is_quoted = False
    for index in range(count):
        is_quoted |= text[index] == c"," or text[index] == c'"'
    if is_quoted:
        out[0] = c'"'
        out += 1
    if is_guarded and count and begins_formula(text[0]):
        out[0] = c"'"
        out += 1
    for index in range(count):
        if text[index] == c'"':
            out[0] = c'"'
            out += 1
        out[0] = text[index]
        out += 1
    if is_quoted:
        out[0] = c'"'
        out += 1
    return out


cdef char* put_csv_text(char* out, const FieldText* text, bint is_guarded) noexcept nogil:
    cdef const char* plain = text.plain
    cdef size_t length = text.plain_length
    cdef bint is_quoted = plain[0] == c'"'
    if is_guarded and begins_formula(plain[is_quoted]):
        if is_quoted:
            out[0] = c'"'
            out += 1
            plain += 1
            length -= 1
        out[0] = c"'"
        out += 1
    memcpy(out, plain, length)
    return out + length


cdef char* put_other(char* out, FieldPlan* plan, const uint64_t* slot) noexcept nogil:
    cdef double number
    if plan.form == FORM_FLAG:
        return put_flag(out, slot[0] != 0)
    if plan.form == FORM_TEXT or plan.form == FORM_WORD:
        return put_quoted(out, plan.field, <int64_t>slot[0])
    if plan.form == FORM_ASCII:
        return put_characters(out, plan.field, slot)
    if plan.form == FORM_WHOLE_UINT:
        return put_whole(out, slot[0], False, plan.multiplier, plan.bias)
    if plan.form == FORM_WHOLE_INT:
        return put_whole(out, slot[0], True, plan.multiplier, plan.bias)
    if plan.form == FORM_FLOAT:
        memcpy(&number, slot, 8)
    elif plan.form == FORM_INT:
        number = <double><int64_t>slot[0]
    else:
        number = <double>slot[0]
    return put_double(out, number * plan.field.factor + plan.field.offset)


cdef char* put_field(char* out, FieldPlan* plan, const char* text, const uint64_t* slot,
                     int64_t* left_out) noexcept nogil:
    cdef char* end = put_value(put_key(out, plan.key, plan.key_length, text + plan.field.key), plan, slot)
    if end == NULL:
        left_out[0] += plan.form != FORM_WORD
        return out
    return end
