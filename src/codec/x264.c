#include "codec/codec.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <x264.h>

#include "base/fork.h"
#include "base/log.h"
#include "base/platform.h"
#include "codec/x264_level.h"
#include "codec/x264_rate.h"
#include "codec/x264_text.h"

#define NALS 10                   /* of an access unit: browsers choke on many more */
#define SINGLE_THREAD (640 * 480) /* pixels: up to here more threads gain less than they cost */
#define QP_MAX 51                 /* x264 counts on to 69, where it filters the picture too */

struct codec_stream {
    x264_param_t param;
    struct culvert_config config;
};

struct codec_encoder {
    struct codec_stream *stream;
    x264_t *x264;
    struct codec_geometry geometry;
    uint32_t level;
    struct codec_rate opened; /* x264 goes on counting in its frame rate */
    int64_t pictures;
};

/* Without B-frames, medium and fast encode alike: fast gives up mode decisions by rate and distortion (subme 6). */
static const struct speed {
    const char *preset, *options;
} speeds[] = {
    {"placebo", ""},   {"veryslow", ""},
    {"slower", ""},    {"slow", ""},
    {"medium", ""},    {"fast", "subme=5"},
    {"faster", ""},    {"veryfast", ""},
    {"superfast", ""}, {"superfast", "partitions=none:aq-mode=0"},
    {"ultrafast", ""},
};
#define SPEED_DEFAULT 8

