#include "run.h"

#include <stdio.h>
#include <string.h>

#include "codec/vpx_rate.h"
#include "rig.h"

static const struct codec *const codecs[] = {&codec_vp8, &codec_vp9};

static void encode(struct rig *rig)
{
    rig_draw(rig);
    ck_assert_msg(rig_encode_into(rig, false, rig->capacity) == 0, "%s", rig->why);
}

static void check_runs_with(struct rig *rig, const char *named)
{
    ck_assert_msg(strstr(rig_describe(rig), named) != NULL, "no '%s' in %s", named, rig_describe(rig));
}

/* ---- Rate */

static const struct {
    uint32_t kbps, burst, fps;
    double fill;
    const char *buffer, *intra;
} buffers[] = {
    {4000, 70, 60, 1, " buf-sz=70 buf-initial-sz=42 buf-optimal-sz=42 ", " max-intra-rate=420 "},
    {4000, 70, 60, 0.5, " buf-sz=70 buf-initial-sz=21 buf-optimal-sz=42 ", " max-intra-rate=420 "},
    {4000, 70, 60, 0, " buf-sz=70 buf-initial-sz=0 ", " max-intra-rate=420 "},
    {4000, 1, 60, 1, " buf-sz=33 ", " max-intra-rate=300 "},
    {4000, 70, 15, 1, " buf-sz=133 ", " max-intra-rate=300 "},
    {4000, 70, 1, 1, " buf-sz=1000 ", " max-intra-rate=300 "},
    {500000, 4000, 1000, 1, " buf-sz=1000 buf-initial-sz=600 ", " max-intra-rate=100000 "},
    {1, 70, 60, 1, " target-bitrate=1 ", " max-intra-rate=420 "},
};

START_TEST(the_buffer_holds_a_burst_and_never_less_than_two_pictures_nor_more_than_a_second)
{
    for (int c = 0; c < 2; c++) {
        struct rig rig = rig_of(codecs[c], 64, 64);
        rig.rate = (struct codec_rate){buffers[_i].kbps, buffers[_i].burst, buffers[_i].fps, 1, 8};
        ck_assert_int_eq(rig_create(&rig), 0);
        ck_assert_int_eq(rig.codec->open(rig.stream, &rig.geometry, &rig.rate, buffers[_i].fill, &rig.encoder, rig.why),
                         0);
        check_runs_with(&rig, buffers[_i].buffer);
        check_runs_with(&rig, buffers[_i].intra);
        rig_close(&rig);
    }
}
END_TEST

static const struct {
    uint32_t layers, references, kbps;
    const char *target[2]; /* VP8, VP9 */
} shares[] = {
    {2, 0, 1000, {" ts-target-bitrate=600,1000 ", " ts-target-bitrate=600,1000 "}},
    {3, 0, 1000, {" ts-target-bitrate=400,600,1000 ", " ts-target-bitrate=400,600,1000 "}},
    {3, 8, 1000, {" ts-target-bitrate=400,600,1000 ", " ts-target-bitrate=400,600,1000 "}},
    {3, 0, 1, {" ts-target-bitrate=1,2,3 ", " ts-target-bitrate=1,2,3 "}},
    {1, 8, 1000, {" timebase=1/1000000 cpu-used=", " ts-target-bitrate=500,1000 "}},
};

START_TEST(layers_share_the_bitrate)
{
    for (int c = 0; c < 2; c++) {
        struct rig rig = rig_of(codecs[c], 64, 64);
        rig.config.layers = shares[_i].layers;
        rig.config.references = shares[_i].references;
        rig.rate.bitrate_kbps = shares[_i].kbps;
        rig_open(&rig);
        check_runs_with(&rig, shares[_i].target[c]);
        encode(&rig);
        rig_close(&rig);
    }
}
END_TEST

