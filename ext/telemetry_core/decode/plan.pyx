"""A decode plan: PlanSpec packed into flat arrays, made once and read by any number of decoders.

Promises:

- The structs never change and never move.
- A spec that makes no sense (message.pyx; an id twice on one bus) raises a ValueError that names the message.
- One payload is one answer at most: two of one id that it can be both of are refused, whichever begins longer.

Relies on a Schema that was made of the spec's records, or of these followed by others.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy

from telemetry_core.decode.message cimport PlanMemory, cache_line_count, check, pack
from telemetry_core.rows.schema cimport Schema

from telemetry_core.decode.spec import BusSpec


cdef class Plan:
    """A packed PlanSpec, as a Decoder reads it. Raises ValueError for a spec that makes no sense."""

    def __cinit__(self, spec, Schema schema not None):
        self.spec = spec
        self.schema = schema
        try:
            if schema.specs[: len(spec.records)] != spec.records:
                raise ValueError("the schema was not made of the plan's records")
            self._pack()
        except (TypeError, AttributeError, LookupError, OverflowError) as error:
            raise ValueError(f"not a plan: {error}") from error

    cdef object _pack(self):
        spec = self.spec
        memory = PlanMemory()
        self.memory = memory
        self.bus_count = len(spec.buses)
        self.message_count = sum(len(bus.messages) for bus in spec.buses)
        self.buses = <Bus*>(<PlanMemory>memory).take((self.bus_count + 1) * sizeof(Bus))
        messages = [message for bus in spec.buses for message in bus.messages]
        cache_lines = [cache_line_count(message) for message in messages]
        self.cache_lines = <char*>(<PlanMemory>memory).take_cache_lines(sum(cache_lines) + 1)
        self.buses_by_pgn = <Bus*>(<PlanMemory>memory).take((self.bus_count + 1) * sizeof(Bus))
        cdef uint32_t cache_line = 1
        cdef uint32_t next_cache_line
        for number, bus in enumerate((BusSpec("", ()), *spec.buses)):
            next_cache_line = _pack_bus(&self.buses[number], bus, cache_line, False, memory)
            _pack_bus(&self.buses_by_pgn[number], bus, cache_line, True, memory)
            cache_line = next_cache_line
        cache_line = 1
        for message, count in zip(messages, cache_lines):
            check(message, spec.records[message.record].fields)
            pack(message_at(self.cache_lines, cache_line), message, self.schema, memory)
            cache_line += <uint32_t>count


cdef uint32_t _pack_bus(Bus* bus, spec, uint32_t cache_line, bint all_by_pgn, PlanMemory memory) except 0:
    """Enter the messages of a bus, the first of which is on `cache_line`. Return the one after the last."""
    extended = [message for message in spec.messages if message.extended and not message.begins]
    with_one_pgn = {}
    for message in extended:
        if message.id_mask:
            continue
        with_one_pgn.setdefault(pgn_key(message.arbitration_id), []).append(message)
    for message in extended:
        _add_mask(bus, message, spec.name)
    keys = sum(3 + _has_pair_key(message.arbitration_id, with_one_pgn) for message in extended)
    size_bits = max(2, (2 * keys).bit_length())  # half full
    bus.extended_shift = 32 - size_bits
    bus.extended = <IdEntry*>memory.take((1 << size_bits) * sizeof(IdEntry))
    bus.standard_mask = spec.standard_mask
    bus.extended_mask = spec.extended_mask
    bus.standard = <uint32_t*>memory.take(STANDARD_IDS * sizeof(uint32_t))
    placed = {}
    for message in spec.messages:
        placed[cache_line] = message
        cache_line += <uint32_t>cache_line_count(message)
    for first_cache_line, message in placed.items():
        if not message.begins:
            _add_ids(bus, spec, message, first_cache_line, all_by_pgn or message.by_pgn, with_one_pgn)
    if not all_by_pgn:
        _add_answers(bus, spec.name, placed, memory)
    return cache_line


cdef object _add_answers(Bus* bus, str name, dict placed, PlanMemory memory):
    """Enter the answers among the messages `placed`, by cache line. The frames' ids are all there."""
    by_id = {}
    cdef uint32_t bit
    for cache_line, message in placed.items():
        if message.begins:
            bit = ID_EXTENDED if message.extended else 0
            by_id.setdefault(compared(bus, message.arbitration_id | bit), []).append((cache_line, message))
    bus.answers = <Answer*>memory.take(sum(map(len, by_id.values())) * sizeof(Answer))
    cdef Answer* answer = bus.answers
    for id, answers in sorted(by_id.items()):
        for number, (cache_line, message) in enumerate(answers):
            if message.arbitration_id > (ID_MASK if message.extended else STANDARD_IDS - 1):
                raise ValueError(f"{name}: id {message.arbitration_id:X} of {message.name} is too large")
            other = placed.get(find_on(bus, id)) or next((one for _, one in answers[:number] if one.overlaps(message)), None)
            if other:
                raise ValueError(f"{name}: a payload of id {id & ID_MASK:X} can be both {other.name} and {message.name}")
            answer.id = id
            answer.cache_line = cache_line
            answer.begins_bytes = len(message.begins)
            answer.begins = <const uint8_t*>memory.take(answer.begins_bytes)
            memcpy(<void*>answer.begins, <const char*>message.begins, answer.begins_bytes)
            answer.lengths = <const uint16_t*>memory.take(len(message.lengths) * sizeof(uint16_t))
            for length in message.lengths:
                (<uint16_t*>answer.lengths)[answer.length_count] = length
                answer.length_count += 1
            answer += 1
    bus.answer_count = <uint32_t>(answer - bus.answers)


