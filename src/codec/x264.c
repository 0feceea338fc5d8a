#include "codec/codec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <x264.h>

#include "base/fork.h"
#include "codec/h264_level.h"
#include "codec/h264_rate.h"
#include "codec/h264_traits.h"
#include "codec/x264_param.h"
#include "codec/x264_references.h"
#include "codec/x264_text.h"
#include "codec/x264_unit.h"

#define QP_MAX 51 /* x264 counts on to 69, where it filters the picture too */

struct codec_stream {
    struct culvert_config config;
    x264_param_t param;
    int32_t speed; /* that param is of */
};

struct codec_encoder {
    struct codec_stream *stream;
    x264_t *x264;
    struct slicer *slicer; /* NULL: whole access units */
    struct codec_geometry geometry;
    uint32_t level;
    struct codec_rate opened; /* x264 goes on counting in its frame rate */
    struct references references;
    int64_t pictures;
};

/* ---- x264 itself */

/* Each open writes tables that all encoders share. */
static pthread_mutex_t tables = PTHREAD_MUTEX_INITIALIZER;

static x264_t *open_alone(x264_param_t *param)
{
    fork_protect(&tables, NULL, NULL);
    pthread_mutex_lock(&tables);
    x264_t *const x264 = x264_encoder_open(param);
    pthread_mutex_unlock(&tables);
    return x264;
}

static void close_alone(x264_t *x264)
{
    pthread_mutex_lock(&tables);
    x264_encoder_close(x264);
    pthread_mutex_unlock(&tables);
}

/* ---- Stream */

/* Sets what a speed means. What it was before stays when that fails. */
static int set_speed(struct codec_stream *stream, int32_t speed, char *why)
{
    if (stream->speed == speed)
        return 0;
    x264_param_t param;
    const int result = param_build(&param, &stream->config, speed, why);
    if (result < 0)
        return result;
    x264_param_cleanup(&stream->param);
    stream->param = param;
    stream->speed = speed;
    return 0;
}

/* What x264 makes of the options shows when an encoder is open, and not before. */
static int prove_options(struct codec_stream *stream, char *why)
{
    const struct codec_geometry geometry = {.width = 64, .height = 64, .sar_num = 1, .sar_den = 1};
    param_set_geometry(&stream->param, &stream->config, &geometry, (uint32_t)x264_levels[0].level_idc);
    param_set_rate(&stream->param, &(struct codec_rate){.fps_num = 1, .fps_den = 1}, &(struct vbv){64, 64}, 1);
    x264_t *const x264 = open_alone(&stream->param);
    if (x264 == NULL) {
        snprintf(why, CODEC_WHY, "x264 opens no encoder with the options '%.100s': remove some",
                 stream->config.options);
        return CULVERT_E_OPTION;
    }
    x264_param_t running;
    x264_encoder_parameters(x264, &running);
    close_alone(x264);
    return text_check(&running, stream->config.options, why, CODEC_WHY);
}

static void h264_destroy(struct codec_stream *stream)
{
    if (stream == NULL)
        return;
    x264_param_cleanup(&stream->param);
    free(stream);
}

static int h264_create(const struct culvert_config *config, struct codec_stream **stream, char *why)
{
    int result = level_check(config->level, why, CODEC_WHY);
    if (result < 0)
        return result;
    struct codec_stream *const created = calloc(1, sizeof *created);
    if (created == NULL) {
        snprintf(why, CODEC_WHY, "out of memory for x264's parameters: close other sessions");
        return CULVERT_E_MEMORY;
    }
    created->config = *config;
    created->speed = param_speed(config);
    result = param_build(&created->param, &created->config, created->speed, why);
    if (result < 0) {
        free(created);
        return result;
    }
    if (config->options[0] != '\0')
        result = prove_options(created, why);
    if (result == 0)
        *stream = created;
    else
        h264_destroy(created);
    return result;
}

/* ---- Encoder */

