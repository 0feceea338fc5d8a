#include "codec/x264_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "codec/options.h"
#include "culvert/culvert.h"

/* What shapes search and quantisation of P-frames with one reference. Ranges are those that x264 cuts values to, but
 * merange's end, which x264 leaves open and which is the cost of a frame. */
static const struct option table[] = {
    {"8x8dct", OPTION_FLAG, OPTION_BARE | OPTION_NEGATED, 1, 0, 0, NULL},
    {"aq-mode", OPTION_INTEGER, 0, 1, 0, 3, NULL},
    {"aq-strength", OPTION_NUMBER, 0, 1, 0, 3, NULL},
    {"cabac", OPTION_FLAG, OPTION_BARE | OPTION_NEGATED, 1, 0, 0, NULL},
    {"chroma-me", OPTION_FLAG, OPTION_BARE | OPTION_NEGATED, 1, 0, 0, NULL},
    {"chroma-qp-offset", OPTION_INTEGER, 0, 1, -12, 12, NULL},
    {"dct-decimate", OPTION_FLAG, OPTION_BARE | OPTION_NEGATED, 1, 0, 0, NULL},
    {"deadzone-inter", OPTION_INTEGER, 0, 1, 0, 32, NULL},
    {"deadzone-intra", OPTION_INTEGER, 0, 1, 0, 32, NULL},
    {"deblock", OPTION_INTEGER, OPTION_NEGATED, 2, -6, 6, NULL},
    {"fast-pskip", OPTION_FLAG, OPTION_BARE | OPTION_NEGATED, 1, 0, 0, NULL},
    {"ipratio", OPTION_NUMBER, 0, 1, 0.01, 10, NULL},
    {"me", OPTION_WORD, 0, 1, 0, 0, "dia hex umh esa tesa"},
    {"merange", OPTION_INTEGER, 0, 1, 4, 64, NULL},
    {"nf", OPTION_FLAG, OPTION_BARE, 1, 0, 0, NULL},
    {"nr", OPTION_INTEGER, 0, 1, 0, 65536, NULL},
    {"partitions", OPTION_WORD, 0, 4, 0, 0, "none all p8x8 p4x4 i8x8 i4x4"},
    {"psy", OPTION_FLAG, OPTION_BARE | OPTION_NEGATED, 1, 0, 0, NULL},
    {"psy-rd", OPTION_NUMBER, 0, 2, 0, 10, NULL},
    {"qcomp", OPTION_NUMBER, 0, 1, 0, 1, NULL},
    {"qpmax", OPTION_INTEGER, 0, 1, 0, 69, NULL},
    {"qpmin", OPTION_INTEGER, 0, 1, 0, 51, NULL},
    {"qpstep", OPTION_INTEGER, 0, 1, 2, 69, NULL},
    {"subme", OPTION_INTEGER, 0, 1, 0, 11, NULL},
    {"trellis", OPTION_INTEGER, 0, 1, 0, 2, NULL},
    {"weightp", OPTION_INTEGER, 0, 1, 0, 2, NULL},
    {0},
};

/* x264 reads fractions in the host's locale, whose point may be a comma; of several values it takes ':' between them.
 */
static void localise(const char *value, char *text, size_t size)
{
    char half[16];
    snprintf(half, sizeof half, "%.1f", 0.5);
    const int point = (int)strlen(half) - 2;
    size_t length = 0;
    for (; *value != '\0' && length + (size_t)point < size; value++) {
        if (*value == '.')
            length += (size_t)snprintf(text + length, size - length, "%.*s", point, half + 1);
        else
            text[length++] = *value == ',' ? ':' : *value;
    }
    text[length] = '\0';
}

static int set_option(void *target, const char *name, const char *value, char *why, size_t why_size)
{
    char text[64];
    localise(value, text, sizeof text);
    if (x264_param_parse(target, name, text) == 0)
        return 0;
    snprintf(why, why_size, "option %s: x264 refuses '%.40s': change or remove it", name, value);
    return CULVERT_E_OPTION;
}

int text_apply(x264_param_t *param, const char *options, char *why, size_t why_size)
{
    return options_walk(options, "h264", table, set_option, param, why, why_size);
}

struct echo {
    x264_param_t running;
    x264_param_t again; /* the same, with the options set once more */
    char changed[64];   /* the option that made both differ */
};

static int echo_option(void *target, const char *name, const char *value, char *why, size_t why_size)
{
    struct echo *const echo = target;
    const int result = set_option(&echo->again, name, value, why, why_size);
    /* x264 adds to the offset what psy costs the chroma, and drops partitions that the profile lacks. */
    echo->again.analyse.i_chroma_qp_offset = echo->running.analyse.i_chroma_qp_offset;
    echo->again.analyse.inter = echo->running.analyse.inter;
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): text_check has copied both with their padding. */
    if (memcmp(&echo->running, &echo->again, sizeof echo->running) == 0)
        echo->changed[0] = '\0';
    else if (echo->changed[0] == '\0')
        snprintf(echo->changed, sizeof echo->changed, "%s=%.40s", name, value);
    return result;
}

