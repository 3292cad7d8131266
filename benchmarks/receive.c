/* The kernel's own cost of a frame: a process that takes frames as the gateway does, and does nothing with
 * them. They gather after a wake-up, then recvmmsg takes 64 at a time, with stamps and drop counts. */
#define _GNU_SOURCE
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MESSAGES 64
#define MESSAGE_BYTES 72 /* struct canfd_frame */
#define GATHER_MS 125

int main(int count, char **arguments)
{
    static uint8_t payloads[MESSAGES][MESSAGE_BYTES], controls[MESSAGES][128];
    static struct iovec parts[MESSAGES];
    static struct mmsghdr messages[MESSAGES];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct pollfd waiting = {.events = POLLIN};
    int on = 1, got;
    if (count != 2 || strlen(arguments[1]) >= sizeof(address.sun_path))
        return 64;
    strcpy(address.sun_path, arguments[1]);
    waiting.fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    setsockopt(waiting.fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    setsockopt(waiting.fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
    if (connect(waiting.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return 69;
    for (int i = 0; i < MESSAGES; i++) {
        parts[i] = (struct iovec){payloads[i], MESSAGE_BYTES};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = controls[i]};
    }
    for (;;) {
        poll(&waiting, 1, -1);
        poll(NULL, 0, GATHER_MS);
        do {
            for (int i = 0; i < MESSAGES; i++)
                messages[i].msg_hdr.msg_controllen = sizeof(controls[i]);
            got = recvmmsg(waiting.fd, messages, MESSAGES, MSG_DONTWAIT, NULL);
            if (got > 0 && messages[0].msg_len == 0)
                return 0; /* the end of the stream */
        } while (got == MESSAGES);
    }
}
