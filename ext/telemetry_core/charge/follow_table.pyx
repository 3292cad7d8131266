"""FollowSpecs and PowerSpecs, packed: flat arrays for the follower's loop.

Promises:
- Every index in it was checked against the schema, so the loop need not check.
- The arrays never move.
Raises ValueError when a spec does not fit its schema.
"""

cimport cython
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free

from telemetry_core.memory cimport zeroed
from telemetry_core.rows.schema cimport HEAD_WORDS, Schema

from telemetry_core.charge.follow_spec import PowerSpec, SignKind, Reporting

_WORD = (1 << 64) - 1
_SIDES = {"battery": VEHICLE, "cells": VEHICLE, "charger": CHARGER, "meter": METER}


cdef dict _fields(Schema schema, record):
    return {field.name: place for place, field in enumerate(schema.specs[record].fields)}


cdef tuple _range(dict fields, names):
    """Return the first of these fields, and how many there are up to the last."""
    places = [fields[name] for name in names]
    return (places[0], max(places) - places[0] + 1) if places else (0, 0)


cdef Place _place(uint32_t mask_words, field):
    """Where a field is in the rows of its record; nowhere if it is absent."""
    if field is None or field < 0:
        return Place(0, 0)
    if field >= 64:
        raise ValueError(f"field {field} is not one of the first 64")
    return Place(<uint64_t>1 << <uint32_t>field, HEAD_WORDS + mask_words + <uint32_t>field)


@cython.final
cdef class FollowTable:
    """`specs` of a follower, packed for rows of `schema`. Raises ValueError when one does not fit it."""

    def __cinit__(self, Schema schema not None, tuple specs not None):
        cdef Py_ssize_t number
        self.visits = <Visit*>zeroed(schema.record_count, sizeof(Visit))
        self.quantities = <Quantities**>zeroed(schema.record_count, sizeof(Quantities*))
        self.record_count = schema.record_count
        self.no_records = self._new_records()
        self.specs = <Spec*>zeroed(len(specs), sizeof(Spec))
        self.spec_count = len(specs)
        for number in range(schema.record_count):
            self.visits[number].row_words = schema.records[number].row_words
            spec = schema.specs[number]
            if spec.modelled and spec.measurement in _SIDES:
                self.visits[number].kind = CELLS if spec.measurement == "cells" else READING
                self.quantities[number] = <Quantities*>zeroed(1, sizeof(Quantities))
                self._find_quantities(self.quantities[number], schema.records[number].mask_words, spec)
        for number in range(self.spec_count):
            self._pack(schema, &self.specs[number], specs[number])

    def __dealloc__(self):
        cdef Py_ssize_t number, record
        for number in range(self.spec_count):
            if self.specs[number].records != NULL:
                for record in range(self.record_count):
                    if self.specs[number].records[record] != &self.nothing:
                        free(self.specs[number].records[record])
            free(self.specs[number].records)
            free(self.specs[number].signs)
            free(self.specs[number].deadlines)
        free(self.specs)
        for number in range(self.record_count):
            free(self.quantities[number])
        free(self.visits)
        free(self.quantities)
        free(self.no_records)

    cdef Followed** _new_records(self) except NULL:
        cdef Followed** records = <Followed**>zeroed(self.record_count, sizeof(Followed*))
        cdef Py_ssize_t number
        for number in range(self.record_count):
            records[number] = &self.nothing
        return records

    cdef object _find_quantities(self, Quantities* found, uint32_t mask_words, spec):
        places = {field.name: place for place, field in enumerate(spec.fields)}
        found.mask_words = mask_words
        found.side = _SIDES[spec.measurement]
        found.voltage = _place(mask_words, places.get("voltage_v"))
        found.current = _place(mask_words, places.get("current_a"))
        found.power = _place(mask_words, places.get("power_w"))
        found.requested_v = _place(mask_words, places.get("requested_voltage_v"))
        found.requested_a = _place(mask_words, places.get("requested_current_a"))
        found.discharge_a = _place(mask_words, places.get("discharge_current_a"))
        found.soc = _place(mask_words, places.get("soc_pct"))
        found.temp_max = _place(mask_words, places.get("temp_max_c"))
        found.cell_max = _place(mask_words, places.get("cell_max_v"))
        found.cell_min = _place(mask_words, places.get("cell_min_v"))
        cells = [place for name, place in places.items() if spec.measurement == "cells" and name[0] == "v"]
        found.first_cell = min(cells, default=0)
        found.cell_count = len(cells)
        found.electrical = found.voltage.bit | found.current.bit | found.power.bit
        found.whole = found.electrical
        if not found.power.bit or not found.power.word - 1 == found.current.word == found.voltage.word + 1:
            found.whole = <uint64_t>_WORD
        found.requested = found.requested_v.bit | found.requested_a.bit
        found.rare = found.cell_min.bit | found.discharge_a.bit
        found.others = found.soc.bit | found.temp_max.bit | found.cell_max.bit | found.rare
        found.all_fields = found.electrical | found.requested | found.others

    cdef object _pack(self, Schema schema, Spec* spec, given):
        spec.gap_ns = given.gap_ns
        if isinstance(given, PowerSpec):
            spec.side = given.side
            spec.starts_above_w = given.starts_above_w
            spec.starts_after_ns = given.starts_after_ns
            spec.ends_after_ns = given.ends_after_ns
            return
        spec.silence_ns = given.silence_ns
        spec.reconnect_ns = given.reconnect_ns
        spec.same_error_ns = given.same_error_ns
        slots = given.slots()
        if len(slots) > SLOTS or len(given.deadlines) > 32 or len(given.reported) > REPORTED:
            raise ValueError(f"{given.name} has more deadlines or reported records than there is room for")
        cdef Followed* followed
        cdef uint32_t count = 0
        cdef Py_ssize_t number
        spec.records = self._new_records()
        spec.signs = <PackedSign*>zeroed(len(given.signs), sizeof(PackedSign))
        records = given.records
        ordered = []
        for place, sign in enumerate(given.signs):
            ordered.append((records[sign.message], place, sign))
        for record, place, sign in sorted(ordered):
            if not 0 <= record < schema.record_count:
                raise ValueError(f"{sign.name}: record {record} is not one of {schema.record_count}")
            followed = self._followed(schema, spec, record)
            try:
                self._pack_sign(&spec.signs[count], place, sign, slots, _fields(schema, record))
            except KeyError as error:
                raise ValueError(f"{sign.name}: {sign.message} has no signal {error}") from error
            for number, deadline in enumerate(given.deadlines):
                if deadline.is_periodic and deadline.awaited == sign.name:
                    spec.signs[count].redeems |= <uint32_t>1 << <uint32_t>number
            spec.periodic |= spec.signs[count].redeems
            if sign.name in slots and sign.kind == SignKind.BEGIN:
                spec.begins[<size_t>slots[sign.name]] = True
            if followed.sign_count == 0:
                followed.first_sign = count
            followed.sign_count += 1
            self.visits[<size_t>record].kind = MESSAGE
            count += 1
        self._pack_deadlines(spec, given, slots)
        if given.minutes is not None:
            record = records[given.minutes[0]]
            followed = self._followed(schema, spec, record)
            followed.minutes = _place(followed.mask_words, _fields(schema, record)[given.minutes[1]])
        for place, (message, reporting) in enumerate(given.reported.items()):
            followed = self._followed(schema, spec, records[message])
            followed.report_slot = place
            followed.reports_once = reporting == Reporting.ONCE
        for number in range(schema.record_count):
            _find_plain(spec, spec.records[number])

    cdef Followed* _followed(self, Schema schema, Spec* spec, record) except NULL:
        cdef size_t number = record
        cdef Followed* followed = spec.records[number]
        if followed == &self.nothing:
            followed = spec.records[number] = <Followed*>zeroed(1, sizeof(Followed))
            followed.report_slot = -1
            followed.mask_words = schema.records[number].mask_words
            followed.field_count = schema.records[number].field_count
        return followed

    cdef object _pack_sign(self, PackedSign* packed, place, sign, slots, fields):
        packed.number = place
        packed.side = sign.side
        packed.phase = sign.phase
        packed.kind = sign.kind
        packed.field, packed.value = -1, 0
        if sign.when is not None:
            packed.field, packed.value = fields[sign.when[0]], <uint64_t>(sign.when[1] & _WORD)
        packed.lacks = fields[sign.lacks] if sign.lacks else -1
        packed.first_zero, packed.zero_count = _range(fields, sign.zeros)
        packed.first_reason, packed.reason_count = _range(fields, sign.reasons)
        if packed.reason_count > 64:
            raise ValueError(f"{sign.name}: its reasons lie further apart than 64 fields")
        packed.reason_mask = sum(1 << fields[name] - packed.first_reason for name in sign.reasons)
        packed.from_phase = sign.from_phase
        packed.to_phase = sign.to_phase
        packed.unless = slots[sign.unless] if sign.unless else -1
        packed.after = slots[sign.after] if sign.after else -1
        packed.slot = slots.get(sign.name, SLOTS)

    cdef object _pack_deadlines(self, Spec* spec, given, slots):
        cdef Py_ssize_t phase
        spec.deadlines = <PackedDeadline*>zeroed(len(given.deadlines), sizeof(PackedDeadline))
        for place, deadline in enumerate(given.deadlines):
            spec.deadlines[<size_t>place] = PackedDeadline(
                deadline.limit_ns, slots[deadline.awaited], slots[deadline.since] if deadline.since else -1,
                deadline.is_periodic, deadline.once_heard)
            for phase in range(PHASES):
                if deadline.first_phase <= phase <= deadline.last_phase:
                    spec.due_in[phase] |= <uint32_t>1 << <uint32_t>place


