/* The streams of a soak: games that change their size, viewers who lose packets and say so, settings that change,
 * sessions that end in every way; and the weighing of the processes that they are in. */
#ifndef TESTS_SOAK_H
#define TESTS_SOAK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "culvert/culvert.h"
#include "own_daemon.h"

struct soak_stream {
    const char *name;
    uint32_t codec;
    bool apart;        /* in the culvertd */
    bool lasting;      /* one session from beginning to end, else a new one every few seconds */
    bool killed;       /* its encoder process is, now and then */
    atomic_bool shown; /* a packet came since the last time */
    /* ---- The game's own */
    const char *endpoint;
    culvert_session session;
    pthread_t game;
    uint32_t state;
    int64_t pts;
    atomic_bool rests; /* lasting: at a small picture that stands still; else: there is no session */
};

/* What they have done so far, all together. */
struct soak_counts {
    atomic_uint frames, packets, epochs, recoveries, sessions, restarts;
};
extern struct soak_counts soak_counts;

/* What went wrong first, as one line; "" as long as nothing has. With the first, everything ends. */
void soak_blame(const struct soak_stream *stream, const char *what, int64_t detail);
const char *soak_fault(void);
bool soak_is_over(void);
void soak_end(void);

/* Paints what all games show. Once, before the first of them. */
void soak_paint(void);

/* A thread's: a game and its sessions, until the end. argument: struct soak_stream. */
void *soak_play(void *argument);
/* A thread's: who receives one session, until it ends. argument: struct soak_stream. */
void *soak_view(void *argument);
/* The games come to rest, or go on. */
void soak_rest(bool rest);

/* ---- Weights ----------------------------------------------------------------------------------------------------- */

enum { SOAK_HOST, SOAK_BROKER, SOAK_WORKERS, SOAK_PLACES };
extern const char *const soak_places[SOAK_PLACES];

/* Of each place: kilobytes of memory, its own and what it maps with others; descriptors; processes. */
struct soak_weight {
    struct {
        uint64_t kb;
        uint32_t descriptors, processes;
    } at[SOAK_PLACES];
    uint64_t heap_kb; /* of the host: what it has allocated and not freed */
};

/* Once the processes of the culvertd have come to rest. */
struct soak_weight soak_weigh(const struct own_daemon *daemon);
/* What has grown from the first third of them to the last, as one line; "" when nothing has. */
void soak_compare(const struct soak_weight *weights, uint32_t count, char *text, size_t size);

#endif
