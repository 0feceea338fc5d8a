/* What is known of VP8 and VP9 encoding without libvpx; as h264_traits.h. */
#ifndef CODEC_VPX_TRAITS_H
#define CODEC_VPX_TRAITS_H

#include "codec/codec.h"

int vp8_admit(const struct culvert_config *config, const struct codec_geometry *geometry, const struct codec_rate *rate,
              char *why);
int vp9_admit(const struct culvert_config *config, const struct codec_geometry *geometry, const struct codec_rate *rate,
              char *why);
size_t vpx_bound(const struct codec_geometry *geometry);

#define VPX_TRAITS                                                                                        \
    .delay = 0, .has_layers = true, .opens_slowly = true, .keeps_rate = true,                             \
    .change = {[CODEC_BITRATE] = CODEC_LIVE, [CODEC_FRAMERATE] = CODEC_LIVE, [CODEC_SPEED] = CODEC_LIVE}, \
    .bound = vpx_bound

/* Fine: as H.264 is at its own, 38 dB of Doom. */
#define VP8_TRAITS .id = CULVERT_CODEC_VP8, .name = "vp8", .fine_qp = 21, .admit = vp8_admit, VPX_TRAITS
#define VP9_TRAITS .id = CULVERT_CODEC_VP9, .name = "vp9", .fine_qp = 91, .admit = vp9_admit, VPX_TRAITS

#endif
