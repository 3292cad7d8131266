"""Reads captures of CAN by tcpdump, dumpcap or Wireshark, pcap and pcapng, straight into batches.

Promises:

- Frames are packets of SocketCAN (link type 227), and what is CAN of Linux' cooked ones (113 and 276, of `-i any`).
- Stamps keep their nanoseconds, whatever their unit. Either byte order is read.
- A channel has the name of its interface (pcapng); `if3` is the kernel's third (276). Others are can0, can1 …
- A packet without FD's mark is CAN FD if its size or its length says so: older programs set none.
- CAN XL, other packets and other blocks are skipped. A packet that was cut short is damaged.
- After bytes that are no packet the reader goes on with the next one: a block whose two lengths agree, or two headers
  of pcap in a row that may be true.

Facts: draft-ietf-opsawg-pcap and -pcapng; LINKTYPE_CAN_SOCKETCAN, _LINUX_SLL and _LINUX_SLL2 at tcpdump.org; libpcap's
pcap-common.c: cooked packets have the id in the byte order of the machine, which is that of the file.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from telemetry_core.logs import pcap_header

from telemetry_core.frames.batch cimport (
    FLAG_BRS, FLAG_ESI, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, MAX_PAYLOAD, FrameBatch, WideFrame,
)
from telemetry_core.logs.reader cimport (
    ENOUGH, MAX_CHANNELS, NEEDS_BYTES, NEEDS_CHANNEL, NEEDS_HEADER, NEEDS_MEMORY, NOT_DUE, LogReader,
)

cdef extern from *:
    uint32_t __builtin_bswap32(uint32_t) nogil

cdef enum PacketResult:
    PACKET_OTHER
    PACKET_FRAME
    PACKET_DAMAGED
    PACKET_NEW_CHANNEL

cdef enum:
    FILE_HEADER = 24             # bytes, of pcap
    PACKET_HEADER = 16
    MOST_PACKET = 262144         # bytes; libpcap takes no longer one
    MOST_BLOCK = 16777216
    MOST_KEPT = 65536            # bytes of what is looked at: a longer packet is no frame
    MOST_FOUND = 4096            # bytes of a packet of SocketCAN, or of what is taken for a packet after damage
    A_DAY = 86400                # s: how far its stamp may be from the last one

    SECTION = 0x0A0D0D0A         # blocks of pcapng
    BYTE_ORDER = 0x1A2B3C4D
    INTERFACE = 1
    OLD_PACKET = 2
    SIMPLE_PACKET = 3
    PACKET = 6
    LAST_TYPE = 255              # of blocks that may be longer than MOST_KEPT

    SOCKETCAN = 227
    SLL = 113
    SLL2 = 276
    IS_CAN = 0x000C              # protocols of cooked packets
    IS_CAN_FD = 0x000D
    CAN_HEADER = 8               # bytes: id, length, flags
    FD_SIZE = 72                 # of a whole packet that can only be CAN FD's
    CAN_XL = 0x80

cdef struct Interface:
    int link_type
    uint64_t per_s               # units of its stamps
    uint64_t unit_ns             # 0: no whole number
    int64_t offset_s


cdef inline uint32_t _u32(const char* at, bint is_big) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, sizeof(value))
    return __builtin_bswap32(value) if is_big else value


cdef bint _to_ns(uint64_t stamp, const Interface* interface, int64_t* time_ns) noexcept nogil:
    # Whether a stamp is a time.
    cdef uint64_t seconds = stamp // interface.per_s, part = stamp % interface.per_s
    cdef int64_t time_s = <int64_t>min(seconds, <uint64_t>1 << 40) + interface.offset_s
    time_ns[0] = time_s * 1000000000
    time_ns[0] += <int64_t>(part * interface.unit_ns if interface.unit_ns else part * 1e9 / interface.per_s + 0.5)
    return 0 <= time_s <= <int64_t>9223372035


cdef class PcapReader(LogReader):
    """Reads the frames of a capture. `foreign` says what it is of, where that is not CAN; "" otherwise."""

    cdef readonly str foreign
    cdef dict numbers            # the pipeline's, by name
    cdef list names              # of interfaces
    cdef Interface interfaces[MAX_CHANNELS]
    cdef int interface_count
    cdef uint64_t keys[MAX_CHANNELS]  # of channels: the interface, and the kernel's number of it
    cdef int key_count, last_key
    cdef bint has_can, has_begun, is_ng, is_big
    cdef int64_t size            # of the packet or block at `begin`
    cdef int64_t skipped         # bytes of one that are still to come
    cdef bint searching          # after damage
    cdef uint32_t last_s         # of the last frame, in pcap

    def __cinit__(self, stream, channel_of, *_):
        self.names, self.numbers, self.foreign = [], {}, ""

    cdef object number_channel(self):
        kernel, interface = divmod(self.keys[self.new_channel], 1 << 32)
        name = f"if{kernel}" if kernel else self.names[interface] or f"can{interface}"
        if name not in self.numbers:
            self.numbers[name] = self.channel_of(name)
        self.channels[self.new_channel] = self.numbers[name]

    cdef object take_header(self):
        # Of the file, of a section of it or of an interface.
        header = self.buffer[self.begin:self.begin + self.size]
        self.begin += self.size
        if not self.is_ng:
            self.is_big, interface = pcap_header.of_file(header)
            self.add_interface(interface)
            if self.foreign:
                self.has_all, self.begin = True, self.end
        elif header[:4] == b"\n\r\r\n":
            self.is_big = header[8] == 0x1A
            self.interface_count = self.key_count = 0
            self.names.clear()
            memset(self.channels, 0xFF, sizeof(self.channels))
        elif self.size >= 20 and self.interface_count < MAX_CHANNELS:
            self.add_interface(pcap_header.of_block(header, is_big=self.is_big))

    cdef object add_interface(self, described):
        cdef Interface* interface = &self.interfaces[self.interface_count]
        interface.link_type, name, interface.per_s, interface.offset_s = described
        interface.unit_ns = 0 if 10**9 % interface.per_s else 10**9 // interface.per_s
        self.has_can = self.has_can or described.link_type in (SOCKETCAN, SLL, SLL2)
        self.foreign = "" if self.has_can else pcap_header.words(described.link_type)
        self.names.append(name)
        self.interface_count += 1

    cdef int parse(self, FrameBatch batch, Py_ssize_t full, int64_t until_ns) noexcept nogil:
        cdef WideFrame* frame = &self.parsed
        cdef const char* at
        cdef int64_t left
        cdef int result
        while batch.count < full:
            left = min(self.end - self.begin, self.skipped)
            self.begin += left
            self.skipped -= left
            at = self.buffer + self.begin
            left = self.end - self.begin
            self.size = 0 if self.skipped else self.size_of(at, left)
            if self.size == 0 or (left < self.size and self.size <= MOST_KEPT):
                if self.has_all and (left or self.skipped):
                    self.lose()
                    self.ends_damaged = True
                    self.begin = self.end
                    self.skipped = 0
                return NEEDS_BYTES
            if self.size < 0:
                self.lose()
                self.begin += 1
                continue
            self.searching = False
            if not self.has_begun or self.is_description(at):
                self.has_begun = True
                return NEEDS_HEADER
            memset(frame, 0, sizeof(WideFrame))
            result = self.take(at, frame) if self.size <= MOST_KEPT else PACKET_OTHER
            if result == PACKET_NEW_CHANNEL:
                return NEEDS_CHANNEL
            if result == PACKET_FRAME and frame.time_ns > until_ns:
                self.next_ns = frame.time_ns
                return NOT_DUE
            if result == PACKET_FRAME and not batch.take(frame):
                return NEEDS_MEMORY
            if result == PACKET_DAMAGED:
                self.add_damage(self.base + self.begin, -1)
            if result == PACKET_FRAME:
                self.last_s = _u32(at, self.is_big)
                self.frames_read += 1
                self.unstamped += self.is_ng and _u32(at, self.is_big) == SIMPLE_PACKET
                self.settle()
            self.skipped = self.size
        return ENOUGH

    cdef void lose(self) noexcept nogil:
        # One search is one damaged place.
        if not self.searching:
            self.add_damage(self.base + self.begin, -1)
        self.searching = True

    cdef int64_t size_of(self, const char* at, int64_t left) noexcept nogil:
        # Bytes of the header, packet or block there. 0: more of it is needed; -1: none begins there.
        cdef bint is_big = self.is_big
        cdef uint32_t type
        cdef int64_t size, most = MOST_BLOCK
        if not self.has_begun:
            self.is_ng = left >= FILE_HEADER and _u32(at, False) == SECTION
            if not self.is_ng:
                return FILE_HEADER if left >= FILE_HEADER else 0
        if left < (12 if self.is_ng else PACKET_HEADER):
            return 0
        if not self.is_ng:
            size = PACKET_HEADER + <int64_t>_u32(at + 8, is_big)
            if not self.may_be(at):
                return -1
            if not self.searching or (self.has_all and left == size):
                return size
            if left < size + PACKET_HEADER:
                return -1 if self.has_all else 0
            return size if self.may_be(at + size) else -1
        if _u32(at, False) == SECTION:
            is_big = _u32(at + 8, True) == BYTE_ORDER
            if not is_big and _u32(at + 8, False) != BYTE_ORDER:
                return -1
        size = _u32(at + 4, is_big)
        type = _u32(at, is_big)
        if self.searching or type > LAST_TYPE or type == INTERFACE:
            most = MOST_KEPT
        if size < 12 or size % 4 or size > most:
            return -1
        if left >= size:
            return size if _u32(at + size - 4, is_big) == size else -1
        return (-1 if self.has_all else 0) if self.searching else size

    cdef bint may_be(self, const char* at) noexcept nogil:
        # Whether that may be the header of a packet of pcap; after damage, one like those before.
        cdef int64_t apart_s = <int64_t>_u32(at, self.is_big) - <int64_t>self.last_s
        cdef uint32_t size = _u32(at + 8, self.is_big)
        if size > (MOST_FOUND if self.interfaces[0].link_type == SOCKETCAN else MOST_PACKET) or _u32(at + 4, self.is_big) > self.interfaces[0].per_s:
            return False
        return not self.searching or (CAN_HEADER <= size <= MOST_FOUND and size <= _u32(at + 12, self.is_big) and (
            self.frames_read == 0 or -A_DAY < apart_s < A_DAY))

    cdef bint is_description(self, const char* at) noexcept nogil:
        return self.is_ng and (_u32(at, False) == SECTION or _u32(at, self.is_big) == INTERFACE)

    cdef int take(self, const char* at, WideFrame* frame) noexcept nogil:
        # The packet or block there.
        cdef bint is_big = self.is_big
        cdef uint32_t type = _u32(at, is_big) if self.is_ng else PACKET, number = 0, length, whole
        cdef uint64_t stamp
        if type == SIMPLE_PACKET and self.size >= 16:
            frame.time_ns = self.arrival_ns
            whole = _u32(at + 8, is_big)
            return self.take_packet(at + 12, min(whole, self.size - 16), whole, 0, frame)
        if type != PACKET and type != OLD_PACKET:
            return PACKET_OTHER
        if self.is_ng:
            if self.size < 32:
                return PACKET_DAMAGED
            number = _u32(at + 8, is_big)
            if type == OLD_PACKET:
                number = number >> 16 if is_big else number & 0xFFFF
            stamp = <uint64_t>_u32(at + 12, is_big) << 32 | _u32(at + 16, is_big)
            at += 12  # to where the lengths stand as far from here as in pcap
        else:
            stamp = _u32(at, is_big) * self.interfaces[0].per_s + _u32(at + 4, is_big)
        length = _u32(at + 8, is_big)
        whole = _u32(at + 12, is_big)
        if length > self.size - (32 if self.is_ng else PACKET_HEADER) or number >= <uint32_t>self.interface_count:
            return PACKET_DAMAGED
        if not _to_ns(stamp, &self.interfaces[number], &frame.time_ns):
            return PACKET_DAMAGED
        return self.take_packet(at + 16, length, whole, number, frame)

    cdef int take_packet(self, const char* at, int64_t length, uint32_t whole, uint32_t number,
                         WideFrame* frame) noexcept nogil:
        # A packet of `length` bytes here, and `whole` ones on the bus.
        cdef int link_type = self.interfaces[number].link_type
        cdef int header = 20 if link_type == SLL2 else (16 if link_type == SLL else 0)
        cdef uint32_t protocol = IS_CAN
        cdef uint64_t kernel = 0
        cdef uint8_t size, flags
        if number >= <uint32_t>self.interface_count or not (header or link_type == SOCKETCAN):
            return PACKET_OTHER
        if length < header + CAN_HEADER:
            return PACKET_DAMAGED
        if header:
            protocol = _u32(at, True) >> 16 if link_type == SLL2 else _u32(at + 12, True) & 0xFFFF
            kernel = _u32(at + 4, True) if link_type == SLL2 else 0
        at += header
        frame.id = _u32(at, self.is_big if header else True)
        size, flags = <uint8_t>at[4], <uint8_t>at[5]
        if size & CAN_XL or (protocol != IS_CAN and protocol != IS_CAN_FD):
            return PACKET_OTHER
        if protocol == IS_CAN_FD or flags & 4 or size > 8 or whole == <uint32_t>(FD_SIZE + header):
            frame.flags = <uint8_t>(FLAG_FD | (FLAG_BRS if flags & 1 else 0) | (FLAG_ESI if flags & 2 else 0))
        if frame.id & ID_ERROR:
            frame.id &= ID_ERROR | ID_MASK
        elif not frame.id & ID_EXTENDED and frame.id & ID_MASK > 0x7FF:
            return PACKET_DAMAGED
        if size > MAX_PAYLOAD or (length < header + CAN_HEADER + size and not frame.id & ID_REMOTE):
            return PACKET_DAMAGED
        if not frame.id & ID_REMOTE:
            memcpy(frame.data, at + CAN_HEADER, size)
        frame.length = size
        return self.take_channel(kernel << 32 | number, frame)

    cdef int take_channel(self, uint64_t key, WideFrame* frame) noexcept nogil:
        # End a packet that is a frame of this channel; the newest one's is compared first.
        cdef int index = self.last_key, number
        if index >= self.key_count or self.keys[index] != key:
            index = 0
            while index < self.key_count and self.keys[index] != key:
                index += 1
            if index == MAX_CHANNELS:
                return PACKET_DAMAGED
            self.keys[index] = key
            self.key_count = max(self.key_count, index + 1)
            self.last_key = index
        number = self.find_channel(index)
        frame.channel = <uint16_t>max(number, 0)
        return PACKET_FRAME if number >= 0 else PACKET_NEW_CHANNEL
