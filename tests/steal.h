/* What a virtual machine's host took away from it: the time for which a processor had work and did not run ("steal" of
 * /proc/stat, proc(5)). Nothing here can help it, so a clock that ran meanwhile proves nothing. */
#ifndef TESTS_STEAL_H
#define TESTS_STEAL_H

#include <stdint.h>

/* Of a hundred parts of the time that was wanted; below it a 99th percentile is the program's own. */
#define STEAL_MOST 1.0

struct steal {
    uint64_t ran, stolen; /* of all processors, since the machine's start, in its ticks */
};

struct steal steal_look(void);
/* Percent of the time that was wanted since then; 0 where the system does not say. */
double steal_since(const struct steal *before);

#endif
