/* What a libvpx encoder runs with: its configuration and its controls. */
#ifndef CODEC_VPX_SETTINGS_H
#define CODEC_VPX_SETTINGS_H

#include <stdbool.h>

#include <vpx/vpx_encoder.h>

#include "codec/codec.h"
#include "codec/vpx_options.h"

struct settings {
    bool vp9;
    vpx_codec_enc_cfg_t cfg;
    struct controls controls;
    int cpu_used;
    int render[2];           /* VP9: the size to show */
    struct controls options; /* the session's, over all others */
};

/* Realtime, for every encoder of a stream, on top of libvpx's defaults. */
void settings_init(struct settings *settings, const struct culvert_config *config);

/* For an encoder, or its next rate. fill as in codec.h. */
void settings_fit(struct settings *settings, const struct culvert_config *config, const struct codec_geometry *geometry,
                  const struct codec_rate *rate, double fill);

/* To an encoder, those that differ from what it runs with; NULL: to one that was just opened. */
vpx_codec_err_t settings_apply(const struct settings *settings, const struct settings *running, vpx_codec_ctx_t *vpx);

/* VP8 owes what it overspent at its coarsest quantiser, and pays it back for seconds in pictures of that quantiser,
 * though the bitrate has risen. Told another number of layers it owes nothing any more; settings_apply, which must
 * follow, tells it the right one. Nothing for VP9. */
vpx_codec_err_t settings_forgive(const struct settings *settings, vpx_codec_ctx_t *vpx);

#endif
