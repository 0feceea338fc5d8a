/* Temporal layers and kept pictures, as libvpx is told of them: VP8 by flags, VP9 by its SVC interface, where any kept
 * picture can stand for LAST. By flags VP9's fast speeds search no ALTREF, and a recovery from it is as large as a key
 * frame. */
#ifndef CODEC_VPX_LAYERS_H
#define CODEC_VPX_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include <vpx/vpx_encoder.h>

#include "codec/vpx_references.h"

/* Sets up an encoder for layers (0 to 3; 0 is 1) and, if references are kept, against loss. */
void layers_configure(bool vp9, vpx_codec_enc_cfg_t *cfg, uint32_t layers, bool references);

/* VP9's SVC interface keeps no rate with a single layer: it has a second one then, which no picture is of. */
bool layers_spare(const vpx_codec_enc_cfg_t *cfg);

/* Whether the encoder is told of buffers by slots, not by flags. */
bool layers_slots(bool vp9, const vpx_codec_enc_cfg_t *cfg);

/* To an encoder with slots, once it is open, and after a change of its speed. */
vpx_codec_err_t layers_start(vpx_codec_ctx_t *vpx, const vpx_codec_enc_cfg_t *cfg, int cpu_used);

/* Before each picture; flags receives what vpx_codec_encode takes. */
vpx_codec_err_t layers_tell(vpx_codec_ctx_t *vpx, bool vp9, const vpx_codec_enc_cfg_t *cfg,
                            const struct buffers_plan *plan, long *flags);

#endif
