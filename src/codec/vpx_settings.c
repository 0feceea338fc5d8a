#include "codec/vpx_settings.h"

#include <vpx/vp8cx.h>

#include "base/platform.h"
#include "codec/vpx_layers.h"
#include "codec/vpx_rate.h"

/* Pixels up to which more threads gain less than they cost. Those of VP8 wait for each other in a loop: on processors
 * that others use as well they took 40 times as long as one. */
#define SINGLE_THREAD_VP8 (1280 * 720)
#define SINGLE_THREAD_VP9 (640 * 480)

/* culvert's session drops pictures and asks for key frames, libvpx does neither. Undershoot and overshoot are those of
 * WebRTC. */
void settings_init(struct settings *settings, const struct culvert_config *config)
{
    vpx_codec_enc_cfg_t *const cfg = &settings->cfg;
    cfg->g_timebase = (vpx_rational_t){1, CBR_TIMEBASE};
    cfg->g_pass = VPX_RC_ONE_PASS;
    cfg->g_lag_in_frames = 0;
    cfg->rc_end_usage = VPX_CBR;
    cfg->rc_dropframe_thresh = 0;
    cfg->rc_resize_allowed = 0;
    cfg->rc_min_quantizer = 0;
    cfg->rc_max_quantizer = 63;
    cfg->rc_undershoot_pct = 100;
    cfg->rc_overshoot_pct = 15;
    cfg->kf_mode = VPX_KF_DISABLED;
    layers_configure(settings->vp9, cfg, config->layers, config->references > 0);
}

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

static uint32_t threads_of(bool vp9, const struct culvert_config *config, const struct codec_geometry *geometry)
{
    const uint32_t single = vp9 ? SINGLE_THREAD_VP9 : SINGLE_THREAD_VP8;
    const bool small = geometry->width * geometry->height <= single;
    return config->threads != 0 ? config->threads : small ? 1 : at_most(platform_processors(), 4);
}

static int log2_down(uint32_t value)
{
    int log2 = 0;
    while (value >>= 1)
        log2++;
    return log2;
}

/* Screen content modes stay off for pixel art too: with Doom, doubled and tripled, VP8 is 0.1 dB worse, and VP9 takes
 * half as long again for 0.2 dB more at low bitrates and 0.2 less at high ones. */
static void set_vp8(struct settings *settings)
{
    struct controls *const controls = &settings->controls;
    controls_set(controls, "token-parts", VP8E_SET_TOKEN_PARTITIONS, log2_down(settings->cfg.g_threads));
    controls_set(controls, "noise-sensitivity", VP8E_SET_NOISE_SENSITIVITY, 0);
    controls_set(controls, "screen-content-mode", VP8E_SET_SCREEN_CONTENT_MODE, 0);
}

/* libvpx cuts the tile columns down to what the width can have. */
static void set_vp9(struct settings *settings, const struct codec_geometry *geometry)
{
    struct controls *const controls = &settings->controls;
    const int space = geometry->matrix == 1 ? VPX_CS_BT_709 : VPX_CS_BT_601;
    controls_set(controls, "tile-columns", VP9E_SET_TILE_COLUMNS, log2_down(settings->cfg.g_threads));
    controls_set(controls, "row-mt", VP9E_SET_ROW_MT, settings->cfg.g_threads > 1);
    controls_set(controls, "frame-parallel", VP9E_SET_FRAME_PARALLEL_DECODING, settings->cfg.g_error_resilient != 0);
    controls_set(controls, "aq-mode", VP9E_SET_AQ_MODE, 3);
    controls_set(controls, "frame-boost", VP9E_SET_FRAME_PERIODIC_BOOST, 0);
    controls_set(controls, "noise-sensitivity", VP9E_SET_NOISE_SENSITIVITY, 0);
    controls_set(controls, "tune-content", VP9E_SET_TUNE_CONTENT, VP9E_CONTENT_DEFAULT);
    controls_set(controls, "color-space", VP9E_SET_COLOR_SPACE, space);
    controls_set(controls, "color-range", VP9E_SET_COLOR_RANGE, geometry->range == CULVERT_RANGE_FULL);
}

