#include "trace.h"

#include <inttypes.h>
#include <stdio.h>

#define LINES 128

static struct line {
    const char *what;
    uint32_t thread, place, value;
} lines[LINES];
static uint32_t count;

void trace_begin(void)
{
    count = 0;
}

void trace_add(uint32_t thread, const char *what, uint32_t place, uint32_t value)
{
    if (count < LINES)
        lines[count++] = (struct line){what, thread, place, value};
}

void trace_print(char *text, size_t bytes, const char *failure)
{
    size_t used = (size_t)snprintf(text, bytes, "%s", failure);
    for (uint32_t i = 0; i < count && used < bytes; i++) {
        const struct line *line = &lines[i];
        used += (size_t)snprintf(text + used, bytes - used, "\n  thread %" PRIu32 " %s %" PRIu32 ": 0x%" PRIx32,
                                 line->thread, line->what, line->place, line->value);
    }
}
