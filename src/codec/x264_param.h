/* x264's parameters for a session's settings. */
#ifndef CODEC_X264_PARAM_H
#define CODEC_X264_PARAM_H

#include <stdbool.h>
#include <stdint.h>

#include <x264.h>

#include "codec/codec.h"
#include "codec/h264_rate.h"

/* The speed of the settings: 0 (slowest) to 10. */
int32_t param_speed(const struct culvert_config *config);

/* What the settings mean at a speed, all but geometry and rate; to be given to x264_param_cleanup. config stays the
 * caller's and must outlive the encoders, which name it in their log lines. 0, or CULVERT_E_OPTION, _UNSUPPORTED with
 * the reason; then there is nothing to clean up. */
int param_build(x264_param_t *param, const struct culvert_config *config, int32_t speed, char *why);

void param_set_geometry(x264_param_t *param, const struct culvert_config *config, const struct codec_geometry *geometry,
                        uint32_t level);
/* fill, 0 to 1, is how much of the buffer is left at the opening. */
void param_set_rate(x264_param_t *param, const struct codec_rate *opened, const struct vbv *vbv, double fill);

/* How many slices a picture of the geometry set has. */
uint32_t param_slices(const x264_param_t *param);

/* Whether an encoder that gave back `running` searches as wanted, but for what x264 itself takes back because the
 * encoder was opened with other adaptive quantisation or without 8x8 transforms. */
bool param_searches(const x264_param_t *running, const x264_param_t *wanted);

#endif
