#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "play.h"
#include "run.h"

#define LARGE_WIDTH 128
#define LARGE_HEIGHT 96
#define SMALL_WIDTH 32
#define SMALL_HEIGHT 24
#define RETRY_US 1000000

static struct codec codec;

/* Frames per second: so few that the next frame comes before one is inserted, or so many that one is inserted soon. */
enum pace { PATIENT = 1, HASTY = 60 };

static culvert_session open_slow(uint32_t resize, uint32_t warm, enum pace pace)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.opens_slowly = true;
    struct culvert_config config = play_config(&codec);
    config.resize = resize;
    config.warm = warm;
    config.fps_num = pace;
    return stream_open_with(&codec, &config);
}

/* The first frame was encoded; the second, a larger one, was scaled, and its encoder is being opened. */
static culvert_session open_opening(enum pace pace)
{
    culvert_session session = open_slow(CULVERT_RESIZE_BESIDE, 3, pace);
    play_pass(session, 1, KEY | EPOCH);
    trial_hold_open();
    play_sized(session, 2, LARGE_WIDTH, LARGE_HEIGHT);
    play_expect(session, 2, SCALED);
    trial_await_held();
    return session;
}

static void large(culvert_session session, uint32_t number)
{
    play_sized(session, number, LARGE_WIDTH, LARGE_HEIGHT);
}

static void small(culvert_session session, uint32_t number)
{
    play_sized(session, number, SMALL_WIDTH, SMALL_HEIGHT);
}

static void check_large(culvert_session session, uint64_t frame, uint32_t flags)
{
    struct trial_unit unit;
    const struct culvert_packet packet = play_unit(session, frame, flags, &unit);
    ck_assert_uint_eq(packet.width, LARGE_WIDTH);
    ck_assert_uint_eq(packet.coded_height, LARGE_HEIGHT);
    ck_assert_uint_eq(packet.epoch, 2);
    ck_assert_uint_eq(unit.checksum, trial_checksum(LARGE_WIDTH, LARGE_HEIGHT, (uint32_t)frame));
}

/* All that was opened is closed with the session. */
static void close_all(culvert_session session)
{
    ck_assert_int_eq(culvert_close(session), 0);
    trial_closed(trial_count(TRIAL_OPEN) - trial_failed(TRIAL_OPEN));
}

/* ---- Beside the stream ------------------------------------------------------------------------------------------- */

START_TEST(frames_go_on_scaled_until_the_encoder_of_their_size_is_ready)
{
    struct trial_unit units[3];
    culvert_session session = open_opening(PATIENT);
    for (uint32_t number = 3; number < 6; number++) {
        large(session, number);
        const struct culvert_packet packet = play_unit(session, number, SCALED, &units[number - 3]);
        ck_assert_uint_eq(packet.width, WIDTH);
        ck_assert_uint_eq(packet.coded_height, HEIGHT);
        ck_assert_uint_eq(packet.aspect_num * LARGE_HEIGHT, packet.aspect_den * LARGE_WIDTH);
        ck_assert_uint_eq(packet.epoch, 1);
        ck_assert_uint_eq(units[number - 3].width, WIDTH);
    }
    ck_assert_uint_ne(units[0].checksum, units[1].checksum);
    ck_assert_uint_ne(units[1].checksum, units[2].checksum);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    trial_let_go();
    play_open_encoders(session, 2);
    large(session, 6);
    check_large(session, 6, KEY | EPOCH);
    large(session, 7);
    check_large(session, 7, 0);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.scaled, 4);
    ck_assert_uint_eq(stats.epochs, 2);
    close_all(session);
}
END_TEST

static void wide(culvert_session session, uint32_t number)
{
    uint8_t *pixels = stream_pixels(WIDTH, HEIGHT, number);
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, PTS(number));
    frame.aspect_num = 16;
    frame.aspect_den = 9;
    ck_assert_int_eq(culvert_submit(session, &frame, pixels, (size_t)WIDTH * HEIGHT * 4), 0);
    free(pixels);
}

START_TEST(another_aspect_alone_waits_for_its_encoder_too)
{
    culvert_session session = open_slow(CULVERT_RESIZE_BESIDE, 3, HASTY);
    play_pass(session, 1, KEY | EPOCH);
    trial_hold_open();
    wide(session, 2);
    ck_assert_uint_eq(play_expect(session, 2, SCALED).aspect_num, 16);
    trial_await_held();
    trial_let_go();
    ck_assert_uint_eq(play_expect(session, 2, KEY | EPOCH | INSERTED).aspect_num, 16);
    close_all(session);
}
END_TEST

START_TEST(the_new_epoch_is_inserted_when_no_frame_comes)
{
    culvert_session session = open_opening(HASTY);
    if (_i) {
        play_same(session, 3);
        play_settled(session, 3);
    }
    play_quiet(session);
    trial_let_go();
    struct trial_unit unit;
    play_unit(session, 2 + (uint64_t)_i, KEY | EPOCH | INSERTED, &unit);
    ck_assert_uint_eq(unit.checksum, trial_checksum(LARGE_WIDTH, LARGE_HEIGHT, 2));
    play_quiet(session);
    close_all(session);
}
END_TEST