/* Who is to go on after a loss must take gaps in frame_num for allowed: Chrome's decoders in hardware may refuse them
 * else. */
static bool allows_gaps(const struct codec_stream *stream)
{
    return stream->config.references != 0;
}

static int refuse_memory(const struct codec_geometry *geometry, char *why)
{
    snprintf(why, CODEC_WHY, "out of memory for an encoder of %ux%u: close other sessions", geometry->width,
             geometry->height);
    return CULVERT_E_MEMORY;
}

static int open_x264(struct codec_encoder *encoder, char *why)
{
    x264_param_t *const param = &encoder->stream->param;
    if (encoder->stream->config.slices != 0) {
        encoder->slicer = slicer_create(&encoder->geometry, param_slices(param), allows_gaps(encoder->stream));
        if (encoder->slicer == NULL)
            return refuse_memory(&encoder->geometry, why);
    }
    encoder->x264 = open_alone(param);
    if (encoder->x264 != NULL)
        return 0;
    slicer_destroy(encoder->slicer);
    snprintf(why, CODEC_WHY, "x264 opens no encoder of %ux%u: its reason is in the log", encoder->geometry.width,
             encoder->geometry.height);
    return CULVERT_E_CODEC;
}

/* The stream's parameters for this encoder: another one may have been opened since. */
static int set_param(const struct codec_encoder *encoder, int32_t speed, const struct vbv *vbv, double fill, char *why)
{
    struct codec_stream *const stream = encoder->stream;
    const int result = set_speed(stream, speed, why);
    if (result < 0)
        return result;
    param_set_geometry(&stream->param, &stream->config, &encoder->geometry, encoder->level);
    param_set_rate(&stream->param, &encoder->opened, vbv, fill);
    return 0;
}

static int h264_open(struct codec_stream *stream, const struct codec_geometry *geometry, const struct codec_rate *rate,
                     double fill, struct codec_encoder **encoder, char *why)
{
    uint32_t level;
    int result = rate_level(&stream->config, geometry, rate, &level, why);
    if (result < 0)
        return result;
    struct codec_encoder *const opened = malloc(sizeof *opened);
    if (opened == NULL)
        return refuse_memory(geometry, why);
    struct vbv vbv = {0};
    rate_vbv(rate, rate, &vbv);
    *opened = (struct codec_encoder){.stream = stream, .geometry = *geometry, .level = level, .opened = *rate};
    references_init(&opened->references, stream->config.references);
    result = set_param(opened, rate->speed, &vbv, fill, why);
    if (result == 0)
        result = open_x264(opened, why);
    if (result == 0)
        *encoder = opened;
    else
        free(opened);
    return result;
}

static void h264_close(struct codec_encoder *encoder)
{
    if (encoder == NULL)
        return;
    close_alone(encoder->x264);
    slicer_destroy(encoder->slicer);
    free(encoder);
}

static enum codec_change h264_reconfigure(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    struct codec_stream *const stream = encoder->stream;
    struct vbv vbv;
    char why[CODEC_WHY];
    const bool live = h264_reaches(&stream->config, encoder->opened.speed, rate->speed) &&
                      rate_fits_live(&stream->config, &encoder->geometry, encoder->level, &encoder->opened, rate, &vbv);
    if (!live || set_param(encoder, rate->speed, &vbv, 1, why) < 0)
        return CODEC_REOPENS;
    return x264_encoder_reconfig(encoder->x264, &stream->param) == 0 ? CODEC_LIVE : CODEC_REOPENS;
}

static bool h264_obeys(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    struct vbv vbv;
    char why[CODEC_WHY];
    x264_param_t running;
    x264_encoder_parameters(encoder->x264, &running);
    return rate_vbv(rate, &encoder->opened, &vbv) && running.rc.i_bitrate == vbv.bitrate &&
           running.rc.i_vbv_max_bitrate == vbv.bitrate && running.rc.i_vbv_buffer_size == vbv.buffer &&
           set_speed(encoder->stream, rate->speed, why) == 0 && param_searches(&running, &encoder->stream->param);
}

