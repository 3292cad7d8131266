/* Taking signals out of a payload: the innermost loop of the decoder.

   A buffer is the payload as it came, followed by the same bytes in reverse, so that a Motorola signal is little
   endian there. Eight bytes of it hold the signal. One shift puts its highest bit into bit 63, a second one its
   lowest into bit 0, and extends its sign. A mask clears the sign again where the signal has none.

   Of a plain message, eight bytes long, either word holds any signal whole. Its signals are taken four at a time,
   in two ways that give the same bits: one for every processor, and one with the registers of AVX2, chosen when
   the program runs. The structs are small on purpose: a message of twelve signals takes less than two cache
   lines, which is what a large database costs per frame. */

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

/* How to take four signals of a plain message, into consecutive slots. */
enum { FOUR = 4, MOST_FOURS = 16, SIDE_INTEL = 0, SIDE_MOTOROLA = 2, SIGN_NONE = 64 };
typedef struct {
    uint8_t left[FOUR];  /* bits to shift left */
    uint8_t right[FOUR]; /* bits to shift right then */
    uint8_t sign[FOUR];  /* the bit that is the sign then; SIGN_NONE + right without a sign */
    uint8_t side[FOUR];  /* of the payload as it came, or of the one in reverse */
} Four;

/* Which message a frame is, and how to take its signals if it is a plain one. Starts on a cache line. */
typedef struct {
    uint64_t mask;       /* of a plain message: all of its signals */
    void *extra;         /* everything further: struct Extra */
    uint32_t record;
    uint32_t row_words;  /* 0: nothing to decode */
    uint16_t four_count; /* of a plain message; the last of them may have less than four signals */
    uint16_t need_bytes; /* a payload of this length holds all unconditional signals */
    uint8_t shape;
    uint8_t by_pgn;      /* J1939: its sender becomes a tag */
    uint8_t is_masked;   /* its id says who sent it: no tag does, however it came */
    Four fours[];
} Message;

/* A payload of a plain message, and the slots of its row: as many as its fours fill. */
typedef struct {
    const Four *fours;
    const uint8_t *data;
    uint64_t *slots;
} PlainRow;

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
#define ALL_8 UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX
/* By Four.sign: all bits with a sign, otherwise those of the signal. From SIGN_NONE on by Op.clear. */
static const uint64_t unpack_masks[SIGN_NONE + 64] = {
    ALL_8, ALL_8, ALL_8, ALL_8, ALL_8, ALL_8, ALL_8, ALL_8,
    ONES_8(0), ONES_8(8), ONES_8(16), ONES_8(24), ONES_8(32), ONES_8(40), ONES_8(48), ONES_8(56),
};
#undef ALL_8
#undef ONES_8
#undef ONES

static inline void unpack_scattered(const Op *ops, unsigned count, const uint8_t *buffer, uint64_t *slots)
{
    for (const Op *op = ops; op < ops + count; op++) {
        const uint64_t word = load64(buffer + op->offset) << (op->left & 63);
        slots[op->slot] = (uint64_t)((int64_t)word >> (op->right & 63)) & unpack_masks[SIGN_NONE + op->clear];
    }
}

/* Fill `count` rows of `fours` fours each: processors predict a loop that always ends at the same count. */
typedef void UnpackRows(const PlainRow *rows, unsigned count, unsigned fours);

static inline void unpack_rows(const PlainRow *rows, unsigned count, unsigned fours)
{
    uint64_t words[SIDE_MOTOROLA + 1];
    for (const PlainRow *row = rows; row < rows + count; row++) {
        const Four *four = row->fours;
        const Four *end = four + fours;
        uint64_t *slots = row->slots;
        words[SIDE_INTEL] = load64(row->data);
        words[SIDE_MOTOROLA] = __builtin_bswap64(words[SIDE_INTEL]);
        for (; four < end; four++, slots += FOUR) {
            for (unsigned at = 0; at < FOUR; at++) {
                const uint64_t word = words[four->side[at]] << (four->left[at] & 63);
                slots[at] = (uint64_t)((int64_t)word >> (four->right[at] & 63)) & unpack_masks[four->sign[at]];
            }
        }
    }
}

#if defined(__x86_64__)
#include <immintrin.h>

#define EACH(byte) \
    byte, -1, -1, -1, -1, -1, -1, -1, byte + 1, -1, -1, -1, -1, -1, -1, -1, \
    byte + 2, -1, -1, -1, -1, -1, -1, -1, byte + 3, -1, -1, -1, -1, -1, -1, -1

/* Four signals in the four lanes of a register. A shift by more than 63 bits leaves nothing: no sign. */
__attribute__((target("avx2"))) static inline void unpack_rows_avx2(const PlainRow *rows, unsigned count, unsigned fours)
{
    const __m256i there_and_back = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 7, 6, 5, 4, 3, 2, 1, 0,
                                                    0, 1, 2, 3, 4, 5, 6, 7, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m256i lefts = _mm256_setr_epi8(EACH(0)), rights = _mm256_setr_epi8(EACH(4));
    const __m256i signs = _mm256_setr_epi8(EACH(8)), sides = _mm256_setr_epi8(EACH(12));
    const __m256i one = _mm256_set1_epi64x(1);
    for (const PlainRow *row = rows; row < rows + count; row++) {
        const Four *four = row->fours;
        const Four *end = four + fours;
        __m256i *slots = (__m256i *)row->slots;
        const __m256i words = _mm256_shuffle_epi8(_mm256_set1_epi64x((int64_t)load64(row->data)), there_and_back);
        for (; four < end; four++, slots++) {
            const __m256i bytes = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)four));
            const __m256i side = _mm256_shuffle_epi8(bytes, sides);
            __m256i word = _mm256_castpd_si256(_mm256_permutevar_pd(_mm256_castsi256_pd(words), side));
            word = _mm256_sllv_epi64(word, _mm256_shuffle_epi8(bytes, lefts));
            word = _mm256_srlv_epi64(word, _mm256_shuffle_epi8(bytes, rights));
            const __m256i sign = _mm256_sllv_epi64(one, _mm256_shuffle_epi8(bytes, signs));
            _mm256_storeu_si256(slots, _mm256_sub_epi64(_mm256_xor_si256(word, sign), sign));
        }
    }
}
#undef EACH

/* The fastest for this processor; NULL if that is unpack_rows. */
static inline UnpackRows *vector_unpack_rows(void)
{
    return __builtin_cpu_supports("avx2") ? unpack_rows_avx2 : NULL;
}
#else
static inline UnpackRows *vector_unpack_rows(void)
{
    return NULL;
}
#endif

#endif
