#include "run.h"

#include <math.h>
#include <string.h>

#include <x264.h>

#include "codec/h264_level.h"
#include "rig.h"

/* ---- Levels */

static const struct {
    unsigned level;
    uint32_t width, height, fps, kbps, burst, profile;
    const char *refused; /* what the reason says; NULL: it fits */
} limits[] = {
    {31, 1280, 720, 30, 4000, 70, 0, NULL},
    {31, 1280, 720, 31, 4000, 70, 0, "1280x720 at 31/1 frames per second needs level 3.2; this session allows 3.1"},
    {31, 1280, 736, 29, 4000, 70, 0, "1280x736 needs level 3.2"},
    {31, 1920, 1088, 60, 4000, 70, 0, "1920x1088 needs level 4.2"},
    {42, 1920, 1088, 64, 4000, 70, 0, NULL},
    {42, 1920, 1088, 65, 4000, 70, 0, "needs level 5.0"},
    {31, 2704, 16, 30, 4000, 70, 0, NULL}, /* 169 macroblocks wide: 169 * 169 <= 8 * 3600 */
    {31, 2720, 16, 30, 4000, 70, 0, "2720x16 needs level 3.2"},
    {31, 16, 2704, 30, 4000, 70, 0, NULL},
    {31, 16, 2720, 30, 4000, 70, 0, "16x2720 needs level 3.2"},
    {31, 64, 64, 30, 14000, 70, 0, NULL},
    {31, 64, 64, 30, 14001, 70, 0, "a bitrate of 14001 kbit/s needs level 3.2"},
    {31, 64, 64, 30, 17500, 70, CULVERT_PROFILE_HIGH, NULL},
    {31, 64, 64, 30, 17501, 70, CULVERT_PROFILE_HIGH, "a bitrate of 17501 kbit/s needs level 3.2"},
    {31, 64, 64, 30, 14001, 70, CULVERT_PROFILE_MAIN, "a bitrate of 14001 kbit/s"},
    {31, 64, 64, 30, 14000, 1000, 0, NULL},
    {31, 64, 64, 30, 14000, 1001, 0, "a VBV buffer of 14014 kbit needs level 3.2"},
    {10, 176, 144, 15, 64, 70, 0, NULL},
    {10, 176, 144, 15, 65, 70, 0, "needs level 1b; this session allows 1.0"},
    {10, 176, 144, 16, 64, 70, 0, "needs level 1.1"},
    {9, 176, 144, 15, 128, 70, 0, NULL},
    {9, 176, 144, 15, 129, 70, 0, "needs level 1.1; this session allows 1b"},
    {62, 8192, 4352, 120, 500000, 1000, 0, NULL},
    {62, 8192, 4352, 121, 500000, 1000, 0, "8192x4352 at 121/1 frames per second needs more than any level"},
    {62, 64, 64, 60, 500000, 4000, 0, "a VBV buffer of 2000000 kbit needs more than any level"},
    {0, 16384, 16384, 1000, 500000, 4000, 0, NULL}};

/* A macroblock with so much of each thing that a level limits. */
static bool holds(const x264_level_t *level, int references, int fps, int bitrate, int buffer)
{
    const struct level_load load = {
        16, 16, (uint32_t)references, (uint32_t)fps, 1, (uint32_t)bitrate, (uint32_t)buffer, false};
    return level_holds((uint32_t)level->level_idc, &load);
}

START_TEST(the_levels_are_those_that_x264_knows)
{
    for (const x264_level_t *level = x264_levels; level->level_idc != 0; level++) {
        const int references = level->dpb, fps = level->mbps, bitrate = level->bitrate, buffer = level->cpb;
        ck_assert_msg(holds(level, references, fps, bitrate, buffer), "level %d", level->level_idc);
        ck_assert(!holds(level, references + 1, fps, bitrate, buffer));
        ck_assert(!holds(level, references, fps + 1, bitrate, buffer));
        ck_assert(!holds(level, references, fps, bitrate + 1, buffer));
        ck_assert(!holds(level, references, fps, bitrate, buffer + 1));
    }
}
END_TEST

START_TEST(a_level_holds_up_to_its_limits_and_refuses_the_next)
{
    struct rig rig = rig_of(&codec_x264, limits[_i].width, limits[_i].height);
    rig.config.level = limits[_i].level;
    rig.config.profile = limits[_i].profile;
    rig.rate = (struct codec_rate){limits[_i].kbps, limits[_i].burst, limits[_i].fps, 1, 8};
    const int result = codec_x264.admit(&rig.config, &rig.geometry, &rig.rate, rig.why);
    ck_assert_int_eq(result, limits[_i].refused == NULL ? 0 : CULVERT_E_LEVEL);
    if (limits[_i].refused != NULL) {
        ck_assert_msg(strstr(rig.why, limits[_i].refused) != NULL, "%s", rig.why);
        ck_assert_int_eq(rig_create(&rig), 0);
        ck_assert_int_eq(codec_x264.open(rig.stream, &rig.geometry, &rig.rate, 1, &rig.encoder, rig.why),
                         CULVERT_E_LEVEL);
        ck_assert_ptr_null(rig.encoder);
    }
    codec_x264.destroy(rig.stream);
}
END_TEST

