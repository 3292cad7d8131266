"""Data sheet of a follower: signs and deadlines, packed, and what it remembers of each plug."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport SampleBatch
from telemetry_core.rows.schema cimport Schema

cdef enum:
    SIDES = 3
    SLOTS = 24                   # signs of a protocol whose times are kept
    TELLS = 12                   # records of a protocol that are told
    VALUES = 14                  # of one transition
    TOTAL_COUNT = 24             # follow_spec.TOTALS
    NO_PLUG = -1
    ROUTES = 4                   # plugs that one tag set may be measured at

cdef struct PackedSign:          # follow_spec.Sign
    uint64_t value
    int32_t field
    int32_t lacks
    int32_t unless               # slot
    int32_t slot                 # where its time is kept; -1: nowhere
    uint32_t first_zero
    uint32_t zero_count
    uint32_t first_reason
    uint32_t reason_count
    uint64_t reason_mask
    uint32_t number              # among the signs of its spec
    uint32_t record
    uint8_t side
    uint8_t phase
    uint8_t kind
    uint8_t from_phase
    uint8_t to_phase
    uint8_t is_last              # its slot keeps the last time, not the first of the attempt

cdef struct PackedDeadline:      # follow_spec.Deadline
    int64_t limit_ns
    int32_t awaited              # slot
    int32_t since                # slot; -1: the phase
    uint8_t first_phase
    uint8_t last_phase
    uint8_t is_periodic
    uint8_t once_heard

cdef struct Range:
    uint32_t first
    uint32_t count

cdef struct Followed:            # of one record, in one spec
    Range signs
    int32_t tell                 # slot; -1: not told
    int32_t minutes              # the field of the charger's minutes; -1: none
    uint8_t tells_once
    uint8_t is_plain             # the first sign is in every row, the others pause and resume: most rows change nothing

cdef struct Spec:                # follow_spec.FollowSpec or PowerSpec
    Followed* records            # one a record of the schema; NULL: a PowerSpec
    PackedSign* signs
    PackedDeadline* deadlines
    uint32_t deadline_count
    uint8_t begins[SLOTS]        # the slots of a session, which no attempt empties
    int64_t silence_ns
    int64_t reconnect_ns
    int64_t same_error_ns
    int64_t gap_ns               # samples further apart are not joined
    double starts_above_w
    int64_t starts_after_ns
    int64_t ends_after_ns
    uint8_t side

cdef struct Sums:
    double ws
    double vs
    double as_

cdef struct Sample:
    int64_t time_ns
    double power_w
    double voltage_v
    double current_a

cdef struct Measured:            # of one side, within a session
    int64_t last_ns              # of the newest sample
    double power_w
    double voltage_v
    double current_a
    double energy_ws
    double covered_s
    double charge_as
    double peak_w
    int64_t ahead_from_ns        # what this side has beyond the other's newest sample, from there on
    Sums ahead
    double window_s
    double window_vs
    double window_as
    double percent_s
    double percent_ws
    double percent_vs
    double percent_as
    uint8_t has_sample

cdef struct Plug:                # plain bytes: the state that survives
    int64_t start_ns
    int64_t last_ns              # of the newest sign
    int64_t phase_ns
    int64_t error_ns             # of the newest error; 0: none in this session
    int64_t again_ns             # the sign that may begin the next attempt; 0: none
    int64_t minute_ns
    int64_t window_ns            # end of the window under way
    int64_t percent_ns           # when the percent was reached
    int64_t due_ns               # no deadline is due before it
    int64_t unknown_ns[2]        # of the newest UNKNOWN of each side
    int64_t minutes_ns           # of the newest charger's minutes
    int64_t restored_ns          # of the first row since then
    int64_t below_ns             # of power sessions: below, or above, the threshold since
    int64_t heard_ns[SLOTS]
    uint32_t told[TELLS]         # hash of the row told last
    uint64_t seen_percents[2]
    uint32_t fired               # deadlines, until what they await is heard
    Measured measured[SIDES]
    double common_s
    double common_ws[2]          # vehicle, charger
    double common_as             # charger less vehicle
    double common_vs
    double start_soc
    double soc
    double start_temp
    double temp
    double cell_max
    double percent_temp
    double percent_cell_min
    double percent_cell_max
    double requested_a
    double requested_v
    double requested_max_a
    double window_requested_min
    double window_requested_max
    double gap_s
    int32_t percent              # under way; -1: none
    int32_t minutes              # the newest that the charger counted; -1: none
    uint16_t attempt
    uint8_t is_open              # 2: power is over the threshold, not yet for long enough
    uint8_t phase
    uint8_t has_error            # in this attempt
    uint8_t stops                # sides that have stopped, as bits
    uint8_t pauses               # sides that pause, as bits
    uint8_t is_old
    uint8_t is_new               # of a later edition than the oldest, unless it is that
    uint8_t was_doubtful
    uint8_t is_fresh             # the percent under way has not been seen before
    uint8_t window_is_charging   # all of it so far
    uint8_t is_restored
    uint8_t has_new_soc          # since it was restored

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
    uint8_t has_row
    double values[VALUES]
    double totals[TOTAL_COUNT]

cdef struct Route:               # of a tag set: at which plugs its modelled rows are measured
    int32_t plugs[ROUTES]
    uint8_t is_own[ROUTES]       # by one of the plug's ends, and not by a third
    uint8_t count

cdef struct ModelFields:         # of one record of the data model, or of none of interest
    int32_t voltage
    int32_t current
    int32_t power
    int32_t soc
    int32_t temp_max
    int32_t cell_max
    int32_t cell_min
    int32_t requested_v
    int32_t requested_a
    uint32_t first_cell
    uint32_t cell_count
    uint64_t electrical          # voltage, current and power, as bits of the row's mask
    uint64_t requested
    uint64_t others
    uint8_t side
    uint8_t is_followed

cdef class Follower:
    cdef readonly Schema schema
    cdef tuple specs_given
    cdef list state_heads                # what the state of a plug begins with, by spec
    cdef Spec* specs
    cdef Py_ssize_t spec_count
    cdef ModelFields* models
    cdef uint8_t* is_watched             # a record that any spec has signs of
    cdef Plug* plugs
    cdef Plug* saved                     # as restored, until it is clear that they go on
    cdef int32_t* spec_of_plug
    cdef uint16_t* channel_of_plug
    cdef Py_ssize_t plug_count
    cdef int32_t* plug_of_channel
    cdef Py_ssize_t channel_count
    cdef Route* route_of_tags
    cdef Py_ssize_t tag_count
    cdef Change* changes
    cdef size_t change_count
    cdef size_t change_room
    cdef bint is_short_of_memory
    cdef Py_ssize_t row                  # where the run is
    cdef size_t at

    cdef object _pack(self, Spec* spec, given)
    cdef object _add_plug(self, Py_ssize_t channel, Py_ssize_t spec)
    cdef Py_ssize_t _plug(self, channel) except -1
    cdef object _transitions(self, SampleBatch samples)
    cdef void _run(self, SampleBatch samples) noexcept nogil
    cdef void _protocol_row(self, Py_ssize_t plug_number, const uint64_t* row, const Followed* followed) noexcept nogil
    cdef bint _take_plain(self, Plug* plug, const Spec* spec, const uint64_t* row,
                          const Followed* followed) noexcept nogil
    cdef bint _holds(self, const Plug* plug, const PackedSign* sign, const uint64_t* row,
                     const uint64_t* slots) noexcept nogil
    cdef void _act(self, Py_ssize_t plug_number, const PackedSign* sign, const uint64_t* row, const uint64_t* slots,
                   int64_t now_ns) noexcept nogil
    cdef void _pass_time(self, Py_ssize_t plug_number, int64_t now_ns, uint8_t phase, bint is_begin,
                         bint is_again) noexcept nogil
    cdef void _skip(self, Plug* plug, int64_t now_ns) noexcept nogil
    cdef bint _is_next_attempt(self, const Plug* plug, const Spec* spec, const PackedSign* sign,
                               int64_t now_ns) noexcept nogil
    cdef void _pause(self, Py_ssize_t plug_number, const PackedSign* sign, int64_t now_ns) noexcept nogil
    cdef void _clear(self, Plug* plug, int64_t now_ns) noexcept nogil
    cdef void _end_window(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil
    cdef void _tell_row(self, Py_ssize_t plug_number, const uint64_t* row, const Followed* followed) noexcept nogil
    cdef void _hear_minutes(self, Py_ssize_t plug_number, int32_t minutes, int64_t now_ns) noexcept nogil
    cdef void _go_on(self, Py_ssize_t plug_number) noexcept nogil
    cdef void _compare(self, Plug* plug, uint8_t side, Sample new, bint is_covered) noexcept nogil
    cdef void _timers(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil
    cdef void _deadlines(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil
    cdef void _open(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil
    cdef void _end(self, Py_ssize_t plug_number, uint32_t why, int64_t at_ns) noexcept nogil
    cdef void _enter(self, Py_ssize_t plug_number, uint8_t phase, int64_t now_ns) noexcept nogil
    cdef void _next_attempt(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil
    cdef void _measured_row(self, const Route* route, const ModelFields* fields, const uint64_t* row) noexcept nogil
    cdef void _model_row(self, Py_ssize_t plug_number, bint is_own, const ModelFields* fields, const uint64_t* row) noexcept nogil
    cdef void _sample(self, Py_ssize_t plug_number, uint8_t side, double power_w, double voltage_v, double current_a,
                      int64_t now_ns) noexcept nogil
    cdef void _power_session(self, Py_ssize_t plug_number, double power_w, int64_t now_ns) noexcept nogil
    cdef void _percent(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil
    cdef void _leave_percent(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil
    cdef void _judge_restored(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil
    cdef Change* _tell(self, Py_ssize_t plug_number, uint8_t kind, int64_t time_ns) noexcept nogil
