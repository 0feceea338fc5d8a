/* A mailbox: the newest of the slots that a producer puts in, for one consumer. Wait-free on both sides.
 *
 * Three slots are enough for ever: one with the producer, one in the box, one with the consumer. Each side gives a slot
 * and gets one in a single exchange, so every slot has one owner at every moment, and nothing is ever overwritten under
 * a reader. A 32-bit word, for 64-bit atomics fault, or call a library, where 32-bit ARM finds them misaligned. */
#ifndef FRAME_MAILBOX_H
#define FRAME_MAILBOX_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cacheline.h"

struct mailbox {
    alignas(CACHE_LINE) _Atomic uint32_t word; /* slot, and whether the consumer has not seen it */
};

/* The box starts with a slot that holds nothing. */
void mailbox_init(struct mailbox *box, uint32_t slot);

/* The producer gives a filled slot and gets another, which is its own from now on. */
uint32_t mailbox_put(struct mailbox *box, uint32_t slot);

/* The consumer gives its slot back and gets the newest in *slot; false, and no change, when there is no newer one. */
bool mailbox_take(struct mailbox *box, uint32_t *slot);
/* Whether the consumer has not taken what was put last. */
bool mailbox_is_fresh(const struct mailbox *box);

#endif
