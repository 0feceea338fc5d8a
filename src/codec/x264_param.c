#include "codec/x264_param.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/platform.h"
#include "codec/x264_text.h"
#include "codec/x264_unit.h"

#define SINGLE_THREAD (640 * 480) /* pixels: up to here more threads gain less than they cost */
#define FILL_MOST 0.9             /* of the VBV buffer: x264's own start */

/* Without B-frames, medium and fast encode alike: fast gives up mode decisions by rate and distortion (subme 6). */
static const struct speed {
    const char *preset, *options;
} speeds[] = {
    {"placebo", ""},   {"veryslow", ""},
    {"slower", ""},    {"slow", ""},
    {"medium", ""},    {"fast", "subme=5"},
    {"faster", ""},    {"veryfast", ""},
    {"superfast", ""}, {"superfast", "partitions=none:aq-mode=0"},
    {"ultrafast", ""},
};
#define SPEED_DEFAULT 8

static const char *const profiles[] = {
    [CULVERT_PROFILE_DEFAULT] = "baseline",
    [CULVERT_PROFILE_BASELINE] = "baseline",
    [CULVERT_PROFILE_MAIN] = "main",
    [CULVERT_PROFILE_HIGH] = "high",
};

int32_t param_speed(const struct culvert_config *config)
{
    const int32_t asked = config->speed == 0 ? SPEED_DEFAULT : config->speed;
    return asked == CULVERT_SPEED_SLOWEST ? 0 : asked;
}

static void take_line(void *private, int level, const char *format, va_list arguments)
{
    const struct culvert_config *const config = private;
    char text[LOG_LINE];
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_write(level == X264_LOG_ERROR ? CULVERT_LOG_WARNING : CULVERT_LOG_DEBUG, config->name, "x264: %s", text);
}

/* Annex B, headers repeated at each IDR, no lookahead and no B-frames are defaults, x264's own or zerolatency's. */
static void set_constants(x264_param_t *param, const struct culvert_config *config)
{
    param->pf_log = take_line;
    param->p_log_private = (void *)config;
    param->i_log_level = X264_LOG_INFO;
    param->i_keyint_max = X264_KEYINT_MAX_INFINITE;
    param->i_scenecut_threshold = 0;
    param->i_frame_reference = 1; /* searched; those kept are more */
    param->i_dpb_size = config->references != 0 ? (int)config->references : 1;
    param->nalu_process = config->slices != 0 ? slicer_take : NULL;
    param->rc.i_rc_method = X264_RC_ABR;
}

static int set_options(x264_param_t *param, const struct culvert_config *config, const struct speed *speed, char *why)
{
    int result = text_apply(param, speed->options, why, CODEC_WHY);
    if (result == 0)
        result = text_apply(param, config->options, why, CODEC_WHY);
    if (result == 0 && x264_param_apply_profile(param, profiles[config->profile]) < 0) {
        snprintf(why, CODEC_WHY, "this x264 has no profile %s: set another", profiles[config->profile]);
        result = CULVERT_E_UNSUPPORTED;
    }
    return result;
}

int param_build(x264_param_t *param, const struct culvert_config *config, int32_t speed, char *why)
{
    if (x264_param_default_preset(param, speeds[speed].preset, "zerolatency") < 0) {
        snprintf(why, CODEC_WHY, "this x264 has no preset %s: set another speed", speeds[speed].preset);
        return CULVERT_E_UNSUPPORTED;
    }
    set_constants(param, config);
    const int result = set_options(param, config, &speeds[speed], why);
    if (result < 0)
        x264_param_cleanup(param);
    return result;
}

/* ---- Geometry and rate */

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

/* A sliced thread makes one slice, whatever slice count is asked for, and takes four rows of macroblocks or more (both
 * measured). What cannot be had that way, one thread makes. */
