"""Data sheet of a pack: what Health knows of it. `Known` and `Cell` are plain bytes, the memory that goes on elsewhere.

Stamps are frame time; NEVER_NS stands for never. NaN is not known. Sums are in A s, W s, K s and so on.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rules.counting cimport Integral

cdef extern from *:
    """
    #define SECOND_NS INT64_C(1000000000)
    #define MINUTE_NS (60 * SECOND_NS)
    #define DAY_NS (86400 * SECOND_NS)
    #define NEVER_NS (INT64_MIN / 4)
    """
    const int64_t SECOND_NS
    const int64_t MINUTE_NS
    const int64_t DAY_NS
    const int64_t NEVER_NS       # before every stamp, by more than any gap

cdef enum:
    TEMPERATURES = 16            # ranges of 10 K from COLDEST_C on; the outer ones have no end
    COLDEST_C = -40
    CHARGES = 10                 # ranges of 10 % of SOC
    OPEN_LEVELS = 20             # of a cell: voltages that it has crossed and the median has not, or the reverse
    LEVELS = 64                  # voltages that cells are counted at
    NO_LEVEL = -1                # of a cell that takes no part

cdef enum Changed:               # bits: 1 << health_spec.HealthKind
    DRIVE_BEGUN = 1              # which is not reported
    CHARGE_BEGUN = 2
    CHARGE_ENDED = 4
    DRIVE_ENDED = 8
    REST = 16
    DAY = 32

cdef enum State:                 # of a charge
    NO_CHARGE = 0
    RISING = 1                   # current has flowed in, not yet for 10 s
    CHARGING = 2

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
    uint8_t is_begun             # it was reported: it is no regeneration
    uint8_t has_flowed_out       # since its newest row with current

cdef struct Steps:               # sums of pairs of readings
    double ii, ui, uu
    uint32_t count

cdef struct Conditions:          # of these pairs: temperature and SOC, and how many have them
    double temp_c, soc_pct
    uint32_t temps, socs

cdef struct Reading:             # the first one of the next pair
    double v, a
    int64_t time_ns

cdef struct Pairs:               # of the pack, or of one cell
    Reading first
    double waiting_v             # a reading whose current is not known yet
    int64_t waiting_ns
    Steps steps                  # since the end of the last charge
    Steps before                 # of these, before the drive

cdef struct Cell:
    Pairs pairs
    double x, y, xx, xy, yy      # sums of the charges at which the median, and the cell, crossed a voltage, in Ah
    uint32_t levels
    int32_t next_level, first_level  # to cross
    double newest_v
    int64_t newest_ns
    float[OPEN_LEVELS] open_as   # the charge at which it crossed its last voltages, by number modulo OPEN_LEVELS

cdef struct Median:              # of cells in a stretch of constant current
    double reference_a           # the current, smoothed
    int64_t steady_ns            # since its last change
    int64_t start_ns             # of the charge that the cells' sums are of
    int32_t next_level, first_level
    uint32_t cells               # that take part
    uint16_t[LEVELS] above       # how many have crossed a voltage, by number modulo LEVELS
    float[OPEN_LEVELS] open_as   # the charge at which the median crossed its last voltages
    uint8_t is_counting

cdef struct Use:                 # of one day
    int64_t day_ns, end_ns
    Integral charge, energy
    int32_t range                # of `spent_ns` that it is in; -1: not known
    int64_t[TEMPERATURES * CHARGES] spent_ns

cdef struct Known:
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
    Pairs pairs
    Conditions conditions, before  # of its steps
    Median median
    Use use
    uint8_t state
    uint8_t is_in_gap            # `gap_soc_pct` waits for the next SOC
    uint8_t has_rested           # the rest was reported

cdef struct Place:               # of a field in a row of `battery`; bit 0: it is not there
    uint64_t bit
    uint32_t mask, word

cdef struct Pack:
    Known known
    Cell* cells
    double* sorted_v             # room for a voltage of each cell
    uint16_t* waiting            # cells with a reading whose current is not known yet
    uint32_t waiting_count, cell_count
    uint32_t battery             # record
    int32_t pages                # record; -1: none
    Place current, soc, volts, power, temp_min, temp_max
    int64_t gap_ns
    double threshold_a, one_c_a, step_a
    double least_as              # less is regeneration