cdef inline uint32_t compared(const Bus* bus, uint32_t id) noexcept nogil:
    """The bits of an id that are compared on the bus."""
    return id & (ID_EXTENDED | bus.extended_mask if id & ID_EXTENDED else bus.standard_mask)


cdef uint32_t find_answer(const Bus* bus, uint32_t id, const uint8_t* data, uint16_t length) noexcept nogil:
    cdef uint32_t low = 0
    cdef uint32_t high = bus.answer_count
    cdef uint32_t middle
    cdef const Answer* answer
    id = compared(bus, id)
    while low < high:
        middle = (low + high) // 2
        if bus.answers[middle].id < id:
            low = middle + 1
        else:
            high = middle
    while low < bus.answer_count and bus.answers[low].id == id:
        answer = &bus.answers[low]
        if (answer.begins_bytes <= length and memcmp(data, answer.begins, answer.begins_bytes) == 0
                and has_length(answer, length)):
            return answer.cache_line
        low += 1
    return 0


cdef inline bint has_length(const Answer* answer, uint16_t length) noexcept nogil:
    cdef uint16_t number
    for number in range(answer.length_count):
        if answer.lengths[number] == length:
            return True
    return answer.length_count == 0


cdef uint32_t masked_key(uint32_t number, uint32_t mask, uint32_t id) noexcept nogil:
    """The key of the id under the mask of that number, marked by 011, 101, 110 or 111."""
    return (number + 3 + (number > 0)) << 29 | (id & mask)


cdef uint32_t find_masked(const Bus* bus, uint32_t id) noexcept nogil:
    cdef uint32_t number
    cdef uint32_t found = 0
    for number in range(bus.mask_count):
        found = find_key(bus, masked_key(number, bus.masks[number], id))
        if found:
            return found
    return 0


cdef uint32_t find_line(Plan plan, uint16_t number, uint32_t id, bint by_pgn) noexcept nogil:
    return find_on(&plan.buses_by_pgn[number] if by_pgn else &plan.buses[number], id)


cdef inline uint32_t find_on(const Bus* bus, uint32_t id) noexcept nogil:
    if id & ID_EXTENDED:
        return find_extended(bus, id & ID_MASK)
    return bus.standard[id] if id < STANDARD_IDS else 0


cdef object _add_mask(Bus* bus, message, str name):
    """Have the message's mask among those of the bus."""
    cdef uint32_t number
    if not message.id_mask:
        return
    for number in range(bus.mask_count):
        if bus.masks[number] == message.id_mask:
            return
    if bus.mask_count == MOST_MASKS:
        raise ValueError(f"{name}: ids with more than {MOST_MASKS} masks")
    bus.masks[bus.mask_count] = message.id_mask
    bus.mask_count += 1


cdef uint32_t _masked_key(const Bus* bus, uint32_t mask, uint32_t id) noexcept:
    cdef uint32_t number = 0
    while bus.masks[number] != mask:
        number += 1
    return masked_key(number, mask, id)


cdef bint _has_pair_key(uint32_t id, dict with_one_pgn) except -1:
    """Whether its destination distinguishes it from messages of the same PGN: only PDU1 has one outside of the PGN."""
    return (id & 0xFF0000) < 0xF00000 and len(with_one_pgn.get(pgn_key(id), ())) > 1


cdef object _add_ids(Bus* bus, spec, message, uint32_t cache_line, bint by_pgn, dict with_one_pgn):
    """Enter the keys that frames of the message are looked up by. Of several messages the first keeps a key."""
    cdef uint32_t id = message.arbitration_id
    cdef uint32_t pgn = pgn_key(id)
    added = False
    if not message.extended:
        added = id < STANDARD_IDS and _add_standard(bus, id, spec.standard_mask, cache_line)
    elif message.id_mask and id <= ID_MASK:
        added = _add_key(bus, _masked_key(bus, message.id_mask, id), cache_line)
    elif id <= ID_MASK:
        added = _add_key(bus, id & bus.extended_mask, cache_line)
    if not added:
        raise ValueError(f"{spec.name}: id {id:X} of {message.name} is too large or there twice")
    if by_pgn and message.extended and not message.id_mask and not id & EXTENDED_DATA_PAGE:
        bus.by_pgn = 1
        if _has_pair_key(id, with_one_pgn):
            _add_key(bus, pgn_pair_key(id), cache_line)
        _add_key(bus, pgn_sender_key(id), cache_line)
        _add_key(bus, pgn, cache_line | (AMBIGUOUS if len(with_one_pgn[pgn]) > 1 else 0))


cdef bint _add_standard(Bus* bus, uint32_t id, uint32_t mask, uint32_t cache_line) noexcept:
    """Enter every id that is the same under the mask. Return whether the first of them was new."""
    cdef uint32_t free_bits = ~mask & (STANDARD_IDS - 1)
    cdef uint32_t others = free_bits
    if bus.standard[id]:
        return False
    while True:  # through all subsets of the bits that do not count
        bus.standard[(id & mask) | others] = cache_line
        if others == 0:
            return True
        others = (others - 1) & free_bits


cdef bint _add_key(Bus* bus, uint32_t key, uint32_t cache_line) noexcept:
    """Whether the key was new."""
    cdef uint32_t slot = id_slot(bus, key)
    cdef uint32_t last = (<uint32_t>0xFFFFFFFF) >> bus.extended_shift
    while bus.extended[slot].cache_line:
        if bus.extended[slot].key == key:
            return False
        slot = (slot + 1) & last
    bus.extended[slot].key = key
    bus.extended[slot].cache_line = cache_line
    return True
