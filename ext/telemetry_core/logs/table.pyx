"""Reads logs that are tables, a row a frame, straight into batches. `table_header` knows which column holds what.

    ParserFlags<tab>Ch<tab>Counter<tab>T/R<tab>Time<tab>Flags<tab>CAN ID<tab>Len<tab>Data
    1<tab>0<tab>9377<tab>RX<tab>62614792<tab><tab>0x0000007a<tab>8<tab>0x00 00 d3 11 ce 78 00 00
    ID,Data Bytes
    000004F5,FF 34 23 45 24 E4
    time,addr,bus,data
    0.25,977,0,ff342345
    timestamp,arbitration_id,extended,remote,error,dlc,data
    1700000000.25,0x123,0,0,0,2,AQI=

Promises:

- Stamps keep every digit. A table without them gets the stream's `arrival_ns`.
- An id above 7FF is extended, even where a column says otherwise.
- A frame of more than 8 bytes is CAN FD.
- Columns after those that matter do not matter. The header may come again.
- A row with anything wrong is damaged and costs only itself.

Facts: python-can's can/io/csv.py, SavvyCAN's framefileio.cpp, public logs.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memchr, memcmp, memset

from telemetry_core.logs.table_header import (
    BASE64_BYTES, BUS, ERROR, EXTENDED, HEX_BYTES, ID, ID_HEX, LENGTH, MILLISECONDS, REMOTE, SECONDS, header_of,
)

from telemetry_core.frames.batch cimport FLAG_FD, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, MAX_PAYLOAD, WideFrame
from telemetry_core.logs.reader cimport LINE_DAMAGED, LINE_HEADER, LINE_NOTHING, MAX_CHANNELS, LineReader
from telemetry_core.logs.text cimport NOT_HEX, hex_digit, is_space, take_decimal, take_hex, take_seconds

cdef enum:
    MAX_COLUMNS = 16

cdef uint8_t IS_SECONDS = SECONDS, IS_MILLISECONDS = MILLISECONDS, IS_ID_HEX = ID_HEX, IS_ID = ID, IS_BUS = BUS
cdef uint8_t IS_LENGTH = LENGTH, IS_HEX_BYTES = HEX_BYTES, IS_BASE64_BYTES = BASE64_BYTES
cdef uint8_t IS_EXTENDED = EXTENDED, IS_REMOTE = REMOTE, IS_ERROR = ERROR


cdef const char* _take_id(const char* at, const char* end, bint is_hex, uint32_t* id) noexcept nogil:
    # 0x and hexadecimal digits; without 0x decimal ones, unless the column is hexadecimal.
    cdef int64_t number = 0
    if end - at >= 2 and at[0] == c'0' and at[1] | 0x20 == c'x':
        at += 2
        is_hex = True
    if is_hex:
        at = take_hex(at, end, id)
    else:
        at = take_decimal(at, end, ID_MASK, &number)
        id[0] = <uint32_t>number
    return at if at != NULL and id[0] <= ID_MASK else NULL


cdef const char* _take_bytes(const char* at, const char* end, WideFrame* frame) noexcept nogil:
    # Bytes of two hexadecimal digits, or of one between spaces; 0x before the first.
    cdef int length = 0
    cdef uint8_t high, low
    cdef const char* start
    if end - at >= 2 and at[0] == c'0' and at[1] | 0x20 == c'x':
        at += 2
    start = at
    while at < end:
        if at[0] == c' ':
            at += 1
            continue
        high = hex_digit(at[0])
        if high == NOT_HEX or length == MAX_PAYLOAD:
            return NULL
        low = hex_digit(at[1]) if at + 1 < end else NOT_HEX
        if low != NOT_HEX:
            frame.data[length] = <uint8_t>(high << 4 | low)
            at += 2
        elif (at + 1 == end or at[1] == c' ') and (at == start or (at - 1)[0] == c' '):
            frame.data[length] = high
            at += 1
        else:
            return NULL
        length += 1
    frame.length = <uint16_t>length
    return at


cdef inline int _base64_digit(char letter) noexcept nogil:
    if c'A' <= letter <= c'Z':
        return letter - c'A'
    if c'a' <= letter <= c'z':
        return letter - c'a' + 26
    if c'0' <= letter <= c'9':
        return letter - c'0' + 52
    return 62 if letter == c'+' else 63 if letter == c'/' else -1


cdef const char* _take_base64(const char* at, const char* end, WideFrame* frame) noexcept nogil:
    # Groups of four letters, three bytes each; the last may end in `=` or `==` (RFC 4648).
    cdef int length = 0, digit, index, count
    cdef uint32_t group
    while at < end:
        if end - at < 4:
            return NULL
        group = 0
        count = 3
        for index in range(4):
            digit = _base64_digit(at[index])
            if digit < 0:
                if at[index] != c'=' or index < 2 or end - at != 4 or (index == 2 and at[3] != c'='):
                    return NULL
                count = min(count, index - 1)
                digit = 0
            elif count < 3:
                return NULL
            group = group << 6 | <uint32_t>digit
        if length + count > MAX_PAYLOAD:
            return NULL
        for index in range(count):
            frame.data[length + index] = <uint8_t>(group >> (16 - 8 * index))
        length += count
        at += 4
    frame.length = <uint16_t>length
    return at


cdef class TableReader(LineReader):
    """Reads the frames of a table. Its buses, counted from 0, are can0, can1 …"""

    cdef uint8_t[MAX_COLUMNS] roles
    cdef int columns             # 0: the header is still to come
    cdef char separator
    cdef bytes header            # the line, without spaces after it
    cdef const char* header_text
    cdef Py_ssize_t header_bytes

    cdef object take_header(self):
        line = self.buffer[self.begin:self.line_end]
        header = header_of(line.decode("utf-8", "replace"))
        if header is None:
            self.damage_line()
        else:
            for index, role in enumerate(header.roles):
                self.roles[index] = role
            self.columns = len(header.roles)
            self.separator = ord(header.separator)
            self.lacks_stamp = SECONDS not in header.roles and MILLISECONDS not in header.roles
            self.header = line.rstrip(b"\r\t ".replace(header.separator.encode(), b""))
            self.header_text = self.header
            self.header_bytes = len(self.header)
        LineReader.take_header(self)

    cdef int parse_line(self, const char* at, const char* end, WideFrame* frame, bint* torn) noexcept nogil:
        cdef int result
        while at < end and is_space((end - 1)[0]) and (end - 1)[0] != self.separator:
            end -= 1
        if at == end:
            return LINE_NOTHING
        if not self.columns:
            return LINE_HEADER
        result = self.parse_row(at, end, frame)
        if result == LINE_DAMAGED:
            if end - at == self.header_bytes and memcmp(at, self.header_text, end - at) == 0:
                return LINE_NOTHING
        return result

    cdef int parse_row(self, const char* at, const char* end, WideFrame* frame) noexcept nogil:
        cdef int64_t number = 0, bus = 0, length = -1
        cdef bint is_extended = False, is_remote = False, is_error = False
        cdef const char* after
        cdef const char* cell_end
        cdef const char* taken
        cdef uint8_t role
        cdef int index
        memset(frame, 0, sizeof(WideFrame))
        frame.time_ns = self.arrival_ns if self.lacks_stamp else 0
        for index in range(self.columns):
            if at > end:
                return LINE_DAMAGED
            after = <const char*>memchr(at, self.separator, end - at)
            if after == NULL:
                after = end
            cell_end = after
            while at < cell_end and at[0] == c' ':
                at += 1
            while at < cell_end and is_space((cell_end - 1)[0]):
                cell_end -= 1
            role = self.roles[index]
            taken = cell_end
            if role == IS_HEX_BYTES:
                taken = _take_bytes(at, cell_end, frame)
            elif role == IS_BASE64_BYTES:
                taken = _take_base64(at, cell_end, frame)
            elif role == IS_SECONDS:
                taken = take_seconds(at, cell_end, &frame.time_ns)
            elif role == IS_MILLISECONDS:
                taken = take_decimal(at, cell_end, INT64_MAX // 1000000, &number)
                frame.time_ns = 1000000 * number
            elif role == IS_ID_HEX or role == IS_ID:
                taken = _take_id(at, cell_end, role == IS_ID_HEX, &frame.id)
            elif role == IS_BUS:
                taken = take_decimal(at, cell_end, MAX_CHANNELS - 1, &bus)
            elif role == IS_LENGTH:
                taken = take_decimal(at, cell_end, MAX_PAYLOAD, &length)
            elif role:
                taken = take_decimal(at, cell_end, 9, &number)
                if number > 1:
                    return LINE_DAMAGED
                if role == IS_EXTENDED:
                    is_extended = number == 1
                elif role == IS_REMOTE:
                    is_remote = number == 1
                elif role == IS_ERROR:
                    is_error = number == 1
            if taken != cell_end:
                return LINE_DAMAGED
            at = after + 1
        if is_remote and frame.length == 0 and 0 <= length <= 8:
            frame.length = <uint16_t>length
        elif length >= 0 and frame.length != length:
            return LINE_DAMAGED
        frame.flags = FLAG_FD if frame.length > 8 else 0
        if is_error:
            frame.id |= ID_ERROR
        else:
            if is_extended or frame.id > 0x7FF:
                frame.id |= ID_EXTENDED
            if is_remote:
                frame.id |= ID_REMOTE
        return self.take_channel(bus, frame)
