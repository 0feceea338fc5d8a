#include "session/outbox.h"

#include "base/platform.h"

#define UNITS 4 /* of the largest access unit that the memory holds; most are a hundredth of that */
#define ALIGNMENT 64
#define PAGE 4096

static size_t entries_bytes(void)
{
    return (OUTBOX_PACKETS * sizeof(struct outbox_entry) + PAGE - 1) & ~(size_t)(PAGE - 1);
}

size_t outbox_step(size_t bytes)
{
    /* Those of no bytes too: two packets at one place would read as an empty outbox. */
    return bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* What is reserved for an access unit: each of its packets takes a step. */
static size_t unit_bytes(size_t unit_max, uint32_t packets_max)
{
    return outbox_step(unit_max) + (size_t)packets_max * ALIGNMENT;
}

size_t outbox_memory_bytes(size_t unit_max, uint32_t packets_max)
{
    return (UNITS * unit_bytes(unit_max, packets_max) + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static bool lay_out(struct outbox *outbox, struct region *region, size_t unit, uint32_t packets_max)
{
    if (region == NULL)
        return false;
    *outbox = (struct outbox){
        .region = region,
        .entries = (void *)region->base,
        .memory = region->base + entries_bytes(),
        .capacity = UNITS * unit,
        .unit_max = unit,
        .packets_max = packets_max,
    };
    return true;
}

bool outbox_init(struct outbox *outbox, size_t unit_max, uint32_t packets_max)
{
    if (unit_max > SIZE_MAX / 2 / UNITS)
        return false;
    struct region *region = region_create(entries_bytes() + outbox_memory_bytes(unit_max, packets_max));
    return lay_out(outbox, region, unit_bytes(unit_max, packets_max), packets_max);
}

bool outbox_map(struct outbox *outbox, int fd, size_t unit_max, uint32_t packets_max, bool writes)
{
    const size_t bytes = outbox_memory_bytes(unit_max, packets_max);
    if (platform_memory_bytes(fd) < bytes)
        return false;
    const struct region_parts parts = {entries_bytes(), writes ? bytes : 0, writes ? 0 : bytes};
    return lay_out(outbox, region_map(fd, &parts), unit_bytes(unit_max, packets_max), packets_max);
}

void outbox_finish(struct outbox *outbox)
{
    region_unref(outbox->region);
    outbox->region = NULL;
}

struct outbox_entry *outbox_at(const struct outbox *outbox, uint32_t index)
{
    return &outbox->entries[index % OUTBOX_PACKETS];
}

uint8_t *outbox_reserve(struct outbox *outbox)
{
    if (outbox->head == outbox->tail)
        outbox->write = 0;
    else if (outbox->head - outbox->tail > OUTBOX_PACKETS - outbox->packets_max)
        return NULL;
    else {
        const size_t oldest = outbox_at(outbox, outbox->tail)->offset;
        if (outbox->write > oldest && outbox->capacity - outbox->write < outbox->unit_max)
            outbox->write = 0;
        /* Behind the oldest there must stay a gap: equal offsets would read as empty. */
        if (outbox->write <= oldest && oldest - outbox->write <= outbox->unit_max)
            return NULL;
    }
    return outbox->memory + outbox->write;
}

void outbox_push(struct outbox *outbox, const struct culvert_packet *packet, size_t bytes)
{
    *outbox_at(outbox,
               outbox->head) = (struct outbox_entry){.packet = *packet, .offset = outbox->write, .bytes = bytes};
    outbox->head++;
    outbox->write += outbox_step(bytes);
}

bool outbox_push_at(struct outbox *outbox, const struct culvert_packet *packet, uint64_t offset, uint64_t bytes)
{
    if (outbox->head - outbox->tail == OUTBOX_PACKETS || bytes > outbox->capacity || offset > outbox->capacity - bytes)
        return false;
    outbox->write = (size_t)offset;
    outbox_push(outbox, packet, (size_t)bytes);
    return true;
}

bool outbox_released(struct outbox *outbox, uint32_t released)
{
    if (released - outbox->tail > outbox->head - outbox->tail)
        return false;
    outbox->tail = outbox->next = released;
    return true;
}

struct outbox_entry *outbox_oldest(const struct outbox *outbox)
{
    return outbox->next == outbox->head ? NULL : outbox_at(outbox, outbox->next);
}

const uint8_t *outbox_bytes(const struct outbox *outbox, const struct outbox_entry *entry)
{
    return outbox->memory + entry->offset;
}

uint32_t outbox_waiting(const struct outbox *outbox)
{
    return outbox->head - outbox->next;
}

void outbox_take(struct outbox *outbox)
{
    outbox->next++;
}

void outbox_done(struct outbox *outbox, struct outbox_entry *entry)
{
    entry->done = true;
    while (outbox->tail != outbox->next && outbox_at(outbox, outbox->tail)->done)
        outbox->tail++;
}
