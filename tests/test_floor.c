#include <stdlib.h>

#include "base/clock.h"
#include "play.h"
#include "run.h"

#define KBPS 100
#define BURST_BITS (KBPS * 70) /* 70 ms, the default */
#define UNIT_BITS 8000         /* of an access unit: almost five frames' share at 60 per second */
#define SECONDS 10
#define FRAMES (SECONDS * 60)

static struct codec codec;

/* Frames per second: so few that the next frame comes before one is inserted, or so many that one is inserted soon. */
enum pace { PATIENT = 1, HASTY = 60 };

static culvert_session open_floor(uint32_t floor, enum pace pace)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.keeps_rate = true;
    struct culvert_config config = play_config(&codec);
    config.bitrate_kbps = KBPS;
    config.floor = floor;
    config.fps_num = pace;
    culvert_session session = stream_open_with(&codec, &config);
    trial_sizes(UNIT_BITS / 8, UNIT_BITS / 8);
    return session;
}

/* The first frame takes so much that there is room for none until 100 ms after it: for the sixth behind it. */
static culvert_session open_overdrawn(void)
{
    culvert_session session = open_floor(CULVERT_FLOOR_DROP, PATIENT);
    trial_sizes(4000, sizeof(struct trial_unit));
    play_pass(session, 1, KEY | EPOCH);
    return session;
}

/* ---- Over time --------------------------------------------------------------------------------------------------- */

/* Frames of these numbers pass, whether there are packets for them or not; returns how many overshot so far. */
static uint64_t pass_frames(culvert_session session, uint32_t first, uint32_t last)
{
    for (uint32_t number = first; number <= last; number++) {
        play_submit(session, number, 0);
        play_settled(session, number);
        stream_receive(session, 0);
    }
    return stream_stats(session).overshot;
}

/* Bits of the packets of each frame, 0 where there is none. */
static uint64_t run_frames(culvert_session session, uint64_t bits[FRAMES + 1])
{
    uint64_t sum = 0;
    for (uint32_t number = 1; number <= FRAMES; number++) {
        play_submit(session, number, 0);
        play_settled(session, number);
        const struct stream_unit unit = stream_receive(session, 0);
        ck_assert(unit.result == 0 || unit.result == CULVERT_E_AGAIN);
        bits[number] = unit.result == 0 ? 8 * unit.bytes : 0;
        sum += bits[number];
    }
    return sum;
}

START_TEST(no_window_of_three_seconds_holds_more_than_a_tenth_above_the_bitrate)
{
    enum { WINDOW = 3 * 60 };
    uint64_t bits[FRAMES + 1];
    culvert_session session = open_floor(CULVERT_FLOOR_DROP, PATIENT);
    const uint64_t sum = run_frames(session, bits);
    for (uint32_t first = 60; first + WINDOW <= FRAMES + 1; first++) {
        uint64_t window = 0;
        for (uint32_t i = 0; i < WINDOW; i++)
            window += bits[first + i];
        ck_assert_uint_le(window, 1100 * 3 * KBPS);
    }
    ck_assert_uint_ge(sum, 950 * SECONDS * KBPS);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.encoded, sum / UNIT_BITS);
    ck_assert_uint_eq(stats.dropped, FRAMES - stats.encoded);
    ck_assert_uint_eq(stats.overshot, 0);
    ck_assert_uint_eq(stats.inserted, 0);
    ck_assert_uint_ge(stats.sent_kbps, KBPS * 85 / 100);
    ck_assert_uint_le(stats.sent_kbps, KBPS * 115 / 100);
    culvert_close(session);
}
END_TEST

START_TEST(a_session_that_is_to_overshoot_drops_nothing_and_counts_what_went_over)
{
    uint64_t bits[FRAMES + 1];
    culvert_session session = open_floor(CULVERT_FLOOR_OVERSHOOT, PATIENT);
    ck_assert_uint_eq(run_frames(session, bits), (uint64_t)FRAMES * UNIT_BITS);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.encoded, FRAMES);
    ck_assert_uint_eq(stats.dropped, 0);
    /* All but those that the burst and what may be overdrawn had room for. */
    ck_assert_uint_ge(stats.overshot, FRAMES - 6);
    ck_assert_uint_lt(stats.overshot, FRAMES);
    /* 60 of them in a second. */
    ck_assert_uint_ge(stats.sent_kbps, 60 * UNIT_BITS / 1000 - 10);
    ck_assert_uint_le(stats.sent_kbps, 60 * UNIT_BITS / 1000 + 10);
    culvert_close(session);
}
END_TEST

