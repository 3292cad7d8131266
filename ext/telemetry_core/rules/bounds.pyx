"""Which values are worth sending: those without which a field could not be drawn within its bound.

A *key* is a record with one tag set. A *door* is what is remembered of one field of a key: the *pivot*, its value
last kept, and the *candidate*, its last value since. A value is kept by the shape of its field:

- line: the straight line between neighbouring kept values passes within the bound of every value between. A candidate
  is kept once the next value shows that no such line reaches that far. It is kept only if the line to itself is one:
  the textbook's swinging door keeps it whenever the door has closed, and is off by up to twice the bound.
- hold: a value is kept at once if it is more than the bound from the pivot; without a bound, if it is another one.

Promises:
- Kept values are as they came, with their own stamps. The first and the last of each run of values are kept: a run
  ends at a gap (2 s, and twice the distance of the two values before), at a stamp that repeats or steps back, at a
  value that is not finite, at a J1939 sender that takes another one's place, and where it is flushed.
- A field with a bound has a kept value each `longest_ns`, if it has values. Where nothing else is kept it is the first
  one of a half of `longest_ns` since 1970, so that those of many fields stand in the same rows.
- A row goes out with its values that are kept, and not at all without one. Those that the same later row decides leave
  together; each further part of a row is counted: rows in + parts = rows out + `reduced` + `pending`.
- The same rows come out, however they were batched. Memory is fixed for a key: 64 bytes a field and 48 a row held.

Relies on stamps in integer ns: slopes are taken from the pivot, so that doubles hold the distances exactly.
"""

cimport cython
from libc.math cimport NAN, fabs, isfinite
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy

from telemetry_core.memory cimport with_room, zeroed
from telemetry_core.rows.access cimport lowest_bit, set_word, value_of
from telemetry_core.rows.batch cimport ROW_NEW_SENDER, ROW_OTHER_SENDER, ROW_REPLACES, RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, Field, Record, Schema
from telemetry_core.rules.doors cimport (
    DOOR_ENDED, DOOR_FLAG, DOOR_HOLD, DOOR_LINE, DOOR_OPEN, DOOR_TEXT, DOOR_UNUSED, GAP_NS, Door, Key, Source,
    begin_run, end_runs, free_key, gap_of, is_another, is_due, memory_of, new_key, none_due_before, remember_of,
    rest_bytes,
)
from telemetry_core.rules.reducing cimport by_record, check_rows

cdef enum:
    TAG_SETS = 65536
    MODE_DROPPED = -1
    MODE_PASSING = 0


