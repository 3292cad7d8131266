"""Data sheet of the reducer: what it holds of each key."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport Record, Schema

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

cdef class Reducer:
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

    cdef object _check(self, SampleBatch samples)
    cdef bint _reduce(self, SampleBatch samples, SampleBatch out) noexcept nogil
    cdef bint _emit(self, Held* held, SampleBatch out) noexcept nogil
    cdef bint _changes(self, Held* held, Record* record, uint64_t* row, bint sees) noexcept nogil
    cdef bint _release(self, Held* held, RowHead* head, SampleBatch out) noexcept nogil
    cdef bint _may_pass(self, Held* held, Record* record, uint64_t* row) noexcept nogil
    cdef void _merge(self, Held* held, Record* record, uint64_t* row) noexcept nogil
    cdef void _take_away(self, Held* held, Record* record, uint64_t* row) noexcept nogil
    cdef Held* _find(self, uint32_t record, uint16_t tags) noexcept nogil
    cdef Held* _add(self, uint32_t record, uint16_t tags) noexcept nogil
    cdef void _enter(self, uint32_t number) noexcept nogil
    cdef bint _reserve_held(self) noexcept nogil
    cdef bint _reserve_words(self, size_t words) noexcept nogil
    cdef bint _reserve_table(self) noexcept nogil
