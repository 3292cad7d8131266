"""A MapSpec, packed: flat arrays for the mapper's loop.

Promises:
- Every index in it was checked against the schema and the other arrays, so the loop need not check.
- The arrays never move.
Raises ValueError when a MapSpec does not belong to its schema.
"""

cimport cython
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free

from telemetry_core.memory cimport zeroed
from telemetry_core.rows.schema cimport SLOT_BOOL, SLOT_TEXT, Record, Schema

from telemetry_core.rules.map_spec import ABSENT, CountRule, FlowRule, PowerRule, SpreadRule

cdef enum:
    NONE = -1                    # ABSENT, for C

_WORD = (1 << 64) - 1


cdef uint32_t _index(value, Py_ssize_t count, what) except? 0xFFFFFFFF:
    if not 0 <= value < count:
        raise ValueError(f"{what} {value} is not one of {count}")
    return value


cdef int32_t _optional(value, Py_ssize_t count, what) except? -2:
    return NONE if value == ABSENT else <int32_t>_index(value, count, what)


cdef object _pack_target(Target* target, Schema schema, spec, Py_ssize_t tag_set_count):
    target.record = _index(spec.record, schema.record_count, "record")
    target.tag_set = <uint16_t>_index(spec.tag_set, tag_set_count, "tag set")
    cdef Py_ssize_t fields = schema.records[target.record].field_count
    if not 0 <= spec.cell_count <= fields:
        raise ValueError(f"{spec.cell_count} cells in a record of {fields} fields")
    target.cell_count = spec.cell_count
    target.spread_to = NONE
    power = spec.power or PowerRule(ABSENT, ABSENT, ABSENT, ABSENT)
    flow = spec.flow or FlowRule(power.current, ABSENT, ABSENT)
    spread = spec.spread or SpreadRule(*[ABSENT] * 9)
    count = spec.count or CountRule(*[ABSENT] * 6)
    target.voltage = _optional(power.voltage, fields, "field")
    target.current = _optional(flow.current, fields, "field")
    target.power = _optional(power.power, fields, "field")
    target.charging = _optional(flow.charging, fields, "field")
    target.discharging = _optional(flow.discharging, fields, "field")
    target.cell_min = _optional(spread.cell_min, fields, "field")
    target.cell_max = _optional(spread.cell_max, fields, "field")
    target.cell_delta = _optional(spread.cell_delta, fields, "field")
    target.cell_min_index = _optional(spread.cell_min_index, fields, "field")
    target.cell_max_index = _optional(spread.cell_max_index, fields, "field")
    target.temp_min = _optional(spread.temp_min, fields, "field")
    target.temp_max = _optional(spread.temp_max, fields, "field")
    target.counted_current = _optional(count.current, fields, "field")
    target.counted_power = _optional(count.power, fields, "field")
    target.charged_ah = _optional(count.charged_ah, fields, "field")
    target.discharged_ah = _optional(count.discharged_ah, fields, "field")
    target.charged_wh = _optional(count.charged_wh, fields, "field")
    target.discharged_wh = _optional(count.discharged_wh, fields, "field")
    target.is_counted = spec.count is not None
    target.power_unit = 0.0 if power.decimals == ABSENT else 10.0 ** power.decimals
    target.delta_unit = 0.0 if spread.delta_decimals == ABSENT else 10.0 ** spread.delta_decimals