START_TEST(a_key_frame_that_is_asked_for_meanwhile_comes_at_the_present_size)
{
    culvert_session session = open_opening(PATIENT);
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    large(session, 3);
    play_expect(session, 3, KEY | SCALED);
    trial_let_go();
    close_all(session);
}
END_TEST

/* Small frames, from this number on, until one begins an epoch; returns that one's number. */
static uint32_t await_small(culvert_session session, uint32_t number)
{
    for (;; number++) {
        small(session, number);
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_eq(unit.packet.frame, number);
        if (unit.packet.flags == (KEY | EPOCH | SLICES))
            return number;
        ck_assert_uint_eq(unit.packet.flags, SCALED | SLICES);
        play_sleep(1);
    }
}

START_TEST(another_size_while_one_opens_is_opened_behind_it)
{
    culvert_session session = open_opening(PATIENT);
    small(session, 3);
    play_expect(session, 3, SCALED);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    trial_let_go();
    const uint32_t number = await_small(session, 4) + 1;
    ck_assert_uint_eq(trial_recorded(TRIAL_OPEN, 1).geometry.width, LARGE_WIDTH);
    ck_assert_uint_eq(trial_recorded(TRIAL_OPEN, 2).geometry.width, SMALL_WIDTH);
    large(session, number);
    play_expect(session, number, KEY | EPOCH);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 3);
    close_all(session);
}
END_TEST

START_TEST(another_size_while_one_opens_is_reached_though_no_further_frame_comes)
{
    culvert_session session = open_opening(HASTY);
    small(session, 3);
    play_expect(session, 3, SCALED);
    trial_let_go();
    ck_assert_uint_eq(play_expect(session, 3, KEY | EPOCH | INSERTED).width, SMALL_WIDTH);
    close_all(session);
}
END_TEST

START_TEST(back_at_the_old_size_nothing_changes_and_the_new_encoder_is_kept)
{
    culvert_session session = open_opening(PATIENT);
    play_pass(session, 3, 0);
    trial_let_go();
    play_open_encoders(session, 2);
    play_pass(session, 4, 0);
    large(session, 5);
    play_expect(session, 5, KEY | EPOCH);
    ck_assert_uint_eq(stream_stats(session).scaled, 1);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    close_all(session);
}
END_TEST

/* ---- Openings that fail ------------------------------------------------------------------------------------------ */

static culvert_session open_failed(enum pace pace)
{
    char line[256];
    while (culvert_log_read(line, sizeof line) == 0) {
    }
    culvert_session session = open_slow(CULVERT_RESIZE_BESIDE, 3, pace);
    play_pass(session, 1, KEY | EPOCH);
    trial_fail(TRIAL_OPEN, 0, 1);
    small(session, 2);
    play_expect(session, 2, SCALED);
    do {
        ck_assert_int_eq(culvert_error_text(session, line, sizeof line), 0);
        play_sleep(1);
    } while (strstr(line, "told not to open") == NULL);
    return session;
}

static bool is_logged(const char *wanted)
{
    char line[256];
    while (culvert_log_read(line, sizeof line) == 0)
        if (strstr(line, wanted) != NULL)
            return true;
    return false;
}

START_TEST(an_encoder_that_does_not_open_costs_no_frame_and_is_tried_again_a_second_later)
{
    const int64_t start = clock_now();
    culvert_session session = open_failed(PATIENT);
    ck_assert(is_logged("told not to open"));
    await_small(session, 3);
    ck_assert_int_ge(clock_now() - start, RETRY_US);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 3);
    ck_assert_uint_eq(stream_stats(session).failed, 0);
    close_all(session);
}
END_TEST

START_TEST(an_encoder_that_did_not_open_is_tried_again_though_no_further_frame_comes)
{
    const int64_t start = clock_now();
    culvert_session session = open_failed(HASTY);
    play_expect(session, 2, KEY | EPOCH | INSERTED);
    ck_assert_int_ge(clock_now() - start, RETRY_US);
    close_all(session);
}
END_TEST

/* ---- The end of a session whose encoder opens -------------------------------------------------------------------- */

static void *close_session(void *argument)
{
    close_all(*(culvert_session *)argument);
    return NULL;
}

START_TEST(a_session_closes_while_an_encoder_opens)
{
    culvert_session session = open_opening(PATIENT);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, close_session, &session), 0);
    play_sleep(20);
    trial_let_go();
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(a_session_finishes_while_an_encoder_opens)
{
    culvert_session session = open_opening(PATIENT);
    large(session, 3);
    ck_assert_int_eq(culvert_finish(session), 0);
    play_expect(session, 3, SCALED);
    trial_let_go();
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_EOS);
    close_all(session);
}
END_TEST

