"""The mapper: rows of the data model, made of rows of messages.

Promises:
- It passes every input row on, in order. The rows made of it follow directly after it.
- The result does not depend on how rows were batched.
- It makes no NaN, no infinity and no row without a field.
- It makes and remembers nothing of a row whose protection field marks its frame as wrong.
- It remembers what it needs for each channel. `bind` forgets it.
- Two J1939 senders share nothing, unless the map names both.
- Of the origins of one field the first fills it of those that were heard within `origin_gap_ns`. What is derived
  follows from what fills.
- It makes no Python object and does not hold the GIL.
- `pages` has what each page of cells brought, with the stamp of its own row, where the map asks for them. They are rows of
  `cells` for who reads them there, and are neither written nor counted; their `id` is the number of rows in `out` before.

Relies on MapTable for valid indexes. Relies on the senders stage to mark rows whose sender the map does not name.

Time is that of the frames. An input of a derived value serves rows at its own stamp and up to `input_age_ns` later,
never earlier ones. After a step back in time, values are derived again once all inputs have come again.

`map_table.pxd` reads a field out of a message row; `derived.pxd` writes what follows from mapped fields; `pages.pxd` takes
what a page of cells brings. `cycles.pyx` and `rounds.pyx` say which pages are one reading.
"""

cimport cython
from libc.math cimport isfinite
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from telemetry_core.memory cimport lengthened, zeroed
from telemetry_core.rules.channel cimport (
    Channel, fills, forget_sender, free_channel, make_channel, missing_pages, recall, remembered,
)
from telemetry_core.rules.cycles cimport (
    GIVEN_UP, HELD_READING, NEWS, READING, REPLACES, CycleState, Page, forget_device, passed, take_row,
)
from telemetry_core.rules.derived cimport (
    Reading, Spread, note_cell, note_temperature, share_of, write_counters, write_power, write_spread,
)
from telemetry_core.rules.map_table cimport (
    Bus, Cycle, MapTable, Message, Output, Part, Range, Reference, Slot, Target, Word, find_word, is_there,
    mapped_value,
)
from telemetry_core.rules.notices cimport Notice, Notices, note
from telemetry_core.rules.pages cimport take_values, write_page
from telemetry_core.rules.rounds cimport read_held, take_answer
from telemetry_core.rows.access cimport has_field, is_of_sender, set_double, set_word, slots_of, reports_fault
from telemetry_core.rows.batch cimport ROW_NEW_SENDER, ROW_OTHER_SENDER, RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, Schema

from telemetry_core.rules.map_spec import PageNotice


cdef enum:
    CHANNELS = 65536