cdef object _find_plain(const Spec* spec, Followed* followed):
    """Find out whether most rows of a record only say that the phase goes on."""
    cdef const PackedSign* sign = &spec.signs[followed.first_sign]
    cdef bint shows_edition = False
    cdef uint32_t number
    if followed.sign_count == 0 or followed.report_slot >= 0 or sign.kind != SIGN_HEARD or sign.field >= 0:
        return
    if sign.lacks >= 0 or sign.zero_count or not (sign.slot == SLOTS or sign.redeems):
        return
    for number in range(followed.sign_count):
        if sign[number].after >= 0 or sign[number].unless >= 0 and sign[number].kind != SIGN_OLD:
            return
        if sign[number].from_phase != PHASE_NONE or sign[number].to_phase != PHASE_ENDED:
            return
        if number == 0:
            continue
        if sign[number].slot != SLOTS or sign[number].phase != PHASE_NONE:
            return
        if sign[number].kind == SIGN_PAUSE and not followed.pausing.bit and 0 <= sign[number].field < 64:
            followed.pausing = _place(followed.mask_words, sign[number].field)
            followed.pausing_value = sign[number].value
        elif sign[number].kind == SIGN_OLD or sign[number].kind == SIGN_NEW:
            shows_edition = True
        elif sign[number].kind != SIGN_RESUME:
            return
    followed.plain = plain_bit(sign.phase, shows_edition)
    followed.plain_slot = sign.slot
    followed.is_bare = not (followed.minutes.bit or followed.pausing.bit)
