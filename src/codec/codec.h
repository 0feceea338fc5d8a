/* What a codec must do. A codec is one const table of functions, listed in codec.c; it knows no session.
 *
 * Two lives: a *stream* is a session's, and owns the codec library's own parameter struct from open to close; an
 * *encoder* is an epoch's, opened from the stream at one geometry and never resized. All calls of one stream come from
 * one thread at a time, but `admit`, which comes from any. */
#ifndef CODEC_CODEC_H
#define CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"

#define CODEC_WHY 256 /* bytes of every `why`: one line that says what is wrong, to what, and what to do */

/* What the rate controller is told. Values are within the public ranges. */
struct codec_rate {
    uint32_t bitrate_kbps;
    uint32_t burst_ms;
    uint32_t fps_num, fps_den;
};

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
};

struct codec_unit {
    size_t bytes; /* 0: no access unit came (yet): see `delay` */
    bool key;
    uint32_t qp;
    uint32_t tag; /* of the picture that it codes */
};

/* What a change of a setting does to a running encoder. */
enum codec_change { CODEC_LIVE, CODEC_REOPENS, CODEC_REFUSED };
enum codec_setting { CODEC_BITRATE, CODEC_FRAMERATE, CODEC_SETTINGS };

struct codec_stream;  /* each codec's own */
struct codec_encoder; /* each codec's own */

struct codec {
    uint32_t id;      /* enum culvert_codec */
    const char *name; /* "h264", as the command spells it */
    uint32_t delay;   /* pictures that encode may hold back; 0: each call yields its unit, or drops the picture */
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
     * announced), though the setting is live. NULL: never. Pure. */
    bool (*outgrows)(const struct culvert_config *config, const struct codec_geometry *geometry,
                     const struct codec_rate *opened, const struct codec_rate *wanted);

    /* Bytes of the largest access unit of this geometry. Pure. */
    size_t (*bound)(const struct codec_geometry *geometry);

    /* Opens an encoder; the stream must outlive it. 0, or CULVERT_E_CODEC, _MEMORY, _LEVEL with the reason. */
    int (*open)(struct codec_stream *stream, const struct codec_geometry *geometry, const struct codec_rate *rate,
                struct codec_encoder **encoder, char *why);
    void (*close)(struct codec_encoder *encoder);

    /* Changes the rate of a running encoder: CODEC_LIVE when the codec says it did; CODEC_REOPENS when this change, by
     * its amount, needs a new encoder (a bitrate above the announced level). */
    enum codec_change (*reconfigure)(struct codec_encoder *encoder, const struct codec_rate *rate);

    /* Whether the encoder, read back after a frame, really runs with this rate. */
    bool (*obeys)(struct codec_encoder *encoder, const struct codec_rate *rate);

    /* Encodes a picture (NULL: flush one that was held back) into buffer, which holds at least `bound` bytes. 0, or
     * CULVERT_E_CODEC with the reason; then the encoder is good for close alone. */
    int (*encode)(struct codec_encoder *encoder, const struct codec_picture *picture, uint8_t *buffer, size_t capacity,
                  struct codec_unit *unit, char *why);

    /* The parameters that it really runs with, as one line of text, cut to size. */
    void (*describe)(struct codec_encoder *encoder, char *text, size_t size);
};

/* NULL when this build has no such codec. CULVERT_CODEC_DEFAULT is H.264. */
const struct codec *codec_find(uint32_t id);
/* The index-th codec of this build, NULL behind the last. */
const struct codec *codec_at(uint32_t index);

extern const struct codec codec_null;
extern const struct codec codec_x264;

#endif
