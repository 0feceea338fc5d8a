#include "codec/null.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/adler32.h>
#include <libavutil/intreadwrite.h>

#include "codec/codec.h"
#include "codec/options.h"

struct codec_stream {
    bool pixels;
};

struct codec_encoder {
    bool pixels;
    uint32_t width, height;
    uint32_t counter;
    struct codec_rate rate;
};

static const struct option options[] = {{"pixels", OPTION_FLAG, OPTION_BARE | OPTION_NEGATED, 1, 0, 0, NULL}, {0}};

static int set_pixels(void *target, const char *name, const char *value, char *why, size_t why_size)
{
    struct codec_stream *const stream = target;
    (void)name, (void)why, (void)why_size; /* there is one option, and the table has checked its value */
    stream->pixels = strchr("yt1", *value) != NULL;
    return 0;
}

static void null_version(char *text, size_t size)
{
    snprintf(text, size, "null codec, no compression");
}

static int null_create(const struct culvert_config *config, struct codec_stream **stream, char *why)
{
    struct codec_stream *const created = calloc(1, sizeof *created);
    if (created == NULL) {
        snprintf(why, CODEC_WHY, "out of memory for the null codec: close other sessions");
        return CULVERT_E_MEMORY;
    }
    const int result = options_walk(config->options, codec_null.name, options, set_pixels, created, why, CODEC_WHY);
    if (result < 0)
        free(created);
    else
        *stream = created;
    return result;
}

static void null_destroy(struct codec_stream *stream)
{
    free(stream);
}

static int null_admit(const struct culvert_config *config, const struct codec_geometry *geometry,
                      const struct codec_rate *rate, char *why)
{
    (void)config, (void)geometry, (void)rate, (void)why; /* no level limits it */
    return 0;
}

static size_t pixel_bytes(uint32_t width, uint32_t height)
{
    return (size_t)width * height / 2 * 3;
}

static size_t null_bound(const struct codec_geometry *geometry)
{
    return NULL_HEADER + pixel_bytes(geometry->width, geometry->height);
}

static int null_open(struct codec_stream *stream, const struct codec_geometry *geometry, const struct codec_rate *rate,
                     double fill, struct codec_encoder **encoder, char *why)
{
    (void)fill; /* it has no rate controller */
    struct codec_encoder *const opened = malloc(sizeof *opened);
    if (opened == NULL) {
        snprintf(why, CODEC_WHY, "out of memory for an encoder of %ux%u: close other sessions", geometry->width,
                 geometry->height);
        return CULVERT_E_MEMORY;
    }
    *opened = (struct codec_encoder){
        .pixels = stream->pixels, .width = geometry->width, .height = geometry->height, .rate = *rate};
    *encoder = opened;
    return 0;
}

static void null_close(struct codec_encoder *encoder)
{
    free(encoder);
}

static enum codec_change null_reconfigure(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    encoder->rate = *rate;
    return CODEC_LIVE;
}

static bool null_obeys(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    return memcmp(&encoder->rate, rate, sizeof *rate) == 0;
}

/* Returns the end of what it wrote at out; with out NULL it only adds to the checksum. */
static uint8_t *take_plane(const uint8_t *row, uint32_t stride, uint32_t width, uint32_t height, uint32_t *checksum,
                           uint8_t *out)
{
    for (uint32_t y = 0; y < height; y++, row += stride) {
        *checksum = av_adler32_update(*checksum, row, width);
        if (out != NULL) {
            memcpy(out, row, width);
            out += width;
        }
    }
    return out;
}

static uint32_t take_picture(const struct codec_encoder *encoder, const struct codec_picture *picture, uint8_t *out)
{
    uint32_t checksum = 1;
    for (int i = 0; i < 3; i++) {
        const int shift = i > 0;
        out = take_plane(picture->plane[i], picture->stride[i], encoder->width >> shift, encoder->height >> shift,
                         &checksum, out);
    }
    return checksum;
}

static int null_encode(struct codec_encoder *encoder, const struct codec_picture *picture, uint8_t *buffer,
                       size_t capacity, struct codec_unit *unit, char *why)
{
    *unit = (struct codec_unit){0};
    if (picture == NULL)
        return 0;
    const size_t payload = encoder->pixels ? pixel_bytes(encoder->width, encoder->height) : 0;
    if (capacity < NULL_HEADER + payload) {
        snprintf(why, CODEC_WHY, "an access unit of %zu bytes is larger than its buffer of %zu: reopen the session",
                 NULL_HEADER + payload, capacity);
        return CULVERT_E_CODEC;
    }
    const bool key = picture->key || encoder->counter == 0;
    AV_WL32(buffer + NULL_MAGIC, NULL_MAGIC_VALUE);
    AV_WL32(buffer + NULL_FLAGS, key ? NULL_KEY : 0);
    AV_WL32(buffer + NULL_WIDTH, encoder->width);
    AV_WL32(buffer + NULL_HEIGHT, encoder->height);
    AV_WL32(buffer + NULL_COUNTER, encoder->counter);
    AV_WL32(buffer + NULL_TAG, picture->tag);
    AV_WL32(buffer + NULL_CHECKSUM, take_picture(encoder, picture, payload > 0 ? buffer + NULL_HEADER : NULL));
    AV_WL32(buffer + NULL_PAYLOAD, (uint32_t)payload);
    encoder->counter++;
    *unit = (struct codec_unit){.bytes = NULL_HEADER + payload, .key = key, .tag = picture->tag};
    return 0;
}

static void null_describe(struct codec_encoder *encoder, char *text, size_t size)
{
    snprintf(text, size, "pixels=%d bitrate=%u burst=%u fps=%u/%u", encoder->pixels, encoder->rate.bitrate_kbps,
             encoder->rate.burst_ms, encoder->rate.fps_num, encoder->rate.fps_den);
}

const struct codec codec_null = {
    .id = CULVERT_CODEC_NULL,
    .name = "null",
    .delay = 0,
    .fine_qp = 255,
    .change = {[CODEC_BITRATE] = CODEC_LIVE, [CODEC_FRAMERATE] = CODEC_LIVE, [CODEC_SPEED] = CODEC_LIVE},
    .version = null_version,
    .create = null_create,
    .destroy = null_destroy,
    .admit = null_admit,
    .bound = null_bound,
    .open = null_open,
    .close = null_close,
    .reconfigure = null_reconfigure,
    .obeys = null_obeys,
    .encode = null_encode,
    .describe = null_describe,
};