static const char *const profiles[] = {
    [CULVERT_PROFILE_DEFAULT] = "baseline",
    [CULVERT_PROFILE_BASELINE] = "baseline",
    [CULVERT_PROFILE_MAIN] = "main",
    [CULVERT_PROFILE_HIGH] = "high",
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

static void take_line(void *private, int level, const char *format, va_list arguments)
{
    const struct codec_stream *const stream = private;
    char text[LOG_LINE];
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_write(level == X264_LOG_ERROR ? CULVERT_LOG_WARNING : CULVERT_LOG_DEBUG, stream->config.name, "x264: %s", text);
}

/* ---- Parameters */

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

/* A sliced thread makes one slice, whatever slice count is asked for, and takes four rows of macroblocks or more (both
 * measured). What cannot be had that way, one thread makes. */
static void set_slices(x264_param_t *param, const struct culvert_config *config, const struct codec_geometry *geometry)
{
    const uint32_t rows = (geometry->height + 15) / 16, most = rows < 4 ? 1 : rows / 4;
    const bool small = geometry->width * geometry->height <= SINGLE_THREAD;
    const uint32_t automatic = small ? 1 : at_most(platform_processors(), 4);
    const uint32_t threads = at_most(config->threads != 0 ? config->threads : automatic, most);
    const uint32_t slices = at_most(config->slices != 0 ? config->slices : at_most(threads, 4), rows);
    param->i_threads = threads > 1 && slices <= most ? (int)slices : 1;
    param->b_sliced_threads = param->i_threads > 1;
    param->i_slice_count = slices > 1 ? (int)slices : 0;
}

static void set_geometry(struct codec_stream *stream, const struct codec_geometry *geometry, uint32_t level)
{
    x264_param_t *const param = &stream->param;
    set_slices(param, &stream->config, geometry);
    param->i_width = (int)geometry->width;
    param->i_height = (int)geometry->height;
    param->i_level_idc = (int)level;
    param->vui.i_sar_width = (int)geometry->sar_num;
    param->vui.i_sar_height = (int)geometry->sar_den;
    param->vui.b_fullrange = geometry->range == CULVERT_RANGE_FULL;
    param->vui.i_colmatrix = (int)geometry->matrix;
    param->vui.i_colorprim = (int)geometry->primaries;
    param->vui.i_transfer = (int)geometry->transfer;
}

static void set_rate(x264_param_t *param, const struct codec_rate *opened, const struct budget *budget)
{
    param->i_fps_num = opened->fps_num;
    param->i_fps_den = opened->fps_den;
    param->rc.i_bitrate = param->rc.i_vbv_max_bitrate = budget->bitrate;
    param->rc.i_vbv_buffer_size = budget->buffer;
}

/* Annex B, headers repeated at each IDR, no lookahead and no B-frames are defaults, x264's own or zerolatency's. */
static void set_constants(struct codec_stream *stream)
{
    x264_param_t *const param = &stream->param;
    param->pf_log = take_line;
    param->p_log_private = stream;
    param->i_log_level = X264_LOG_INFO;
    param->i_keyint_max = X264_KEYINT_MAX_INFINITE;
    param->i_scenecut_threshold = 0;
    param->i_frame_reference = 1;
    param->rc.i_rc_method = X264_RC_ABR;
}

/* ---- Stream */

static int set_preset(struct codec_stream *stream, char *why)
{
    const int32_t asked = stream->config.speed == 0 ? SPEED_DEFAULT : stream->config.speed;
    const struct speed *const speed = &speeds[asked == CULVERT_SPEED_SLOWEST ? 0 : asked];
    const char *const profile = profiles[stream->config.profile];
    if (x264_param_default_preset(&stream->param, speed->preset, "zerolatency") < 0) {
        snprintf(why, CODEC_WHY, "this x264 has no preset %s: set another speed", speed->preset);
        return CULVERT_E_UNSUPPORTED;
    }
    set_constants(stream);
    int result = text_apply(&stream->param, speed->options, why, CODEC_WHY);
    if (result == 0)
        result = text_apply(&stream->param, stream->config.options, why, CODEC_WHY);
    if (result == 0 && x264_param_apply_profile(&stream->param, profile) < 0) {
        snprintf(why, CODEC_WHY, "this x264 has no profile %s: set another", profile);
        result = CULVERT_E_UNSUPPORTED;
    }
    return result;
}

/* What x264 makes of the options shows when an encoder is open, and not before. */
static int prove_options(struct codec_stream *stream, char *why)
{
    const struct codec_geometry geometry = {.width = 64, .height = 64, .sar_num = 1, .sar_den = 1};
    set_geometry(stream, &geometry, (uint32_t)x264_levels[0].level_idc);
    set_rate(&stream->param, &(struct codec_rate){.fps_num = 1, .fps_den = 1}, &(struct budget){64, 64});
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
    result = set_preset(created, why);
    if (result == 0 && config->options[0] != '\0')
        result = prove_options(created, why);
    if (result == 0)
        *stream = created;
    else
        h264_destroy(created);
    return result;
}

/* ---- Encoder */

static int h264_open(struct codec_stream *stream, const struct codec_geometry *geometry, const struct codec_rate *rate,
                     struct codec_encoder **encoder, char *why)
{
    uint32_t level;
    const int result = rate_level(&stream->config, geometry, rate, &level, why);
    if (result < 0)
        return result;
    struct codec_encoder *const opened = malloc(sizeof *opened);
    if (opened == NULL) {
        snprintf(why, CODEC_WHY, "out of memory for an encoder of %ux%u: close other sessions", geometry->width,
                 geometry->height);
        return CULVERT_E_MEMORY;
    }
    struct budget budget = {0};
    rate_budget(rate, rate, &budget);
    set_geometry(stream, geometry, level);
    set_rate(&stream->param, rate, &budget);
    *opened = (struct codec_encoder){.stream = stream, .geometry = *geometry, .level = level, .opened = *rate};
    opened->x264 = open_alone(&stream->param);
    if (opened->x264 == NULL) {
        snprintf(why, CODEC_WHY, "x264 opens no encoder of %ux%u: its reason is in the log", geometry->width,
                 geometry->height);
        free(opened);
        return CULVERT_E_CODEC;
    }
    *encoder = opened;
    return 0;
}

static void h264_close(struct codec_encoder *encoder)
{
    if (encoder == NULL)
        return;
    close_alone(encoder->x264);
    free(encoder);
}

static enum codec_change h264_reconfigure(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    struct codec_stream *const stream = encoder->stream;
    struct budget budget;
    if (!rate_fits_live(&stream->config, &encoder->geometry, encoder->level, &encoder->opened, rate, &budget))
        return CODEC_REOPENS;
    /* Another encoder of the stream may have been opened since, and x264 takes the slice count over too. */
    set_geometry(stream, &encoder->geometry, encoder->level);
    set_rate(&stream->param, &encoder->opened, &budget);
    return x264_encoder_reconfig(encoder->x264, &stream->param) == 0 ? CODEC_LIVE : CODEC_REOPENS;
}

static bool h264_obeys(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    struct budget budget;
    x264_param_t running;
    x264_encoder_parameters(encoder->x264, &running);
    return rate_budget(rate, &encoder->opened, &budget) && running.rc.i_bitrate == budget.bitrate &&
           running.rc.i_vbv_max_bitrate == budget.bitrate && running.rc.i_vbv_buffer_size == budget.buffer;
}

static void describe_picture(x264_picture_t *in, const struct codec_picture *picture)
{
    x264_picture_init(in);
    in->i_type = picture->key ? X264_TYPE_IDR : X264_TYPE_AUTO;
    in->img.i_csp = X264_CSP_I420;
    in->img.i_plane = 3;
    for (int i = 0; i < 3; i++) {
        in->img.plane[i] = (uint8_t *)picture->plane[i];
        in->img.i_stride[i] = (int)picture->stride[i];
    }
    in->opaque = (void *)(uintptr_t)picture->tag;
}

/* Copies an access unit. The first of eight slices has eleven NAL units with x264's version SEI, which is left out. */
static size_t copy_nals(const x264_nal_t *nal, int count, uint8_t *buffer)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        if (count > NALS && nal[i].i_type == NAL_SEI)
            continue;
        memcpy(buffer + bytes, nal[i].p_payload, (size_t)nal[i].i_payload);
        bytes += (size_t)nal[i].i_payload;
    }
    return bytes;
}

