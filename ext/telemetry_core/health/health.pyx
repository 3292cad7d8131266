"""Battery health: what rows of packs, and pages of their cells, say of charge, resistance and cells.

Promises:
- What is reported depends on the rows, their stamps and their order, and not on how they were batched.
- A row costs the same however long a charge lasts, and a reading of cells what its pages cost. Memory is fixed: that of a
  pack with 198 cells has 52 kB, saved as it is.
- Stamps of a source that step back by 2 s to 15 min are a clock that was set: all that is known moves with it, and a
  charge has a gap of so much. A source that lags behind another moves nothing, and its current counts its own time.
- It does not hold the GIL, and makes Python objects for changes only.

Relies on the mapper for rows without NaN, though no NaN does harm, and for pages in the order of the rows.
`charges`, `steps`, `levels`, `rests` and `use` have the rules.
"""

cimport cython
from libc.math cimport NAN, isfinite
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from telemetry_core.health.changes cimport day_of_pack, take_changes
from telemetry_core.health.charges cimport (
    SILENCE_NS, end_charge, end_drive, end_what_is_over, take_current, take_soc,
)
from telemetry_core.health.levels cimport is_steady, take_level
from telemetry_core.health.pack cimport (
    DAY, MINUTE_NS, NEVER_NS, REST, SECOND_NS, Cell, Known, Pack, Place,
)
from telemetry_core.health.stamps cimport each_stamp, forget_pack, forget_stamp, shift_stamp
from telemetry_core.health.steps cimport take_cell_volts, take_volts, take_waiting
from telemetry_core.health.use cimport REST_NS, begin_day, find_range, has_rest
from telemetry_core.memory cimport lengthened, zeroed
from telemetry_core.rows.access cimport lowest_bit
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, SLOT_FLOAT, Schema
from telemetry_core.rules.counting cimport take_reading

from zlib import crc32

cdef int64_t LATE_NS = 2 * SECOND_NS
cdef int64_t HOUR_NS = 60 * MINUTE_NS
LAYOUT = 1                       # of `memory`; one more whenever a struct has another meaning


