/* A ring of slots for one producer and one consumer: every frame, in order. Lock-free; waiting is the caller's matter.
 *
 * Indices run freely and are compared by difference, so that all slots can be full. Each side owns one index, which it
 * keeps in private memory beside a copy of the other's, and looks at the shared line only when the copy says full or
 * empty. The consumer keeps the slot that it took last until it takes the next. */
#ifndef FRAME_RING_H
#define FRAME_RING_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cacheline.h"

struct ring {
    alignas(CACHE_LINE) _Atomic uint32_t head; /* slots published; written by the producer */
    alignas(CACHE_LINE) _Atomic uint32_t tail; /* slots given back; written by the consumer */
};

struct ring_producer {
    uint32_t slots; /* a power of two, 2 or more */
    uint32_t head;
    uint32_t tail; /* the consumer's, as last seen */
};

struct ring_consumer {
    uint32_t slots;
    uint32_t next; /* to be taken */
    uint32_t head; /* the producer's, as last seen */
};

/* start is the first index: 0, or in tests one near the wrap. */
void ring_init(struct ring *ring, struct ring_producer *producer, struct ring_consumer *consumer, uint32_t slots,
               uint32_t start);

/* The other side's index is not trusted: one that it cannot have is as if it had not changed, to the producer; the
 * consumer says so.
 *
 * The slot to fill next; false when all are full. */
bool ring_room(struct ring *ring, struct ring_producer *producer, uint32_t *slot);
void ring_publish(struct ring *ring, struct ring_producer *producer);

enum ring_result { RING_BROKEN = -1, RING_EMPTY, RING_TAKEN };

/* Takes the next slot and gives back the one taken before; no change when there is none, or when the producer's index
 * is impossible. */
enum ring_result ring_take(struct ring *ring, struct ring_consumer *consumer, uint32_t *slot);

#endif