START_TEST(a_session_that_overshot_is_within_its_bitrate_about_a_second_after_it_ends)
{
    enum { WILD = 5 * 60 };
    culvert_session session = open_floor(CULVERT_FLOOR_OVERSHOOT, PATIENT);
    const uint64_t wild = pass_frames(session, 1, WILD);
    ck_assert_uint_ge(wild, WILD - 6);
    trial_sizes(sizeof(struct trial_unit), sizeof(struct trial_unit));
    ck_assert_uint_eq(pass_frames(session, WILD + 1, WILD + 45), wild + 45);
    const uint64_t calm = pass_frames(session, WILD + 46, WILD + 75);
    ck_assert_uint_eq(pass_frames(session, WILD + 76, WILD + 120), calm);
    culvert_close(session);
}
END_TEST

START_TEST(a_stream_within_its_bitrate_is_left_alone)
{
    uint64_t bits[FRAMES + 1];
    culvert_session session = open_floor((uint32_t)_i, PATIENT);
    trial_sizes(200, 200);
    run_frames(session, bits);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.encoded, FRAMES);
    ck_assert_uint_eq(stats.overshot, 0);
    ck_assert_uint_ge(stats.sent_kbps, 94);
    ck_assert_uint_le(stats.sent_kbps, 98);
    culvert_close(session);
}
END_TEST

START_TEST(a_codec_without_a_rate_to_keep_is_left_alone)
{
    uint64_t bits[FRAMES + 1];
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = play_config(&codec);
    config.bitrate_kbps = 1;
    culvert_session session = stream_open_with(&codec, &config);
    run_frames(session, bits);
    ck_assert_uint_eq(stream_stats(session).encoded, FRAMES);
    ck_assert_uint_eq(stream_stats(session).overshot, 0);
    culvert_close(session);
}
END_TEST

/* ---- What is dropped --------------------------------------------------------------------------------------------- */

START_TEST(frames_are_dropped_until_the_bitrate_has_paid_for_those_before)
{
    culvert_session session = open_overdrawn();
    for (uint32_t number = 2; number <= 6; number++)
        play_submit(session, number, 0);
    ck_assert_int_eq(play_pass(session, 7, 0).duration, PTS(7) - PTS(1));
    ck_assert_uint_eq(stream_stats(session).dropped, 5);
    ck_assert_uint_eq(trial_count(TRIAL_ENCODE), 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_higher_bitrate_pays_sooner)
{
    culvert_session session = open_overdrawn();
    play_submit(session, 2, 0);
    play_settled(session, 2);
    ck_assert_int_eq(culvert_set_bitrate(session, 2 * KBPS, NULL), 0);
    play_pass(session, 3, 0);
    ck_assert_uint_eq(stream_stats(session).dropped, 1);
    culvert_close(session);
}
END_TEST

START_TEST(key_frames_and_recoveries_are_never_dropped)
{
    culvert_session session = open_overdrawn();
    for (uint32_t number = 2; number < 10; number += 4) {
        play_submit(session, number, 0);
        play_submit(session, number + 1, CULVERT_FRAME_KEY);
        play_expect(session, number + 1, KEY);
        play_submit(session, number + 2, 0);
        play_settled(session, number + 2);
        ck_assert_int_eq(culvert_report_loss(session, 0, NULL), 0);
        play_pass(session, number + 3, RECOVERY);
    }
    ck_assert_uint_eq(stream_stats(session).dropped, 4);
    culvert_close(session);
}
END_TEST

START_TEST(encode_says_that_its_frame_was_dropped)
{
    culvert_session session = open_overdrawn();
    uint8_t buffer[TRIAL_UNIT_MOST], *pixels = stream_pixels(WIDTH, HEIGHT, 2);
    const struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, PTS(2));
    size_t bytes = 4711;
    ck_assert_int_eq(culvert_encode(session, &frame, pixels, (size_t)4 * WIDTH * HEIGHT, buffer, sizeof buffer, &bytes,
                                    NULL, PATIENCE),
                     CULVERT_DROPPED);
    ck_assert_uint_eq(bytes, 4711);
    free(pixels);
    culvert_close(session);
}
END_TEST

