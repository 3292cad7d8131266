/* The value of a hexadecimal digit, by table: logs are made of them. */
#ifndef TELEMETRY_CORE_HEX_DIGITS_H
#define TELEMETRY_CORE_HEX_DIGITS_H

#include <stdint.h>

enum { NOT_HEX = 0xFF };

/* One more than the value; 0: not a digit. */
static const uint8_t HEX_DIGITS[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static inline uint8_t hex_digit(char digit) {
    return (uint8_t)(HEX_DIGITS[(uint8_t)digit] - 1);
}

#endif
