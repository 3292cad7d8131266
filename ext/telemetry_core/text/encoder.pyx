# distutils: language = c++
"""Rows as text: line protocol for the database, csv and ndjson for people and other programs.

Promises:

- A number has its signal's own resolution: fixed decimals, by integer arithmetic, where its scale allows.
  Otherwise it is the shortest text that reads back to the double. Whole numbers are exact to 64 bits.
- In the database a number is a float, a flag a boolean.
- A value that is not finite is left out and counted. A row without any value to write gives no line and is counted.
- Rows take no memory of their own.

Relies on the Schema's escaped keys.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from telemetry_core.frames.batch cimport ID_EXTENDED, ID_MASK
from telemetry_core.memory cimport zeroed
from telemetry_core.text.lines cimport LineBuffer
from telemetry_core.text.printing cimport (
    FORM_ASCII, FORM_FLAG, FORM_TEXT, FORM_WORD, NUMBER_ROOM, FieldPlan, RecordPlan, plan_fields, plan_records,
    put_csv_characters, put_csv_text, put_fields, put_key, put_value,
)
from telemetry_core.rows.access cimport has_field
from telemetry_core.rows.batch cimport ROW_REPLACES, RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, FieldText, Record, Schema, find_text
from telemetry_core.text.texts cimport TEXT_SLACK, Texts, put_literal, put_text_of

import json

from telemetry_core.rows.schema import csv_text, guarded

cdef extern from "telemetry_core/text/numbers.h" nogil:
    struct StampHead:
        int64_t base_ns
    void set_stamp_head(StampHead* head, int64_t stamp_ns)
    char* put_whole(char* out, uint64_t raw, bint is_signed, int64_t factor, int64_t offset)
    char* put_stamp(char* out, int64_t time_ns)
    char* put_iso_stamp(char* out, int64_t time_ns)
    char* put_decimal(char* out, int64_t scaled, unsigned decimals)
    char* put_line_end(char* out, int64_t stamp_ns, StampHead* head)
    char* put_arbitration_id(char* out, uint32_t id, bint extended)

cdef enum:
    STANDARD_ID_MASK = 0x7FF
    LONGEST_ADDRESS = 16         # letters; NUMBER_ROOM has room for them
    JSON_NAMES_ROOM = 64         # what _put_json_head writes by itself
    NO_CHANNEL = 1 << 16         # an index that has no text of its own

CSV_HEADER = "time_ns,channel,id,message,signal,value"
_TIME_FORMS = {"ns": TIME_NS, "iso": TIME_ISO, "relative": TIME_RELATIVE}
_TIME_COLUMNS = ("time_ns", "time", "time_s")  # by TimeForm


cdef inline char* _put_id(char* out, uint32_t id) noexcept nogil:
    if id & ID_EXTENDED:
        return put_arbitration_id(out, id & ID_MASK, True)
    return put_arbitration_id(out, id & STANDARD_ID_MASK, False)


@cython.final
cdef class Encoder:
    """Writes rows of one Schema.

    `shift_ns` is added to each stamp of line protocol. `left_out` counts the values that were not finite.
    `modelled_series` holds the newest stamps written of the data model. `origin_ns` is where relative times begin.
    With `is_guarded` texts of csv that a spreadsheet may take for formulas follow an apostrophe.
    """

    def __cinit__(self, Schema schema not None, *, bint is_guarded=False):
        self.schema = schema
        self.is_guarded = is_guarded
        self.tag_sets = Texts()
        self.addresses = Texts()
        self.csv_channels = Texts()
        self.csv_owners = Texts()
        self.json_owners = Texts()
        self.json_channels = Texts(b'""')
        self.plans = plan_fields(schema)
        self.records = plan_records(schema)
        self.field_bytes = <uint64_t*>zeroed(schema.record_count, sizeof(uint64_t))
        self.modelled_series = SeriesStamps(sum(spec.modelled for spec in schema.specs))

    def __dealloc__(self):
        free(self.plans)
        free(self.records)
        free(self.field_bytes)

    def expect_parts(self, records):
        """Expect rows of these records in parts, as bounds make them: they say themselves which may overlap."""
        for index in records:
            if self.records[<Py_ssize_t>index].modelled:
                self.modelled_series.in_parts[self.records[<Py_ssize_t>index].modelled - 1] = True

    def empty_by_measurement(self):
        """Return how many rows gave no line, since they had no value to write: by measurement, without zeros.

        Hidden rows do not count.
        """
        cdef Py_ssize_t index
        return self._sums([0 if self.schema.records[index].hidden else self.records[index].empty_rows
                           for index in range(self.schema.record_count)])

    def field_bytes_by_measurement(self):
        """Return how many bytes of fields lines of line protocol have had, without tags and stamps, likewise."""
        cdef Py_ssize_t index
        return self._sums([self.field_bytes[index] for index in range(self.schema.record_count)])

    cdef dict _sums(self, counts):
        found = {}
        for spec, count in zip(self.schema.specs, counts):
            if count:
                found[spec.measurement] = found.get(spec.measurement, 0) + count
        return found

    def set_tags(self, uint16_t index, bytes text not None):
        """Set the text of tag set `index`: escaped `,key=value,…`, sorted by key; empty for no tags.

        Raises ValueError for a text that does not begin with a comma, or holds a newline.
        """
        if (text and not text.startswith(b",")) or b"\n" in text:
            raise ValueError("tags begin with a comma and hold no newline")
        self.tag_sets.put(index, text)

    def set_channel(self, uint16_t index, str name not None, bytes address not None=b""):
        """Set the name of channel `index` in csv and ndjson.

        `address` is that of its device, up to 16 letters, and the id of all its rows; empty: the id is the frame's.
        Raises ValueError for a longer one.
        """
        if len(address) > LONGEST_ADDRESS:
            raise ValueError(f"an address has at most {LONGEST_ADDRESS} letters")
        self.addresses.put(index, address)
        self.csv_channels.put(index, self.csv_cell(name))
        self.json_channels.put(index, _json_text(name))

    def set_owner(self, uint16_t index, owner, *, bint is_of_channel=True):
        """Let rows of tag set `index` say whose they are: texts by name, in csv its last columns, in ndjson keys.

        Without `is_of_channel` they have an empty channel.
        """
        self.csv_owners.put(index, b"".join(b"," + self.csv_cell(each) for each in owner.values()))
        self.json_owners.put(index, b"".join(b",%b:%b" % (_json_text(name), _json_text(each))
                                             for name, each in owner.items()))
        self.without_channel[index // 8] &= <uint8_t>~(1 << (index % 8))
        self.without_channel[index // 8] |= <uint8_t>((not is_of_channel) << (index % 8))

    def csv_cell(self, str text not None):
        """Return `text` as one value of its csv."""
        return csv_text(guarded(text) if self.is_guarded else text)

    def write_times(self, str form not None):
        """Set how csv and ndjson write a stamp: "ns", "iso" or "relative".

        "ns" is an integer since 1970, and the form before any is set. "iso" is ISO 8601 in UTC with nine decimals.
        "relative" is seconds since `origin_ns`, exact. Raises KeyError for another form.
        """
        self.time_form = _TIME_FORMS[form]

    def csv_header(self):
        """Return the first line of csv, without its newline."""
        return CSV_HEADER.replace("time_ns", self.time_column).encode()

    @property
    def time_column(self):
        """Return the name of the column of stamps."""
        return _TIME_COLUMNS[self.time_form]

    cdef object _check(self, SampleBatch samples):
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than the encoder's")

    def encode(self, SampleBatch samples not None, LineBuffer lines not None):
        """Append the rows to `lines` as line protocol, in their order.

        Afterwards `lines.overlaps` says whether earlier contents may hold the same points of the data model.
        Raises ValueError for rows of another schema.
        """
        self._check(samples)
        with nogil:
            self._encode(samples, lines)

    cdef int _encode(self, SampleBatch samples, LineBuffer lines) except -1 nogil:
        # All in local variables: the compiler must assume that each byte written may change any object.
        cdef uint64_t* row = samples.words
        cdef uint64_t* end_of_rows = row + samples.used
        cdef char* out = lines.data + lines.used
        cdef char* end_of_room = lines.data + lines.room
        cdef RecordPlan* records = self.records
        cdef FieldPlan* plans = self.plans
        cdef uint64_t* field_bytes = self.field_bytes
        cdef const char* text = self.schema.text
        cdef size_t longest_tags = self.tag_sets.longest
        cdef int64_t shift_ns = self.shift_ns
        cdef int64_t first_ns = lines.first_stamp_ns
        cdef int64_t last_ns = lines.last_stamp_ns
        cdef Py_ssize_t line_count = 0
        cdef bint overlaps = False
        cdef char* line
        cdef char* body
        cdef RowHead* head
        cdef RecordPlan* record
        cdef int64_t stamp_ns
        cdef StampHead stamp_head
        set_stamp_head(&stamp_head, 0)
        while row < end_of_rows:
            head = <RowHead*>row
            record = &records[head.record]
            if <size_t>(end_of_room - out) < record.line_bytes + longest_tags:
                lines.used = out - lines.data
                out = lines.reserve(record.line_bytes + longest_tags)
                if out == NULL:
                    break
                end_of_room = lines.data + lines.room
            line = out
            out = put_key(out, record.key, record.key_length, text + record.key_at)
            out = put_text_of(out, self.tag_sets, head.tags)
            body = out
            out = put_fields(out, row, record, plans, text, &self.left_out)
            if out == body:
                record.empty_rows += 1
                out = line
            else:
                body[0] = c" "
                field_bytes[head.record] += out - body - 1
                stamp_ns = head.time_ns + head.nudge_ns + shift_ns
                out = put_line_end(out, stamp_ns, &stamp_head)
                first_ns = min(first_ns, stamp_ns)
                last_ns = max(last_ns, stamp_ns)
                if record.modelled:
                    overlaps |= self.modelled_series.overlaps(
                        record.modelled - 1, head.tags, stamp_ns, lines.content, head.id & ROW_REPLACES != 0)
                line_count += 1
            row += record.row_words
        if out != NULL:
            lines.used = out - lines.data
        lines.line_count += line_count
        lines.first_stamp_ns = first_ns
        lines.last_stamp_ns = last_ns
        lines.overlaps |= overlaps
        if out == NULL:
            raise MemoryError
        return 0

    def encode_csv(self, SampleBatch samples not None, LineBuffer lines not None):
        """Append one csv row a field, in the columns of CSV_HEADER, with the frame's own stamp.

        Flags are 0 and 1. Rows of the data model have no id but the address of their device: several messages may have
        gone into one. Raises ValueError for rows of another schema.
        """
        self._check(samples)
        if self.csv_messages is None:
            self.csv_messages, self.csv_signals = self._named(self.csv_cell, b"%b,", b"%b,")
        with nogil:
            self._encode_csv(samples, lines)

    cdef tuple _named(self, as_text, bytes message_form, bytes signal_form):
        # What stands for each record, and for each field.
        messages = Texts()
        signals = Texts()
        cdef Py_ssize_t field = 0
        for record, spec in enumerate(self.schema.specs):
            messages.put(record, message_form % as_text(spec.message_name))
            for field_spec in spec.fields:
                signals.put(field, signal_form % as_text(field_spec.signal_name))
                field += 1
        return messages, signals

    cdef int _encode_csv(self, SampleBatch samples, LineBuffer lines) except -1 nogil:
        cdef uint64_t* row = samples.words
        cdef Py_ssize_t number
        cdef RowHead* head
        cdef Record* record
        cdef uint32_t index
        cdef char* first
        cdef char* out
        cdef char* end
        cdef size_t head_length
        cdef size_t line_bytes = (self.csv_channels.longest + self.csv_messages.longest
                                  + self.csv_signals.longest + self.schema.longest_text + self.csv_owners.longest
                                  + 3 * NUMBER_ROOM + 4 * TEXT_SLACK)
        for number in range(samples.rows):
            head = <RowHead*>row
            record = &self.schema.records[head.record]
            if record.hidden:
                row += record.row_words
                continue
            first = lines.reserve(line_bytes * (record.field_count + 1))
            if first == NULL:
                raise MemoryError
            head_length = self._put_csv_head(first, head) - first
            out = first
            for index in range(record.first_field, record.first_field + record.field_count):
                if not has_field(row, index - record.first_field):
                    continue
                if record.modelled and self.plans[index].form == FORM_TEXT:
                    continue  # readers of csv expect numbers
                if out != first:
                    memcpy(out, first, head_length)
                end = put_text_of(out + head_length, self.csv_signals, index)
                end = self.put_csv_value(end, index,
                                          &row[HEAD_WORDS + record.mask_words + index - record.first_field])
                if end == NULL:
                    self.left_out += self.plans[index].form != FORM_WORD
                    continue
                end = put_text_of(end, self.csv_owners, head.tags)
                end[0] = c"\n"
                out = end + 1
                lines.commit(out, head.time_ns)
            if out == first:
                self.records[head.record].empty_rows += 1
            row += record.row_words
        return 0

    cdef char* put_head_id(self, char* out, RowHead* head) noexcept nogil:
        # The address of the device, if it has one. Rows of the data model have no other id.
        cdef char* after = put_text_of(out, self.addresses, head.channel)
        if after != out or self.schema.records[head.record].modelled:
            return after
        return _put_id(out, head.id)

    cdef char* put_channel(self, char* out, Texts channels, RowHead* head) noexcept nogil:
        if (self.without_channel[head.tags // 8] >> (head.tags % 8)) & 1:
            return put_text_of(out, channels, NO_CHANNEL)
        return put_text_of(out, channels, head.channel)

    cdef char* _put_csv_head(self, char* out, RowHead* head) noexcept nogil:
        # The beginning of all csv rows of one frame.
        out = self.put_time(out, head.time_ns)
        out[0] = c","
        out = self.put_channel(out + 1, self.csv_channels, head)
        out[0] = c","
        out += 1
        out = self.put_head_id(out, head)
        out[0] = c","
        return put_text_of(out + 1, self.csv_messages, head.record)

    cdef char* put_csv_value(self, char* out, uint32_t field, const uint64_t* slot) noexcept nogil:
        cdef const FieldText* found
        if self.plans[field].form == FORM_FLAG:
            out[0] = c"1" if slot[0] else c"0"
            return out + 1
        if self.plans[field].form == FORM_ASCII:
            return put_csv_characters(out, &self.schema.fields[field], slot, self.is_guarded)
        if self.plans[field].form == FORM_TEXT or self.plans[field].form == FORM_WORD:
            found = find_text(&self.schema.fields[field], <int64_t>slot[0])
            if found == NULL and self.plans[field].form == FORM_WORD:
                return NULL
            if found == NULL:
                return put_whole(out, slot[0], True, 1, 0)
            return put_csv_text(out, found, self.is_guarded)
        return put_value(out, &self.plans[field], slot)

    cdef char* put_time(self, char* out, int64_t time_ns) noexcept nogil:
        if self.time_form == TIME_ISO:
            return put_iso_stamp(out, time_ns)
        if self.time_form == TIME_RELATIVE:
            return put_decimal(out, time_ns - self.origin_ns, 9)
        return put_stamp(out, time_ns)

    def encode_ndjson(self, SampleBatch samples not None, LineBuffer lines not None):
        """Append one JSON object a row: the frame's own time, channel, id, message, signals by name.

        Raises ValueError for rows of another schema.
        """
        self._check(samples)
        if self.json_messages is None:
            self.json_messages, self.json_signals = self._named(_json_text, b"%b", b",%b:")
        with nogil:
            self._encode_ndjson(samples, lines)

    cdef int _encode_ndjson(self, SampleBatch samples, LineBuffer lines) except -1 nogil:
        cdef uint64_t* row = samples.words
        cdef Py_ssize_t number
        cdef RowHead* head
        cdef Record* record
        cdef uint32_t index
        cdef char* out
        cdef char* body
        cdef char* end
        cdef size_t head_bytes = (self.json_channels.longest + self.json_messages.longest + self.json_owners.longest
                                  + JSON_NAMES_ROOM + 2 * NUMBER_ROOM + 3 * TEXT_SLACK)
        cdef size_t field_bytes = self.json_signals.longest + self.schema.longest_text + NUMBER_ROOM + TEXT_SLACK
        for number in range(samples.rows):
            head = <RowHead*>row
            record = &self.schema.records[head.record]
            if record.hidden:
                row += record.row_words
                continue
            out = lines.reserve(head_bytes + record.field_count * field_bytes)
            if out == NULL:
                raise MemoryError
            body = self._put_json_head(out, head)
            out = body
            for index in range(record.first_field, record.first_field + record.field_count):
                if not has_field(row, index - record.first_field):
                    continue
                end = put_text_of(out, self.json_signals, index)
                end = put_value(end, &self.plans[index],
                                &row[HEAD_WORDS + record.mask_words + index - record.first_field])
                if end == NULL:
                    self.left_out += self.plans[index].form != FORM_WORD
                else:
                    out = end
            if out == body:
                self.records[head.record].empty_rows += 1
            else:
                body[0] = c"{"
                lines.commit(put_literal(out, b"}}\n"), head.time_ns)
            row += record.row_words
        return 0

    cdef char* _put_json_head(self, char* out, RowHead* head) noexcept nogil:
        if self.time_form == TIME_ISO:
            out = put_literal(put_iso_stamp(put_literal(out, b'{"time":"'), head.time_ns), b'"')
        elif self.time_form == TIME_RELATIVE:
            out = self.put_time(put_literal(out, b'{"time_s":'), head.time_ns)
        else:
            out = put_stamp(put_literal(out, b'{"time_ns":'), head.time_ns)
        out = self.put_channel(put_literal(out, b',"channel":'), self.json_channels, head)
        out = put_literal(out, b',"id":"')
        out = self.put_head_id(out, head)
        out = put_text_of(put_literal(out, b'","message":'), self.json_messages, head.record)
        out = put_text_of(out, self.json_owners, head.tags)
        return put_literal(out, b',"signals":')


def _json_text(name):
    return json.dumps(name, ensure_ascii=False).encode("utf-8", "replace")
