/* Opens encoders beside the stream, and closes them: a thread of its own for codecs that take more than a frame
 * interval for it. The encoder's thread asks, goes on, and takes what is ready when the doorbell rings. */
#ifndef SESSION_OPENER_H
#define SESSION_OPENER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/doorbell.h"
#include "codec/codec.h"

#define OPENER_CLOSES 8 /* that may wait */

struct opening {
    struct codec_geometry geometry;
    struct codec_rate rate;
    double fill;
    struct codec_encoder *encoder; /* NULL: it did not open, see why */
    char why[CODEC_WHY];
};

enum opener_state { OPENER_IDLE, OPENER_ASKED, OPENER_BUSY, OPENER_READY };

struct opener {
    const struct codec *codec;
    struct codec_stream *stream;
    struct doorbell *doorbell; /* rung when an opening is ready */
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool ending;
    enum opener_state state;
    struct opening opening;
    struct codec_encoder *closes[OPENER_CLOSES];
    uint32_t waiting;
};

/* Starts the thread. False: the system gave none. */
bool opener_start(struct opener *opener, const struct codec *codec, struct codec_stream *stream,
                  struct doorbell *doorbell);
/* Ends it and closes everything that it has. Nothing when it was not started. */
void opener_stop(struct opener *opener);

/* Asks for an encoder, unless one is being opened or waits to be taken: then ask again later. A request that was not
 * begun yet is replaced. */
void opener_ask(struct opener *opener, const struct codec_geometry *geometry, const struct codec_rate *rate,
                double fill);
/* Hands over what is ready; false: nothing is. */
bool opener_take(struct opener *opener, struct opening *opening);
/* Closes an encoder beside the stream, or, when too many wait, at once. */
void opener_close(struct opener *opener, struct codec_encoder *encoder);

#endif
