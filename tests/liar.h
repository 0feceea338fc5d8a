/* A culvertd that speaks wire.h and says what the test wants: one client, and no process of its own. */
#ifndef TESTS_LIAR_H
#define TESTS_LIAR_H

#include <stdint.h>

#include "culvert/culvert.h"
#include "frame/queue.h"
#include "remote/wire.h"

struct liar {
    char dir[32], path[64], endpoint[80];
    int listener, control, data; /* its ends */
    int frames, packets;         /* memory, as sent */
    uint64_t granted;            /* pixels a second; 0: any */
    uint32_t flags;              /* enum culvert_config_flag, of the sessions that are opened with it */
    struct culvert_config config;
    struct wire_layout layout;
    struct queue_shared *shared; /* with the client */
    struct wire_start start;     /* that the client sent */
};

void liar_begin(struct liar *liar);
void liar_end(struct liar *liar);
/* It ends, its worker too; it still listens. */
void liar_hang_up(struct liar *liar);

/* A config for it: null codec, 64x64. */
struct culvert_config liar_config(const struct liar *liar, uint32_t policy);
/* Opens a session with it, in order, up to its start; what the client needs its own thread for runs there. */
culvert_session liar_open(struct liar *liar, uint32_t policy);
/* Takes the next client's connection and its first message, of that kind. */
void liar_accept(struct liar *liar, enum wire_kind kind, struct wire_parcel *parcel);
/* What an honest daemon would send next. */
void liar_opened(struct liar *liar, const struct wire_open *open, struct wire_opened *opened);
void liar_worker(struct liar *liar);
struct wire_report liar_report(const struct liar *liar, uint64_t settled);
/* The report of a packet of an encoded frame. */
struct wire_report liar_packet(const struct liar *liar, uint64_t frame);

#endif
