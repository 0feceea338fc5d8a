/* What became of every frame and packet. The encoder's thread alone counts, under the session's lock. */
#ifndef SESSION_STATS_H
#define SESSION_STATS_H

#include <stdint.h>

#include "session/latency.h"
#include "session/meter.h"

struct pending;
struct session;

/* What a frame comes to; in the order of culvert_stats. */
enum outcome { ENCODED, SKIPPED, REPEATED, DROPPED, LOST, FAILED, OUTCOMES };

/* Sums over the session's life, whichever process encodes: of fixed width, without padding. */
struct counts {
    uint64_t taken;              /* number of the frame taken last */
    uint64_t settled;            /* number of the frame whose outcome became known last */
    uint64_t outcomes[OUTCOMES]; /* their sum is `settled` */
    uint64_t displaced;          /* of the skipped ones, those whose place a newer frame took */
    uint64_t inserted, packets, bytes, keyframes;
    uint64_t epochs, reopened, restarts;
    uint64_t overshot, scaled, refined, refreshed, recovered;
    uint32_t last;    /* enum outcome, of the frame settled last */
    uint32_t control; /* obeyed */
};

struct stats {
    struct counts counts;
    struct meter sent;
    struct latency wait, convert, encode, total;
};

/* A frame was taken; those between it and the one taken before were displaced by newer ones. */
void stats_take(struct counts *counts, uint32_t number);
/* The oldest frame that was taken and not settled has this outcome. */
void stats_settle(struct counts *counts, enum outcome outcome);
/* A packet goes out. */
void stats_bytes(struct stats *stats, const struct culvert_packet *packet, uint64_t bytes);
/* The last packet of an access unit went out. */
void stats_unit(struct counts *counts, const struct culvert_packet *last, const struct pending *pending);
/* How long it took; total_us counts from the call of submit. */
void stats_latency(struct stats *stats, const struct culvert_packet *last, uint32_t total_us);

/* A consistent snapshot, from any thread. */
void session_stats(struct session *session, struct culvert_stats *out);

#endif
