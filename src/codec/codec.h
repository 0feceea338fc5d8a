/* What a codec must do. A codec is one const table of functions, listed in codec.c; it knows no session.
 *
 * Two lives: a *stream* is a session's, and owns the codec library's own parameter struct from open to close; an
 * *encoder* is an epoch's, opened from the stream at one geometry and never resized.
 *
 * Threads: all calls of one stream come from one thread at a time, but for the pure ones (`admit`, `outgrows`,
 * `bound`), which come from any, and of a codec that `opens_slowly`: there `open` and `close` also come from a second
 * thread, while the first does anything with other encoders of the same stream. */
#ifndef CODEC_CODEC_H
#define CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"

#define CODEC_WHY 256 /* bytes of every `why`: one line that says what is wrong, to what, and what to do */

/* How much an encoder may spend, of bits and of time; it may change while it runs. Values are within the public ranges.
 */
struct codec_rate {
    uint32_t bitrate_kbps;
    uint32_t burst_ms;
    uint32_t fps_num, fps_den; /* at which pictures come, as measured: repeated and skipped ones are none */
    int32_t speed;             /* 0 (slowest) to 10 */
};

#define CODEC_REFERENCES 3 /* pictures that one refers to, at most */

/* What an epoch holds fixed. */
struct codec_geometry {
    uint32_t width, height;       /* coded, even */
    uint32_t sar_num, sar_den;    /* sample aspect, reduced, never 0 */
    uint32_t matrix, range;       /* H.273 MatrixCoefficients; enum culvert_range */
    uint32_t primaries, transfer; /* H.273; 2: not declared */
};

/* Pixel layouts that a codec takes. */
enum codec_layout { CODEC_I420 };

struct codec_picture {
    enum codec_layout layout;
    const uint8_t *plane[3]; /* readable until encode returns; never written */
    uint32_t stride[3];
    bool key;     /* make it a key frame */
    uint32_t tag; /* comes back with its access unit */
    int64_t pts;  /* names the picture, in `reference` and `forget`; rises; not for rate control */
    /* Set when config.slices is: takes each slice as soon as it and those before it are done, the first with what goes
     * before it (parameter sets). Called in their order, one call at a time, from any thread, before encode returns. */
    void (*slice)(void *context, const uint8_t *data, size_t bytes, bool key, bool last);
    void *context;
};

struct codec_unit {
    size_t bytes;    /* 0: no access unit came (yet): see `delay` */
    uint32_t slices; /* handed to `slice`; 0: the unit lies in the buffer */
    bool key;
    uint32_t qp;
    uint32_t tag;        /* of the picture that it codes */
    uint32_t layer;      /* temporal, from 0 */
    bool sync;           /* a receiver of the layers below may begin with this layer here */
    uint32_t tl0;        /* pictures of layer 0 since the stream began, this one included, in the low 8 bits */
    uint32_t references; /* pictures that it may refer to; 0 for a key frame, or when the library chooses unseen */
    int64_t reference[CODEC_REFERENCES]; /* their pts */
};

/* What a change of a setting does to a running encoder. */
enum codec_change { CODEC_LIVE, CODEC_REOPENS, CODEC_REFUSED };
enum codec_setting { CODEC_BITRATE, CODEC_FRAMERATE, CODEC_SPEED, CODEC_SETTINGS };

struct codec_stream;  /* each codec's own */
struct codec_encoder; /* each codec's own */

struct codec {
    uint32_t id;       /* enum culvert_codec */
    const char *name;  /* "h264", as the command spells it */
    uint32_t delay;    /* pictures that encode may hold back; 0: each call yields its unit, or drops the picture */
    bool has_slices;   /* hands slices to codec_picture.slice */
    bool has_layers;   /* temporal ones */
    bool has_profiles; /* of H.264, and its levels */
    bool opens_slowly; /* an encoder takes a frame interval and more to open */
    bool keeps_rate;   /* its units are meant to add up to the bitrate */
    uint32_t fine_qp;  /* a still picture of this quantiser, or a lower one, needs no refining */
    enum codec_change change[CODEC_SETTINGS];

    /* The codec library in one line: its name and version. */
    void (*version)(char *text, size_t size);

    /* Checks the settings that are the codec's (profile, level, options, ...; ranges were checked) and builds the
     * stream. 0, or CULVERT_E_OPTION, _RANGE (no such level), _UNSUPPORTED, _MEMORY with the reason in why. */
    int (*create)(const struct culvert_config *config, struct codec_stream **stream, char *why);
    void (*destroy)(struct codec_stream *stream);

    /* Whether an epoch of this geometry and rate may be: 0, or CULVERT_E_LEVEL with the reason. Pure. */
    int (*admit)(const struct culvert_config *config, const struct codec_geometry *geometry,
                 const struct codec_rate *rate, char *why);

    /* Whether an encoder that was opened at one rate needs a new one for another, by its amount (a level that it
     * announced, a speed that it cannot reach), though the setting is live. NULL: never. Pure. */
    bool (*outgrows)(const struct culvert_config *config, const struct codec_geometry *geometry,
                     const struct codec_rate *opened, const struct codec_rate *wanted);

    /* Bytes of the largest access unit of this geometry. Pure. */
    size_t (*bound)(const struct codec_geometry *geometry);

    /* Opens an encoder; the stream must outlive it. fill, 0 to 1, is how much of the burst is left for its first
     * pictures. 0, or CULVERT_E_CODEC, _MEMORY, _LEVEL with the reason. */
    int (*open)(struct codec_stream *stream, const struct codec_geometry *geometry, const struct codec_rate *rate,
                double fill, struct codec_encoder **encoder, char *why);
    void (*close)(struct codec_encoder *encoder);

    /* Changes the rate of a running encoder: CODEC_LIVE when the codec says it did; CODEC_REOPENS when this change, by
     * its amount, needs a new encoder (a bitrate above the announced level). */
    enum codec_change (*reconfigure)(struct codec_encoder *encoder, const struct codec_rate *rate);

    /* Whether the encoder, read back after a frame, really runs with this rate. */
    bool (*obeys)(struct codec_encoder *encoder, const struct codec_rate *rate);

    /* Pictures from this pts on did not arrive: the encoder refers to none of them from now on. False: none is left to
     * refer to, so the next picture must be made a key frame. NULL: as if false. Never between a picture's encode calls
     * and those of the pictures that it holds back. */
    bool (*forget)(struct codec_encoder *encoder, int64_t pts);

    /* Encodes a picture (NULL: flush one that was held back) into buffer, which holds at least `bound` bytes. 0, or
     * CULVERT_E_CODEC with the reason; then the encoder is good for close alone. */
    int (*encode)(struct codec_encoder *encoder, const struct codec_picture *picture, uint8_t *buffer, size_t capacity,
                  struct codec_unit *unit, char *why);

    /* The parameters that it really runs with, as one line of text, cut to size. */
    void (*describe)(struct codec_encoder *encoder, char *text, size_t size);
};

/* NULL when this build has no such codec. CULVERT_CODEC_DEFAULT is H.264. */
const struct codec *codec_find(uint32_t id);
/* The same, and of a codec that another process may have, its traits alone: what is pure and what is constant. */
const struct codec *codec_known(uint32_t id);
/* The index-th codec of this build, NULL behind the last. */
const struct codec *codec_at(uint32_t index);

extern const struct codec codec_null;
extern const struct codec codec_x264;
extern const struct codec codec_vp8;
extern const struct codec codec_vp9;

#endif
