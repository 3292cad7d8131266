"""Data sheet of the protection stage: what it looks for in a frame, and what it remembers."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.frames.batch cimport Frame, FrameBatch
from telemetry_core.decode.plan cimport Plan

cdef enum:
    MOST_COUNTER_BITS = 16
    DATA_IDS = 16

cdef struct Rule:
    uint16_t byte_count
    uint16_t checksum_byte
    uint16_t data_ids[DATA_IDS]
    uint16_t counter_bits[MOST_COUNTER_BITS]
    uint16_t counter_bit_count
    uint16_t nibble_bit
    uint32_t counter_most
    uint32_t most_skipped
    int64_t timeout_ns
    uint32_t first_state         # of the channel's states: one, or with an extended id one for each sender
    uint8_t checksum             # protection_spec.Checksum
    uint8_t data_id              # protection_spec.DataId
    uint8_t action               # protection_spec.Action

cdef struct State:               # of one message of one sender on one channel
    int64_t last_ns
    int32_t last_counter         # -1: none yet

cdef struct RuleCounts:
    uint64_t wrong_crc
    uint64_t repeated
    uint64_t skipped

cdef struct Guard:               # of one channel
    uint16_t bus                 # index into Plan.buses
    uint64_t dropped_crc         # frames, without payloads of several
    uint64_t dropped_counter
    State* states
    RuleCounts* counts           # of each rule

cdef class Protection:
    cdef readonly Plan plan
    cdef readonly tuple specs
    cdef list numbers            # by bus: the rules' numbers
    cdef Rule* rules
    cdef Py_ssize_t rule_count
    cdef uint32_t state_count    # of a channel
    cdef uint8_t* watched        # by bus: which ids may be protected, see `_slot`
    cdef uint16_t* rule_of_line  # by line of the plan: the rule's number + 1
    cdef uint32_t line_count
    cdef Guard* guards           # one for each 16-bit channel number
    cdef uint8_t* verdicts       # of the frames of a batch
    cdef Py_ssize_t verdict_room
    cdef FrameBatch out

    cdef object _watch(self, Py_ssize_t bus, uint32_t id)
    cdef uint32_t _rule_number(self, const Frame* frame) noexcept nogil
    cdef bint _run(self, FrameBatch frames) noexcept nogil
    cdef int _verdict(self, const Frame* frame, uint32_t number, const uint8_t* data) noexcept nogil
    cdef int _judge_counter(self, const Rule* rule, State* state, RuleCounts* counts, int64_t time_ns,
                            uint32_t counter) noexcept nogil
    cdef object _take(self, FrameBatch frames, Py_ssize_t start, Py_ssize_t stop)
