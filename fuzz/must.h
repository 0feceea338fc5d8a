/* What holds whatever the input is: where it does not, the run is a finding. */
#ifndef FUZZ_MUST_H
#define FUZZ_MUST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define must(condition) must_hold((condition), #condition, __FILE__, __LINE__)

static inline void must_hold(bool holds, const char *condition, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: it must hold that %s\n", file, line, condition);
    abort();
}

/* An error for people is one line, and ends. */
static inline void must_be_a_line(const char *text, size_t size)
{
    must(memchr(text, '\0', size) != NULL && text[0] != '\0' && strchr(text, '\n') == NULL);
}

#endif
