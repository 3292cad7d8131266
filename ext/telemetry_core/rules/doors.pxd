"""What bounds remember of a key: a door for each field, and the rows that candidates are from."""

from libc.float cimport DBL_MAX
from libc.math cimport fabs
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy

from telemetry_core.memory cimport zeroed
from telemetry_core.rows.access cimport value_of
from telemetry_core.rows.schema cimport SLOT_CHARACTERS, SLOT_FLOAT, Field, Record

cdef enum:
    GAP_NS = 2_000_000_000       # no shorter silence is a gap

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


# A run goes on, or begins, at this value, which is kept.
cdef inline void begin_run(Door* door, uint64_t slot, double value, int64_t time_ns) noexcept nogil:
    # No slope of a value that is not finite lies between these.
    door.state, door.source, door.pivot_ns = DOOR_OPEN, 0, time_ns
    door.pivot, door.lowest, door.highest = value, -DBL_MAX, DBL_MAX
    if door.kind > DOOR_HOLD:
        memcpy(&door.pivot, &slot, 8)


# The next value of each field is kept, whatever it is.
cdef inline void end_runs(Key* key, uint32_t fields) noexcept nogil:
    cdef uint32_t index
    for index in range(fields):
        key.doors[index].state = min(key.doors[index].state, DOOR_ENDED)


# Of a text, what its slot has no room for.
cdef inline size_t rest_bytes(const Field* field) noexcept nogil:
    return (field.characters - 1) // SLOT_CHARACTERS * sizeof(uint64_t)


# Whether a value without a bound is not the one last kept. texts: what slots had no room for then, as in a row, whose
# slot this is at `at`.
cdef inline bint is_another(const Door* door, const Field* field, const uint64_t* slot, const uint64_t* texts,
                            size_t at) noexcept nogil:
    return memcmp(slot, &door.pivot, 8) != 0 or (
        field.rest and memcmp(slot + field.rest, texts + at + field.rest, rest_bytes(field)) != 0)


# How long a value is the last one before it is a gap.
cdef inline int64_t gap_of(const Door* door) noexcept nogil:
    return max(<int64_t>GAP_NS, 2 * door.distance_ns)


# Whether a value of the stamp `end_ns` would keep the candidate, or one like it. every_ns: between two kept values.
cdef inline bint is_due(const Key* key, const Door* door, const Field* field, int64_t end_ns, int64_t longest_ns,
                        int64_t every_ns) noexcept nogil:
    cdef int64_t last_ns = key.sources[door.source - 1].time_ns
    if end_ns - last_ns > gap_of(door):
        return True
    if door.kind == DOOR_LINE:
        return end_ns - last_ns > longest_ns and last_ns - door.pivot_ns >= every_ns
    if end_ns - door.pivot_ns < every_ns or every_ns == 0:
        return False
    if door.kind == DOOR_HOLD:
        return fabs(value_of(field, door.slot) - door.pivot) > door.bound
    return memcmp(&door.slot, &door.pivot, 8) != 0


# Up to when no candidate of a key is due, where kept values may be as near as they come.
cdef inline int64_t none_due_before(const Key* key, uint32_t fields, int64_t longest_ns) noexcept nogil:
    cdef int64_t due_ns = INT64_MAX
    cdef uint32_t index
    for index in range(fields):
        if key.doors[index].source:
            due_ns = min(due_ns, key.sources[key.doors[index].source - 1].time_ns
                         + min(gap_of(&key.doors[index]), longest_ns))
    return due_ns


# What a key remembers, as plain values.
cdef inline tuple memory_of(const Key* key, const Record* record):
    cdef uint32_t index
    cdef Source source
    sources = []
    for index in range(record.field_count + 1):
        source = key.sources[index]
        source.step = source.part = 0
        sources.append(source)
    return (key.record, key.tags, key.unused, key.pending, key.stepped_ns,
            [key.doors[index] for index in range(record.field_count)], sources,
            [] if key.texts == NULL else [key.texts[index] for index in range(record.row_words)])


# Take what `memory_of` a key of the same record has said; return how many rows have candidates.
cdef inline int64_t remember_of(Key* key, list doors, list sources, list texts) except -1:
    cdef size_t index
    cdef int64_t holding = 0
    for index in range(len(doors)):
        key.doors[index] = doors[index]
    for index in range(len(sources)):
        key.sources[index] = sources[index]
        holding += key.sources[index].values != 0
    for index in range(len(texts)):
        key.texts[index] = texts[index]
    return holding


# A key of a record with these fields, of which nothing has come. line: the shape of `bounds`.
cdef inline Key* new_key(const Record* layout, const Field* fields, const double* bounds, double factor,
                         bint line) except NULL nogil:
    cdef Key* key = <Key*>zeroed(1, sizeof(Key))
    cdef const Field* field
    cdef Door* door
    cdef uint32_t index
    cdef bint has_rest = False
    key.stepped_ns = INT64_MIN
    key.doors = <Door*>zeroed(layout.field_count, sizeof(Door))
    key.sources = <Source*>zeroed(layout.field_count + 1, sizeof(Source))
    for index in range(layout.field_count):
        field, door = &fields[index], &key.doors[index]
        door.bound = factor * bounds[index]
        door.kind = (DOOR_TEXT if field.rest else DOOR_FLAG if field.passes else DOOR_EXACT if bounds[index] < 0
                     else DOOR_LINE if line else DOOR_HOLD)
        door.is_plain = (door.kind <= DOOR_HOLD and field.kind == SLOT_FLOAT and field.factor == 1.0
                         and field.offset == 0.0)
        key.sources[index].next = index + 1
        has_rest |= field.rest != 0
    if has_rest:
        key.texts = <uint64_t*>zeroed(layout.row_words, sizeof(uint64_t))
    return key


cdef inline void free_key(Key* key) noexcept nogil:
    free(key.doors)
    free(key.sources)
    free(key.texts)
    free(key)
