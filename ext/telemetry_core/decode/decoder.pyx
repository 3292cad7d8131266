"""The decoder: a batch of frames in, a batch of rows of raw signal values out.

Promises:

- Rows come in the order of their frames.
- Every frame counts once: as decoded, as of a message without signals, as unknown, or as lost by reason.
- Any signal is decoded whose bits are in the payload and which is selected (any_shape.pyx). Others count by reason.
- The loop makes no Python object and does not hold the GIL.

Relies on FrameBatch: bytes past `length` are zero.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from telemetry_core.decode.any_shape cimport decode_any
from telemetry_core.decode.message cimport CACHE_LINE_BYTES, MOST_FOURS, SHAPE_PLAIN, Extra, Message
from telemetry_core.decode.plan cimport (
    STANDARD_IDS, Bus, Plan, find_answer, find_extended, find_line, id_slot, message_at, pgn_key,
)
from telemetry_core.frames.batch cimport (
    FLAG_BY_PGN, FLAG_CHECKED, FLAG_PAYLOAD, FLAG_WRONG, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, INLINE_PAYLOAD,
    Frame, FrameBatch, payload,
)
from telemetry_core.memory cimport zeroed
from telemetry_core.rows.access cimport J1939_SENDER, sender_in
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS

cdef extern from "telemetry_core/decode/unpack.h":
    void unpack_rows(const PlainRow* rows, unsigned count, unsigned fours) noexcept nogil
    UnpackRows* vector_unpack_rows()

cdef extern from *:
    """
    #define prefetch(address) __builtin_prefetch(address)
    """
    void prefetch(const void* address) noexcept nogil

cdef enum:
    BLOCK = 64                   # frames looked up ahead, so that their plans are in the cache when decoded
    CHANNELS = 65536


cdef struct PlainRows:           # of one block, by the number of their fours
    unsigned counts[MOST_FOURS + 1]
    PlainRow rows[MOST_FOURS + 1][BLOCK]


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


cdef inline uint16_t sender_tags(const Binding* binding, uint32_t id, uint32_t mask) noexcept nogil:
    if not binding.has_sender_tags:
        return binding.tags
    return binding.sender_tags + <uint16_t>sender_in(id, mask)


cdef class Decoder:
    """Decodes frames of any number of channels by one Plan. It keeps only counts.

    With `portable` it uses no instructions that only some processors have. The rows are the same.
    `made_prefix` goes before each name in `made`.
    """

    def __cinit__(self, Plan plan not None, *, bint portable=False, str made_prefix=""):
        cdef UnpackRows* vector = NULL if portable else vector_unpack_rows()
        self.plan = plan
        self.names = [None if spec.hidden else made_prefix + spec.measurement for spec in plan.spec.records]
        self.unpack = unpack_rows if vector == NULL else vector
        self.bindings = <Binding*>zeroed(CHANNELS, sizeof(Binding))
        self.channel_counts = <Counts*>zeroed(CHANNELS, sizeof(Counts))
        self.rows_made = <uint64_t*>zeroed(plan.schema.record_count, sizeof(uint64_t))

    def __dealloc__(self):
        free(self.bindings)
        free(self.channel_counts)
        free(self.rows_made)

    def bind(self, uint16_t channel, Py_ssize_t bus, uint16_t tags, sender_tags=None):
        """Set a channel's bus, by its index in the plan (-1: no database), and its tag set, by index.

        `sender_tags` is the index of the first of 256 tag sets, by source address, for messages matched by PGN
        and for those with a `sender_mask`.
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
        with nogil:
            while start < frames.count:
                self._decode_block(&frames.frames[start], min(BLOCK, frames.count - start), frames.payloads, samples)
                start += BLOCK

    cdef int _decode_block(self, const Frame* frames, Py_ssize_t count, const uint8_t* payloads,
                           SampleBatch samples) except -1 nogil:
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
                cache_line = self._find_any(frame, payloads)
            message = message_at(cache_lines, cache_line)
            found[index] = message
            prefetch(message)
            prefetch(<const char*>message + CACHE_LINE_BYTES)
        row = samples.words + samples.used
        end = samples.words + samples.room
        for index in range(count):
            message = found[index]
            if message.row_words == 0:
                if message.extra != NULL and not frames[index].flags & FLAG_PAYLOAD:  # known, and nothing is in it
                    channel_counts[frames[index].channel].without_signals += 1
                continue
            if <size_t>(end - row) < message.row_words:
                unpack_plain(self.unpack, &plain)
                samples.used = row - samples.words
                samples.make_room(message.row_words)
                row = samples.words + samples.used
                end = samples.words + samples.room
            frame = &frames[index]
            head = <RowHead*>row
            head.time_ns = frame.time_ns
            head.record = message.record
            head.tags = bindings[frame.channel].tags
            if message.by_pgn or (frame.flags & FLAG_BY_PGN and not message.is_masked):
                head.tags = sender_tags(&bindings[frame.channel], frame.id, J1939_SENDER)
            elif message.is_masked and (<const Extra*>message.extra).sender_mask:
                head.tags = sender_tags(&bindings[frame.channel], frame.id, (<const Extra*>message.extra).sender_mask)
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
        return 0

    cdef uint32_t find(self, const Frame* frame, const uint8_t* payloads) noexcept nogil:
        """The cache line of the message that a data frame or a payload carries; 0: no database has one."""
        cdef uint16_t bus = self.bindings[frame.channel].bus
        cdef uint32_t cache_line = find_line(self.plan, bus, frame.id, frame.flags & FLAG_BY_PGN)
        if cache_line == 0 and frame.flags & (FLAG_PAYLOAD | FLAG_BY_PGN) == FLAG_PAYLOAD:
            return find_answer(&self.plan.buses[bus], frame.id, payload(frame, payloads), frame.length)
        return cache_line

    cdef uint32_t _find_any(self, const Frame* frame, const uint8_t* payloads) noexcept nogil:
        """The cache line of the message that a frame of any kind carries. Counts the frame."""
        cdef Counts* counts = &self.channel_counts[frame.channel]
        cdef uint32_t cache_line = 0
        if frame.id & ID_ERROR:
            counts.error_frames += 1
        elif frame.id & ID_REMOTE:
            counts.remote_frames += 1
        else:
            cache_line = self.find(frame, payloads)
            if frame.flags & FLAG_PAYLOAD:
                counts.payloads[cache_line != 0] += 1
            else:
                counts.matched[cache_line != 0] += 1
        return cache_line

    def counts(self, uint16_t channel):
        """Return what became of the channel's frames, each in exactly one count."""
        cdef Counts* counts = &self.channel_counts[channel]
        return {
            "decoded": counts.matched[1] - counts.without_signals,
            "without_signals": counts.without_signals,
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

    def heard(self):
        """Return the measurements that rows were made of, those of hidden records, too."""
        return {spec.measurement for record, spec in enumerate(self.plan.spec.records) if self.rows_made[record]}
