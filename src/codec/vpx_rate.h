/* libvpx's constant bitrate: what a culvert rate is in its terms. */
#ifndef CODEC_VPX_RATE_H
#define CODEC_VPX_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include <vpx/vpx_encoder.h>

#include "codec/codec.h"

#define CBR_TIMEBASE 1000000 /* ticks per second of an encoder's clock */

/* Bitrates, those of the layers too, and buffers. fill as in codec.h. */
void cbr_configure(vpx_codec_enc_cfg_t *cfg, const struct codec_rate *rate, double fill);

/* The layers' shares of a bitrate. */
void cbr_share(vpx_codec_enc_cfg_t *cfg, uint32_t bitrate);

/* The most that a key frame may take, in percent of a picture's share of the bitrate. */
int cbr_max_intra(const struct codec_rate *rate);

/* Ticks from picture to picture. */
unsigned long cbr_interval(const struct codec_rate *rate);

/* Speed 0 to 10 as libvpx's cpu-used. */
int cbr_cpu_used(bool vp9, int32_t speed);

#endif
