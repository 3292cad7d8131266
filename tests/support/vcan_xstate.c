/* Loaded into User Mode Linux, which has room for 2,696 bytes of a processor's extended state. A kernel takes
 * that state whole or not at all (xstateregs_set of arch/x86/kernel/fpu/regset.c: EFAULT), and where the
 * processor has AMX it is 11,008. What there is no room for stays as it is: no process may use AMX that has not
 * asked for it (arch_prctl, ARCH_REQ_XCOMP_PERM).
 *
 * Relies on ptrace being called by one thread, as in kernels up to 6.12. */

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PEEK_FIRST = 1, PEEK_LAST = 3, GET_REGISTERS = 0x4204, SET_REGISTERS = 0x4205, EXTENDED_STATE = 0x202 };

static char whole[64 * 1024];

static long ask(long request, long pid, long what, void *data)
{
    return syscall(SYS_ptrace, request, pid, what, data);
}

long ptrace(int request, ...)
{
    va_list rest;
    va_start(rest, request);
    const int pid = va_arg(rest, int);
    const long what = va_arg(rest, long);
    struct iovec *const part = va_arg(rest, void *);
    va_end(rest);

    if (request >= PEEK_FIRST && request <= PEEK_LAST) { /* ptrace(2): the C library returns the word itself */
        long word = 0;
        if (ask(request, pid, what, &word) < 0)
            return -1;
        errno = 0;
        return word;
    }
    if (request != SET_REGISTERS || what != EXTENDED_STATE)
        return ask(request, pid, what, part);
    struct iovec all = {whole, sizeof whole};
    if (ask(GET_REGISTERS, pid, what, &all) < 0)
        return -1;
    memcpy(whole, part->iov_base, part->iov_len < all.iov_len ? part->iov_len : all.iov_len);
    return ask(SET_REGISTERS, pid, what, &all);
}
