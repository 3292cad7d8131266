/* Numbers as text: what line protocol, csv and JSON all read back.

   Promises:

   - Never "-0", NaN or infinity.
   - No exponent where a fixed decimal was asked for.
   - A double is the shortest text that reads back to it.

   Relies on room: each function may write NUMBER_ROOM bytes from `out`, even for a short text. It returns the end
   of the text.

   Why not std::to_chars throughout: measured, it doubles the time a line takes. */

#ifndef TELEMETRY_CORE_NUMBERS_H
#define TELEMETRY_CORE_NUMBERS_H

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

enum {
    NUMBER_ROOM = 48,     /* the longest text has 25 bytes; the rest is written over */
    SMALL_NUMBERS = 1000, /* whole numbers below it are looked up */
    EIGHT_DIGITS = 100000000
};

#define RARELY(condition) __builtin_expect(!!(condition), 0)

static inline char* put_flag(char* out, bool flag)
{
    memcpy(out, flag ? "true\0\0\0" : "false\0\0", 8);
    return out + 5 - flag;
}

/* Eight bytes, the first of them from the low end. */
static inline void store_text(char* out, uint64_t text)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    text = __builtin_bswap64(text);
#endif
    memcpy(out, &text, 8);
}

static const uint64_t ZEROS = 0x3030303030303030ull;

/* The eight decimal digits of a number below 10^8, one a byte, the most significant in the lowest byte:
   halves, quarters and digits are divided side by side in one register, by multiplication. */
static inline uint64_t eight_digits(uint32_t number)
{
    const uint64_t fours = number / 10000 + ((uint64_t)(number % 10000) << 32);
    const uint64_t hundreds = ((fours * 10486) >> 20) & 0x0000007F0000007Full;
    const uint64_t twos = hundreds + ((fours - hundreds * 100) << 16);
    const uint64_t tens = ((twos * 103) >> 10) & 0x000F000F000F000Full;
    return tens + ((twos - tens * 10) << 8);
}

/* The numbers below SMALL_NUMBERS: up to three digits, and how many in the last byte. */
struct SmallNumbers {
    char text[SMALL_NUMBERS][4];

    constexpr SmallNumbers() : text()
    {
        for (int number = 0; number < SMALL_NUMBERS; ++number) {
            int count = 0;
            if (number >= 100)
                text[number][count++] = (char)('0' + number / 100);
            if (number >= 10)
                text[number][count++] = (char)('0' + number / 10 % 10);
            text[number][count++] = (char)('0' + number % 10);
            text[number][3] = (char)count;
        }
    }
};

static constexpr SmallNumbers small_numbers;

static inline char* put_small(char* out, uint64_t number)
{
    memcpy(out, small_numbers.text[number], 4);
    return out + small_numbers.text[number][3];
}

static inline char* put_unsigned(char* out, uint64_t number)
{
    return std::to_chars(out, out + NUMBER_ROOM, number).ptr;
}

/* magnitude / 10^decimals for all of 64 bits and 18 decimals: the way of put_decimal, with 24 digits. */
static inline char* put_wide_decimal(char* out, uint64_t magnitude, unsigned decimals)
{
    const uint64_t high = magnitude / EIGHT_DIGITS;
    const uint64_t digits[3] = {eight_digits((uint32_t)(high / EIGHT_DIGITS)),
                                eight_digits((uint32_t)(high % EIGHT_DIGITS)),
                                eight_digits((uint32_t)(magnitude % EIGHT_DIGITS))};
    uint64_t marked[3] = {digits[0], digits[1], digits[2]};
    char text[24 + 24] = {0};
    unsigned first = 0, last = 2;
    for (unsigned word = 0; word < 3; ++word)
        store_text(text + 8 * word, digits[word] | ZEROS);
    marked[(23 - decimals) / 8] |= (uint64_t)1 << 8 * ((23 - decimals) % 8);
    while (marked[first] == 0)
        ++first;
    while (marked[last] == 0)
        --last;
    const unsigned leading = 8 * first + (unsigned)__builtin_ctzll(marked[first]) / 8;
    const unsigned trailing = 8 * (2 - last) + (unsigned)__builtin_clzll(marked[last]) / 8;
    memcpy(out, text + leading, 24);
    out += 24 - decimals - leading;
    *out = '.';
    memcpy(out + 1, text + 24 - decimals, 24);
    return out + (decimals - trailing) + (trailing < decimals);
}

