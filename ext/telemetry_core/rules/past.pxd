# What has come of a value that is watched for what it crosses, or changes by: 16 bytes for each value within the time
# of a change, at most twice.

from libc.stdint cimport int64_t
from libc.stdlib cimport free
from libc.string cimport memmove, memset

from telemetry_core.memory cimport with_room

cdef struct Point:
    int64_t time_ns
    double value

cdef struct Queue:               # of values that may still be the highest, or the lowest, the oldest first
    Point* points
    size_t begin
    size_t end
    size_t room

cdef struct Past:
    Queue highest
    Queue lowest
    int64_t last_ns
    double last
    bint seen


cdef inline int push(Queue* queue, int64_t time_ns, double value, double sign) except -1 nogil:
    while queue.end > queue.begin and sign * queue.points[queue.end - 1].value <= sign * value:
        queue.end -= 1
    if queue.begin and queue.end >= queue.room:
        memmove(queue.points, queue.points + queue.begin, (queue.end - queue.begin) * sizeof(Point))
        queue.end -= queue.begin
        queue.begin = 0
    queue.points = <Point*>with_room(queue.points, &queue.room, queue.end, sizeof(Point))
    queue.points[queue.end] = Point(time_ns, value)
    queue.end += 1
    return 0


cdef inline double change_of(Queue* queue, int64_t from_ns, double value) noexcept nogil:
    # From the highest or lowest value since `from_ns` to this one; 0 without any.
    while queue.begin < queue.end and queue.points[queue.begin].time_ns < from_ns:
        queue.begin += 1
    return value - queue.points[queue.begin].value if queue.begin < queue.end else 0.0


cdef inline double changes_by(Past* past, double limit, int64_t within_ns, int64_t time_ns, double value) except? -1 nogil:
    # By how much, if that is the limit or more: the next change begins with this value then. Otherwise 0.
    cdef double change, rise
    if past.seen and time_ns < past.last_ns:
        past.highest.begin = past.highest.end = past.lowest.begin = past.lowest.end = 0
    change = change_of(&past.highest, time_ns - within_ns, value)
    rise = change_of(&past.lowest, time_ns - within_ns, value)
    if rise > -change:
        change = rise
    if change >= limit or -change >= limit:
        past.highest.begin = past.highest.end = past.lowest.begin = past.lowest.end = 0
    else:
        change = 0.0
    push(&past.highest, time_ns, value, 1.0)
    push(&past.lowest, time_ns, value, -1.0)
    return change


cdef inline void begin_again(Past* past) noexcept nogil:
    free(past.highest.points)
    free(past.lowest.points)
    memset(past, 0, sizeof(Past))
