#include <string.h>

#include "play.h"
#include "run.h"

static struct codec codec;

static culvert_session open_codec(int32_t speed)
{
    struct culvert_config config = play_config(&codec);
    config.speed = speed;
    config.fps_num = 1; /* the next frame comes before one is inserted */
    return stream_open_with(&codec, &config);
}

static culvert_session open_trial(int32_t speed)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    return open_codec(speed);
}

static int32_t speed_of(uint32_t picture)
{
    return trial_recorded(TRIAL_ENCODE, picture).rate.speed;
}

/* ---- The speed --------------------------------------------------------------------------------------------------- */

static const struct {
    int32_t opened, wanted, run; /* run: the codec's */
    int result;
} speeds[] = {
    {5, 1, 1, 0},
    {5, 10, 10, 0},
    {5, 5, 5, 0},
    {5, 0, 8, 0},
    {5, CULVERT_SPEED_SLOWEST, 0, CULVERT_REOPENS},
    {CULVERT_SPEED_SLOWEST, 3, 3, CULVERT_REOPENS},
    {CULVERT_SPEED_SLOWEST, CULVERT_SPEED_SLOWEST, 0, 0},
    {CULVERT_SPEED_SLOWEST, 0, 8, CULVERT_REOPENS},
    {0, 8, 8, 0},
};

START_TEST(a_speed_is_taken_live_or_with_a_new_epoch_as_was_said)
{
    uint32_t control = 77;
    culvert_session session = open_trial(speeds[_i].opened);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_speed(session, speeds[_i].wanted, &control), speeds[_i].result);
    ck_assert_uint_eq(control, 1);
    ck_assert_uint_eq(play_pass(session, 2, speeds[_i].result == CULVERT_REOPENS ? KEY | EPOCH : 0).control, 1);
    ck_assert_int_eq(speed_of(1), speeds[_i].run);
    play_pass(session, 3, 0);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.control, 1);
    ck_assert_uint_eq(stats.reopened, 0);
    ck_assert_uint_eq(stats.epochs, trial_count(TRIAL_OPEN));
    culvert_close(session);
}
END_TEST

START_TEST(a_speed_that_is_set_before_the_first_frame_is_that_of_its_encoder)
{
    culvert_session session = open_trial(5);
    ck_assert_int_eq(culvert_set_speed(session, CULVERT_SPEED_SLOWEST, NULL), 0);
    ck_assert_uint_eq(play_pass(session, 1, KEY | EPOCH).control, 1);
    ck_assert_int_eq(trial_recorded(TRIAL_OPEN, 0).rate.speed, 0);
    ck_assert_uint_eq(trial_count(TRIAL_RECONFIGURE), 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_codec_that_cannot_change_its_speed_says_so)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.change[CODEC_SPEED] = CODEC_REFUSED;
    culvert_session session = open_codec(5);
    char text[256];
    uint32_t control = 77;
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_speed(session, 6, &control), CULVERT_E_UNSUPPORTED);
    ck_assert_uint_eq(control, 77);
    ck_assert_int_eq(culvert_error_text(session, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, "speed"));
    ck_assert_uint_eq(play_pass(session, 2, 0).control, 0);
    ck_assert_int_eq(speed_of(1), 5);
    culvert_close(session);
}
END_TEST

START_TEST(a_codec_that_changes_its_speed_by_reopening_does_so)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.change[CODEC_SPEED] = CODEC_REOPENS;
    culvert_session session = open_codec(5);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_speed(session, 6, NULL), CULVERT_REOPENS);
    play_pass(session, 2, KEY | EPOCH);
    ck_assert_uint_eq(trial_count(TRIAL_RECONFIGURE), 0);
    ck_assert_int_eq(speed_of(1), 6);
    culvert_close(session);
}
END_TEST

START_TEST(a_speed_that_the_codec_did_not_take_reopens_it)
{
    culvert_session session = open_trial(5);
    play_pass(session, 1, KEY | EPOCH);
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_speed(session, 6, NULL), 0);
    ck_assert_uint_eq(play_pass(session, 2, 0).control, 0);
    ck_assert_uint_eq(play_pass(session, 3, KEY | EPOCH).control, 1);
    ck_assert_int_eq(speed_of(2), 6);
    ck_assert_uint_eq(stream_stats(session).reopened, 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_warm_encoder_follows_the_speed_or_is_replaced)
{
    culvert_session session = open_trial(5);
    play_pass(session, 1, KEY | EPOCH);
    play_sized(session, 2, 2 * WIDTH, HEIGHT);
    play_expect(session, 2, KEY | EPOCH);
    const int32_t wanted = _i ? CULVERT_SPEED_SLOWEST : 9;
    ck_assert_int_eq(culvert_set_speed(session, wanted, NULL), _i ? CULVERT_REOPENS : 0);
    ck_assert_uint_eq(play_pass(session, 3, KEY | EPOCH).control, 1);
    ck_assert_int_eq(speed_of(2), _i ? 0 : 9);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), _i ? 3 : 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_resumption_of_what_is_not_paused_is_counted_and_changes_nothing)
{
    culvert_session session = open_trial(5);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_resume(session, NULL), 0);
    ck_assert_uint_eq(play_pass(session, 2, 0).control, 1);
    culvert_close(session);
}
END_TEST

