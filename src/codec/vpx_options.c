#include "codec/vpx_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpx/vp8cx.h>

#include "codec/options.h"

#define KNOBS 16 /* of a codec, at most */
#define FIELD(name) 0, offsetof(vpx_codec_enc_cfg_t, name)

struct knob {
    struct option option;
    int control;  /* 0: a field of the configuration */
    size_t field; /* an unsigned int */
};

static const struct knob vp8[] = {
    {{"gf-cbr-boost", OPTION_INTEGER, 0, 1, 0, 1000, NULL}, VP8E_SET_GF_CBR_BOOST_PCT, 0},
    {{"max-intra-rate", OPTION_INTEGER, 0, 1, 0, 10000, NULL}, VP8E_SET_MAX_INTRA_BITRATE_PCT, 0},
    {{"max-q", OPTION_INTEGER, 0, 1, 0, 63, NULL}, FIELD(rc_max_quantizer)},
    {{"min-q", OPTION_INTEGER, 0, 1, 0, 63, NULL}, FIELD(rc_min_quantizer)},
    {{"noise-sensitivity", OPTION_INTEGER, 0, 1, 0, 4, NULL}, VP8E_SET_NOISE_SENSITIVITY, 0},
    {{"overshoot-pct", OPTION_INTEGER, 0, 1, 0, 100, NULL}, FIELD(rc_overshoot_pct)},
    {{"screen-content-mode", OPTION_INTEGER, 0, 1, 0, 2, NULL}, VP8E_SET_SCREEN_CONTENT_MODE, 0},
    {{"sharpness", OPTION_INTEGER, 0, 1, 0, 7, NULL}, VP8E_SET_SHARPNESS, 0},
    {{"static-thresh", OPTION_INTEGER, 0, 1, 0, 100000, NULL}, VP8E_SET_STATIC_THRESHOLD, 0},
    {{"token-parts", OPTION_INTEGER, 0, 1, 0, 3, NULL}, VP8E_SET_TOKEN_PARTITIONS, 0},
    {{"tune", OPTION_WORD, 0, 1, 0, 0, "psnr ssim"}, VP8E_SET_TUNING, 0},
    {{"undershoot-pct", OPTION_INTEGER, 0, 1, 0, 100, NULL}, FIELD(rc_undershoot_pct)},
    {{0}, 0, 0},
};

/* Without frame-boost, which makes libvpx 1.12 look up quantisers below 0. */
static const struct knob vp9[] = {
    {{"aq-mode", OPTION_INTEGER, 0, 1, 0, 3, NULL}, VP9E_SET_AQ_MODE, 0},
    {{"gf-cbr-boost", OPTION_INTEGER, 0, 1, 0, 1000, NULL}, VP9E_SET_GF_CBR_BOOST_PCT, 0},
    {{"max-inter-rate", OPTION_INTEGER, 0, 1, 0, 10000, NULL}, VP9E_SET_MAX_INTER_BITRATE_PCT, 0},
    {{"max-intra-rate", OPTION_INTEGER, 0, 1, 0, 10000, NULL}, VP8E_SET_MAX_INTRA_BITRATE_PCT, 0},
    {{"max-q", OPTION_INTEGER, 0, 1, 0, 63, NULL}, FIELD(rc_max_quantizer)},
    {{"min-q", OPTION_INTEGER, 0, 1, 0, 63, NULL}, FIELD(rc_min_quantizer)},
    {{"noise-sensitivity", OPTION_INTEGER, 0, 1, 0, 1, NULL}, VP9E_SET_NOISE_SENSITIVITY, 0},
    {{"overshoot-pct", OPTION_INTEGER, 0, 1, 0, 100, NULL}, FIELD(rc_overshoot_pct)},
    {{"row-mt", OPTION_FLAG, OPTION_BARE | OPTION_NEGATED, 1, 0, 0, NULL}, VP9E_SET_ROW_MT, 0},
    {{"sharpness", OPTION_INTEGER, 0, 1, 0, 7, NULL}, VP8E_SET_SHARPNESS, 0},
    {{"static-thresh", OPTION_INTEGER, 0, 1, 0, 100000, NULL}, VP8E_SET_STATIC_THRESHOLD, 0},
    {{"tile-columns", OPTION_INTEGER, 0, 1, 0, 6, NULL}, VP9E_SET_TILE_COLUMNS, 0},
    {{"tune", OPTION_WORD, 0, 1, 0, 0, "psnr ssim"}, VP8E_SET_TUNING, 0},
    {{"tune-content", OPTION_WORD, 0, 1, 0, 0, "default screen"}, VP9E_SET_TUNE_CONTENT, 0},
    {{"undershoot-pct", OPTION_INTEGER, 0, 1, 0, 100, NULL}, FIELD(rc_undershoot_pct)},
    {{0}, 0, 0},
};

