"""The last value of each field of chosen records, for readers of the present state.

A *key* is a record with one tag set. For each key and field this remembers the last value, its stamp, and the time
at which the caller observed it: frame time and the observer's time may run at different speeds.

Promises:

- Batches do not matter. The order of arrival does, not that of stamps: a clock may be set back.
- A row of a record that was not chosen costs a look at its head.
- Memory is four words a field and key.

Relies on one thread.
"""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free

from telemetry_core.memory cimport with_room, zeroed
from telemetry_core.rows.access cimport lowest_bit
from telemetry_core.rows.batch cimport RowHead, SampleBatch, raw_value
from telemetry_core.rows.schema cimport HEAD_WORDS, Record, Schema, copy_rests

from telemetry_core.rows.spec import Remembered

cdef struct Held:                # of one key: a record with one tag set
    uint32_t record
    uint16_t tags
    uint16_t channel             # of the last row
    int64_t time_ns              # its stamp
    int64_t observed_ns          # when it was observed
    int64_t rows                 # so far
    uint64_t* mask               # fields that were ever there; it and the following three lie after the struct
    uint64_t* slots              # the last value of each field, laid out as in a row
    int64_t* times_ns            # its stamp
    int64_t* observations_ns     # when it was observed

cdef enum:
    TAG_SETS = 65536


cdef class Latest:
    """Remembers rows of `records`, which are indexes into the schema; `len()` is the number of keys.

    The constructor raises IndexError for a record that the schema does not have.
    """

    cdef readonly Schema schema
    cdef int32_t* kept           # as Schema.records: position among the records that are remembered, or -1
    cdef Py_ssize_t kept_count
    cdef Held*** of_tags         # for each 16-bit tag set NULL, or what is held of each record that is kept
    cdef Held** held             # in the order in which the keys came
    cdef Py_ssize_t held_count
    cdef size_t held_room

    def __cinit__(self, Schema schema not None, records):
        self.schema = schema
        self.kept = <int32_t*>zeroed(schema.record_count, sizeof(int32_t))
        self.of_tags = <Held***>zeroed(TAG_SETS, sizeof(Held**))  # untouched pages cost nothing
        cdef Py_ssize_t index
        for index in range(schema.record_count):
            self.kept[index] = -1
        for record in records:
            if not 0 <= record < schema.record_count:
                raise IndexError(record)
            index = record
            if self.kept[index] < 0:
                self.kept[index] = <int32_t>self.kept_count
                self.kept_count += 1

    def __dealloc__(self):
        cdef Py_ssize_t index
        for index in range(self.held_count):
            if self.of_tags[self.held[index].tags] != NULL:
                free(self.of_tags[self.held[index].tags])
                self.of_tags[self.held[index].tags] = NULL
        for index in range(self.held_count):
            free(self.held[index])
        free(self.held)
        free(self.of_tags)
        free(self.kept)

    def __len__(self):
        return self.held_count

    def observe(self, SampleBatch samples not None, int64_t observed_ns):
        """Remember what the rows of `samples` bring. `observed_ns` is the present time of the caller's clock.

        Raises ValueError for rows of another schema.
        """
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than what is remembered")
        with nogil:
            self._observe(samples, observed_ns)

    cdef int _observe(self, SampleBatch samples, int64_t observed_ns) except -1 nogil:
        cdef const uint64_t* row = samples.words
        cdef const RowHead* head
        cdef const Record* record
        cdef Held** of_record
        cdef Held* held
        cdef Py_ssize_t number
        cdef int32_t position
        for number in range(samples.rows):
            head = <const RowHead*>row
            record = &self.schema.records[head.record]
            position = self.kept[head.record]
            if position >= 0:
                of_record = self.of_tags[head.tags]
                held = NULL if of_record == NULL else of_record[position]
                if held == NULL:
                    held = self._add(head.record, head.tags)
                self._take(held, record, row, observed_ns)
            row += record.row_words
        return 0

    cdef void _take(self, Held* held, const Record* record, const uint64_t* row,
                    int64_t observed_ns) noexcept nogil:
        cdef const RowHead* head = <const RowHead*>row
        cdef const uint64_t* mask = row + HEAD_WORDS
        cdef const uint64_t* slots = mask + record.mask_words
        cdef uint32_t word
        cdef uint32_t field
        cdef uint64_t left
        held.channel = head.channel
        held.time_ns = head.time_ns
        held.observed_ns = observed_ns
        held.rows += 1
        for word in range(record.mask_words):
            left = mask[word]
            held.mask[word] |= left
            while left:
                field = 64 * word + lowest_bit(left)
                left &= left - 1
                held.slots[field] = slots[field]
                held.times_ns[field] = head.time_ns
                held.observations_ns[field] = observed_ns
        if record.rest_words:
            copy_rests(self.schema, head.record, row, held.slots)

    cdef Held* _add(self, uint32_t record, uint16_t tags) except NULL nogil:
        """Return a new key, without any value yet."""
        cdef const Record* layout = &self.schema.records[record]
        cdef size_t slot_words = layout.row_words - HEAD_WORDS - layout.mask_words
        cdef Held* held
        if self.of_tags[tags] == NULL:
            self.of_tags[tags] = <Held**>zeroed(self.kept_count, sizeof(Held*))
        self.held = <Held**>with_room(self.held, &self.held_room, self.held_count, sizeof(Held*))
        held = <Held*>zeroed(
            1, sizeof(Held) + (layout.mask_words + slot_words + 2 * layout.field_count) * sizeof(uint64_t))
        held.mask = <uint64_t*>(held + 1)
        held.slots = held.mask + layout.mask_words
        held.times_ns = <int64_t*>(held.slots + slot_words)
        held.observations_ns = held.times_ns + layout.field_count
        held.record = record
        held.tags = tags
        self.held[self.held_count] = held
        self.held_count += 1
        self.of_tags[tags][self.kept[record]] = held
        return held

    def rows(self):
        """Return how many rows of each key came, in the order of the keys."""
        return [self.held[index].rows for index in range(self.held_count)]

    def __getitem__(self, Py_ssize_t index):
        """Return what is known about the key `index`. Keys have the order in which they came."""
        if not 0 <= index < self.held_count:
            raise IndexError(index)
        cdef Held* held = self.held[index]
        cdef Record* record = &self.schema.records[held.record]
        cdef uint32_t field
        fields, raw, times_ns, observations_ns = [], [], [], []
        for field in range(record.field_count):
            if held.mask[field // 64] >> (field % 64) & 1:
                fields.append(field)
                raw.append(raw_value(&held.slots[field], &self.schema.fields[record.first_field + field]))
                times_ns.append(held.times_ns[field])
                observations_ns.append(held.observations_ns[field])
        return Remembered(held.record, held.tags, held.channel, held.time_ns, held.observed_ns, held.rows,
                          tuple(fields), tuple(raw), tuple(times_ns), tuple(observations_ns))
