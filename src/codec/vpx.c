#include "codec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

#include "codec/vpx_layers.h"
#include "codec/vpx_rate.h"
#include "codec/vpx_references.h"
#include "codec/vpx_settings.h"
#include "codec/vpx_traits.h"

struct codec_stream {
    struct culvert_config config;
    struct settings settings;
    uint32_t tl0; /* encode's alone */
};

struct codec_encoder {
    struct codec_stream *stream;
    vpx_codec_ctx_t vpx;
    struct settings settings; /* that it was told to run with */
    struct codec_geometry geometry;
    struct codec_rate rate; /* that libvpx took */
    double fill;
    vpx_codec_pts_t clock;
    struct buffers buffers;
};

static const char *name_of(const struct codec_stream *stream)
{
    return stream->settings.vp9 ? codec_vp9.name : codec_vp8.name;
}

static vpx_codec_iface_t *interface_of(const struct codec_stream *stream)
{
    return stream->settings.vp9 ? vpx_codec_vp9_cx() : vpx_codec_vp8_cx();
}

static const char *reason(vpx_codec_ctx_t *vpx)
{
    const char *const detail = vpx_codec_error_detail(vpx);
    return detail != NULL ? detail : vpx_codec_error(vpx);
}

/* ---- Encoder */

static int refuse_open(struct codec_encoder *encoder, vpx_codec_err_t error, char *why)
{
    snprintf(why, CODEC_WHY, "libvpx opens no %s encoder of %ux%u (%.120s): change the options or the size",
             name_of(encoder->stream), encoder->geometry.width, encoder->geometry.height, reason(&encoder->vpx));
    return error == VPX_CODEC_MEM_ERROR ? CULVERT_E_MEMORY : CULVERT_E_CODEC;
}

static int start(struct codec_encoder *encoder, char *why)
{
    vpx_codec_iface_t *const interface = interface_of(encoder->stream);
    vpx_codec_err_t error = vpx_codec_enc_init(&encoder->vpx, interface, &encoder->settings.cfg, 0);
    if (error != VPX_CODEC_OK)
        return refuse_open(encoder, error, why);
    error = settings_apply(&encoder->settings, NULL, &encoder->vpx);
    if (error == VPX_CODEC_OK)
        return 0;
    const int result = refuse_open(encoder, error, why);
    vpx_codec_destroy(&encoder->vpx);
    return result;
}

static int open_encoder(struct codec_stream *stream, const struct codec_geometry *geometry,
                        const struct codec_rate *rate, double fill, struct codec_encoder **encoder, char *why)
{
    struct codec_encoder *const opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        snprintf(why, CODEC_WHY, "out of memory for an encoder of %ux%u: close other sessions", geometry->width,
                 geometry->height);
        return CULVERT_E_MEMORY;
    }
    opened->stream = stream;
    opened->settings = stream->settings;
    opened->geometry = *geometry;
    opened->rate = *rate;
    opened->fill = fill;
    buffers_init(&opened->buffers, stream->config.layers, stream->config.references);
    settings_fit(&opened->settings, &stream->config, geometry, rate, fill);
    const int result = start(opened, why);
    if (result < 0)
        free(opened);
    else
        *encoder = opened;
    return result;
}

static void close_encoder(struct codec_encoder *encoder)
{
    if (encoder == NULL)
        return;
    vpx_codec_destroy(&encoder->vpx);
    free(encoder);
}

static enum codec_change reconfigure(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    const struct settings running = encoder->settings;
    settings_fit(&encoder->settings, &encoder->stream->config, &encoder->geometry, rate, encoder->fill);
    const bool rises = rate->bitrate_kbps > encoder->rate.bitrate_kbps;
    if (rises && settings_forgive(&encoder->settings, &encoder->vpx) != VPX_CODEC_OK)
        return CODEC_REOPENS;
    if (settings_apply(&encoder->settings, &running, &encoder->vpx) != VPX_CODEC_OK)
        return CODEC_REOPENS;
    encoder->rate = *rate;
    return CODEC_LIVE;
}

/* libvpx reads nothing back but what it answered. */
static bool obeys(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    const struct codec_rate *const running = &encoder->rate;
    return running->bitrate_kbps == rate->bitrate_kbps && running->burst_ms == rate->burst_ms &&
           running->speed == rate->speed && cbr_interval(running) == cbr_interval(rate);
}

static bool forget(struct codec_encoder *encoder, int64_t pts)
{
    return buffers_forget(&encoder->buffers, pts);
}

static void describe(struct codec_encoder *encoder, char *text, size_t size)
{
    vpxenc_describe(&encoder->settings.cfg, &encoder->settings.controls, text, size);
}

/* ---- Encoding */

static void describe_picture(vpx_image_t *image, const struct codec_encoder *encoder,
                             const struct codec_picture *picture)
{
    vpx_img_wrap(image, VPX_IMG_FMT_I420, encoder->geometry.width, encoder->geometry.height, 1,
                 (uint8_t *)picture->plane[0]);
    for (int i = 0; i < 3; i++) {
        image->planes[i] = (uint8_t *)picture->plane[i];
        image->stride[i] = (int)picture->stride[i];
    }
}