@cython.final
cdef class Bounds:
    """Reduces rows of one Schema. `modes`, by record: -1 where no row passes, 0 where each does, otherwise 1.

    `bounds` has one for each field of the schema, -1 for none. `line`: their shape. `every_ns` is the shortest
    distance of two kept values of a number (it loosens the bound), `flags_every_ns`, by record, of a flag.

    `reduced` counts rows that have not gone out and will not, `pending` those of which nothing has yet, `holding`
    those of which any value may.
    Raises ValueError for other lengths, a negative interval, or a bound that is not from 0 to 1e100.
    """

    cdef readonly Schema schema
    cdef readonly int64_t reduced
    cdef readonly int64_t pending
    cdef readonly int64_t holding
    cdef int64_t every_ns
    cdef int64_t longest_ns
    cdef int64_t half_ns         # of it
    cdef int64_t began_ns        # the half that the last row is in
    cdef int64_t beat_ns         # a pivot before it is too old for that row
    cdef int64_t due_ns          # no candidate is before it
    cdef bint has_intervals
    cdef int64_t* flags_every_ns # as Schema.records
    cdef int64_t* modes          # as Schema.records
    cdef double* bounds          # as Schema.fields
    cdef double factor
    cdef bint line
    cdef uint64_t step           # counts what decides values together: a row, or a flush of a key
    cdef Key*** of_tags          # by 16-bit tag set: NULL, or what is held of each record
    cdef Key** keys              # in the order in which they came
    cdef size_t key_count
    cdef size_t key_room

    def __cinit__(self, Schema schema not None, modes, bounds, *, bint line, int64_t longest_ns, int64_t every_ns=0,
                  flags_every_ns=None):
        if longest_ns <= 0 or every_ns < 0:
            raise ValueError("an interval is negative")
        if len(bounds) != schema.field_count or not all(each == -1 or 0 <= each <= 1e100 for each in bounds):
            raise ValueError("bounds of another schema, or not from 0 to 1e100")
        self.schema = schema
        self.line, self.every_ns, self.factor = line, every_ns, 1.0
        self.has_intervals = every_ns > 0 or any(flags_every_ns or ())
        self.due_ns = INT64_MIN if self.has_intervals else INT64_MAX
        self._set_longest(longest_ns)
        self.modes = by_record(schema, modes, MODE_DROPPED)
        self.flags_every_ns = by_record(schema, flags_every_ns, 0)
        self.bounds = <double*>zeroed(schema.field_count, sizeof(double))
        self.of_tags = <Key***>zeroed(TAG_SETS, sizeof(Key**))  # untouched pages cost nothing
        cdef Py_ssize_t index
        for index in range(schema.field_count):
            self.bounds[index] = bounds[index]

    def __dealloc__(self):
        cdef size_t index
        for index in range(self.key_count):
            free(self.of_tags[self.keys[index].tags])
            self.of_tags[self.keys[index].tags] = NULL
            free_key(self.keys[index])
        free(self.keys)
        free(self.of_tags)
        free(self.modes)
        free(self.flags_every_ns)
        free(self.bounds)

    def reduce(self, SampleBatch samples not None, SampleBatch out not None):
        """Take in the rows of `samples`; append to `out` the values that they decide.

        Raises ValueError unless both are of this schema and not the same batch.
        """
        check_rows(self.schema, samples, out)
        with nogil:
            self._reduce(samples, out)

    def flush(self, SampleBatch out not None, before_ns=None, tags=None):
        """Append to `out` the candidates: their runs end, and others begin at them. tags: of these tag sets alone.

        before_ns (frame time): only those that have waited for a gap or `longest_ns` by then, or for the shortest
        distance.
        """
        check_rows(self.schema, None, out)
        cdef int64_t end_ns = INT64_MAX if before_ns is None else before_ns
        cdef bint every_one = before_ns is None
        cdef size_t number
        cdef Key* key
        if not every_one and end_ns <= self.due_ns:
            return
        for number in range(self.key_count):
            key = self.keys[number]
            if tags is None or key.tags in tags:
                self._flush(key, out, every_one, end_ns)
        if not every_one and not self.has_intervals:
            self.due_ns = INT64_MAX
            for number in range(self.key_count):
                key = self.keys[number]
                self.due_ns = min(self.due_ns, none_due_before(
                    key, self.schema.records[key.record].field_count, self.longest_ns))

    def copy(self, SampleBatch out not None, tags):
        """Append to `out` the candidates of these tag sets, as `flush` would. They stay what they are."""
        check_rows(self.schema, None, out)
        cdef Record* record
        cdef Key* key
        cdef size_t number
        cdef uint32_t index, at
        for number in range(self.key_count):
            key = self.keys[number]
            record = &self.schema.records[key.record]
            self.step += 1
            for index in range(record.field_count if key.tags in tags else 0):
                at = key.doors[index].source
                if at:
                    set_word(self._row(key, &key.sources[at - 1], out), record.mask_words, index, key.doors[index].slot)

    def pass_by(self, SampleBatch samples not None, SampleBatch out not None):
        """Append to `out` the candidates of keys of these rows, which go out whole: their runs end."""
        check_rows(self.schema, samples, out)
        cdef const uint64_t* row = samples.words
        cdef const RowHead* head
        cdef Key** of_record
        cdef Py_ssize_t number
        for number in range(samples.rows):
            head = <const RowHead*>row
            of_record = self.of_tags[head.tags]
            if of_record != NULL and of_record[head.record] != NULL:
                self._end(of_record[head.record], out)
            row += self.schema.records[head.record].row_words

    cdef int _end(self, Key* key, SampleBatch out) except -1 nogil:
        self._flush(key, out, True, INT64_MAX)
        end_runs(key, self.schema.records[key.record].field_count)
        return 0

    def set_factor(self, double factor, int64_t longest_ns, SampleBatch out not None):
        """Multiply all bounds as configured by `factor` from now on. What is held goes out: runs begin again."""
        self.flush(out)
        self.factor = factor
        self._set_longest(longest_ns)
        cdef size_t number
        cdef uint32_t index
        cdef Record* record
        for number in range(self.key_count):
            record = &self.schema.records[self.keys[number].record]
            for index in range(record.field_count):
                self.keys[number].doors[index].bound = factor * self.bounds[record.first_field + index]

    def memory(self):
        """Return what is held, as plain values: for bounds of the same schema and settings."""
        cdef size_t number
        return [memory_of(self.keys[number], &self.schema.records[self.keys[number].record])
                for number in range(self.key_count)]

    def remember(self, memory):
        """Go on with the `memory` of another one; this one holds nothing yet."""
        cdef Key* key
        cdef Record* layout
        for record, tags, unused, pending, stepped_ns, doors, sources, texts in memory:
            if record >= self.schema.record_count or len(doors) != self.schema.records[record].field_count:
                raise ValueError("the memory is of another schema")
            key = self._add(record, tags)
            layout = &self.schema.records[key.record]
            if len(sources) != layout.field_count + 1 or len(texts) != (layout.row_words if key.texts != NULL else 0):
                raise ValueError("the memory is of another schema")
            key.unused, key.pending, key.stepped_ns = unused, pending, stepped_ns
            self.holding += remember_of(key, doors, sources, texts)
            self.pending += key.pending
        self.due_ns = INT64_MIN

    def made_by_measurement(self):
        """Return how many parts of rows have gone out beyond the first of each, less the rows of which none has."""
        return self._sums(left_out=False)

    def left_out_by_measurement(self):
        """Return how many values were left out, by measurement."""
        return self._sums(left_out=True)

    cdef dict _sums(self, bint left_out):
        cdef size_t number
        cdef int64_t count
        cdef Key* key
        cdef dict found = {}
        for number in range(self.key_count):
            key = self.keys[number]
            count = key.left_out if left_out else key.parts - key.pending
            if count:
                measurement = self.schema.specs[key.record].measurement
                found[measurement] = found.get(measurement, 0) + count
        return found

    cdef void _set_longest(self, int64_t longest_ns) noexcept:
        self.longest_ns, self.half_ns = longest_ns, (longest_ns + 1) // 2
        self.began_ns, self.beat_ns = 0, -self.half_ns

    cdef int _reduce(self, SampleBatch samples, SampleBatch out) except -1 nogil:
        cdef uint64_t* row = samples.words
        cdef RowHead* head
        cdef Record* record
        cdef Key** of_record
        cdef Key* key
        cdef Py_ssize_t number
        for number in range(samples.rows):
            head = <RowHead*>row
            record = &self.schema.records[head.record]
            if self.modes[head.record] == MODE_PASSING:
                out.append_rows(row, record.row_words, 1)
            elif self.modes[head.record] == MODE_DROPPED:
                self.reduced += 1
            else:
                of_record = self.of_tags[head.tags]
                key = NULL if of_record == NULL else of_record[head.record]
                if key == NULL:
                    key = self._add(head.record, head.tags)
                self._take(key, record, row, out)
            row += record.row_words
        return 0

    cdef int _take(self, Key* key, Record* record, uint64_t* row, SampleBatch out) except -1 nogil:
        # Most values are done here: those that change nothing, and changes that pass. `_decide` has the rules, for all.
        cdef RowHead* head = <RowHead*>row
        cdef uint64_t* slots = row + HEAD_WORDS + record.mask_words
        cdef Field* fields = self.schema.fields + record.first_field
        cdef int64_t time_ns = head.time_ns
        cdef int64_t flags_every_ns = self.flags_every_ns[key.record]
        cdef Door* doors = key.doors
        cdef Source* sources = key.sources
        cdef Source* source
        cdef Door* door
        cdef uint64_t* own = NULL        # the part of this row that goes out
        cdef uint32_t mine, word, index
        cdef uint32_t before = 0         # the source of the last candidate that was looked at; 0: there was none
        cdef uint32_t left_out = 0       # how many of its candidates
        cdef uint32_t candidates = 0
        cdef uint64_t left, bits
        cdef int64_t since = 0           # the value before
        cdef bint goes_on = False        # and that it is of the same run
        cdef int64_t pivot_ns = INT64_MAX  # of the line that was looked at; NAN `per_ns`: no line reaches that far
        cdef int64_t beat_ns
        cdef double value, slope, reach, per_ns = NAN
        cdef bint is_candidate
        if not 0 <= time_ns - self.began_ns < self.half_ns:
            since = time_ns % self.half_ns
            self.began_ns = time_ns - (since if since >= 0 else since + self.half_ns)
            self.beat_ns = self.began_ns - self.half_ns
        beat_ns = self.beat_ns
        self.due_ns = min(self.due_ns, time_ns + min(<int64_t>GAP_NS, self.longest_ns))
        if head.id & ROW_NEW_SENDER:
            self._end(key, out)
        mine = key.unused + 1
        source = &sources[key.unused]
        key.unused = source.next
        key.pending += 1
        self.step += 1
        self.pending += 1
        self.holding += 1
        source.time_ns, source.channel, source.nudge_ns = time_ns, head.channel, head.nudge_ns
        source.id = head.id & ~<uint32_t>(ROW_NEW_SENDER | ROW_OTHER_SENDER)
        source.step = source.values = source.is_out = 0
        for word in range(record.mask_words):
            left = row[HEAD_WORDS + word]
            while left:
                index = 64 * word + lowest_bit(left)
                left &= left - 1
                door = &doors[index]
                bits = slots[index]
                if door.source != before or before == 0:
                    if door.source != before:
                        self._release(key, before, left_out)
                        candidates += left_out
                        before, left_out = door.source, 0
                    since = time_ns - (sources[before - 1].time_ns if before else door.pivot_ns)
                    goes_on = door.state == DOOR_OPEN and 0 < since <= GAP_NS
                value = 0.0
                if door.is_plain:
                    memcpy(&value, &bits, 8)
                elif door.kind <= DOOR_HOLD:
                    value = value_of(&fields[index], bits)
                is_candidate = False
                if goes_on:
                    if door.kind == DOOR_LINE:
                        if door.pivot_ns != pivot_ns:
                            pivot_ns = door.pivot_ns
                            per_ns = 1.0 / <double>(time_ns - pivot_ns) if pivot_ns >= beat_ns else NAN
                        slope = (value - door.pivot) * per_ns
                        if door.lowest <= slope <= door.highest:
                            reach = door.bound * per_ns
                            door.lowest = max(door.lowest, slope - reach)
                            door.highest = min(door.highest, slope + reach)
                            is_candidate = True
                    elif door.kind == DOOR_HOLD:
                        is_candidate = fabs(value - door.pivot) <= door.bound and door.pivot_ns >= beat_ns
                    elif door.kind != DOOR_TEXT:
                        is_candidate = memcmp(&bits, &door.pivot, 8) == 0
                        if not is_candidate and time_ns - door.pivot_ns >= (
                                flags_every_ns if door.kind == DOOR_FLAG else self.every_ns):
                            if before:
                                left_out += 1
                                candidates -= 1
                            door.source, door.distance_ns, door.pivot_ns = 0, since, time_ns
                            memcpy(&door.pivot, &bits, 8)
                            if own == NULL:
                                own = self._part(key, mine, out)
                            set_word(own, record.mask_words, index, bits)
                            continue
                if is_candidate:
                    left_out += 1
                    door.source, door.slot, door.distance_ns = mine, bits, since
                else:
                    self._decide(key, record, index, slots + index, value, mine, out)
                    own = NULL           # where there are more parts now, it may lie elsewhere
        self._release(key, before, left_out)
        source.values += candidates + left_out
        if source.values == 0:
            self._free(key, mine)
        return 0

    cdef int _decide(self, Key* key, Record* record, uint32_t index, const uint64_t* slot, double value, uint32_t mine,
                     SampleBatch out) except -1 nogil:
        cdef Door* door = &key.doors[index]
        cdef Field* field = &self.schema.fields[record.first_field + index]
        cdef int64_t time_ns = key.sources[mine - 1].time_ns
        cdef int64_t last_ns = key.sources[door.source - 1].time_ns if door.source else door.pivot_ns
        cdef int64_t since = time_ns - last_ns if door.state != DOOR_UNUSED else 0
        cdef int64_t distance = time_ns - door.pivot_ns
        cdef int64_t every_ns = self.flags_every_ns[key.record] if door.kind >= DOOR_FLAG else self.every_ns
        cdef bint is_kept = True
        cdef double per_ns, slope
        if since <= 0 and door.state != DOOR_UNUSED:
            key.stepped_ns = max(key.stepped_ns, last_ns)
        if door.state != DOOR_OPEN or since <= 0 or since > gap_of(door) or not isfinite(value):
            self._keep_candidate(key, record, index, out)
        elif door.kind == DOOR_LINE:
            slope = (value - door.pivot) * (1.0 / <double>distance)
            if door.source and not door.lowest <= slope <= door.highest and last_ns - door.pivot_ns >= every_ns:
                self._keep_candidate(key, record, index, out)
                distance = since
            per_ns = 1.0 / <double>distance
            slope = (value - door.pivot) * per_ns
            if isfinite(slope):
                door.lowest = max(door.lowest, slope - door.bound * per_ns)
                door.highest = min(door.highest, slope + door.bound * per_ns)
                is_kept = door.pivot_ns < self.beat_ns
            else:
                self._keep_candidate(key, record, index, out)
        elif door.kind == DOOR_HOLD:
            is_kept = door.pivot_ns < self.beat_ns or (fabs(value - door.pivot) > door.bound and distance >= every_ns)
        else:
            is_kept = distance >= every_ns and is_another(
                door, field, slot, key.texts, HEAD_WORDS + record.mask_words + index)
        door.distance_ns = max(since, <int64_t>0)
        if door.source:
            self._release(key, door.source, 1)
            door.source = 0
        if is_kept:
            self._put(key, record, index, field, slot, mine, out)
            begin_run(door, slot[0], value, time_ns)
            if not isfinite(value):
                door.state = DOOR_ENDED
        elif door.kind == DOOR_TEXT:
            key.left_out += 1
        else:
            door.source, door.slot = mine, slot[0]
            key.sources[mine - 1].values += 1
        return 0

    cdef int _put(self, Key* key, Record* record, uint32_t index, const Field* field, const uint64_t* slot,
                  uint32_t number, SampleBatch out) except -1 nogil:
        # Add a value to the part of its row that goes out in this step.
        cdef uint64_t* row = self._part(key, number, out)
        cdef size_t at = HEAD_WORDS + record.mask_words + index
        set_word(row, record.mask_words, index, slot[0])
        if field.rest and slot != &key.doors[index].slot:
            memcpy(row + at + field.rest, slot + field.rest, rest_bytes(field))
            memcpy(key.texts + at + field.rest, slot + field.rest, rest_bytes(field))
        return 0

    cdef uint64_t* _part(self, Key* key, uint32_t number, SampleBatch out) except NULL nogil:
        cdef Source* source = &key.sources[number - 1]
        if source.step != self.step:
            key.parts += source.is_out
            if not source.is_out:
                source.is_out = True
                key.pending -= 1
                self.pending -= 1
        return self._row(key, source, out)

    cdef inline uint64_t* _row(self, Key* key, Source* source, SampleBatch out) except NULL nogil:
        # The row that has the values of a source in this step.
        cdef RowHead* head
        if source.step != self.step:
            source.part = out.used
            head = <RowHead*>out.add_row(key.record)
            head.time_ns, head.tags, head.channel = source.time_ns, key.tags, source.channel
            head.id, head.nudge_ns = source.id, source.nudge_ns
            if source.time_ns <= key.stepped_ns:
                head.id |= ROW_REPLACES
            source.step = self.step
        return out.words + source.part

    cdef int _keep_candidate(self, Key* key, Record* record, uint32_t index, SampleBatch out) except -1 nogil:
        cdef Door* door = &key.doors[index]
        cdef Field* field = &self.schema.fields[record.first_field + index]
        cdef uint32_t number = door.source
        if number:
            self._put(key, record, index, field, &door.slot, number, out)
            begin_run(door, door.slot, value_of(field, door.slot), key.sources[number - 1].time_ns)
            self._let_go(key, number, 1)
        return 0

    cdef int _flush(self, Key* key, SampleBatch out, bint every_one, int64_t end_ns) except -1 nogil:
        cdef Record* record = &self.schema.records[key.record]
        cdef Door* door
        cdef uint32_t index
        self.step += 1
        for index in range(record.field_count):
            door = &key.doors[index]
            if door.source and (every_one or is_due(
                    key, door, &self.schema.fields[record.first_field + index], end_ns, self.longest_ns,
                    self.flags_every_ns[key.record] if door.kind >= DOOR_FLAG else self.every_ns)):
                self._keep_candidate(key, record, index, out)
        return 0

    cdef inline void _release(self, Key* key, uint32_t number, uint32_t values) noexcept nogil:
        # So many candidates of a source were left out. 0: of none.
        if values and number:
            key.left_out += values
            self._let_go(key, number, values)

    cdef inline void _let_go(self, Key* key, uint32_t number, uint32_t values) noexcept nogil:
        key.sources[number - 1].values -= values
        if key.sources[number - 1].values == 0:
            self._free(key, number)

    cdef void _free(self, Key* key, uint32_t number) noexcept nogil:
        cdef Source* source = &key.sources[number - 1]
        self.holding -= 1
        if not source.is_out:
            self.reduced += 1
            self.pending -= 1
            key.pending -= 1
        source.next = key.unused
        key.unused = number - 1

    cdef Key* _add(self, uint32_t record, uint16_t tags) except NULL nogil:
        cdef Record* layout = &self.schema.records[record]
        cdef Key* key
        if self.of_tags[tags] == NULL:
            self.of_tags[tags] = <Key**>zeroed(self.schema.record_count, sizeof(Key*))
        self.keys = <Key**>with_room(self.keys, &self.key_room, self.key_count, sizeof(Key*))
        key = new_key(layout, self.schema.fields + layout.first_field, self.bounds + layout.first_field, self.factor,
                      self.line)
        self.keys[self.key_count] = self.of_tags[tags][record] = key
        self.key_count += 1
        key.record, key.tags = record, tags
        return key
