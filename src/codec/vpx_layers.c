#include "codec/vpx_layers.h"

#include <vpx/vp8cx.h>

void layers_configure(bool vp9, vpx_codec_enc_cfg_t *cfg, uint32_t layers, bool references)
{
    const bool spare = vp9 && references && layers <= 1;
    const uint32_t count = spare ? 2 : layers > 1 ? layers : 1;
    /* Without it VP8 too refers to what was lost, now and then, in spite of all flags. */
    cfg->g_error_resilient = count > 1 || references ? VPX_ERROR_RESILIENT_DEFAULT : 0;
    cfg->ss_number_layers = 1;
    cfg->ts_number_layers = count;
    cfg->ts_periodicity = spare ? 1 : 1u << (count - 1);
    for (uint32_t i = 0; i < count; i++)
        cfg->ts_rate_decimator[i] = 1u << (count - 1 - i);
    for (uint32_t i = 0; i < cfg->ts_periodicity; i++)
        cfg->ts_layer_id[i] = i == 0 ? 0 : i % 2 != 0 ? count - 1 : 1;
    cfg->temporal_layering_mode = count > 1 ? VP9E_TEMPORAL_LAYERING_MODE_BYPASS
                                            : VP9E_TEMPORAL_LAYERING_MODE_NOLAYERING;
}

bool layers_spare(const vpx_codec_enc_cfg_t *cfg)
{
    return cfg->ts_number_layers > 1 && cfg->ts_periodicity == 1;
}

bool layers_slots(bool vp9, const vpx_codec_enc_cfg_t *cfg)
{
    return vp9 && cfg->ts_number_layers > 1;
}

/* With slots VP9 takes quantisers from here alone, and would encode without loss. */
vpx_codec_err_t layers_start(vpx_codec_ctx_t *vpx, const vpx_codec_enc_cfg_t *cfg, int cpu_used)
{
    vpx_svc_extra_cfg_t svc = {.temporal_layering_mode = cfg->temporal_layering_mode};
    for (unsigned i = 0; i < cfg->ts_number_layers; i++) {
        svc.max_quantizers[i] = (int)cfg->rc_max_quantizer;
        svc.min_quantizers[i] = (int)cfg->rc_min_quantizer;
        svc.scaling_factor_num[i] = svc.scaling_factor_den[i] = 1;
        svc.speed_per_layer[i] = cpu_used;
    }
    const vpx_codec_err_t error = vpx_codec_control(vpx, VP9E_SET_SVC, 1);
    return error != VPX_CODEC_OK ? error : vpx_codec_control(vpx, VP9E_SET_SVC_PARAMETERS, &svc);
}

static vpx_codec_err_t tell_slots(vpx_codec_ctx_t *vpx, const struct buffers_plan *plan)
{
    int slot[BUFFERS] = {BUFFER_LAST, BUFFER_GOLDEN, BUFFER_ALTREF};
    int count = 0;
    for (int i = 0; i < BUFFERS; i++) {
        if ((plan->refer >> i & 1) != 0)
            slot[count++] = i;
    }
    vpx_svc_ref_frame_config_t config = {
        .lst_fb_idx = {slot[0]},
        .gld_fb_idx = {slot[1]},
        .alt_fb_idx = {slot[2]},
        .update_buffer_slot = {(int)plan->renew},
        .reference_last = {count > 0},
        .reference_golden = {count > 1},
        .reference_alt_ref = {count > 2},
    };
    return vpx_codec_control(vpx, VP9E_SET_SVC_REF_FRAME_CONFIG, &config);
}

vpx_codec_err_t layers_tell(vpx_codec_ctx_t *vpx, bool vp9, const vpx_codec_enc_cfg_t *cfg,
                            const struct buffers_plan *plan, long *flags)
{
    const int layer = (int)plan->layer;
    *flags = layers_slots(vp9, cfg) ? (plan->key ? VPX_EFLAG_FORCE_KF : 0) : buffers_flags(plan);
    if (cfg->ts_number_layers == 1)
        return VPX_CODEC_OK;
    if (!vp9)
        return vpx_codec_control(vpx, VP8E_SET_TEMPORAL_LAYER_ID, layer);
    vpx_svc_layer_id_t id = {.temporal_layer_id = layer, .temporal_layer_id_per_spatial = {layer}};
    const vpx_codec_err_t error = vpx_codec_control(vpx, VP9E_SET_SVC_LAYER_ID, &id);
    return error != VPX_CODEC_OK ? error : tell_slots(vpx, plan);
}
