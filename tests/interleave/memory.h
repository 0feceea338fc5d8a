/* C11's memory, as release and acquire have it: every word is the list of all values that were ever stored in it, each
 * with what its writer released with it, and a thread may load any that is not older than what it knows of. */
#ifndef INTERLEAVE_MEMORY_H
#define INTERLEAVE_MEMORY_H

#include <stdint.h>

#include "explore.h"

#define WORDS 8
#define CELLS 8

/* What happened before: of each word the newest value known, of each thread how far it had come. */
struct knowledge {
    uint8_t values[WORDS];
    uint8_t progress[THREADS];
};

void memory_begin(void);
/* Thread 0 knows nothing of the others and they everything of it; and afterwards it knows all. */
void memory_fork(void);
void memory_join(void);

void knowledge_learn(struct knowledge *to, const struct knowledge *from);
struct knowledge *memory_known(void);
/* What the thread does from here on is not in what it has given away. */
void memory_advance(void);

/* ---- Plain memory, for scenarios: the pixels behind an index, the object behind a handle. Accesses that nothing
 * orders fail the execution. */

void cell_write(uint32_t cell, uint32_t value);
uint32_t cell_read(uint32_t cell);

#endif
