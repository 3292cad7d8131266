"""The decoder: a batch of frames in, a batch of rows of raw signal values out.

Promises:

- Rows come in the order of their frames.
- Every frame counts once: as decoded, as unknown, or as lost by reason.
- A signal is decoded when all of its bits are in the payload and its multiplexer selects it. The rest of the
  message does not matter. Signals left out count by reason.
- The loop makes no Python object and does not hold the GIL.

Relies on FrameBatch: bytes past `length` are zero.
"""

from libc.math cimport isfinite, ldexp
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from telemetry_core.frames.batch cimport (
    FLAG_BY_PGN, FLAG_CHECKED, FLAG_PAYLOAD, FLAG_WRONG, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, INLINE_PAYLOAD,
    Frame, FrameBatch, payload,
)
from telemetry_core.decode.plan cimport (
    CACHE_LINE_BYTES,
    MAX_CAPACITY,
    MOST_FOURS,
    SHAPE_PLAIN,
    SPECIAL_BIG_9,
    SPECIAL_FLOAT_16,
    SPECIAL_FLOAT_32,
    SPECIAL_FLOAT_64,
    SPECIAL_LITTLE_9,
    STANDARD_IDS,
    Bus,
    Extra,
    Group,
    Interval,
    Limit,
    Message,
    Op,
    Plan,
    Selector,
    Short,
    Special,
    Text,
    find_extended,
    id_slot,
    message_at,
    pgn_key,
)
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, MOST_CHARACTERS, set_characters

cdef extern from "telemetry_core/decode/unpack.h":
    uint64_t load64(const void* address) noexcept nogil
    void unpack_scattered(
        const Op* ops, unsigned count, const uint8_t* buffer, uint64_t* slots) noexcept nogil
    void unpack_rows(const PlainRow* rows, unsigned count, unsigned fours) noexcept nogil
    UnpackRows* vector_unpack_rows()

cdef extern from *:
    """
    #define swap64(word) __builtin_bswap64(word)
    #define lowest_bit(word) __builtin_ctzll(word)
    #define bit_count(word) __builtin_popcountll(word)
    #define prefetch(address) __builtin_prefetch(address)
    """
    uint64_t swap64(uint64_t word) noexcept nogil
    int lowest_bit(uint64_t word) noexcept nogil
    int bit_count(uint64_t word) noexcept nogil
    void prefetch(const void* address) noexcept nogil

cdef enum:
    BLOCK = 64                   # frames looked up ahead, so that their plans are in the cache when decoded
    CHANNELS = 65536
    BUFFER_WORDS = 2 * MAX_CAPACITY // 8 + 1


cdef struct PlainRows:           # of one block, by the number of their fours
    unsigned counts[MOST_FOURS + 1]
    PlainRow rows[MOST_FOURS + 1][BLOCK]


cdef void fill_buffer(uint64_t* buffer, const uint8_t* data, Py_ssize_t readable,
                      Py_ssize_t capacity) noexcept nogil:
    """Write the payload, the zeros after it, and the same bytes in reverse."""
    cdef Py_ssize_t words = capacity // 8
    cdef Py_ssize_t index
    cdef uint64_t word
    for index in range(words):
        word = load64(data + 8 * index) if 8 * index < readable else 0
        buffer[index] = word
        buffer[2 * words - 1 - index] = swap64(word)


cdef bint is_short_form(const Extra* extra, Py_ssize_t slot, Py_ssize_t length) noexcept nogil:
    """Whether a payload of that length holds all that there is of a signal."""
    cdef Py_ssize_t number
    for number in range(extra.short_count):
        if extra.shorts[number].slot == slot:
            return extra.shorts[number].length == length
    return False


cdef void drop_short(uint64_t* mask, const Extra* extra, Py_ssize_t length, Omitted* omitted) noexcept nogil:
    """Remove the signals from `mask` whose bits are not all in the payload."""
    cdef Py_ssize_t word
    cdef uint64_t left
    cdef int bit
    for word in range(extra.mask_words):
        left = mask[word]
        while left:
            bit = lowest_bit(left)
            left &= left - 1
            if extra.ends[64 * word + bit] > length and not is_short_form(extra, 64 * word + bit, length):
                mask[word] &= ~(<uint64_t>1 << bit)
                omitted.short_frame += not extra.optional[word] >> bit & 1


cdef const Interval* find_interval(const Selector* selector, int64_t raw) noexcept nogil:
    cdef Py_ssize_t low = 0
    cdef Py_ssize_t high = selector.interval_count
    cdef Py_ssize_t middle
    while low < high:
        middle = (low + high) // 2
        if selector.intervals[middle].high < raw:
            low = middle + 1
        else:
            high = middle
    if low < selector.interval_count and selector.intervals[low].low <= raw:
        return &selector.intervals[low]
    return NULL


