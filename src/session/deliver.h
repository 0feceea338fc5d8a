/* What comes of a frame: packets in the outbox, and its outcome in the statistics. The encoder's thread alone settles
 * frames; slices come from threads of the codec's while that thread waits inside encode. */
#ifndef SESSION_DELIVER_H
#define SESSION_DELIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"
#include "session/stats.h"

struct session;

#define DELIVERY_SLICES 8

/* The access unit that is being encoded. */
struct delivery {
    uint32_t tag;                  /* of its picture */
    uint32_t count, pushed;        /* slices that came, and went on to the outbox */
    size_t bytes[DELIVERY_SLICES]; /* of each */
    size_t next;                   /* where the next one goes in the room */
    bool key;
};

/* The picture with this tag goes to the codec now. */
void deliver_begin(struct session *session, uint32_t tag);
/* A slice is done: codec_picture.slice, with the session as its context. */
void deliver_slice(void *session, const uint8_t *data, size_t bytes, bool key, bool last);
/* An access unit lies in the room, or went through deliver_slice: hands out what was not yet, and settles. */
void deliver_unit(struct session *session, const struct codec_unit *unit, uint32_t encode_us);

/* The frame taken last needs no access unit: it equals the one encoded last. */
void deliver_repeat(struct session *session);
/* The frame taken last has this outcome, without having been given to the codec. */
void deliver_nothing(struct session *session, enum outcome outcome);
/* The codec will yield nothing for the pictures before this tag that have no access unit yet. */
void deliver_dropped(struct session *session, uint32_t tag);
/* The codec failed: for all pictures that it has. */
void deliver_failure(struct session *session, const char *why);

/* A duration as packets have it. */
uint32_t deliver_microseconds(int64_t duration);

#endif
