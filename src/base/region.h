/* A counted block of address space. What is lent to a host keeps a reference, and so outlives the session. */
#ifndef BASE_REGION_H
#define BASE_REGION_H

#include <stddef.h>
#include <stdint.h>

struct region {
    _Atomic uint32_t references;
    size_t bytes;
    uint8_t *base; /* page-aligned zero pages */
};

/* With one reference; NULL when there is no memory. */
struct region *region_create(size_t bytes);
/* The same of three parts, each a whole number of pages: memory of its own, then those of a descriptor that may be
 * written, then those that may only be read. NULL: no memory, or the descriptor's cannot be mapped so. */
struct region_parts {
    size_t own, writable, readable;
};
struct region *region_map(int fd, const struct region_parts *parts);
struct region *region_ref(struct region *region);
/* NULL is nothing. The last one unmaps. */
void region_unref(struct region *region);

#endif
