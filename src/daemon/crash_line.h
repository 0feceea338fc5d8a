/* Lines of a crash report, put together and written in a signal handler: no allocation, no locks, no stdio. One thread
 * uses them. */
#ifndef DAEMON_CRASH_LINE_H
#define DAEMON_CRASH_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crash_line {
    int fd;
    bool failed; /* a write did: nothing more is written */
    size_t used;
    char text[1024]; /* a longer line is cut */
};

/* Begins a line, and forgets one that was begun before. */
void line_begin(struct crash_line *line, const char *keyword);
void line_end(struct crash_line *line);

/* Each puts a blank before it. */
void line_word(struct crash_line *line, const char *word);
void line_words(struct crash_line *line, const char *text, size_t length);
void line_decimal(struct crash_line *line, int64_t value);
void line_hex(struct crash_line *line, uint64_t value);

/* Without one. */
void line_text(struct crash_line *line, const char *text);
void line_digits(struct crash_line *line, uint64_t value);
void line_byte(struct crash_line *line, uint8_t value); /* two hexadecimal digits */

#endif
