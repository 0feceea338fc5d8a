#include "frame/queue.h"

#include <libavutil/common.h>
#include <stdatomic.h>
#include <stddef.h>

/* Layouts that two processes rely on; the order of the fields leaves no padding on any ABI. */
_Static_assert(sizeof(struct frame) == 72, "no implicit padding");
_Static_assert(offsetof(struct frame, number) == 24 && offsetof(struct frame, transfer) == 68, "");
_Static_assert(offsetof(struct queue_shared, submitted) == 3 * CACHE_LINE, "");
_Static_assert(offsetof(struct queue_shared, taken) == 4 * CACHE_LINE, "");
_Static_assert(offsetof(struct queue_shared, released) == 5 * CACHE_LINE, "");
_Static_assert(offsetof(struct queue_shared, frames) == 6 * CACHE_LINE, "");

size_t queue_shared_bytes(void)
{
    return (sizeof(struct queue_shared) + 4095) & ~(size_t)4095;
}

uint64_t queue_bytes(uint32_t slots, size_t slot_bytes)
{
    return queue_shared_bytes() + (uint64_t)slots * slot_bytes;
}

void queue_init(void *memory, bool latest, uint32_t slots, size_t slot_bytes, struct queue_writer *writer,
                struct queue_reader *reader)
{
    struct queue_shared *shared = memory;
    uint8_t *pixels = (uint8_t *)memory + queue_shared_bytes();
    *writer = (struct queue_writer){.shared = shared, .pixels = pixels, .slot_bytes = slot_bytes, .latest = latest};
    *reader = (struct queue_reader){.shared = shared, .pixels = pixels, .slot_bytes = slot_bytes, .latest = latest};
    ring_init(&shared->ring, &writer->ring, &reader->ring, slots, 0);
    mailbox_init(&shared->box, 1);
    reader->slot = 2;
    atomic_init(&shared->submitted, 0);
    atomic_init(&shared->taken, 0);
    atomic_init(&shared->released, 0);
}

struct queue_place queue_vacancy(const struct queue_writer *writer)
{
    struct queue_shared *shared = writer->shared;
    const uint32_t taken = atomic_load_explicit(&shared->taken, memory_order_acquire);
    if (!writer->latest) {
        /* A number that the dead one cannot have reached is not believed: the oldest frame comes again. */
        const uint32_t oldest = writer->submitted - FFMIN(writer->submitted, writer->ring.slots);
        const bool possible = writer->submitted - taken <= writer->submitted - oldest;
        return (struct queue_place){.taken = possible ? taken : oldest};
    }
    const uint32_t third = 3 - writer->slot - writer->previous;
    if (writer->submitted == 0)
        return (struct queue_place){.slot = 2};
    if (mailbox_is_fresh(&shared->box)) {
        const bool possible = writer->submitted - taken - 1 < writer->submitted;
        return (struct queue_place){.slot = third, .taken = possible ? taken : writer->submitted - 1};
    }
    return (struct queue_place){.slot = writer->previous, .taken = writer->submitted};
}

void queue_abandon(struct queue_writer *writer)
{
    if (!writer->latest)
        atomic_store_explicit(&writer->shared->ring.tail, writer->ring.head, memory_order_release);
}

void queue_move(void *memory, const struct queue_writer *from, struct queue_writer *to)
{
    const uint32_t slots = from->latest ? QUEUE_SLOTS_LATEST : from->ring.slots;
    const struct queue_writer old = *from;
    struct queue_reader nobody;
    queue_init(memory, old.latest, slots, old.slot_bytes, to, &nobody);
    ring_init(&to->shared->ring, &to->ring, &nobody.ring, slots, old.submitted);
    to->submitted = old.submitted;
    to->displaced = old.displaced;
    if (!to->latest)
        ring_room(&to->shared->ring, &to->ring, &to->slot);
    atomic_store_explicit(&to->shared->taken, old.submitted, memory_order_relaxed);
    atomic_store_explicit(&to->shared->submitted, old.submitted, memory_order_relaxed);
}

bool queue_join(void *memory, bool latest, uint32_t slots, size_t slot_bytes, const struct queue_place *place,
                struct queue_reader *reader)
{
    struct queue_shared *shared = memory;
    if (place->slot >= slots)
        return false;
    *reader = (struct queue_reader){
        .shared = shared,
        .pixels = (uint8_t *)memory + queue_shared_bytes(),
        .slot_bytes = slot_bytes,
        .latest = latest,
        .slot = latest ? place->slot : (place->taken - 1) & (slots - 1),
        .frame = shared->frames[latest ? place->slot : (place->taken - 1) & (slots - 1)],
        .ring = {.slots = slots, .next = place->taken, .head = place->taken},
    };
    if (!latest && place->taken > 0)
        atomic_store_explicit(&shared->ring.tail, place->taken - 1, memory_order_release);
    return true;
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
    const uint32_t before = writer->previous;
    writer->previous = writer->slot;
    queue_filling(writer)->number = ++writer->submitted;
    if (writer->latest) {
        writer->slot = mailbox_put(&writer->shared->box, writer->slot);
        writer->displaced += writer->submitted > 1 && writer->slot == before;
        /* Only a consumer that breaks the rules leaves another in the box: any of ours will do. */
        if (writer->slot >= QUEUE_SLOTS_LATEST || writer->slot == writer->previous)
            writer->slot = (writer->previous + 1) % QUEUE_SLOTS_LATEST;
    } else
        ring_publish(&writer->shared->ring, &writer->ring);
    /* Behind the hand-over: who reads this count and then finds an older frame taken knows the rest displaced. */
    atomic_store_explicit(&writer->shared->submitted, writer->submitted, memory_order_release);
}

void queue_give_back(struct queue_writer *writer, uint32_t packets)
{
    /* Release: else the consumer could write over a packet before our reads of it are done. */
    atomic_store_explicit(&writer->shared->released, packets, memory_order_release);
}

static enum queue_result take_slot(struct queue_reader *reader)
{
    struct queue_shared *shared = reader->shared;
    if (!reader->latest)
        return (enum queue_result)ring_take(&shared->ring, &reader->ring, &reader->slot);
    uint32_t slot = reader->slot;
    if (!mailbox_take(&shared->box, &slot))
        return QUEUE_EMPTY;
    if (slot >= QUEUE_SLOTS_LATEST)
        return QUEUE_BROKEN;
    reader->slot = slot;
    return QUEUE_TAKEN;
}

enum queue_result queue_take(struct queue_reader *reader)
{
    const enum queue_result result = take_slot(reader);
    if (result == QUEUE_TAKEN) {
        reader->frame = reader->shared->frames[reader->slot];
        atomic_store_explicit(&reader->shared->taken, reader->frame.number, memory_order_release);
    }
    return result;
}

const struct frame *queue_taken(const struct queue_reader *reader)
{
    return &reader->frame;
}

uint8_t *queue_taken_pixels(const struct queue_reader *reader)
{
    return reader->pixels + reader->slot * reader->slot_bytes;
}

uint32_t queue_submitted(const struct queue_reader *reader)
{
    return atomic_load_explicit(&reader->shared->submitted, memory_order_acquire);
}

uint32_t queue_given_back(const struct queue_reader *reader)
{
    /* Acquire: else our writes of packets could overtake the last reads of those that lay there. */
    return atomic_load_explicit(&reader->shared->released, memory_order_acquire);
}
