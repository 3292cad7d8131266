/* Sends frames into a connected socket at an even pace. CPU that it takes is not the gateway's. */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#define FRAME_BYTES 16

/* Send `count` frames, one each period_ns (0: as fast as they are taken). Returns how many were sent. */
size_t feed(int fd, const uint8_t *frames, size_t count, int64_t period_ns)
{
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (size_t i = 0; i < count; i++) {
        if (send(fd, frames + i * FRAME_BYTES, FRAME_BYTES, MSG_NOSIGNAL) != FRAME_BYTES)
            return i;
        if (period_ns > 0) {
            due.tv_nsec += period_ns;
            due.tv_sec += due.tv_nsec / 1000000000;
            due.tv_nsec %= 1000000000;
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        }
    }
    return count;
}
