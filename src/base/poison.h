/* Marks memory that nobody may touch, so that ASan or Valgrind reports who does. Without either it costs nothing. ASan
 * marks 8 bytes at a time: base is a multiple of 8, and up to 7 bytes at the end may stay unmarked. */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#include <stddef.h>

void poison(void *base, size_t bytes);
/* The content is undefined afterwards. */
void unpoison(void *base, size_t bytes);

#endif
