#include "daemon/crash_line.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char digits[] = "0123456789abcdef";

static void put(struct crash_line *line, char c)
{
    /* The last byte is the line end's. */
    if (line->used < sizeof line->text - 1)
        line->text[line->used++] = (unsigned char)c < ' ' || c == 127 ? '?' : c;
}

static void put_number(struct crash_line *line, uint64_t value, unsigned base)
{
    char reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = digits[value % base];
        value /= base;
    } while (value > 0);
    while (count > 0)
        put(line, reversed[--count]);
}

void line_begin(struct crash_line *line, const char *keyword)
{
    line->used = 0;
    line_text(line, keyword);
}

void line_end(struct crash_line *line)
{
    line->text[line->used++] = '\n';
    for (size_t done = 0; done < line->used && !line->failed;) {
        const ssize_t written = write(line->fd, line->text + done, line->used - done);
        if (written > 0)
            done += (size_t)written;
        else
            line->failed = written == 0 || errno != EINTR;
    }
    line->used = 0;
}

void line_text(struct crash_line *line, const char *text)
{
    while (*text)
        put(line, *text++);
}

void line_word(struct crash_line *line, const char *word)
{
    put(line, ' ');
    line_text(line, word);
}

void line_words(struct crash_line *line, const char *text, size_t length)
{
    put(line, ' ');
    for (size_t i = 0; i < length; i++)
        put(line, text[i]);
}

void line_digits(struct crash_line *line, uint64_t value)
{
    put_number(line, value, 10);
}

void line_decimal(struct crash_line *line, int64_t value)
{
    put(line, ' ');
    if (value < 0)
        put(line, '-');
    put_number(line, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

void line_hex(struct crash_line *line, uint64_t value)
{
    line_word(line, "0x");
    put_number(line, value, 16);
}

void line_byte(struct crash_line *line, uint8_t value)
{
    put(line, digits[value >> 4]);
    put(line, digits[value & 15]);
}
