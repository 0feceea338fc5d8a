/* A session, and the thread that receives its packets into an output. The thread that opens it submits. */
#ifndef TOOLS_STREAM_H
#define TOOLS_STREAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"
#include "settings.h"
#include "writer.h"

#define STREAM_WHY 512

struct stream {
    culvert_session session;
    struct writer writer; /* of no path: packets are counted and thrown away */
    /* On the receiving thread, for each packet, with the time of its arrival; may be NULL. */
    void (*watch)(void *context, const struct culvert_packet *packet, size_t bytes, int64_t arrived);
    void *context;
    const char *codec;
    int64_t began; /* when it was opened */
    bool rejects;  /* the policy is REJECT */
    uint64_t rejected;
    pthread_t receiver;
    atomic_bool over; /* the output or the session failed, why says how; read what follows after the join */
    bool broken;      /* it was the output */
    char why[STREAM_WHY];
};

/* Opens the output that the settings name, if any, and a session. watch and context were set. STATUS_OK, or the exit
 * status after it has said what is wrong; then nothing is open. */
int stream_open(struct stream *stream, const struct settings *settings);

/* 0, also for a frame that REJECT turned away. Else the stream takes no more: culvert_submit's error and its reason, or
 * CULVERT_E_FINISHED and "" after an interrupt or the receiver's failure. */
int stream_submit(struct stream *stream, const struct culvert_frame *frame, const void *data, size_t size,
                  char why[STREAM_WHY]);

/* Whether the output or the session has failed: frames come to nothing any more. */
bool stream_over(const struct stream *stream);

/* Waits until all is encoded and written, closes the session and the output, and tells programs how it was: of the
 * report, `media` was set. why says what ended the stream early, "" for nothing, and comes to say what failed here. */
void stream_close(struct stream *stream, const struct settings *settings, struct report *report, char why[STREAM_WHY]);

#endif
