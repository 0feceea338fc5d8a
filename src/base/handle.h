/* Handles: numbers for objects, safe against use after close from any thread.
 *
 * A handle is 12 bits of index and 20 bits of generation; generations start at 1, so 0 is no handle. A slot's word
 * holds the generation, a closing bit and an 11-bit count of references, and is the only thing a call touches before it
 * knows that the object is alive. Every use of a slot is a generation of its own; when they are used up, the slot is
 * retired. Slots that were never used come first, then free ones, oldest first: that keeps a closed number out of use
 * for as long as can be.
 *
 * After fork, every handle of the parent's is invalid in the child; the objects are forgotten there, not freed. */
#ifndef BASE_HANDLE_H
#define BASE_HANDLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define HANDLE_INDEX_BITS 12
#ifndef HANDLE_GENERATION_BITS /* a test builds the table with 3 */
#define HANDLE_GENERATION_BITS 20
#endif
#define HANDLE_SLOTS (1u << HANDLE_INDEX_BITS)
#define HANDLE_REFERENCES 2047u /* the most that one slot counts */

struct handle_slot {
    _Atomic uint32_t word;
    uint32_t next; /* of the free list */
    void *object;  /* written before the word publishes it, read after a reference was taken */
};

/* Static storage only: a call with a stale handle may come at any time, until the process ends. */
struct handle_table {
    pthread_mutex_t lock; /* free list, and the wait of closers; never taken by acquire and release unless closing */
    pthread_cond_t idle;
    uint32_t used;        /* slots that were ever handed out */
    bool wraps;           /* generations begin anew at half of them: for short-lived objects */
    uint32_t first, last; /* of the free list; HANDLE_SLOTS: none */
    struct handle_slot slots[HANDLE_SLOTS];
};

#define HANDLE_TABLE(wrapping)                                                                                         \
    {                                                                                                                  \
        .lock = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER, .wraps = wrapping, .first = HANDLE_SLOTS, \
        .last = HANDLE_SLOTS                                                                                           \
    }
#define HANDLE_TABLE_INIT HANDLE_TABLE(false)
#define HANDLE_TABLE_WRAPS HANDLE_TABLE(true)

/* Errors are the public ones. 0, or CULVERT_E_LIMIT. */
int handle_insert(struct handle_table *table, void *object, uint32_t *handle);

/* A table is used in one of two ways, never in both. */

/* ---- Objects that many callers share: acquire and release, and close */

/* Takes a reference: 0 and the object, CULVERT_E_HANDLE, or CULVERT_E_BUSY (2047 references). */
int handle_acquire(struct handle_table *table, uint32_t handle, void **object);
void handle_release(struct handle_table *table, uint32_t handle);

/* Closes: of several callers one gets 0, the others CULVERT_E_HANDLE at once. From here on acquire fails; wake, when
 * not NULL, is called with the object so that blocked holders of references leave; then it waits until all have left.
 * Afterwards the handle is gone and the object the caller's alone. */
int handle_close(struct handle_table *table, uint32_t handle, void (*wake)(void *object), void **object);

/* ---- Objects that one caller uses at a time: claim, then unclaim or retire */

/* Shuts everyone else out: 0 and the object, CULVERT_E_HANDLE, or CULVERT_E_BUSY while another has claimed it. */
int handle_claim(struct handle_table *table, uint32_t handle, void **object);
void handle_unclaim(struct handle_table *table, uint32_t handle);
/* Afterwards the handle is gone. */
void handle_retire(struct handle_table *table, uint32_t handle);

#endif
