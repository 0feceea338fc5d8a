/* What two threads write often lies on lines of its own, or each write would take the other's line away. */
#ifndef BASE_CACHELINE_H
#define BASE_CACHELINE_H

#include <stddef.h>

#define CACHE_LINE ((size_t)128) /* bytes: two lines of 64, for adjacent lines are fetched in pairs */

#endif
