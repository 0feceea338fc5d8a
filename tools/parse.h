/* Numbers as command lines and file headers spell them. Each returns whether the text was all of it, and in range;
 * outputs are untouched when not. */
#ifndef TOOLS_PARSE_H
#define TOOLS_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits, from least to most. */
bool parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *value);

/* Two numbers of at most 10^9 around a separator, as they stand. */
bool parse_pair(const char *text, char separator, uint32_t *first, uint32_t *second);

/* Frames per second: "60", "60000/1001", "59.94", "ntsc"; 1 to 1000 of them. */
bool parse_rate(const char *text, uint32_t *num, uint32_t *den);
bool rate_valid(uint32_t num, uint32_t den);

/* "640x480", or a name such as "vga"; each side 2 to 16384. */
bool parse_size(const char *text, uint32_t *width, uint32_t *height);

/* "4:3" or "1.333"; reduced, each number 1 to 65535. */
bool parse_aspect(const char *text, uint32_t *num, uint32_t *den);

/* An H.264 level, "3.1", "31", "4", "1b" or "9" (which is 1b), times ten. */
bool parse_level(const char *text, uint32_t *level);

/* A time, "90", "0.5", "500ms" or "1:30", from least to most (milliseconds), in microseconds. */
bool parse_time(const char *text, uint32_t least, uint32_t most, int64_t *time);

#endif
