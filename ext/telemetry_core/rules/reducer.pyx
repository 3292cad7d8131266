"""Which rows are worth sending: the last value of each field in each interval of frame time.

A *key* is a record with one tag set. Rows of a key within one interval are merged into one pending row: the
last value of each field, with the head (stamp, id, channel) of the last row. It goes out when a row of
another interval comes, later or earlier, or a row of a J1939 sender that takes another one's place, or when it is
flushed. A row goes out at once, as it is, if it is the first of its key or if a field whose changes pass (flags,
value tables) differs from the one last seen: what it carries is no longer pending.

Where flags have an interval of their own, one change passes in each of them. Later changes wait in the pending row,
which goes out as soon as a row of another such interval comes: so the last state is never lost.

Promises:
- Rows in = rows out + `reduced` + `pending`, at every moment.
- The same rows come out, however they were batched.
- The time for a row does not depend on the number of keys.
- Memory is one row and its last values for each key.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from telemetry_core.memory cimport resized, with_room, zeroed
from telemetry_core.rows.access cimport lowest_bit
from telemetry_core.rows.batch cimport ROW_NEW_SENDER, RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, Record, Schema, copy_rests
from telemetry_core.rules.counting cimport interval_of
from telemetry_core.rules.reducing cimport by_record, check_rows

cdef struct Held:                # of one key: a record with one tag set
    uint32_t record
    uint16_t tags
    uint8_t seen                 # whether a row has come
    uint8_t pending              # whether there is a pending row
    uint8_t holds_flags          # whether changes of flags have an interval
    uint8_t waiting              # whether the pending row has a change of a flag that did not pass
    int64_t interval             # of the pending row: floor(time_ns / every_ns)
    int64_t flag_interval        # in which a change of a flag has passed: floor(time_ns / flags_every_ns)
    size_t at                    # in `words`: the pending row, the mask and the slots of the fields last seen;
                                 # where flags are held to an interval: last sent

cdef enum:
    FIRST_TABLE_SIZE = 256


cdef inline size_t _hash(uint32_t record, uint16_t tags) noexcept nogil:
    # Fibonacci hashing: the product's high half is well mixed.
    return <size_t>(((<uint64_t>record << 16 | tags) * <uint64_t>0x9E3779B97F4A7C15) >> 32)


@cython.final
cdef class Reducer:
    """Reduces rows of one Schema. `every_ns` has an interval for each record: 0 where everything passes, -1 where
    nothing does. `flags_every_ns` has another one for changes of its flags, 0 where each passes; None: of all.

    `reduced` counts rows that were merged into another one or do not pass, `pending` those held back now.
    Raises ValueError for another negative interval, or another number of intervals than of records.
    """

    cdef readonly Schema schema
    cdef readonly int64_t reduced
    cdef readonly int64_t pending
    cdef int64_t* every_ns       # as Schema.records; 0: everything passes; negative: nothing does
    cdef int64_t* flags_every_ns # as Schema.records; 0: each change of a flag passes
    cdef size_t* passes_at       # as Schema.records, in `passes`
    cdef uint64_t* passes        # masks of the fields whose changes pass
    cdef Held* held              # in the order in which the keys came
    cdef size_t held_count
    cdef size_t held_room
    cdef uint64_t* words
    cdef size_t words_used
    cdef size_t words_room
    cdef uint32_t* table         # hash table, open addressing: index into `held` + 1, or 0
    cdef size_t table_size       # a power of two, at least twice held_count

    def __cinit__(self, Schema schema not None, every_ns, flags_every_ns=None):
        self.schema = schema
        cdef Py_ssize_t index
        cdef size_t mask_words = 0
        for index in range(schema.record_count):
            mask_words += schema.records[index].mask_words
        self.every_ns = by_record(schema, every_ns, -1)
        self.flags_every_ns = by_record(schema, flags_every_ns, 0)
        self.passes_at = <size_t*>zeroed(schema.record_count, sizeof(size_t))
        self.passes = <uint64_t*>zeroed(mask_words, sizeof(uint64_t))
        self.table_size = FIRST_TABLE_SIZE
        self.table = <uint32_t*>zeroed(self.table_size, sizeof(uint32_t))
        cdef size_t at = 0
        cdef uint32_t field
        cdef Record* record
        for index in range(schema.record_count):
            record = &schema.records[index]
            self.passes_at[index] = at
            for field in range(record.field_count):
                if schema.fields[record.first_field + field].passes:
                    self.passes[at + field // 64] |= <uint64_t>1 << (field % 64)
            at += record.mask_words

    def __dealloc__(self):
        free(self.every_ns)
        free(self.flags_every_ns)
        free(self.passes_at)
        free(self.passes)
        free(self.held)
        free(self.words)
        free(self.table)

    def reduce(self, SampleBatch samples not None, SampleBatch out not None):
        """Take in the rows of `samples`; append to `out` what goes out at once.

        Raises ValueError unless both are of this reducer's schema and not the same batch.
        """
        check_rows(self.schema, samples, out)
        with nogil:
            self._reduce(samples, out)

    def flush(self, SampleBatch out not None, before_ns=None, tags=None):
        """Append to `out` the pending rows whose interval ended by `before_ns` (frame time; None: all of them).

        That is the interval of their flags where a change of one waits.
        tags: only rows of these tag sets; None: of all.
        """
        check_rows(self.schema, None, out)
        cdef int64_t end_ns = 0 if before_ns is None else before_ns
        cdef bint every_row = before_ns is None
        cdef bint is_over
        cdef size_t index
        cdef Held* held
        for index in range(self.held_count):
            held = &self.held[index]
            if not held.pending or not (tags is None or held.tags in tags):
                continue
            is_over = every_row or held.interval < interval_of(end_ns, self.every_ns[held.record])
            if not is_over and held.waiting:
                is_over = held.flag_interval < interval_of(end_ns, self.flags_every_ns[held.record])
            if is_over:
                self._emit(held, out)
                held.waiting = False

    def copy(self, SampleBatch out not None, tags):
        """Append to `out` the pending rows of these tag sets. They stay pending."""
        check_rows(self.schema, None, out)
        cdef size_t index
        cdef Held* held
        for index in range(self.held_count):
            held = &self.held[index]
            if held.pending and held.tags in tags:
                out.append_rows(self.words + held.at, self.schema.records[held.record].row_words, 1)

    def pass_by(self, SampleBatch samples not None, SampleBatch out not None):
        """Append to `out` the pending rows of keys of these rows, which go out whole."""
        check_rows(self.schema, samples, out)
        cdef const uint64_t* row = samples.words
        cdef const RowHead* head
        cdef Held* held
        cdef Py_ssize_t number
        for number in range(samples.rows):
            head = <const RowHead*>row
            held = self._find(head.record, head.tags)
            if held != NULL and held.pending:
                self._emit(held, out)
                held.waiting = False
            row += self.schema.records[head.record].row_words

    def memory(self):
        """Return what is held, as plain values: for a reducer of the same schema and intervals."""
        cdef size_t number
        return ([self.held[number] for number in range(self.held_count)],
                [self.words[number] for number in range(self.words_used)])

    def remember(self, memory):
        """Go on with the `memory` of another one; this one holds nothing yet."""
        cdef Held found
        cdef size_t at
        held, words = memory
        for one in held:
            found = one
            if found.record >= <uint32_t>self.schema.record_count:
                raise ValueError("the memory is of another schema")
            at = self._add(found.record, found.tags).at
            if at != found.at:
                raise ValueError("the memory is of another schema")
            self.held[self.held_count - 1] = found
            self.pending += found.pending
        if len(words) != self.words_used:
            raise ValueError("the memory is of another schema")
        for at in range(self.words_used):
            self.words[at] = words[at]

    def made_by_measurement(self):
        """Return how many rows are held back now, as points less, by measurement, without measurements that have none."""
        counts = {}
        cdef size_t index
        for index in range(self.held_count):
            if self.held[index].pending:
                measurement = self.schema.specs[self.held[index].record].measurement
                counts[measurement] = counts.get(measurement, 0) - 1
        return counts

    cdef int _reduce(self, SampleBatch samples, SampleBatch out) except -1 nogil:
        cdef uint64_t* row = samples.words
        cdef uint64_t* copied
        cdef Py_ssize_t number
        cdef RowHead* head
        cdef Record* record
        cdef Held* held
        cdef int64_t interval
        cdef int64_t every_ns
        cdef bint passes
        for number in range(samples.rows):
            head = <RowHead*>row
            record = &self.schema.records[head.record]
            passes = True
            every_ns = self.every_ns[head.record]
            if every_ns > 0:
                interval = interval_of(head.time_ns, every_ns)
                held = self._find(head.record, head.tags)
                if held == NULL:
                    held = self._add(head.record, head.tags)
                elif held.pending and (held.interval != interval or head.id & ROW_NEW_SENDER):
                    self._emit(held, out)
                if not held.holds_flags:
                    passes = self._changes(held, record, row, True)
                else:
                    self._release(held, head, out)
                    passes = self._may_pass(held, record, row)
                if passes:
                    self._take_away(held, record, row)
                else:
                    held.interval = interval
                    self._merge(held, record, row)
            elif every_ns < 0:
                passes = False
                self.reduced += 1
            if passes:
                copied = out.add_row(head.record)
                memcpy(copied, row, record.row_words * sizeof(uint64_t))
            row += record.row_words
        return 0

    cdef inline bint _changes(self, Held* held, Record* record, uint64_t* row, bint sees) noexcept nogil:
        # Whether a field whose changes pass differs from the one last seen; `sees`: it is seen now. A key's first
        # row counts as a change whatever it carries.
        cdef uint64_t* mask = row + HEAD_WORDS
        cdef uint64_t* slots = mask + record.mask_words
        cdef uint64_t* passes = self.passes + self.passes_at[held.record]
        cdef uint64_t* seen_mask = self.words + held.at + record.row_words
        cdef uint64_t* seen_slots = seen_mask + record.mask_words
        cdef bint changed = not held.seen
        cdef uint32_t word
        cdef uint32_t index
        cdef uint64_t left
        for word in range(record.mask_words):
            left = mask[word] & passes[word]
            changed |= (left & ~seen_mask[word]) != 0
            if sees:
                seen_mask[word] |= left
            while left:
                index = 64 * word + lowest_bit(left)
                left &= left - 1
                changed |= slots[index] != seen_slots[index]
                if sees:
                    seen_slots[index] = slots[index]
        if sees:
            held.seen = True
        return changed

    cdef int _release(self, Held* held, RowHead* head, SampleBatch out) except -1 nogil:
        # Send the change that has waited, if the row of `head` is of another interval of flags. That interval has
        # had its change then, also where the pending row has gone out already, with its own interval.
        cdef int64_t interval
        if not held.waiting:
            return 0
        interval = interval_of(head.time_ns, self.flags_every_ns[held.record])
        if held.pending:
            if held.flag_interval == interval:
                return 0
            self._emit(held, out)
        held.flag_interval = interval
        held.waiting = False
        return 0

    cdef bint _may_pass(self, Held* held, Record* record, uint64_t* row) noexcept nogil:
        # Whether a field whose changes pass differs from the one last sent, and no such change has passed in this
        # interval. A change that may not waits in the pending row.
        cdef int64_t interval = interval_of((<RowHead*>row).time_ns, self.flags_every_ns[held.record])
        if not self._changes(held, record, row, False):
            return False
        if held.seen and held.flag_interval == interval:
            held.waiting = True
            return False
        held.flag_interval = interval
        return self._changes(held, record, row, True)

    cdef void _merge(self, Held* held, Record* record, uint64_t* row) noexcept nogil:
        cdef uint64_t* pending = self.words + held.at
        cdef uint64_t* slots = row + HEAD_WORDS + record.mask_words
        cdef uint32_t word
        cdef uint32_t index
        cdef uint64_t left
        if not held.pending:
            memcpy(pending, row, record.row_words * sizeof(uint64_t))
            held.pending = True
            self.pending += 1
            return
        memcpy(pending, row, HEAD_WORDS * sizeof(uint64_t))
        for word in range(record.mask_words):
            left = row[HEAD_WORDS + word]
            pending[HEAD_WORDS + word] |= left
            while left:
                index = 64 * word + lowest_bit(left)
                left &= left - 1
                pending[HEAD_WORDS + record.mask_words + index] = slots[index]
        if record.rest_words:
            copy_rests(self.schema, held.record, row, pending + HEAD_WORDS + record.mask_words)
        self.reduced += 1

    cdef void _take_away(self, Held* held, Record* record, uint64_t* row) noexcept nogil:
        # What `row` carries is no longer pending; a pending row of nothing was merged into it.
        cdef uint64_t* pending = self.words + held.at
        cdef uint64_t left = 0
        cdef uint32_t word
        if not held.pending:
            return
        for word in range(HEAD_WORDS, HEAD_WORDS + record.mask_words):
            pending[word] &= ~row[word]
            left |= pending[word]
        if left == 0:
            held.pending = False
            self.pending -= 1
            self.reduced += 1

    cdef int _emit(self, Held* held, SampleBatch out) except -1 nogil:
        cdef Record* record = &self.schema.records[held.record]
        cdef uint64_t* row = out.add_row(held.record)
        memcpy(row, self.words + held.at, record.row_words * sizeof(uint64_t))
        if held.waiting:
            self._changes(held, record, row, True)  # its flags are those last sent
        held.pending = False
        self.pending -= 1
        return 0

    cdef Held* _find(self, uint32_t record, uint16_t tags) noexcept nogil:
        cdef size_t slot = _hash(record, tags) & (self.table_size - 1)
        cdef Held* held
        while self.table[slot] != 0:
            held = &self.held[self.table[slot] - 1]
            if held.record == record and held.tags == tags:
                return held
            slot = (slot + 1) & (self.table_size - 1)
        return NULL

    cdef Held* _add(self, uint32_t record, uint16_t tags) except NULL nogil:
        cdef Record* layout = &self.schema.records[record]
        cdef size_t words = layout.row_words + layout.mask_words + layout.field_count
        cdef Held* held
        self.held = <Held*>with_room(self.held, &self.held_room, self.held_count, sizeof(Held))
        self._reserve_words(words)
        if 2 * (self.held_count + 1) > self.table_size:
            self._grow_table()
        held = &self.held[self.held_count]
        memset(held, 0, sizeof(Held))
        held.record = record
        held.tags = tags
        held.holds_flags = self.flags_every_ns[record] != 0
        held.at = self.words_used
        memset(self.words + self.words_used, 0, words * sizeof(uint64_t))
        self.words_used += words
        self.held_count += 1
        self._enter(self.held_count)
        return held

    cdef void _enter(self, uint32_t number) noexcept nogil:
        # held[number - 1] into the hash table.
        cdef Held* held = &self.held[number - 1]
        cdef size_t slot = _hash(held.record, held.tags) & (self.table_size - 1)
        while self.table[slot] != 0:
            slot = (slot + 1) & (self.table_size - 1)
        self.table[slot] = number

    cdef int _reserve_words(self, size_t words) except -1 nogil:
        cdef size_t room = 2 * self.words_room + words
        if self.words_used + words > self.words_room:
            self.words = <uint64_t*>resized(self.words, room * sizeof(uint64_t))
            self.words_room = room
        return 0

    cdef int _grow_table(self) except -1 nogil:
        # At most half full, so that a search ends after few steps.
        cdef size_t number
        cdef uint32_t* grown = <uint32_t*>zeroed(2 * self.table_size, sizeof(uint32_t))
        free(self.table)
        self.table = grown
        self.table_size *= 2
        for number in range(1, self.held_count + 1):
            self._enter(number)
        return 0
