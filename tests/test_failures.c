/* Codecs that fail. */
#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "run.h"

static struct codec codec;

static culvert_session open_trial(void)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    return play_open(&codec);
}

static void expect_failure(culvert_session session, const char *why)
{
    char text[256];
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_E_CODEC);
    ck_assert_int_eq(culvert_error_text(session, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, why));
    ck_assert_int_eq(stream_receive(session, 20).result, CULVERT_E_AGAIN);
}

static const struct {
    enum trial_call call;
    uint32_t frame, count; /* the first frame that fails, and how many */
    const char *why;
} failures[] = {
    {TRIAL_ENCODE, 1, 1, "told to fail"},   {TRIAL_ENCODE, 2, 1, "told to fail"},
    {TRIAL_ENCODE, 3, 2, "told to fail"},   {TRIAL_OPEN, 1, 1, "told not to open"},
    {TRIAL_OPEN, 1, 3, "told not to open"},
};

START_TEST(a_failure_is_said_once_and_the_stream_goes_on_with_a_new_epoch)
{
    culvert_session session = open_trial();
    const uint32_t first = failures[_i].frame, behind = first + failures[_i].count;
    trial_fail(failures[_i].call, first - 1, failures[_i].count);
    for (uint32_t i = 1; i < first; i++)
        play_pass(session, i, i == 1 ? KEY | EPOCH : 0);
    for (uint32_t i = first; i < behind; i++) {
        play_submit(session, i, 0);
        expect_failure(session, failures[_i].why);
    }
    const struct culvert_packet next = play_pass(session, behind, KEY | EPOCH);
    ck_assert_uint_eq(next.epoch, first == 1 ? 1 : 2);
    play_pass(session, behind + 1, 0);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.failed, failures[_i].count);
    ck_assert_uint_eq(stats.encoded, first + 1);
    ck_assert_uint_eq(stats.epochs, next.epoch);
    ck_assert_uint_eq(stats.reopened, 0);
    culvert_close(session);
    trial_closed(trial_count(TRIAL_OPEN) - trial_failed(TRIAL_OPEN));
}
END_TEST

START_TEST(a_failure_at_a_new_size_is_said_once_and_the_next_frame_begins_the_epoch)
{
    culvert_session session = open_trial();
    play_pass(session, 1, KEY | EPOCH);
    trial_fail((enum trial_call)_i, 0, 1);
    ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, 2 * INTERVAL, 2, 0), 0);
    expect_failure(session, "told");
    ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, 3 * INTERVAL, 2, 0), 0);
    ck_assert_uint_eq(play_expect(session, 3, KEY | EPOCH).epoch, 2);
    culvert_close(session);
}
END_TEST

START_TEST(several_failures_between_two_receives_are_said_once)
{
    culvert_session session = open_trial();
    trial_fail(TRIAL_ENCODE, 1, 3);
    for (uint32_t i = 1; i <= 5; i++)
        play_submit(session, i, 0);
    while (stream_stats(session).settled < 5)
        play_sleep(1);
    culvert_finish(session);
    play_expect(session, 1, KEY | EPOCH);
    ck_assert_uint_eq(play_expect(session, 5, KEY | EPOCH).epoch, 2);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_E_CODEC);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_EOS);
    ck_assert_uint_eq(stream_stats(session).failed, 3);
    culvert_close(session);
}
END_TEST

START_TEST(encode_says_that_its_frame_failed_and_receive_does_not_repeat_it)
{
    culvert_session session = open_trial();
    uint8_t buffer[4096], *pixels = stream_pixels(WIDTH, HEIGHT, 1);
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, INTERVAL);
    struct culvert_packet packet = {.size = sizeof packet};
    size_t bytes;
    trial_fail(TRIAL_ENCODE, 0, 1);
    ck_assert_int_eq(culvert_encode(session, &frame, pixels, (size_t)4 * WIDTH * HEIGHT, buffer, sizeof buffer, &bytes,
                                    &packet, PATIENCE),
                     CULVERT_E_CODEC);
    free(pixels);
    ck_assert_int_eq(stream_receive(session, 20).result, CULVERT_E_AGAIN);
    play_pass(session, 2, KEY | EPOCH);
    culvert_close(session);
}
END_TEST

START_TEST(pictures_that_are_held_back_by_an_encoder_that_fails_fail_with_it)
{
    codec = trial_codec(2, CODEC_LIVE, CODEC_LIVE);
    culvert_session session = play_open(&codec);
    trial_fail((enum trial_call)_i, _i == TRIAL_ENCODE ? 4 : 0, 1);
    for (uint32_t i = 1; i <= 5; i++)
        play_submit(session, i, 0);
    culvert_finish(session);
    const uint32_t good = _i == TRIAL_ENCODE ? 2 : 3;
    for (uint32_t i = 1; i <= good; i++)
        play_expect(session, i, i == 1 ? KEY | EPOCH : 0);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_E_CODEC);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_EOS);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.encoded, good);
    ck_assert_uint_eq(stats.failed, 5 - good);
    culvert_close(session);
}
END_TEST

static const enum trial_call insertion_failures[] = {TRIAL_OPEN, TRIAL_ENCODE};

START_TEST(a_failed_insertion_is_not_tried_without_end)
{
    culvert_session session = open_trial();
    play_pass(session, 1, KEY | EPOCH);
    trial_fail(TRIAL_ENCODE, 0, 1);
    play_submit(session, 2, 0);
    expect_failure(session, "told to fail");
    trial_fail(insertion_failures[_i], 0, 1000000);
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    expect_failure(session, "told");
    play_sleep(200);
    ck_assert_uint_le(trial_count(TRIAL_OPEN), 4);
    trial_fail(insertion_failures[_i], 0, 0);
    ck_assert_uint_eq(stream_stats(session).failed, 1);
    play_pass(session, 3, KEY | EPOCH);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("failures");
    TCase *failure = add_case(suite, "failure");
    tcase_add_loop_test(failure, a_failure_is_said_once_and_the_stream_goes_on_with_a_new_epoch, 0, LENGTH(failures));
    tcase_add_loop_test(failure, a_failure_at_a_new_size_is_said_once_and_the_next_frame_begins_the_epoch, TRIAL_OPEN,
                        TRIAL_OPEN + 1);
    tcase_add_loop_test(failure, a_failure_at_a_new_size_is_said_once_and_the_next_frame_begins_the_epoch, TRIAL_ENCODE,
                        TRIAL_ENCODE + 1);
    tcase_add_test(failure, several_failures_between_two_receives_are_said_once);
    tcase_add_test(failure, encode_says_that_its_frame_failed_and_receive_does_not_repeat_it);
    tcase_add_loop_test(failure, pictures_that_are_held_back_by_an_encoder_that_fails_fail_with_it, TRIAL_ENCODE,
                        TRIAL_FLUSH + 1);
    tcase_add_loop_test(failure, a_failed_insertion_is_not_tried_without_end, 0, LENGTH(insertion_failures));
    return suite;
}
