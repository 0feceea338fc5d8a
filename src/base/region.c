#include "base/region.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/platform.h"
#include "base/poison.h"

struct region *region_create(size_t bytes)
{
    struct region *region = malloc(sizeof *region);
    if (region == NULL)
        return NULL;
    region->base = platform_reserve(bytes);
    if (region->base == NULL) {
        free(region);
        return NULL;
    }
    region->bytes = bytes;
    atomic_init(&region->references, 1);
    return region;
}

struct region *region_map(int fd, const struct region_parts *parts)
{
    struct region *region = region_create(parts->own + parts->writable + parts->readable);
    if (region == NULL)
        return NULL;
    uint8_t *const shared = region->base + parts->own;
    if (platform_map(shared, fd, 0, parts->writable, true) &&
        platform_map(shared + parts->writable, fd, parts->writable, parts->readable, false))
        return region;
    region_unref(region);
    return NULL;
}

struct region *region_ref(struct region *region)
{
    atomic_fetch_add_explicit(&region->references, 1, memory_order_relaxed);
    return region;
}

void region_unref(struct region *region)
{
    /* Release and acquire: without them, another holder's last access could come after the unmapping. */
    if (region == NULL || atomic_fetch_sub_explicit(&region->references, 1, memory_order_acq_rel) > 1)
        return;
    /* ASan's marks outlive the mapping and would hit whatever is mapped there next. */
    unpoison(region->base, region->bytes);
    platform_unreserve(region->base, region->bytes);
    free(region);
}