cdef void run_selectors(const Extra* extra, const uint8_t* buffer, Py_ssize_t length, uint64_t* mask,
                        uint64_t* slots, Omitted* omitted) noexcept nogil:
    cdef const Selector* selector
    cdef const Interval* interval
    cdef const Group* group
    cdef Py_ssize_t number, index, word
    for number in range(extra.selector_count):
        selector = &extra.selectors[number]
        if not (mask[selector.slot // 64] >> (selector.slot % 64)) & 1:
            continue
        interval = find_interval(selector, <int64_t>(slots[selector.slot] ^ selector.bias))
        if interval == NULL:
            omitted.unknown_multiplexer_value += 1
            continue
        for index in range(interval.group_count):
            group = &extra.groups[selector.groups[interval.first_group + index]]
            unpack_scattered(group.ops, group.op_count, buffer, slots)
            for word in range(extra.mask_words):
                mask[word] |= group.mask[word]
            if length < group.need_bytes:
                drop_short(mask, extra, length, omitted)


cdef uint64_t nine_bytes(const Special* special, const uint8_t* buffer) noexcept nogil:
    cdef uint64_t word = load64(buffer + special.byte)
    cdef uint64_t last = buffer[special.byte + 8]
    if special.kind == SPECIAL_LITTLE_9:
        word = word >> special.shift | last << (64 - special.shift)
    else:
        word = swap64(word) << special.shift | last >> (8 - special.shift)
    word &= special.mask
    return (word ^ special.sign) - special.sign


cdef double half_to_double(uint64_t bits) noexcept nogil:
    """IEEE 754 binary16; infinities and NaN come out as such."""
    cdef int exponent = (bits >> 10) & 0x1F
    cdef double fraction = <double>(bits & 0x3FF)
    cdef double value
    if exponent == 0x1F:
        value = (fraction + 1) * 1e308 * 1e308  # not finite: all that the caller asks
    elif exponent == 0:
        value = ldexp(fraction, -24)
    else:
        value = ldexp(fraction + 1024, exponent - 25)
    return -value if bits & 0x8000 else value


cdef double to_double(uint64_t bits, int kind) noexcept nogil:
    cdef uint32_t low = <uint32_t>bits
    cdef float single
    cdef double value
    if kind == SPECIAL_FLOAT_64:
        memcpy(&value, &bits, 8)
        return value
    if kind == SPECIAL_FLOAT_32:
        memcpy(&single, &low, 4)
        return single
    return half_to_double(bits)


cdef void run_floats(const Extra* extra, uint64_t* mask, uint64_t* slots, Omitted* omitted) noexcept nogil:
    cdef const Special* special
    cdef Py_ssize_t number
    cdef double value
    for number in range(extra.special_count):
        special = &extra.specials[number]
        if special.kind < SPECIAL_FLOAT_16 or not (mask[special.slot // 64] >> (special.slot % 64)) & 1:
            continue
        value = to_double(slots[special.slot], special.kind)
        if isfinite(value):
            memcpy(&slots[special.slot], &value, 8)
        else:
            mask[special.slot // 64] &= ~(<uint64_t>1 << (special.slot % 64))
            omitted.not_a_number += 1


cdef void drop_not_available(const Extra* extra, uint64_t* mask, const uint64_t* slots,
                             Omitted* omitted) noexcept nogil:
    cdef const Limit* limit
    cdef Py_ssize_t number
    cdef uint16_t slot
    for number in range(extra.limit_count):
        limit = &extra.limits[number]
        slot = limit.slot
        if (mask[slot // 64] >> (slot % 64)) & 1 and (slots[slot] & limit.mask) - limit.limit <= limit.span:
            mask[slot // 64] &= ~(<uint64_t>1 << (slot % 64))
            omitted.not_available += 1


cdef inline void leave_out(uint64_t* mask, uint16_t slot, Omitted* omitted) noexcept nogil:
    mask[slot // 64] &= ~(<uint64_t>1 << (slot % 64))
    omitted.not_available += 1


cdef bint read_characters(const Text* text, const uint8_t* data, uint64_t* slot) noexcept nogil:
    """Take a text; False when nothing is left of it."""
    cdef char[MOST_CHARACTERS] characters
    cdef size_t index
    cdef size_t count = text.count
    while count and data[text.byte + count - 1] in (0, 0x20, 0xFF):
        count -= 1
    for index in range(count):
        characters[index] = data[text.byte + index] if 0x20 <= data[text.byte + index] < 0x7F else c"?"
    set_characters(slot, text.field, characters, count)
    return count != 0


cdef bint read_digits(uint64_t* slot, unsigned count) noexcept nogil:
    """Make the number of packed BCD; False when one of its digits is none."""
    cdef uint64_t digits = slot[0]
    cdef uint64_t number = 0
    cdef uint64_t digit
    while count:
        count -= 1
        digit = digits >> (4 * count) & 0xF
        if digit > 9:
            return False
        number = 10 * number + digit
    slot[0] = number
    return True


cdef void make_values(const Extra* extra, const uint8_t* data, Py_ssize_t length, uint64_t* mask, uint64_t* slots,
                      Omitted* omitted) noexcept nogil:
    """Make texts, and numbers of digits; leave out what is none, and short forms that are all ones."""
    cdef Py_ssize_t number
    cdef uint16_t slot
    for number in range(extra.text_count):
        slot = extra.texts[number].slot
        if mask[slot // 64] >> (slot % 64) & 1 and not read_characters(&extra.texts[number], data, &slots[slot]):
            leave_out(mask, slot, omitted)
    for number in range(extra.digits_count):
        slot = extra.digits[number].slot
        if mask[slot // 64] >> (slot % 64) & 1 and not read_digits(&slots[slot], extra.digits[number].count):
            leave_out(mask, slot, omitted)
    for number in range(extra.short_count):
        slot = extra.shorts[number].slot
        if (extra.shorts[number].length == length and mask[slot // 64] >> (slot % 64) & 1
                and slots[slot] == (<uint64_t>1 << extra.shorts[number].bits) - 1):
            leave_out(mask, slot, omitted)


cdef void keep_together(const Extra* extra, uint64_t* mask, Omitted* omitted) noexcept nogil:
    """Leave out the rest of a set of signals of which one is no value."""
    cdef const uint64_t* together = extra.together
    cdef Py_ssize_t number, word
    cdef bint is_whole
    for number in range(extra.together_count):
        is_whole = True
        for word in range(extra.mask_words):
            is_whole &= together[word] & ~mask[word] == 0
        for word in range(0 if is_whole else extra.mask_words):
            omitted.not_available += bit_count(mask[word] & together[word])
            mask[word] &= ~together[word]
        together += extra.mask_words


cdef bint decode_any(const Message* message, const uint8_t* data, Py_ssize_t readable, Py_ssize_t length,
                     uint64_t* mask, Omitted* omitted) noexcept nogil:
    """Fill `mask` and the slots after it. Return whether any signal is there.

    `readable` bytes of `data` may be read; `length` of them are payload.
    """
    cdef uint64_t words[BUFFER_WORDS]
    cdef const uint8_t* buffer = <const uint8_t*>words
    cdef const Extra* extra = <const Extra*>message.extra
    cdef uint64_t* slots = mask + extra.mask_words
    cdef Py_ssize_t number
    fill_buffer(words, data, readable, extra.capacity)
    words[2 * extra.capacity // 8] = 0
    for number in range(extra.mask_words):
        mask[number] = extra.mask[number]
    if length < message.need_bytes:
        drop_short(mask, extra, length, omitted)
    unpack_scattered(extra.ops, extra.op_count, buffer, slots)
    for number in range(extra.special_count):
        if extra.specials[number].kind <= SPECIAL_BIG_9:
            slots[extra.specials[number].slot] = nine_bytes(&extra.specials[number], buffer)
    run_selectors(extra, buffer, length, mask, slots, omitted)
    run_floats(extra, mask, slots, omitted)
    if extra.makes_values:
        make_values(extra, data, length, mask, slots, omitted)
        drop_not_available(extra, mask, slots, omitted)
        keep_together(extra, mask, omitted)
    else:
        drop_not_available(extra, mask, slots, omitted)
    cdef uint64_t any_there = 0
    for number in range(extra.mask_words):
        any_there |= mask[number]
    return any_there != 0


cdef void unpack_plain(UnpackRows* unpack, PlainRows* plain) noexcept nogil:
    """Fill the slots of the rows, and forget the rows. Equal lengths go together, so that branches are predicted."""
    cdef unsigned fours
    for fours in range(1, MOST_FOURS + 1):
        if plain.counts[fours]:
            unpack(plain.rows[fours], plain.counts[fours], fours)
            plain.counts[fours] = 0


cdef void set_protection_flag(const Message* message, uint8_t flags, uint64_t* mask) noexcept nogil:
    """Set the flag that follows the signals, where the message has one."""
    cdef const Extra* extra = <const Extra*>message.extra
    if extra.reports_protection:
        mask[extra.protection_slot // 64] |= <uint64_t>1 << (extra.protection_slot % 64)
        mask[extra.mask_words + extra.protection_slot] = (flags & FLAG_WRONG) == 0


cdef inline uint16_t sender_tags(const Binding* binding, uint32_t id) noexcept nogil:
    if not binding.has_sender_tags:
        return binding.tags
    return binding.sender_tags + <uint16_t>(id & 0xFF)


cdef class Decoder:
    """Decodes frames of any number of channels by one Plan. It keeps only counts.

    With `portable` it uses no instructions that only some processors have. The rows are the same.
    """

    def __cinit__(self, Plan plan not None, *, bint portable=False):
        cdef UnpackRows* vector = NULL if portable else vector_unpack_rows()
        self.plan = plan
        self.names = [None if spec.hidden else spec.measurement for spec in plan.spec.records]
        self.is_portable = vector == NULL
        self.unpack = unpack_rows if vector == NULL else vector
        self.bindings = <Binding*>calloc(CHANNELS, sizeof(Binding))
        self.channel_counts = <Counts*>calloc(CHANNELS, sizeof(Counts))
        self.rows_made = <uint64_t*>calloc(max(plan.schema.record_count, 1), sizeof(uint64_t))
        if self.bindings == NULL or self.channel_counts == NULL or self.rows_made == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.bindings)
        free(self.channel_counts)
        free(self.rows_made)

    def bind(self, uint16_t channel, Py_ssize_t bus, uint16_t tags, sender_tags=None):
        """Set a channel's bus, by its index in the plan (-1: no database), and its tag set, by index.

        `sender_tags` is the index of the first of 256 tag sets, by source address, for messages matched by PGN.
        Raises IndexError for a bus that the plan does not have.
        """
        if not -1 <= bus < self.plan.bus_count:
            raise IndexError(f"the plan has no bus {bus}")
        self.bindings[channel].bus = <uint16_t>(bus + 1)
        self.bindings[channel].tags = tags
        self.bindings[channel].has_sender_tags = sender_tags is not None
        self.bindings[channel].sender_tags = 0 if sender_tags is None else sender_tags

    def decode(self, FrameBatch frames not None, SampleBatch samples not None):
        """Append a row to `samples` for each frame that a database knows and that has a valid signal.

        Raises ValueError when `samples` has another schema than the plan.
        """
        if samples.schema is not self.plan.schema:
            raise ValueError("the samples are of another schema than the plan's")
        cdef Py_ssize_t start = 0
        cdef bint enough = True
        with nogil:
            while start < frames.count and enough:
                enough = self._decode_block(&frames.frames[start], min(BLOCK, frames.count - start),
                                            frames.payloads, samples)
                start += BLOCK
        if not enough:
            raise MemoryError

    cdef bint _decode_block(self, const Frame* frames, Py_ssize_t count, const uint8_t* payloads,
                            SampleBatch samples) noexcept nogil:
        # All in local variables: the compiler must assume that each word written may change any object.
        cdef const Message* found[BLOCK]
        cdef PlainRows plain
        cdef PlainRow* added
        cdef const Binding* bindings = self.bindings
        cdef Counts* channel_counts = self.channel_counts
        cdef uint64_t* rows_made = self.rows_made
        cdef const Bus* buses = self.plan.buses
        cdef const Bus* bus
        cdef char* cache_lines = self.plan.cache_lines
        cdef const Message* message
        cdef const Frame* frame
        cdef uint32_t cache_line
        cdef Py_ssize_t index, rows = 0
        cdef uint64_t* row
        cdef uint64_t* end
        cdef RowHead* head
        memset(plain.counts, 0, sizeof(plain.counts))
        for index in range(count):
            frame = &frames[index]
            prefetch(&frames[index + BLOCK])
            if frame.id & ID_EXTENDED:
                bus = &buses[bindings[frame.channel].bus]
                prefetch(&bus.extended[id_slot(bus, pgn_key(frame.id) if bus.by_pgn else frame.id & ID_MASK)])
        for index in range(count):
            frame = &frames[index]
            if frame.flags < FLAG_PAYLOAD and not frame.id & (ID_ERROR | ID_REMOTE):
                bus = &buses[bindings[frame.channel].bus]
                if frame.id < STANDARD_IDS:
                    cache_line = bus.standard[frame.id]
                elif frame.id & ID_EXTENDED:
                    cache_line = find_extended(bus, frame.id & ID_MASK)
                else:
                    cache_line = 0
                channel_counts[frame.channel].matched[cache_line != 0] += 1
            else:
                cache_line = self._find_any(frame)
            message = message_at(cache_lines, cache_line)
            found[index] = message
            prefetch(message)
            prefetch(<const char*>message + CACHE_LINE_BYTES)
        row = samples.words + samples.used
        end = samples.words + samples.room
        for index in range(count):
            message = found[index]
            if message.row_words == 0:
                continue
            if <size_t>(end - row) < message.row_words:
                unpack_plain(self.unpack, &plain)
                samples.used = row - samples.words
                if not samples.make_room(message.row_words):
                    return False
                row = samples.words + samples.used
                end = samples.words + samples.room
            frame = &frames[index]
            head = <RowHead*>row
            head.time_ns = frame.time_ns
            head.record = message.record
            head.tags = bindings[frame.channel].tags
            if message.by_pgn or (frame.flags & FLAG_BY_PGN and not message.is_masked):
                head.tags = sender_tags(&bindings[frame.channel], frame.id)
            head.channel = frame.channel
            head.id = frame.id
            head.nudge_ns = frame.nudge_ns
            if message.shape == SHAPE_PLAIN and frame.length >= message.need_bytes:
                row[HEAD_WORDS] = message.mask
                added = &plain.rows[message.four_count][plain.counts[message.four_count]]
                plain.counts[message.four_count] += 1
                added.fours = message.fours
                added.data = payload(frame, payloads)
                added.slots = row + HEAD_WORDS + 1
            elif not decode_any(message, payload(frame, payloads), max(INLINE_PAYLOAD, frame.length), frame.length,
                                row + HEAD_WORDS, &self.omitted_signals):
                continue
            elif frame.flags & FLAG_CHECKED:  # a checked message is never plain
                set_protection_flag(message, frame.flags, row + HEAD_WORDS)
            rows_made[message.record] += 1
            rows += 1
            row += message.row_words
        unpack_plain(self.unpack, &plain)
        samples.used = row - samples.words
        samples.rows += rows
        return True

    cdef uint32_t find(self, const Frame* frame) noexcept nogil:
        """The cache line of the message that a data frame or a payload carries; 0: no database has one."""
        cdef uint16_t number = self.bindings[frame.channel].bus
        cdef const Bus* bus = &self.plan.buses[number]
        if frame.flags & FLAG_BY_PGN:
            bus = &self.plan.buses_by_pgn[number]
        if frame.id & ID_EXTENDED:
            return find_extended(bus, frame.id & ID_MASK)
        return bus.standard[frame.id] if frame.id < STANDARD_IDS else 0

    cdef uint32_t _find_any(self, const Frame* frame) noexcept nogil:
        """The cache line of the message that a frame of any kind carries. Counts the frame."""
        cdef Counts* counts = &self.channel_counts[frame.channel]
        cdef uint32_t cache_line = 0
        if frame.id & ID_ERROR:
            counts.error_frames += 1
        elif frame.id & ID_REMOTE:
            counts.remote_frames += 1
        else:
            cache_line = self.find(frame)
            if frame.flags & FLAG_PAYLOAD:
                counts.payloads[cache_line != 0] += 1
            else:
                counts.matched[cache_line != 0] += 1
        return cache_line

    def counts(self, uint16_t channel):
        """Return what became of the channel's frames, each in exactly one count."""
        cdef Counts* counts = &self.channel_counts[channel]
        return {
            "decoded": counts.matched[1],
            "unknown": counts.matched[0],
            "lost/error_frame": counts.error_frames,
            "lost/remote_frame": counts.remote_frames,
        }

    def payloads(self, uint16_t channel):
        """Return the number of reassembled payloads with and without a message in the plan."""
        cdef Counts* counts = &self.channel_counts[channel]
        return {"decoded": counts.payloads[1], "unknown": counts.payloads[0]}

    def omitted(self):
        """Return the number of signals left out of decoded frames, by reason."""
        return {
            "short_frame": self.omitted_signals.short_frame,
            "not_a_number": self.omitted_signals.not_a_number,
            "not_available": self.omitted_signals.not_available,
            "unknown_multiplexer_value": self.omitted_signals.unknown_multiplexer_value,
        }

    def made(self):
        """Return the number of rows by measurement, without zeros and without hidden records."""
        cdef Py_ssize_t record
        cdef dict rows = {}
        for record in range(len(self.names)):
            if self.rows_made[record]:
                name = self.names[record]
                if name is not None:
                    rows[name] = rows.get(name, 0) + self.rows_made[record]
        return rows
