#include "frame/picture.h"

#include <libavutil/macros.h>

static uint32_t stride_of(uint32_t width)
{
    return FFALIGN(width, (uint32_t)PICTURE_ALIGNMENT);
}

size_t picture_bytes(uint32_t width, uint32_t height)
{
    return (size_t)stride_of(width) * height + (size_t)stride_of(width / 2) * height;
}

struct picture picture_over(uint8_t *memory, uint32_t width, uint32_t height)
{
    const uint32_t luma = stride_of(width), chroma = stride_of(width / 2);
    uint8_t *const u = memory + (size_t)luma * height;
    uint8_t *const v = u + (size_t)chroma * (height / 2);
    return (struct picture){
        .plane = {memory, u, v},
        .stride = {luma, chroma, chroma},
        .width = width,
        .height = height,
    };
}
