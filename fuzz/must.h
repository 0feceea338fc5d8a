/* What holds whatever the input is: where it does not, the run is a finding. */
#ifndef FUZZ_MUST_H
#define FUZZ_MUST_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline void must(bool holds)
{
    if (!holds)
        abort();
}

/* An error for people is one line, and ends. */
static inline void must_be_a_line(const char *text, size_t size)
{
    must(memchr(text, '\0', size) != NULL && text[0] != '\0' && strchr(text, '\n') == NULL);
}

#endif
