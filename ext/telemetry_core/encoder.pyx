# distutils: language = c++
"""Rows as text: line protocol for the database, csv and ndjson for people and other programs.

Promises: a number is printed by its signal's own resolution (fixed decimals by integer arithmetic where its scale
allows, else the shortest text that reads back to the double; whole numbers exact to 64 bits); numbers are floats to
the database, flags booleans; what is not finite is left out and counted; a row without any value gives no line and
is counted. Relies on the Schema's escaped keys. Nothing here allocates per row.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from telemetry_core.lines cimport LineBuffer
from telemetry_core.samples cimport RowHead, SampleBatch
from telemetry_core.schema cimport (
    HEAD_WORDS, SLOT_BOOL, SLOT_FLOAT, SLOT_INT, SLOT_UINT, Field, Record, Schema,
)

import json

cdef extern from "numbers.h" nogil:
    cdef enum:
        NUMBER_ROOM
        TEXT_SLACK
    char* put_text(char* out, const char* text, size_t length)
    char* put_exactly(char* out, const char* text, size_t length)
    char* put_decimal(char* out, int64_t scaled, unsigned decimals)
    char* put_whole(char* out, bint negative, uint64_t magnitude, int64_t factor, int64_t offset)
    char* put_double(char* out, double number)
    char* put_stamp(char* out, int64_t time_ns)
    char* put_arbitration_id(char* out, uint32_t id, bint extended)
    char* put_flag(char* out, bint flag)

cdef extern from *:
    int lowest_bit "__builtin_ctzll" (uint64_t word) noexcept nogil

cdef enum:
    EXTENDED_ID = 0x80000000     # as in frames.pxd
    EXTENDED_MASK = 0x1FFFFFFF
    STANDARD_MASK = 0x7FF

CSV_HEADER = "time_ns,channel,id,message,signal,value"

# Beyond this a double no longer holds every whole number.
cdef double WHOLE_LIMIT = 9007199254740992.0


@cython.final
cdef class Texts:
    """Byte strings by number, each with TEXT_SLACK readable bytes behind its end. One never put is `default`."""

    def __cinit__(self, Py_ssize_t count=0, bytes default=b""):
        self.longest = 0
        self._set(&self.unset, default)
        self._grow(count)

    def __dealloc__(self):
        cdef Py_ssize_t index
        for index in range(self.count):
            free(self.items[index].data)
        free(self.items)
        free(self.unset.data)

    cdef object _grow(self, Py_ssize_t count):
        cdef Text* grown = <Text*>realloc(self.items, max(count, 1) * sizeof(Text))
        if grown == NULL:
            raise MemoryError
        self.items = grown
        while self.count < count:
            grown[self.count].data = NULL
            self.count += 1
            self._set(&grown[self.count - 1], self.unset.data[:self.unset.length])

    cdef object _set(self, Text* item, bytes text):
        cdef char* data = <char*>calloc(1, len(text) + TEXT_SLACK)
        if data == NULL:
            raise MemoryError
        memcpy(data, <char*>text, len(text))
        free(item.data)
        item.data = data
        item.length = len(text)
        self.longest = max(self.longest, len(text))

    cdef object put(self, Py_ssize_t index, bytes text):
        if index >= self.count:
            self._grow(index + 1)
        self._set(&self.items[index], text)

    cdef inline char* copy(self, char* out, Py_ssize_t index) noexcept nogil:
        cdef Text* item = &self.items[index] if index < self.count else &self.unset
        return put_text(out, item.data, item.length)


cdef inline bint _is_whole(double number) noexcept:
    return -WHOLE_LIMIT <= number <= WHOLE_LIMIT and number == <double><int64_t>number


cdef void _plan_field(FieldPlan* plan, Field* field, uint32_t index, const char* text) noexcept:
    cdef bint whole = _is_whole(field.factor) and _is_whole(field.offset)
    memcpy(plan.key, text + field.key, min(<size_t>field.key_length, <size_t>KEY_HEAD))
    plan.key_at = field.key
    plan.key_length = field.key_length
    plan.field = index
    if field.kind == SLOT_BOOL:
        plan.form = FORM_FLAG
    elif field.kind == SLOT_FLOAT:
        plan.form = FORM_FLOAT
    elif field.decimal:
        plan.form = FORM_DECIMAL
        plan.multiplier = field.multiplier
        plan.bias = field.bias
        plan.decimals = field.decimals
    elif whole:
        plan.form = FORM_WHOLE_INT if field.kind == SLOT_INT else FORM_WHOLE_UINT
        plan.multiplier = <int64_t>field.factor
        plan.bias = <int64_t>field.offset
    else:
        plan.form = FORM_INT if field.kind == SLOT_INT else FORM_UINT


cdef char* _put_other(char* out, FieldPlan* plan, Field* field, uint64_t slot) noexcept nogil:
    # What is not decimal. NULL: not finite.
    cdef double number
    if plan.form == FORM_FLAG:
        return put_flag(out, slot != 0)
    if plan.form == FORM_WHOLE_UINT:
        return put_whole(out, False, slot, plan.multiplier, plan.bias)
    if plan.form == FORM_WHOLE_INT:
        if <int64_t>slot < 0:
            return put_whole(out, True, 0 - slot, plan.multiplier, plan.bias)
        return put_whole(out, False, slot, plan.multiplier, plan.bias)
    if plan.form == FORM_FLOAT:
        memcpy(&number, &slot, 8)
    elif plan.form == FORM_INT:
        number = <double><int64_t>slot
    else:
        number = <double>slot
    return put_double(out, number * field.factor + field.offset)


cdef inline char* _put_value(char* out, FieldPlan* plan, Field* fields, uint64_t slot) noexcept nogil:
    if plan.form == FORM_DECIMAL:
        return put_decimal(out, <int64_t>(slot * <uint64_t>plan.multiplier + <uint64_t>plan.bias), plan.decimals)
    return _put_other(out, plan, &fields[plan.field], slot)


cdef inline char* _put_id(char* out, uint32_t id) noexcept nogil:
    if id & EXTENDED_ID:
        return put_arbitration_id(out, id & EXTENDED_MASK, True)
    return put_arbitration_id(out, id & STANDARD_MASK, False)


@cython.final
cdef class Encoder:
    """Writes rows of one Schema. `shift_ns` is added to each stamp of line protocol.

    `left_out` counts values that were not finite, `empty_rows` rows that gave no line.
    """

    def __cinit__(self, Schema schema not None):
        self.schema = schema
        self.tag_sets = Texts()
        self.csv_channels = Texts()
        self.json_channels = Texts(0, b'""')
        self.measurements = Texts(schema.record_count)
        self.plans = <FieldPlan*>calloc(max(schema.field_count, 1), sizeof(FieldPlan))
        self.line_bytes = <uint32_t*>calloc(max(schema.record_count, 1), sizeof(uint32_t))
        if self.plans == NULL or self.line_bytes == NULL:
            raise MemoryError
        cdef Py_ssize_t index
        cdef Record* record
        for index in range(schema.field_count):
            _plan_field(&self.plans[index], &schema.fields[index], index, schema.text)
        for index in range(schema.record_count):
            record = &schema.records[index]
            self.measurements.put(index, schema.text[record.key:record.key + record.key_length])
            self.line_bytes[index] = record.key_length + 2 * NUMBER_ROOM + 2 * TEXT_SLACK + sum(
                [schema.fields[field].key_length + NUMBER_ROOM
                 for field in range(record.first_field, record.first_field + record.field_count)])

    def __dealloc__(self):
        free(self.plans)
        free(self.line_bytes)

    def set_tags(self, uint16_t index, bytes text not None):
        """What tag set `index` stands for: escaped `,key=value,key=value`, sorted by key; empty for no tags."""
        if (text and not text.startswith(b",")) or b"\n" in text:
            raise ValueError("tags begin with a comma and hold no newline")
        self.tag_sets.put(index, text)

    def set_channel(self, uint16_t index, str name not None):
        """What channel `index` is called in csv and ndjson."""
        self.csv_channels.put(index, _csv_text(name))
        self.json_channels.put(index, _json_text(name))

    cdef object _check(self, SampleBatch samples):
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than the encoder's")

    def encode(self, SampleBatch samples not None, LineBuffer lines not None):
        """Append the rows to `lines` as line protocol, in their order."""
        self._check(samples)
        cdef bint done
        with nogil:
            done = self._encode(samples, lines)
        if not done:
            raise MemoryError

    cdef bint _encode(self, SampleBatch samples, LineBuffer lines) noexcept nogil:
        cdef uint64_t* row = samples.words
        cdef Py_ssize_t number
        cdef RowHead* head
        cdef Record* record
        cdef char* out
        cdef char* body
        cdef int64_t stamp_ns
        for number in range(samples.rows):
            head = <RowHead*>row
            record = &self.schema.records[head.record]
            out = lines.reserve(self.line_bytes[head.record] + self.tag_sets.longest)
            if out == NULL:
                return False
            out = self.measurements.copy(out, head.record)
            out = self.tag_sets.copy(out, head.tags)
            body = out
            out = self._put_fields(out, row, record)
            if out == body:
                self.empty_rows += 1
            else:
                body[0] = c" "
                out[0] = c" "
                stamp_ns = head.time_ns + head.nudge_ns + self.shift_ns
                out = put_stamp(out + 1, stamp_ns)
                out[0] = c"\n"
                lines.commit(out + 1, stamp_ns)
            row += record.row_words
        return True

    cdef char* _put_fields(self, char* out, uint64_t* row, Record* record) noexcept nogil:
        cdef FieldPlan* plans = self.plans + record.first_field
        cdef FieldPlan* plan
        cdef uint64_t* slots = row + HEAD_WORDS + record.mask_words
        cdef uint32_t word
        cdef uint32_t index
        cdef uint64_t mask
        cdef char* end
        for word in range(record.mask_words):
            mask = row[HEAD_WORDS + word]
            while mask:
                index = 64 * word + lowest_bit(mask)
                mask &= mask - 1
                plan = &plans[index]
                memcpy(out, plan.key, KEY_HEAD)
                if plan.key_length > KEY_HEAD:
                    memcpy(out, self.schema.text + plan.key_at, plan.key_length)
                end = _put_value(out + plan.key_length, plan, self.schema.fields, slots[index])
                if end == NULL:
                    self.left_out += 1
                else:
                    out = end
        return out

    def encode_csv(self, SampleBatch samples not None, LineBuffer lines not None):
        """Append one csv row a field, as CSV_HEADER says, with the frame's own stamp; flags as 0 and 1."""
        self._check(samples)
        if self.csv_messages is None:
            self._name_for_csv()
        cdef bint done
        with nogil:
            done = self._encode_csv(samples, lines)
        if not done:
            raise MemoryError

    cdef object _name_for_csv(self):
        messages = Texts(self.schema.record_count)
        signals = Texts(self.schema.field_count)
        cdef Py_ssize_t field = 0
        for record, spec in enumerate(self.schema.specs):
            messages.put(record, _csv_text(spec.message or spec.measurement) + b",")
            for field_spec in spec.fields:
                signals.put(field, _csv_text(field_spec.signal or field_spec.name) + b",")
                field += 1
        self.csv_signals = signals
        self.csv_messages = messages

    cdef bint _encode_csv(self, SampleBatch samples, LineBuffer lines) noexcept nogil:
        cdef uint64_t* row = samples.words
        cdef Py_ssize_t number
        cdef RowHead* head
        cdef Record* record
        cdef FieldPlan* plan
        cdef uint64_t slot
        cdef uint32_t index
        cdef char* out
        cdef size_t most = (self.csv_channels.longest + self.csv_messages.longest + self.csv_signals.longest
                            + 3 * NUMBER_ROOM + 3 * TEXT_SLACK)
        for number in range(samples.rows):
            head = <RowHead*>row
            record = &self.schema.records[head.record]
            for index in range(record.field_count):
                if not (row[HEAD_WORDS + index // 64] >> (index % 64)) & 1:
                    continue
                out = lines.reserve(most)
                if out == NULL:
                    return False
                out = put_stamp(out, head.time_ns)
                out[0] = c","
                out = self.csv_channels.copy(out + 1, head.channel)
                out[0] = c","
                out = _put_id(out + 1, head.id)
                out[0] = c","
                out = self.csv_messages.copy(out + 1, head.record)
                out = self.csv_signals.copy(out, record.first_field + index)
                plan = &self.plans[record.first_field + index]
                slot = row[HEAD_WORDS + record.mask_words + index]
                if plan.form == FORM_FLAG:
                    out[0] = c"1" if slot else c"0"
                    out += 1
                else:
                    out = _put_value(out, plan, self.schema.fields, slot)
                if out == NULL:
                    self.left_out += 1
                else:
                    out[0] = c"\n"
                    lines.commit(out + 1, head.time_ns)
            row += record.row_words
        return True

    def encode_ndjson(self, SampleBatch samples not None, LineBuffer lines not None):
        """Append one JSON object a row: time_ns (the frame's own), channel, id, message, signals by name."""
        self._check(samples)
        if self.json_messages is None:
            self._name_for_json()
        cdef bint done
        with nogil:
            done = self._encode_ndjson(samples, lines)
        if not done:
            raise MemoryError

    cdef object _name_for_json(self):
        messages = Texts(self.schema.record_count)
        signals = Texts(self.schema.field_count)
        cdef Py_ssize_t field = 0
        for record, spec in enumerate(self.schema.specs):
            messages.put(record, _json_text(spec.message or spec.measurement))
            for field_spec in spec.fields:
                signals.put(field, b"," + _json_text(field_spec.signal or field_spec.name) + b":")
                field += 1
        self.json_signals = signals
        self.json_messages = messages

    cdef bint _encode_ndjson(self, SampleBatch samples, LineBuffer lines) noexcept nogil:
        cdef uint64_t* row = samples.words
        cdef Py_ssize_t number
        cdef RowHead* head
        cdef Record* record
        cdef uint32_t index
        cdef char* out
        cdef char* body
        cdef char* end
        cdef size_t frame = (self.json_channels.longest + self.json_messages.longest + 2 * NUMBER_ROOM
                             + 128 + 6 * TEXT_SLACK)
        cdef size_t field = self.json_signals.longest + NUMBER_ROOM + TEXT_SLACK
        for number in range(samples.rows):
            head = <RowHead*>row
            record = &self.schema.records[head.record]
            out = lines.reserve(frame + record.field_count * field)
            if out == NULL:
                return False
            out = put_stamp(put_exactly(out, b'{"time_ns":', 11), head.time_ns)
            out = self.json_channels.copy(put_exactly(out, b',"channel":', 11), head.channel)
            out = _put_id(put_exactly(out, b',"id":"', 7), head.id)
            out = self.json_messages.copy(put_exactly(out, b'","message":', 12), head.record)
            out = put_exactly(out, b',"signals":', 11)
            body = out
            for index in range(record.field_count):
                if not (row[HEAD_WORDS + index // 64] >> (index % 64)) & 1:
                    continue
                end = self.json_signals.copy(out, record.first_field + index)
                end = _put_value(end, &self.plans[record.first_field + index], self.schema.fields,
                                 row[HEAD_WORDS + record.mask_words + index])
                if end == NULL:
                    self.left_out += 1
                else:
                    out = end
            if out == body:
                self.empty_rows += 1
            else:
                body[0] = c"{"
                out = put_exactly(out, b"}}\n", 3)
                lines.commit(out, head.time_ns)
            row += record.row_words
        return True


cdef bytes _csv_text(str name):
    # RFC 4180, 2.6 and 2.7.
    if any(special in name for special in ',"\r\n'):
        name = '"' + name.replace('"', '""') + '"'
    return name.encode("utf-8", "replace")


cdef bytes _json_text(str name):
    return json.dumps(name, ensure_ascii=False).encode("utf-8", "replace")
