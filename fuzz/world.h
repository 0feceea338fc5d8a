/* A worker without a process: its session, of the null codec, over memory and sockets as a broker makes them. It runs
 * until the input is used up; whenever it looks for news, the input says what its host has done meanwhile. */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/worker.h"
#include "frame/queue.h"
#include "input.h"

struct world {
    struct worker worker;
    struct session *session;
    struct input input;
    struct queue_writer writer; /* the host's */
    int host, broker;           /* the other ends */
    int64_t pts;
    bool deaf; /* the host does not read */
    /* What the host does next, by the input. */
    void (*act)(struct world *world);
};

/* Makes it, runs it to its end, and takes it apart. */
void world_run(const uint8_t *data, size_t size, void (*act)(struct world *world));

/* ---- What a host can do ------------------------------------------------------------------------------------------ */

/* A start as the library sends it; and a state. */
struct wire_start world_start(const struct world *world);
/* Sends it as it is, with a descriptor along or not. */
void world_send(struct world *world, const void *message, size_t bytes, bool descriptor);
void world_bell(struct world *world);
/* A frame that submit would have published, but for the word of its description that is not negative. */
void world_publish(struct world *world, int word, uint32_t value);
void world_drain(struct world *world);

#endif
