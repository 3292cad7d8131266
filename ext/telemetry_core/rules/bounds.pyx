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
from libc.math cimport INFINITY, fabs, isfinite
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memset

from telemetry_core.memory cimport with_room, zeroed
from telemetry_core.rows.access cimport lowest_bit, set_word, value_of
from telemetry_core.rows.batch cimport ROW_NEW_SENDER, ROW_OTHER_SENDER, ROW_REPLACES, RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, SLOT_CHARACTERS, SLOT_FLOAT, Field, Record, Schema
from telemetry_core.rules.reducing cimport by_record, check_rows

cdef enum:
    GAP_NS = 2_000_000_000       # no shorter silence is a gap
    TAG_SETS = 65536

cdef enum DoorKind:
    DOOR_LINE = 0
    DOOR_HOLD = 1
    DOOR_EXACT = 2               # a number without a bound
    DOOR_FLAG = 3                # what passes at each change: flags, value tables, texts
    DOOR_TEXT = 4                # a text longer than its slot: it has no candidate

cdef enum DoorState:
    DOOR_UNUSED = 0              # no value has come
    DOOR_ENDED = 1               # any next value is kept
    DOOR_OPEN = 2

cdef enum RecordMode:
    MODE_DROPPED = -1
    MODE_PASSING = 0

cdef struct Door:                # of one field of a key
    int64_t pivot_ns             # stamp of the value last kept
    double pivot                 # that value; EXACT and FLAG: the bits of its slot
    double lowest                # of the slopes from the pivot within the bound of all values since
    double highest
    uint64_t slot                # the candidate
    int64_t distance_ns          # between the last two values
    double bound
    uint32_t source              # where the candidate is from: index of Key.sources + 1; 0: no candidate
    uint8_t kind
    uint8_t state
    uint8_t is_plain             # its slot is a double, and that is the value

cdef struct Source:              # a row that has candidates
    int64_t time_ns
    uint32_t id
    uint32_t nudge_ns
    uint64_t step                # in which a part of it went out last
    size_t part                  # where, in the words of `out`
    uint32_t values              # candidates
    uint32_t next                # where it is free: the next free one
    uint16_t channel
    uint8_t is_out               # a part has gone out