START_TEST(the_last_picture_of_a_burst_is_caught_up_with)
{
    struct trial_unit unit;
    const int64_t start = clock_now();
    culvert_session session = open_floor(CULVERT_FLOOR_DROP, HASTY);
    trial_sizes(4000, sizeof(struct trial_unit));
    trial_hold();
    play_submit(session, 1, 0);
    trial_await_held();
    play_submit(session, 2, 0);
    play_submit(session, 3, 0);
    if (_i)
        play_same(session, 4);
    trial_let_go();
    play_expect(session, 1, KEY | EPOCH);
    play_unit(session, 3 + (uint64_t)_i, INSERTED, &unit);
    /* 100 ms of media time after the first frame; of these, two or three frame intervals had passed by pts. */
    ck_assert_int_ge(clock_now() - start, 100000 - 3 * INTERVAL);
    ck_assert_uint_eq(unit.checksum, trial_checksum(WIDTH, HEIGHT, 3));
    play_quiet(session);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.dropped, 2 + (uint64_t)_i);
    ck_assert_uint_eq(stats.inserted, 1);
    ck_assert_uint_eq(stats.refined + stats.refreshed + stats.overshot, 0);
    culvert_close(session);
}
END_TEST

START_TEST(the_first_frame_of_an_epoch_that_is_dropped_begins_it_later)
{
    culvert_session session = open_overdrawn();
    for (uint32_t number = 2; number <= 7; number++)
        play_sized(session, number, 2 * WIDTH, HEIGHT);
    play_expect(session, 7, KEY | EPOCH);
    ck_assert_uint_eq(stream_stats(session).dropped, 5);
    culvert_close(session);
}
END_TEST

START_TEST(a_new_encoder_begins_with_what_is_left_of_the_burst)
{
    culvert_session session = open_floor(CULVERT_FLOOR_DROP, PATIENT);
    trial_sizes(500, 500);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_double_eq_tol(trial_recorded(TRIAL_OPEN, 0).fill, 1, 1e-9);
    play_sized(session, 2, 2 * WIDTH, HEIGHT);
    play_expect(session, 2, KEY | EPOCH);
    const double left = BURST_BITS - 500 * 8 + KBPS * INTERVAL / 1000.0;
    ck_assert_double_eq_tol(trial_recorded(TRIAL_OPEN, 1).fill, left / BURST_BITS, 1e-6);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("floor");
    TCase *time = add_case(suite, "over time");
    tcase_add_test(time, no_window_of_three_seconds_holds_more_than_a_tenth_above_the_bitrate);
    tcase_add_test(time, a_session_that_is_to_overshoot_drops_nothing_and_counts_what_went_over);
    tcase_add_test(time, a_session_that_overshot_is_within_its_bitrate_about_a_second_after_it_ends);
    tcase_add_loop_test(time, a_stream_within_its_bitrate_is_left_alone, CULVERT_FLOOR_DROP,
                        CULVERT_FLOOR_OVERSHOOT + 1);
    tcase_add_test(time, a_codec_without_a_rate_to_keep_is_left_alone);
    TCase *dropped = add_case(suite, "dropped");
    tcase_add_test(dropped, frames_are_dropped_until_the_bitrate_has_paid_for_those_before);
    tcase_add_test(dropped, a_higher_bitrate_pays_sooner);
    tcase_add_test(dropped, key_frames_and_recoveries_are_never_dropped);
    tcase_add_test(dropped, encode_says_that_its_frame_was_dropped);
    tcase_add_loop_test(dropped, the_last_picture_of_a_burst_is_caught_up_with, 0, 2);
    tcase_add_test(dropped, the_first_frame_of_an_epoch_that_is_dropped_begins_it_later);
    tcase_add_test(dropped, a_new_encoder_begins_with_what_is_left_of_the_burst);
    return suite;
}
