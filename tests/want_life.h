/* A session's life under want (want.h), from culvert_open to culvert_close, and what of it was not as documented.
 * Nothing here allocates, for that could fail as well. */
#ifndef TESTS_WANT_LIFE_H
#define TESTS_WANT_LIFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"

#define LIFE_SIDE 64
#define LIFE_WHY 256

struct life {
    const char *wrong; /* NULL: nothing */
    int wrongly;       /* what a call returned there */
    int opened;        /* culvert_open's result */
    char why[LIFE_WHY];
    uint32_t refused; /* frames */
    bool mute;        /* nothing can be said to culvertd any more: what does not come is not waited for long */
    bool shared;      /* by others, in a culvertd that may have no room */
    culvert_session session;
};

/* LATEST, 64x64, one thread, of that codec; at the endpoint of apart.h. */
struct culvert_config life_config(uint32_t codec);

/* Notes what was wrong, if it is the first. */
void life_blame(struct life *life, bool holds, const char *what, int result);
/* Whether a call may fail so, for want of something. */
bool life_is_want(const struct life *life, int result);

void life_begin(struct life *life, const struct culvert_config *config);
/* A size that grows, shrinks and comes again. */
void life_encode(struct life *life);
void life_lend(struct life *life);
void life_control(struct life *life);
void life_end(struct life *life);

#endif
