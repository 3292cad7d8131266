"""The protection stage: checksums and alive counters of frames that are configured to have them.

Promises:
- It judges every frame of a protected message once, in order, and counts what is wrong with it.
- It keeps the frame, marks it for the decoder (FLAG_CHECKED, FLAG_WRONG) or drops it, as its rule says.
- Of all other frames it reads an id and one byte of a table.
- The result depends on the frames and their stamps alone, not on how they were batched.
- It makes no Python object per frame.

Relies on AUTOSAR's E2E protocol specification for what a checksum covers: the bytes of the payload in their order
without the checksum's own, and the bytes of a data id before or after them. The plan says which message a frame is. So
J1939 is matched as the decoder does; there each sender has a counter of its own.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free

from telemetry_core.frames.batch cimport (
    FLAG_BY_PGN, FLAG_CHECKED, FLAG_PAYLOAD, FLAG_WRONG, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, Frame, FrameBatch,
    payload,
)
from telemetry_core.memory cimport resized, zeroed
from telemetry_core.decode.plan cimport STANDARD_IDS, Plan, find_line

from telemetry_core.rules.protection_spec import Checksum, DataId

cdef enum:
    MOST_COUNTER_BITS = 16
    DATA_IDS = 16

cdef struct Rule:
    uint16_t byte_count
    uint16_t checksum_byte
    uint16_t data_ids[DATA_IDS]
    uint16_t counter_bits[MOST_COUNTER_BITS]
    uint16_t counter_bit_count
    uint16_t nibble_bit
    uint32_t counter_most
    uint32_t most_skipped
    int64_t timeout_ns
    uint32_t first_state         # of the channel's states: one, or with an extended id one for each sender
    uint8_t checksum             # protection_spec.Checksum
    uint8_t data_id              # protection_spec.DataId
    uint8_t action               # protection_spec.Action

cdef struct State:               # of one message of one sender on one channel
    int64_t last_ns
    int32_t last_counter         # -1: none yet

cdef struct RuleCounts:
    uint64_t wrong_crc
    uint64_t repeated
    uint64_t skipped

cdef struct Guard:               # of one channel
    uint16_t bus                 # index into Plan.buses
    uint64_t dropped_crc         # frames, without payloads of several
    uint64_t dropped_counter
    State* states
    RuleCounts* counts           # of each rule

cdef enum:
    CHANNELS = 65536
    SENDERS = 256
    EXTENDED_SLOTS = 512         # PDU format and data page: the part of an id that all frames of a PGN share
    SLOTS = STANDARD_IDS + EXTENDED_SLOTS

    CRC8_J1850 = 1               # protection_spec.Checksum
    CRC8_PROFILE_1 = 2
    CRC8_H2F = 3
    CRC16_CCITT = 4

    ID_BOTH = 1                  # protection_spec.DataId
    ID_ALTERNATING = 2
    ID_LOW = 3
    ID_NIBBLE = 4
    ID_BY_COUNTER = 5
    ID_AFTER = 6

    ACTION_FLAG = 1              # protection_spec.Action
    ACTION_DROP = 2

    PASSES = 0                   # verdicts on a frame
    IS_MARKED_RIGHT = 1
    IS_MARKED_WRONG = 2
    IS_DROPPED = 3

    IN_ORDER = 0                 # what a counter is
    OUT_OF_ORDER = 1

cdef uint8_t J1850_TABLE[256]
cdef uint8_t H2F_TABLE[256]
cdef uint16_t CCITT_TABLE[256]


cdef uint32_t _remainder(uint32_t byte, uint32_t polynomial, int bits) noexcept:
    cdef uint32_t remainder = byte << (bits - 8)
    cdef int step
    for step in range(8):
        remainder = remainder << 1 ^ (polynomial if remainder >> (bits - 1) & 1 else 0)
    return remainder & ((<uint32_t>1 << bits) - 1)


cdef void _fill_tables() noexcept:
    cdef uint32_t byte
    for byte in range(256):
        J1850_TABLE[byte] = <uint8_t>_remainder(byte, 0x1D, 8)
        H2F_TABLE[byte] = <uint8_t>_remainder(byte, 0x2F, 8)
        CCITT_TABLE[byte] = <uint16_t>_remainder(byte, 0x1021, 16)


_fill_tables()


cdef inline uint8_t crc8(const uint8_t* table, uint8_t crc, const uint8_t* data, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(count):
        crc = table[crc ^ data[index]]
    return crc


cdef inline uint16_t crc16(uint16_t crc, const uint8_t* data, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(count):
        crc = <uint16_t>(crc << 8) ^ CCITT_TABLE[(crc >> 8) ^ data[index]]
    return crc


def crc8_j1850(const uint8_t[::1] data not None):
    """CRC-8 of SAE J1850: polynomial 0x1D, start and xor 0xFF."""
    return crc8(J1850_TABLE, 0xFF, &data[0] if data.shape[0] else NULL, data.shape[0]) ^ 0xFF


def crc8_h2f(const uint8_t[::1] data not None):
    """CRC-8H2F of AUTOSAR's CRC library: polynomial 0x2F, start and xor 0xFF."""
    return crc8(H2F_TABLE, 0xFF, &data[0] if data.shape[0] else NULL, data.shape[0]) ^ 0xFF


