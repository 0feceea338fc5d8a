#include "run.h"

#include <stdio.h>
#include <string.h>

#include "rig.h"

#define SPEEDS 11

static struct rig rig_at(int32_t speed, uint32_t profile, const char *options)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig.config.profile = profile;
    snprintf(rig.config.options, sizeof rig.config.options, "%s", options);
    rig.config.speed = speed == 0 ? CULVERT_SPEED_SLOWEST : speed;
    rig_open(&rig);
    rig_draw(&rig);
    rig_encode(&rig, false);
    return rig;
}

/* What of the description a speed decides. */
static const char *search(struct rig *rig)
{
    static char text[512];
    const char *const begin = strstr(rig_describe(rig), " analyse="), *const end = strstr(begin, " cqm=");
    snprintf(text, sizeof text, "%.*s", (int)(end - begin), begin);
    return text;
}

static void opened_search(int32_t speed, uint32_t profile, char text[512])
{
    struct rig rig = rig_at(speed, profile, "");
    snprintf(text, 512, "%s", search(&rig));
    rig_close(&rig);
}

static bool reaches(int32_t from, int32_t to)
{
    return from == to || (from >= 1 && from <= 9 && to >= 1 && to <= 9);
}

/* Changes the speed, and says whether it did so live. */
static bool change(struct rig *rig, int32_t to)
{
    const struct codec_rate opened = rig->rate;
    struct codec_rate rate = rig->rate;
    rate.speed = to;
    const bool live = codec_x264.reconfigure(rig->encoder, &rate) == CODEC_LIVE;
    ck_assert_int_eq(codec_x264.outgrows(&rig->config, &rig->geometry, &opened, &rate), !live);
    rig_draw(rig);
    rig_encode(rig, false);
    ck_assert(!rig->unit.key);
    ck_assert(codec_x264.obeys(rig->encoder, live ? &rate : &opened));
    return live;
}

static const uint32_t profiles[] = {CULVERT_PROFILE_BASELINE, CULVERT_PROFILE_MAIN, CULVERT_PROFILE_HIGH};

START_TEST(from_each_speed_to_each_other_the_search_changes_live_or_says_that_it_reopens)
{
    const int32_t from = _i % SPEEDS;
    const uint32_t profile = profiles[_i / SPEEDS];
    for (int32_t to = 0; to < SPEEDS; to++) {
        struct rig rig = rig_at(from, profile, "");
        char expected[512];
        opened_search(reaches(from, to) ? to : from, profile, expected);
        ck_assert_int_eq(change(&rig, to), reaches(from, to));
        if (from == 9 && to == 1) /* opened without adaptive quantisation, which that effort needs */
            ck_assert_ptr_nonnull(strstr(search(&rig), " subme=9 "));
        else
            ck_assert_str_eq(search(&rig), expected);
        rig_close(&rig);
    }
}
END_TEST

START_TEST(no_two_speeds_search_alike)
{
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        char slower[512], faster[512];
        opened_search(0, profiles[i], slower);
        for (int32_t speed = 1; speed < SPEEDS; speed++) {
            opened_search(speed, profiles[i], faster);
            ck_assert_str_ne(slower, faster);
            strcpy(slower, faster);
        }
    }
}
END_TEST

START_TEST(a_speed_that_is_not_obeyed_shows)
{
    struct rig rig = rig_at(8, CULVERT_PROFILE_DEFAULT, "");
    struct codec_rate rate = rig.rate;
    for (rate.speed = 0; rate.speed < SPEEDS; rate.speed++)
        ck_assert_int_eq(codec_x264.obeys(rig.encoder, &rate), rate.speed == 8);
    rig_close(&rig);
}
END_TEST

