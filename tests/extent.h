/* Structs of other versions: sizes that a host may claim. */
#ifndef TESTS_EXTENT_H
#define TESTS_EXTENT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct extent {
    uint32_t size; /* claimed */
    uint32_t tail; /* the byte of the unknown tail that is not zero; 0: none */
    int error;
};

/* Bytes of the block that the size stands for: no more than that, so that reading beyond it is found; but the size
 * itself is there, and what is refused for being larger than any struct need not be. */
static inline size_t extent_room(const struct extent *extent)
{
    return extent->size < 4 || extent->size == UINT32_MAX ? 4 : extent->size;
}

/* A copy of a struct of ours that claims the size, in a block of that many bytes (free). */
static inline void *extent_copy(const void *ours, size_t ours_size, const struct extent *extent)
{
    const size_t room = extent_room(extent);
    uint8_t *copy = calloc(1, room);
    memcpy(copy, ours, room < ours_size ? room : ours_size);
    memcpy(copy, &extent->size, sizeof extent->size);
    if (extent->tail != 0)
        copy[extent->tail] = 1;
    return copy;
}

#endif
