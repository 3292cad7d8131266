"""What a source does to the stamps of its frames: simulated time, hardware clocks, and steps between equal stamps.

`Nudger` sets frames of one message that share a stamp 1 ns apart: InfluxDB keeps one point for each series
and stamp, and coarse clocks give many frames the same. Promises, for the frames of one (channel, id), in any
batches:

- Of frames with one stamp the first gets `nudge_ns` 0, the next 1, and so on, in their order. A frame whose
  stamp those nudges have passed, or that steps back by less than 1 us, follows the last of them.
- A frame whose stamp steps back, however far, gets a nudge that no frame with that stamp or a later one has had.
  So no two frames have the same stamp and nudge. No two have the same sum where stamps are whole multiples of
  more than the nudges (a microsecond or coarser).
- Every frame that does not come after all before it is in `nudged`.

What it takes is a staircase for each id: for any stamp, the largest nudge used at it or later. Four steps are
kept; where there are more, two become one, as high as the higher and as late as the later. Extended ids that
differ in J1939's priority and destination alone count as one: matched by PGN they are one series of one sender.
Memory is bounded (8 MiB): the newest 32,768 ids are remembered, and of those before them as many again.
"""

from libc.math cimport INFINITY, llrint
from libc.stdint cimport INT64_MIN, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from telemetry_core.frames.batch cimport ID_EXTENDED, Frame, FrameBatch

cdef enum:
    FIRST_SIZE_BITS = 9
    LAST_SIZE_BITS = 16          # 4 MiB a table, at most half full
    STEP_NS = 100000000
    NEAR_NS = 1000               # stamps that step back by less than a microsecond are of one moment
    DRIFT = 5000                 # 1 / 200 ppm
    PRIORITY = 0x1C000000        # of a J1939 id
    EXTENDED_DATA_PAGE = 0x02000000  # an id that has this bit is not J1939's
    PDU_FORMAT = 0x00FF0000
    FIRST_BROADCAST = 0x00F00000  # PDU format from which on there is no destination
    DESTINATION = 0x0000FF00

cdef uint64_t IN_USE = <uint64_t>1 << 63
cdef uint64_t GOLDEN = 0x9E3779B97F4A7C15


cdef bint _allocate(Table* table, int size_bits) noexcept nogil:
    cdef Recent* entries = <Recent*>calloc(<size_t>1 << size_bits, sizeof(Recent))
    if entries == NULL:
        return False
    table.entries = entries
    table.size = <size_t>1 << size_bits
    table.shift = 64 - size_bits
    table.count = 0
    return True


cdef inline Recent* _find(Table* table, uint64_t key) noexcept nogil:
    # The entry of `key`, or the empty one where it belongs.
    cdef size_t index = (key * GOLDEN) >> table.shift
    while table.entries[index].key != key and table.entries[index].key != 0:
        index = (index + 1) & (table.size - 1)
    return &table.entries[index]


cdef void _move(Table* old, Table* new) noexcept nogil:
    cdef size_t index
    for index in range(old.size):
        if old.entries[index].key != 0:
            _find(new, old.entries[index].key)[0] = old.entries[index]
    new.count = old.count


cdef void _clear(Table* table) noexcept nogil:
    memset(table.entries, 0, table.size * sizeof(Recent))
    table.count = 0


cdef uint32_t _climb(Recent* entry, int64_t time_ns) noexcept nogil:
    # The nudge of a frame whose stamp does not simply come after all others. It becomes a step itself.
    cdef int64_t stamps[STEPS + 1]
    cdef uint32_t nudges[STEPS + 1]
    cdef int64_t taken_ns = entry.stamps[0] + entry.nudges[0]
    cdef uint32_t nudge = 0
    cdef int index = 0
    cdef int count = 0
    cdef bint is_near
    if time_ns > entry.stamps[0]:
        nudge = <uint32_t>(taken_ns + 1 - time_ns) if time_ns <= taken_ns else 0
    else:
        is_near = time_ns < entry.stamps[0] and entry.stamps[0] - time_ns < NEAR_NS
        if is_near:  # where stamps are that fine, the following ones may be taken: it comes after the last one
            nudge = <uint32_t>(taken_ns + 1 - time_ns)
        while index < STEPS and entry.stamps[index] >= time_ns and (index == 0 or entry.nudges[index] != 0):
            nudge = max(nudge, entry.nudges[index] + 1)
            if entry.stamps[index] > time_ns:
                stamps[count] = entry.stamps[index]
                nudges[count] = entry.nudges[index]
                count += 1
            index += 1
        if is_near:
            nudges[0] = <uint32_t>(time_ns + nudge - stamps[0])
    stamps[count] = time_ns
    nudges[count] = nudge
    count += 1
    while index < STEPS and (index == 0 or entry.nudges[index] != 0):
        if entry.nudges[index] > nudge:
            stamps[count] = entry.stamps[index]
            nudges[count] = entry.nudges[index]
            count += 1
        index += 1
    if count > STEPS:
        count = _merge(stamps, nudges)
    for index in range(STEPS):
        entry.stamps[index] = stamps[index] if index < count else 0
        entry.nudges[index] = nudges[index] if index < count else 0
    return nudge


cdef int _merge(int64_t* stamps, uint32_t* nudges) noexcept nogil:
    # Make one step too many of the two where that fills the least of the staircase's corners.
    cdef double least = INFINITY
    cdef double corner
    cdef int index
    cdef int upper = 0
    for index in range(STEPS):
        corner = <double>(nudges[index + 1] - nudges[index]) * <double>(stamps[index] - stamps[index + 1])
        if corner <= least:
            least = corner
            upper = index
    nudges[upper] = nudges[upper + 1]
    for index in range(upper + 1, STEPS):
        stamps[index] = stamps[index + 1]
        nudges[index] = nudges[index + 1]
    return STEPS


