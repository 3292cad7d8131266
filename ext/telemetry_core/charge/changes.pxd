"""Data sheet of what a follower reports: changes as structs, until they become Python objects."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport SampleBatch

cdef enum:
    VALUES = 14                  # of one change
    TOTAL_COUNT = 25             # follow_spec.TOTALS

cdef enum ChangeKinds:           # follow_spec.ChangeKind
    CHANGE_BEGUN = 1
    CHANGE_PHASE = 2
    CHANGE_ATTEMPT = 3
    CHANGE_ERROR = 4
    CHANGE_STOP = 5
    CHANGE_SILENCE = 6
    CHANGE_PAUSED = 7
    CHANGE_RESUMED = 8
    CHANGE_ROW = 9
    CHANGE_PERCENT = 10
    CHANGE_WINDOW = 11
    CHANGE_MINUTE = 12
    CHANGE_DOUBT = 13
    CHANGE_UNKNOWN = 14
    CHANGE_ENDED = 15
    CHANGE_RESTORED = 16
    CHANGE_EDITION = 17

cdef struct Change:              # one change
    int64_t time_ns
    int64_t since_ns
    const uint64_t* row          # that shows it; NULL: none
    Py_ssize_t left              # rows of the batch from this one on
    uint64_t bits
    uint32_t number
    uint16_t channel
    uint8_t kind
    uint8_t side
    uint8_t value_count
    uint8_t total_count          # TOTAL_COUNT, or 0
    uint8_t has_row
    double values[VALUES]
    double totals[TOTAL_COUNT]

cdef struct Changes:             # all of one batch
    Change* all
    size_t count
    size_t room
    bint is_short_of_memory
    bint is_held                 # after this row: who reads the changes decides first
    const uint64_t* row          # under way; NULL: none
    Py_ssize_t left              # rows of the batch from this one on

# Add a change by the row under way, whose totals are the caller's to fill in; NULL without memory.
cdef Change* add_change(Changes* changes, uint8_t kind, uint16_t channel, int64_t time_ns) noexcept nogil
# Return the changes as a list of PlugChange. Raises MemoryError when there was no memory for one of them.
cdef object plug_changes(const Changes* changes, SampleBatch samples)
