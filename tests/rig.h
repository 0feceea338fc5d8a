/* An encoder without a session around it, and pictures for it. */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <check.h>

#include "codec/codec.h"
#include "sps.h"

#define UNITS 32 /* NAL units of an access unit that are looked at */

struct rig {
    const struct codec *codec;
    struct culvert_config config;
    struct codec_geometry geometry;
    struct codec_rate rate;
    struct codec_stream *stream;
    struct codec_encoder *encoder;
    uint8_t *pixels, *buffer;
    size_t capacity;
    uint32_t pictures;
    void (*slice)(void *rig, const uint8_t *data, size_t bytes, bool key, bool last); /* rig_join at first */
    size_t joined; /* bytes of slices in the buffer */
    struct codec_unit unit;
    struct nal_unit nal[UNITS];
    size_t nals;
    char why[CODEC_WHY];
};

/* Closed, with one thread, 4000 kbit/s at 60 frames per second, square pixels, BT.601. */
struct rig rig_of(const struct codec *codec, uint32_t width, uint32_t height);

int rig_create(struct rig *rig);
/* Creates the stream, unless there is one, and opens an encoder, at config.speed unless that is 0. */
void rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/* A texture that moves by three pixels a picture, over one that does not, and grain that no picture shares. */
void rig_draw(struct rig *rig);

/* The pts of a picture, from 0. */
#define RIG_PTS(picture) (INT64_C(5000000) + (picture)*INT64_C(16667))

/* Encodes the pixels as they are; slices are joined in the buffer. rig_encode checks what holds for every access unit.
 */
void rig_join(void *rig, const uint8_t *data, size_t bytes, bool key, bool last);
int rig_encode_into(struct rig *rig, bool key, size_t capacity);
void rig_encode(struct rig *rig, bool key);

/* Of the last access unit. */
void rig_sps(const struct rig *rig, struct sps *sps);
size_t rig_slices(const struct rig *rig);

/* In storage that the next call reuses. */
const char *rig_describe(struct rig *rig);

/* A test for each row of a table. */
#define LOOP(tcase, test, table) tcase_add_loop_test(tcase, test, 0, (int)(sizeof table / sizeof table[0]))

#endif
