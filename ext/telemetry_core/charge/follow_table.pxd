"""Data sheet of FollowSpecs and PowerSpecs packed for the hot loop: flat arrays by record of the schema."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from telemetry_core.rows.schema cimport Schema

cdef enum:
    VEHICLE = 0                  # follow_spec.Side
    CHARGER = 1
    METER = 2
    SIDES = 3
    PHASES = 7
    SLOTS = 24                   # signs of a protocol whose times are kept
    REPORTED = 12                # records of a protocol whose rows are reported

cdef enum FollowedPhases:        # follow_spec.FollowedPhase
    PHASE_NONE = 0
    PHASE_RECOGNITION = 2
    PHASE_CONFIGURATION = 3
    PHASE_CHARGING = 4
    PHASE_ENDED = 6

cdef enum SignKinds:             # follow_spec.SignKind
    SIGN_HEARD = 0
    SIGN_BEGIN = 1
    SIGN_AGAIN = 2
    SIGN_ERROR = 3
    SIGN_STOP = 4
    SIGN_PAUSE = 5
    SIGN_RESUME = 6
    SIGN_OLD = 7
    SIGN_DOUBT = 8
    SIGN_UNKNOWN = 9
    SIGN_NEW = 10

cdef struct PackedSign:          # follow_spec.Sign
    uint64_t value
    int32_t field
    int32_t lacks
    int32_t unless               # slot; -1: none
    int32_t after                # slot; -1: none
    uint32_t slot                # where its time is kept; SLOTS: of no interest
    uint32_t first_zero
    uint32_t zero_count
    uint32_t first_reason
    uint32_t reason_count
    uint64_t reason_mask
    uint32_t number              # among the signs of its spec
    uint8_t side
    uint8_t phase
    uint8_t kind
    uint8_t from_phase
    uint8_t to_phase
    uint32_t redeems             # periodic deadlines that await it, as bits; then its slot keeps the last time, not the first

cdef struct PackedDeadline:      # follow_spec.Deadline
    int64_t limit_ns
    uint32_t awaited             # slot
    int32_t since                # slot; -1: the phase
    uint8_t is_periodic
    uint8_t once_heard

cdef struct Place:               # a field of a record's rows
    uint64_t bit                 # in the first word of the mask; 0: there is no such field
    uint32_t word                # of its slot, from the head on

cdef struct Followed:            # one record of messages, in one spec
    uint32_t first_sign
    uint32_t sign_count
    uint32_t mask_words
    uint32_t field_count
    int32_t report_slot          # -1: rows are not reported
    uint8_t reports_once
    uint16_t plain               # bit: rows say that a phase goes on, and rarely more (see plain_bit); 0: they do not
    uint8_t is_bare              # such rows have neither minutes nor what may pause
    uint32_t plain_slot          # where the last time of such a row is kept
    Place minutes                # that the charger counts
    Place pausing                # the field whose value `pausing_value` may pause
    uint64_t pausing_value

cdef struct Spec:                # follow_spec.FollowSpec or PowerSpec
    Followed** records           # by record of the schema; NULL: a PowerSpec
    PackedSign* signs
    PackedDeadline* deadlines
    uint32_t due_in[PHASES]      # the deadlines of each phase, as bits
    uint32_t periodic            # those that are due again and again, as bits
    uint8_t begins[SLOTS]        # the slots of a session, which no attempt empties
    int64_t silence_ns
    int64_t reconnect_ns
    int64_t same_error_ns
    int64_t gap_ns               # samples further apart are not joined
    double starts_above_w
    int64_t starts_after_ns
    int64_t ends_after_ns
    uint8_t side

cdef enum Visits:                # what a row is to the follower; bits, since most are asked for one after the other
    OF_NO_INTEREST = 0
    MESSAGE = 1                  # of a record that any spec has signs of
    READING = 2                  # of the data model
    CELLS = 4                    # of the data model, with more fields than one word of the mask

cdef struct Quantities:          # of one record of the data model
    uint64_t electrical          # voltage, current and power, as bits of the row's mask
    uint64_t whole               # all three, where they stand side by side; otherwise what no row has
    uint64_t requested
    uint64_t others
    uint64_t rare                # of these: the lowest cell, and what is discharged
    uint64_t all_fields
    Place voltage
    Place current
    Place power
    Place requested_v
    Place requested_a
    Place discharge_a
    Place soc
    Place temp_max
    Place cell_max
    Place cell_min
    uint32_t first_cell          # fields that are voltages of cells
    uint32_t cell_count
    uint32_t mask_words
    uint32_t side

cdef struct Visit:               # by record; so small that its place is found in one step
    uint32_t row_words
    uint8_t kind

cdef class FollowTable:
    cdef Spec* specs
    cdef Py_ssize_t spec_count
    cdef Py_ssize_t record_count
    cdef Visit* visits
    cdef Quantities** quantities  # by record; NULL: it is not of the data model
    cdef Followed nothing        # a record of no interest
    cdef Followed** no_records   # all of them are

    cdef object _find_quantities(self, Quantities* found, uint32_t mask_words, spec)
    cdef Followed** _new_records(self) except NULL
    cdef object _pack(self, Schema schema, Spec* spec, given)
    cdef Followed* _followed(self, Schema schema, Spec* spec, record) except NULL
    cdef object _pack_sign(self, PackedSign* packed, place, sign, slots, fields)
    cdef object _pack_deadlines(self, Spec* spec, given, slots)


cdef inline double in_slot(const uint64_t* row, const Place* place) noexcept nogil:
    # The number that a row of the data model has there.
    cdef double value
    memcpy(&value, &row[place.word], 8)
    return value


cdef inline uint16_t plain_bit(uint8_t phase, bint shows_edition) noexcept nogil:
    # Of rows whose sign is of `phase`, and which may show the edition besides.
    return <uint16_t>1 << (phase + (8 if shows_edition else 0))


cdef inline uint16_t plain_bits(uint8_t phase, bint is_edition_known) noexcept nogil:
    # Of the rows that say nothing more in this phase.
    return ((<uint16_t>2 << phase) - 1) * (0x101 if is_edition_known else 1)
