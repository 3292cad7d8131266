"""A batch of samples: consecutive rows of 64-bit slots in one flat buffer.

Promises:

- Rows keep the order in which they were made.
- Nothing is scaled or rounded here, so an unsigned 64-bit value stays exact.
- Python objects arise only when a caller iterates over a batch.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from telemetry_core.memory cimport resized
from telemetry_core.rows.schema cimport (
    HEAD_WORDS, MOST_CHARACTERS, SLOT_ASCII, SLOT_BOOL, SLOT_FLOAT, SLOT_UINT, Field, Record, Schema, get_characters,
    set_characters,
)

from telemetry_core.rows.spec import Row


cdef object raw_value(const uint64_t* slot, const Field* field):
    cdef double as_float
    cdef char[MOST_CHARACTERS] characters
    if field.kind == SLOT_FLOAT:
        memcpy(&as_float, slot, 8)
        return as_float
    if field.kind == SLOT_UINT:
        return slot[0]
    if field.kind == SLOT_ASCII:
        return characters[: get_characters(characters, field, slot)].decode("ascii", "replace")
    return slot[0] != 0 if field.kind == SLOT_BOOL else <int64_t>slot[0]


cdef dict _values(uint64_t* row, Record* layout, Field* fields, tuple names):
    cdef uint64_t* slots = row + HEAD_WORDS + layout.mask_words
    cdef size_t index
    values = {}
    for index in range(layout.field_count):
        if (row[HEAD_WORDS + index // 64] >> (index % 64)) & 1:
            values[names[index]] = raw_value(&slots[index], &fields[layout.first_field + index])
    return values


cdef class SampleBatch:
    """Holds rows of one Schema: `len()` is their number, iterating yields `Row`s.

    The buffer grows as needed and keeps its memory. `room` is its size at first, in 64-bit words.
    """

    def __cinit__(self, Schema schema not None, size_t room=4096):
        self.schema = schema
        self.room = max(room, 64)
        self.words = <uint64_t*>resized(NULL, self.room * sizeof(uint64_t))

    def __dealloc__(self):
        free(self.words)

    def __len__(self):
        return self.rows

    def clear(self):
        """Forget all rows. The buffer stays."""
        self.used = 0
        self.rows = 0

    def split(self, ends):
        """Return copies of the rows in a batch for each of `ends`, and one batch of the rows after the last.

        `ends` are numbers of rows, ascending: batch i ends before row ends[i]. Raises ValueError if they do not
        ascend, or leave the batch.
        """
        cdef size_t begin = 0
        cdef size_t end = 0
        cdef Py_ssize_t done = 0
        cdef Py_ssize_t until, row
        cdef SampleBatch part
        parts = []
        for until in [*ends, self.rows]:
            if not done <= until <= self.rows:
                raise ValueError(f"a part from row {done} to row {until} of {self.rows}")
            for row in range(done, until):
                end += self.schema.records[(<RowHead*>(self.words + end)).record].row_words
            part = SampleBatch(self.schema, end - begin)
            part.append_rows(self.words + begin, end - begin, until - done)
            parts.append(part)
            begin, done = end, until
        return parts

    cdef int make_room(self, size_t count) except -1 nogil:
        cdef size_t room = 2 * self.room + count
        if self.used + count > self.room:
            self.words = <uint64_t*>resized(self.words, room * sizeof(uint64_t))
            self.room = room
        return 0

    cdef uint64_t* add_row(self, uint32_t record) except NULL nogil:
        cdef Record* layout = &self.schema.records[record]
        self.make_room(layout.row_words)
        cdef uint64_t* row = self.words + self.used
        memset(row, 0, (HEAD_WORDS + layout.mask_words) * sizeof(uint64_t))
        (<RowHead*>row).record = record
        self.used += layout.row_words
        self.rows += 1
        return row

    cdef int append_rows(self, const uint64_t* words, size_t count, Py_ssize_t rows) except -1 nogil:
        self.make_room(count)
        memcpy(self.words + self.used, words, count * sizeof(uint64_t))
        self.used += count
        self.rows += rows
        return 0

    cdef void drop_row(self, uint32_t record) noexcept nogil:
        self.used -= self.schema.records[record].row_words
        self.rows -= 1

    def append(self, uint32_t record, int64_t time_ns, dict values, *, uint16_t tags=0, uint16_t channel=0,
               uint32_t id=0, uint32_t nudge_ns=0):
        """Add one row from Python: `values` maps a field's name to its raw value (int, float, bool or str).

        Raises IndexError for a record that the schema does not have, KeyError for a field that it does not have,
        ValueError for a text that does not fit.
        """
        if record >= self.schema.record_count:
            raise IndexError(record)
        names = {field.name: index for index, field in enumerate(self.schema.specs[record].fields)}
        cdef uint64_t* row = self.add_row(record)
        cdef RowHead* head = <RowHead*>row
        head.time_ns = time_ns
        head.tags = tags
        head.channel = channel
        head.id = id
        head.nudge_ns = nudge_ns
        cdef Record* layout = &self.schema.records[record]
        cdef uint64_t* slots = row + HEAD_WORDS + layout.mask_words
        cdef size_t index
        cdef double as_float
        cdef Field* target
        for name, value in values.items():
            index = names[name]
            target = &self.schema.fields[layout.first_field + index]
            row[HEAD_WORDS + index // 64] |= <uint64_t>1 << (index % 64)
            if target.kind == SLOT_FLOAT:
                as_float = value
                memcpy(&slots[index], &as_float, 8)
            elif target.kind == SLOT_ASCII:
                text = value.encode("ascii", "replace")
                if len(text) > target.characters or b"\0" in text:
                    self.drop_row(record)
                    raise ValueError(f"{name}: {value!r} does not fit")
                set_characters(&slots[index], target, <char*>text, len(text))
            else:
                slots[index] = <uint64_t>(int(value) & 0xFFFFFFFFFFFFFFFF)

    def __iter__(self):
        cdef size_t at = 0
        cdef Py_ssize_t number
        for number in range(self.rows):
            yield self.row_at(at)
            at += self.schema.records[(<RowHead*>(self.words + at)).record].row_words

    def rows_of(self, uint32_t record):
        """Yield each row of `record`, and its number among all rows; the others cost no Python object."""
        cdef size_t at = 0
        cdef Py_ssize_t number
        cdef uint32_t found
        for number in range(self.rows):
            found = (<RowHead*>(self.words + at)).record
            if found == record:
                yield number, self.row_at(at)
            at += self.schema.records[found].row_words

    def change_texts(self, uint32_t record, uint16_t field, change):
        """Replace the text of a field in each row of `record` by change(text), cut to its room; None: take it out.

        Raises IndexError unless that field is a text.
        """
        if record >= self.schema.record_count or field >= self.schema.records[record].field_count:
            raise IndexError(f"{record}, {field}")
        cdef Record* layout = &self.schema.records[record]
        cdef Field* target = &self.schema.fields[layout.first_field + field]
        if target.kind != SLOT_ASCII:
            raise IndexError(f"{record}, {field}")
        cdef char[MOST_CHARACTERS] characters
        cdef uint64_t* row
        cdef uint64_t* slot
        cdef size_t at = 0
        cdef Py_ssize_t number
        for number in range(self.rows):
            row = self.words + at
            at += self.schema.records[(<RowHead*>row).record].row_words
            if (<RowHead*>row).record != record or not (row[HEAD_WORDS + field // 64] >> (field % 64)) & 1:
                continue
            slot = row + HEAD_WORDS + layout.mask_words + field
            text = change(characters[: get_characters(characters, target, slot)].decode("ascii", "replace"))
            if text is None:
                row[HEAD_WORDS + field // 64] &= ~(<uint64_t>1 << (field % 64))
            else:
                text = text.encode("ascii", "replace")[: target.characters]
                set_characters(slot, target, <char*>text, len(text))

    cdef object row_at(self, size_t at):
        cdef RowHead* head = <RowHead*>(self.words + at)
        return Row(head.time_ns, head.nudge_ns, self.schema.specs[head.record].measurement, head.tags, head.channel,
                   head.id, self.raw_at(at))

    cdef dict raw_at(self, size_t at):
        cdef uint64_t* row = self.words + at
        cdef uint32_t record = (<RowHead*>row).record
        return _values(row, &self.schema.records[record], self.schema.fields, self.schema.names[record])
