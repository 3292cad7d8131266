"""What Health reports, as Python objects: made of what a pack knows, when something has changed. Rare."""

from libc.math cimport NAN, sqrt
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

from telemetry_core.health.median cimport sort_voltages
from telemetry_core.health.pack cimport (
    CHARGE_BEGUN, CHARGE_ENDED, CHARGES, DAY, DRIVE_BEGUN, DRIVE_ENDED, NEVER_NS, REST, SECOND_NS,
    TEMPERATURES, Cell, Charge, Conditions, Known, Net, Pack, Pairs,
)
from telemetry_core.health.rests cimport REST_NS
from telemetry_core.health.steps cimport clear_steps, fold_steps
from telemetry_core.health.use cimport COLDEST_C
from telemetry_core.rules.counting cimport in_hours

from telemetry_core.health.health_spec import CellCharge, CountedCharge, HealthChange, HealthKind, Steps


cdef list take_changes(Pack* pack, Py_ssize_t number, uint32_t found, Py_ssize_t row):
    cdef Known* known = &pack.known
    cdef uint32_t cell
    changes = []
    if found & DRIVE_ENDED:
        changes.append(HealthChange(
            row, known.drive_ns, number, HealthKind.DRIVE_ENDED,
            steps=_steps(&known.pairs, &known.pairs_now, NULL),
            cell_steps=tuple([_steps(&pack.cells[cell].pairs, &known.cells_now, NULL)
                              for cell in range(pack.cell_count)])))
        known.drive_ns = NEVER_NS
        fold_steps(pack)
    if found & CHARGE_ENDED:
        changes.append(HealthChange(
            row, known.charge.start_ns, number, HealthKind.CHARGE_ENDED,
            charge=_charge(known),
            steps=_steps(&known.pairs, &known.pairs_now, &known.pairs_before),
            cell_steps=tuple([_steps(&pack.cells[cell].pairs, &known.cells_now, &known.cells_before)
                              for cell in range(pack.cell_count)]),
            cell_charges=tuple([_cell_charge(pack, &pack.cells[cell]) for cell in range(pack.cell_count)])))
        known.net = known.net_rest
        memset(&known.net_rest, 0, sizeof(Net))
        clear_steps(pack)
    if found & DRIVE_BEGUN:
        fold_steps(pack)
    if found & CHARGE_BEGUN:
        changes.append(HealthChange(row, known.charge.start_ns, number, HealthKind.CHARGE_BEGUN))
    if found & REST:
        changes.append(HealthChange(row, known.idle_ns, number, HealthKind.REST, drift_mv=_drift(pack),
                                    soc_pct=known.soc_pct))
        known.has_rested = True
    if found & DAY:
        changes += day_of_pack(pack, number, row)
    return changes


cdef object _steps(const Pairs* pairs, const Conditions* now, const Conditions* before):
    """before: with what was before the drive; NULL: those of the drive alone."""
    cdef Conditions both = now[0]
    if before == NULL:
        return Steps(pairs.now_count, pairs.now.ii, pairs.now.ui, pairs.now.uu, *_means(&both))
    both.temp_k += before.temp_k
    both.temps += before.temps
    both.soc_pct += before.soc_pct
    both.socs += before.socs
    return Steps(pairs.before_count + pairs.now_count, pairs.before.ii + pairs.now.ii, pairs.before.ui + pairs.now.ui,
                 pairs.before.uu + pairs.now.uu, *_means(&both))


cdef tuple _means(const Conditions* conditions):
    return (conditions.temp_k / conditions.temps if conditions.temps else NAN,
            conditions.soc_pct / conditions.socs if conditions.socs else NAN)


cdef object _charge(const Known* known):
    cdef const Charge* charge = &known.charge
    cdef bint has_to = charge.to_ns >= charge.end_ns - 10 * SECOND_NS
    return CountedCharge(
        start_ns=charge.start_ns,
        end_ns=charge.end_ns,
        from_soc_pct=charge.from_pct,
        to_soc_pct=charge.to_pct if has_to else NAN,
        charge_ah=charge.sums.as_ / 3600,
        bridged_ah=charge.sums.bridged_as / 3600,
        energy_wh=charge.sums.ws / 3600,
        gap_s=charge.sums.gap_ns / 1e9,
        duration_s=(charge.end_ns - charge.start_ns) / 1e9,
        mean_current_a=charge.sums.as_ / (charge.sums.covered_ns / 1e9) if charge.sums.covered_ns else NAN,
        highest_current_a=charge.highest_a,
        end_current_a=charge.end_a,
        temp_mean_c=charge.sums.temp_ks / (charge.sums.temp_ns / 1e9) if charge.sums.temp_ns else NAN,
        soc_fell_pct=charge.fell_pct,
        soc_step_pct=charge.step_pct,
        soc_step_ah=charge.step_as / 3600,
        soc_still_ah=charge.still_as / 3600,
        bridged_pause_s=charge.paused_ns / 1e9,
        net_ah=known.net.as_ / 3600,
        net_s=known.net.covered_ns / 1e9,
        net_gap_pct=NAN if known.is_in_gap else known.net.gap_pct,
    )


cdef object _cell_charge(const Pack* pack, const Cell* cell):
    """The ratio of the deviations of two charges, and its own by what the line through them leaves over."""
    cdef double xx, xy, yy, unexplained
    cdef double n = cell.levels
    if n < 3 or pack.known.median.start_ns != pack.known.charge.start_ns:
        return CellCharge(0 if pack.known.median.start_ns != pack.known.charge.start_ns else cell.levels, NAN, NAN)
    xx, xy, yy = n * cell.xx - cell.x * cell.x, n * cell.xy - cell.x * cell.y, n * cell.yy - cell.y * cell.y
    if not (xx > 0 and yy > 0):
        return CellCharge(cell.levels, NAN, NAN)
    unexplained = max(1 - xy * xy / (xx * yy), 0.0)
    return CellCharge(cell.levels, sqrt(yy / xx), sqrt(yy / xx * unexplained / (n - 2)))


cdef tuple _drift(Pack* pack):
    cdef int64_t since_ns = pack.known.idle_ns + REST_NS
    cdef uint32_t count = sort_voltages(pack, since_ns)
    cdef double v = (pack.sorted_v[(count - 1) // 2] + pack.sorted_v[count // 2]) / 2
    cdef uint32_t cell
    return tuple([(pack.cells[cell].newest_v - v) * 1000 if pack.cells[cell].newest_ns >= since_ns else NAN
                  for cell in range(pack.cell_count)])


cdef list day_of_pack(const Pack* pack, Py_ssize_t number, Py_ssize_t row):
    cdef const Known* known = &pack.known
    cdef Py_ssize_t place
    sums = {
        "charge_in_ah": in_hours(known.use.charge.into_s),
        "charge_out_ah": in_hours(known.use.charge.out_of_s),
        "energy_in_wh": in_hours(known.use.energy.into_s),
        "energy_out_wh": in_hours(known.use.energy.out_of_s),
    }
    for place in range(TEMPERATURES * CHARGES):
        if known.use.spent_ns[place]:
            temperature, charge = COLDEST_C + 10 * (place // CHARGES), 10 * (place % CHARGES)
            sign = "m" if temperature < 0 else ""
            sums[f"temp_{sign}{abs(temperature)}_soc_{charge}_s"] = known.use.spent_ns[place] / 1e9
    day = {name: value for name, value in sums.items() if value > 0}
    return [HealthChange(row, known.use.day_ns, number, HealthKind.DAY, day=day)] if day else []