START_TEST(changes_between_two_frames_reach_the_codec_as_one)
{
    culvert_session session = open_trial(5);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_speed(session, 9, NULL), 0);
    ck_assert_int_eq(culvert_set_bitrate(session, 3000, NULL), 0);
    ck_assert_int_eq(culvert_set_framerate(session, 2, 1, NULL), 0);
    ck_assert_int_eq(culvert_set_speed(session, 7, NULL), 0);
    ck_assert_uint_eq(play_pass(session, 2, 0).control, 4);
    ck_assert_uint_eq(trial_count(TRIAL_RECONFIGURE), 1);
    const struct codec_rate rate = trial_recorded(TRIAL_RECONFIGURE, 0).rate;
    ck_assert_int_eq(rate.speed, 7);
    ck_assert_uint_eq(rate.bitrate_kbps, 3000);
    ck_assert_uint_eq(rate.fps_num, 2);
    culvert_close(session);
}
END_TEST

/* ---- The rate at which frames come ------------------------------------------------------------------------------- */

/* Frames that come at a multiple of the declared interval: the codec is told, within what is measured. */
static const struct {
    uint32_t step, told; /* in declared intervals, and in thousandths of the declared rate */
} paces[] = {{1, 1000}, {2, 500}, {4, 250}, {9, 250}};

START_TEST(a_codec_that_keeps_its_rate_is_told_how_often_frames_really_come)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.keeps_rate = true;
    const struct culvert_config config = play_config(&codec);
    culvert_session session = stream_open_with(&codec, &config);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert_int_eq(stream_submit(session, WIDTH, HEIGHT, PTS(1 + i * paces[_i].step), i, 0), 0);
        ck_assert_uint_eq(play_expect(session, i + 1, i == 0 ? KEY | EPOCH : 0).control, 0);
    }
    const struct codec_rate rate = trial_recorded(TRIAL_ENCODE, 19).rate;
    const double fps = (double)rate.fps_num / rate.fps_den;
    ck_assert_double_eq_tol(fps, 60.0 * paces[_i].told / 1000, 0.01);
    ck_assert_uint_eq(stream_stats(session).fps_num, 60);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_codec_without_a_rate_to_keep_is_told_what_was_declared)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    const struct culvert_config config = play_config(&codec);
    culvert_session session = stream_open_with(&codec, &config);
    for (uint32_t i = 1; i <= 20; i++) {
        play_submit(session, i * 3, 0);
        play_expect(session, i, i == 1 ? KEY | EPOCH : 0);
    }
    ck_assert_uint_eq(trial_count(TRIAL_RECONFIGURE), 0);
    culvert_close(session);
}
END_TEST

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

START_TEST(calls_of_every_kind_share_one_row_of_numbers)
{
    uint32_t number, next = 0;
    culvert_session session = open_trial(5);
    play_pass(session, 1, KEY | EPOCH);
    for (uint32_t frame = 2; frame < 5; frame++) {
        ck_assert_int_eq(culvert_set_speed(session, (int32_t)frame, &number), 0);
        ck_assert_uint_eq(number, ++next);
        ck_assert_int_eq(culvert_report_loss(session, INT64_MAX, &number), 0);
        ck_assert_uint_eq(number, ++next);
        ck_assert_int_eq(culvert_request_keyframe(session, &number), 0);
        ck_assert_uint_eq(number, ++next);
        ck_assert_int_eq(culvert_set_bitrate(session, 1000 + frame, &number), 0);
        ck_assert_uint_eq(number, ++next);
        ck_assert_uint_eq(play_pass(session, frame, KEY).control, next);
    }
    ck_assert_uint_eq(stream_stats(session).losses, 3);
    ck_assert_uint_eq(stream_stats(session).key_requests, 3);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("controls");
    TCase *speed = add_case(suite, "speed");
    tcase_add_loop_test(speed, a_speed_is_taken_live_or_with_a_new_epoch_as_was_said, 0, LENGTH(speeds));
    tcase_add_test(speed, a_speed_that_is_set_before_the_first_frame_is_that_of_its_encoder);
    tcase_add_test(speed, a_codec_that_cannot_change_its_speed_says_so);
    tcase_add_test(speed, a_codec_that_changes_its_speed_by_reopening_does_so);
    tcase_add_test(speed, a_speed_that_the_codec_did_not_take_reopens_it);
    tcase_add_loop_test(speed, a_warm_encoder_follows_the_speed_or_is_replaced, 0, 2);
    tcase_add_test(speed, a_resumption_of_what_is_not_paused_is_counted_and_changes_nothing);
    tcase_add_test(speed, changes_between_two_frames_reach_the_codec_as_one);
    TCase *pace = add_case(suite, "pace");
    tcase_add_loop_test(pace, a_codec_that_keeps_its_rate_is_told_how_often_frames_really_come, 0, LENGTH(paces));
    tcase_add_test(pace, a_codec_without_a_rate_to_keep_is_told_what_was_declared);
    TCase *numbers = add_case(suite, "numbers");
    tcase_add_test(numbers, calls_of_every_kind_share_one_row_of_numbers);
    return suite;
}