START_TEST(a_rate_is_obeyed_once_libvpx_took_it)
{
    struct rig rig = rig_of(codecs[_i], 320, 240);
    const struct codec_rate others[] = {{2500, 70, 60, 1, 8}, {4000, 90, 60, 1, 8}, {4000, 70, 30, 1, 8},
                                        {4000, 70, 60, 1, 5}, {1, 1, 1, 1, 0},      {500000, 4000, 1000, 1, 10}};
    rig_open(&rig);
    ck_assert(rig.codec->obeys(rig.encoder, &rig.rate));
    ck_assert(rig.codec->obeys(rig.encoder, &(struct codec_rate){4000, 70, 60000, 1000, 8}));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        encode(&rig);
        ck_assert(!rig.codec->obeys(rig.encoder, &others[i]));
        ck_assert_int_eq(rig.codec->reconfigure(rig.encoder, &others[i]), CODEC_LIVE);
        encode(&rig);
        ck_assert(rig.unit.bytes > 0 && !rig.unit.key);
        ck_assert(rig.codec->obeys(rig.encoder, &others[i]));
        ck_assert(!rig.codec->obeys(rig.encoder, &rig.rate));
    }
    rig_close(&rig);
}
END_TEST

START_TEST(a_faster_speed_is_never_a_slower_cpu_used)
{
    for (int32_t speed = 1; speed <= 10; speed++) {
        ck_assert_int_lt(cbr_cpu_used(false, speed), cbr_cpu_used(false, speed - 1)); /* below zero: fixed */
        ck_assert_int_ge(cbr_cpu_used(true, speed), cbr_cpu_used(true, speed - 1));
    }
    ck_assert(cbr_cpu_used(false, 0) < 0 && cbr_cpu_used(false, 10) >= -16);
    ck_assert(cbr_cpu_used(true, 0) == 5 && cbr_cpu_used(true, 10) == 9);
}
END_TEST

START_TEST(every_speed_can_follow_every_other_without_a_key_frame)
{
    struct rig rig = rig_of(codecs[_i % 2], 96, 64);
    rig.config.references = _i / 2 == 1 ? 8 : 0;
    rig.config.layers = _i / 2 == 2 ? 3 : 0;
    rig_open(&rig);
    encode(&rig);
    for (int32_t from = 0; from <= 10; from++) {
        for (int32_t to = 0; to <= 10; to++) {
            rig.rate.speed = to;
            ck_assert_int_eq(rig.codec->reconfigure(rig.encoder, &rig.rate), CODEC_LIVE);
            encode(&rig);
            rig.rate.speed = from;
            ck_assert_int_eq(rig.codec->reconfigure(rig.encoder, &rig.rate), CODEC_LIVE);
            encode(&rig);
            ck_assert(!rig.unit.key);
        }
    }
    char cpu_used[32];
    snprintf(cpu_used, sizeof cpu_used, " cpu-used=%d ", cbr_cpu_used(_i % 2 == 1, 10));
    check_runs_with(&rig, cpu_used);
    rig_close(&rig);
}
END_TEST

/* Of two encoders that are given the same pictures, one is told another speed. */
START_TEST(a_speed_takes_effect_with_the_next_picture)
{
    struct rig rig = rig_of(codecs[_i], 320, 240), other = rig_of(codecs[_i], 320, 240);
    rig_open(&rig);
    rig_open(&other);
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            other.rate.speed = 0;
            ck_assert_int_eq(other.codec->reconfigure(other.encoder, &other.rate), CODEC_LIVE);
        }
        encode(&rig);
        encode(&other);
        const bool same = rig.unit.bytes == other.unit.bytes && memcmp(rig.buffer, other.buffer, rig.unit.bytes) == 0;
        ck_assert(same == (i < 2));
    }
    rig_close(&rig);
    rig_close(&other);
}
END_TEST

