#include "run.h"
#include "scene.h"
#include "stream.h"
#include "trial_codec.h"

static const struct {
    uint32_t bitrate_kbps;
    int error;
} bitrates[] = {{0, CULVERT_E_RANGE},      {1, 0},
                {500000, CULVERT_E_LEVEL}, {TRIAL_KBPS_MOST, CULVERT_REOPENS},
                {500001, CULVERT_E_RANGE}, {MOST, CULVERT_E_RANGE}};

START_TEST(a_bitrate_is_taken_up_to_its_limits_and_refused_by_name_beyond)
{
    uint32_t control = 77;
    scene_go_on();
    const struct culvert_stats before = stream_stats(scene.session);
    const int error = bitrates[_i].error,
              result = culvert_set_bitrate(scene.session, bitrates[_i].bitrate_kbps, &control);
    ck_assert_int_eq(result, error);
    const struct culvert_stats after = stream_stats(scene.session);
    ck_assert_uint_eq(after.bitrate_kbps, error < 0 ? before.bitrate_kbps : bitrates[_i].bitrate_kbps);
    ck_assert_uint_eq(control, error < 0 ? 77 : 1);
    if (error < 0)
        scene_named("bitrate_kbps");
    scene_go_on();
}
END_TEST

static const struct {
    uint32_t num, den;
    int error;
} framerates[] = {
    {0, 0, CULVERT_E_RANGE},
    {60, 0, CULVERT_E_RANGE},
    {0, 1, CULVERT_E_RANGE},
    {1, 1, 0},
    {1000, 1, 0},
    {1001, 1, CULVERT_E_RANGE},
    {59, 60, CULVERT_E_RANGE},
    {39375000, 655171, 0},
    {MOST, MOST, CULVERT_E_RANGE},
    {1000000000, 1000000000, 0},
    {1000000001, 1000000000, CULVERT_E_RANGE},
};

START_TEST(a_frame_rate_is_taken_up_to_its_limits_and_refused_by_name_beyond)
{
    uint32_t control = 77;
    scene_go_on();
    ck_assert_int_eq(culvert_set_framerate(scene.session, framerates[_i].num, framerates[_i].den, &control),
                     framerates[_i].error);
    ck_assert_uint_eq(control, framerates[_i].error < 0 ? 77 : 1);
    ck_assert_uint_eq(stream_stats(scene.session).fps_num, framerates[_i].error < 0 ? 60 : framerates[_i].num);
    if (framerates[_i].error < 0)
        scene_named("frame rate");
    scene_go_on();
}
END_TEST

static const struct {
    int32_t speed;
    int error;
} speeds[] = {
    {1, 0},
    {10, 0},
    {0, 0},
    {CULVERT_SPEED_SLOWEST, CULVERT_REOPENS},
    {CULVERT_SPEED_SLOWEST - 1, CULVERT_E_RANGE},
    {11, CULVERT_E_RANGE},
    {INT32_MAX, CULVERT_E_RANGE},
    {INT32_MIN, CULVERT_E_RANGE},
};

START_TEST(a_speed_is_taken_up_to_its_limits_and_refused_by_name_beyond)
{
    uint32_t control = 77;
    scene_go_on();
    ck_assert_int_eq(culvert_set_speed(scene.session, speeds[_i].speed, &control), speeds[_i].error);
    ck_assert_uint_eq(control, speeds[_i].error < 0 ? 77 : 1);
    if (speeds[_i].error < 0)
        scene_named("speed");
    scene_go_on();
}
END_TEST

static const int64_t losses[] = {INT64_MIN, -1, 0, 1, INT64_MAX};

START_TEST(a_loss_of_any_pts_is_taken_before_the_first_frame_and_after)
{
    uint32_t control = 77;
    ck_assert_int_eq(culvert_report_loss(scene.session, losses[_i], &control), 0);
    ck_assert_uint_eq(control, 1);
    ck_assert_int_eq(culvert_report_loss(scene.session, losses[_i], NULL), 0);
    scene_go_on();
    scene_go_on();
    ck_assert_int_eq(culvert_report_loss(scene.session, losses[_i], &control), 0);
    ck_assert_uint_eq(control, 3);
    ck_assert_uint_eq(stream_stats(scene.session).losses, 3);
}
END_TEST

START_TEST(a_finished_session_takes_no_speed_and_no_loss)
{
    uint32_t control = 77;
    scene_go_on();
    ck_assert_int_eq(culvert_finish(scene.session), 0);
    ck_assert_int_eq(culvert_set_speed(scene.session, 5, &control), CULVERT_E_FINISHED);
    ck_assert_int_eq(culvert_set_speed(scene.session, 11, &control), CULVERT_E_FINISHED);
    ck_assert_int_eq(culvert_report_loss(scene.session, 0, &control), CULVERT_E_FINISHED);
    ck_assert_uint_eq(control, 77);
    ck_assert_uint_eq(stream_stats(scene.session).losses, 0);
    ck_assert_int_eq(stream_receive(scene.session, PATIENCE).result, CULVERT_EOS);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("bad controls");
    TCase *tcase = add_case(suite, "controls");
    tcase_add_checked_fixture(tcase, scene_open, scene_close);
    tcase_add_loop_test(tcase, a_bitrate_is_taken_up_to_its_limits_and_refused_by_name_beyond, 0, LENGTH(bitrates));
    tcase_add_loop_test(tcase, a_frame_rate_is_taken_up_to_its_limits_and_refused_by_name_beyond, 0,
                        LENGTH(framerates));
    tcase_add_loop_test(tcase, a_speed_is_taken_up_to_its_limits_and_refused_by_name_beyond, 0, LENGTH(speeds));
    tcase_add_loop_test(tcase, a_loss_of_any_pts_is_taken_before_the_first_frame_and_after, 0, LENGTH(losses));
    tcase_add_test(tcase, a_finished_session_takes_no_speed_and_no_loss);
    return suite;
}
