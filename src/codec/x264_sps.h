/* What x264 cannot be told to write into a sequence parameter set (Rec. ITU-T H.264, 7.3.2.1.1). */
#ifndef CODEC_X264_SPS_H
#define CODEC_X264_SPS_H

#include <stddef.h>
#include <stdint.h>

/* Sets gaps_in_frame_num_value_allowed_flag in an SPS that x264 wrote, given with its start code. */
void sps_allow_gaps(uint8_t *nal, size_t bytes);

#endif