/* The worst three seconds from one second after a change on, over what was wanted. */
static double worst(struct rig *rig, uint32_t kbps, uint32_t fps)
{
    size_t bytes[6 * 60] = {0};
    double most = 0;
    rig->rate.bitrate_kbps = kbps;
    rig->rate.fps_num = fps;
    ck_assert_int_eq(rig->codec->reconfigure(rig->encoder, &rig->rate), CODEC_LIVE);
    for (uint32_t i = 0; i < 6 * fps; i++) {
        encode(rig);
        bytes[i] = rig->unit.bytes;
    }
    for (uint32_t first = fps; first <= 3 * fps; first++) {
        double sum = 0;
        for (uint32_t i = first; i < first + 3 * fps; i++)
            sum += (double)bytes[i];
        most = sum > most ? sum : most;
    }
    return most * 8 / 3000 / kbps;
}

static const struct {
    uint32_t kbps, fps;
} steps[] = {{2000, 60}, {1000, 60}, {700, 60}, {700, 30}, {700, 15}, {2000, 60}, {1500, 24}};

/* Layers, references and burst. */
static const uint32_t streams[][3] = {{1, 0, 70}, {1, 16, 70}, {2, 0, 70}, {3, 8, 70}, {1, 0, 1}, {1, 0, 1000}};

START_TEST(each_three_seconds_keep_to_a_changing_bitrate_and_frame_rate)
{
    struct rig rig = rig_of(codecs[_i % 2], 160, 120);
    rig.config.layers = streams[_i / 2][0];
    rig.config.references = streams[_i / 2][1];
    rig.rate.burst_ms = streams[_i / 2][2];
    rig_open(&rig);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const double share = worst(&rig, steps[i].kbps, steps[i].fps);
        ck_assert_msg(share < 1.1 && share > 0.8, "%.3f of %u kbit/s at %u", share, steps[i].kbps, steps[i].fps);
    }
    rig_close(&rig);
}
END_TEST

/* What that many pictures hold, over what the bitrate gives them. */
static double share_of(struct rig *rig, uint32_t pictures)
{
    double bits = 0;
    for (uint32_t i = 0; i < pictures; i++) {
        encode(rig);
        bits += 8 * (double)rig->unit.bytes;
    }
    return bits / (rig->rate.bitrate_kbps * 1000.0 * pictures / rig->rate.fps_num);
}

/* Layers and references. */
static const uint32_t rises[][2] = {{1, 0}, {1, 16}, {3, 8}};

START_TEST(a_bitrate_that_rises_from_below_the_floor_is_used_within_half_a_second)
{
    struct rig rig = rig_of(codecs[_i % 2], 320, 240);
    rig.config.layers = rises[_i / 2][0];
    rig.config.references = rises[_i / 2][1];
    rig.rate.bitrate_kbps = 8;
    rig_open(&rig);
    ck_assert_double_gt(share_of(&rig, 300), 1.5);
    rig.rate.bitrate_kbps = 1000;
    ck_assert_int_eq(rig.codec->reconfigure(rig.encoder, &rig.rate), CODEC_LIVE);
    share_of(&rig, 30);
    const double share = share_of(&rig, 30);
    ck_assert_msg(share > 0.6, "%.3f of 1000 kbit/s", share);
    rig_close(&rig);
}
END_TEST

/* ---- Options */

static const struct {
    const char *options, *named[2]; /* VP8, VP9; NULL: refused */
} options[] = {
    {"sharpness=3:static_thresh=100", {" sharpness=3", " sharpness=3"}},
    {"static-thresh=100", {" static-thresh=100 ", " static-thresh=100 "}},
    {"min-q=4:max-q=56", {" min-q=4 max-q=56 ", " min-q=4 max-q=56 "}},
    {"max-intra-rate=900", {" max-intra-rate=900 ", " max-intra-rate=900 "}},
    {"undershoot-pct=50:overshoot-pct=0",
     {" undershoot-pct=50 overshoot-pct=0 ", " undershoot-pct=50 overshoot-pct=0 "}},
    {"noise-sensitivity=1", {" noise-sensitivity=1 ", " noise-sensitivity=1 "}},
    {"gf-cbr-boost=20", {" gf-cbr-boost=20", " gf-cbr-boost=20"}},
    {"tune=ssim", {" tune=1", " tune=1"}},
    {"token-parts=3", {" token-parts=3 ", NULL}},
    {"screen-content-mode=1", {" screen-content-mode=1", NULL}},
    {"aq-mode=0", {NULL, " aq-mode=0 "}},
    {"tune-content=screen", {NULL, " tune-content=1 "}},
    {"tune-content=default", {NULL, " tune-content=0 "}},
    {"tile-columns=2", {NULL, " tile-columns=2 "}},
    {"row-mt", {NULL, " row-mt=1 "}},
    {"no-row-mt", {NULL, " row-mt=0 "}},
    {"frame-boost=1", {NULL, NULL}},
    {"max-inter-rate=500", {NULL, " max-inter-rate=500"}},
    {"cpu-used=5", {NULL, NULL}},
    {"threads=2", {NULL, NULL}},
    {"lag-in-frames=5", {NULL, NULL}},
    {"sharpness=8", {NULL, NULL}},
    {"sharpness", {NULL, NULL}},
    {"tune-content=film", {NULL, NULL}},
    {"min-q=40:max-q=30", {NULL, NULL}}, /* by libvpx */
};

