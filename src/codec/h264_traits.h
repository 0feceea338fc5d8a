/* What is known of H.264 encoding without the library that does it: what may be asked of a session whose encoder is in
 * another process. */
#ifndef CODEC_H264_TRAITS_H
#define CODEC_H264_TRAITS_H

#include "codec/codec.h"

/* The largest macroblock is not the PCM one (384 bytes): at QP 0 x264 writes larger ones (842 bytes measured, black and
 * white noise at ultrafast). A 4x4 block of residuals up to 255 has 16 levels of 408 on average at most (quantiser step
 * 0.625). With CAVLC (9.2.2) 5 of them may be escapes of 28 bits, until the suffix has its 6 bits, and the others take
 * 1 + 12 + 6: 349 bits, 368 with coeff_token and runs. That is 1104 bytes for the 24 blocks. 16 vectors of two times 27
 * bits, modes and chroma DC add less than 176; CABAC stays below. Emulation prevention (7.4.1) makes 3 bytes of 2. */
#define H264_MACROBLOCK_BYTES ((1104 + 176) * 3 / 2)
#define H264_HEADER_BYTES 4096 /* parameter sets, SEI, slice headers and start codes */

int h264_admit(const struct culvert_config *config, const struct codec_geometry *geometry,
               const struct codec_rate *rate, char *why);
bool h264_outgrows(const struct culvert_config *config, const struct codec_geometry *geometry,
                   const struct codec_rate *opened, const struct codec_rate *wanted);
size_t h264_bound(const struct codec_geometry *geometry);

/* Whether an encoder that was opened at one speed can change to another. */
bool h264_reaches(const struct culvert_config *config, int32_t from, int32_t to);

/* Fine: some 40 dB of luma, game pictures coded again and again until they had it. */
#define H264_TRAITS                                                                                       \
    .id = CULVERT_CODEC_H264, .name = "h264", .delay = 0, .has_slices = true, .has_profiles = true,       \
    .keeps_rate = true, .fine_qp = 20,                                                                    \
    .change = {[CODEC_BITRATE] = CODEC_LIVE, [CODEC_FRAMERATE] = CODEC_LIVE, [CODEC_SPEED] = CODEC_LIVE}, \
    .admit = h264_admit, .outgrows = h264_outgrows, .bound = h264_bound

#endif