cdef Place _place(Schema schema, record, field) except *:
    """Where a field is in rows of its record; nowhere if it is absent."""
    cdef uint32_t mask_words
    if field < 0:
        return Place(0, 0, 0)
    if field >= len(schema.specs[record].fields) or schema.specs[record].fields[field].kind != SLOT_FLOAT:
        raise ValueError(f"{schema.specs[record].measurement} has no number at {field}")
    mask_words = schema.records[<size_t>record].mask_words
    return Place(<uint64_t>1 << <uint32_t>(field % 64), HEAD_WORDS + <uint32_t>(field // 64),
                 HEAD_WORDS + mask_words + <uint32_t>field)


cdef inline bint _find(double* value, const uint64_t* row, const Place* place) noexcept nogil:
    """Find the field's number; return whether it is there."""
    cdef double found
    if not row[place.mask] & place.bit:
        return False
    memcpy(&found, &row[place.word], 8)
    if not isfinite(found):
        return False
    value[0] = found
    return True


@cython.final
cdef class Health:
    """Follows the packs of `specs` (PackSpecs) in rows of `schema`. Raises ValueError when one does not fit it."""

    cdef readonly Schema schema
    cdef readonly tuple specs            # as they were given
    cdef Pack* packs
    cdef Py_ssize_t pack_count
    cdef Pack** pack_of_tags             # NULL: of none
    cdef int64_t* newest_of_tags         # stamps of their newest rows
    cdef Py_ssize_t tag_count
    cdef list changes

    def __cinit__(self, Schema schema not None, specs):
        cdef Pack* pack
        self.schema = schema
        self.specs = tuple(specs)
        self.changes = []
        self.packs = <Pack*>zeroed(len(self.specs), sizeof(Pack))
        for spec in self.specs:
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
            pack.cells = <Cell*>zeroed(pack.cell_count, sizeof(Cell))
            pack.sorted_v = <double*>zeroed(pack.cell_count, sizeof(double))
            pack.waiting = <uint16_t*>zeroed(pack.cell_count, sizeof(uint16_t))
            self.pack_count += 1
            self.set_rated(self.pack_count - 1, spec.rated_ah)
            self.forget(self.pack_count - 1)

    def __dealloc__(self):
        cdef Py_ssize_t number
        for number in range(self.pack_count):
            free(self.packs[number].cells)
            free(self.packs[number].sorted_v)
            free(self.packs[number].waiting)
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
            while self.tag_count < count:
                self.newest_of_tags[self.tag_count] = NEVER_NS
                self.tag_count += 1
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
        if pages is None:
            self._run(samples, NULL, 0, begin, until)
        else:
            self._run(samples, pages.words, pages.rows, begin, until)
        changes, self.changes = self.changes, []
        return changes

    def due(self, pack, int64_t now_ns):
        """Return what ends since nothing of the pack has come for too long at `now_ns`, in frame time."""
        cdef Pack* found = self._pack(pack)
        return take_changes(found, pack, end_what_is_over(&found.known, now_ns), -1)

    def finish(self, pack, int64_t end_ns):
        """Return what ends, and the day as it is, since no row comes any more. end_ns: stamp of the newest of all."""
        cdef Pack* found = self._pack(pack)
        changes = self.due(pack, end_ns)
        changes += take_changes(found, pack, end_charge(&found.known) | end_drive(&found.known), -1)
        return changes + day_of_pack(found, pack, -1)

    def look(self, pack):
        """Return the day as it is. Nothing ends."""
        return day_of_pack(self._pack(pack), pack, -1)

    def is_open(self, pack):
        """Return whether a charge is open that was reported."""
        cdef Pack* found = self._pack(pack)
        return bool(found.known.state and found.known.charge.is_begun)

    def last_ns(self, pack):
        """Return the stamp of the pack's newest row; None: none has come."""
        cdef Pack* found = self._pack(pack)
        return None if found.known.newest_ns == NEVER_NS else found.known.newest_ns

    def forget(self, pack):
        """Forget the pack: what comes next is of another one."""
        forget_pack(self._pack(pack))

    def memory(self, pack):
        """Return all that is known of the pack, as bytes for `remember`."""
        cdef Pack* found = self._pack(pack)
        content = (<char*>&found.known)[:sizeof(Known)] + (<char*>found.cells)[:found.cell_count * sizeof(Cell)]
        return _layout(found) + crc32(content).to_bytes(4, "little") + content

    def remember(self, pack, bytes memory not None):
        """Go on where `memory` was taken, here or in another process.

        Time until the next row is a gap like any other. Raises ValueError for bytes that are damaged, or of another
        layout or number of cells.
        """
        cdef Pack* found = self._pack(pack)
        cdef uint32_t cell
        layout = _layout(found)
        content = memory[len(layout) + 4 :]
        if not memory.startswith(layout):
            raise ValueError("the memory of the pack is of another layout, or of another number of cells")
        if (len(content) != sizeof(Known) + found.cell_count * sizeof(Cell)
                or memory[len(layout) :][:4] != crc32(content).to_bytes(4, "little")):
            raise ValueError("the memory of the pack is damaged")
        memcpy(&found.known, <char*>content, sizeof(Known))
        memcpy(found.cells, <char*>content + sizeof(Known), found.cell_count * sizeof(Cell))
        found.waiting_count = 0
        for cell in range(found.cell_count):
            if found.cells[cell].pairs.waiting_ns != NEVER_NS:
                found.waiting[found.waiting_count] = <uint16_t>cell
                found.waiting_count += 1

    cdef int _run(
        self, SampleBatch samples, const uint64_t* page, Py_ssize_t pages, Py_ssize_t begin, Py_ssize_t end
    ) except -1:
        cdef const uint64_t* row = samples.words
        cdef const RowHead* head
        cdef Pack* pack
        cdef Py_ssize_t number
        with nogil:
            for number in range(min(samples.rows + 1, end)):
                while pages and ((<const RowHead*>page).id <= <uint32_t>number or number == samples.rows):
                    if number >= begin:
                        self._take_page(page)
                    page += self.schema.records[(<const RowHead*>page).record].row_words
                    pages -= 1
                if number == samples.rows:
                    break
                head = <const RowHead*>row
                if number >= begin and head.tags < self.tag_count:
                    pack = self.pack_of_tags[head.tags]
                    if pack != NULL and pack.battery == head.record:
                        self._take_row(pack, row, number)
                row += self.schema.records[head.record].row_words
        return 0

    cdef int _report(self, Pack* pack, uint32_t found, Py_ssize_t row) except -1 nogil:
        with gil:
            self.changes += take_changes(pack, pack - self.packs, found, row)
        return 0

    cdef bint _lags(self, const Pack* pack, Py_ssize_t tags, int64_t now_ns) noexcept nogil:
        """Return whether a row is of a source that lags behind another one of its pack, and had no clock set back."""
        cdef int64_t own_ns = self.newest_of_tags[tags]
        if not pack.known.newest_ns - SILENCE_NS <= now_ns < pack.known.newest_ns:
            return False
        if own_ns != NEVER_NS:
            return now_ns >= own_ns - LATE_NS
        for tags in range(self.tag_count):
            if self.pack_of_tags[tags] == pack and self.newest_of_tags[tags] != NEVER_NS:
                return True
        return False

    cdef int _pass_time(self, Pack* pack, int64_t now_ns, Py_ssize_t row) except -1 nogil:
        """Take a stamp that is not a little later than the one before, or is of another day."""
        cdef Known* known = &pack.known
        cdef int64_t passed_ns = now_ns - known.newest_ns
        if -SILENCE_NS <= passed_ns < -LATE_NS:
            each_stamp(pack, shift_stamp, passed_ns)
            known.charge.sums.gap_ns -= passed_ns  # how long it was between the two is not known
        elif known.newest_ns != NEVER_NS and not -LATE_NS <= passed_ns <= SILENCE_NS:
            self._report(pack, end_charge(known) | end_drive(known), row)
            if passed_ns >= REST_NS:
                known.idle_ns = known.newest_ns
                known.has_rested = False
            elif passed_ns < 0:
                each_stamp(pack, forget_stamp, 0)
                pack.waiting_count = 0
                known.has_rested = False
                known.newest_ns = now_ns
            if not known.is_in_gap:
                known.is_in_gap = True
                known.gap_soc_pct = known.soc_pct
            known.soc_pct = known.v = known.last_v = known.temp_min_c = known.temp_max_c = known.temp_c = NAN
            find_range(known)
        if now_ns >= known.use.end_ns or now_ns < known.use.day_ns - HOUR_NS:
            if known.use.day_ns != NEVER_NS:
                self._report(pack, DAY, row)
            begin_day(&known.use, now_ns)
        return 0

    cdef int _take_row(self, Pack* pack, const uint64_t* row, Py_ssize_t number) except -1 nogil:
        cdef Known* known = &pack.known
        cdef const RowHead* head = <const RowHead*>row
        cdef int64_t now_ns = head.time_ns
        cdef int64_t passed_ns
        cdef double value, low, high
        cdef bint has_v
        cdef uint32_t found
        if now_ns >= known.use.end_ns or not known.newest_ns <= now_ns <= known.newest_ns + SILENCE_NS:
            if not self._lags(pack, head.tags, now_ns):
                self._pass_time(pack, now_ns, number)
        self.newest_of_tags[head.tags] = now_ns
        if now_ns > known.newest_ns:
            known.newest_ns = now_ns
        has_v = _find(&value, row, &pack.volts)
        if has_v:
            known.v = value
        if _find(&known.temp_min_c, row, &pack.temp_min) | _find(&known.temp_max_c, row, &pack.temp_max):
            low, high = known.temp_min_c, known.temp_max_c
            known.temp_c = high if low != low else low if high != high else (low + high) / 2
            find_range(known)
        if _find(&value, row, &pack.current):
            found = end_what_is_over(known, now_ns)
            if found:
                self._report(pack, found, number)
            passed_ns = now_ns - known.last.time_ns
            if 0 < passed_ns <= pack.gap_ns and known.use.range >= 0:
                known.use.spent_ns[known.use.range] += passed_ns
            take_reading(&known.use.charge, value, now_ns, pack.gap_ns)
            found = take_current(pack, value, now_ns)
            if passed_ns > 0 and (pack.waiting_count or known.pairs.waiting_ns != NEVER_NS):
                take_waiting(pack)
            if found:
                self._report(pack, found, number)
        if has_v:
            take_volts(pack, known.v, now_ns)
        if _find(&value, row, &pack.power):
            take_reading(&known.use.energy, value, now_ns, pack.gap_ns)
        if _find(&value, row, &pack.soc):
            take_soc(pack, value, now_ns)
            find_range(known)
        return 0

    cdef int _take_page(self, const uint64_t* page) except -1 nogil:
        cdef const RowHead* head = <const RowHead*>page
        cdef uint32_t mask_words = self.schema.records[head.record].mask_words
        cdef Pack* pack = self.pack_of_tags[head.tags] if head.tags < self.tag_count else NULL
        cdef int64_t before_ns = NEVER_NS
        cdef uint32_t word, number
        cdef uint64_t bits
        cdef double v
        cdef Cell* cell
        cdef bint is_level
        if pack == NULL or pack.pages != <int32_t>head.record:
            return 0
        is_level = is_steady(&pack.known, head.time_ns)
        for word in range(mask_words):
            bits = page[HEAD_WORDS + word]
            while bits:
                number = 64 * word + <uint32_t>lowest_bit(bits)
                bits &= bits - 1
                if number >= pack.cell_count:
                    break
                memcpy(&v, &page[HEAD_WORDS + mask_words + number], 8)
                if not 0 < v < 100:
                    continue
                cell = &pack.cells[number]
                take_cell_volts(pack, number, v, head.time_ns)
                if is_level:
                    is_level = take_level(pack, cell, v, head.time_ns)
                before_ns = max(before_ns, cell.newest_ns)
                cell.newest_v, cell.newest_ns = v, head.time_ns
        if has_rest(&pack.known, min(before_ns, head.time_ns)):
            self._report(pack, REST, <Py_ssize_t>head.id - 1)
        return 0


cdef bytes _layout(const Pack* pack):
    return f"health {LAYOUT} {sizeof(Known)} {sizeof(Cell)} {pack.cell_count} ".encode()
