"""Battery health: what rows of packs, and pages of their cells, say of charge, resistance and cells.

Promises:
- What is reported depends on the rows, their stamps and their order, and not on how they were batched.
- A row costs the same however long a charge lasts, and a reading of cells what its pages cost. Memory is fixed: that of a
  pack with 198 cells has 50 kB, saved as it is.
- Stamps of a source that step back by 2 s to 15 min are a clock that was set: the pack's own time stands still, and a
  charge has a gap of so much. A source that lags behind another sets nothing, and its current counts its own time.
- It does not hold the GIL, and makes Python objects for changes only.

Relies on the mapper for rows without NaN, though no NaN does harm, and for pages in the order of the rows.
`charges`, `steps`, `levels` and `use` have the rules.
"""

cimport cython
from libc.math cimport NAN, isfinite, sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from telemetry_core.health.charges cimport (
    begin_gap, end_charge, end_drive, end_what_is_over, take_current, take_soc,
)
from telemetry_core.health.levels cimport is_steady, level_over, take_level
from telemetry_core.health.pack cimport (
    BEGIN_NS, CHARGE_BEGUN, CHARGE_ENDED, CHARGES, COLDEST_C, DAY, DRIVE_BEGUN, DRIVE_ENDED, MINUTE_NS, NEVER_NS, REST,
    REST_NS, RESTED_NS, SECOND_NS, SILENCE_NS, TEMPERATURES, Cell, Charge, Kept, Known, Levels, Net, Pack, Place, Sums,
)
from telemetry_core.health.steps cimport current_at, mark_steps, take_volts, take_waiting
from telemetry_core.health.use cimport begin_day, has_rest, spend
from telemetry_core.memory cimport lengthened, zeroed
from telemetry_core.rows.access cimport get_double, lowest_bit
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, SLOT_FLOAT, Schema
from telemetry_core.rules.counting cimport in_hours, take_reading

from zlib import crc32

from telemetry_core.health.health_spec import CellCharge, CountedCharge, HealthChange, HealthKind, Steps

cdef int64_t LATE_NS = 2 * SECOND_NS
cdef int64_t HOUR_NS = 60 * MINUTE_NS
LAYOUT = 2                       # of `memory`; one more whenever a struct has another meaning


