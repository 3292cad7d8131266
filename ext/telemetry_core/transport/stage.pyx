"""The transport stage: payloads of J1939 (BAM, RTS/CTS) and ISO-TP sessions, put together by listening alone.

Promises:

- Frames come out in their order. A payload comes in the place of the frame that completed it, with its stamp.
- A payload is exact to the announced length.
- A session's frames go no further (`absorbed`, or lost with it). Frames of no session go on.
- What comes out depends on the frames and their stamps alone, not on the batches.
- Sessions bound the memory.

Relies on `j1939` and `isotp` for what a frame means.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free

from telemetry_core.frames.batch cimport Frame, FrameBatch, payload
from telemetry_core.memory cimport zeroed
from telemetry_core.transport.isotp cimport IsoTpRule, take_isotp
from telemetry_core.transport.j1939 cimport may_concern, take_j1939
from telemetry_core.decode.plan cimport Plan
from telemetry_core.transport.reassembled cimport pass_on
from telemetry_core.transport.sessions cimport CHANNELS, END_UNFINISHED, Sessions

cdef enum:
    SLOT_BITS = 12               # of the slot that an id leads to: so many that most ids lead to a free one

cdef struct Listening:           # on one channel
    uint16_t bus                 # index into Plan.buses
    uint8_t j1939
    IsoTpRule* rules             # an id's from its slot on, before one that is free; NULL: no id is named

_ENDS = ("complete", "timeout", "restarted", "aborted", "lost_packets", "malformed", "too_long", "evicted",
         "unfinished")


cdef inline uint32_t rule_slot(uint32_t id) noexcept nogil:
    return (id * <uint32_t>2654435769) >> (32 - SLOT_BITS)


cdef inline IsoTpRule* find_rule(const Listening* listening, uint32_t id) noexcept nogil:
    """The rule of the id; where none is, the free slot that it would have."""
    cdef IsoTpRule* rule = listening.rules + rule_slot(id)
    while rule.is_used and rule.id != id:
        rule += 1
    return rule


cdef inline const IsoTpRule* rule_of(const Listening* listening, const Frame* frame) noexcept nogil:
    """The rule by which the frame is listened to; NULL: its id is not named."""
    cdef const IsoTpRule* rule
    if listening.rules == NULL:
        return NULL
    rule = find_rule(listening, frame.id)
    return rule if rule.is_used else NULL


cdef inline bint hears(const Listening* listening, const Frame* frame) noexcept nogil:
    return listening.j1939 and may_concern(frame)


cdef class Transport:
    """Follows sessions on any number of channels. `plan` says which ids are known.

    `is_idle`: nothing is listened for on any channel, and all counts are 0.
    """

    cdef readonly Plan plan
    cdef Sessions sessions       # of both protocols
    cdef Listening* listening    # one for each 16-bit channel number
    cdef readonly bint is_idle   # nothing is listened for on any channel
    cdef FrameBatch out

    def __cinit__(self, Plan plan not None):
        self.plan = plan
        self.sessions = Sessions()
        self.listening = <Listening*>zeroed(CHANNELS, sizeof(Listening))
        self.is_idle = True
        self.out = FrameBatch(1)

    def __dealloc__(self):
        cdef Py_ssize_t channel
        if self.listening != NULL and not self.is_idle:
            for channel in range(CHANNELS):
                free(self.listening[channel].rules)
        free(self.listening)

    def bind(self, uint16_t channel, Py_ssize_t bus, *, bint j1939=False, isotp=(), int64_t least_wait_ns=0):
        """Set what to listen for on a channel, and which bus of the plan it is (-1: none).

        `isotp` holds, once for each id: the id with its ID_* bits, whether addressing is extended, and whether the
        low byte of its length precedes the payload. No limit of time is shorter than `least_wait_ns`: a simulator
        that runs fast multiplies what the machine delays. Raises IndexError for a bus that the plan does not have.
        """
        if not -1 <= bus < self.plan.bus_count:
            raise IndexError(f"the plan has no bus {bus}")
        cdef Listening* listening = &self.listening[channel]
        cdef IsoTpRule* rules = <IsoTpRule*>zeroed((1 << SLOT_BITS) + len(isotp), sizeof(IsoTpRule)) if isotp else NULL
        cdef IsoTpRule* rule
        free(listening.rules)
        listening.rules = rules
        for id, extended_addressing, with_length in isotp:
            rule = find_rule(listening, id)
            if not rule.is_used:
                rule[0] = IsoTpRule(id, bool(extended_addressing), bool(with_length), True)
        listening.bus = <uint16_t>(bus + 1)
        listening.j1939 = j1939
        self.sessions.least_ns[channel] = least_wait_ns
        if j1939 or isotp:
            self.is_idle = False

    def reassemble(self, FrameBatch frames not None):
        """Return the frames for the decoder.

        That is `frames` itself when no frame of it concerns a session. Otherwise it is a batch that is valid until
        the next call.
        """
        cdef Py_ssize_t first
        if self.is_idle:
            return frames
        with nogil:
            first = self._first(frames)
        if first == frames.count:
            return frames
        if self.out.capacity < 2 * frames.count:  # each frame completes one payload at most
            self.out = FrameBatch(2 * frames.count)
        self.out.clear()
        self.out.position = frames.position
        with nogil:
            self._run(frames)
        return self.out

    def counts(self, uint16_t channel):
        """Return the number of frames that went no further, by name.

        `absorbed` counts frames of completed sessions, `lost/incomplete_session` those of all others.
        """
        return {
            "absorbed": self.sessions.counts[channel].absorbed,
            "lost/incomplete_session": self.sessions.counts[channel].lost,
        }

    def session_counts(self, uint16_t channel):
        """Return the number of sessions by their end, and `orphans`: packets that belong to no session."""
        counts = {name: self.sessions.counts[channel].ends[index] for index, name in enumerate(_ENDS)}
        counts["orphans"] = self.sessions.counts[channel].orphans
        return counts

    def open_frames(self, uint16_t channel):
        """Return the number of frames in the channel's open sessions."""
        cdef Py_ssize_t index
        cdef long long frames = 0
        for index in range(self.sessions.count):
            if self.sessions.items[index].channel == channel:
                frames += self.sessions.items[index].frames
        return frames

    def expire(self, uint16_t channel, int64_t now_ns):
        """End the channel's sessions that no frame from `now_ns` on would continue."""
        self.sessions.expire(channel, now_ns)

    def open_since(self):
        """Return the stamp of the first frame of all sessions that are open; None: none is."""
        cdef Py_ssize_t index
        return min([self.sessions.items[index].first_ns for index in range(self.sessions.count)], default=None)

    def end_sessions(self, uint16_t channel):
        """End the channel's open sessions as unfinished: nothing more will come there."""
        cdef Py_ssize_t index = self.sessions.count
        while index:
            index -= 1
            if self.sessions.items[index].channel == channel:
                self.sessions.end(&self.sessions.items[index], END_UNFINISHED)

    cdef Py_ssize_t _first(self, FrameBatch frames) noexcept nogil:
        """Return the index of the first frame that may concern a session; without one, the number of frames."""
        cdef const Frame* frame = frames.frames
        cdef const Frame* end = frame + frames.count
        cdef uint16_t channel = 0
        cdef Listening listening = self.listening[0]  # a copy, in registers: most frames concern none
        while frame != end:
            if frame.channel != channel:
                channel = frame.channel
                listening = self.listening[channel]
            if listening.j1939 or (listening.rules != NULL and listening.rules[rule_slot(frame.id)].is_used):
                if rule_of(&listening, frame) != NULL or hears(&listening, frame):
                    break
            frame += 1
        return frame - frames.frames

    cdef int _run(self, FrameBatch frames) except -1 nogil:
        cdef Py_ssize_t index
        cdef const Frame* frame
        cdef const Listening* listening
        cdef const IsoTpRule* rule
        for index in range(frames.count):
            frame = &frames.frames[index]
            listening = &self.listening[frame.channel]
            rule = rule_of(listening, frame)
            if rule != NULL:
                self.sessions.expire(frame.channel, frame.time_ns)
                take_isotp(self.sessions, frame, rule, payload(frame, frames.payloads), self.out)
            elif hears(listening, frame):
                self.sessions.expire(frame.channel, frame.time_ns)
                take_j1939(self.sessions, frame, &self.plan.buses[listening.bus], self.out)
            else:
                pass_on(self.out, frame, frames.payloads)
        return 0
