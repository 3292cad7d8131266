"""The mapper: rows of the data model out of rows of messages.

Promises: every row of the input is passed on, in order, and the rows made of it stand right behind it, so
that the result does not depend on how rows were batched; no NaN, no infinity and no row without a field is
made; nothing is made or remembered of a row that says that its frame is not what it ought to be; what is
remembered is remembered for each channel, and forgotten by `bind`; two J1939 senders share nothing unless the map
names both; no Python object is made and the GIL is not held. Relies on MapTable for valid indexes, and on the senders
stage for the marks of rows whose sender the map does not name.

Time is that of the frames. An input of a derived value is used for rows at its own stamp and up to
`input_age_ns` later, never for earlier ones: when time steps back, values are derived again as soon as all
inputs have come again. What is counted of current and power is in `counting.pyx`.
"""

cimport cython
from libc.math cimport isfinite, rint
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from telemetry_core.rules.counting cimport Counters, begins_second, in_hours, take_reading
from telemetry_core.rules.cycles cimport (
    GIVEN_UP, HELD_READING, NEWS, NO_NEWS, PAGE_MISSING, READING, CycleState, Page, passed, take_row,
)
from telemetry_core.rules.map_table cimport Bus, Cycle, MapTable, Message, Output, Part, Range, Slot, Target, Word
from telemetry_core.rows.access cimport (
    get_double, has_field, is_of_sender, set_double, set_word, slots_of, reports_fault,
)
from telemetry_core.rows.batch cimport ROW_NEW_SENDER, ROW_OTHER_SENDER, RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, SLOT_FLOAT, SLOT_INT, Record, Schema

from typing import NamedTuple


class PageNotice(NamedTuple):
    """A page of a cycle (numbers as in the BusMap) is missing from the row `row` on, or is back."""

    row: int  # in the batch that the mapper wrote: the last row made of the one that says so
    time_ns: int
    channel: int
    cycle: int
    page: int
    is_missing: bool


cdef enum:
    CHANNELS = 65536

cdef double EXACT_INTEGERS = 9007199254740992.0  # 2**53: larger doubles are integers already


@cython.overflowcheck(False)  # a raw value that its signal cannot have wraps round, and is nobody's harm
cdef inline double mapped_value(const Slot* slot, uint64_t raw) noexcept nogil:
    cdef double number
    if slot.decimal:
        return <double><int64_t>(raw * <uint64_t>slot.multiplier + <uint64_t>slot.bias) / slot.divisor
    if slot.kind == SLOT_FLOAT:
        memcpy(&number, &raw, 8)
    elif slot.kind == SLOT_INT:
        number = <double><int64_t>raw
    else:
        number = <double>raw
    return number * slot.factor + slot.offset


cdef inline const Word* find_word(const Slot* slot, const Word* words, uint64_t raw) noexcept nogil:
    """What the raw value means, or that it is absent; NULL: nothing that is known."""
    cdef uint32_t number
    for number in range(slot.first_word, slot.first_word + slot.word_count):
        if words[number].raw == raw:
            return &words[number]
    return NULL


cdef inline double rounded(double value, double unit) noexcept nogil:
    """`value` to the resolution of 1 / `unit`, as the nearest double; as it is when `unit` is 0."""
    cdef double whole = value * unit
    if unit == 0 or not -EXACT_INTEGERS < whole < EXACT_INTEGERS:
        return value
    return rint(whole) / unit


cdef bint has_selected(const uint64_t* row, const Part* part, const uint32_t* selected) noexcept nogil:
    """Whether the row has what the part's selector selects, whose own value is left out as "not available"."""
    cdef uint32_t number
    for number in range(part.first_selected, part.first_selected + part.selected_count):
        if has_field(row, selected[number]):
            return True
    return False


