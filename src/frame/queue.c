#include "frame/queue.h"

#include <stdatomic.h>
#include <stddef.h>

/* Layouts that two processes rely on; the order of the fields leaves no padding on any ABI. */
_Static_assert(sizeof(struct frame) == 72, "no implicit padding");
_Static_assert(offsetof(struct frame, number) == 24 && offsetof(struct frame, transfer) == 68, "");
_Static_assert(offsetof(struct queue_shared, submitted) == 3 * CACHE_LINE, "");
_Static_assert(offsetof(struct queue_shared, frames) == 4 * CACHE_LINE, "");

static size_t shared_bytes(void)
{
    return (sizeof(struct queue_shared) + 4095) & ~(size_t)4095;
}

uint64_t queue_bytes(uint32_t slots, size_t slot_bytes)
{
    return shared_bytes() + (uint64_t)slots * slot_bytes;
}

void queue_init(void *memory, bool latest, uint32_t slots, size_t slot_bytes, struct queue_writer *writer,
                struct queue_reader *reader)
{
    struct queue_shared *shared = memory;
    uint8_t *pixels = (uint8_t *)memory + shared_bytes();
    *writer = (struct queue_writer){.shared = shared, .pixels = pixels, .slot_bytes = slot_bytes, .latest = latest};
    *reader = (struct queue_reader){.shared = shared, .pixels = pixels, .slot_bytes = slot_bytes, .latest = latest};
    ring_init(&shared->ring, &writer->ring, &reader->ring, slots, 0);
    mailbox_init(&shared->box, 1);
    reader->slot = 2;
    atomic_init(&shared->submitted, 0);
}

bool queue_room(struct queue_writer *writer)
{
    return writer->latest || ring_room(&writer->shared->ring, &writer->ring, &writer->slot);
}

struct frame *queue_filling(struct queue_writer *writer)
{
    return &writer->shared->frames[writer->slot];
}

uint8_t *queue_filling_pixels(struct queue_writer *writer)
{
    return writer->pixels + writer->slot * writer->slot_bytes;
}

const struct frame *queue_previous(const struct queue_writer *writer)
{
    return &writer->shared->frames[writer->previous];
}

const uint8_t *queue_previous_pixels(const struct queue_writer *writer)
{
    return writer->pixels + writer->previous * writer->slot_bytes;
}

void queue_publish(struct queue_writer *writer)
{
    writer->previous = writer->slot;
    queue_filling(writer)->number = ++writer->submitted;
    if (writer->latest)
        writer->slot = mailbox_put(&writer->shared->box, writer->slot);
    else
        ring_publish(&writer->shared->ring, &writer->ring);
    /* Behind the hand-over: who reads this count and then finds an older frame taken knows the rest displaced. */
    atomic_store_explicit(&writer->shared->submitted, writer->submitted, memory_order_release);
}

bool queue_take(struct queue_reader *reader)
{
    if (reader->latest)
        return mailbox_take(&reader->shared->box, &reader->slot);
    return ring_take(&reader->shared->ring, &reader->ring, &reader->slot);
}

const struct frame *queue_taken(const struct queue_reader *reader)
{
    return &reader->shared->frames[reader->slot];
}

uint8_t *queue_taken_pixels(const struct queue_reader *reader)
{
    return reader->pixels + reader->slot * reader->slot_bytes;
}

uint32_t queue_submitted(const struct queue_reader *reader)
{
    return atomic_load_explicit(&reader->shared->submitted, memory_order_acquire);
}
