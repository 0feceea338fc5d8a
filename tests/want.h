/* Want of memory and of the system's help: the allocations and system calls of culvert's own objects, not those of the
 * codecs, fail at a chosen one. A program that links want.c passes want_wraps (tests/meson.build) to the linker. */
#ifndef TESTS_WANT_H
#define TESTS_WANT_H

#include <stdbool.h>
#include <stdint.h>

/* From now on they are counted, and number `at` (from 0) fails; with for_good, all after it too. */
void want_begin(uint32_t at, bool for_good);
/* No more fail. Whether number `at` was reached. */
bool want_end(void);

/* Blocks and mappings that culvert's own objects hold. */
struct want_held {
    int64_t blocks, mappings;
};

struct want_held want_held(void);

#endif