def crc16_ccitt(const uint8_t[::1] data not None):
    """CRC-16 of CCITT as AUTOSAR has it: polynomial 0x1021, start 0xFFFF."""
    return crc16(0xFFFF, &data[0] if data.shape[0] else NULL, data.shape[0])


cdef uint8_t wanted_crc8(const Rule* rule, const uint8_t* data, uint32_t counter) noexcept nogil:
    cdef const uint8_t* table = &H2F_TABLE[0] if rule.checksum == CRC8_H2F else &J1850_TABLE[0]
    cdef uint8_t edge = 0x00 if rule.checksum == CRC8_PROFILE_1 else 0xFF
    cdef uint8_t crc = edge
    cdef uint8_t id_bytes[2]
    cdef Py_ssize_t id_count = 0
    id_bytes[0] = rule.data_ids[0] & 0xFF
    id_bytes[1] = rule.data_ids[0] >> 8
    if rule.data_id == ID_BOTH:
        id_count = 2
    elif rule.data_id == ID_LOW:
        id_count = 1
    elif rule.data_id == ID_NIBBLE:
        id_bytes[1] = 0
        id_count = 2
    elif rule.data_id == ID_ALTERNATING:
        id_bytes[0] = id_bytes[counter & 1]
        id_count = 1
    crc = crc8(table, crc, id_bytes, id_count)
    crc = crc8(table, crc, data, rule.checksum_byte)
    crc = crc8(table, crc, data + rule.checksum_byte + 1, rule.byte_count - rule.checksum_byte - 1)
    if rule.data_id == ID_BY_COUNTER:
        crc = table[crc ^ rule.data_ids[counter % DATA_IDS]]
    return crc ^ edge


cdef uint16_t wanted_crc16(const Rule* rule, const uint8_t* data) noexcept nogil:
    cdef uint8_t id_bytes[2]
    cdef uint16_t crc
    id_bytes[0] = rule.data_ids[0] & 0xFF
    id_bytes[1] = rule.data_ids[0] >> 8
    crc = crc16(0xFFFF, data, rule.checksum_byte)
    crc = crc16(crc, data + rule.checksum_byte + 2, rule.byte_count - rule.checksum_byte - 2)
    return crc16(crc, id_bytes, 2) if rule.data_id == ID_AFTER else crc


