#include "frame/mailbox.h"

#include <stdatomic.h>

#define FRESH 0x80000000u

_Static_assert(sizeof(struct mailbox) == CACHE_LINE, "a mailbox has its cache lines to itself");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "the word is shared between processes");

void mailbox_init(struct mailbox *box, uint32_t slot)
{
    atomic_init(&box->word, slot);
}

uint32_t mailbox_put(struct mailbox *box, uint32_t slot)
{
    /* Release: the consumer must see the pixels behind the word. Acquire: the consumer's last reads of the slot that
     * comes back must lie before our writes to it. */
    const uint32_t old = atomic_exchange_explicit(&box->word, slot | FRESH, memory_order_acq_rel);
    return old & ~FRESH;
}

bool mailbox_take(struct mailbox *box, uint32_t *slot)
{
    if (!(atomic_load_explicit(&box->word, memory_order_relaxed) & FRESH))
        return false;
    /* Only the consumer clears FRESH, so what is exchanged now is fresh, though perhaps newer than what was loaded.
     * The orders mirror those of mailbox_put. */
    const uint32_t old = atomic_exchange_explicit(&box->word, *slot, memory_order_acq_rel);
    *slot = old & ~FRESH;
    return true;
}

bool mailbox_is_fresh(const struct mailbox *box)
{
    return atomic_load_explicit(&box->word, memory_order_acquire) & FRESH;
}