/* The access unit's bytes, all of its packets behind each other. Those that do not fit are counted alone. */
static size_t take_packets(struct codec_encoder *encoder, uint8_t *buffer, size_t capacity, bool *key)
{
    size_t bytes = 0;
    const vpx_codec_cx_pkt_t *packet;
    for (vpx_codec_iter_t next = NULL; (packet = vpx_codec_get_cx_data(&encoder->vpx, &next)) != NULL;) {
        if (packet->kind != VPX_CODEC_CX_FRAME_PKT)
            continue;
        if (bytes + packet->data.frame.sz <= capacity)
            memcpy(buffer + bytes, packet->data.frame.buf, packet->data.frame.sz);
        bytes += packet->data.frame.sz;
        *key = *key || (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
    }
    return bytes;
}

static void describe_unit(struct codec_encoder *encoder, const struct codec_picture *picture,
                          const struct buffers_plan *plan, struct codec_unit *unit)
{
    int qp = 0;
    vpx_codec_control(&encoder->vpx, VP8E_GET_LAST_QUANTIZER, &qp);
    unit->qp = (uint32_t)qp;
    unit->tag = picture->tag;
    unit->layer = plan->layer;
    unit->sync = plan->sync;
    unit->references = plan->count;
    memcpy(unit->reference, plan->pts, sizeof unit->reference);
    encoder->stream->tl0 += plan->layer == 0;
    unit->tl0 = encoder->stream->tl0 & 255;
}

static int refuse_picture(const struct codec_encoder *encoder, const char *what, char *why)
{
    snprintf(why, CODEC_WHY, "libvpx failed to encode a picture of %ux%u (%.120s): reopen the session",
             encoder->geometry.width, encoder->geometry.height, what);
    return CULVERT_E_CODEC;
}

static int encode(struct codec_encoder *encoder, const struct codec_picture *picture, uint8_t *buffer, size_t capacity,
                  struct codec_unit *unit, char *why)
{
    *unit = (struct codec_unit){0};
    if (picture == NULL)
        return 0;
    vpx_image_t image;
    describe_picture(&image, encoder, picture);
    struct buffers_plan plan = buffers_plan(&encoder->buffers, picture->key);
    const unsigned long interval = cbr_interval(&encoder->rate);
    long flags;
    vpx_codec_err_t error = layers_tell(&encoder->vpx, encoder->settings.vp9, &encoder->settings.cfg, &plan, &flags);
    if (error == VPX_CODEC_OK)
        error = vpx_codec_encode(&encoder->vpx, &image, encoder->clock, interval, flags, VPX_DL_REALTIME);
    if (error != VPX_CODEC_OK)
        return refuse_picture(encoder, reason(&encoder->vpx), why);
    encoder->clock += (vpx_codec_pts_t)interval;
    const size_t bytes = take_packets(encoder, buffer, capacity, &unit->key);
    if (bytes > capacity) {
        *unit = (struct codec_unit){0};
        return refuse_picture(encoder, "its access unit is larger than the buffer", why);
    }
    if (bytes == 0)
        return 0;
    if (unit->key)
        plan = buffers_plan(&encoder->buffers, true);
    unit->bytes = bytes;
    describe_unit(encoder, picture, &plan, unit);
    buffers_commit(&encoder->buffers, &plan, picture->pts);
    return 0;
}

/* ---- Stream */

static void destroy(struct codec_stream *stream)
{
    free(stream);
}

/* What libvpx makes of the options shows when an encoder opens, and not before. */
static int prove_options(struct codec_stream *stream, char *why)
{
    const struct codec_geometry geometry = {.width = 64, .height = 64, .sar_num = 1, .sar_den = 1, .matrix = 6};
    const struct codec_rate rate = {1000, 70, 60, 1, 8};
    struct codec_encoder *encoder;
    const int result = open_encoder(stream, &geometry, &rate, 1, &encoder, why);
    if (result == 0)
        close_encoder(encoder);
    if (result != CULVERT_E_CODEC)
        return result;
    snprintf(why, CODEC_WHY, "libvpx refuses the options '%.120s' for %s: change them", stream->config.options,
             name_of(stream));
    return CULVERT_E_OPTION;
}

static int set_up(struct codec_stream *stream, char *why)
{
    const struct culvert_config *const config = &stream->config;
    if (vpx_codec_enc_config_default(interface_of(stream), &stream->settings.cfg, 0) != VPX_CODEC_OK) {
        snprintf(why, CODEC_WHY, "this libvpx has no %s encoder: take h264", name_of(stream));
        return CULVERT_E_UNSUPPORTED;
    }
    settings_init(&stream->settings, config);
    const int result = vpxenc_apply(stream->settings.vp9, config->options, &stream->settings.cfg,
                                    &stream->settings.options, why, CODEC_WHY);
    return result < 0 || config->options[0] == '\0' ? result : prove_options(stream, why);
}

static int create(bool vp9, const struct culvert_config *config, struct codec_stream **stream, char *why)
{
    struct codec_stream *const created = calloc(1, sizeof *created);
    if (created == NULL) {
        snprintf(why, CODEC_WHY, "out of memory for libvpx's configuration: close other sessions");
        return CULVERT_E_MEMORY;
    }
    created->settings.vp9 = vp9;
    created->config = *config;
    const int result = set_up(created, why);
    if (result < 0)
        destroy(created);
    else
        *stream = created;
    return result;
}

static int vp8_create(const struct culvert_config *config, struct codec_stream **stream, char *why)
{
    return create(false, config, stream, why);
}

static int vp9_create(const struct culvert_config *config, struct codec_stream **stream, char *why)
{
    return create(true, config, stream, why);
}

/* ---- The codecs */

static void version(char *text, size_t size)
{
    snprintf(text, size, "libvpx %s", vpx_codec_version_str());
}

#define COMMON                                                                                                        \
    .version = version, .destroy = destroy, .open = open_encoder, .close = close_encoder, .reconfigure = reconfigure, \
    .obeys = obeys, .forget = forget, .encode = encode, .describe = describe

const struct codec codec_vp8 = {
    VP8_TRAITS,
    .create = vp8_create,
    COMMON,
};

const struct codec codec_vp9 = {
    VP9_TRAITS,
    .create = vp9_create,
    COMMON,
};
