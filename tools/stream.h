/* A session and the thread that receives its packets into an output. The thread that opens it submits. */
#ifndef TOOLS_STREAM_H
#define TOOLS_STREAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"
#include "output.h"
#include "report.h"

#define STREAM_WHY 512

struct stream {
    culvert_session session;
    struct output *output; /* NULL: packets are counted and thrown away */
    /* On the receiving thread, for each packet, with the time of its arrival; may be NULL. */
    void (*watch)(void *context, const struct culvert_packet *packet, size_t bytes, int64_t arrived);
    void *context;
    const char *codec;
    int64_t began; /* when it was opened */
    bool rejects;  /* the policy is REJECT */
    uint64_t rejected;
    pthread_t receiver;
    atomic_bool broken; /* why says why; read it after the join */
    char why[STREAM_WHY];
};

/* Opens a session as config says. output, watch and context were set. 0, or culvert_open's error, with the reason. */
int stream_open(struct stream *stream, const struct culvert_config *config, char why[STREAM_WHY]);

/* 0, also for a frame that REJECT turned away. Else the stream takes no more: culvert_submit's error and its reason, or
 * CULVERT_E_FINISHED and "" after an interrupt or the receiver's failure. */
int stream_submit(struct stream *stream, const struct culvert_frame *frame, const void *data, size_t size,
                  char why[STREAM_WHY]);

/* Waits until all is encoded and written, fills in the report but for `media`, and closes the session. 0, or -1
 * with the reason. */
int stream_close(struct stream *stream, struct report *report, char why[STREAM_WHY]);

#endif
