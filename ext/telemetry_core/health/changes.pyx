"""What Health reports, as Python objects: made of what a pack knows, when something has changed. Rare."""

from libc.math cimport NAN, sqrt
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

from telemetry_core.health.levels cimport sort_voltages
from telemetry_core.health.pack cimport (
    CHARGE_BEGUN, CHARGE_ENDED, CHARGES, COLDEST_C, DAY, DRIVE_BEGUN, DRIVE_ENDED, NEVER_NS, REST, SECOND_NS,
    TEMPERATURES, Cell, Charge, Known, Net, Pack, Steps,
)
from telemetry_core.health.steps cimport mark_steps
from telemetry_core.health.use cimport REST_NS
from telemetry_core.rules.counting cimport in_hours

from telemetry_core.health.health_spec import CellCharge, CountedCharge, HealthChange, HealthKind
from telemetry_core.health.health_spec import Steps as StepsOf


cdef list take_changes(Pack* pack, Py_ssize_t number, uint32_t found, Py_ssize_t row):
    cdef Known* known = &pack.known
    cdef uint32_t cell
    changes = []
    if found & DRIVE_ENDED:
        steps, cell_steps = _steps(pack, True)
        changes.append(HealthChange(row, known.drive_ns, number, HealthKind.DRIVE_ENDED, steps=steps,
                                    cell_steps=cell_steps))
        known.drive_ns = NEVER_NS
        mark_steps(pack, False)
    if found & CHARGE_ENDED:
        steps, cell_steps = _steps(pack, False)
        cells = [_cell_charge(pack, &pack.cells[cell]) for cell in range(pack.cell_count)]
        changes.append(HealthChange(row, known.charge.start_ns, number, HealthKind.CHARGE_ENDED,
                                    charge=_charge(known), steps=steps, cell_steps=cell_steps,
                                    cell_charges=tuple(cells)))
        memset(&known.net_counted, 0, sizeof(Net))
        mark_steps(pack, True)
    if found & DRIVE_BEGUN:
        mark_steps(pack, False)
    if found & CHARGE_BEGUN:
        changes.append(HealthChange(row, known.charge.start_ns, number, HealthKind.CHARGE_BEGUN))
    if found & REST:
        changes.append(HealthChange(row, known.idle_ns, number, HealthKind.REST, drift_mv=_drift(pack),
                                    soc_pct=known.soc_pct))
        known.has_rested = True
    if found & DAY:
        changes += day_of_pack(pack, number, row)
    return changes


cdef tuple _steps(const Pack* pack, bint of_drive):
    """Return those of the pack and of each cell, since the end of the charge before, or of the drive alone."""
    cdef const Known* known = &pack.known
    cdef uint32_t cell
    cdef uint32_t temps = known.conditions.temps - of_drive * known.before.temps
    cdef uint32_t socs = known.conditions.socs - of_drive * known.before.socs
    cdef double temp_c = known.conditions.temp_c - of_drive * known.before.temp_c
    cdef double soc_pct = known.conditions.soc_pct - of_drive * known.before.soc_pct
    temp, soc = temp_c / temps if temps else NAN, soc_pct / socs if socs else NAN
    cells = [_sums(&pack.cells[cell].pairs.steps, &pack.cells[cell].pairs.before, of_drive, temp, soc)
             for cell in range(pack.cell_count)]
    return _sums(&known.pairs.steps, &known.pairs.before, of_drive, temp, soc), tuple(cells)


cdef object _sums(const Steps* steps, const Steps* before, bint of_drive, temp_c, soc_pct):
    return StepsOf(steps.count - of_drive * before.count, steps.ii - of_drive * before.ii,
                   steps.ui - of_drive * before.ui, steps.uu - of_drive * before.uu, temp_c, soc_pct)


cdef object _charge(const Known* known):
    cdef const Charge* charge = &known.charge
    cdef bint has_to = charge.to_ns >= charge.end_ns - 10 * SECOND_NS
    return CountedCharge(
        start_ns=charge.start_ns,
        end_ns=charge.end_ns,
        from_soc_pct=charge.from_pct,
        to_soc_pct=charge.to_pct if has_to else NAN,
        charge_ah=charge.counted.as_ / 3600,
        bridged_ah=charge.counted.bridged_as / 3600,
        energy_wh=charge.counted.ws / 3600,
        gap_s=charge.counted.gap_ns / 1e9,
        duration_s=(charge.end_ns - charge.start_ns) / 1e9,
        mean_current_a=charge.counted.as_ / (charge.counted.covered_ns / 1e9) if charge.counted.covered_ns else NAN,
        highest_current_a=charge.highest_a,
        end_current_a=charge.end_a,
        temp_mean_c=charge.counted.temp_ks / (charge.counted.temp_ns / 1e9) if charge.counted.temp_ns else NAN,
        soc_fell_pct=charge.fell_pct,
        soc_step_pct=charge.step_pct,
        soc_step_ah=charge.step_as / 3600,
        soc_still_ah=charge.still_as / 3600,
        bridged_pause_s=charge.paused_ns / 1e9,
        net_ah=known.net_counted.as_ / 3600,
        net_s=known.net_counted.covered_ns / 1e9,
        net_gap_pct=known.net_counted.gap_pct,
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
    cdef double v = (pack.sorted_v[(count - 1) // 2] + pack.sorted_v[count // 2]) / 2 if count else NAN
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