static const struct {
    int32_t speed;
    const char *options;
    int result;
} transforms[] = {{8, "", 0}, {0, "", 0}, {9, "", 0}, {10, "", CULVERT_E_LEVEL}, {8, "no_8x8dct", CULVERT_E_LEVEL}};

START_TEST(high_without_8x8_transforms_has_no_more_bitrate_than_main)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig.config.profile = CULVERT_PROFILE_HIGH;
    rig.config.level = 31;
    rig.rate.speed = transforms[_i].speed;
    strcpy(rig.config.options, transforms[_i].options);
    rig.rate.bitrate_kbps = 14001;
    ck_assert_int_eq(codec_x264.admit(&rig.config, &rig.geometry, &rig.rate, rig.why), transforms[_i].result);
}
END_TEST

static const struct {
    uint32_t width, height, fps, kbps, profile;
    unsigned level;
} lowest[] = {{2, 2, 1, 64, 0, 10},
              {176, 144, 15, 128, 0, 9},
              {176, 144, 15, 128, CULVERT_PROFILE_MAIN, 9},
              {176, 144, 15, 128, CULVERT_PROFILE_HIGH, 9},
              {320, 240, 36, 768, 0, 13},
              {320, 240, 60, 2000, 0, 21},
              {256, 224, 60, 4000, 0, 21},
              {640, 480, 30, 4000, 0, 30},
              {640, 480, 60, 4000, 0, 31},
              {1280, 720, 30, 14000, 0, 31},
              {1280, 720, 60, 4000, 0, 32},
              {1920, 1088, 30, 4000, 0, 40},
              {1920, 1088, 60, 4000, 0, 42},
              {64, 64, 60, 500000, 0, 62}};

START_TEST(the_lowest_level_that_holds_is_announced)
{
    struct rig rig = rig_of(&codec_x264, lowest[_i].width, lowest[_i].height);
    rig.config.profile = lowest[_i].profile;
    rig.rate = (struct codec_rate){lowest[_i].kbps, 70, lowest[_i].fps, 1, 8};
    struct sps sps;
    rig_open(&rig);
    rig_encode(&rig, false);
    rig_sps(&rig, &sps);
    ck_assert_uint_eq(sps_is_1b(&sps) ? 9 : sps.level, lowest[_i].level);
    rig_close(&rig);
}
END_TEST

static const uint32_t no_levels[] = {1, 8, 14, 17, 29, 33, 43, 53, 63, 255, 310, UINT32_MAX};

START_TEST(a_level_that_does_not_exist_is_refused_with_those_that_do)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig.config.level = no_levels[_i];
    ck_assert_int_eq(rig_create(&rig), CULVERT_E_RANGE);
    ck_assert_ptr_null(rig.stream);
    ck_assert_msg(strstr(rig.why, "10 9 11 12 13 20") != NULL && strstr(rig.why, "61 62") != NULL, "%s", rig.why);
}
END_TEST

/* ---- Rate */

static const struct {
    uint32_t kbps, burst, fps;
    const char *buffer;
} buffers[] = {{4000, 70, 60, "vbv_bufsize=280 "},  {4000, 16, 60, "vbv_bufsize=67 "},
               {4000, 1, 60, "vbv_bufsize=67 "},    {4000, 70, 1, "vbv_bufsize=4000 "},
               {4000, 70, 30, "vbv_bufsize=534 "},  {4000, 70, 15, "vbv_bufsize=1067 "},
               {4000, 70, 2, "vbv_bufsize=4000 "},  {4000, 16, 30, "vbv_bufsize=134 "},
               {4000, 70, 144, "vbv_bufsize=280 "}, {4000, 300, 15, "vbv_bufsize=1200 "},
               {1, 70, 60, "vbv_bufsize=1 "},       {500000, 4000, 60, "vbv_bufsize=2000000 "}};

START_TEST(the_vbv_buffer_holds_a_burst_four_slow_frames_and_never_less_than_one)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig.rate = (struct codec_rate){buffers[_i].kbps, buffers[_i].burst, buffers[_i].fps, 1, 8};
    rig_open(&rig);
    rig_encode(&rig, false);
    ck_assert_msg(strstr(rig_describe(&rig), buffers[_i].buffer) != NULL, "%s", rig_describe(&rig));
    ck_assert(codec_x264.obeys(rig.encoder, &rig.rate));
    rig_close(&rig);
}
END_TEST

