"""Data sheet of a pack: what Health knows of it. What `Pack` points to is one block: the memory that goes on elsewhere.

Stamps are in the pack's own time, which only runs forward: a row's stamp is `set_ns` later. NEVER_NS stands for never.
NaN is not known. Sums are in A s, W s, K s and so on. A block of zeros is that of a pack of which nothing has come.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.rules.counting cimport Integral

cdef extern from *:
    """
    #define SECOND_NS INT64_C(1000000000)
    #define MINUTE_NS (60 * SECOND_NS)
    #define DAY_NS (86400 * SECOND_NS)
    #define BEGIN_NS (INT64_C(1) << 60)  /* of the first row: later than NEVER_NS by more than any gap */
    #define SILENCE_NS (15 * MINUTE_NS)  /* ends a charge, and a drive */
    #define REST_NS (30 * MINUTE_NS)     /* so long no current flows, or nothing is heard, before it is a rest */
    """
    const int64_t SECOND_NS, MINUTE_NS, DAY_NS, BEGIN_NS, SILENCE_NS, REST_NS

cdef enum:
    NEVER_NS = 0
    RESTED_NS = -1               # in place of the begin of a rest that was reported
    TEMPERATURES = 16            # ranges of 10 K from COLDEST_C on; the outer ones have no end
    COLDEST_C = -40
    CHARGES = 10                 # ranges of 10 % of SOC
    OPEN_LEVELS = 20             # of a cell: voltages that it has crossed and the median has not, or the reverse
    NO_LEVEL = 0                 # of a cell that takes no part

cdef enum Changed:               # bits: 1 << health_spec.HealthKind
    DRIVE_BEGUN = 1              # which is not reported
    CHARGE_BEGUN = 2
    CHARGE_ENDED = 4
    DRIVE_ENDED = 8
    REST = 16
    DAY = 32

cdef enum State:                 # of a charge
    NO_CHARGE
    RISING                       # current has flowed in, not yet for 10 s
    CHARGING
    BEGUN                        # it was reported: it is no regeneration

cdef struct Sample:              # of the current
    double a
    int64_t time_ns

cdef struct Sums:                # of a charge
    double as_, bridged_as, ws   # the first with what is bridged
    double temp_ks               # temperature over time, where it is known
    int64_t temp_ns, covered_ns, gap_ns

cdef struct Net:                 # current as it reads, without threshold
    double as_
    int64_t covered_ns
    double gap_pct

cdef struct Charge:
    Sums sums
    Sums counted                 # up to its newest row with current
    int64_t start_ns, end_ns     # to that row
    int64_t under_ns             # of the first row under the threshold since then
    int64_t to_ns                # of the newest SOC
    int64_t paused_ns
    double from_pct, to_pct, highest_pct, fell_pct, step_pct
    double step_as, still_as
    double changed_as            # what was counted when SOC changed last
    double highest_a, end_a
    uint8_t has_flowed_out       # since its newest row with current

cdef struct Steps:               # sums of pairs of readings
    double ii, ui, uu
    uint32_t count

cdef struct Conditions:          # of these pairs: temperature and SOC, and how many have them
    double temp_c, soc_pct
    uint32_t temps, socs

cdef struct Levels:              # sums of the charges at which the median, and the cell, crossed a voltage, in Ah
    double x, y, xx, xy, yy
    uint32_t count

cdef struct Cell:                # what each of its readings looks at. The one after the last cell is the pack itself
    double v                     # the newest reading
    int64_t time_ns
    double first_v, first_a      # the first reading of the next pair
    int64_t first_ns
    int32_t next_level, first_level  # to cross

cdef struct Kept:                # of a cell: what steps and levels alone look at
    Steps steps                  # since the end of the last charge
    Steps before                 # of these, before the drive
    Levels levels
    float[OPEN_LEVELS] open_as   # the charge at which it crossed its last voltages, by number modulo OPEN_LEVELS

cdef struct Median:              # of cells in a stretch of constant current
    double reference_a           # the current, smoothed
    int64_t steady_ns            # since its last change
    int32_t next_level, first_level
    uint32_t cells, above        # that take part; of these, that have crossed the next level
    float[OPEN_LEVELS] open_as   # the charge at which the median crossed its last voltages

cdef struct Use:                 # of one day, in the calendar's time
    int64_t day_ns, end_ns
    Integral charge, energy
    int64_t[TEMPERATURES * CHARGES] spent_ns

cdef struct Known:
    int64_t set_ns               # a stamp less the pack's own time
    int64_t newest_ns            # of the rows
    Sample last, previous        # of the current
    double v, last_v             # of the pack, now and when its current came last
    double soc_pct, temp_min_c, temp_max_c, temp_c
    double gap_soc_pct           # before a gap after which SOC has not come yet
    Net net                      # since the newest row with current into the pack
    Net net_counted              # since the end of the last charge, up to that row
    Charge charge
    int64_t out_ns               # since when current flows out
    int64_t drive_ns, moved_ns   # begin of the drive, and its newest row with current
    int64_t idle_ns              # since when no current flows, or nothing was heard
    Conditions conditions, before  # of the pack's steps
    Median median
    Use use
    uint8_t state
    uint8_t is_in_gap            # `gap_soc_pct` waits for the next SOC
    uint8_t is_waiting           # a cell is, for a current

cdef struct Place:               # of a field in a row of `battery`; bit 0: it is not there
    uint64_t bit
    uint32_t mask, word

cdef struct Pack:
    Known* known
    Cell* cells
    Kept* kept
    uint64_t* waiting            # bits of cells whose current at their newest reading is not known yet
    uint32_t cell_count, memory_bytes
    uint32_t battery             # record
    int32_t pages                # record; -1: none
    Place current, soc, volts, power, temp_min, temp_max
    int64_t gap_ns
    double threshold_a, one_c_a, step_a
    double least_as              # less is regeneration
    uint8_t is_heard             # a row has come to this process
