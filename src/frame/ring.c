#include "frame/ring.h"

#include <stdatomic.h>
#include <stddef.h>

_Static_assert(offsetof(struct ring, head) == 0 && offsetof(struct ring, tail) == CACHE_LINE &&
                   sizeof(struct ring) == 2 * CACHE_LINE,
               "each index has its cache lines to itself");

void ring_init(struct ring *ring, struct ring_producer *producer, struct ring_consumer *consumer, uint32_t slots,
               uint32_t start)
{
    atomic_init(&ring->head, start);
    atomic_init(&ring->tail, start);
    *producer = (struct ring_producer){.slots = slots, .head = start, .tail = start};
    *consumer = (struct ring_consumer){.slots = slots, .next = start, .head = start};
}

bool ring_room(struct ring *ring, struct ring_producer *producer, uint32_t *slot)
{
    if (producer->head - producer->tail == producer->slots) {
        /* Acquire: else our writes to the slot could overtake the consumer's last reads of it. */
        const uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (tail == producer->tail || producer->head - tail > producer->slots)
            return false;
        producer->tail = tail;
    }
    *slot = producer->head & (producer->slots - 1);
    return true;
}

void ring_publish(struct ring *ring, struct ring_producer *producer)
{
    /* Release: else the consumer could see the index before the pixels. */
    atomic_store_explicit(&ring->head, ++producer->head, memory_order_release);
}

enum ring_result ring_take(struct ring *ring, struct ring_consumer *consumer, uint32_t *slot)
{
    if (consumer->head == consumer->next) {
        /* Acquire: else pixels could be read before the index that publishes them. */
        const uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (head == consumer->next)
            return RING_EMPTY;
        if (head - consumer->next > consumer->slots)
            return RING_BROKEN;
        consumer->head = head;
    }
    *slot = consumer->next & (consumer->slots - 1);
    /* Release: else the producer could write into the slot given back before our reads of it are done. */
    atomic_store_explicit(&ring->tail, consumer->next++, memory_order_release);
    return RING_TAKEN;
}
