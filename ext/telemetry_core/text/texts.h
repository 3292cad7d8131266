/* Copying short texts. */

#ifndef TELEMETRY_CORE_TEXTS_H
#define TELEMETRY_CORE_TEXTS_H

#include <string.h>

enum { TEXT_SLACK = 32 }; /* bytes: readable after the end of a text, and writable after the end of its copy */

/* Most texts are shorter than TEXT_SLACK: those take one copy of fixed size, without a loop or a call. */
static inline char* put_text(char* out, const char* text, size_t length)
{
    memcpy(out, text, TEXT_SLACK);
    for (size_t at = TEXT_SLACK; __builtin_expect(at < length, 0); at += TEXT_SLACK)
        memcpy(out + at, text + at, TEXT_SLACK);
    return out + length;
}

/* For texts without slack after them. */
static inline char* put_literal(char* out, const char* text)
{
    const size_t length = strlen(text); /* of a literal: known when compiled */
    memcpy(out, text, length);
    return out + length;
}

#endif
