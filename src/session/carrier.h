/* How the two sides of a session reach each other. The host's side submits, receives and controls; the encoder's side
 * is one thread. They live in one process (inside.c), or in two, each with half a session that knows the other by
 * messages and shared memory alone (src/remote). */
#ifndef SESSION_CARRIER_H
#define SESSION_CARRIER_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"

struct frame;
struct session;

/* What the host's side does towards the encoder. With the session's lock held, but for publish and stop. */
struct carrier {
    /* Gets the memory of frames and packets, and the encoder going: 0, or an error with the reason in why. */
    int (*start)(struct session *session, char *why);
    /* Ends the encoder; nothing, when it was not started. */
    void (*stop)(struct session *session);
    /* Hands over the frame in the slot that was filled; with the submitting role. */
    void (*publish)(struct session *session);
    /* What is wanted has changed, or that frames will come. */
    void (*state)(struct session *session);
    /* Packets were given back. */
    void (*released)(struct session *session);
    /* Takes in what the encoder has said until now. */
    void (*listen)(struct session *session);
    /* Waits until it says something: false at the deadline. */
    bool (*wait)(struct session *session, int64_t deadline);
    /* Ends such waits, since the session closes. */
    void (*wake)(struct session *session);
    /* A descriptor for poll that is the host's own, or a negative errno. */
    int (*descriptor)(struct session *session);
    /* Number of the frame submitted last, low bits, and how many of those after the one taken last were displaced. */
    void (*queued)(struct session *session, uint32_t *submitted, uint32_t *displaced);
};

/* What the encoder's side does towards the host. With the session's lock held, but for sleep. */
struct reporter {
    /* Takes in what the host has said. False: nothing can be said back now, so nothing may be begun. */
    bool (*listen)(struct session *session);
    /* Whether a frame that was taken is one that submit could have let pass. */
    bool (*vet)(struct session *session, const struct frame *frame);
    /* Until there is cause to look again, or until the deadline. */
    void (*sleep)(struct session *session, int64_t deadline);
    /* Packets came, frames were settled, room is missing, it ended. */
    void (*changed)(struct session *session);
};

extern const struct carrier carrier_inside;
extern const struct reporter reporter_inside;

#endif
