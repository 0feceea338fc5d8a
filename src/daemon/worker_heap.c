#include "daemon/worker_heap.h"

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PIECE_BYTES (2u << 20) /* a huge page, on most machines */
#define PAGE_BYTES 4096u

static volatile char *block;
static size_t ready;

/* Nothing of this size is mapped by itself, and nothing of it is given back to the system when it is freed: where
 * glibc's own, dynamic thresholds arrive as well once an encoder was closed. The next one takes what the last one had.
 */
static void reserve(void)
{
    mallopt(M_MMAP_THRESHOLD, 2 * HEAP_READY_BYTES);
    mallopt(M_TRIM_THRESHOLD, 2 * HEAP_READY_BYTES);
    block = malloc(HEAP_READY_BYTES);
    if (block == NULL)
        ready = HEAP_READY_BYTES;
    else
        madvise((void *)(((uintptr_t)block + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1)),
                HEAP_READY_BYTES - PAGE_BYTES, MADV_HUGEPAGE);
}

bool heap_ready_more(void)
{
    if (block == NULL && ready == 0)
        reserve();
    if (block == NULL)
        return false;
    for (size_t end = ready + PIECE_BYTES; ready < end && ready < HEAP_READY_BYTES; ready += PAGE_BYTES)
        block[ready] = 0;
    return ready < HEAP_READY_BYTES;
}

void heap_offer(void)
{
    free((void *)block);
    block = NULL;
    ready = HEAP_READY_BYTES;
}

void heap_settle(void)
{
    malloc_trim(0);
}