START_TEST(speed_bitrate_and_frame_rate_change_together)
{
    struct rig rig = rig_at(8, CULVERT_PROFILE_DEFAULT, "");
    const struct codec_rate rate = {1200, 100, 30, 1, 2}, back = {4000, 70, 60, 1, 8};
    ck_assert_int_eq(codec_x264.reconfigure(rig.encoder, &rate), CODEC_LIVE);
    rig_encode(&rig, false);
    ck_assert(codec_x264.obeys(rig.encoder, &rate) && !codec_x264.obeys(rig.encoder, &back));
    ck_assert_ptr_nonnull(strstr(rig_describe(&rig), " bitrate=2400 "));
    ck_assert_ptr_nonnull(strstr(rig_describe(&rig), " me=umh subme=9 "));
    ck_assert_int_eq(codec_x264.reconfigure(rig.encoder, &back), CODEC_LIVE);
    rig_encode(&rig, false);
    ck_assert(codec_x264.obeys(rig.encoder, &back));
    rig_close(&rig);
}
END_TEST

START_TEST(encoders_of_one_stream_have_a_speed_each)
{
    struct rig one = rig_at(8, CULVERT_PROFILE_DEFAULT, ""), other = rig_of(&codec_x264, 128, 64);
    other.stream = one.stream;
    other.rate.speed = 3;
    rig_open(&other);
    rig_encode(&other, false);
    ck_assert(codec_x264.obeys(one.encoder, &one.rate) && codec_x264.obeys(other.encoder, &other.rate));
    ck_assert(change(&one, 6));
    rig_encode(&other, false);
    ck_assert(codec_x264.obeys(other.encoder, &other.rate));
    other.stream = NULL;
    rig_close(&other);
    rig_close(&one);
}
END_TEST

/* ---- Options */

static const struct {
    int32_t speed;
    const char *options, *shows; /* at every speed from 1 to 9 */
} kept[] = {{8, "subme=3:me=umh:merange=20", " me=umh subme=3 "},
            {8, "subme=0", " subme=0 "},
            {8, "partitions=all", ":0x133 "},
            {8, "partitions=none", ":0 "},
            {8, "no-chroma-me:trellis=1", " chroma_me=0 trellis=1 "},
            {2, "trellis=2:subme=10:me=hex", " me=hex subme=10 "},
            {1, "merange=12", " me_range=12 "},
            {8, "no-fast-pskip", " fast_pskip=0 "}};

START_TEST(options_hold_at_every_speed)
{
    struct rig rig = rig_at(kept[_i].speed, CULVERT_PROFILE_HIGH, kept[_i].options);
    for (int32_t to = 1; to <= 9; to++) {
        ck_assert(change(&rig, to));
        ck_assert_msg(strstr(rig_describe(&rig), kept[_i].shows) != NULL, "%s", rig_describe(&rig));
    }
    rig_close(&rig);
}
END_TEST

START_TEST(an_exhaustive_search_reopens_for_another_speed)
{
    struct rig rig = rig_at(8, CULVERT_PROFILE_DEFAULT, "me=esa");
    ck_assert(change(&rig, 8));
    ck_assert(!change(&rig, 1));
    rig_close(&rig);
}
END_TEST

START_TEST(what_another_speed_does_not_allow_is_cut_there)
{
    struct rig rig = rig_at(1, CULVERT_PROFILE_DEFAULT, "subme=10");
    ck_assert(change(&rig, 8));
    ck_assert_ptr_nonnull(strstr(rig_describe(&rig), " subme=9 "));
    ck_assert(change(&rig, 1));
    ck_assert_ptr_nonnull(strstr(rig_describe(&rig), " subme=10 "));
    rig_close(&rig);
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("x264_speed");
    TCase *tcase = add_case(suite, "speed");
    tcase_add_test(tcase, a_speed_that_is_not_obeyed_shows);
    tcase_add_test(tcase, speed_bitrate_and_frame_rate_change_together);
    tcase_add_test(tcase, encoders_of_one_stream_have_a_speed_each);
    tcase_add_test(tcase, an_exhaustive_search_reopens_for_another_speed);
    tcase_add_test(tcase, what_another_speed_does_not_allow_is_cut_there);
    LOOP(tcase, options_hold_at_every_speed, kept);

    tcase = add_case(suite, "figures");
    tcase_set_tags(tcase, "long");
    tcase_add_test(tcase, no_two_speeds_search_alike);
    tcase_add_loop_test(tcase, from_each_speed_to_each_other_the_search_changes_live_or_says_that_it_reopens, 0,
                        SPEEDS * (int)(sizeof profiles / sizeof profiles[0]));
    return suite;
}
