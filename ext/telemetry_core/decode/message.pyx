"""One message of a decode plan: its signals checked, then packed so that they are taken without a question.

All arithmetic that does not depend on a payload is done here. A spec that makes no sense (a bit count of 0, a signal
past the longest payload, conditions in a circle) raises a ValueError that names the message.
"""

import struct

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rows.schema cimport MOST_CHARACTERS, Field, Schema

from telemetry_core.decode.spec import FLOAT_FORMATS

cdef enum:
    MAX_FIELDS = 65535
    PIECE_BYTES = 65536

INT64_LOWEST = -(1 << 63)
INT64_HIGHEST = (1 << 63) - 1


cdef class PlanMemory:
    """Zeroed memory in large pieces, which a plan's structs lie in: what is made together lies together."""

    def __cinit__(self):
        self.pieces = []

    cdef void* take(self, size_t size) except NULL:
        cdef size_t rounded = (size + 15) & ~<size_t>15
        if rounded > self.left:
            piece = bytearray(max(rounded, <size_t>PIECE_BYTES))
            self.pieces.append(piece)
            self.at = PyByteArray_AS_STRING(piece)
            self.left = len(piece)
        cdef void* taken = self.at
        self.at += rounded
        self.left -= rounded
        return taken

    cdef char* take_cache_lines(self, size_t count) except NULL:
        """Return that many cache lines, on the boundary of one."""
        cdef size_t start = <size_t>self.take((count + 1) * CACHE_LINE_BYTES)
        return <char*>((start + CACHE_LINE_BYTES - 1) // CACHE_LINE_BYTES * CACHE_LINE_BYTES)


def last_byte(signal):
    """Return the number of bytes of payload that the signal needs."""
    if signal.little_endian:
        return (signal.start_bit + signal.bit_count + 7) // 8
    return (_network_bit(signal) + signal.bit_count + 7) // 8


cdef object _network_bit(signal):
    """A Motorola signal's most significant bit, counted in the order in which bits are sent."""
    return signal.start_bit // 8 * 8 + 7 - signal.start_bit % 8


cdef bint _pack_op(Op* op, signal, Py_ssize_t slot, Py_ssize_t capacity) except -1:
    """Fill `op`; False when the signal's bits lie in nine bytes, which needs a Special."""
    cdef Py_ssize_t bits = signal.bit_count
    cdef Py_ssize_t bit
    if signal.little_endian:
        bit = signal.start_bit
    else:
        bit = 16 * capacity - _network_bit(signal) - bits
    # Aligned where it can be: the load is then served from the store that made the word.
    cdef Py_ssize_t unit = 64 if bit % 64 + bits <= 64 else 8
    cdef Py_ssize_t shift = bit % unit
    if shift + bits > 64:
        return False
    op.slot = <uint16_t>slot
    op.offset = <uint16_t>(bit // unit * unit // 8)
    op.left = <uint8_t>(64 - bits - shift)
    op.right = <uint8_t>(64 - bits)
    op.clear = 0 if signal.signed and not signal.is_float else op.right
    return True


cdef object _pack_nine(Special* special, signal, Py_ssize_t slot):
    cdef Py_ssize_t bits = signal.bit_count
    cdef Py_ssize_t first = signal.start_bit if signal.little_endian else _network_bit(signal)
    special.slot = <uint16_t>slot
    special.byte = <uint16_t>(first // 8)
    special.mask = (<uint64_t>0xFFFFFFFFFFFFFFFF) >> (64 - bits)
    special.sign = (<uint64_t>1) << (bits - 1) if signal.signed and not signal.is_float else 0
    if signal.little_endian:
        special.kind = SPECIAL_LITTLE_9
        special.shift = <uint8_t>(first % 8)
    else:
        special.kind = SPECIAL_BIG_9
        special.shift = <uint8_t>(first % 8 + bits - 64)


cdef object _float_kinds = {16: SPECIAL_FLOAT_16, 32: SPECIAL_FLOAT_32, 64: SPECIAL_FLOAT_64}


def first_not_available(bit_count):
    """Return the lowest raw value (as unsigned) that J1939-71 declares to be "error" or "not available".

    It holds for two bits or more (see `_pack_limits`).
    """
    if bit_count in (8, 16, 24, 32):
        return 0xFE << (bit_count - 8)
    return 2 if bit_count == 2 else (1 << bit_count) - 1


def _elementary(ranges):
    """Disjoint sorted (low, high, groups) out of [(low, high, group)], which may overlap."""
    edges = {}
    for low, high, group in ranges:
        edges.setdefault(low, ([], []))[0].append(group)
        edges.setdefault(high + 1, ([], []))[1].append(group)
    pieces = []
    active = {}
    points = sorted(edges)
    for index, point in enumerate(points):
        starting, ending = edges[point]
        for group in ending:
            active[group] -= 1
            if not active[group]:
                del active[group]
        for group in starting:
            active[group] = active.get(group, 0) + 1
        if active:
            pieces.append((point, points[index + 1] - 1, sorted(active)))
    return pieces


def _depth(message, index):
    """How many selectors must be known before this signal."""
    seen = set()
    while (condition := message.signals[index].condition) >= 0:
        if index in seen:
            raise ValueError(f"{message.name}: multiplexers select one another in a circle")
        seen.add(index)
        index = message.conditions[condition].selector
    return len(seen)


cdef object _pack_selector(Selector* selector, message, Py_ssize_t signal_index, list conditions,
                           PlanMemory memory):
    signal = message.signals[signal_index]
    bias = 0
    if signal.bit_count == 64 and not signal.signed:
        selector.bias = (<uint64_t>1) << 63
        bias = 1 << 63
    ranges = []
    for group in conditions:
        for low, high in message.conditions[group].ranges:
            low = max(low - bias, INT64_LOWEST)
            high = min(high - bias, INT64_HIGHEST)
            if low <= high:
                ranges.append((low, high, group))
    pieces = _elementary(ranges)
    selector.slot = <uint16_t>signal_index
    selector.interval_count = len(pieces)
    selector.intervals = <Interval*>memory.take(len(pieces) * sizeof(Interval))
    selector.groups = <uint32_t*>memory.take(sum(len(groups) for _, _, groups in pieces) * sizeof(uint32_t))
    cdef uint32_t next_group = 0
    for number, (low, high, groups) in enumerate(pieces):
        selector.intervals[number].low = low
        selector.intervals[number].high = high
        selector.intervals[number].first_group = next_group
        selector.intervals[number].group_count = len(groups)
        for group in groups:
            selector.groups[next_group] = group
            next_group += 1


cdef object _set_mask(uint64_t* mask, indexes):
    for index in indexes:
        mask[index // 64] |= (<uint64_t>1) << (index % 64)


cdef bint _has_place(signal) except -1:
    """Whether the bits can be a value at all."""
    cdef bint is_inside = signal.start_bit >= 0 and last_byte(signal) <= MAX_CAPACITY
    if signal.is_text:
        return (is_inside and signal.little_endian and 8 <= signal.bit_count <= 8 * MOST_CHARACTERS
                and not signal.bit_count % 8 and not signal.start_bit % 8)
    return is_inside and 1 <= signal.bit_count <= 64


cdef object check(message, fields):
    if len(message.signals) + message.reports_protection != len(fields) or len(fields) > MAX_FIELDS:
        raise ValueError(f"{message.name}: {len(message.signals)} signals for {len(fields)} fields")
    for signal, field in zip(message.signals, fields):
        if not _has_place(signal):
            bits = f"{signal.start_bit}|{signal.bit_count}"
            raise ValueError(f"{message.name}.{field.name}: bits {bits} do not exist")
        if field.characters != (signal.bit_count // 8 if signal.is_text else 0):
            raise ValueError(f"{message.name}.{field.name}: a text and a field of {field.characters} characters")
        if signal.is_bcd and (signal.bit_count % 4 or signal.signed or signal.bit_count > 32):
            raise ValueError(f"{message.name}.{field.name}: {signal.bit_count} bits are no digits")
        if signal.short_at and not signal.little_endian:
            raise ValueError(f"{message.name}.{field.name}: the first bytes of a Motorola signal are its highest")
        if signal.is_float and signal.bit_count not in _float_kinds:
            raise ValueError(f"{message.name}.{field.name}: a float has 16, 32 or 64 bits")
        if not -1 <= signal.present_bit < 8 * MAX_CAPACITY:
            raise ValueError(f"{message.name}.{field.name}: bit {signal.present_bit} does not exist")
        if not -1 <= signal.condition < len(message.conditions):
            raise ValueError(f"{message.name}.{field.name}: condition {signal.condition} does not exist")
    if any(not 0 <= index < len(message.signals) for indexes in message.together for index in indexes):
        raise ValueError(f"{message.name}: signals that are there together do not exist")
    if message.id_mask and (message.by_pgn or not message.extended):
        raise ValueError(f"{message.name}: only an id of 29 bits has a mask, and no message that is matched by PGN")
    if message.sender_mask and not message.id_mask:
        raise ValueError(f"{message.name}: without a mask the whole id is one sender's")
    if message.begins and (message.by_pgn or message.id_mask):
        raise ValueError(f"{message.name}: an answer has one id, without a mask and not matched by PGN")
    if any(not max(1, len(message.begins)) <= length <= 0xFFFF or not message.begins for length in message.lengths):
        raise ValueError(f"{message.name}: {message.lengths} are no lengths of a payload that begins with"
                         f" {message.begins.hex(' ').upper() or 'anything'}")
    if message.byte_count < 0:
        raise ValueError(f"{message.name}: {message.byte_count} bytes")
    for condition in message.conditions:
        if not 0 <= condition.selector < len(message.signals):
            raise ValueError(f"{message.name}: signal {condition.selector}, a multiplexer, does not exist")


cdef object cache_line_count(message):
    """Return how many cache lines the message takes."""
    cdef size_t fours = (<size_t>len(message.signals) + FOUR - 1) // FOUR
    return (sizeof(Message) + fours * sizeof(Four) + CACHE_LINE_BYTES - 1) // CACHE_LINE_BYTES


cdef object pack(Message* message, spec, Schema schema, PlanMemory memory):
    cdef Py_ssize_t field_count = len(spec.signals)
    cdef Extra* extra = <Extra*>memory.take(sizeof(Extra))
    ends = [max(last_byte(signal), signal.present_bit // 8 + 1) for signal in spec.signals]
    free_indexes = [index for index, signal in enumerate(spec.signals) if signal.condition < 0]
    message.extra = extra
    message.record = spec.record
    message.row_words = schema.records[message.record].row_words if field_count else 0
    message.need_bytes = max((ends[index] for index in free_indexes), default=0)
    message.by_pgn = spec.by_pgn
    message.is_masked = spec.id_mask != 0
    extra.mask_words = (field_count + spec.reports_protection + 63) // 64
    extra.reports_protection = spec.reports_protection
    extra.keeps_empty = spec.keeps_empty
    extra.sender_mask = spec.sender_mask
    extra.protection_slot = <uint16_t>field_count
    extra.capacity = max(8, (max(ends, default=0) + 7) // 8 * 8)
    extra.mask = <uint64_t*>memory.take(extra.mask_words * sizeof(uint64_t))
    _set_mask(extra.mask, free_indexes)
    extra.ends = <uint16_t*>memory.take(field_count * sizeof(uint16_t))
    for index, end in enumerate(ends):
        extra.ends[index] = end
    nines = []
    extra.ops = <Op*>memory.take(len(free_indexes) * sizeof(Op))
    extra.op_count = _pack_ops(extra.ops, spec, free_indexes, extra.capacity, nines)
    _pack_groups(extra, spec, ends, nines, memory)
    _pack_selectors(extra, spec, memory)
    _pack_specials(extra, spec, nines, memory)
    _pack_limits(extra, spec, memory)
    _pack_values(extra, spec, &schema.fields[schema.records[message.record].first_field], memory)
    message.shape = SHAPE_ANY
    if (extra.capacity == 8 and extra.mask_words == 1 and extra.op_count == field_count
            and not extra.selector_count and not extra.special_count and not extra.limit_count
            and not extra.makes_values and not extra.reports_protection):
        message.shape = SHAPE_PLAIN
        message.mask = extra.mask[0]
        message.four_count = <uint16_t>((field_count + FOUR - 1) // FOUR)
        _pack_fours(message, extra.ops, field_count)


cdef void _pack_fours(Message* message, const Op* ops, Py_ssize_t count) noexcept:
    cdef Py_ssize_t index, lane
    cdef Four* four
    message.four_count = <uint16_t>((count + FOUR - 1) // FOUR)
    for index in range(FOUR * message.four_count):
        four = &message.fours[index // FOUR]
        lane = index % FOUR
        if index >= count:
            four.sign[lane] = SIGN_NONE
            continue
        four.left[lane] = ops[index].left
        four.right[lane] = ops[index].right
        four.sign[lane] = SIGN_NONE + ops[index].clear if ops[index].clear else 63 - ops[index].right
        four.side[lane] = SIDE_MOTOROLA if ops[index].offset else SIDE_INTEL


cdef Py_ssize_t _pack_ops(Op* ops, spec, indexes, Py_ssize_t capacity, list nines) except -1:
    """Fill `ops`, and `nines` with what takes a Special; how many ops there are."""
    cdef Py_ssize_t count = 0
    for index in indexes:
        if spec.signals[index].is_text:
            continue
        if _pack_op(&ops[count], spec.signals[index], index, capacity):
            count += 1
        else:
            nines.append(index)
    return count


cdef object _pack_groups(Extra* extra, spec, list ends, list nines, PlanMemory memory):
    extra.groups = <Group*>memory.take(len(spec.conditions) * sizeof(Group))
    members = [[] for _ in spec.conditions]
    for index, signal in enumerate(spec.signals):
        if signal.condition >= 0:
            members[signal.condition].append(index)
    cdef Group* group
    for number, indexes in enumerate(members):
        group = &extra.groups[number]
        group.mask = <uint64_t*>memory.take(extra.mask_words * sizeof(uint64_t))
        _set_mask(group.mask, indexes)
        group.ops = <Op*>memory.take(len(indexes) * sizeof(Op))
        group.op_count = _pack_ops(group.ops, spec, indexes, extra.capacity, nines)
        group.need_bytes = max((ends[index] for index in indexes), default=0)


cdef object _pack_selectors(Extra* extra, spec, PlanMemory memory):
    by_selector = {}
    for number, condition in enumerate(spec.conditions):
        by_selector.setdefault(condition.selector, []).append(number)
    ordered = sorted(by_selector, key=lambda index: _depth(spec, index))
    extra.selectors = <Selector*>memory.take(len(ordered) * sizeof(Selector))
    extra.selector_count = len(ordered)
    for number, index in enumerate(ordered):
        _pack_selector(&extra.selectors[number], spec, index, by_selector[index], memory)


cdef object _pack_specials(Extra* extra, spec, list nines, PlanMemory memory):
    floats = [(index, signal) for index, signal in enumerate(spec.signals) if signal.is_float]
    extra.specials = <Special*>memory.take((len(nines) + len(floats)) * sizeof(Special))
    extra.special_count = len(nines) + len(floats)
    cdef Special* special = extra.specials
    for index in nines:
        _pack_nine(special, spec.signals[index], index)
        special += 1
    for index, signal in floats:
        special.slot = index
        special.kind = _float_kinds[signal.bit_count]
        special += 1


cdef object _pack_values(Extra* extra, spec, const Field* fields, PlanMemory memory):
    """Pack what makes a value of bits that alone are not a number: texts, digits, short forms, what needs other bits."""
    signals = list(enumerate(spec.signals))
    extra.optional = <uint64_t*>memory.take(extra.mask_words * sizeof(uint64_t))
    _set_mask(extra.optional, [index for index, signal in signals if signal.optional])
    extra.texts = <Text*>memory.take(len(signals) * sizeof(Text))
    extra.digits = <Digits*>memory.take(len(signals) * sizeof(Digits))
    extra.shorts = <Short*>memory.take(len(signals) * sizeof(Short))
    extra.presents = <Present*>memory.take(len(signals) * sizeof(Present))
    for index, signal in signals:
        if signal.is_text:
            extra.texts[extra.text_count] = Text(
                index, signal.start_bit // 8, <uint8_t>(signal.bit_count // 8), &fields[<Py_ssize_t>index])
            extra.text_count += 1
        if signal.is_bcd:
            extra.digits[extra.digits_count] = Digits(index, signal.bit_count // 4)
            extra.digits_count += 1
        if signal.short_at:
            extra.shorts[extra.short_count] = Short(
                index, signal.short_at, <uint8_t>(8 * signal.short_at - signal.start_bit))
            extra.short_count += 1
        if signal.present_bit >= 0:
            extra.presents[extra.present_count] = Present(
                index, signal.present_bit // 8, <uint8_t>(1 << signal.present_bit % 8))
            extra.present_count += 1
    extra.makes_values = (extra.text_count or extra.digits_count or extra.short_count or extra.present_count
                          or bool(spec.together))
    extra.together = <uint64_t*>memory.take(len(spec.together) * extra.mask_words * sizeof(uint64_t))
    for indexes in spec.together:
        _set_mask(extra.together + extra.together_count * extra.mask_words, indexes)
        extra.together_count += 1


cdef object _pack_limits(Extra* extra, spec, PlanMemory memory):
    count = sum(spec.drops_not_available + len(signal.invalid) + (signal.valid is not None) for signal in spec.signals)
    extra.limits = <Limit*>memory.take(count * sizeof(Limit))
    for index, signal in enumerate(spec.signals):
        highest = (1 << signal.bit_count) - 1
        if signal.is_text:
            continue
        if signal.valid is not None:  # what is past its end and what is before its beginning are one span
            low, high = signal.valid
            _add_limit(extra, index, highest, high + 1, (low - 1) & 0xFFFFFFFFFFFFFFFF)
        if signal.is_float:  # J1939's "not available" of a float is NaN
            for raw in signal.invalid:
                bits = _double_bits(raw & highest, signal.bit_count)
                _add_limit(extra, index, 0xFFFFFFFFFFFFFFFF, bits, bits)
            continue
        if spec.drops_not_available and signal.bit_count > 1:  # a flag would never be true
            _add_limit(extra, index, highest, first_not_available(signal.bit_count), highest)
        for raw in signal.invalid:
            _add_limit(extra, index, highest, raw & highest, raw & highest)


cdef object _double_bits(bits, bit_count):
    """A float's bits as those of the double that its slot holds."""
    (value,) = struct.unpack(FLOAT_FORMATS[bit_count], bits.to_bytes(bit_count // 8, "little"))
    return int.from_bytes(struct.pack("<d", value), "little")


cdef object _add_limit(Extra* extra, uint16_t slot, uint64_t mask, first, last):
    cdef Limit* limit = &extra.limits[extra.limit_count]
    limit.slot = slot
    limit.mask = mask
    limit.limit = first
    limit.span = (last - first) & 0xFFFFFFFFFFFFFFFF
    extra.limit_count += 1
