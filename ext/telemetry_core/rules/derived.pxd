"""What follows from mapped fields of one target: power, direction of flow, counters, extremes of cells.

Each function writes into `made`, a row of the target whose record has `mask_words` words of mask.
"""

from libc.math cimport NAN, isfinite, rint
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.rules.counting cimport Counters, begins_second, in_hours, take_reading
from telemetry_core.rules.cycles cimport passed
from telemetry_core.rules.map_table cimport Target
from telemetry_core.rows.access cimport get_double, has_field, set_double, set_word
from telemetry_core.rows.batch cimport RowHead

cdef struct Reading:             # an input of a derived value
    double value
    int64_t time_ns
    uint8_t is_known

cdef struct PowerState:          # of one target
    Reading voltage
    Reading current
    uint8_t is_changed           # its sender has changed, and no row of the new one was made yet

cdef struct Spread:              # of a cycle that has just been completed
    double cell_min
    double cell_max
    double temp_min
    double temp_max
    uint32_t cell_min_index
    uint32_t cell_max_index
    uint8_t has_cells
    uint8_t has_temperatures


cdef inline void set_derived(uint64_t* made, uint32_t mask_words, int32_t field, double value) noexcept nogil:
    if field >= 0:  # it is derived
        set_double(made, mask_words, <uint32_t>field, value)


cdef inline double rounded(double value, double unit) noexcept nogil:
    # `value` to the resolution of 1 / `unit`, as the nearest double; as it is when `unit` is 0.
    cdef double largest = 9007199254740992.0  # 2**53: larger doubles are integers already
    cdef double whole = value * unit
    if unit == 0 or not -largest < whole < largest:
        return value
    return rint(whole) / unit


cdef inline bint is_recent(const Reading* reading, int64_t time_ns, uint64_t age_ns) noexcept nogil:
    return (reading.is_known and reading.time_ns <= time_ns
            and passed(reading.time_ns, time_ns) <= age_ns)


cdef inline double share_of(double value, const Reading* reference, int64_t time_ns, uint64_t age_ns) noexcept nogil:
    # The value divided by a recent reference; NaN without one.
    return value / reference.value if is_recent(reference, time_ns, age_ns) and reference.value != 0 else NAN


cdef inline void write_power(uint64_t* made, uint32_t mask_words, const Target* target, PowerState* state,
                             double threshold_a, uint64_t input_age_ns) noexcept nogil:
    # Power of the newest voltage and current; flags for a current beyond the threshold.
    cdef int64_t time_ns = (<RowHead*>made).time_ns
    cdef bint has_voltage = target.voltage >= 0 and has_field(made, target.voltage)
    cdef bint has_current = target.current >= 0 and has_field(made, target.current)
    cdef double power
    if has_voltage:
        state.voltage = Reading(get_double(made, mask_words, target.voltage), time_ns, True)
    if has_current:
        state.current = Reading(get_double(made, mask_words, target.current), time_ns, True)
        if target.charging >= 0:
            set_word(made, mask_words, target.charging, state.current.value > threshold_a)
        if target.discharging >= 0:
            set_word(made, mask_words, target.discharging, state.current.value < -threshold_a)
    if target.power < 0 or not (has_voltage or has_current):
        return
    if is_recent(&state.voltage, time_ns, input_age_ns) and is_recent(&state.current, time_ns, input_age_ns):
        power = rounded(state.voltage.value * state.current.value, target.power_unit)
        if isfinite(power):
            set_double(made, mask_words, target.power, power)


cdef inline void write_counters(uint64_t* made, uint32_t mask_words, const Target* target, Counters* counters,
                                uint64_t gap_ns) noexcept nogil:
    # Count the row's current and power; write the sums once a second.
    cdef int64_t time_ns = (<RowHead*>made).time_ns
    cdef bint has_current = target.counted_current >= 0 and has_field(made, target.counted_current)
    cdef bint has_power = target.counted_power >= 0 and has_field(made, target.counted_power)
    if has_current:
        take_reading(&counters.charge, get_double(made, mask_words, target.counted_current), time_ns, gap_ns)
    if has_power:
        take_reading(&counters.energy, get_double(made, mask_words, target.counted_power), time_ns, gap_ns)
    if not (has_current or has_power) or not begins_second(counters, time_ns):
        return
    if counters.charge.is_known:
        set_derived(made, mask_words, target.charged_ah, in_hours(counters.charge.into_s))
        set_derived(made, mask_words, target.discharged_ah, in_hours(counters.charge.out_of_s))
    if counters.energy.is_known:
        set_derived(made, mask_words, target.charged_wh, in_hours(counters.energy.into_s))
        set_derived(made, mask_words, target.discharged_wh, in_hours(counters.energy.out_of_s))


cdef inline void note_cell(Spread* spread, uint32_t index, double voltage) noexcept nogil:
    if not spread.has_cells or voltage < spread.cell_min:
        spread.cell_min = voltage
        spread.cell_min_index = index
    if not spread.has_cells or voltage > spread.cell_max:
        spread.cell_max = voltage
        spread.cell_max_index = index
    spread.has_cells = True


cdef inline void note_temperature(Spread* spread, double temperature) noexcept nogil:
    if not spread.has_temperatures or temperature < spread.temp_min:
        spread.temp_min = temperature
    if not spread.has_temperatures or temperature > spread.temp_max:
        spread.temp_max = temperature
    spread.has_temperatures = True


cdef inline void write_spread(uint64_t* made, uint32_t mask_words, const Target* target,
                              const Spread* spread) noexcept nogil:
    # The extremes that note_cell and note_temperature found.
    if spread.has_cells:
        set_derived(made, mask_words, target.cell_min, spread.cell_min)
        set_derived(made, mask_words, target.cell_max, spread.cell_max)
        set_derived(made, mask_words, target.cell_delta,
                    rounded(spread.cell_max - spread.cell_min, target.delta_unit))
        set_derived(made, mask_words, target.cell_min_index, spread.cell_min_index)
        set_derived(made, mask_words, target.cell_max_index, spread.cell_max_index)
    if spread.has_temperatures:
        set_derived(made, mask_words, target.temp_min, spread.temp_min)
        set_derived(made, mask_words, target.temp_max, spread.temp_max)
