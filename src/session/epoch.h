/* Epochs: the run between two re-initialisations. An epoch has one geometry and one encoder; a frame of another
 * geometry begins the next. Encoders are never resized: one of that geometry is opened, or taken from the few that stay
 * warm from earlier epochs, whose rate controllers still know the stream. Those that open slowly are opened beside the
 * stream, if the settings allow it, and the present epoch goes on meanwhile. The encoder's thread alone comes here. */
#ifndef SESSION_EPOCH_H
#define SESSION_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"
#include "session/opener.h"

#define H273_BT709 1 /* MatrixCoefficients, table 4 */
#define H273_BT601 6
#define EPOCH_ENCODERS 9 /* open at once: the most that may stay warm, and one that was opened beside them */

struct epoch_encoder {
    struct codec_encoder *encoder; /* NULL: a free place */
    struct codec_geometry geometry;
    struct codec_rate opened; /* its rate at its opening */
    struct codec_rate rate;   /* and now */
    uint32_t used;            /* when it became the present one last */
    bool changed;             /* it said that it took a new rate, and no frame has shown it yet */
};

struct epoch {
    const struct codec *codec;
    const struct culvert_config *config;
    struct codec_stream *stream;
    struct opener opener; /* running: encoders are opened beside the stream */
    int64_t retry_at;     /* clock_now before which none is asked for: the last one did not open */
    struct epoch_encoder encoders[EPOCH_ENCODERS];
    struct epoch_encoder *present; /* NULL before the first, and after a failure */
    uint32_t uses;                 /* encoders that became the present one, so far */
    bool unproved;                 /* what it runs with was not read back since that changed */
    bool broken;                   /* it did not obey: the next frame begins a new epoch */
};

struct frame;

/* The geometry that a frame is encoded at: its visible size rounded up to even, aspect and colour. */
struct codec_geometry epoch_geometry(const struct frame *frame);

/* Whether an encoder that was opened at one rate cannot go on at another, by the codec's table or by its amount. */
bool epoch_outgrown(const struct codec *codec, const struct culvert_config *config,
                    const struct codec_geometry *geometry, const struct codec_rate *opened,
                    const struct codec_rate *wanted);

/* The doorbell is rung when an encoder is ready that was opened beside the stream. False: the system gave no thread. */
bool epoch_init(struct epoch *epoch, const struct codec *codec, const struct culvert_config *config,
                struct codec_stream *stream, struct doorbell *doorbell);
void epoch_finish(struct epoch *epoch);

/* Takes in what was opened beside the stream. False: it did not open, the reason is in why, and no other is asked for
 * during the next second. */
bool epoch_collect(struct epoch *epoch, char *why);
uint32_t epoch_open_encoders(const struct epoch *epoch);

enum epoch_step { EPOCH_GOES_ON, EPOCH_BEGINS, EPOCH_REOPENS };

bool epoch_same_geometry(const struct codec_geometry *a, const struct codec_geometry *b);

/* Whether the present epoch goes on with a frame of this geometry at this rate, as far as the codec's word goes. */
bool epoch_continues(const struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate);
/* Whether an encoder of this geometry is open. */
bool epoch_is_warm(const struct epoch *epoch, const struct codec_geometry *geometry);
/* Whether a frame of this geometry is to be scaled to the present one, since an encoder of its own opens beside. */
bool epoch_waits(const struct epoch *epoch, const struct codec_geometry *geometry);
/* Has that encoder opened, unless one is being opened already. */
void epoch_ask(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate, double fill);
/* Whether the present epoch goes on, and its encoder says that it took the rate. */
bool epoch_follows(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate);
/* The rate that the encoder of such a frame was, or will be, opened with. */
const struct codec_rate *epoch_opening(struct epoch *epoch, const struct codec_geometry *geometry,
                                       const struct codec_rate *rate);

/* Before the first epoch: opens the encoder that its frames will probably need, as one that is warm. Nothing follows
 * from a failure. */
void epoch_foresee(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate,
                   double fill);

/* Makes the present encoder one of this geometry at this rate; fill as in codec.h, should one be opened. enum
 * epoch_step (EPOCH_BEGINS: a key frame is due; EPOCH_REOPENS: so, because the codec did not do what its table had
 * said), or a negative error with the reason in why.
 */
int epoch_prepare(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate,
                  double fill, char *why);

/* After a frame: compares what the encoder runs with against what was asked. False when it disagrees for the first
 * time; a running encoder is then replaced at the next frame. */
bool epoch_prove(struct epoch *epoch);

/* The present encoder failed: close it; the next frame begins a new epoch. */
void epoch_abandon(struct epoch *epoch);

#endif
