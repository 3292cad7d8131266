"""Data sheet of a watcher: its rules, packed, and what it remembers of each between two rows."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport SampleBatch
from telemetry_core.rows.schema cimport Schema

cdef enum Test:
    TEST_BITS = 0
    TEST_VALUES = 1
    TEST_ABOVE = 2
    TEST_BELOW = 3

cdef struct Rule:                # watch_spec.RuleSpec
    double limit
    double release
    uint64_t for_ns
    uint64_t mask
    uint32_t first_value         # in `values`
    uint32_t value_count
    uint32_t absent_count        # in `values`, after those
    uint32_t first_field
    uint32_t field_count
    int32_t bus                  # -1: every bus
    int32_t tag_set              # -1: the rows of messages
    int32_t protection           # the field that says whether a row's frame is right; -1: none does
    int32_t sender               # the address whose rows are meant; -1: the one that is taken
    uint32_t sender_mask         # the bits of an id that say who sent it
    uint8_t test

cdef struct RuleRange:           # of one record, in `packed`
    uint32_t first
    uint32_t count

cdef struct State:               # of one rule on one channel
    uint32_t tags                # of the rows that are meant: the first of `tag_count` tag sets
    uint32_t tag_count
    uint8_t active
    uint8_t pending              # beyond the limit, not yet long enough
    int64_t since_ns             # beyond it since then
    int64_t seen_ns              # the stamp of the newest row that has its fields

cdef struct Seen:                # what a row shows of a rule
    double value
    uint32_t member
    uint8_t is_beyond
    uint8_t is_back

cdef struct Change:              # one transition
    int64_t time_ns
    double value
    Py_ssize_t row               # of the batch
    uint32_t rule
    uint32_t member
    uint16_t channel
    uint8_t active

cdef class Watcher:
    cdef readonly Schema schema
    cdef tuple rules_spec                # the RuleSpecs, as they were given
    cdef Rule* packed                    # the rules, sorted by record
    cdef uint32_t* number_of_rule        # of packed[i] among the RuleSpecs
    cdef uint64_t* values
    cdef Py_ssize_t rule_count
    cdef RuleRange* rules_of_record
    cdef State** channels                # one State a rule; NULL: not bound
    cdef Py_ssize_t channel_count
    cdef Change* changes
    cdef size_t change_count
    cdef size_t change_room
    cdef bint every_report               # of a message, and not where an alarm begins

    cdef State* _states(self, Py_ssize_t channel) noexcept
    cdef State* _state(self, Py_ssize_t channel, Py_ssize_t rule) except NULL
    cdef object _pack(self, Rule* rule, spec, Py_ssize_t first_value)
    cdef bint _run(self, SampleBatch samples) noexcept nogil
    cdef bint _see(self, const uint64_t* row, const Rule* rule, Seen* seen) noexcept nogil
    cdef bint _is_absent(self, const Rule* rule, uint64_t raw) noexcept nogil
    cdef void _end_message(self, size_t first, Py_ssize_t end) noexcept nogil
    cdef bint _turns(self, const Rule* rule, State* state, const Seen* seen, int64_t time_ns) noexcept nogil
    cdef bint _add(self, const Change* change) noexcept nogil