START_TEST(options_are_taken_or_refused_by_name)
{
    for (int c = 0; c < 2; c++) {
        struct rig rig = rig_of(codecs[c], 64, 64);
        strcpy(rig.config.options, options[_i].options);
        const int result = rig_create(&rig);
        ck_assert_int_eq(result, options[_i].named[c] == NULL ? CULVERT_E_OPTION : 0);
        if (result < 0) {
            const size_t name = strcspn(options[_i].options, "=");
            char named[32];
            snprintf(named, sizeof named, "%.*s", (int)name, options[_i].options);
            ck_assert_msg(strstr(rig.why, named) != NULL || strstr(rig.why, "quantizer") != NULL, "%s", rig.why);
            ck_assert_ptr_null(rig.stream);
            continue;
        }
        rig_open(&rig);
        rig.rate.speed = 9;
        ck_assert_int_eq(rig.codec->reconfigure(rig.encoder, &rig.rate), CODEC_LIVE);
        encode(&rig);
        check_runs_with(&rig, options[_i].named[c]);
        rig_close(&rig);
    }
}
END_TEST

START_TEST(a_description_is_cut_to_its_room)
{
    struct rig rig = rig_of(codecs[_i], 64, 64);
    rig_open(&rig);
    const char *const whole = rig_describe(&rig);
    ck_assert_ptr_null(strchr(whole, '\n'));
    for (size_t size = 0; size <= strlen(whole) + 1; size++) {
        char text[1024];
        memset(text, '#', sizeof text);
        rig.codec->describe(rig.encoder, text, size);
        ck_assert_int_eq(text[size], '#');
        ck_assert(size == 0 || (strlen(text) == size - 1 && strncmp(text, whole, size - 1) == 0));
    }
    rig_close(&rig);
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("vpx_rate");
    TCase *tcase = add_case(suite, "rate");
    LOOP(tcase, the_buffer_holds_a_burst_and_never_less_than_two_pictures_nor_more_than_a_second, buffers);
    LOOP(tcase, layers_share_the_bitrate, shares);
    LOOP(tcase, a_rate_is_obeyed_once_libvpx_took_it, codecs);
    tcase_add_test(tcase, a_faster_speed_is_never_a_slower_cpu_used);
    LOOP(tcase, a_speed_takes_effect_with_the_next_picture, codecs);
    tcase_add_loop_test(tcase, every_speed_can_follow_every_other_without_a_key_frame, 0, 6);

    tcase = add_case(suite, "options");
    LOOP(tcase, options_are_taken_or_refused_by_name, options);
    LOOP(tcase, a_description_is_cut_to_its_room, codecs);

    tcase = add_case(suite, "figures");
    tcase_set_tags(tcase, "long");
    tcase_add_loop_test(tcase, each_three_seconds_keep_to_a_changing_bitrate_and_frame_rate, 0, 12);
    tcase_add_loop_test(tcase, a_bitrate_that_rises_from_below_the_floor_is_used_within_half_a_second, 0, 6);
    return suite;
}