@cython.final
cdef class Mapper:
    """Carries out a MapSpec for any number of channels.

    schema: of the plan's records followed by the map's. Raises ValueError when `spec` does not belong to it.
    """

    cdef readonly Schema schema
    cdef readonly object spec            # the MapSpec it was made of
    cdef readonly int64_t incomplete_cycles
    cdef readonly SampleBatch pages      # of the last batch; None: nobody asks for them
    cdef MapTable table
    cdef Channel* channels
    cdef Py_ssize_t channel_count
    cdef uint32_t* parts_there           # scratch: what _find_parts found
    cdef uint32_t* pages_there           # scratch: their pages
    cdef Notices noticed                 # by the last batch
    cdef int64_t* made_rows              # of each record of the map
    cdef Py_ssize_t first_record         # of the map
    cdef bint has_pages
    cdef double threshold_a
    cdef uint64_t input_age_ns
    cdef uint64_t cycle_gap_ns
    cdef uint64_t origin_gap_ns

    def __cinit__(self, Schema schema not None, spec):
        self.schema = schema
        self.spec = spec
        self.table = MapTable(schema, spec)
        self.pages = SampleBatch(schema) if spec.has_pages else None
        self.has_pages = spec.has_pages
        self.first_record = spec.first_record
        self.threshold_a = spec.threshold_a
        self.input_age_ns = spec.input_age_ns
        self.cycle_gap_ns = spec.cycle_gap_ns
        self.origin_gap_ns = spec.origin_gap_ns
        self.made_rows = <int64_t*>zeroed(len(spec.records), sizeof(int64_t))
        self.parts_there = <uint32_t*>zeroed(self.table.part_count, sizeof(uint32_t))
        self.pages_there = <uint32_t*>zeroed(self.table.part_count, sizeof(uint32_t))

    def __dealloc__(self):
        cdef Py_ssize_t number
        for number in range(self.channel_count):
            free_channel(&self.channels[number])
        free(self.channels)
        free(self.made_rows)
        free(self.parts_there)
        free(self.pages_there)
        free(self.noticed.all)

    def bind(self, Py_ssize_t channel, Py_ssize_t bus, tags, *, bint by_order=False):
        """Map the rows of `channel` as those of the plan's bus `bus`, and forget what it remembers of the channel.

        bus: -1 (no database) passes rows on and makes nothing of them.
        tags: `tags[i]` is the encoder's index for tag set i.
        by_order: the channel's stamps do not show pauses, so the order of pages alone makes a cycle.
        Raises ValueError for an unknown bus or a wrong number of tags, IndexError for a channel over 65535.
        """
        if not 0 <= channel < CHANNELS:
            raise IndexError(channel)
        if not -1 <= bus < self.table.bus_count:
            raise ValueError(f"bus {bus} is not one of {self.table.bus_count}")
        if bus >= 0 and len(tags) != self.table.tag_set_count:
            raise ValueError(f"{len(tags)} indexes for {self.table.tag_set_count} tag sets")
        cdef Py_ssize_t number
        self._make_channels(channel + 1)
        free_channel(&self.channels[channel])
        if bus >= 0:
            make_channel(&self.channels[channel], self.table, bus, tags)
            for number in range(self.table.buses[bus].cycle_count):
                self.channels[channel].cycles[number].by_order = by_order

    def memory(self, Py_ssize_t channel):
        """Return what is remembered of `channel`, as plain values; None: it is not bound to a bus."""
        return remembered(&self.channels[channel], self.table)

    def remember(self, Py_ssize_t channel, memory):
        """Go on with the `memory` of a mapper of the same map, which had bound `channel` likewise."""
        recall(&self.channels[channel], self.table, memory)

    cdef object _make_channels(self, Py_ssize_t count):
        if count <= self.channel_count:
            return
        self.channels = <Channel*>lengthened(self.channels, self.channel_count, count, sizeof(Channel))
        while self.channel_count < count:
            self.channels[self.channel_count].bus = -1
            self.channel_count += 1

    def map(self, SampleBatch samples not None, SampleBatch out not None):
        """Append each row of `samples` to `out`, followed by the rows made of it.

        Raises ValueError unless both are of this mapper's schema and not the same batch.
        """
        if samples.schema is not self.schema or out.schema is not self.schema:
            raise ValueError("the batches are not of the mapper's schema")
        if samples is out:
            raise ValueError("a batch cannot be mapped into itself")
        self.noticed.count = 0
        if self.has_pages:
            self.pages.clear()
        with nogil:
            self._run(samples, out)

    def held(self, Py_ssize_t channel):
        """Return how many rounds of `channel` have all their pages and wait for what comes next."""
        cdef Py_ssize_t count = 0
        cdef uint32_t number
        cdef Bus* bus
        if 0 <= channel < self.channel_count and self.channels[channel].is_watching:
            bus = &self.table.buses[self.channels[channel].bus]
            for number in range(bus.cycle_count):
                count += self._holds(&self.channels[channel], bus, number)
        return count

    def release(self, Py_ssize_t channel, SampleBatch out not None, *, int64_t before_ns=INT64_MAX):
        """Append the rows of what `channel` holds to `out`.

        before_ns: only of rounds that no page with this stamp or a later one can join.
        Raises ValueError unless `out` is of this mapper's schema.
        """
        if out.schema is not self.schema:
            raise ValueError("the batch is not of the mapper's schema")
        self.noticed.count = 0
        if self.has_pages:
            self.pages.clear()
        if self.held(channel):
            self._release(&self.channels[channel], before_ns, out)

    def copy(self, Py_ssize_t channel, SampleBatch out not None):
        """Append the rows that `release` would to `out`. They stay held."""
        memory, made = self.memory(channel), [self.made_rows[n] for n in range(len(self.spec.records))]
        cdef Py_ssize_t number
        self.release(channel, out)
        self.remember(channel, memory)
        for number in range(len(made)):
            self.made_rows[number] = made[number]

    def finish(self, SampleBatch out not None):
        """Release what all channels hold, and count what is open else as incomplete, since no row comes any more."""
        cdef Py_ssize_t number
        cdef uint32_t index
        cdef Channel* channel
        cdef Bus* bus
        cdef Cycle* cycle
        for number in range(self.channel_count):
            channel = &self.channels[number]
            if channel.bus < 0:
                continue
            self.release(number, out)
            bus = &self.table.buses[channel.bus]
            for index in range(bus.cycle_count):
                cycle = &self.table.cycles[bus.first_cycle + index]
                if cycle.page_count > 1:
                    self.incomplete_cycles += (
                        forget_device(&channel.cycles[index], channel.pages + cycle.first_page,
                                      self.table.ranks + cycle.first_rank, cycle.page_count,
                                      cycle.within_ns != 0) & GIVEN_UP) != 0

    def notices(self):
        """Return the pages that went missing or came back in the last batch, in the order of the rows."""
        cdef size_t number
        cdef Notice* one
        found = []
        for number in range(self.noticed.count):
            one = &self.noticed.all[number]
            found.append(PageNotice(one.row, one.time_ns, one.channel, one.cycle, one.page, one.is_missing != 0))
        return found

    def missing(self, Py_ssize_t channel):
        """Return as (cycle, page) what is missing on `channel`, or has not come yet where others have."""
        return missing_pages(&self.channels[channel], self.table) if 0 <= channel < self.channel_count else []

    def made(self):
        """Return how many rows of each measurement were made so far."""
        return {spec.measurement: self.made_rows[number] for number, spec in enumerate(self.spec.records)}

    cdef int _run(self, SampleBatch samples, SampleBatch out) except -1 nogil:
        cdef size_t at = 0
        cdef size_t run_begin = 0
        cdef Py_ssize_t run_rows = 0
        cdef Py_ssize_t number
        cdef const uint64_t* row
        cdef const RowHead* head
        cdef Channel* channel
        cdef int32_t message
        for number in range(samples.rows):
            row = samples.words + at
            head = <const RowHead*>row
            at += self.schema.records[head.record].row_words
            run_rows += 1
            if head.channel >= self.channel_count or self.channels[head.channel].bus < 0:
                continue
            channel = &self.channels[head.channel]
            if channel.is_watching and self._watch(row, channel, &self.table.buses[channel.bus]):
                out.append_rows(samples.words + run_begin, at - run_begin, run_rows)
                run_begin = at
                run_rows = 0
                self._release(channel, head.time_ns, out)
            message = self.table.buses[channel.bus].message_of_record[head.record]
            if message < 0 or reports_fault(self.schema, row, self.table.messages[message].protection):
                continue
            out.append_rows(samples.words + run_begin, at - run_begin, run_rows)
            run_begin = at
            run_rows = 0
            while message >= 0:
                if is_of_sender(head, self.table.messages[message].sender, self.table.messages[message].sender_mask):
                    self._map_row(row, channel, &self.table.messages[message], out)
                message = self.table.messages[message].next
        return out.append_rows(samples.words + run_begin, at - run_begin, run_rows)

    cdef bint _watch(self, const uint64_t* row, Channel* channel, const Bus* bus) noexcept nogil:
        """Remember what the row has of what values are divided by; return whether it releases a reading."""
        cdef const RowHead* head = <const RowHead*>row
        cdef const Reference* reference
        cdef uint32_t number
        cdef bint is_due = False
        channel.is_watching = bus.reference_count > 0
        for number in range(bus.cycle_count):
            if self._holds(channel, bus, number):
                channel.is_watching = True
                is_due |= self._is_over(channel, bus, number, head.time_ns)
        for number in range(bus.reference_count):
            reference = &self.table.references[bus.first_reference + number]
            if reference.record == head.record and has_field(row, reference.field):
                channel.references[number] = Reading(
                    <double><int64_t>slots_of(self.schema, row)[reference.field], head.time_ns, True)
        return is_due

    cdef bint _holds(self, const Channel* channel, const Bus* bus, uint32_t number) noexcept nogil:
        return self.table.cycles[bus.first_cycle + number].within_ns and channel.cycles[number].is_held

    cdef bint _is_over(self, const Channel* channel, const Bus* bus, uint32_t number, int64_t time_ns) noexcept nogil:
        """Return whether a page with this stamp would be of another round."""
        cdef const CycleState* state = &channel.cycles[number]
        return (time_ns > state.last_ns
                and passed(state.last_ns, time_ns) > self.table.cycles[bus.first_cycle + number].within_ns)

    cdef int _release(self, Channel* channel, int64_t time_ns, SampleBatch out) except -1 nogil:
        """Write the rounds that a page with this stamp cannot join any more."""
        cdef const Bus* bus = &self.table.buses[channel.bus]
        cdef uint32_t number
        for number in range(bus.cycle_count):
            if self._holds(channel, bus, number) and self._is_over(channel, bus, number, time_ns):
                self._write_held(channel, bus, number, out)
        return 0

    cdef int _map_row(self, const uint64_t* row, Channel* channel, const Message* message,
                      SampleBatch out) except -1 nogil:
        cdef uint32_t end = message.first_output + message.output_count
        cdef const Output* output
        cdef Spread spread
        cdef uint32_t number
        if (<const RowHead*>row).id & ROW_NEW_SENDER and message.sender < 0:
            forget_sender(channel, self.table, message)
        memset(&spread, 0, sizeof(Spread))
        for number in range(message.first_output, end):
            output = &self.table.outputs[number]
            if output.cycle >= 0:
                self._take_pages(row, channel, output, &spread, out)
            else:  # a pack's plain output comes right after that of its cells
                self._write_plain(row, channel, output, &spread, out)
                memset(&spread, 0, sizeof(Spread))
        return 0

    cdef uint64_t* _begin_row(self, const RowHead* head, Channel* channel, const Target* target,
                              SampleBatch out) except NULL nogil:
        cdef uint64_t* made = out.add_row(target.record)
        (<RowHead*>made)[0] = head[0]
        (<RowHead*>made).record = target.record
        (<RowHead*>made).tags = channel.tags[target.tag_set]
        (<RowHead*>made).nudge_ns = 0
        (<RowHead*>made).id &= ~<uint32_t>(ROW_OTHER_SENDER | ROW_NEW_SENDER)
        if channel.powers[target - self.table.targets].is_changed:
            (<RowHead*>made).id |= ROW_NEW_SENDER
        return made

    cdef void _end_row(self, uint64_t* made, const Target* target, SampleBatch out) noexcept nogil:
        cdef uint32_t number
        for number in range(self.schema.records[target.record].mask_words):
            if made[HEAD_WORDS + number]:
                self.made_rows[target.record - self.first_record] += 1
                if (<RowHead*>made).id & ROW_NEW_SENDER:
                    self.channels[(<RowHead*>made).channel].powers[target - self.table.targets].is_changed = False
                return
        out.drop_row(target.record)

    cdef uint32_t _find_parts(self, const uint64_t* row, const Output* output) noexcept nogil:
        """Fill `parts_there` with the numbers of the parts of `output` that are in the row; return how many."""
        cdef const uint64_t* raw = slots_of(self.schema, row)
        cdef const Part* parts = self.table.parts + output.first_part  # not read again for each part
        cdef const Range* ranges = self.table.ranges
        cdef uint32_t* there = self.parts_there
        cdef uint32_t count = 0
        cdef uint32_t number
        for number in range(output.part_count):
            if is_there(row, raw, &parts[number], ranges, self.table.selected):
                there[count] = number
                count += 1
        return count

    cdef int _write_plain(self, const uint64_t* row, Channel* channel, const Output* output,
                          const Spread* spread, SampleBatch out) except -1 nogil:
        cdef bint has_spread = spread.has_cells or spread.has_temperatures
        if output.part_count == 0 and not has_spread:
            return 0
        cdef const Target* target = &self.table.targets[output.target]
        cdef uint64_t* made = self._begin_row(<const RowHead*>row, channel, target, out)
        cdef const uint64_t* raw = slots_of(self.schema, row)
        cdef uint32_t mask_words = self.schema.records[target.record].mask_words
        cdef const Part* part
        cdef const Slot* slot
        cdef const Word* word
        cdef uint32_t part_number, slot_number
        cdef int64_t time_ns = (<const RowHead*>row).time_ns
        cdef double value
        for part_number in range(self._find_parts(row, output)):
            part = &self.table.parts[output.first_part + self.parts_there[part_number]]
            for slot_number in range(part.first_slot, part.first_slot + part.slot_count):
                slot = &self.table.slots[slot_number]
                if not has_field(row, slot.source):
                    continue
                if slot.word_count:
                    word = find_word(slot, self.table.words, raw[slot.source])
                    if word != NULL and not word.is_absent and fills(channel, slot, time_ns, self.origin_gap_ns):
                        set_word(made, mask_words, slot.target, word.slot)
                    if word != NULL or slot.is_text:
                        continue
                value = mapped_value(slot, raw[slot.source])
                if slot.per >= 0:
                    value = share_of(value, &channel.references[slot.per], time_ns, self.input_age_ns)
                if not isfinite(value) or not fills(channel, slot, time_ns, self.origin_gap_ns):
                    continue
                if slot.is_flag:
                    set_word(made, mask_words, slot.target, value != 0)
                else:
                    set_double(made, mask_words, slot.target, value)
        write_power(made, mask_words, target, &channel.powers[output.target], self.threshold_a, self.input_age_ns)
        if target.is_counted:
            write_counters(made, mask_words, target, &channel.counters[output.target],
                           self.table.buses[channel.bus].count_gap_ns)
        if has_spread:
            write_spread(made, mask_words, target, spread)
        self._end_row(made, target, out)
        return 0

    cdef int _take_pages(self, const uint64_t* row, Channel* channel, const Output* output, Spread* spread,
                         SampleBatch out) except -1 nogil:
        """Put the row's pages into their cycle, and write the readings that are complete now."""
        cdef const Bus* bus = &self.table.buses[channel.bus]
        cdef const Cycle* cycle = &self.table.cycles[bus.first_cycle + output.cycle]
        cdef CycleState* state = &channel.cycles[output.cycle]
        cdef Page* pages = channel.pages + cycle.first_page
        cdef const uint64_t* raw = slots_of(self.schema, row)
        cdef uint32_t count = self._find_parts(row, output)
        cdef uint32_t number
        cdef uint8_t found
        if count == 0:
            return 0
        if state.is_cut and self._holds(channel, bus, output.cycle):
            self._write_held(channel, bus, output.cycle, out)
        found = self._place_row(row, state, pages, cycle, output, count)
        self.incomplete_cycles += (found & GIVEN_UP) != 0
        if found & HELD_READING:
            self._write_held(channel, bus, output.cycle, out)
        channel.is_watching |= state.is_held
        for number in range(count):
            take_values(row, raw, channel, cycle, self.table,
                        &self.table.parts[output.first_part + self.parts_there[number]],
                        state.number, state.number - 1 if found & REPLACES else 0)
        if self.has_pages:
            write_page(self.pages, row, channel, output, self.table, self.parts_there, count, <uint32_t>out.rows)
        if found & READING:
            self._write_cells(<const RowHead*>row, channel, cycle, state, state.begin, spread, out)
        if found & NEWS:
            note(&self.noticed, <const RowHead*>row, output.cycle, pages, cycle.page_count, out.rows - 1)
        return 0

    cdef uint8_t _place_row(self, const uint64_t* row, CycleState* state, Page* pages, const Cycle* cycle,
                            const Output* output, uint32_t count) noexcept nogil:
        """Return what the row with these parts means for its cycle, as bits of Found."""
        cdef uint32_t number
        if cycle.page_count == 1:  # each row is a reading
            state.number += 1
            state.begin = state.number
            return READING
        for number in range(count):
            self.pages_there[number] = output.first_page + self.parts_there[number]
        if cycle.within_ns:
            return take_answer(state, pages, self.table.ranks + cycle.first_rank, cycle.page_count,
                               self.pages_there, count, <const RowHead*>row, cycle.within_ns)
        return take_row(state, pages, self.table.ranks + cycle.first_rank, cycle.page_count, self.pages_there,
                        count, <const RowHead*>row, self.cycle_gap_ns)

    cdef int _write_cells(self, const RowHead* head, Channel* channel, const Cycle* cycle, CycleState* state,
                          uint64_t begin, Spread* spread, SampleBatch out) except -1 nogil:
        """Write the row of a completed cycle that began with the row `begin`; note its extremes."""
        cdef const Target* target = &self.table.targets[cycle.target]
        cdef const double* values = channel.values + cycle.first_value
        cdef const uint64_t* brought_by = channel.brought_by + cycle.first_value
        cdef uint32_t mask_words = self.schema.records[target.record].mask_words
        cdef uint64_t* made = self._begin_row(head, channel, target, out)
        cdef uint32_t field
        for field in range(state.fitted, target.cell_count):
            if brought_by[field] >= begin and values[field] != 0:
                state.fitted = field + 1
        for field in range(cycle.value_count):
            if brought_by[field] < begin:
                continue
            if field >= target.cell_count:
                note_temperature(spread, values[field])
            elif field < state.fitted:
                note_cell(spread, field + 1, values[field])
            else:
                continue  # a zero past the last fitted cell
            set_double(made, mask_words, field, values[field])
        self._end_row(made, target, out)
        return 0

    cdef int _write_held(self, Channel* channel, const Bus* bus, uint32_t number, SampleBatch out) except -1 nogil:
        """Write the rows of the held reading of a cycle, with the head of the row that completed it."""
        cdef const Cycle* cycle = &self.table.cycles[bus.first_cycle + number]
        cdef CycleState* state = &channel.cycles[number]
        cdef int32_t spread_to = self.table.targets[cycle.target].spread_to
        cdef const Target* target
        cdef uint64_t* made
        cdef Spread spread
        if state.is_held:
            read_held(state)
        memset(&spread, 0, sizeof(Spread))
        self._write_cells(&state.held, channel, cycle, state, state.held_begin, &spread, out)
        if spread_to < 0 or not (spread.has_cells or spread.has_temperatures):
            return 0
        target = &self.table.targets[spread_to]
        made = self._begin_row(&state.held, channel, target, out)
        write_spread(made, self.schema.records[target.record].mask_words, target, &spread)
        self._end_row(made, target, out)
        return 0