START_TEST(a_session_that_is_paused_while_an_encoder_opens_resumes_with_it)
{
    culvert_session session = open_opening(HASTY);
    ck_assert_int_eq(culvert_pause(session, NULL), 0);
    large(session, 3);
    play_settled(session, 3);
    trial_let_go();
    play_open_encoders(session, 2);
    play_quiet(session);
    ck_assert_int_eq(culvert_resume(session, NULL), 0);
    check_large(session, 3, KEY | EPOCH | INSERTED);
    close_all(session);
}
END_TEST

/* ---- Encoders that are kept open --------------------------------------------------------------------------------- */

START_TEST(the_stream_waits_for_an_encoder_that_is_opened_at_once)
{
    culvert_session session = open_slow(CULVERT_RESIZE_AT_ONCE, 3, PATIENT);
    play_pass(session, 1, KEY | EPOCH);
    trial_hold_open();
    large(session, 2);
    trial_await_held();
    play_quiet(session);
    trial_let_go();
    check_large(session, 2, KEY | EPOCH);
    ck_assert_uint_eq(stream_stats(session).scaled, 0);
    close_all(session);
}
END_TEST

static const struct {
    uint32_t warm, sizes;
} turns[] = {{1, 2}, {2, 2}, {2, 3}, {3, 3}, {3, 4}, {8, 8}, {8, 9}};

static uint32_t open_now(void)
{
    return trial_count(TRIAL_OPEN) - trial_count(TRIAL_CLOSE);
}

START_TEST(as_many_encoders_stay_open_as_are_wanted_and_the_last_sizes_find_theirs)
{
    enum { ROUNDS = 4 };
    const uint32_t warm = turns[_i].warm, sizes = turns[_i].sizes;
    culvert_session session = open_slow(CULVERT_RESIZE_AT_ONCE, warm, PATIENT);
    for (uint32_t number = 1; number <= ROUNDS * sizes; number++) {
        play_sized(session, number, WIDTH + 16 * (number % sizes), HEIGHT);
        play_expect(session, number, KEY | EPOCH);
        ck_assert_uint_le(open_now(), warm);
    }
    play_open_encoders(session, warm);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), sizes <= warm ? sizes : ROUNDS * sizes);
    ck_assert_uint_eq(open_now(), warm);
    close_all(session);
}
END_TEST

/* The one that opens needs the present one beside it, even where a single one is to stay. */
START_TEST(encoders_that_are_opened_beside_the_stream_are_bounded_as_well)
{
    const uint32_t warm = turns[_i].warm, sizes = turns[_i].sizes, most = warm == 1 ? 2 : warm;
    culvert_session session = open_slow(CULVERT_RESIZE_BESIDE, warm, HASTY);
    play_sized(session, 1, WIDTH, HEIGHT);
    play_expect(session, 1, KEY | EPOCH);
    for (uint32_t number = 2; number <= 2 * sizes; number++) {
        play_sized(session, number, WIDTH + 16 * ((number - 1) % sizes), HEIGHT);
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        if (unit.packet.flags & SCALED)
            play_expect(session, number, KEY | EPOCH | INSERTED);
        ck_assert_uint_le(stream_stats(session).open_encoders, most);
    }
    play_open_encoders(session, warm);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), sizes <= warm ? sizes : 2 * sizes);
    close_all(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("resize");
    TCase *beside = add_case(suite, "beside the stream");
    tcase_add_test(beside, frames_go_on_scaled_until_the_encoder_of_their_size_is_ready);
    tcase_add_loop_test(beside, the_new_epoch_is_inserted_when_no_frame_comes, 0, 2);
    tcase_add_test(beside, another_aspect_alone_waits_for_its_encoder_too);
    tcase_add_test(beside, a_key_frame_that_is_asked_for_meanwhile_comes_at_the_present_size);
    tcase_add_test(beside, another_size_while_one_opens_is_opened_behind_it);
    tcase_add_test(beside, another_size_while_one_opens_is_reached_though_no_further_frame_comes);
    tcase_add_test(beside, back_at_the_old_size_nothing_changes_and_the_new_encoder_is_kept);
    TCase *failures = add_case(suite, "failures");
    tcase_add_test(failures, an_encoder_that_does_not_open_costs_no_frame_and_is_tried_again_a_second_later);
    tcase_add_test(failures, an_encoder_that_did_not_open_is_tried_again_though_no_further_frame_comes);
    TCase *ends = add_case(suite, "ends");
    tcase_add_test(ends, a_session_closes_while_an_encoder_opens);
    tcase_add_test(ends, a_session_finishes_while_an_encoder_opens);
    tcase_add_test(ends, a_session_that_is_paused_while_an_encoder_opens_resumes_with_it);
    TCase *warm = add_case(suite, "warm");
    tcase_add_test(warm, the_stream_waits_for_an_encoder_that_is_opened_at_once);
    tcase_add_loop_test(warm, as_many_encoders_stay_open_as_are_wanted_and_the_last_sizes_find_theirs, 0,
                        LENGTH(turns));
    tcase_add_loop_test(warm, encoders_that_are_opened_beside_the_stream_are_bounded_as_well, 0, LENGTH(turns));
    return suite;
}
