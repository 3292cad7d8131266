"""Data sheet of a plug: what a follower knows of it. `Known` is plain bytes, the state that goes on elsewhere.

Stamps are frame time. 0 stands for never where a comment says so.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.charge.changes cimport Changes
from telemetry_core.charge.follow_table cimport SIDES, SLOTS, REPORTED, Followed, Spec

cdef enum Openings:              # Known.is_open
    NOT_OPEN = 0
    OPEN = 1
    OVER_THRESHOLD = 2           # power is, not yet for long enough

cdef enum Restored:              # Known.is_restored
    NOT_RESTORED = 0
    UNHEARD = 1                  # nothing has come since
    UNDECIDED = 2                # charging goes on: is it the same session?
    STEPPED = 3                  # so it does after a silence: has the clock been set?

cdef extern from *:
    """
    #define SECOND_NS INT64_C(1000000000)
    #define WINDOW_NS (10 * SECOND_NS)
    #define MINUTE_NS (60 * SECOND_NS)
    #define FAR_NS INT64_MAX
    #define NEVER_NS (INT64_MIN / 2)
    #define GRACE_NS (120 * SECOND_NS)
    #define SOC_STEP_PCT 2.0
    """
    const int64_t SECOND_NS
    const int64_t WINDOW_NS
    const int64_t MINUTE_NS
    const int64_t FAR_NS
    const int64_t NEVER_NS       # before every stamp, by more than any gap
    const int64_t GRACE_NS       # of the charger's minutes, which it may round as it likes
    const double SOC_STEP_PCT    # of the state of charge, which is rounded

cdef struct Sample:              # of one side; the first three as they stand in rows
    double voltage_v
    double current_a
    double power_w
    int64_t time_ns              # NEVER_NS: there is none

cdef struct Sums:                # integrals over time, in the order of a Sample
    double vs
    double as_
    double ws

cdef struct Mark:                # of one side: where its integrals stood when something began
    Sums sums
    uint32_t lacks_v             # begins and ends of stretches whose voltage is not known, and not in the sums
    uint32_t lacks_a

cdef struct Measured:            # of one side, within a session
    Sample newest
    Mark now                     # the integrals of what is covered
    int64_t covered_ns
    int64_t begin_ns             # no gap since then
    uint64_t reach_ns            # a whole sample that comes sooner joins the newest one; 0: that lacks voltage or current
    double peak_w
    Mark begin                   # where all stood at begin_ns
    Mark window                  # when the window under way began
    int64_t window_covered_ns    # what was covered then
    Mark percent                 # when the percent under way began
    int64_t percent_covered_ns   # what was covered then

cdef struct Common:              # of the time that vehicle and charger both cover
    int64_t from_ns              # both are known from here, without a gap
    int64_t until_ns             # to here; NEVER_NS: they are not
    Mark at_from[2]              # where they stood
    Sample before                # of the side that passed the other's newest sample, which was at until_ns
    Mark at_before
    Sample after
    Mark at_until_of_other
    uint8_t passing              # that side
    int64_t covered_ns           # in stretches before
    Sums sums[2]

cdef struct Known:
    int64_t calm_until_ns        # until then a row that says that the phase goes on changes nothing else
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
    int64_t below_ns             # of power sessions: when power fell below the threshold; 0: it is above
    int64_t heard_ns[SLOTS + 1]  # 0: not yet; the last one is of signs whose times are not kept
    uint32_t reported[REPORTED]  # hash of the row reported last
    uint64_t seen_percents[2]
    uint32_t fired               # deadlines that have been reported, as bits; periodic ones until what they await is heard
    Measured measured[SIDES]
    Common common
    int64_t discharge_ns         # of the newest discharged power; NEVER_NS: there is none
    double discharge_w
    double discharge_ws          # its integral
    double start_soc
    double soc
    double same_soc              # while it is heard again nothing changes; NaN: any may
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
    uint8_t is_open
    uint8_t phase
    uint8_t has_error            # in this attempt
    uint16_t plain               # rows that say nothing more until calm_until_ns, as bits (Followed.plain)
    uint8_t errors               # sides whose error has been reported since error_ns was a new one, as bits
    uint8_t stops                # sides that have stopped, as bits
    uint8_t pauses               # sides that pause, as bits
    uint8_t is_old
    uint8_t is_new               # of a later edition than the oldest, unless it is that
    uint8_t was_doubtful
    uint8_t is_fresh             # the percent under way has not been seen before
    uint8_t window_is_charging   # all of it so far
    uint8_t is_restored
    uint8_t has_new_soc          # since it was restored

cdef struct Plug:
    Known known
    Known saved                  # as restored, until it is clear that it goes on; by power: as it was when that fell
    const Spec* spec
    Followed** records           # of the spec; a PowerSpec has none of interest
    int64_t gap_ns               # of the spec
    double most_soc_pct_s        # no faster does the state of charge rise
    Measured* measured[SIDES]    # in `known`
    Measured* others[SIDES]      # the other end; a meter has none but itself
    Changes* changes             # where what it shows is reported
    int32_t channel              # -1: of nobody


cdef inline int64_t heard_at(int64_t now_ns) noexcept nogil:
    # A stamp that is kept: 0 stands for never.
    return now_ns + (now_ns == 0)


cdef inline const Known* standing(const Plug* plug) noexcept nogil:
    # The session as it is if it ends now.
    return &plug.saved if plug.known.below_ns else &plug.known


cdef inline double higher(double known, double value) noexcept nogil:
    return value if not known >= value else known


cdef inline double lower(double known, double value) noexcept nogil:
    return value if not known <= value else known