/* The numbers below 1000 as three digits of thousandths. The last byte is the length of a point and the digits
   without trailing zeros; 0 for none. */
struct Thousandths {
    char text[1000][4];

    constexpr Thousandths() : text()
    {
        for (int number = 0; number < 1000; ++number) {
            text[number][0] = (char)('0' + number / 100);
            text[number][1] = (char)('0' + number / 10 % 10);
            text[number][2] = (char)('0' + number % 10);
            text[number][3] = (char)(number % 10 ? 4 : number % 100 ? 3 : number ? 2 : 0);
        }
    }
};

static constexpr Thousandths thousandths;

/* How to print numbers below SMALL_NUMBERS with up to three decimals: both of their parts are looked up. */
struct ShortDecimal {
    uint32_t limit;       /* of what is scaled by 10^decimals */
    uint32_t reciprocal;  /* 2^32 / 10^decimals, rounded up: exact below the limit */
    uint32_t steps;       /* 10^decimals */
    uint32_t thousandths; /* of a step */
};

enum { SHORT_DECIMALS = 4 };
static constexpr ShortDecimal short_decimals[SHORT_DECIMALS] = {
    {0, 0, 0, 0}, {10000, 429496730, 10, 100}, {100000, 42949673, 100, 10}, {1000000, 4294968, 1000, 1}};

/* scaled / 10^decimals, exactly, without trailing zeros. A number longer than a ShortDecimal, with up to eight
   digits, takes one path without a branch. A mark on the last digit of the integer part keeps that digit, and
   ends both the search for leading zeros and the one for trailing zeros. */