START_TEST(a_bitrate_is_obeyed_from_the_next_picture_on)
{
    struct rig rig = rig_of(&codec_x264, 320, 240);
    const struct codec_rate other = {2500, 70, 60, 1, 8};
    rig_open(&rig);
    rig_encode(&rig, false);
    ck_assert(codec_x264.obeys(rig.encoder, &rig.rate));
    ck_assert(!codec_x264.obeys(rig.encoder, &other));
    ck_assert_int_eq(codec_x264.reconfigure(rig.encoder, &other), CODEC_LIVE);
    rig_encode(&rig, false);
    ck_assert(!rig.unit.key);
    ck_assert(codec_x264.obeys(rig.encoder, &other));
    ck_assert(!codec_x264.obeys(rig.encoder, &rig.rate));
    ck_assert_ptr_nonnull(strstr(rig_describe(&rig), " bitrate=2500 "));
    ck_assert_ptr_nonnull(strstr(rig_describe(&rig), " vbv_maxrate=2500 vbv_bufsize=175 "));
    rig_close(&rig);
}
END_TEST

static const struct {
    uint32_t kbps, burst, fps;
    enum codec_change change;
} changes[] = {
    {4000, 70, 60, CODEC_LIVE}, /* 320x240 at 60: level 2.1, 4000 kbit/s and 19800 macroblocks a second */
    {4001, 70, 60, CODEC_REOPENS},   {1, 70, 60, CODEC_LIVE},    {4000, 1000, 60, CODEC_LIVE},
    {4000, 1001, 60, CODEC_REOPENS}, {4000, 70, 66, CODEC_LIVE}, {4000, 70, 67, CODEC_REOPENS},
    {4000, 70, 4, CODEC_LIVE},       {4000, 70, 1, CODEC_LIVE}, /* a second of the bitrate: 4000 kbit */
};

START_TEST(what_the_announced_level_does_not_hold_reopens)
{
    struct rig rig = rig_of(&codec_x264, 320, 240);
    const struct codec_rate rate = {changes[_i].kbps, changes[_i].burst, changes[_i].fps, 1, 8};
    rig_open(&rig);
    rig_encode(&rig, false);
    ck_assert_int_eq(codec_x264.reconfigure(rig.encoder, &rate), changes[_i].change);
    rig_encode(&rig, false);
    ck_assert(codec_x264.obeys(rig.encoder, changes[_i].change == CODEC_LIVE ? &rate : &rig.rate));
    rig_close(&rig);
}
END_TEST

START_TEST(a_rate_that_x264_cannot_express_reopens)
{
    struct rig rig = rig_of(&codec_x264, 16, 16);
    rig.rate = (struct codec_rate){20, 70, 1, 1, 8};
    rig_open(&rig);
    rig_encode(&rig, false);
    const struct codec_rate fine = {20, 70, 20, 1, 8}, coarse = {20, 70, 13, 1, 8}, none = {20, 70, 41, 1, 8};
    ck_assert_int_eq(codec_x264.reconfigure(rig.encoder, &fine), CODEC_LIVE);      /* 1 kbit/s */
    ck_assert_int_eq(codec_x264.reconfigure(rig.encoder, &coarse), CODEC_REOPENS); /* 1.54 */
    ck_assert_int_eq(codec_x264.reconfigure(rig.encoder, &none), CODEC_REOPENS);   /* 0.49 */
    rig_close(&rig);

    rig = rig_of(&codec_x264, 16, 16);
    rig.rate = (struct codec_rate){500000, 70, 1000, 1, 8};
    rig_open(&rig);
    const struct codec_rate most = {500000, 70, 250, 1, 8}, more = {500000, 70, 249, 1, 8};
    ck_assert_int_eq(codec_x264.reconfigure(rig.encoder, &most), CODEC_LIVE); /* 2000000 kbit/s */
    rig_encode(&rig, false);
    ck_assert(codec_x264.obeys(rig.encoder, &most));
    ck_assert_int_eq(codec_x264.reconfigure(rig.encoder, &more), CODEC_REOPENS);
    rig_close(&rig);
}
END_TEST

/* kbit/s of real time over two seconds, after a second to settle. */
static double measure(struct rig *rig, uint32_t fps)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < 3 * fps; i++) {
        rig_draw(rig);
        rig_encode(rig, false);
        bytes += i >= fps ? rig->unit.bytes : 0;
    }
    return (double)bytes * 8 / 2000;
}

