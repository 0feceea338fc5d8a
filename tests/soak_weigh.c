#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "soak.h"

#define LOOK_MS 50
#define LOOKS 20 /* without a change, one after another: then they are at rest */
#define LOOKS_MOST 400
#define GROWTH_KB 4096 /* that is no leak: what allocators keep, stacks */
#define HEAP_KB 1024   /* neither are: pools of decoders, tables of reports */

const char *const soak_places[SOAK_PLACES] = {"host", "broker", "encoders"};

static struct soak_weight look(const struct own_daemon *daemon)
{
    const struct process_children workers = process_children(daemon->pid);
    const pid_t pids[] = {[SOAK_HOST] = getpid(), [SOAK_BROKER] = daemon->pid};
    struct soak_weight weight = {0};
    for (int place = 0; place < SOAK_WORKERS; place++) {
        weight.at[place].kb = process_memory_kb(pids[place]) + process_shared_kb(pids[place]);
        weight.at[place].descriptors = process_descriptors(pids[place]);
        weight.at[place].processes = 1;
    }
    weight.at[SOAK_WORKERS].kb = workers.kb + workers.shared_kb;
    weight.at[SOAK_WORKERS].descriptors = workers.descriptors;
    weight.at[SOAK_WORKERS].processes = workers.alive + workers.zombies;
    return weight;
}

static bool hold_the_same(const struct soak_weight *a, const struct soak_weight *b)
{
    for (int place = 0; place < SOAK_PLACES; place++)
        if (a->at[place].descriptors != b->at[place].descriptors || a->at[place].processes != b->at[place].processes)
            return false;
    return true;
}

struct soak_weight soak_weigh(const struct own_daemon *daemon)
{
    struct soak_weight weight = look(daemon);
    for (int same = 0, looks = 0; same < LOOKS && looks < LOOKS_MOST; looks++) {
        sleep_ms(LOOK_MS);
        const struct soak_weight now = look(daemon);
        same = hold_the_same(&weight, &now) ? same + 1 : 0;
        weight = now;
    }
    /* What is free, and kept for the next one who asks, is nobody's leak. */
    malloc_trim(0);
    weight = look(daemon);
    const struct mallinfo2 heap = mallinfo2();
    weight.heap_kb = (heap.uordblks + heap.hblkhd) / 1024;
    return weight;
}

/* The least of the last third, less the most of the first: what is between, comes and goes. */
static int64_t growth(const struct soak_weight *weights, uint32_t count,
                      uint64_t (*of)(const struct soak_weight *, int), int place)
{
    uint64_t most = 0, least = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t value = of(&weights[i], place);
        if (i < (count + 2) / 3 && value > most)
            most = value;
        if (i >= count - (count + 2) / 3 && value < least)
            least = value;
    }
    return (int64_t)(least - most);
}

static uint64_t kilobytes(const struct soak_weight *weight, int place)
{
    return weight->at[place].kb;
}

static uint64_t descriptors(const struct soak_weight *weight, int place)
{
    return weight->at[place].descriptors;
}

static uint64_t processes(const struct soak_weight *weight, int place)
{
    return weight->at[place].processes;
}

static uint64_t heap(const struct soak_weight *weight, int place)
{
    return place == SOAK_HOST ? weight->heap_kb : 0;
}

void soak_compare(const struct soak_weight *weights, uint32_t count, char *text, size_t size)
{
    static const struct {
        const char *what;
        uint64_t (*of)(const struct soak_weight *, int);
        int64_t most;
    } scales[] = {{"KB of memory", kilobytes, GROWTH_KB},
                  {"KB allocated", heap, HEAP_KB},
                  {"descriptors", descriptors, 0},
                  {"processes", processes, 0}};
    size_t length = 0;
    text[0] = '\0';
    for (int place = 0; place < SOAK_PLACES; place++)
        for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
            const int64_t more = growth(weights, count, scales[i].of, place);
            if (more > scales[i].most && length < size)
                length += (size_t)snprintf(text + length, size - length,
                                           "%s%s: %" PRId64 " more %s than in the first third", length > 0 ? "; " : "",
                                           soak_places[place], more, scales[i].what);
        }
}