int text_check(const x264_param_t *running, const char *options, char *why, size_t why_size)
{
    struct echo echo = {.changed = ""};
    memcpy(&echo.running, running, sizeof echo.running);
    memcpy(&echo.again, running, sizeof echo.again); /* with the padding, which memcmp sees too */
    const int result = options_walk(options, "h264", table, echo_option, &echo, why, why_size);
    if (result < 0 || echo.changed[0] == '\0')
        return result;
    snprintf(why, why_size,
             "option %s: x264 ignores or changes it with this session's profile, speed and other options: "
             "remove it",
             echo.changed);
    return CULVERT_E_OPTION;
}

struct line {
    char *text;
    size_t room; /* for the rest, its NUL included */
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(line->text, line->room, format, arguments);
    va_end(arguments);
    const size_t taken = length < 0 ? 0 : (size_t)length < line->room ? (size_t)length : line->room - 1;
    line->text += taken;
    line->room -= taken;
}

static void add_analysis(struct line *line, const x264_param_t *param)
{
    add(line, "cabac=%d ref=%d", param->b_cabac, param->i_frame_reference);
    add(line, " deblock=%d:%d:%d", param->b_deblocking_filter, param->i_deblocking_filter_alphac0,
        param->i_deblocking_filter_beta);
    add(line, " analyse=%#x:%#x", param->analyse.intra, param->analyse.inter);
    add(line, " me=%s subme=%d", x264_motion_est_names[param->analyse.i_me_method], param->analyse.i_subpel_refine);
    add(line, " psy=%d", param->analyse.b_psy);
    if (param->analyse.b_psy)
        add(line, " psy_rd=%.2f:%.2f", (double)param->analyse.f_psy_rd, (double)param->analyse.f_psy_trellis);
    add(line, " mixed_ref=%d me_range=%d", param->analyse.b_mixed_references, param->analyse.i_me_range);
    add(line, " chroma_me=%d trellis=%d", param->analyse.b_chroma_me, param->analyse.i_trellis);
    add(line, " 8x8dct=%d cqm=%d", param->analyse.b_transform_8x8, param->i_cqm_preset);
    add(line, " deadzone=%d,%d", param->analyse.i_luma_deadzone[0], param->analyse.i_luma_deadzone[1]);
    add(line, " fast_pskip=%d", param->analyse.b_fast_pskip);
    add(line, " chroma_qp_offset=%d", param->analyse.i_chroma_qp_offset);
}

static void add_frame(struct line *line, const x264_param_t *param)
{
    add(line, " threads=%d lookahead_threads=%d", param->i_threads, param->i_lookahead_threads);
    add(line, " sliced_threads=%d", param->b_sliced_threads);
    if (param->i_slice_count > 0)
        add(line, " slices=%d", param->i_slice_count);
    add(line, " nr=%d decimate=%d", param->analyse.i_noise_reduction, param->analyse.b_dct_decimate);
    add(line, " interlaced=0 bluray_compat=0 constrained_intra=%d", param->b_constrained_intra);
    add(line, " bframes=0 weightp=%d", param->analyse.i_weighted_pred);
    add(line, " keyint=infinite keyint_min=%d scenecut=%d", param->i_keyint_min, param->i_scenecut_threshold);
    add(line, " intra_refresh=%d rc_lookahead=%d", param->b_intra_refresh, param->rc.i_lookahead);
}

static void add_rate_control(struct line *line, const x264_param_t *param)
{
    add(line, " rc=cbr mbtree=%d bitrate=%d", param->rc.b_mb_tree, param->rc.i_bitrate);
    add(line, " ratetol=%.1f qcomp=%.2f", (double)param->rc.f_rate_tolerance, (double)param->rc.f_qcompress);
    add(line, " qpmin=%d qpmax=%d qpstep=%d", param->rc.i_qp_min, param->rc.i_qp_max, param->rc.i_qp_step);
    add(line, " vbv_maxrate=%d vbv_bufsize=%d", param->rc.i_vbv_max_bitrate, param->rc.i_vbv_buffer_size);
    add(line, " nal_hrd=none filler=0 ip_ratio=%.2f", (double)param->rc.f_ip_factor);
    add(line, " aq=%d", param->rc.i_aq_mode);
    if (param->rc.i_aq_mode != X264_AQ_NONE)
        add(line, ":%.2f", (double)param->rc.f_aq_strength);
}

void text_describe(const x264_param_t *running, char *text, size_t size)
{
    struct line line = {text, size};
    if (size == 0)
        return;
    add_analysis(&line, running);
    add_frame(&line, running);
    add_rate_control(&line, running);
}