START_TEST(the_bitrate_stays_when_the_frame_rate_changes_live)
{
    struct rig rig = rig_of(&codec_x264, 320, 240);
    rig.rate.bitrate_kbps = 2000;
    rig_open(&rig);
    const uint32_t steps[] = {60, 30, 15, 45, 60};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const struct codec_rate rate = {2000, 70, steps[i], 1, 8};
        ck_assert_int_eq(codec_x264.reconfigure(rig.encoder, &rate), CODEC_LIVE);
        const double kbps = measure(&rig, steps[i]);
        ck_assert_msg(fabs(kbps - 2000) < 200, "%g kbit/s at %u", kbps, steps[i]);
        ck_assert(codec_x264.obeys(rig.encoder, &rate));
    }
    rig_close(&rig);
}
END_TEST

static const uint32_t slow[] = {60, 30, 15, 10, 24, 50};

START_TEST(a_slow_game_has_its_bitrate_from_the_opening_on)
{
    struct rig rig = rig_of(&codec_x264, 320, 240);
    rig.rate.bitrate_kbps = 2000;
    rig.rate.fps_num = slow[_i];
    rig_open(&rig);
    const double kbps = measure(&rig, slow[_i]);
    ck_assert_msg(fabs(kbps - 2000) < 140, "%g kbit/s at %u", kbps, slow[_i]);
    rig_close(&rig);
}
END_TEST

/* ---- The first picture */

static size_t first_picture(double fill)
{
    struct rig rig = rig_of(&codec_x264, 320, 240);
    rig_open(&rig);
    codec_x264.close(rig.encoder);
    ck_assert_int_eq(codec_x264.open(rig.stream, &rig.geometry, &rig.rate, fill, &rig.encoder, rig.why), 0);
    rig_draw(&rig);
    rig_encode(&rig, false);
    rig_close(&rig);
    return rig.unit.bytes;
}

START_TEST(the_less_of_the_burst_is_left_the_smaller_is_the_first_picture)
{
    const size_t none = first_picture(0), little = first_picture(0.1), half = first_picture(0.5),
                 most = first_picture(0.9), all = first_picture(1);
    ck_assert_uint_eq(none, little); /* a frame's share, 0.24 of this buffer, is never withheld */
    ck_assert_msg(little * 3 / 2 < half && half * 3 / 2 < most && most <= all, "%zu %zu %zu %zu", little, half, most,
                  all);
    ck_assert_uint_lt(none, 4000 * 1000 / 8 / 60);
}
END_TEST

START_TEST(an_encoder_that_opens_with_an_empty_buffer_leaves_the_next_its_own)
{
    struct rig rig = rig_of(&codec_x264, 320, 240);
    rig_open(&rig);
    codec_x264.close(rig.encoder);
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(codec_x264.open(rig.stream, &rig.geometry, &rig.rate, i, &rig.encoder, rig.why), 0);
        rig.pictures = 0;
        rig_draw(&rig);
        rig_encode(&rig, false);
        bytes[i] = rig.unit.bytes;
        if (i == 0)
            codec_x264.close(rig.encoder);
    }
    ck_assert(bytes[0] == first_picture(0) && bytes[1] == first_picture(1));
    rig_close(&rig);
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("x264_rate");
    TCase *tcase = add_case(suite, "levels");
    tcase_add_test(tcase, the_levels_are_those_that_x264_knows);
    LOOP(tcase, a_level_holds_up_to_its_limits_and_refuses_the_next, limits);
    LOOP(tcase, high_without_8x8_transforms_has_no_more_bitrate_than_main, transforms);
    LOOP(tcase, the_lowest_level_that_holds_is_announced, lowest);
    LOOP(tcase, a_level_that_does_not_exist_is_refused_with_those_that_do, no_levels);

    tcase = add_case(suite, "rate");
    LOOP(tcase, the_vbv_buffer_holds_a_burst_four_slow_frames_and_never_less_than_one, buffers);
    tcase_add_test(tcase, a_bitrate_is_obeyed_from_the_next_picture_on);
    LOOP(tcase, what_the_announced_level_does_not_hold_reopens, changes);
    tcase_add_test(tcase, a_rate_that_x264_cannot_express_reopens);

    tcase_add_test(tcase, the_less_of_the_burst_is_left_the_smaller_is_the_first_picture);
    tcase_add_test(tcase, an_encoder_that_opens_with_an_empty_buffer_leaves_the_next_its_own);

    tcase = add_case(suite, "figures");
    tcase_set_tags(tcase, "long");
    LOOP(tcase, a_slow_game_has_its_bitrate_from_the_opening_on, slow);
    tcase_add_test(tcase, the_bitrate_stays_when_the_frame_rate_changes_live);
    return suite;
}
