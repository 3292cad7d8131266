/* Numbers as text: what line protocol, csv and JSON all read back.

   Promises: never "-0", NaN or infinity; no exponent where a fixed decimal was asked for; a double is the shortest
   text that reads back to it. Relies on room: each function may write NUMBER_ROOM bytes from `out`, whatever the
   length of the text that it returns the end of. */

#ifndef TELEMETRY_CORE_NUMBERS_H
#define TELEMETRY_CORE_NUMBERS_H

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

enum {
    NUMBER_ROOM = 40, /* the longest text has 25 bytes; the rest is written over */
    TEXT_SLACK = 32   /* readable behind the end of what put_text copies, and writable behind the copy's */
};

static const uint64_t POWERS_OF_TEN[20] = {
    1ull, 10ull, 100ull, 1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 100000000ull, 1000000000ull,
    10000000000ull, 100000000000ull, 1000000000000ull, 10000000000000ull, 100000000000000ull,
    1000000000000000ull, 10000000000000000ull, 100000000000000000ull, 1000000000000000000ull,
    10000000000000000000ull};

/* Eight bytes, the first of them from the low end. */
static inline void store_text(char* out, uint64_t text)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    text = __builtin_bswap64(text);
#endif
    memcpy(out, &text, 8);
}

/* Most texts are shorter than TEXT_SLACK: those take one copy of fixed size, without a loop or a call. */
static inline char* put_text(char* out, const char* text, size_t length)
{
    memcpy(out, text, TEXT_SLACK);
    if (length > TEXT_SLACK)
        memcpy(out + TEXT_SLACK, text + TEXT_SLACK, length - TEXT_SLACK);
    return out + length;
}

static inline char* put_exactly(char* out, const char* text, size_t length)
{
    memcpy(out, text, length);
    return out + length;
}

static inline char* put_flag(char* out, bool flag)
{
    memcpy(out, flag ? "true\0\0\0" : "false\0\0", 8);
    return out + 5 - flag;
}

static const uint64_t ZEROS = 0x3030303030303030ull;

/* The eight decimal digits of a number below 10^8, one a byte, the most significant in the lowest byte: halves,
   quarters and digits are divided side by side in one register, by multiplication. */
static inline uint64_t eight_digits(uint32_t number)
{
    const uint64_t fours = number / 10000 + ((uint64_t)(number % 10000) << 32);
    const uint64_t hundreds = ((fours * 10486) >> 20) & 0x0000007F0000007Full;
    const uint64_t twos = hundreds + ((fours - hundreds * 100) << 16);
    const uint64_t tens = ((twos * 103) >> 10) & 0x000F000F000F000Full;
    return tens + ((twos - tens * 10) << 8);
}

/* `count` digits of `number`, with leading zeros; writes up to seven bytes before them and none after. */
static inline void put_padded(char* out, uint64_t number, unsigned count)
{
    for (unsigned at = count; at > 0; --at, number /= 10)
        out[at - 1] = (char)('0' + number % 10);
}

static inline char* put_unsigned(char* out, uint64_t number)
{
    return std::to_chars(out, out + NUMBER_ROOM, number).ptr;
}

/* magnitude / 10^decimals for what does not fit the fast path of put_decimal. */
static char* put_wide_decimal(char* out, uint64_t magnitude, unsigned decimals)
{
    const uint64_t unit = POWERS_OF_TEN[decimals];
    out = put_unsigned(out, magnitude / unit);
    uint64_t fraction = magnitude % unit;
    if (fraction == 0)
        return out;
    while (fraction % 10 == 0) {
        fraction /= 10;
        --decimals;
    }
    *out = '.';
    put_padded(out + 1, fraction, decimals);
    return out + 1 + decimals;
}

/* scaled / 10^decimals, exactly, without trailing zeros. Numbers of up to eight digits take one path without a
   branch, since their lengths are as good as random: a mark on the last digit of the integer part keeps that digit
   and ends both the search for leading zeros and the one for trailing zeros. */
static inline char* put_decimal(char* out, int64_t scaled, unsigned decimals)
{
    const uint64_t magnitude = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled;
    *out = '-';
    out += scaled < 0;
    if (magnitude >= 100000000 || decimals > 7)
        return put_wide_decimal(out, magnitude, decimals);
    const unsigned point = 8 * (7 - decimals);
    const uint64_t digits = eight_digits((uint32_t)magnitude);
    const uint64_t marked = digits | (uint64_t)1 << point;
    const unsigned leading = (unsigned)__builtin_ctzll(marked) / 8;
    const unsigned trailing = (unsigned)__builtin_clzll(marked) / 8;
    const uint64_t text = digits | ZEROS;
    store_text(out, text >> (8 * leading));
    out += 8 - decimals - leading;
    *out = '.';
    store_text(out + 1, text >> point >> 8);
    return out + (decimals - trailing) + (trailing < decimals);
}

/* The shortest text that reads back to `number`; NULL if it is not finite. */
static inline char* put_double(char* out, double number)
{
    if (!std::isfinite(number))
        return NULL;
    if (number == 0)
        number = 0; /* no negative zero */
    return std::to_chars(out, out + NUMBER_ROOM, number).ptr;
}

/* raw * factor + offset for whole factors and offsets: exact as far as it fits 64 bits, then as put_double. */
static char* put_whole(char* out, bool negative, uint64_t magnitude, int64_t factor, int64_t offset)
{
    const uint64_t steps = factor < 0 ? 0 - (uint64_t)factor : (uint64_t)factor;
    const uint64_t shift = offset < 0 ? 0 - (uint64_t)offset : (uint64_t)offset;
    const bool product_negative = negative != (factor < 0);
    uint64_t product, sum;
    bool sum_negative = product_negative;
    bool overflow = __builtin_mul_overflow(magnitude, steps, &product);
    if (product_negative == (offset < 0)) {
        overflow |= __builtin_add_overflow(product, shift, &sum);
    } else if (product >= shift) {
        sum = product - shift;
    } else {
        sum = shift - product;
        sum_negative = !product_negative;
    }
    if (overflow)
        return put_double(out, (negative ? -(double)magnitude : (double)magnitude) * (double)factor + (double)offset);
    *out = '-';
    return put_unsigned(out + (sum_negative && sum != 0), sum);
}

/* A time stamp, ns. */
static inline char* put_stamp(char* out, int64_t time_ns)
{
    return std::to_chars(out, out + NUMBER_ROOM, time_ns).ptr;
}

/* An arbitration id as candump prints it: upper case, three digits, eight for an extended one. */
static inline char* put_arbitration_id(char* out, uint32_t id, bool extended)
{
    const int digits = extended ? 8 : 3;
    for (int at = digits - 1; at >= 0; --at, id >>= 4)
        out[at] = "0123456789ABCDEF"[id & 15];
    return out + digits;
}

#endif
