#include "codec/x264_references.h"

#include <string.h>

void references_init(struct references *references, uint32_t size)
{
    *references = (struct references){.size = size != 0 ? size : 1};
}

void references_add(struct references *references, int64_t pts, int64_t clock, bool key)
{
    uint32_t older = key ? 0 : references->count;
    if (older == references->size)
        older--;
    memmove(&references->kept[1], &references->kept[0], older * sizeof references->kept[0]);
    references->kept[0] = (struct reference){
        .pts = pts,
        .clock = clock,
        .number = older != 0 ? references->kept[1].number + 1 : 0,
    };
    references->count = older + 1;
}

const struct reference *references_nearest(const struct references *references)
{
    for (uint32_t i = 0; i < references->count; i++) {
        if (!references->kept[i].lost)
            return &references->kept[i];
    }
    return NULL;
}

/* x264 takes as few bits for frame_num as the window allows, and four at least. */
static uint32_t frame_num_cycle(const struct references *references)
{
    return references->size + 1 < 16 ? 16 : 32;
}

/* A gap in which frame_num begins again is not bridged: over it FFmpeg's decoder, which browsers have too, does not
 * carry prevFrameNumOffset on (8.2.1.3), takes all that follows for late, and shows none of it for a cycle. */
static bool begins_again(const struct references *references, int64_t pts)
{
    for (uint32_t i = 0; i < references->count && references->kept[i].pts >= pts; i++) {
        if (references->kept[i].number % frame_num_cycle(references) == 0)
            return true;
    }
    return false;
}

bool references_lose(struct references *references, int64_t pts, int64_t *clock)
{
    const int64_t from = begins_again(references, pts) ? INT64_MIN : pts;
    uint32_t lost = 0;
    while (lost < references->count && references->kept[lost].pts >= from)
        references->kept[lost++].lost = true;
    if (lost != 0)
        *clock = references->kept[lost - 1].clock;
    return lost != 0;
}