_Static_assert(sizeof vp8 / sizeof vp8[0] <= KNOBS + 1 && sizeof vp9 / sizeof vp9[0] <= KNOBS + 1, "KNOBS");

void controls_set(struct controls *controls, const char *name, int id, int value)
{
    uint32_t i = 0;
    while (i < controls->count && controls->control[i].id != id)
        i++;
    if (i < CONTROLS)
        controls->control[i] = (struct control){name, id, value};
    if (i < CONTROLS && i == controls->count)
        controls->count++;
}

void controls_merge(struct controls *controls, const struct controls *over)
{
    for (uint32_t i = 0; i < over->count; i++)
        controls_set(controls, over->control[i].name, over->control[i].id, over->control[i].value);
}

/* ---- Options */

struct target {
    const struct knob *knobs;
    vpx_codec_enc_cfg_t *cfg;
    struct controls *controls;
};

static int word_index(const char *words, const char *word)
{
    int index = 0;
    for (const size_t length = strlen(word); strncmp(words, word, length) != 0; index++)
        words += strcspn(words, " ") + 1;
    return index;
}

/* The table has checked it. */
static int value_of(const struct option *option, const char *text)
{
    if (option->kind == OPTION_WORD)
        return word_index(option->words, text);
    return option->kind == OPTION_FLAG ? strchr("yt1", *text) != NULL : (int)strtol(text, NULL, 10);
}

static int set_knob(void *context, const char *name, const char *value, char *why, size_t why_size)
{
    (void)why, (void)why_size; /* libvpx says what it refuses when an encoder opens */
    const struct target *const target = context;
    const struct knob *knob = target->knobs;
    while (strcmp(knob->option.name, name) != 0)
        knob++;
    const int number = value_of(&knob->option, value);
    if (knob->control != 0)
        controls_set(target->controls, knob->option.name, knob->control, number);
    else
        *(unsigned *)((char *)target->cfg + knob->field) = (unsigned)number;
    return 0;
}

int vpxenc_apply(bool is_vp9, const char *options, vpx_codec_enc_cfg_t *cfg, struct controls *controls, char *why,
                 size_t why_size)
{
    struct target target = {is_vp9 ? vp9 : vp8, cfg, controls};
    struct option table[KNOBS + 1] = {{0}};
    for (uint32_t i = 0; target.knobs[i].option.name != NULL; i++)
        table[i] = target.knobs[i].option;
    return options_walk(options, is_vp9 ? "vp9" : "vp8", table, set_knob, &target, why, why_size);
}

/* ---- As text */

static void print_layers(FILE *line, const vpx_codec_enc_cfg_t *cfg)
{
    for (unsigned i = 0; i < cfg->ts_number_layers; i++)
        fprintf(line, "%s%u", i == 0 ? " ts-target-bitrate=" : ",", cfg->ts_target_bitrate[i]);
}

static void print_configuration(FILE *line, const vpx_codec_enc_cfg_t *cfg)
{
    fprintf(line, "end-usage=cbr target-bitrate=%u", cfg->rc_target_bitrate);
    fprintf(line, " buf-sz=%u buf-initial-sz=%u", cfg->rc_buf_sz, cfg->rc_buf_initial_sz);
    fprintf(line, " buf-optimal-sz=%u", cfg->rc_buf_optimal_sz);
    fprintf(line, " undershoot-pct=%u overshoot-pct=%u", cfg->rc_undershoot_pct, cfg->rc_overshoot_pct);
    fprintf(line, " min-q=%u max-q=%u", cfg->rc_min_quantizer, cfg->rc_max_quantizer);
    fprintf(line, " drop-frame=%u lag-in-frames=%u", cfg->rc_dropframe_thresh, cfg->g_lag_in_frames);
    fprintf(line, " threads=%u error-resilient=%u", cfg->g_threads, (unsigned)cfg->g_error_resilient);
    fprintf(line, " timebase=%d/%d", cfg->g_timebase.num, cfg->g_timebase.den);
    if (cfg->ts_number_layers > 1)
        print_layers(line, cfg);
}

void vpxenc_describe(const vpx_codec_enc_cfg_t *cfg, const struct controls *controls, char *text, size_t size)
{
    char whole[2048] = "";
    FILE *const line = fmemopen(whole, sizeof whole, "w");
    if (line != NULL) {
        print_configuration(line, cfg);
        for (uint32_t i = 0; i < controls->count; i++)
            fprintf(line, " %s=%d", controls->control[i].name, controls->control[i].value);
        fclose(line);
    }
    snprintf(text, size, "%s", whole);
}
