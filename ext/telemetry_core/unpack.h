/* Taking signals out of a payload: the innermost loop of the decoder.

   A buffer is the payload as it came and, behind it, the same bytes in reverse, so that a Motorola signal is
   little endian there. Eight bytes of it hold the signal; one shift puts its highest bit into bit 63, one its
   lowest into bit 0, with its sign behind it; a mask takes the sign off again where there is none. Small on
   purpose: a message of twelve signals is two cache lines, which is what a large database costs per frame. */

#ifndef TELEMETRY_CORE_UNPACK_H
#define TELEMETRY_CORE_UNPACK_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "telemetry_core runs on little-endian processors only: eight bytes of a payload are loaded as one integer"
#endif

typedef struct {
    uint8_t left;    /* bits to shift left */
    uint8_t right;   /* bits to shift right then */
    uint8_t clear;   /* of the result, how many of the highest bits are not the signal's: 0 when signed */
    uint8_t unused;
    uint16_t offset; /* of the eight bytes in the buffer */
    uint16_t slot;   /* where the value goes */
} Op;

/* What a frame is and how its unconditional signals are got; starts on a cache line. */
typedef struct {
    uint64_t mask;       /* first mask word of the unconditional signals */
    void *extra;         /* what is seldom needed */
    uint32_t record;
    uint32_t row_words;  /* 0: nothing to decode */
    uint16_t op_count;
    uint16_t need_bytes; /* a payload of so many bytes holds all unconditional signals */
    uint8_t shape;
    uint8_t by_pgn;      /* J1939: who has sent it is worth a tag */
    Op ops[];
} Message;

/* So many ops at a time are run in order: as many there must be behind the last, and slots to write to. */
enum { UNPACK_STEP = 4 };

static inline uint64_t load64(const void *address)
{
    uint64_t word;
    memcpy(&word, address, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

#define ONES(n) UINT64_MAX >> (n)
#define ONES_8(n) \
    ONES(n), ONES((n) + 1), ONES((n) + 2), ONES((n) + 3), \
    ONES((n) + 4), ONES((n) + 5), ONES((n) + 6), ONES((n) + 7)
static const uint64_t unpack_masks[64] = {
    ONES_8(0), ONES_8(8), ONES_8(16), ONES_8(24), ONES_8(32), ONES_8(40), ONES_8(48), ONES_8(56),
};
#undef ONES_8
#undef ONES

static inline uint64_t unpack(const Op *op, const uint8_t *buffer)
{
    uint64_t word = load64(buffer + op->offset) << (op->left & 63);
    return (uint64_t)((int64_t)word >> (op->right & 63)) & unpack_masks[op->clear];
}

static inline void unpack_scattered(const Op *ops, unsigned count, const uint8_t *buffer, uint64_t *slots)
{
    for (unsigned index = 0; index < count; index++)
        slots[ops[index].slot] = unpack(&ops[index], buffer);
}

/* The same where slots are in the order of the ops. */
static inline void unpack_in_order(const Op *ops, unsigned count, const uint8_t *buffer, uint64_t *slots)
{
    for (const Op *end = ops + count; ops < end; ops += UNPACK_STEP, slots += UNPACK_STEP) {
        slots[0] = unpack(&ops[0], buffer);
        slots[1] = unpack(&ops[1], buffer);
        slots[2] = unpack(&ops[2], buffer);
        slots[3] = unpack(&ops[3], buffer);
    }
}

#endif