cdef inline bint is_there(const uint64_t* row, const uint64_t* raw, const Part* part, const Range* ranges,
                          const uint32_t* selected) noexcept nogil:
    if part.selector < 0:
        return True
    if not has_field(row, part.selector):
        return has_selected(row, part, selected)
    cdef uint64_t value = raw[part.selector]
    cdef uint32_t number
    for number in range(part.first_range, part.first_range + part.range_count):
        if part.is_signed:
            if <int64_t>ranges[number].low <= <int64_t>value <= <int64_t>ranges[number].high:
                return True
        elif ranges[number].low <= value <= ranges[number].high:
            return True
    return False


cdef void free_channel(Channel* channel) noexcept nogil:
    free(channel.tags)
    free(channel.powers)
    free(channel.counters)
    free(channel.cycles)
    free(channel.pages)
    free(channel.told)
    free(channel.values)
    memset(channel, 0, sizeof(Channel))
    channel.bus = -1


@cython.final
cdef class Mapper:
    """Carries out a MapSpec. `schema`: of the plan's records and the map's."""

    def __cinit__(self, Schema schema not None, spec):
        self.schema = schema
        self.spec = spec
        self.table = MapTable(schema, spec)
        self.first_record = spec.first_record
        self.threshold_a = spec.threshold_a
        self.input_age_ns = spec.input_age_ns
        self.cycle_gap_ns = spec.cycle_gap_ns
        self.made_rows = <int64_t*>calloc(max(len(spec.records), 1), sizeof(int64_t))
        self.parts_there = <uint32_t*>calloc(max(self.table.part_count, 1), sizeof(uint32_t))
        self.pages_there = <uint32_t*>calloc(max(self.table.part_count, 1), sizeof(uint32_t))
        if self.made_rows == NULL or self.parts_there == NULL or self.pages_there == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef Py_ssize_t number
        for number in range(self.channel_count):
            free_channel(&self.channels[number])
        free(self.channels)
        free(self.made_rows)
        free(self.parts_there)
        free(self.pages_there)
        free(self.noticed)

    def bind(self, Py_ssize_t channel, Py_ssize_t bus, tags, *, bint by_order=False):
        """Rows of `channel` are of the plan's bus `bus`; `tags[i]` is the encoder's index for tag set i there.

        by_order: its stamps say nothing of pauses, so that pages make a cycle by their order alone.
        With bus -1 (no database) its rows are passed on and nothing is made of them. What was remembered of
        the channel is forgotten. Raises ValueError when there is no such bus or not one index for each tag
        set, IndexError when the channel is over 65535.
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
            self._bind(&self.channels[channel], bus, tags)
            for number in range(self.table.buses[bus].cycle_count):
                self.channels[channel].cycles[number].by_order = by_order

    cdef object _make_channels(self, Py_ssize_t count):
        if count <= self.channel_count:
            return
        cdef Channel* grown = <Channel*>realloc(self.channels, count * sizeof(Channel))
        if grown == NULL:
            raise MemoryError
        self.channels = grown
        memset(&grown[self.channel_count], 0, (count - self.channel_count) * sizeof(Channel))
        while self.channel_count < count:
            grown[self.channel_count].bus = -1
            self.channel_count += 1

    cdef object _bind(self, Channel* channel, Py_ssize_t bus, tags):
        cdef Bus* layout = &self.table.buses[bus]
        cdef Py_ssize_t number
        channel.tags = <uint16_t*>calloc(max(self.table.tag_set_count, 1), sizeof(uint16_t))
        channel.powers = <PowerState*>calloc(max(self.table.target_count, 1), sizeof(PowerState))
        channel.counters = <Counters*>calloc(max(self.table.target_count, 1), sizeof(Counters))
        channel.cycles = <CycleState*>calloc(max(layout.cycle_count, 1), sizeof(CycleState))
        channel.pages = <Page*>calloc(max(layout.page_count, 1), sizeof(Page))
        channel.told = <uint64_t*>calloc(max(layout.value_count, 1), sizeof(uint64_t))
        channel.values = <double*>calloc(max(layout.value_count, 1), sizeof(double))
        if not (channel.tags and channel.powers and channel.counters and channel.cycles and channel.pages
                and channel.told and channel.values):
            free_channel(channel)
            raise MemoryError
        for number in range(self.table.tag_set_count):
            channel.tags[number] = tags[number]
        channel.bus = <int32_t>bus

    def map(self, SampleBatch samples not None, SampleBatch out not None):
        """Add the rows of `samples` to `out`, and behind each the rows made of it.

        Raises ValueError unless both are of this mapper's schema and not the same batch.
        """
        if samples.schema is not self.schema or out.schema is not self.schema:
            raise ValueError("the batches are not of the mapper's schema")
        if samples is out:
            raise ValueError("a batch cannot be mapped into itself")
        cdef bint has_memory
        self.notice_count = 0
        with nogil:
            has_memory = self._run(samples, out)
        if not has_memory:
            raise MemoryError

    def notices(self):
        """The pages that went missing or came back in the last batch, in the order of the rows."""
        cdef size_t number
        cdef Notice* one
        found = []
        for number in range(self.notice_count):
            one = &self.noticed[number]
            found.append(PageNotice(one.row, one.time_ns, one.channel, one.cycle, one.page, one.is_missing != 0))
        return found

    def missing(self, Py_ssize_t channel):
        """The pages that are missing on `channel`, or have not come yet where others have, as (cycle, page)."""
        cdef Py_ssize_t number
        cdef uint32_t page
        cdef Channel* bound
        cdef Bus* bus
        cdef Cycle* cycle
        cdef Page* pages
        if not 0 <= channel < self.channel_count or self.channels[channel].bus < 0:
            return []
        bound = &self.channels[channel]
        bus = &self.table.buses[bound.bus]
        found = []
        for number in range(bus.cycle_count):
            cycle = &self.table.cycles[bus.first_cycle + number]
            pages = bound.pages + cycle.first_page
            for page in range(cycle.page_count if bound.cycles[number].number else 0):
                if pages[page].is_missing or (pages[page].came == 0 and cycle.page_count > 1):
                    found.append((number, page))
        return found

    def made(self):
        """How many rows of each measurement were made so far."""
        return {spec.measurement: self.made_rows[number] for number, spec in enumerate(self.spec.records)}

    cdef bint _run(self, SampleBatch samples, SampleBatch out) noexcept nogil:
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
            message = self.table.buses[channel.bus].message_of_record[head.record]
            if message < 0 or reports_fault(self.schema, row, self.table.messages[message].protection):
                continue
            if not out.append_rows(samples.words + run_begin, at - run_begin, run_rows):
                return False
            run_begin = at
            run_rows = 0
            while message >= 0:
                if is_of_sender(head, self.table.messages[message].sender):
                    if not self._map_row(row, channel, &self.table.messages[message], out):
                        return False
                message = self.table.messages[message].next
        return out.append_rows(samples.words + run_begin, at - run_begin, run_rows)

    cdef bint _map_row(self, const uint64_t* row, Channel* channel, const Message* message,
                       SampleBatch out) noexcept nogil:
        cdef uint32_t end = message.first_output + message.output_count
        cdef const Output* output
        cdef const Output* derived
        cdef Spread spread
        cdef uint32_t number
        if (<const RowHead*>row).id & ROW_NEW_SENDER and message.sender < 0:
            self._change_sender(channel, message)
        memset(&spread, 0, sizeof(Spread))
        for number in range(message.first_output, end):
            output = &self.table.outputs[number]
            if output.cycle >= 0:
                derived = output + 1 if number + 1 < end and output[1].cycle < 0 else NULL
                if not self._take_pages(row, channel, output, derived, &spread, out):
                    return False
            else:
                # A pack's plain output comes right behind that of its cells.
                if not self._write_plain(row, channel, output, &spread, out):
                    return False
                memset(&spread, 0, sizeof(Spread))
        return True

    cdef void _change_sender(self, Channel* channel, const Message* message) noexcept nogil:
        """Forget what another device told of the message's targets. What was counted stays."""
        cdef const Output* output
        cdef uint32_t number
        for number in range(message.first_output, message.first_output + message.output_count):
            output = &self.table.outputs[number]
            memset(&channel.powers[output.target], 0, sizeof(PowerState))
            channel.powers[output.target].is_changed = True
            channel.counters[output.target].charge.is_known = False
            channel.counters[output.target].energy.is_known = False
            if output.cycle >= 0:
                channel.cycles[output.cycle].is_cut = True
                channel.cycles[output.cycle].fitted = 0

    cdef uint64_t* _begin_row(self, const RowHead* head, Channel* channel, const Target* target,
                              SampleBatch out) noexcept nogil:
        cdef uint64_t* made = out.add_row(target.record)
        if made == NULL:
            return NULL
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
        """Fill `parts_there` with the numbers of those parts of `output` that are in the row; how many."""
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

    cdef bint _write_plain(self, const uint64_t* row, Channel* channel, const Output* output,
                           const Spread* spread, SampleBatch out) noexcept nogil:
        cdef bint has_spread = spread.has_cells or spread.has_temperatures
        if output.part_count == 0 and not has_spread:
            return True
        cdef const Target* target = &self.table.targets[output.target]
        cdef uint64_t* made = self._begin_row(<const RowHead*>row, channel, target, out)
        if made == NULL:
            return False
        cdef const uint64_t* raw = slots_of(self.schema, row)
        cdef uint32_t mask_words = self.schema.records[target.record].mask_words
        cdef const Part* part
        cdef const Slot* slot
        cdef const Word* word
        cdef uint32_t part_number, slot_number
        cdef double value
        for part_number in range(self._find_parts(row, output)):
            part = &self.table.parts[output.first_part + self.parts_there[part_number]]
            for slot_number in range(part.first_slot, part.first_slot + part.slot_count):
                slot = &self.table.slots[slot_number]
                if not has_field(row, slot.source):
                    continue
                if slot.word_count:
                    word = find_word(slot, self.table.words, raw[slot.source])
                    if word != NULL and not word.is_absent:
                        set_word(made, mask_words, slot.target, word.slot)
                    if word != NULL or slot.is_text:
                        continue
                value = mapped_value(slot, raw[slot.source])
                if not isfinite(value):
                    continue
                if slot.is_flag:
                    set_word(made, mask_words, slot.target, value != 0)
                else:
                    set_double(made, mask_words, slot.target, value)
        self._derive(made, target, &channel.powers[output.target])
        if target.is_counted:
            self._count(made, target, &channel.counters[output.target],
                        self.table.buses[channel.bus].count_gap_ns)
        if has_spread:
            self._write_spread(made, target, spread)
        self._end_row(made, target, out)
        return True

    cdef void _derive(self, uint64_t* made, const Target* target, PowerState* state) noexcept nogil:
        cdef uint32_t mask_words = self.schema.records[target.record].mask_words
        cdef int64_t time_ns = (<RowHead*>made).time_ns
        cdef bint has_voltage = target.voltage >= 0 and has_field(made, target.voltage)
        cdef bint has_current = target.current >= 0 and has_field(made, target.current)
        cdef double power
        if has_voltage:
            state.voltage = Reading(get_double(made, mask_words, target.voltage), time_ns, True)
        if has_current:
            state.current = Reading(get_double(made, mask_words, target.current), time_ns, True)
            if target.charging >= 0:
                set_word(made, mask_words, target.charging, state.current.value > self.threshold_a)
            if target.discharging >= 0:
                set_word(made, mask_words, target.discharging, state.current.value < -self.threshold_a)
        if target.power < 0 or not (has_voltage or has_current):
            return
        if self._is_recent(&state.voltage, time_ns) and self._is_recent(&state.current, time_ns):
            power = rounded(state.voltage.value * state.current.value, target.power_unit)
            if isfinite(power):
                set_double(made, mask_words, target.power, power)

    cdef void _count(self, uint64_t* made, const Target* target, Counters* counters,
                     uint64_t gap_ns) noexcept nogil:
        """Count what the row tells of current and power, and tell the sums once a second."""
        cdef uint32_t mask_words = self.schema.records[target.record].mask_words
        cdef int64_t time_ns = (<RowHead*>made).time_ns
        cdef bint has_current = target.counted_current >= 0 and has_field(made, target.counted_current)
        cdef bint has_power = target.counted_power >= 0 and has_field(made, target.counted_power)
        if has_current:
            take_reading(&counters.charge, get_double(made, mask_words, target.counted_current), time_ns, gap_ns)
        if has_power:
            take_reading(&counters.energy, get_double(made, mask_words, target.counted_power), time_ns, gap_ns)
        if not (has_current or has_power) or not begins_second(counters, time_ns):
            return
        if target.charged_ah >= 0 and counters.charge.is_known:
            set_double(made, mask_words, target.charged_ah, in_hours(counters.charge.into_s))
        if target.discharged_ah >= 0 and counters.charge.is_known:
            set_double(made, mask_words, target.discharged_ah, in_hours(counters.charge.out_of_s))
        if target.charged_wh >= 0 and counters.energy.is_known:
            set_double(made, mask_words, target.charged_wh, in_hours(counters.energy.into_s))
        if target.discharged_wh >= 0 and counters.energy.is_known:
            set_double(made, mask_words, target.discharged_wh, in_hours(counters.energy.out_of_s))

    cdef bint _is_recent(self, const Reading* reading, int64_t time_ns) noexcept nogil:
        return (reading.is_known and reading.time_ns <= time_ns
                and passed(reading.time_ns, time_ns) <= self.input_age_ns)

    cdef void _write_spread(self, uint64_t* made, const Target* target, const Spread* spread) noexcept nogil:
        cdef uint32_t mask_words = self.schema.records[target.record].mask_words
        if spread.has_cells:
            if target.cell_min >= 0:
                set_double(made, mask_words, target.cell_min, spread.cell_min)
            if target.cell_max >= 0:
                set_double(made, mask_words, target.cell_max, spread.cell_max)
            if target.cell_delta >= 0:
                set_double(made, mask_words, target.cell_delta,
                           rounded(spread.cell_max - spread.cell_min, target.delta_unit))
            if target.cell_min_index >= 0:
                set_double(made, mask_words, target.cell_min_index, spread.cell_min_index)
            if target.cell_max_index >= 0:
                set_double(made, mask_words, target.cell_max_index, spread.cell_max_index)
        if spread.has_temperatures:
            if target.temp_min >= 0:
                set_double(made, mask_words, target.temp_min, spread.temp_min)
            if target.temp_max >= 0:
                set_double(made, mask_words, target.temp_max, spread.temp_max)

    cdef bint _take_pages(self, const uint64_t* row, Channel* channel, const Output* output,
                          const Output* derived, Spread* spread, SampleBatch out) noexcept nogil:
        """Put the row's pages into their cycle, and write the readings that are complete now."""
        cdef const Cycle* cycle = &self.table.cycles[self.table.buses[channel.bus].first_cycle + output.cycle]
        cdef CycleState* state = &channel.cycles[output.cycle]
        cdef Page* pages = channel.pages + cycle.first_page
        cdef uint32_t count = self._find_parts(row, output)
        cdef uint32_t number
        cdef uint8_t found
        if count == 0:
            return True
        found = self._place_row(row, state, pages, cycle, output, count)
        self.incomplete_cycles += (found & GIVEN_UP) != 0
        if found & HELD_READING and not self._write_held(channel, output, derived, out):
            return False
        for number in range(count):
            self._take_values(row, channel, cycle, &self.table.parts[output.first_part + self.parts_there[number]],
                              state.number)
        if found & READING and not self._write_cells(<const RowHead*>row, channel, output, state.begin, spread, out):
            return False
        return not found & NEWS or self._note(<const RowHead*>row, output.cycle, pages, cycle.page_count,
                                              out.rows - 1)

    cdef uint8_t _place_row(self, const uint64_t* row, CycleState* state, Page* pages, const Cycle* cycle,
                            const Output* output, uint32_t count) noexcept nogil:
        """What the row with these parts means for its cycle, as bits of Found."""
        cdef uint32_t number
        if cycle.page_count == 1:  # each row is a reading
            state.number += 1
            state.begin = state.number
            return READING
        for number in range(count):
            self.pages_there[number] = output.first_page + self.parts_there[number]
        return take_row(state, pages, self.table.ranks + cycle.first_rank, cycle.page_count, self.pages_there,
                        count, <const RowHead*>row, self.cycle_gap_ns)

    cdef void _take_values(self, const uint64_t* row, Channel* channel, const Cycle* cycle,
                           const Part* part, uint64_t row_number) noexcept nogil:
        cdef const uint64_t* raw = slots_of(self.schema, row)
        cdef const Slot* slot
        cdef uint32_t number
        cdef double value
        for number in range(part.first_slot, part.first_slot + part.slot_count):
            slot = &self.table.slots[number]
            if not has_field(row, slot.source):
                continue
            if slot.word_count and find_word(slot, self.table.words, raw[slot.source]) != NULL:
                continue  # absent: cells have no texts
            value = mapped_value(slot, raw[slot.source])
            if isfinite(value):
                channel.values[cycle.first_value + slot.target] = value
                channel.told[cycle.first_value + slot.target] = row_number

    cdef bint _write_cells(self, const RowHead* head, Channel* channel, const Output* output, uint64_t begin,
                           Spread* spread, SampleBatch out) noexcept nogil:
        """The row of a completed cycle, which began with the row `begin`, and its extremes."""
        cdef const Cycle* cycle = &self.table.cycles[self.table.buses[channel.bus].first_cycle + output.cycle]
        cdef CycleState* state = &channel.cycles[output.cycle]
        cdef const Target* target = &self.table.targets[output.target]
        cdef const double* values = channel.values + cycle.first_value
        cdef const uint64_t* told = channel.told + cycle.first_value
        cdef uint32_t mask_words = self.schema.records[target.record].mask_words
        cdef uint64_t* made = self._begin_row(head, channel, target, out)
        cdef uint32_t field
        if made == NULL:
            return False
        for field in range(state.fitted, target.cell_count):
            if told[field] >= begin and values[field] != 0:
                state.fitted = field + 1
        for field in range(cycle.value_count):
            if told[field] < begin:
                continue
            if field >= target.cell_count:
                note_temperature(spread, values[field])
            elif field < state.fitted:
                note_cell(spread, field + 1, values[field])
            else:
                continue  # a zero past the last fitted cell
            set_double(made, mask_words, field, values[field])
        self._end_row(made, target, out)
        return True

    cdef bint _write_held(self, Channel* channel, const Output* output, const Output* derived,
                          SampleBatch out) noexcept nogil:
        """The rows of the reading that was held, with the head of the row that completed it."""
        cdef const CycleState* state = &channel.cycles[output.cycle]
        cdef const Target* target
        cdef uint64_t* made
        cdef Spread spread
        memset(&spread, 0, sizeof(Spread))
        if not self._write_cells(&state.held, channel, output, state.held_begin, &spread, out):
            return False
        if derived == NULL or not (spread.has_cells or spread.has_temperatures):
            return True
        target = &self.table.targets[derived.target]
        made = self._begin_row(&state.held, channel, target, out)
        if made == NULL:
            return False
        self._write_spread(made, target, &spread)
        self._end_row(made, target, out)
        return True

    cdef bint _note(self, const RowHead* head, uint32_t cycle, Page* pages, uint32_t page_count,
                    Py_ssize_t row) noexcept nogil:
        """Note what the row has said of pages; false without memory."""
        cdef size_t room = 2 * self.notice_room + 16
        cdef Notice* grown
        cdef uint32_t page
        for page in range(page_count):
            if pages[page].news == NO_NEWS:
                continue
            if self.notice_count == self.notice_room:
                grown = <Notice*>realloc(self.noticed, room * sizeof(Notice))
                if grown == NULL:
                    return False
                self.noticed = grown
                self.notice_room = room
                room *= 2
            self.noticed[self.notice_count] = Notice(row, head.time_ns, cycle, page, head.channel,
                                                     pages[page].news == PAGE_MISSING)
            self.notice_count += 1
            pages[page].news = NO_NEWS
        return True


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