static int h264_encode(struct codec_encoder *encoder, const struct codec_picture *picture, uint8_t *buffer,
                       size_t capacity, struct codec_unit *unit, char *why)
{
    *unit = (struct codec_unit){0};
    if (picture == NULL)
        return 0;
    x264_picture_t in, out;
    describe_picture(&in, picture);
    in.i_pts = encoder->pictures++;
    x264_nal_t *nal;
    int count;
    const int bytes = x264_encoder_encode(encoder->x264, &nal, &count, &in, &out);
    if (bytes < 0 || (size_t)bytes > capacity) {
        snprintf(why, CODEC_WHY,
                 bytes < 0 ? "x264 failed to encode a picture of %ux%u: its reason is in the log"
                           : "an access unit of %ux%u is larger than its bound: lower the bitrate",
                 encoder->geometry.width, encoder->geometry.height);
        return CULVERT_E_CODEC;
    }
    if (bytes == 0)
        return 0;
    *unit = (struct codec_unit){
        .bytes = copy_nals(nal, count, buffer),
        .key = out.b_keyframe,
        .qp = at_most((uint32_t)(out.i_qpplus1 - 1), QP_MAX),
        .tag = (uint32_t)(uintptr_t)out.opaque,
    };
    return 0;
}

/* ---- The codec */

static int h264_admit(const struct culvert_config *config, const struct codec_geometry *geometry,
                      const struct codec_rate *rate, char *why)
{
    uint32_t level;
    return rate_level(config, geometry, rate, &level, why);
}

static bool h264_outgrows(const struct culvert_config *config, const struct codec_geometry *geometry,
                          const struct codec_rate *opened, const struct codec_rate *wanted)
{
    uint32_t level;
    char why[CODEC_WHY];
    struct budget budget;
    return rate_level(config, geometry, opened, &level, why) < 0 ||
           !rate_fits_live(config, geometry, level, opened, wanted, &budget);
}

static void h264_version(char *text, size_t size)
{
    snprintf(text, size, "x264 core %d%s", X264_BUILD, X264_VERSION);
}

/* The largest macroblock is not the PCM one (384 bytes): at QP 0 x264 writes larger ones (842 bytes measured, black and
 * white noise at ultrafast). A 4x4 block of residuals up to 255 has 16 levels of 408 on average at most (quantiser step
 * 0.625). With CAVLC (9.2.2) 5 of them may be escapes of 28 bits, until the suffix has its 6 bits, and the others take
 * 1 + 12 + 6: 349 bits, 368 with coeff_token and runs. That is 1104 bytes for the 24 blocks. 16 vectors of two times 27
 * bits, modes and chroma DC add less than 176; CABAC stays below. Emulation prevention (7.4.1) makes 3 bytes of 2. */
#define MACROBLOCK_BYTES ((1104 + 176) * 3 / 2)
#define HEADER_BYTES 4096 /* parameter sets, SEI, slice headers and start codes */

static size_t h264_bound(const struct codec_geometry *geometry)
{
    const size_t macroblocks = (size_t)((geometry->width + 15) / 16) * ((geometry->height + 15) / 16);
    return HEADER_BYTES + macroblocks * MACROBLOCK_BYTES;
}

static void h264_describe(struct codec_encoder *encoder, char *text, size_t size)
{
    x264_param_t running;
    x264_encoder_parameters(encoder->x264, &running);
    text_describe(&running, text, size);
}

const struct codec codec_x264 = {
    .id = CULVERT_CODEC_H264,
    .name = "h264",
    .delay = 0,
    .change = {[CODEC_BITRATE] = CODEC_LIVE, [CODEC_FRAMERATE] = CODEC_LIVE},
    .version = h264_version,
    .create = h264_create,
    .destroy = h264_destroy,
    .admit = h264_admit,
    .outgrows = h264_outgrows,
    .bound = h264_bound,
    .open = h264_open,
    .close = h264_close,
    .reconfigure = h264_reconfigure,
    .obeys = h264_obeys,
    .encode = h264_encode,
    .describe = h264_describe,
};