cdef Place _place(Schema schema, record, field) except *:
    """Return where a field of numbers is in rows of its record; nowhere if it is absent."""
    if field < 0:
        return Place(0, 0, 0)
    if field >= len(schema.specs[record].fields) or schema.specs[record].fields[field].kind != SLOT_FLOAT:
        raise ValueError(f"{schema.specs[record].measurement} has no number at {field}")
    return Place(<uint64_t>1 << <uint32_t>(field % 64), HEAD_WORDS + <uint32_t>(field // 64),
                 HEAD_WORDS + schema.records[<size_t>record].mask_words + <uint32_t>field)


cdef inline bint _find(double* value, const uint64_t* row, const Place* place) noexcept nogil:
    """Find the field's number; return whether it is there."""
    cdef const double* found = <const double*>&row[place.word]
    if not row[place.mask] & place.bit or not isfinite(found[0]):
        return False
    value[0] = found[0]
    return True


cdef inline void _forget_values(Known* known) noexcept nogil:
    known.soc_pct = known.v = known.last_v = known.temp_min_c = known.temp_max_c = known.temp_c = NAN


@cython.final
cdef class Health:
    """Follows the packs of `specs` (PackSpecs) in rows of `schema`. Raises ValueError when one does not fit it."""

    cdef Schema schema
    cdef Pack* packs
    cdef Py_ssize_t pack_count
    cdef Pack** pack_of_tags             # NULL: of none
    cdef int64_t* newest_of_tags         # stamps of their newest rows, in their packs' own time
    cdef Py_ssize_t tag_count
    cdef list changes

    def __cinit__(self, Schema schema not None, specs):
        cdef Pack* pack
        cdef size_t count
        specs = tuple(specs)
        self.schema = schema
        self.changes = []
        self.packs = <Pack*>zeroed(len(specs), sizeof(Pack))
        for spec in specs:
            pack = &self.packs[self.pack_count]
            if not 0 <= spec.battery < schema.record_count or not -1 <= spec.pages < schema.record_count:
                raise ValueError(f"pack {self.pack_count}: there is no such record")
            pack.battery, pack.pages = spec.battery, spec.pages
            pack.current = _place(schema, spec.battery, spec.current_a)
            pack.soc = _place(schema, spec.battery, spec.soc_pct)
            pack.volts = _place(schema, spec.battery, spec.voltage_v)
            pack.power = _place(schema, spec.battery, spec.power_w)
            pack.temp_min = _place(schema, spec.battery, spec.temp_min_c)
            pack.temp_max = _place(schema, spec.battery, spec.temp_max_c)
            pack.gap_ns = spec.gap_ns
            pack.cell_count = spec.cell_count if spec.pages >= 0 else 0
            if pack.cell_count:
                _place(schema, spec.pages, pack.cell_count - 1)
            count = pack.cell_count + 1
            pack.memory_bytes = sizeof(Known) + count * (sizeof(Cell) + sizeof(Kept)) + 8 * (pack.cell_count // 64 + 1)
            pack.known = <Known*>zeroed(1, pack.memory_bytes)
            pack.cells = <Cell*>(pack.known + 1)
            pack.kept = <Kept*>(pack.cells + count)
            pack.waiting = <uint64_t*>(pack.kept + count)
            self.pack_count += 1
            self.set_rated(self.pack_count - 1, spec.rated_ah)
            _forget_values(pack.known)

    def __dealloc__(self):
        cdef Py_ssize_t number
        for number in range(self.pack_count):
            free(self.packs[number].known)
        free(self.packs)
        free(self.pack_of_tags)
        free(self.newest_of_tags)

    cdef Pack* _pack(self, pack) except NULL:
        if not 0 <= pack < self.pack_count:
            raise ValueError(f"pack {pack} is not one of {self.pack_count}")
        return &self.packs[<size_t>pack]

    def route(self, tags, pack):
        """Take rows with the tag set `tags` as those of the pack. Several tag sets may be of one."""
        cdef Pack* found = self._pack(pack)
        cdef Py_ssize_t count = tags + 1
        if count > self.tag_count:
            self.pack_of_tags = <Pack**>lengthened(self.pack_of_tags, self.tag_count, count, sizeof(Pack*))
            self.newest_of_tags = <int64_t*>lengthened(self.newest_of_tags, self.tag_count, count, sizeof(int64_t))
            self.tag_count = count
        self.pack_of_tags[<size_t>tags] = found

    def set_rated(self, pack, double rated_ah):
        """Count by another rated capacity from now on; 0: it is not known."""
        cdef Pack* found = self._pack(pack)
        found.threshold_a = 0.02 * rated_ah if rated_ah > 0 else 2.0
        found.least_as = 0.01 * rated_ah * 3600 if rated_ah > 0 else 0.0
        found.one_c_a = rated_ah if rated_ah > 0 else 100.0
        found.step_a = 0.15 * found.one_c_a

    def follow(self, SampleBatch samples not None, SampleBatch pages=None, Py_ssize_t begin=0, end=None):
        """Return the changes that these rows make, in their order.

        pages: of cells, each after as many rows as its `id` says; see `Mapper.pages`. begin, end: of the rows those
        from the one to before the other; None: and pages after the last row, too.
        Raises ValueError unless the rows are of this schema.
        """
        if samples.schema is not self.schema or (pages is not None and pages.schema is not self.schema):
            raise ValueError("the rows are of another schema")
        cdef Py_ssize_t until = samples.rows + 1 if end is None else end
        cdef const uint64_t* row = samples.words
        cdef const uint64_t* page = NULL if pages is None else pages.words
        cdef Py_ssize_t left = 0 if pages is None else pages.rows
        cdef const RowHead* head
        cdef Pack* pack
        cdef Py_ssize_t number
        with nogil:
            for number in range(min(samples.rows + 1, until)):
                while left and ((<const RowHead*>page).id <= <uint32_t>number or number == samples.rows):
                    if number >= begin:
                        self._take_page(page)
                    page += self.schema.records[(<const RowHead*>page).record].row_words
                    left -= 1
                if number == samples.rows:
                    break
                head = <const RowHead*>row
                pack = self.pack_of_tags[head.tags] if head.tags < self.tag_count else NULL
                if number >= begin and pack != NULL and pack.battery == head.record:
                    self._take_row(pack, row, number)
                row += self.schema.records[head.record].row_words
        changes, self.changes = self.changes, []
        return changes

    def due(self, pack, int64_t now_ns):
        """Return what ends since nothing of the pack has come for too long at `now_ns`, in frame time."""
        cdef Pack* found = self._pack(pack)
        return _take_changes(found, pack, end_what_is_over(found.known, now_ns - found.known.set_ns), -1)

    def finish(self, pack, int64_t end_ns):
        """Return what ends, and the day as it is, since no row comes any more. end_ns: stamp of the newest of all."""
        cdef Pack* found = self._pack(pack)
        changes = self.due(pack, end_ns)
        changes += _take_changes(found, pack, end_charge(found.known) | end_drive(found.known), -1)
        return changes + _day(found, pack, -1)

    def look(self, pack):
        """Return the day as it is. Nothing ends."""
        return _day(self._pack(pack), pack, -1)

    def last_ns(self, pack):
        """Return the stamp of the pack's newest row; None: none has come."""
        cdef const Known* known = self._pack(pack).known
        return None if known.newest_ns == NEVER_NS else known.newest_ns + known.set_ns

    def forget(self, pack):
        """Forget the pack: what comes next is of another one."""
        cdef Pack* found = self._pack(pack)
        memset(found.known, 0, found.memory_bytes)
        _forget_values(found.known)
        self._begin_anew(found)

    def memory(self, pack):
        """Return all that is known of the pack, as bytes for `remember`."""
        cdef Pack* found = self._pack(pack)
        content = (<char*>found.known)[:found.memory_bytes]
        return _layout(found) + crc32(content).to_bytes(4, "little") + content

    def remember(self, pack, bytes memory not None):
        """Go on where `memory` was taken, here or in another process.

        Time until the next row is a gap like any other. Raises ValueError for bytes that are damaged, or of another
        layout or number of cells.
        """
        cdef Pack* found = self._pack(pack)
        layout = _layout(found)
        content = memory[len(layout) + 4 :]
        if not memory.startswith(layout):
            raise ValueError("the memory of the pack is of another layout, or of another number of cells")
        if len(content) != found.memory_bytes or memory[len(layout) :][:4] != crc32(content).to_bytes(4, "little"):
            raise ValueError("the memory of the pack is damaged")
        memcpy(found.known, <char*>content, found.memory_bytes)
        self._begin_anew(found)

    cdef void _begin_anew(self, Pack* pack) noexcept:
        """Have heard no source of the pack: stamps of before are in the time of another one."""
        cdef Py_ssize_t tags
        pack.is_heard = False
        for tags in range(self.tag_count):
            if self.pack_of_tags[tags] == pack:
                self.newest_of_tags[tags] = NEVER_NS

    cdef int _report(self, Pack* pack, uint32_t found, Py_ssize_t row) except -1 nogil:
        with gil:
            self.changes += _take_changes(pack, pack - self.packs, found, row)
        return 0

    cdef bint _lags(self, const Pack* pack, Py_ssize_t tags, int64_t now_ns) noexcept nogil:
        """Return whether a row is of a source that lags behind another one of its pack, and had no clock set back."""
        cdef int64_t own_ns = self.newest_of_tags[tags]
        if not pack.known.newest_ns - SILENCE_NS <= now_ns < pack.known.newest_ns:
            return False
        return pack.is_heard if own_ns == NEVER_NS else now_ns >= own_ns - LATE_NS

    cdef int _pass_time(self, Pack* pack, int64_t time_ns, Py_ssize_t row) except -1 nogil:
        """Take a stamp that is not a little later than the one before, or is of another day."""
        cdef Known* known = pack.known
        cdef int64_t passed_ns = time_ns - known.set_ns - known.newest_ns
        if known.newest_ns == NEVER_NS:
            known.set_ns = time_ns - BEGIN_NS
            begin_day(&known.use, time_ns)
        elif -SILENCE_NS <= passed_ns < -LATE_NS:
            known.set_ns += passed_ns
            known.charge.sums.gap_ns -= passed_ns  # how long it was between the two is not known
        elif not -LATE_NS <= passed_ns <= SILENCE_NS:
            self._report(pack, end_charge(known) | end_drive(known), row)
            if passed_ns < 0:  # another time, such as an older log: a silence of no known length
                known.set_ns += passed_ns - SILENCE_NS - 1
                known.idle_ns = NEVER_NS
            elif passed_ns >= REST_NS:
                known.idle_ns = known.newest_ns
            begin_gap(known)
            _forget_values(known)
        if time_ns >= known.use.end_ns or time_ns < known.use.day_ns - HOUR_NS:
            self._report(pack, DAY, row)
            begin_day(&known.use, time_ns)
        return 0

    cdef int _take_row(self, Pack* pack, const uint64_t* row, Py_ssize_t number) except -1 nogil:
        cdef Known* known = pack.known
        cdef const RowHead* head = <const RowHead*>row
        cdef int64_t now_ns = head.time_ns - known.set_ns
        cdef int64_t passed_ns
        cdef double value, low, high
        cdef bint has_v
        cdef uint32_t found
        if head.time_ns >= known.use.end_ns or not known.newest_ns <= now_ns <= known.newest_ns + SILENCE_NS:
            if not self._lags(pack, head.tags, now_ns):
                self._pass_time(pack, head.time_ns, number)
                now_ns = head.time_ns - known.set_ns
        self.newest_of_tags[head.tags] = now_ns
        pack.is_heard = True
        known.newest_ns = max(known.newest_ns, now_ns)
        has_v = _find(&known.v, row, &pack.volts)
        if _find(&known.temp_min_c, row, &pack.temp_min) | _find(&known.temp_max_c, row, &pack.temp_max):
            low, high = known.temp_min_c, known.temp_max_c
            known.temp_c = high if low != low else low if high != high else (low + high) / 2
        if _find(&value, row, &pack.current):
            found = end_what_is_over(known, now_ns)
            if found:
                self._report(pack, found, number)
            passed_ns = now_ns - known.last.time_ns
            take_reading(&known.use.charge, value, head.time_ns, pack.gap_ns)
            if 0 < passed_ns <= pack.gap_ns:
                spend(known, passed_ns)
            if passed_ns > 0:  # or it is of another source, somewhat late: its time is counted already
                found = take_current(pack, value, now_ns)
                if known.is_waiting:
                    take_waiting(pack)
                if found:
                    self._report(pack, found, number)
        if has_v:
            take_volts(pack, pack.cell_count, known.v, now_ns, current_at(pack, now_ns))
        if _find(&value, row, &pack.power):
            take_reading(&known.use.energy, value, head.time_ns, pack.gap_ns)
        if _find(&value, row, &pack.soc):
            take_soc(known, value, now_ns)
        return 0

    cdef int _take_page(self, const uint64_t* page) except -1 nogil:
        cdef const RowHead* head = <const RowHead*>page
        cdef uint32_t mask_words = self.schema.records[head.record].mask_words
        cdef Pack* pack = self.pack_of_tags[head.tags] if head.tags < self.tag_count else NULL
        cdef int64_t before_ns = NEVER_NS
        cdef int64_t now_ns
        cdef uint32_t word, number
        cdef uint64_t bits
        cdef double v, a
        cdef bint is_level
        if pack == NULL or pack.pages != <int32_t>head.record:
            return 0
        now_ns = head.time_ns - pack.known.set_ns
        a = current_at(pack, now_ns)
        is_level = is_steady(pack.known, now_ns)
        for word in range(mask_words):
            bits = page[HEAD_WORDS + word]
            while bits:
                number = 64 * word + <uint32_t>lowest_bit(bits)
                bits &= bits - 1
                if number >= pack.cell_count:
                    break
                v = get_double(page, mask_words, number)
                if not 0 < v < 100:
                    continue
                before_ns = max(before_ns, pack.cells[number].time_ns)
                if is_level and level_over(v) > pack.cells[number].next_level:
                    is_level = take_level(pack, number, v, now_ns)
                take_volts(pack, number, v, now_ns, a)
        if has_rest(pack.known, min(before_ns, now_ns)):
            self._report(pack, REST, <Py_ssize_t>head.id - 1)
        return 0


cdef bytes _layout(const Pack* pack):
    return f"health {LAYOUT} {sizeof(Known)} {sizeof(Cell)} {sizeof(Kept)} {pack.cell_count} ".encode()


# --- what is reported, as Python objects. Rare

cdef list _take_changes(Pack* pack, Py_ssize_t number, uint32_t found, Py_ssize_t row):
    """Return what has `found` (bits of Changed) in a pack, in the order in which it happened, and forget it."""
    cdef Known* known = pack.known
    changes = []
    if found & DRIVE_ENDED:
        steps, *cells = _steps(pack, True)
        changes.append(HealthChange(row, known.drive_ns + known.set_ns, number, HealthKind.DRIVE_ENDED, steps=steps,
                                    cell_steps=tuple(cells)))
        known.drive_ns = NEVER_NS
        mark_steps(pack, False)
    if found & CHARGE_ENDED:
        steps, *cells = _steps(pack, False)
        charges = [_cell_charge(&pack.kept[cell].levels) for cell in range(pack.cell_count)]
        changes.append(HealthChange(row, known.charge.start_ns + known.set_ns, number, HealthKind.CHARGE_ENDED,
                                    charge=_charge(known), steps=steps, cell_steps=tuple(cells),
                                    cell_charges=tuple(charges)))
        memset(&known.net_counted, 0, sizeof(Net))
        mark_steps(pack, True)
    if found & DRIVE_BEGUN:
        mark_steps(pack, False)
    if found & CHARGE_BEGUN:
        changes.append(HealthChange(row, known.charge.start_ns + known.set_ns, number, HealthKind.CHARGE_BEGUN))
    if found & REST:
        changes.append(HealthChange(row, known.idle_ns + known.set_ns, number, HealthKind.REST, drift_mv=_drift(pack),
                                    soc_pct=known.soc_pct))
        known.idle_ns = RESTED_NS
    if found & DAY:
        changes += _day(pack, number, row)
    return changes


cdef list _steps(const Pack* pack, bint of_drive):
    """Return those of the pack, and then of each cell, since the end of the charge before, or of the drive alone."""
    cdef const Known* known = pack.known
    cdef const Kept* kept
    cdef uint32_t temps = known.conditions.temps - of_drive * known.before.temps
    cdef uint32_t socs = known.conditions.socs - of_drive * known.before.socs
    temp_c = (known.conditions.temp_c - of_drive * known.before.temp_c) / temps if temps else NAN
    soc_pct = (known.conditions.soc_pct - of_drive * known.before.soc_pct) / socs if socs else NAN
    found = []
    for number in (pack.cell_count, *range(pack.cell_count)):
        kept = &pack.kept[<uint32_t>number]
        found.append(Steps(
            kept.steps.count - of_drive * kept.before.count, kept.steps.ii - of_drive * kept.before.ii,
            kept.steps.ui - of_drive * kept.before.ui, kept.steps.uu - of_drive * kept.before.uu, temp_c, soc_pct,
        ))
    return found


cdef object _charge(const Known* known):
    cdef const Charge* charge = &known.charge
    cdef const Sums* sums = &charge.counted
    return CountedCharge(
        start_ns=charge.start_ns + known.set_ns, end_ns=charge.end_ns + known.set_ns,
        from_soc_pct=charge.from_pct,
        to_soc_pct=charge.to_pct if charge.to_ns >= charge.end_ns - 10 * SECOND_NS else NAN,
        charge_ah=sums.as_ / 3600, bridged_ah=sums.bridged_as / 3600, energy_wh=sums.ws / 3600,
        gap_s=sums.gap_ns / 1e9, duration_s=(charge.end_ns - charge.start_ns) / 1e9,
        mean_current_a=sums.as_ / (sums.covered_ns / 1e9) if sums.covered_ns else NAN,
        highest_current_a=charge.highest_a, end_current_a=charge.end_a,
        temp_mean_c=sums.temp_ks / (sums.temp_ns / 1e9) if sums.temp_ns else NAN,
        soc_fell_pct=charge.fell_pct, soc_step_pct=charge.step_pct, soc_step_ah=charge.step_as / 3600,
        soc_still_ah=charge.still_as / 3600,
        bridged_pause_s=charge.paused_ns / 1e9,
        net_ah=known.net_counted.as_ / 3600, net_s=known.net_counted.covered_ns / 1e9,
        net_gap_pct=known.net_counted.gap_pct,
    )


cdef object _cell_charge(const Levels* sums):
    """The ratio of the deviations of two charges, and its own by what the line through them leaves over."""
    cdef double n = sums.count
    cdef double xx = n * sums.xx - sums.x * sums.x
    cdef double xy = n * sums.xy - sums.x * sums.y
    cdef double yy = n * sums.yy - sums.y * sums.y
    if n < 3 or not (xx > 0 and yy > 0):
        return CellCharge(sums.count, NAN, NAN)
    return CellCharge(sums.count, sqrt(yy / xx), sqrt(yy / xx * max(1 - xy * xy / (xx * yy), 0.0) / (n - 2)))


cdef tuple _drift(const Pack* pack):
    cells = [pack.cells[cell].v if pack.cells[cell].time_ns >= pack.known.idle_ns + REST_NS else NAN
             for cell in range(pack.cell_count)]
    known = sorted([v for v in cells if v == v])
    middle = (known[(len(known) - 1) // 2] + known[len(known) // 2]) / 2 if known else NAN
    return tuple([(v - middle) * 1000 for v in cells])


cdef list _day(const Pack* pack, Py_ssize_t number, Py_ssize_t row):
    """Return its day as it is, in a list; none where nothing was counted."""
    cdef const Known* known = pack.known
    cdef Py_ssize_t place
    sums = {
        "charge_in_ah": in_hours(known.use.charge.into_s),
        "charge_out_ah": in_hours(known.use.charge.out_of_s),
        "energy_in_wh": in_hours(known.use.energy.into_s),
        "energy_out_wh": in_hours(known.use.energy.out_of_s),
    }
    for place in range(TEMPERATURES * CHARGES):
        temperature, charge = COLDEST_C + 10 * (place // CHARGES), 10 * (place % CHARGES)
        sign = "m" if temperature < 0 else ""
        sums[f"temp_{sign}{abs(temperature)}_soc_{charge}_s"] = known.use.spent_ns[place] / 1e9
    day = {name: value for name, value in sums.items() if value > 0}
    return [HealthChange(row, known.use.day_ns, number, HealthKind.DAY, day=day)] if day else []