cdef struct Key:
    uint32_t record
    uint16_t tags
    uint32_t unused              # the first free one of `sources`
    uint32_t pending             # sources of which nothing has gone out
    int64_t parts                # beyond the first of a row
    int64_t left_out             # values
    int64_t stepped_ns           # stamps up to it may come again: those before a step back
    Door* doors                  # as the record's fields
    Source* sources              # one more than fields
    uint64_t* texts              # slots of the texts last kept, laid out as in a row; NULL: none is that long


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
    cdef int64_t beat_ns         # a pivot before it is too old for the last row
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
        self.line, self.every_ns, self.longest_ns, self.factor = line, every_ns, longest_ns, 1.0
        self.modes = by_record(schema, modes, MODE_DROPPED)
        self.flags_every_ns = by_record(schema, flags_every_ns, 0)
        self.bounds = <double*>zeroed(schema.field_count, sizeof(double))
        self.of_tags = <Key***>zeroed(TAG_SETS, sizeof(Key**))  # untouched pages cost nothing
        cdef Py_ssize_t index
        for index in range(schema.field_count):
            self.bounds[index] = bounds[index]

    def __dealloc__(self):
        cdef Key* key
        cdef size_t index
        for index in range(self.key_count):
            key = self.keys[index]
            free(self.of_tags[key.tags])
            self.of_tags[key.tags] = NULL
            free(key.doors)
            free(key.sources)
            free(key.texts)
            free(key)
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
        for number in range(self.key_count):
            key = self.keys[number]
            if tags is None or key.tags in tags:
                self._flush(key, out, every_one, end_ns)

    def copy(self, SampleBatch out not None, tags):
        """Append to `out` the candidates of these tag sets, as `flush` would. They stay what they are."""
        check_rows(self.schema, None, out)
        cdef Record* record
        cdef Key* key
        cdef Door* door
        cdef size_t number
        cdef uint32_t index
        for number in range(self.key_count):
            key = self.keys[number]
            record = &self.schema.records[key.record]
            self.step += 1
            for index in range(record.field_count if key.tags in tags else 0):
                door = &key.doors[index]
                if door.source:
                    set_word(self._row(key, &key.sources[door.source - 1], out), record.mask_words, index, door.slot)

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
        cdef uint32_t index
        self._flush(key, out, True, INT64_MAX)
        for index in range(self.schema.records[key.record].field_count):
            key.doors[index].state = min(key.doors[index].state, DOOR_ENDED)
        return 0

    def set_factor(self, double factor, int64_t longest_ns, SampleBatch out not None):
        """Multiply all bounds as configured by `factor` from now on. What is held goes out: runs begin again."""
        self.flush(out)
        self.factor, self.longest_ns = factor, longest_ns
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
        cdef uint32_t index
        cdef Key* key
        cdef Source source
        cdef Record* record
        kept = []
        for number in range(self.key_count):
            key = self.keys[number]
            record = &self.schema.records[key.record]
            sources = []
            for index in range(record.field_count + 1):
                source = key.sources[index]
                source.step = source.part = 0
                sources.append(source)
            kept.append((key.record, key.tags, key.unused, key.pending, key.stepped_ns,
                         [key.doors[index] for index in range(record.field_count)], sources,
                         [] if key.texts == NULL else [key.texts[index] for index in range(record.row_words)]))
        return kept

    def remember(self, memory):
        """Go on with the `memory` of another one; this one holds nothing yet."""
        cdef Key* key
        cdef Record* layout
        cdef uint32_t index
        for record, tags, unused, pending, stepped_ns, doors, sources, texts in memory:
            if record >= self.schema.record_count or len(doors) != self.schema.records[record].field_count:
                raise ValueError("the memory is of another schema")
            key = self._add(record, tags)
            layout = &self.schema.records[key.record]
            if len(sources) != layout.field_count + 1 or len(texts) != (layout.row_words if key.texts != NULL else 0):
                raise ValueError("the memory is of another schema")
            key.unused, key.pending, key.stepped_ns = unused, pending, stepped_ns
            for index in range(layout.field_count):
                key.doors[index] = doors[index]
            for index in range(layout.field_count + 1):
                key.sources[index] = sources[index]
                self.holding += key.sources[index].values != 0
            for index in range(len(texts)):
                key.texts[index] = texts[index]
            self.pending += key.pending

    def pending_by_measurement(self):
        """Return how many rows have not gone out and still may, by measurement, without those that have none."""
        return self._sums([self.keys[number].pending for number in range(self.key_count)])

    def parts_by_measurement(self):
        """Return how many parts of rows have gone out beyond the first of each, by measurement."""
        return self._sums([self.keys[number].parts for number in range(self.key_count)])

    def left_out_by_measurement(self):
        """Return how many values were left out, by measurement."""
        return self._sums([self.keys[number].left_out for number in range(self.key_count)])

    cdef object _sums(self, counts):
        cdef size_t number
        found = {}
        for number in range(self.key_count):
            if counts[number]:
                measurement = self.schema.specs[self.keys[number].record].measurement
                found[measurement] = found.get(measurement, 0) + counts[number]
        return found

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
        # The values of a row that change nothing are done here; `_decide` has the rules, for all of them.
        cdef RowHead* head = <RowHead*>row
        cdef uint64_t* slots = row + HEAD_WORDS + record.mask_words
        cdef Field* fields = self.schema.fields + record.first_field
        cdef int64_t time_ns = head.time_ns
        cdef int64_t half_ns = (self.longest_ns + 1) // 2
        cdef int64_t beat_ns = time_ns % half_ns
        cdef Door* doors = key.doors
        cdef Source* sources = key.sources
        cdef uint32_t mine
        cdef Source* source
        cdef Door* door
        cdef uint32_t before = 0         # the source of the last candidate that was looked at
        cdef uint32_t left_out = 0       # how many of its candidates
        cdef int64_t since = 0           # the row after it
        cdef bint goes_on = False        # and that it is of the same run
        cdef uint32_t candidates = 0
        cdef uint32_t word, index
        cdef uint64_t left, bits
        cdef int64_t distance
        cdef double value, per_ns, slope, reach
        cdef bint is_candidate
        beat_ns = self.beat_ns = time_ns - half_ns - (beat_ns if beat_ns >= 0 else beat_ns + half_ns)
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
                if door.source != before:
                    self._release(key, before, left_out)
                    candidates += left_out
                    before, left_out = door.source, 0
                    since = time_ns - sources[before - 1].time_ns if before else 0
                    goes_on = 0 < since <= GAP_NS
                is_candidate = False
                value = 0.0
                if door.is_plain:
                    memcpy(&value, &bits, 8)
                elif door.kind <= DOOR_HOLD:
                    value = value_of(&fields[index], bits)
                if goes_on:
                    distance = time_ns - door.pivot_ns
                    if door.kind == DOOR_LINE:
                        per_ns = 1.0 / <double>distance
                        slope = (value - door.pivot) * per_ns
                        if door.lowest <= slope <= door.highest and door.pivot_ns >= beat_ns:
                            reach = door.bound * per_ns
                            door.lowest = max(door.lowest, slope - reach)
                            door.highest = min(door.highest, slope + reach)
                            is_candidate = True
                    elif door.kind == DOOR_HOLD:
                        is_candidate = fabs(value - door.pivot) <= door.bound and door.pivot_ns >= beat_ns
                    else:
                        is_candidate = memcmp(&bits, &door.pivot, 8) == 0
                if is_candidate:
                    left_out += 1
                    door.source, door.slot, door.distance_ns = mine, bits, since
                else:
                    self._decide(key, record, index, slots + index, value, mine, out)
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
        cdef int64_t before = door.distance_ns
        cdef int64_t every_ns = self.flags_every_ns[key.record] if door.kind >= DOOR_FLAG else self.every_ns
        cdef bint is_kept = True
        cdef double per_ns, slope
        door.distance_ns = max(since, <int64_t>0)
        if since <= 0 and door.state != DOOR_UNUSED:
            key.stepped_ns = max(key.stepped_ns, last_ns)
        if door.state != DOOR_OPEN or since <= 0 or (since > GAP_NS and since > 2 * before) or not isfinite(value):
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
            is_kept = distance >= every_ns and self._is_another(key, record, index, door, field, slot)
        if door.source:
            key.left_out += 1
            self._release_one(key, door.source)
            door.source = 0
        if is_kept:
            self._put(key, record, index, field, slot, mine, out)
            self._begin(door, slot[0], value, time_ns)
            if not isfinite(value):
                door.state = DOOR_ENDED
        elif door.kind == DOOR_TEXT:
            key.left_out += 1
        else:
            door.source, door.slot = mine, slot[0]
            key.sources[mine - 1].values += 1
        return 0

    cdef void _begin(self, Door* door, uint64_t slot, double value, int64_t time_ns) noexcept nogil:
        # A run goes on, or begins, at this value, which is kept.
        door.state, door.source, door.pivot_ns = DOOR_OPEN, 0, time_ns
        door.pivot, door.lowest, door.highest = value, -INFINITY, INFINITY
        if door.kind > DOOR_HOLD:
            memcpy(&door.pivot, &slot, 8)

    cdef bint _is_another(self, Key* key, Record* record, uint32_t index, const Door* door, const Field* field,
                          const uint64_t* slot) noexcept nogil:
        # Whether a value without a bound is not the one last kept.
        return memcmp(slot, &door.pivot, 8) != 0 or (field.rest and memcmp(
            slot + field.rest, key.texts + HEAD_WORDS + record.mask_words + index + field.rest, _rest_bytes(field)) != 0)

    cdef int _put(self, Key* key, Record* record, uint32_t index, const Field* field, const uint64_t* slot,
                  uint32_t number, SampleBatch out) except -1 nogil:
        # Add a value to the part of its row that goes out in this step.
        cdef uint64_t* row = self._part(key, number, out)
        cdef size_t at = HEAD_WORDS + record.mask_words + index
        set_word(row, record.mask_words, index, slot[0])
        if field.rest and slot != &key.doors[index].slot:
            memcpy(row + at + field.rest, slot + field.rest, _rest_bytes(field))
            memcpy(key.texts + at + field.rest, slot + field.rest, _rest_bytes(field))
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
            self._begin(door, door.slot, value_of(field, door.slot), key.sources[number - 1].time_ns)
            self._release_one(key, number)
        return 0

    cdef int _flush(self, Key* key, SampleBatch out, bint every_one, int64_t end_ns) except -1 nogil:
        cdef Record* record = &self.schema.records[key.record]
        cdef uint32_t index
        self.step += 1
        for index in range(record.field_count):
            if key.doors[index].source and (every_one or self._is_due(key, &key.doors[index], end_ns)):
                self._keep_candidate(key, record, index, out)
        return 0

    cdef bint _is_due(self, Key* key, Door* door, int64_t end_ns) noexcept nogil:
        # Whether a value of the stamp `end_ns` would keep the candidate, or one like it.
        cdef int64_t last_ns = key.sources[door.source - 1].time_ns
        cdef int64_t since = end_ns - last_ns
        cdef int64_t distance = end_ns - door.pivot_ns
        cdef int64_t every_ns = self.flags_every_ns[key.record] if door.kind >= DOOR_FLAG else self.every_ns
        if since > GAP_NS and since > 2 * door.distance_ns:
            return True
        if door.kind == DOOR_LINE:
            return since > self.longest_ns and last_ns - door.pivot_ns >= every_ns
        if distance < every_ns or every_ns == 0:
            return False
        if door.kind == DOOR_HOLD:
            return fabs(self._candidate(key, door) - door.pivot) > door.bound
        return memcmp(&door.slot, &door.pivot, 8) != 0

    cdef double _candidate(self, Key* key, Door* door) noexcept nogil:
        return value_of(&self.schema.fields[self.schema.records[key.record].first_field + (door - key.doors)], door.slot)

    cdef inline void _release(self, Key* key, uint32_t number, uint32_t values) noexcept nogil:
        # So many candidates of a source were left out.
        cdef Source* source
        if values:
            key.left_out += values
            source = &key.sources[number - 1]
            source.values -= values
            if source.values == 0:
                self._free(key, number)

    cdef void _release_one(self, Key* key, uint32_t number) noexcept nogil:
        cdef Source* source = &key.sources[number - 1]
        source.values -= 1
        if source.values == 0:
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
        cdef Field* field
        cdef Door* door
        cdef Key* key
        cdef uint32_t index
        cdef bint has_rest = False
        if self.of_tags[tags] == NULL:
            self.of_tags[tags] = <Key**>zeroed(self.schema.record_count, sizeof(Key*))
        self.keys = <Key**>with_room(self.keys, &self.key_room, self.key_count, sizeof(Key*))
        key = <Key*>zeroed(1, sizeof(Key))
        self.keys[self.key_count] = self.of_tags[tags][record] = key
        self.key_count += 1
        key.record, key.tags, key.stepped_ns = record, tags, INT64_MIN
        key.doors = <Door*>zeroed(layout.field_count, sizeof(Door))
        key.sources = <Source*>zeroed(layout.field_count + 1, sizeof(Source))
        for index in range(layout.field_count):
            field = &self.schema.fields[layout.first_field + index]
            door = &key.doors[index]
            door.bound = self.factor * self.bounds[layout.first_field + index]
            door.kind = (DOOR_TEXT if field.rest else DOOR_FLAG if field.passes else DOOR_EXACT if door.bound < 0
                         else DOOR_LINE if self.line else DOOR_HOLD)
            door.is_plain = (door.kind <= DOOR_HOLD and field.kind == SLOT_FLOAT and field.factor == 1.0
                             and field.offset == 0.0)
            key.sources[index].next = index + 1
            has_rest |= field.rest != 0
        if has_rest:
            key.texts = <uint64_t*>zeroed(layout.row_words, sizeof(uint64_t))
        return key


cdef inline size_t _rest_bytes(const Field* field) noexcept nogil:
    # Of a text, what its slot has no room for.
    return (field.characters - 1) // SLOT_CHARACTERS * sizeof(uint64_t)