/* ---- Pictures */

static bool h264_forget(struct codec_encoder *encoder, int64_t pts)
{
    int64_t clock;
    if (references_lose(&encoder->references, pts, &clock) &&
        x264_encoder_invalidate_reference(encoder->x264, clock) < 0)
        return false;
    return encoder->pictures == 0 || references_nearest(&encoder->references) != NULL;
}

static void describe_picture(const struct codec_encoder *encoder, const struct codec_picture *picture,
                             x264_picture_t *in)
{
    x264_picture_init(in);
    in->i_type = picture->key ? X264_TYPE_IDR : X264_TYPE_AUTO;
    in->i_pts = encoder->pictures;
    in->img.i_csp = X264_CSP_I420;
    in->img.i_plane = 3;
    for (int i = 0; i < 3; i++) {
        in->img.plane[i] = (uint8_t *)picture->plane[i];
        in->img.i_stride[i] = (int)picture->stride[i];
    }
    in->opaque = encoder->slicer;
}

static int fail(const struct codec_encoder *encoder, bool encoded, char *why)
{
    snprintf(why, CODEC_WHY,
             encoded ? "an access unit of %ux%u is larger than its bound: lower the bitrate"
                     : "x264 failed to encode a picture of %ux%u: its reason is in the log",
             encoder->geometry.width, encoder->geometry.height);
    return CULVERT_E_CODEC;
}

static void describe_unit(struct codec_encoder *encoder, const struct codec_picture *picture, const x264_picture_t *out,
                          struct codec_unit *unit)
{
    const struct reference *const nearest = references_nearest(&encoder->references);
    unit->key = out->b_keyframe;
    unit->qp = out->i_qpplus1 - 1 < QP_MAX ? (uint32_t)(out->i_qpplus1 - 1) : QP_MAX;
    unit->tag = picture->tag;
    if (!unit->key && nearest != NULL) {
        unit->references = 1;
        unit->reference[0] = nearest->pts;
    }
    references_add(&encoder->references, picture->pts, encoder->pictures++, unit->key);
}

static int h264_encode(struct codec_encoder *encoder, const struct codec_picture *picture, uint8_t *buffer,
                       size_t capacity, struct codec_unit *unit, char *why)
{
    *unit = (struct codec_unit){0};
    if (picture == NULL)
        return 0;
    x264_picture_t in, out;
    describe_picture(encoder, picture, &in);
    if (encoder->slicer != NULL)
        slicer_begin(encoder->slicer, picture);
    x264_nal_t *nal;
    int count;
    const int bytes = x264_encoder_encode(encoder->x264, &nal, &count, &in, &out);
    const bool fits = encoder->slicer != NULL ? slicer_end(encoder->slicer, unit) : (size_t)bytes <= capacity;
    if (bytes < 0 || !fits)
        return fail(encoder, bytes >= 0, why);
    if (encoder->slicer == NULL)
        unit->bytes = unit_copy(nal, count, allows_gaps(encoder->stream), buffer);
    describe_unit(encoder, picture, &out, unit);
    return 0;
}

/* ---- The codec */

static void h264_version(char *text, size_t size)
{
    snprintf(text, size, "x264 core %d%s", X264_BUILD, X264_VERSION);
}

static void h264_describe(struct codec_encoder *encoder, char *text, size_t size)
{
    x264_param_t running;
    x264_encoder_parameters(encoder->x264, &running);
    text_describe(&running, text, size);
}

const struct codec codec_x264 = {
    H264_TRAITS,           .version = h264_version, .create = h264_create,           .destroy = h264_destroy,
    .open = h264_open,     .close = h264_close,     .reconfigure = h264_reconfigure, .obeys = h264_obeys,
    .forget = h264_forget, .encode = h264_encode,   .describe = h264_describe,
};
