"""Reads the CAN frames of MF4 logs, ASAM's bus logging, straight into batches.

Promises:

- The groups of a log are merged in the order of time, each in its own order; of frames at the same time the
  group that comes first in the file is first.
- Stamps that the log counts in integers are exact. Those in floats are rounded to microseconds.
- Memory is constant for each group of frames, of which there are 256 at most.
- A record that is no frame is damaged, and costs only itself. Damage of a block ends its groups.

`mf4_layout` says where in a record each field is, `mf4_data` brings the bytes, `mf4_records` finds records in them.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.math cimport fabs, isfinite, llrint
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memmove, memset

import math

from telemetry_core.logs.mf4_data import MOST_COLUMNS as _MOST_COLUMNS
from telemetry_core.logs.mf4_layout import UNLIMITED, Layout

from telemetry_core.frames.batch cimport (
    FLAG_BRS, FLAG_ESI, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, MAX_PAYLOAD, FrameBatch, WideFrame,
)
from telemetry_core.logs.mf4_records cimport (
    FOUND, FOUND_END, FOUND_NOTHING, LENGTH_BYTES, SLACK, WINDOW, Field, RecordSize, Stream, find_record, number_at,
    pass_record, record_at, turn_back,
)
from telemetry_core.logs.reader cimport (
    ENOUGH, MAX_CHANNELS, NEEDS_BYTES, NEEDS_CHANNEL, NEEDS_MEMORY, NOT_DUE, LogReader,
)
from telemetry_core.memory cimport zeroed

cdef Py_ssize_t MOST_COLUMNS = _MOST_COLUMNS

cdef enum:
    MOST_ID = 0x7FF              # of a standard frame
    IDE = 0x80000000             # in an id without a field of its own for it
    ERROR_FRAME = 1              # kinds of groups, as in mf4_layout
    REMOTE_FRAME = 2

cdef int64_t LATEST = <int64_t>1 << 62  # ns: a stamp since the start
cdef uint8_t[16] FD_LENGTHS  # by DLC
FD_LENGTHS[:] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64]

cdef struct Fields:              # in the order of FIELDS
    Field id
    Field ide
    Field dlc
    Field length
    Field channel
    Field edl
    Field brs
    Field esi

cdef struct Group:
    Stream records
    Stream values                # payloads whose length varies
    bint has_values
    int64_t value_at             # of the first byte of the value at which those are
    int64_t left                 # records; -1: nobody knows
    int kind
    Fields fields
    Field time
    int time_bits
    bint is_float
    bint is_signed
    double scale_ns
    double offset_ns
    int64_t step_ns              # exact scale; 0: none
    int64_t shift_ns
    uint32_t data_byte
    uint32_t data_bytes
    Field data                   # where the value of this record begins
    bint has_frame               # `frame` is the next one
    int64_t channel              # of that frame, as the log counts
    WideFrame frame


cdef Field _field(given):
    cdef Field field
    memset(&field, 0, sizeof(field))
    if given.bits:
        field.mask = ~<uint64_t>0 >> (64 - <int>given.bits)
        field.byte = given.byte
        field.shift = given.bit
        if given.is_big_endian:
            field.unused = 65 - (given.bit + given.bits + 7) // 8 * 8
    return field


cdef class Mf4Reader(LogReader):
    """Reads the frames of an MF4 log. Its channels, counted from 1, or from 0 where one has that number, are can0 …

    `stream` can seek. The constructor raises ValueError when the file is no MF4 log or its blocks are impossible,
    EOFError when it ends before its groups, UnknownLayoutError where it stores frames in a way that is not known.
    """

    cdef Group* groups
    cdef Py_ssize_t group_count
    cdef list pieces             # iterators, of the records and the values of each group
    cdef list piece              # the current one of each, and how much of it was in the window
    cdef list taken
    cdef set lost                # blocks that were found damaged: groups share them
    cdef Stream* hungry          # needs bytes
    cdef int64_t start_ns
    cdef object records          # that the groups count
    cdef int64_t records_read
    cdef bint in_order
    cdef int first_channel
    cdef readonly bint is_unfinished
    cdef readonly bint lacks_zone

    def __cinit__(self, stream, channel_of, *_):
        layout = Layout(stream)
        groups = layout.groups()
        self.records = 0
        self.start_ns = layout.start_ns
        self.in_order = layout.in_order
        self.is_unfinished = layout.is_unfinished
        self.lacks_zone = layout.lacks_zone
        self.pieces = [None] * (2 * len(groups))
        self.piece = [None] * (2 * len(groups))
        self.taken = [0] * (2 * len(groups))
        self.groups = <Group*>zeroed(len(groups), sizeof(Group))
        self.group_count = len(groups)
        for index, group in enumerate(groups):
            self.describe(&self.groups[index], group)
        self.first_channel = 0 if self.has_channel_0(groups) else 1
        for index, group in enumerate(groups):
            self.begin_stream(2 * index, group.records)
            self.begin_stream(2 * index + 1, group.values)
        self.unsettled = 0  # what was damaged there comes again

    def __dealloc__(self):
        cdef Py_ssize_t index
        for index in range(self.group_count):
            free(self.groups[index].records.window)
            free(self.groups[index].records.sizes)
            free(self.groups[index].values.window)
            free(self.groups[index].values.sizes)
        free(self.groups)

    @property
    def cut_short(self):
        """Return how many records are missing at the log's end, for people; "": none."""
        if not self.at_end or self.records_read >= self.records:
            return ""
        return f"{self.records_read:,} of the {self.records:,} records that its groups count"

    cdef object describe(self, Group* group, given):
        cdef Field* fields = &group.fields.id
        cdef Py_ssize_t index
        group.kind = given.kind
        group.left = given.limit
        if given.limit != UNLIMITED:
            self.records += given.limit
        for index, field in enumerate(given.fields):
            fields[index] = _field(field)
        group.time = _field(given.time)
        group.time_bits = given.time.bits
        group.is_float = given.time.is_float
        group.is_signed = given.time.is_signed
        group.scale_ns = given.scale_s * 1e9
        group.offset_ns = given.offset_s * 1e9
        step_ns, shift_ns = round(group.scale_ns), round(group.offset_ns)
        if (not group.is_float and 0 < step_ns < 2**32 and abs(shift_ns) < LATEST // 2
                and math.isclose(step_ns, group.scale_ns, rel_tol=1e-12)):
            group.step_ns = step_ns
            group.shift_ns = shift_ns
        group.data_byte = given.data_byte
        group.data_bytes = given.data_bytes
        group.data = _field(given.data)
        self.open_stream(&group.records, given.records)
        if given.values is not None:
            group.has_values = True
            self.open_stream(&group.values, given.values)

    cdef object open_stream(self, Stream* stream, given):
        cdef Py_ssize_t index
        stream.window = <char*>zeroed(WINDOW + SLACK, 1)
        stream.id_bytes = given.id_bytes
        stream.id = given.id
        stream.sizes = <RecordSize*>zeroed(len(given.sizes), sizeof(RecordSize))
        stream.size_count = len(given.sizes)
        for index, (id, size) in enumerate(sorted(given.sizes.items())):
            stream.sizes[index].id = id
            stream.sizes[index].size = size

    cdef object begin_stream(self, Py_ssize_t index, given, Py_ssize_t record_bytes=0, Py_ssize_t columns=0):
        cdef Stream* stream = self.stream_at(index)
        stream.begin = stream.end = stream.ahead = 0
        stream.has_all = stream.is_lost = False
        self.lost = set()
        self.pieces[index] = None if given is None else given.pieces(record_bytes, columns)
        self.piece[index] = None
        self.taken[index] = 0

    cdef Stream* stream_at(self, Py_ssize_t index):
        cdef Group* group = &self.groups[index // 2]
        return &group.values if index % 2 else &group.records

    cdef bint has_channel_0(self, groups) except -1:
        # Loggers number their channels from 1, python-can from 0: only a look at all of them tells.
        cdef Group* group
        cdef Py_ssize_t index, first, last
        cdef int64_t left
        cdef int found
        for index in range(self.group_count):
            group = &self.groups[index]
            left = group.left if group.fields.channel.mask else 0
            first = group.fields.channel.byte
            last = first + sizeof(uint64_t)
            record_bytes = 0 if group.records.id_bytes else group.records.sizes[0].size
            self.begin_stream(2 * index, groups[index].records, record_bytes, last)
            while left:
                with nogil:
                    found = find_record(&group.records)
                    while found == FOUND and left and number_at(record_at(&group.records), &group.fields.channel):
                        pass_record(&group.records)
                        left -= 1
                        found = find_record(&group.records)
                if found == FOUND_END:
                    break
                if found == FOUND_NOTHING:
                    self.feed(2 * index, first, last)
                elif left:
                    return True
        return False

    cdef object fill(self):
        cdef Py_ssize_t index
        for index in range(2 * self.group_count):
            if self.stream_at(index) == self.hungry:
                self.feed(index)

    cdef object feed(self, Py_ssize_t index, Py_ssize_t first=0, Py_ssize_t last=MOST_COLUMNS):
        # Move what is left of a stream to the front, and append of its next piece what there is room for; of each
        # record those bytes that are needed, where it is transposed as such.
        cdef Stream* stream = self.stream_at(index)
        cdef Py_ssize_t left = stream.end - stream.begin
        cdef Py_ssize_t begin = self.taken[index], size, end
        memmove(stream.window, stream.window + stream.begin, left)
        stream.begin = 0
        stream.end = left
        piece = self.piece[index]
        if stream.is_lost or piece is None or begin == piece.size_bytes:
            self.piece[index] = None  # before the next one: both may be large
            piece = None if stream.is_lost else next(self.pieces[index], None)
            begin = 0
        if piece is None or piece.damaged:
            place = stream.block if piece is None else piece.place
            if (stream.is_lost or piece is not None) and place not in self.lost:
                self.lost.add(place)
                self.add_damage(place, 0)
            stream.is_lost = False
            stream.has_all = True
            stream.begin = stream.end
            self.pieces[index] = self.piece[index] = None
            return
        data = piece.data
        size = piece.size_bytes
        end = min(size, begin + WINDOW - left)
        if piece.columns:
            if stream.id_bytes or piece.columns != stream.sizes[0].size:
                first, last = 0, MOST_COLUMNS
            turn_back(stream.window + left, PyBytes_AS_STRING(data), size, piece.columns, begin, end, first, last)
        else:
            memcpy(stream.window + left, PyBytes_AS_STRING(data) + begin, end - begin)
        stream.end = left + end - begin
        stream.block = piece.place
        self.piece[index] = piece
        self.taken[index] = end

    cdef int parse(self, FrameBatch batch, Py_ssize_t full, int64_t until_ns) noexcept nogil:
        cdef Py_ssize_t index
        cdef Group* group
        cdef Group* first
        cdef int number
        while batch.count < full:
            first = NULL
            for index in range(self.group_count):
                group = &self.groups[index]
                if not group.has_frame and group.left:
                    if not self.take(group):
                        return NEEDS_BYTES
                if group.has_frame and (first == NULL or group.frame.time_ns < first.frame.time_ns):
                    first = group
            if first == NULL:
                self.has_all = True
                return NEEDS_BYTES
            if first.frame.time_ns > until_ns:
                self.next_ns = first.frame.time_ns
                return NOT_DUE
            number = self.find_channel(first.channel)
            if number < 0:
                return NEEDS_CHANNEL
            first.frame.channel = <uint16_t>number
            if not batch.take(&first.frame):
                return NEEDS_MEMORY
            first.has_frame = False
            self.frames_read += 1
            self.settle()
        return ENOUGH

    cdef bint take(self, Group* group) noexcept nogil:
        # Find the group's next frame, or its end. False: `hungry` needs bytes.
        cdef const char* record
        cdef bint is_frame
        cdef int found
        while group.left:
            self.hungry = &group.records
            found = find_record(&group.records)
            if found == FOUND:
                record = record_at(&group.records)
                if group.has_values:
                    self.hungry = &group.values
                    found = self.find_value(group, number_at(record, &group.data))
            if found == FOUND_NOTHING:
                return False
            if found == FOUND_END:
                group.left = 0
                break
            is_frame = self.read_frame(group, record)
            pass_record(&group.records)
            group.left -= group.left > 0
            self.records_read += 1
            if is_frame:
                group.has_frame = True
                break
            self.add_damage(group.records.block, 0)
        return True

    cdef int find_value(self, Group* group, uint64_t wanted) noexcept nogil:
        # Go to the payload that begins at this byte of all of them, or at the first after it.
        cdef Stream* values = &group.values
        cdef int found
        while True:
            found = find_record(values)
            if found != FOUND or self.in_order or <uint64_t>group.value_at >= wanted:
                return found
            group.value_at += values.record_bytes - values.id_bytes
            pass_record(values)

    cdef bint read_frame(self, Group* group, const char* record) noexcept nogil:
        # The group's next frame is that of this record; False: the record is not a frame.
        cdef WideFrame* frame = &group.frame
        cdef Fields* fields = &group.fields
        cdef const char* data = record + group.data_byte
        cdef uint64_t room = group.data_bytes, length, dlc = number_at(record, &fields.dlc)
        cdef uint32_t id, stored
        cdef bint is_extended, is_fd
        memset(frame, 0, sizeof(WideFrame))
        if group.has_values:
            data = record_at(&group.values)
            memcpy(&stored, data, sizeof(stored))
            data += LENGTH_BYTES
            room = stored
            if self.in_order:
                pass_record(&group.values)
            elif <uint64_t>group.value_at != number_at(record, &group.data):
                return False
        id = <uint32_t>number_at(record, &fields.id)
        is_extended = number_at(record, &fields.ide) != 0 if fields.ide.mask else id & IDE != 0 or id & ID_MASK > MOST_ID
        frame.id = id & ID_MASK
        if group.kind == ERROR_FRAME:
            frame.id |= ID_ERROR
        elif is_extended:
            frame.id |= ID_EXTENDED
        group.channel = 0
        if fields.channel.mask:
            group.channel = <int64_t>(number_at(record, &fields.channel) & 0xFFFFFF) - self.first_channel
        if not 0 <= group.channel < MAX_CHANNELS or not self.read_stamp(group, record):
            return False
        if group.kind == REMOTE_FRAME:
            frame.id |= ID_REMOTE
            frame.length = <uint16_t>min(dlc if fields.dlc.mask else number_at(record, &fields.length), <uint64_t>8)
            return True
        length = room
        if fields.length.mask:
            length = min(number_at(record, &fields.length), room)
        elif fields.dlc.mask:
            length = min(<uint64_t>FD_LENGTHS[min(dlc, <uint64_t>15)], room)
        is_fd = number_at(record, &fields.edl) != 0 if fields.edl.mask else length > 8
        if not is_fd and not fields.length.mask:
            length = min(length, <uint64_t>8)
        if length > <uint64_t>(MAX_PAYLOAD if is_fd else 8):
            return False
        if is_fd:
            frame.flags = FLAG_FD
            if number_at(record, &fields.brs):
                frame.flags |= FLAG_BRS
            if number_at(record, &fields.esi):
                frame.flags |= FLAG_ESI
        memcpy(frame.data, data, length)
        frame.length = <uint16_t>length
        return True

    cdef bint read_stamp(self, Group* group, const char* record) noexcept nogil:
        # False: it is impossible.
        cdef uint64_t word = number_at(record, &group.time)
        cdef int64_t count = <int64_t>word, since_ns
        cdef double value
        cdef float short_value
        cdef uint32_t short_word
        if group.is_float and group.time_bits == 32:
            short_word = <uint32_t>word
            memcpy(&short_value, &short_word, sizeof(short_value))
            value = short_value
        elif group.is_float:
            memcpy(&value, &word, sizeof(value))
        else:
            if group.is_signed:
                count = <int64_t>(word << (64 - group.time_bits)) >> (64 - group.time_bits)
            elif count < 0:
                return False
            value = <double>count
        if group.step_ns:
            if count > LATEST // 2 // group.step_ns or count < -(LATEST // 2 // group.step_ns):
                return False
            group.frame.time_ns = self.start_ns + group.shift_ns + count * group.step_ns
        else:
            value = value * group.scale_ns + group.offset_ns
            if not isfinite(value) or fabs(value) >= LATEST:
                return False
            since_ns = llrint(value)
            group.frame.time_ns = self.start_ns + since_ns
            if group.frame.time_ns >= INT64_MAX - 500:
                return False
            group.frame.time_ns = (group.frame.time_ns + 500) // 1000 * 1000
        return group.frame.time_ns >= 0