@cython.final
cdef class MapTable:
    """Made of a MapSpec; `schema` is of the plan's records and the map's."""

    def __cinit__(self, Schema schema not None, spec):
        if schema.specs[spec.first_record:] != spec.records:
            raise ValueError("the schema is not that of the plan and the map")
        messages = [message for bus in spec.buses for message in bus.messages]
        outputs = [output for message in messages for output in message.outputs]
        parts = [part for output in outputs for part in output.parts]
        self.tag_set_count = len(spec.tag_sets)
        self.buses = <Bus*>zeroed(len(spec.buses), sizeof(Bus))
        self.bus_count = len(spec.buses)
        self.targets = <Target*>zeroed(len(spec.targets), sizeof(Target))
        self.target_count = len(spec.targets)
        self.cycles = <Cycle*>zeroed(sum(len(bus.cycles) for bus in spec.buses), sizeof(Cycle))
        pages = sum(cycle.page_count for bus in spec.buses for cycle in bus.cycles)
        self.ranks = <uint32_t*>zeroed(pages, sizeof(uint32_t))
        self.optional = <uint8_t*>zeroed(pages, sizeof(uint8_t))
        self.messages = <Message*>zeroed(len(messages), sizeof(Message))
        self.outputs = <Output*>zeroed(len(outputs), sizeof(Output))
        self.parts = <Part*>zeroed(len(parts), sizeof(Part))
        self.ranges = <Range*>zeroed(sum(len(part.ranges) for part in parts), sizeof(Range))
        self.selected = <uint32_t*>zeroed(sum(len(part.selected) for part in parts), sizeof(uint32_t))
        slots = [slot for part in parts for slot in part.slots]
        self.slots = <Slot*>zeroed(len(slots), sizeof(Slot))
        self.words = <Word*>zeroed(sum(len(slot.absent) + len(slot.words) for slot in slots), sizeof(Word))
        self.references = <Reference*>zeroed(sum(len(bus.references) for bus in spec.buses), sizeof(Reference))
        for number, target in enumerate(spec.targets):
            _pack_target(&self.targets[number], schema, target, self.tag_set_count)
        for number, target in enumerate(spec.targets):
            if target.spread is not None:
                self.targets[_index(target.spread.cells, self.target_count, "target")].spread_to = number
        self._pack_origins(outputs)
        for number, bus in enumerate(spec.buses):
            self._pack_bus(schema, &self.buses[number], bus)

    def __dealloc__(self):
        cdef Py_ssize_t number
        for number in range(self.bus_count):
            free(self.buses[number].message_of_record)
        free(self.buses)
        free(self.references)
        free(self.targets)
        free(self.cycles)
        free(self.ranks)
        free(self.optional)
        free(self.messages)
        free(self.outputs)
        free(self.parts)
        free(self.ranges)
        free(self.selected)
        free(self.slots)
        free(self.words)

    cdef object _pack_origins(self, outputs):
        """Number the origins of fields with several ranks: those of a target together, those of a field by rank."""
        ranks = {}
        for output in outputs:
            for slot in (slot for part in output.parts for slot in part.slots if slot.rank != ABSENT):
                ranks.setdefault((_index(output.target, self.target_count, "target"), slot.target), set()).add(slot.rank)
        self.origins = {}
        cdef Target* target
        for key in sorted(key for key, of_field in ranks.items() if len(of_field) > 1):
            target = &self.targets[<Py_ssize_t>key[0]]
            if target.origin_count == 0:
                target.first_origin = <uint32_t>self.origin_count
            self.origins[key] = self.origin_count, sorted(ranks[key])
            target.origin_count += len(ranks[key])
            self.origin_count += len(ranks[key])

    cdef object _pack_bus(self, Schema schema, Bus* bus, spec):
        bus.first_cycle = <uint32_t>self.cycle_count
        bus.count_gap_ns = spec.count_gap_ns
        bus.first_reference = <uint32_t>self.reference_count
        bus.reference_count = len(spec.references)
        for record, field in spec.references:
            self.references[self.reference_count].record = _index(record, schema.record_count, "record")
            self.references[self.reference_count].field = _index(
                field, schema.records[<size_t>record].field_count, "field")
            self.reference_count += 1
        for cycle_spec in spec.cycles:
            self._pack_cycle(schema, bus, cycle_spec)
        bus.message_of_record = <int32_t*>zeroed(schema.record_count, sizeof(int32_t))
        for record in range(schema.record_count):
            bus.message_of_record[record] = NONE
        for message in spec.messages:
            self._chain_message(bus, _index(message.record, schema.record_count, "record"))
            self.messages[self.message_count].sender = _optional(message.sender, 256, "sender")
            self.messages[self.message_count].sender_mask = message.sender_mask
            self.messages[self.message_count].next = NONE
            self.messages[self.message_count].first_output = <uint32_t>self.output_count
            self.messages[self.message_count].output_count = len(message.outputs)
            self.messages[self.message_count].protection = _optional(
                message.protection, schema.records[<size_t>message.record].field_count, "field")
            self.message_count += 1
            for output in message.outputs:
                self._pack_output(schema, bus, message.record, output)

    cdef object _chain_message(self, Bus* bus, Py_ssize_t record):
        """Chain the message that is packed next after the others of its record."""
        cdef int32_t* last = &bus.message_of_record[record]
        while last[0] != NONE:
            last = &self.messages[last[0]].next
        last[0] = <int32_t>self.message_count

    cdef object _pack_cycle(self, Schema schema, Bus* bus, spec):
        cdef Cycle* cycle = &self.cycles[self.cycle_count]
        cycle.target = _index(spec.target, self.target_count, "target")
        cycle.page_count = spec.page_count
        cycle.within_ns = spec.within_ns
        cycle.value_count = schema.records[self.targets[cycle.target].record].field_count
        cycle.first_page = bus.page_count
        cycle.first_rank = <uint32_t>self.rank_count
        for page in spec.optional:
            self.optional[cycle.first_rank + _index(page, cycle.page_count, "page")] = True
        self.rank_count += cycle.page_count
        cycle.first_value = bus.value_count
        bus.page_count += cycle.page_count
        bus.value_count += cycle.value_count
        bus.cycle_count += 1
        self.cycle_count += 1

    cdef object _pack_output(self, Schema schema, Bus* bus, record, spec):
        cdef Output* output = &self.outputs[self.output_count]
        self.output_count += 1
        output.target = _index(spec.target, self.target_count, "target")
        output.cycle = _optional(spec.cycle, bus.cycle_count, "cycle")
        output.first_page = spec.first_page
        output.first_part = <uint32_t>self.part_count
        output.part_count = len(spec.parts)
        cdef Cycle* cycle
        if output.cycle != NONE:
            cycle = &self.cycles[bus.first_cycle + output.cycle]
            if cycle.target != output.target or output.first_page + output.part_count > cycle.page_count:
                raise ValueError(f"the pages of target {output.target} do not fit its cycle")
        for number, part in enumerate(spec.parts):
            if output.cycle != NONE:
                self.ranks[cycle.first_rank + output.first_page + <uint32_t>number] = min(
                    (slot.target for slot in part.slots), default=0)
            self._pack_part(schema, bus, record, spec.target, part)

    cdef object _pack_part(self, Schema schema, Bus* bus, record, target, spec):
        cdef Part* part = &self.parts[self.part_count]
        self.part_count += 1
        cdef Record* layout = &schema.records[record]
        part.selector = _optional(spec.selector, layout.field_count, "field")
        if part.selector != NONE:
            part.is_signed = schema.fields[layout.first_field + part.selector].kind == SLOT_INT
        part.first_range = <uint32_t>self.range_count
        part.range_count = len(spec.ranges)
        for low, high in spec.ranges:
            self.ranges[self.range_count].low = <uint64_t>(low & _WORD)
            self.ranges[self.range_count].high = <uint64_t>(high & _WORD)
            self.range_count += 1
        part.first_selected = <uint32_t>self.selected_count
        part.selected_count = len(spec.selected)
        for field in spec.selected:
            self.selected[self.selected_count] = _index(field, layout.field_count, "field")
            self.selected_count += 1
        part.first_slot = <uint32_t>self.slot_count
        part.slot_count = len(spec.slots)
        for slot in spec.slots:
            self._pack_slot(schema, bus, layout, target, slot)

    cdef object _pack_slot(self, Schema schema, Bus* bus, Record* source, number, spec):
        cdef Slot* slot = &self.slots[self.slot_count]
        cdef Record* target = &schema.records[self.targets[<Py_ssize_t>number].record]
        self.slot_count += 1
        slot.source = _index(spec.source, source.field_count, "field")
        slot.target = _index(spec.target, target.field_count, "field")
        if spec.rank != ABSENT and (number, spec.target) in self.origins:
            slot.first_origin, ranks = self.origins[number, spec.target]
            slot.origin = slot.first_origin + <uint32_t>ranks.index(spec.rank)
            slot.is_ranked = True
        slot.kind = schema.fields[source.first_field + slot.source].kind
        slot.is_flag = schema.fields[target.first_field + slot.target].kind == SLOT_BOOL
        slot.per = _optional(spec.per, bus.reference_count, "reference")
        slot.factor = spec.factor
        slot.offset = spec.offset
        if spec.scale is not None:
            slot.decimal = 1
            slot.multiplier = spec.scale.multiplier
            slot.bias = spec.scale.bias
            slot.divisor = 10.0 ** spec.scale.decimals
        slot.is_text = schema.fields[target.first_field + slot.target].kind == SLOT_TEXT
        if bool(spec.words) != slot.is_text:
            raise ValueError("words are for texts, and texts need them")
        slot.first_word = <uint32_t>self.word_count
        slot.word_count = len(spec.absent) + len(spec.words)
        for raw, word in (*((raw, None) for raw in spec.absent), *spec.words):  # the first that fits wins
            self.words[self.word_count].raw = <uint64_t>(raw & _WORD)
            self.words[self.word_count].is_absent = word is None
            self.words[self.word_count].slot = 0 if word is None else word
            self.word_count += 1
