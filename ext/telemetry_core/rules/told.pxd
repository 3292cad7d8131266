"""Data sheet of what a follower tells: transitions as structs, until they become Python objects."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport SampleBatch

cdef enum:
    VALUES = 14                  # of one transition
    TOTAL_COUNT = 24             # follow_spec.TOTALS

cdef enum ToldKinds:             # follow_spec.Told
    TOLD_BEGUN = 1
    TOLD_PHASE = 2
    TOLD_ATTEMPT = 3
    TOLD_ERROR = 4
    TOLD_STOP = 5
    TOLD_SILENCE = 6
    TOLD_PAUSED = 7
    TOLD_RESUMED = 8
    TOLD_ROW = 9
    TOLD_PERCENT = 10
    TOLD_WINDOW = 11
    TOLD_MINUTE = 12
    TOLD_DOUBT = 13
    TOLD_UNKNOWN = 14
    TOLD_ENDED = 15
    TOLD_RESTORED = 16
    TOLD_EDITION = 17

cdef struct Change:              # one transition
    int64_t time_ns
    int64_t since_ns
    size_t at                    # of its row, in words of the batch
    Py_ssize_t row
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
    Py_ssize_t row               # under way; -1: none
    size_t at                    # its first word in the batch

# Add a transition of the row under way, whose totals are the caller's to fill in; NULL without memory.
cdef Change* add_change(Changes* changes, uint8_t kind, uint16_t channel, int64_t time_ns) noexcept nogil
# What was told, as a list of Transitions. Raises MemoryError when there was no memory for one of them.
cdef object transitions(const Changes* changes, SampleBatch samples)
