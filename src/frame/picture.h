/* An I420 picture in memory of culvert's own: what conversion writes and codecs read. */
#ifndef FRAME_PICTURE_H
#define FRAME_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#define PICTURE_ALIGNMENT 64 /* of planes and strides: a cache line, and the widest vector that the codecs load */

struct picture {
    uint8_t *plane[3];
    uint32_t stride[3];
    uint32_t width, height; /* coded: even */
};

/* The coded side that a visible one is padded to: even, for 4:2:0. */
static inline uint32_t picture_coded(uint32_t visible)
{
    return (visible + 1) & ~1u;
}

/* Bytes that a picture of this coded size takes. */
size_t picture_bytes(uint32_t width, uint32_t height);
/* Lays a picture of this coded size over memory that is PICTURE_ALIGNMENT-aligned. */
struct picture picture_over(uint8_t *memory, uint32_t width, uint32_t height);

#endif
