/* Key frames that are asked for, and frames that the rate control drops. */
#include "base/clock.h"
#include "play.h"
#include "run.h"

static struct codec codec;

static culvert_session open_trial(void)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    return play_open(&codec);
}

START_TEST(requests_that_one_key_frame_serves_are_merged)
{
    culvert_session session = open_trial();
    play_pass(session, 1, KEY | EPOCH);
    trial_hold();
    play_submit(session, 2, 0);
    trial_await_held();
    for (uint32_t i = 1; i <= 10; i++) {
        uint32_t control;
        ck_assert_int_eq(culvert_request_keyframe(session, &control), 0);
        ck_assert_uint_eq(control, i);
    }
    play_submit(session, 3, CULVERT_FRAME_KEY);
    play_submit(session, 4, 0);
    trial_let_go();
    play_expect(session, 2, 0);
    ck_assert_uint_eq(play_expect(session, 3, KEY).control, 10);
    play_expect(session, 4, 0);
    ck_assert_int_eq(stream_receive(session, 60).result, CULVERT_E_AGAIN);
    ck_assert_uint_eq(stream_stats(session).keyframes, 2);
    culvert_close(session);
}
END_TEST

enum asker { BY_FRAME, BY_CALL, ASKERS };

START_TEST(a_key_frame_that_was_dropped_comes_though_the_picture_stands_still)
{
    culvert_session session = open_trial();
    play_pass(session, 1, KEY | EPOCH);
    trial_drop(0, 2);
    play_submit(session, 2, CULVERT_FRAME_KEY);
    const struct culvert_packet key = play_expect(session, 2, KEY | INSERTED);
    ck_assert_int_gt(key.pts, 2 * INTERVAL);
    ck_assert_int_eq(stream_receive(session, 60).result, CULVERT_E_AGAIN);
    ck_assert_uint_eq(stream_stats(session).dropped, 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_key_frame_request_outlives_the_frames_that_rate_control_drops)
{
    culvert_session session = open_trial();
    play_pass(session, 1, KEY | EPOCH);
    trial_hold();
    play_submit(session, 2, 0);
    trial_await_held();
    trial_drop(1, 3);
    if (_i == BY_CALL)
        ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    for (uint32_t i = 3; i <= 7; i++)
        play_submit(session, i, _i == BY_FRAME && i == 3 ? CULVERT_FRAME_KEY : 0);
    trial_let_go();
    play_expect(session, 2, 0);
    const struct culvert_packet key = play_expect(session, 6, KEY);
    ck_assert_int_eq(key.duration, 4 * INTERVAL);
    play_expect(session, 7, 0);
    ck_assert_uint_eq(stream_stats(session).dropped, 3);
    culvert_close(session);
}
END_TEST

START_TEST(an_inserted_key_frame_that_rate_control_drops_is_tried_again)
{
    culvert_session session = open_trial();
    play_pass(session, 1, KEY | EPOCH);
    trial_drop(0, 3);
    const int64_t start = clock_now();
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    const struct culvert_packet key = play_expect(session, 1, KEY | INSERTED);
    ck_assert_int_ge(clock_now() - start, 3 * (INTERVAL - 1));
    ck_assert_int_gt(key.pts, INTERVAL);
    ck_assert_uint_eq(key.control, 1);
    ck_assert_int_eq(stream_receive(session, 60).result, CULVERT_E_AGAIN);
    /* An attempt for each frame interval, no more: the codec has other streams to serve. */
    ck_assert_uint_eq(trial_count(TRIAL_ENCODE), 5);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.inserted, 1);
    ck_assert_uint_eq(stats.dropped, 0);
    culvert_close(session);
}
END_TEST

START_TEST(an_epoch_whose_first_frames_are_dropped_begins_with_the_first_packet)
{
    culvert_session session = open_trial();
    trial_drop((uint32_t)_i, 2);
    for (uint32_t i = 1; i <= (uint32_t)_i; i++)
        play_pass(session, i, KEY | EPOCH);
    for (uint32_t i = 1; i <= 4; i++)
        ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, (int64_t)(i + 1) * INTERVAL, i, 0), 0);
    ck_assert_uint_eq(play_expect(session, (uint64_t)_i + 3, KEY | EPOCH).epoch, (uint32_t)_i + 1);
    ck_assert(trial_recorded(TRIAL_ENCODE, (uint32_t)_i + 2).key);
    play_expect(session, (uint64_t)_i + 4, 0);
    ck_assert_uint_eq(stream_stats(session).epochs, (uint64_t)_i + 1);
    ck_assert_uint_eq(stream_stats(session).dropped, 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_picture_that_was_dropped_is_no_repeat)
{
    culvert_session session = open_trial();
    play_pass(session, 1, KEY | EPOCH);
    trial_drop(0, 1);
    play_submit(session, 2, 0);
    play_same(session, 3);
    play_expect(session, 3, 0);
    ck_assert_uint_eq(stream_stats(session).repeated, 0);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("drops");
    TCase *keys = add_case(suite, "key frames");
    tcase_add_test(keys, requests_that_one_key_frame_serves_are_merged);
    tcase_add_loop_test(keys, a_key_frame_request_outlives_the_frames_that_rate_control_drops, BY_FRAME, ASKERS);
    tcase_add_test(keys, a_key_frame_that_was_dropped_comes_though_the_picture_stands_still);
    tcase_add_test(keys, an_inserted_key_frame_that_rate_control_drops_is_tried_again);
    tcase_add_loop_test(keys, an_epoch_whose_first_frames_are_dropped_begins_with_the_first_packet, 0, 2);
    tcase_add_test(keys, a_picture_that_was_dropped_is_no_repeat);
    return suite;
}
