#include "base/handle.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/fork.h"
#include "culvert/culvert.h"

#define CLOSING 0x800u /* of a claimed slot too */
#define COUNT 0x7ffu
#define FREE (CLOSING | COUNT) /* the generation beside it is the last one that was used */
#define LAST_GENERATION ((1u << HANDLE_GENERATION_BITS) - 1)

_Static_assert(HANDLE_INDEX_BITS + HANDLE_GENERATION_BITS <= 32, "a handle is a uint32_t");
_Static_assert(FREE == (1u << HANDLE_INDEX_BITS) - 1, "the generation stands at the same place in handle and word");
_Static_assert(HANDLE_REFERENCES == COUNT, "the count holds every reference");
_Static_assert(sizeof(_Atomic uint32_t) == 4 && ATOMIC_INT_LOCK_FREE == 2, "a word is a lock-free uint32_t");

static struct handle_slot *slot_of(struct handle_table *table, uint32_t handle)
{
    return &table->slots[handle % HANDLE_SLOTS];
}

static uint32_t generation_of(uint32_t handle_or_word)
{
    return handle_or_word >> HANDLE_INDEX_BITS;
}

/* Generation 0 is that of a slot that was never used. */
static bool is_open(uint32_t word, uint32_t handle)
{
    return generation_of(word) == generation_of(handle) && generation_of(word) != 0 && (word & CLOSING) == 0;
}

static void append(struct handle_table *table, uint32_t index)
{
    table->slots[index].next = HANDLE_SLOTS;
    if (table->first == HANDLE_SLOTS)
        table->first = index;
    else
        table->slots[table->last].next = index;
    table->last = index;
}

static void set_free(struct handle_table *table, uint32_t index)
{
    struct handle_slot *slot = &table->slots[index];
    uint32_t generation = generation_of(atomic_load_explicit(&slot->word, memory_order_relaxed));
    /* At half, so that the complements of these handles are other numbers than the handles themselves. */
    if (table->wraps && generation == LAST_GENERATION / 2)
        generation = 0;
    atomic_store_explicit(&slot->word, generation << HANDLE_INDEX_BITS | FREE, memory_order_relaxed);
    if (generation < LAST_GENERATION)
        append(table, index);
}

static void forget(void *argument)
{
    struct handle_table *table = argument;
    table->first = table->last = HANDLE_SLOTS;
    for (uint32_t i = 0; i < table->used; i++)
        set_free(table, i);
    /* Closers that wait in the parent are not in the child, yet the condition variable counts them. */
    pthread_cond_init(&table->idle, NULL);
}

static uint32_t take_slot(struct handle_table *table)
{
    if (table->used < HANDLE_SLOTS)
        return table->used++;
    const uint32_t index = table->first;
    if (index != HANDLE_SLOTS)
        table->first = table->slots[index].next;
    return index;
}

int handle_insert(struct handle_table *table, void *object, uint32_t *handle)
{
    fork_protect(&table->lock, forget, table);

    pthread_mutex_lock(&table->lock);
    const uint32_t index = take_slot(table);
    if (index == HANDLE_SLOTS) {
        pthread_mutex_unlock(&table->lock);
        return CULVERT_E_LIMIT;
    }
    struct handle_slot *slot = &table->slots[index];
    const uint32_t generation = generation_of(atomic_load_explicit(&slot->word, memory_order_relaxed)) + 1;
    slot->object = object;
    /* Release: without it, a thread that got the handle some other way could take a reference and see no object. */
    atomic_store_explicit(&slot->word, generation << HANDLE_INDEX_BITS, memory_order_release);
    pthread_mutex_unlock(&table->lock);
    *handle = generation << HANDLE_INDEX_BITS | index;
    return 0;
}

int handle_acquire(struct handle_table *table, uint32_t handle, void **object)
{
    struct handle_slot *slot = slot_of(table, handle);
    uint32_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    do {
        if (!is_open(word, handle))
            return CULVERT_E_HANDLE;
        if ((word & COUNT) == HANDLE_REFERENCES)
            return CULVERT_E_BUSY;
        /* Acquire: without it, the object could be read before insert wrote it. */
    } while (!atomic_compare_exchange_weak_explicit(&slot->word, &word, word + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    *object = slot->object;
    return 0;
}

void handle_release(struct handle_table *table, uint32_t handle)
{
    /* Release: without it, the closer could free the object before this holder's last access to it. */
    const uint32_t word = atomic_fetch_sub_explicit(&slot_of(table, handle)->word, 1, memory_order_release);
    if ((word & CLOSING) != 0 && (word & COUNT) == 1) {
        pthread_mutex_lock(&table->lock);
        pthread_cond_broadcast(&table->idle);
        pthread_mutex_unlock(&table->lock);
    }
}

int handle_close(struct handle_table *table, uint32_t handle, void (*wake)(void *object), void **object)
{
    struct handle_slot *slot = slot_of(table, handle);
    uint32_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    do {
        if (!is_open(word, handle))
            return CULVERT_E_HANDLE;
        /* Acquire: as in handle_acquire. */
    } while (!atomic_compare_exchange_weak_explicit(&slot->word, &word, word | CLOSING, memory_order_acquire,
                                                    memory_order_relaxed));
    *object = slot->object;
    if (wake != NULL)
        wake(*object);

    pthread_mutex_lock(&table->lock);
    /* Acquire: without it, what the holders did last could be seen only after the caller has freed the object. */
    while ((atomic_load_explicit(&slot->word, memory_order_acquire) & COUNT) != 0)
        pthread_cond_wait(&table->idle, &table->lock);
    set_free(table, handle % HANDLE_SLOTS);
    pthread_mutex_unlock(&table->lock);
    return 0;
}

int handle_claim(struct handle_table *table, uint32_t handle, void **object)
{
    struct handle_slot *slot = slot_of(table, handle);
    const uint32_t open = generation_of(handle) << HANDLE_INDEX_BITS;
    uint32_t word = open;
    if (!is_open(word, handle))
        return CULVERT_E_HANDLE;
    /* Acquire: without it, what insert or the claimer before wrote to the object might not be seen. */
    if (!atomic_compare_exchange_strong_explicit(&slot->word, &word, open | CLOSING, memory_order_acquire,
                                                 memory_order_relaxed))
        return word == (open | CLOSING) ? CULVERT_E_BUSY : CULVERT_E_HANDLE;
    *object = slot->object;
    return 0;
}

void handle_unclaim(struct handle_table *table, uint32_t handle)
{
    /* Release: without it, the next claimer might not see what this one wrote to the object. */
    atomic_store_explicit(&slot_of(table, handle)->word, generation_of(handle) << HANDLE_INDEX_BITS,
                          memory_order_release);
}

void handle_retire(struct handle_table *table, uint32_t handle)
{
    pthread_mutex_lock(&table->lock);
    set_free(table, handle % HANDLE_SLOTS);
    pthread_mutex_unlock(&table->lock);
}