/* The size to show, which has square pixels: 16 bits a side. */
static void set_render_size(struct settings *settings, const struct codec_geometry *geometry)
{
    const uint64_t num = geometry->sar_num, den = geometry->sar_den;
    const uint64_t width = (geometry->width * num + den / 2) / den;
    settings->render[0] = width > 65536 ? 65536 : width < 1 ? 1 : (int)width;
    settings->render[1] = (int)geometry->height;
}

/* In pictures of one row of macroblocks, VP8's fast search for a loop filter reads memory that it never wrote. */
static int cpu_used_for(bool vp9, const struct codec_geometry *geometry, const struct codec_rate *rate)
{
    return cbr_cpu_used(vp9, !vp9 && geometry->height <= 16 ? 0 : rate->speed);
}

void settings_fit(struct settings *settings, const struct culvert_config *config, const struct codec_geometry *geometry,
                  const struct codec_rate *rate, double fill)
{
    struct controls *const controls = &settings->controls;
    settings->cfg.g_w = geometry->width;
    settings->cfg.g_h = geometry->height;
    settings->cfg.g_threads = threads_of(settings->vp9, config, geometry);
    settings->cpu_used = cpu_used_for(settings->vp9, geometry, rate);
    cbr_configure(&settings->cfg, rate, fill);
    set_render_size(settings, geometry);
    controls_set(controls, "cpu-used", VP8E_SET_CPUUSED, settings->cpu_used);
    controls_set(controls, "max-intra-rate", VP8E_SET_MAX_INTRA_BITRATE_PCT, cbr_max_intra(rate));
    controls_set(controls, "auto-alt-ref", VP8E_SET_ENABLEAUTOALTREF, 0);
    controls_set(controls, "static-thresh", VP8E_SET_STATIC_THRESHOLD, 1);
    if (settings->vp9)
        set_vp9(settings, geometry);
    else
        set_vp8(settings);
    controls_merge(controls, &settings->options);
}

static vpx_codec_err_t apply_controls(const struct controls *controls, const struct controls *running,
                                      vpx_codec_ctx_t *vpx)
{
    vpx_codec_err_t error = VPX_CODEC_OK;
    for (uint32_t i = 0; i < controls->count && error == VPX_CODEC_OK; i++) {
        const struct control *const control = &controls->control[i];
        if (running == NULL || running->control[i].value != control->value)
            error = vpx_codec_control_(vpx, control->id, control->value);
    }
    return error;
}

vpx_codec_err_t settings_apply(const struct settings *settings, const struct settings *running, vpx_codec_ctx_t *vpx)
{
    const vpx_codec_enc_cfg_t *const cfg = &settings->cfg;
    vpx_codec_err_t error = running == NULL ? VPX_CODEC_OK : vpx_codec_enc_config_set(vpx, cfg);
    if (error == VPX_CODEC_OK)
        error = apply_controls(&settings->controls, running == NULL ? NULL : &running->controls, vpx);
    if (error == VPX_CODEC_OK && settings->vp9 && running == NULL)
        error = vpx_codec_control_(vpx, VP9E_SET_RENDER_SIZE, settings->render);
    if (error == VPX_CODEC_OK && layers_slots(settings->vp9, cfg))
        error = layers_start(vpx, cfg, settings->cpu_used);
    return error;
}

vpx_codec_err_t settings_forgive(const struct settings *settings, vpx_codec_ctx_t *vpx)
{
    if (settings->vp9)
        return VPX_CODEC_OK;
    vpx_codec_enc_cfg_t other = settings->cfg;
    layers_configure(false, &other, settings->cfg.ts_number_layers == 1 ? 2 : 1, true);
    other.g_error_resilient = settings->cfg.g_error_resilient;
    cbr_share(&other, other.rc_target_bitrate);
    return vpx_codec_enc_config_set(vpx, &other);
}