cdef inline uint32_t _nudge(Recent* entry, int64_t time_ns) noexcept nogil:
    if time_ns > entry.stamps[0] and entry.nudges[0] == 0:
        entry.stamps[0] = time_ns
        return 0
    return _climb(entry, time_ns)


cdef inline uint32_t _series(uint32_t id) noexcept nogil:
    # What an id has in common with all ids that may be one message of one sender.
    if id & ID_EXTENDED and not id & EXTENDED_DATA_PAGE:
        id &= ~<uint32_t>PRIORITY
        if id & PDU_FORMAT < FIRST_BROADCAST:
            id &= ~<uint32_t>DESTINATION
    return id


cdef class Nudger:
    """Sets apart the equal stamps of one source.

    `nudged` counts the frames whose stamp did not come after all before it.
    """

    def __cinit__(self):
        if not _allocate(&self.current, FIRST_SIZE_BITS):
            raise MemoryError

    def __dealloc__(self):
        free(self.current.entries)
        free(self.previous.entries)

    def nudge(self, FrameBatch batch not None, Py_ssize_t start=0):
        """Set `nudge_ns` of the frames of `batch` from index `start` on. Each frame may come only once.

        Raises IndexError for a `start` outside of the batch.
        """
        if not 0 <= start <= batch.count:
            raise IndexError(start)
        with nogil:
            self.apply(batch, start)

    def nudge_of(self, uint32_t number, int64_t time_ns):
        """Return the nudge, in ns, of one more event of the series `number`, by the rule of frames."""
        return _nudge(self.entry_of(IN_USE | number), time_ns)

    cdef void apply(self, FrameBatch batch, Py_ssize_t start) noexcept nogil:
        cdef Py_ssize_t index
        cdef Frame* frame
        for index in range(start, batch.count):
            frame = &batch.frames[index]
            frame.nudge_ns = _nudge(
                self.entry_of(IN_USE | <uint64_t>frame.channel << 32 | _series(frame.id)), frame.time_ns)
            self.nudged += frame.nudge_ns != 0

    cdef Recent* entry_of(self, uint64_t key) noexcept nogil:
        cdef Recent* entry = _find(&self.current, key)
        cdef Recent* older
        if entry.key == key:
            return entry
        if 2 * self.current.count >= self.current.size:
            self.make_room()
            entry = _find(&self.current, key)
        self.current.count += 1
        entry.key = key
        entry.stamps[0] = INT64_MIN
        if self.previous.entries != NULL:
            older = _find(&self.previous, key)
            if older.key == key:
                entry[0] = older[0]
        return entry

    cdef void make_room(self) noexcept nogil:
        cdef Table table
        cdef int size_bits = 64 - self.current.shift
        if size_bits < LAST_SIZE_BITS and _allocate(&table, size_bits + 1):
            _move(&self.current, &table)
            free(self.current.entries)
            self.current = table
            return
        table = self.previous
        self.previous = self.current
        self.current = table
        if self.current.entries != NULL:
            _clear(&self.current)
        elif not _allocate(&self.current, size_bits):
            self.current = self.previous
            self.previous.entries = NULL
            _clear(&self.current)


cdef class TimeMap:
    """Simulated time: stamp = origin_ns + scale * (stamp - wall_ns).

    It serves simulators that run faster than the clock. The constructor raises ValueError for a scale that does not lie between 0 and 1e6.
    """

    def __cinit__(self, double scale, int64_t origin_ns, int64_t wall_ns):
        if not 0 < scale < 1e6:
            raise ValueError(f"a time scale lies between 0 and 1e6, not at {scale}")
        self.scale = scale
        self.origin_ns = origin_ns
        self.wall_ns = wall_ns

    def map(self, FrameBatch batch not None, Py_ssize_t start=0):
        """Rewrite the stamps of `batch` from index `start` on, in place.

        Raises IndexError for a wrong `start`.
        """
        cdef Py_ssize_t index
        if not 0 <= start <= batch.count:
            raise IndexError(start)
        with nogil:
            for index in range(start, batch.count):
                batch.frames[index].time_ns = self.origin_ns + llrint(
                    self.scale * <double>(batch.frames[index].time_ns - self.wall_ns))


cdef class HardwareClock:
    """Converts stamps of a CAN controller's own clock to the time of the kernel's software stamps.

    A controller counts from its reset, and drifts. A frame's software stamp is never early. So the smallest
    distance seen between the two is the best guess at the offset. The offset follows drift upward by 200 ppm at
    most. A distance greater by 0.1 s or more (a reset, a step of the wall clock) becomes the new offset.
    """

    def stamp(self, int64_t software_ns, int64_t hardware_ns):
        """Return the time of a frame, in ns, from its two stamps."""
        return self.anchored(software_ns, hardware_ns)

    cdef int64_t anchored(self, int64_t software_ns, int64_t hardware_ns) noexcept nogil:
        cdef int64_t distance = software_ns - hardware_ns
        cdef int64_t elapsed = max(hardware_ns - self.last_hardware_ns, 0)
        if not self.is_anchored or distance - self.offset_ns >= STEP_NS:
            self.offset_ns = distance
            self.is_anchored = True
        else:
            self.offset_ns = min(distance, self.offset_ns + elapsed // DRIFT)
        self.last_hardware_ns = hardware_ns
        return hardware_ns + self.offset_ns
