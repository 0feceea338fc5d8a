/* Epochs: the run between two re-initialisations. An epoch has one geometry and one encoder; a frame of another geometry
 * begins the next. Encoders are never resized: one of that geometry is opened, or taken from the few that stay warm from
 * earlier epochs, whose rate controllers still know the stream. The encoder's thread alone comes here. */
#ifndef SESSION_EPOCH_H
#define SESSION_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"

#define EPOCH_ENCODERS 3 /* open at once, the present one included */

struct epoch_encoder {
    struct codec_encoder *encoder; /* NULL: a free place */
    struct codec_geometry geometry;
    struct codec_rate opened; /* its rate at its opening */
    struct codec_rate rate;   /* and now */
    uint32_t used; /* number of the epoch that used it last */
};

struct epoch {
    const struct codec *codec;
    struct codec_stream *stream;
    struct epoch_encoder encoders[EPOCH_ENCODERS];
    struct epoch_encoder *present; /* NULL before the first, and after a failure */
    uint32_t number;               /* of the present epoch; 0 before the first */
    bool unproved;                 /* the codec said that it obeys, and no frame has shown it yet */
    bool changed;                  /* and that was about a running encoder */
    bool broken;                   /* it did not obey: the next frame begins a new epoch */
};

struct frame;

/* The geometry that a frame is encoded at: its visible size rounded up to even, aspect and colour. */
struct codec_geometry epoch_geometry(const struct frame *frame);

void epoch_init(struct epoch *epoch, const struct codec *codec, struct codec_stream *stream);
void epoch_finish(struct epoch *epoch);

enum epoch_step { EPOCH_GOES_ON, EPOCH_BEGINS, EPOCH_REOPENS };

/* Whether this geometry goes on in the present epoch. */
bool epoch_continues(const struct epoch *epoch, const struct codec_geometry *geometry);

/* Makes the present encoder one of this geometry at this rate. enum epoch_step (EPOCH_BEGINS: a key frame is due;
 * EPOCH_REOPENS: so, because the codec had not done what it said), or a negative error with the reason in why. */
int epoch_prepare(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate, char *why);

/* After a frame: compares what the encoder runs with against what was asked. False when it disagrees for the first
 * time; a running encoder is then replaced at the next frame. */
bool epoch_prove(struct epoch *epoch);

/* The present encoder failed: close it; the next frame begins a new epoch. */
void epoch_abandon(struct epoch *epoch);

#endif