static void set_slices(x264_param_t *param, const struct culvert_config *config, const struct codec_geometry *geometry)
{
    const uint32_t rows = (geometry->height + 15) / 16, most = rows < 4 ? 1 : rows / 4;
    const bool small = geometry->width * geometry->height <= SINGLE_THREAD;
    const uint32_t automatic = small ? 1 : at_most(platform_processors(), 4);
    const uint32_t threads = at_most(config->threads != 0 ? config->threads : automatic, most);
    const uint32_t slices = at_most(config->slices != 0 ? config->slices : at_most(threads, 4), rows);
    param->i_threads = threads > 1 && slices <= most ? (int)slices : 1;
    param->b_sliced_threads = param->i_threads > 1;
    param->i_slice_count = slices > 1 ? (int)slices : 0;
}

uint32_t param_slices(const x264_param_t *param)
{
    return param->i_slice_count > 1 ? (uint32_t)param->i_slice_count : 1;
}

void param_set_geometry(x264_param_t *param, const struct culvert_config *config, const struct codec_geometry *geometry,
                        uint32_t level)
{
    set_slices(param, config, geometry);
    param->i_width = (int)geometry->width;
    param->i_height = (int)geometry->height;
    param->i_level_idc = (int)level;
    param->vui.i_sar_width = (int)geometry->sar_num;
    param->vui.i_sar_height = (int)geometry->sar_den;
    param->vui.b_fullrange = geometry->range == CULVERT_RANGE_FULL;
    param->vui.i_colmatrix = (int)geometry->matrix;
    param->vui.i_colorprim = (int)geometry->primaries;
    param->vui.i_transfer = (int)geometry->transfer;
}

void param_set_rate(x264_param_t *param, const struct codec_rate *opened, const struct vbv *vbv, double fill)
{
    param->i_fps_num = opened->fps_num;
    param->i_fps_den = opened->fps_den;
    param->rc.i_bitrate = param->rc.i_vbv_max_bitrate = vbv->bitrate;
    param->rc.i_vbv_buffer_size = vbv->buffer;
    param->rc.f_vbv_buffer_init = (float)(fill * FILL_MOST);
}

/* ---- Speed */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* What x264 makes of the motion search, and of the effort between pixels, when they do not go with the rest. */
static int motion_range(const x264_param_t *wanted)
{
    return wanted->analyse.i_me_method <= X264_ME_HEX ? least(wanted->analyse.i_me_range, 16)
                                                      : wanted->analyse.i_me_range;
}

static int subpixel_effort(const x264_param_t *running, const x264_param_t *wanted)
{
    const bool full = wanted->analyse.i_trellis == 2 && running->rc.i_aq_mode != X264_AQ_NONE;
    return full ? wanted->analyse.i_subpel_refine : least(wanted->analyse.i_subpel_refine, 9);
}

static unsigned partitions(const x264_param_t *running, const x264_param_t *wanted)
{
    const unsigned small = running->analyse.b_transform_8x8 ? X264_ANALYSE_I8x8 | X264_ANALYSE_I4x4 : X264_ANALYSE_I4x4;
    return wanted->analyse.inter & (small | X264_ANALYSE_PSUB16x16 | X264_ANALYSE_PSUB8x8 | X264_ANALYSE_BSUB16x16);
}

bool param_searches(const x264_param_t *running, const x264_param_t *wanted)
{
    return running->analyse.i_me_method == wanted->analyse.i_me_method &&
           running->analyse.i_me_range == motion_range(wanted) &&
           running->analyse.i_subpel_refine == subpixel_effort(running, wanted) &&
           running->analyse.inter == partitions(running, wanted) &&
           running->analyse.i_trellis == wanted->analyse.i_trellis &&
           running->analyse.b_chroma_me == wanted->analyse.b_chroma_me &&
           running->analyse.b_fast_pskip == wanted->analyse.b_fast_pskip &&
           running->analyse.b_transform_8x8 == wanted->analyse.b_transform_8x8;
}