static inline char* put_decimal(char* out, int64_t scaled, unsigned decimals)
{
    const uint64_t magnitude = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled;
    *out = '-';
    out += scaled < 0;
    const ShortDecimal* parts = &short_decimals[decimals < SHORT_DECIMALS ? decimals : 0];
    if (magnitude < parts->limit) {
        const uint32_t whole = (uint32_t)(magnitude * parts->reciprocal >> 32);
        const uint32_t rest = ((uint32_t)magnitude - whole * parts->steps) * parts->thousandths;
        out = put_small(out, whole);
        *out = '.';
        memcpy(out + 1, thousandths.text[rest], 4);
        return out + thousandths.text[rest][3];
    }
    if (RARELY(magnitude >= EIGHT_DIGITS || decimals > 7))
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

/* raw * multiplier + bias, in 64 bits, signed or not: a DecimalScale never leaves them. */
static inline uint64_t scale_raw(uint64_t raw, int64_t multiplier, int64_t bias)
{
    return raw * (uint64_t)multiplier + (uint64_t)bias;
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

/* raw * factor + offset: exact while it fits 64 bits and a sign, then as put_double. */
static inline char* put_whole(char* out, uint64_t raw, bool is_signed, int64_t factor, int64_t offset)
{
    const bool negative = is_signed && (int64_t)raw < 0;
    const uint64_t magnitude = negative ? 0 - raw : raw;
    const uint64_t steps = factor < 0 ? 0 - (uint64_t)factor : (uint64_t)factor;
    const uint64_t shift = offset < 0 ? 0 - (uint64_t)offset : (uint64_t)offset;
    const bool product_negative = negative != (factor < 0);
    bool sum_negative = product_negative;
    uint64_t product, sum;
    bool overflow = __builtin_mul_overflow(magnitude, steps, &product);
    if (product_negative == (offset < 0)) {
        overflow |= __builtin_add_overflow(product, shift, &sum);
    } else if (product >= shift) {
        sum = product - shift;
    } else {
        sum = shift - product;
        sum_negative = !product_negative;
    }
    if (overflow) {
        const double number = negative ? -(double)magnitude : (double)magnitude;
        return put_double(out, number * (double)factor + (double)offset);
    }
    *out = '-';
    return put_unsigned(out + (sum_negative && sum != 0), sum);
}

/* A time stamp, ns. */
static inline char* put_stamp(char* out, int64_t time_ns)
{
    return std::to_chars(out, out + NUMBER_ROOM, time_ns).ptr;
}

/* The same in UTC, as ISO 8601 has it: 2023-11-14T22:13:20.500000000Z. Days to dates by 400-year eras, which begin
   on a 1 March, so that the day that comes and goes is their last one. */
static inline char* put_iso_stamp(char* out, int64_t time_ns)
{
    const int64_t day_ns = INT64_C(86400000000000);
    int64_t days = time_ns / day_ns;
    int64_t rest_ns = time_ns % day_ns;
    if (rest_ns < 0) {
        rest_ns += day_ns;
        --days;
    }
    const uint32_t since = (uint32_t)(days + 719468); /* since 0000-03-01; 64 bits of ns reach 1677 to 2262 */
    const uint32_t era = since / 146097;
    const uint32_t day_of_era = since - era * 146097;
    const uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint32_t month_from_march = (5 * day_of_year + 2) / 153;
    const uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    const uint32_t year = era * 400 + year_of_era + (month <= 2);
    const uint32_t second = (uint32_t)(rest_ns / 1000000000);
    const uint32_t parts[6] = {year, month, day_of_year - (153 * month_from_march + 2) / 5 + 1,
                               second / 3600, second / 60 % 60, second % 60};
    memcpy(out, "0000-00-00T00:00:00.000000000Z", 30);
    for (unsigned part = 0; part < 6; ++part) {
        uint32_t number = parts[part];
        for (unsigned at = part ? 3 + 3 * part : 3; number; --at, number /= 10)
            out[at] = (char)('0' + number % 10);
    }
    uint32_t fraction_ns = (uint32_t)(rest_ns % 1000000000);
    for (unsigned at = 28; fraction_ns; --at, fraction_ns /= 10)
        out[at] = (char)('0' + fraction_ns % 10);
    return out + 30;
}

/* The beginning that all stamps within one tenth of a second share: consecutive stamps of a bus rarely leave it. */
struct StampHead {
    int64_t base_ns; /* a multiple of 10^8, and not below it */
    size_t length;
    char text[16]; /* a space and the digits of base_ns / 10^8 */
};

static inline void set_stamp_head(StampHead* head, int64_t stamp_ns)
{
    head->base_ns = stamp_ns < EIGHT_DIGITS ? EIGHT_DIGITS : stamp_ns - stamp_ns % EIGHT_DIGITS;
    head->text[0] = ' ';
    char* end = std::to_chars(head->text + 1, head->text + 16, head->base_ns / EIGHT_DIGITS).ptr;
    head->length = (size_t)(end - head->text);
}

/* " stamp\n", the end of a line. */
static inline char* put_line_end(char* out, int64_t stamp_ns, StampHead* head)
{
    uint64_t rest = (uint64_t)stamp_ns - (uint64_t)head->base_ns;
    if (RARELY(rest >= EIGHT_DIGITS)) {
        if (stamp_ns < EIGHT_DIGITS) {
            *out = ' ';
            out = put_stamp(out + 1, stamp_ns);
            *out = '\n';
            return out + 1;
        }
        set_stamp_head(head, stamp_ns);
        rest = (uint64_t)stamp_ns - (uint64_t)head->base_ns;
    }
    memcpy(out, head->text, sizeof head->text);
    out += head->length;
    const uint32_t high = (uint32_t)rest / 100000;
    const uint32_t low = (uint32_t)rest - high * 100000;
    memcpy(out, thousandths.text[high], 4);
    memcpy(out + 3, thousandths.text[low / 100], 4);
    memcpy(out + 6, thousandths.text[low % 100 * 10], 4);
    out[8] = '\n';
    return out + 9;
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
