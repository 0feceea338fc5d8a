#include "session/outbox.h"

#define UNITS 4 /* of the largest access unit that the memory holds; most are a hundredth of that */
#define ALIGNMENT 64

static size_t entries_bytes(void)
{
    return (OUTBOX_PACKETS * sizeof(struct outbox_entry) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

size_t outbox_step(size_t bytes)
{
    /* Those of no bytes too: two packets at one place would read as an empty outbox. */
    return bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

bool outbox_init(struct outbox *outbox, size_t unit_max, uint32_t packets_max)
{
    if (unit_max > SIZE_MAX / (2 * UNITS))
        return false;
    const size_t unit = outbox_step(unit_max) + (size_t)packets_max * ALIGNMENT;
    struct region *region = region_create(entries_bytes() + UNITS * unit);
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

void outbox_finish(struct outbox *outbox)
{
    region_unref(outbox->region);
    outbox->region = NULL;
}

static struct outbox_entry *entry_at(const struct outbox *outbox, uint32_t index)
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
        const size_t oldest = entry_at(outbox, outbox->tail)->offset;
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
    *entry_at(outbox, outbox->head) = (struct outbox_entry){.packet = *packet, .offset = outbox->write, .bytes = bytes};
    outbox->head++;
    outbox->write += outbox_step(bytes);
}

struct outbox_entry *outbox_oldest(const struct outbox *outbox)
{
    return outbox->next == outbox->head ? NULL : entry_at(outbox, outbox->next);
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
    while (outbox->tail != outbox->next && entry_at(outbox, outbox->tail)->done)
        outbox->tail++;
}