cdef bint is_intact(const Rule* rule, const uint8_t* data, uint32_t counter) noexcept nogil:
    """Return whether the checksum of a frame that is long enough is right."""
    cdef uint32_t nibble
    if rule.checksum == CRC16_CCITT:
        return wanted_crc16(rule, data) == data[rule.checksum_byte] + (data[rule.checksum_byte + 1] << 8)
    if rule.data_id == ID_NIBBLE:
        nibble = data[rule.nibble_bit // 8] >> (rule.nibble_bit % 8) & 0xF
        if nibble != (rule.data_ids[0] >> 8 & 0xF):
            return False
    return not rule.checksum or wanted_crc8(rule, data, counter) == data[rule.checksum_byte]


cdef uint32_t read_counter(const Rule* rule, const uint8_t* data) noexcept nogil:
    cdef uint32_t counter = 0
    cdef uint16_t index, bit
    for index in range(rule.counter_bit_count):
        bit = rule.counter_bits[index]
        counter = counter << 1 | (data[bit // 8] >> (bit % 8) & 1)
    return counter


cdef inline uint32_t _slot(uint32_t id) noexcept nogil:
    """Return where `watched` says whether frames of this id, with its ID_* bits, may be protected."""
    if id & ID_EXTENDED:
        return STANDARD_IDS + (id >> 16 & (EXTENDED_SLOTS - 1))
    return id & (STANDARD_IDS - 1)


_FAULTS = ("wrong_crc", "repeated", "skipped")


cdef class Protection:
    """Judges the frames of any number of channels by rules for messages of one Plan.

    Raises ValueError for a rule that no frame matches, that protects a message twice, or that does not fit its frame.
    """

    cdef readonly Plan plan
    cdef readonly tuple specs
    cdef list numbers            # by bus: the rules' numbers
    cdef Rule* rules
    cdef Py_ssize_t rule_count
    cdef uint32_t state_count    # of a channel
    cdef uint8_t* watched        # by bus: which ids may be protected, see `_slot`
    cdef uint16_t* rule_of_line  # by line of the plan: the rule's number + 1
    cdef uint32_t line_count
    cdef Guard* guards           # one for each 16-bit channel number
    cdef uint8_t* verdicts       # of the frames of a batch
    cdef Py_ssize_t verdict_room
    cdef FrameBatch out

    def __cinit__(self, Plan plan not None, rules):
        self.plan = plan
        self.specs = tuple(rules)
        self.rule_count = len(self.specs)
        self.rules = <Rule*>zeroed(self.rule_count, sizeof(Rule))
        self.watched = <uint8_t*>zeroed((plan.bus_count + 1) * SLOTS, 1)
        self.guards = <Guard*>zeroed(CHANNELS, sizeof(Guard))
        ids = [_id_of(plan, spec) for spec in self.specs]
        lines = [find_line(plan, spec.bus + 1, id, False) for spec, id in zip(self.specs, ids)]
        self.line_count = max(lines, default=0) + 1
        self.rule_of_line = <uint16_t*>zeroed(self.line_count, sizeof(uint16_t))
        for number, spec in enumerate(self.specs):
            if not lines[number] or self.rule_of_line[<uint32_t>lines[number]]:
                raise ValueError(f"{spec.name}: is matched by no frame, or protected twice")
            self.rule_of_line[<uint32_t>lines[number]] = <uint16_t>(number + 1)
            self._watch(spec.bus, ids[number])
            _pack_rule(&self.rules[number], spec)
            self.rules[number].first_state = self.state_count
            self.state_count += SENDERS if ids[number] & ID_EXTENDED else 1
        self.out = FrameBatch(1)

    def __dealloc__(self):
        cdef Py_ssize_t channel
        if self.guards != NULL:
            for channel in range(CHANNELS):
                free(self.guards[channel].states)
                free(self.guards[channel].counts)
        free(self.guards)
        free(self.rules)
        free(self.watched)
        free(self.rule_of_line)
        free(self.verdicts)

    def bind(self, uint16_t channel, Py_ssize_t bus):
        """Judge `channel` as this bus of the plan (-1: none), and forget what was remembered of it.

        Raises IndexError for an unknown bus.
        """
        if not -1 <= bus < self.plan.bus_count:
            raise IndexError(f"the plan has no bus {bus}")
        cdef Guard* guard = &self.guards[channel]
        cdef uint32_t index
        free(guard.states)
        free(guard.counts)
        guard.states = NULL
        guard.counts = NULL
        guard.bus = 0
        guard.states = <State*>zeroed(self.state_count, sizeof(State))
        guard.counts = <RuleCounts*>zeroed(self.rule_count, sizeof(RuleCounts))
        for index in range(self.state_count):
            guard.states[index].last_counter = -1
        guard.bus = <uint16_t>(bus + 1)

    cdef object _watch(self, Py_ssize_t bus, uint32_t id):
        """Look at frames of this id, and of those that are the same under the bus's masks."""
        cdef uint8_t* watched = self.watched + (bus + 1) * SLOTS
        spec = self.plan.spec.buses[bus]
        cdef uint32_t mask = spec.extended_mask if id & ID_EXTENDED else spec.standard_mask
        cdef uint32_t bits = ID_MASK if id & ID_EXTENDED else STANDARD_IDS - 1
        cdef uint32_t slot
        watched[_slot(id)] = 1
        if mask != bits:
            for slot in range(SLOTS):
                watched[slot] = 1

    def check(self, FrameBatch frames not None):
        """Return the frames for the decoder.

        This is `frames` itself where no frame is marked or dropped. Otherwise it is a batch that is valid until the next
        call.
        """
        cdef Py_ssize_t index, start = 0
        cdef bint is_changed
        if self.verdict_room < frames.count:
            self.verdicts = <uint8_t*>resized(self.verdicts, frames.count)
            self.verdict_room = frames.count
        with nogil:
            is_changed = self._run(frames)
        if not is_changed:
            return frames
        if self.out.capacity < frames.count:
            self.out = FrameBatch(frames.capacity)
        self.out.clear()
        self.out.position = frames.position
        for index in range(frames.count):
            if self.verdicts[index] == IS_DROPPED:
                self._take(frames, start, index)
                start = index + 1
        self._take(frames, start, frames.count)
        return self.out

    cdef object _take(self, FrameBatch frames, Py_ssize_t start, Py_ssize_t stop):
        """Copy a run of frames, with the marks that they got."""
        cdef Frame* copies = &self.out.frames[self.out.count]
        cdef Py_ssize_t index
        self.out._copy(frames, start, stop)
        for index in range(start, stop):
            if self.verdicts[index] == IS_MARKED_WRONG:
                copies[index - start].flags |= FLAG_CHECKED | FLAG_WRONG
            elif self.verdicts[index] == IS_MARKED_RIGHT:
                copies[index - start].flags |= FLAG_CHECKED

    def counts(self, uint16_t channel):
        """Count the frames that go no further, each in one count, without payloads of several frames."""
        return {
            "lost/bad_crc": self.guards[channel].dropped_crc,
            "lost/bad_counter": self.guards[channel].dropped_counter,
        }

    def message_counts(self, uint16_t channel):
        """Count frames and payloads with a fault, dropped or not, by `NAME/FAULT`, without zeros."""
        cdef Guard* guard = &self.guards[channel]
        cdef RuleCounts* found
        counts = {}
        cdef Py_ssize_t number
        for number, spec in enumerate(self.specs if guard.counts != NULL else ()):
            found = &guard.counts[number]
            for name, count in zip(_FAULTS, (found.wrong_crc, found.repeated, found.skipped)):
                if count:
                    counts[f"{spec.name}/{name}"] = count
        return counts

    def countable(self, Py_ssize_t bus):
        """Return the names that `counts` and `message_counts` can have for channels of this bus, as two lists."""
        specs = [spec for spec in self.specs if spec.bus == bus]
        drops = any(spec.action == ACTION_DROP for spec in specs)
        return list(self.counts(0)) if drops else [], [f"{spec.name}/{fault}" for spec in specs for fault in _FAULTS]

    cdef uint32_t _rule_number(self, const Frame* frame) noexcept nogil:
        """Return the number of the frame's rule; the number of rules, if the frame has none."""
        cdef uint16_t number = self.guards[frame.channel].bus
        cdef uint32_t line
        if not self.watched[number * SLOTS + _slot(frame.id)] or frame.id & (<uint32_t>ID_ERROR | ID_REMOTE):
            return <uint32_t>self.rule_count
        line = find_line(self.plan, number, frame.id, frame.flags & FLAG_BY_PGN)
        if line >= self.line_count or not self.rule_of_line[line]:
            return <uint32_t>self.rule_count
        return self.rule_of_line[line] - 1

    cdef bint _run(self, FrameBatch frames) noexcept nogil:
        """Fill in the verdicts; return whether any is not PASSES."""
        cdef Py_ssize_t index
        cdef uint32_t number
        cdef const Frame* frame
        cdef int changes = PASSES
        for index in range(frames.count):
            frame = &frames.frames[index]
            number = self._rule_number(frame)
            self.verdicts[index] = PASSES
            if number != <uint32_t>self.rule_count:
                self.verdicts[index] = <uint8_t>self._verdict(frame, number, payload(frame, frames.payloads))
                changes |= self.verdicts[index]
        return changes != PASSES

    cdef int _verdict(self, const Frame* frame, uint32_t number, const uint8_t* data) noexcept nogil:
        cdef Guard* guard = &self.guards[frame.channel]
        cdef const Rule* rule = &self.rules[number]
        cdef RuleCounts* counts = &guard.counts[number]
        cdef State* state = &guard.states[rule.first_state + (frame.id & 0xFF if frame.id & ID_EXTENDED else 0)]
        cdef bint is_frame = not frame.flags & FLAG_PAYLOAD
        cdef uint32_t counter = 0
        cdef bint is_right = frame.length >= rule.byte_count
        if is_right:
            counter = read_counter(rule, data)
            is_right = is_intact(rule, data, counter)
        if not is_right:
            counts.wrong_crc += 1
            guard.dropped_crc += is_frame and rule.action == ACTION_DROP
        elif rule.counter_bit_count:
            is_right = self._judge_counter(rule, state, counts, frame.time_ns, counter) == IN_ORDER
            guard.dropped_counter += is_frame and rule.action == ACTION_DROP and not is_right
        if rule.action == ACTION_FLAG:
            return IS_MARKED_RIGHT if is_right else IS_MARKED_WRONG
        return IS_DROPPED if rule.action == ACTION_DROP and not is_right else PASSES

    cdef int _judge_counter(self, const Rule* rule, State* state, RuleCounts* counts, int64_t time_ns,
                            uint32_t counter) noexcept nogil:
        """Judge the counter of an intact frame, and remember it as the last one."""
        cdef int64_t last = state.last_counter
        cdef uint64_t silence_ns = (<uint64_t>time_ns - <uint64_t>state.last_ns if time_ns >= state.last_ns
                                    else <uint64_t>state.last_ns - <uint64_t>time_ns)
        cdef int64_t values = <int64_t>rule.counter_most + 1
        cdef int64_t ahead
        state.last_ns = time_ns
        if counter > rule.counter_most:  # not a value of the counter: nothing can follow it
            state.last_counter = -1
            counts.skipped += 1
            return OUT_OF_ORDER
        state.last_counter = <int>counter
        if last < 0 or silence_ns > <uint64_t>rule.timeout_ns:
            return IN_ORDER
        ahead = (counter - last + values) % values
        if ahead == 0:
            counts.repeated += 1
            return OUT_OF_ORDER
        if ahead == 1:
            return IN_ORDER
        counts.skipped += 1
        return IN_ORDER if ahead - 1 <= rule.most_skipped else OUT_OF_ORDER


cdef object _id_of(Plan plan, spec):
    """Return the id, with its ID_* bits, of the message that a rule is for."""
    message = plan.spec.buses[spec.bus].messages[spec.message]
    return message.arbitration_id | (<uint32_t>ID_EXTENDED if message.extended else 0)


cdef object _pack_rule(Rule* rule, spec):
    """Raises ValueError for places outside `byte_count` bytes, or a wrong number of data ids."""
    checksum_bytes = {Checksum.NONE: 0, Checksum.CRC16_CCITT: 2}.get(spec.checksum, 1)
    ends = [spec.checksum_byte + checksum_bytes, *(bit // 8 + 1 for bit in spec.counter_bits)]
    if spec.data_id is DataId.NIBBLE:
        ends.append((spec.nibble_bit + 3) // 8 + 1)
    if max(ends) > spec.byte_count:
        raise ValueError(f"{spec.name}: {max(ends)} bytes needed, and {spec.byte_count} protected")
    if spec.nibble_bit % 8 > 4 or len(spec.counter_bits) > MOST_COUNTER_BITS:
        raise ValueError(f"{spec.name}: a nibble over two bytes, or a counter of too many bits")
    wanted_ids = {DataId.NONE: 0, DataId.BY_COUNTER: DATA_IDS}.get(spec.data_id, 1)
    if len(spec.data_ids) != wanted_ids:
        raise ValueError(f"{spec.name}: {len(spec.data_ids)} data ids, and not {wanted_ids}")
    rule.byte_count = spec.byte_count
    rule.checksum = int(spec.checksum)
    rule.checksum_byte = spec.checksum_byte
    rule.data_id = int(spec.data_id)
    for index, data_id in enumerate(spec.data_ids):
        rule.data_ids[<int>index] = data_id
    for index, bit in enumerate(spec.counter_bits):
        rule.counter_bits[<int>index] = bit
    rule.counter_bit_count = len(spec.counter_bits)
    rule.nibble_bit = spec.nibble_bit
    rule.counter_most = spec.counter_most
    rule.most_skipped = spec.most_skipped
    rule.timeout_ns = spec.timeout_ns
    rule.action = int(spec.action)
