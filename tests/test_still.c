#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "play.h"
#include "run.h"

#define FINE 20
#define COARSE 30
#define REFINED_AFTER 200000 /* microseconds */
#define HOUR 215996          /* frame intervals: the first number of them that is an hour or more */

static struct codec codec;

static culvert_session open_still(uint32_t policy, uint32_t refresh_ms, uint32_t flags)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.fine_qp = FINE;
    struct culvert_config config = play_config(&codec);
    config.policy = policy;
    config.slots = policy == CULVERT_POLICY_LATEST ? 0 : 16;
    config.refresh_ms = refresh_ms;
    config.flags = flags;
    return stream_open_with(&codec, &config);
}

static culvert_session open_repeats(uint32_t policy)
{
    return open_still(policy, CULVERT_NEVER, CULVERT_CONFIG_REPEATS);
}

/* ---- Repeats ----------------------------------------------------------------------------------------------------- */

START_TEST(a_repeated_frame_yields_no_packet_whoever_says_that_it_is_one)
{
    culvert_session session = open_still(CULVERT_POLICY_BLOCK, CULVERT_NEVER, 0);
    play_pass(session, 1, KEY | EPOCH);
    play_same(session, 2);
    ck_assert_int_eq(stream_submit(session, WIDTH, HEIGHT, PTS(3), 1, 0), 0);
    play_settled(session, 3);
    play_quiet(session);
    ck_assert_int_eq(play_pass(session, 4, 0).duration, 3 * INTERVAL);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.repeated, 2);
    ck_assert_uint_eq(stats.packets, 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_host_that_asks_for_it_gets_a_packet_of_no_bytes_for_each_repeat)
{
    culvert_session session = open_repeats(CULVERT_POLICY_BLOCK);
    struct culvert_packet first = play_pass(session, 1, KEY | EPOCH);
    const uint64_t bytes = stream_stats(session).bytes;
    for (uint32_t number = 2; number < 6; number++) {
        play_same(session, number);
        struct culvert_packet packet = play_expect(session, number, REPEATED);
        ck_assert_int_eq(packet.pts, PTS(number));
        ck_assert_int_eq(packet.duration, INTERVAL);
        ck_assert_uint_eq(packet.epoch, first.epoch);
        ck_assert_uint_eq(packet.width, WIDTH);
        ck_assert_uint_eq(packet.coded_height, HEIGHT);
        ck_assert_uint_eq(packet.aspect_num, first.aspect_num);
    }
    ck_assert_int_eq(play_pass(session, 6, 0).duration, INTERVAL);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.repeated, 4);
    ck_assert_uint_eq(stats.encoded, 2);
    ck_assert_uint_eq(stats.packets, 6);
    ck_assert_uint_eq(stats.bytes, 2 * bytes);
    ck_assert_uint_eq(stats.inserted, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_packet_of_no_bytes_is_received_into_no_buffer)
{
    culvert_session session = open_repeats(CULVERT_POLICY_BLOCK);
    play_pass(session, 1, KEY | EPOCH);
    play_same(session, 2);
    struct culvert_packet packet = {.size = sizeof packet};
    size_t bytes = 4711;
    ck_assert_int_eq(culvert_receive(session, NULL, 0, &bytes, &packet, PATIENCE), 0);
    ck_assert_uint_eq(bytes, 0);
    ck_assert_uint_eq(packet.flags, REPEATED | SLICES);
    play_quiet(session);
    culvert_close(session);
}
END_TEST

START_TEST(a_packet_of_no_bytes_is_lent_and_given_back)
{
    culvert_session session = open_repeats(CULVERT_POLICY_BLOCK);
    play_pass(session, 1, KEY | EPOCH);
    play_same(session, 2);
    struct culvert_packet packet = {.size = sizeof packet};
    culvert_loan loan;
    const void *data = NULL;
    size_t bytes = 4711;
    ck_assert_int_eq(culvert_peek(session, &loan, &data, &bytes, &packet, PATIENCE), 0);
    ck_assert_uint_eq(bytes, 0);
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(packet.flags, REPEATED | SLICES);
    play_pass(session, 3, 0);
    ck_assert_int_eq(culvert_release(loan), 0);
    culvert_close(session);
}
END_TEST

static int encode(culvert_session session, uint32_t number, uint32_t seed, struct culvert_packet *packet)
{
    static uint8_t buffer[TRIAL_UNIT_MOST];
    const struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, PTS(number));
    uint8_t *pixels = stream_pixels(WIDTH, HEIGHT, seed);
    size_t bytes;
    *packet = (struct culvert_packet){.size = sizeof *packet};
    const int result = culvert_encode(session, &frame, pixels, (size_t)4 * WIDTH * HEIGHT, buffer, sizeof buffer,
                                      &bytes, packet, PATIENCE);
    free(pixels);
    return result;
}

START_TEST(encode_says_that_a_frame_is_repeated_or_hands_its_empty_packet_out)
{
    struct culvert_packet packet;
    culvert_session session = _i ? open_repeats(CULVERT_POLICY_BLOCK) : open_still(CULVERT_POLICY_BLOCK, 0, 0);
    ck_assert_int_eq(encode(session, 1, 1, &packet), 0);
    ck_assert_int_eq(encode(session, 2, 1, &packet), _i ? 0 : CULVERT_REPEATED);
    ck_assert_uint_eq(packet.flags, _i ? REPEATED | SLICES : 0);
    culvert_close(session);
}
END_TEST

START_TEST(no_empty_packet_is_lost_or_overtaken_however_many_are_not_received)
{
    enum { MORE = 300 };
    culvert_session session = open_repeats(CULVERT_POLICY_BLOCK);
    play_submit(session, 1, 0);
    uint32_t number = 1;
    struct culvert_frame same = stream_frame(0, 0, 0);
    same.flags = CULVERT_FRAME_SAME;
    do {
        same.pts = PTS(number + 1);
    } while (culvert_submit(session, &same, NULL, 0) == 0 && ++number < MORE);
    ck_assert_uint_gt(number, 256);
    ck_assert_uint_lt(number, MORE);
    ck_assert_uint_eq(stream_stats(session).queued_packets, 256);
    for (uint32_t i = 1; i <= number; i++)
        play_expect(session, i, i == 1 ? KEY | EPOCH : REPEATED);
    play_pass(session, number + 1, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_repeat_takes_the_place_of_no_frame_that_was_not_encoded)
{
    struct trial_unit unit;
    culvert_session session = open_repeats(CULVERT_POLICY_LATEST);
    trial_hold();
    play_submit(session, 1, 0);
    trial_await_held();
    play_submit(session, 2, 0);
    play_same(session, 3);
    ck_assert_int_eq(stream_submit(session, WIDTH, HEIGHT, PTS(4), 2, 0), 0);
    trial_let_go();
    play_expect(session, 1, KEY | EPOCH);
    play_unit(session, 4, 0, &unit);
    ck_assert_uint_eq(unit.checksum, trial_checksum(WIDTH, HEIGHT, 2));
    play_same(session, 5);
    play_expect(session, 5, REPEATED);
    culvert_close(session);
}
END_TEST

/* ---- Refreshing -------------------------------------------------------------------------------------------------- */

START_TEST(a_host_that_repeats_its_frames_is_refreshed_by_their_pts)
{
    culvert_session session = open_still(CULVERT_POLICY_BLOCK, 3600000, _i ? CULVERT_CONFIG_REPEATS : 0);
    play_pass(session, 1, KEY | EPOCH);
    for (uint32_t hour = 1; hour < 4; hour++) {
        play_same(session, hour * HOUR);
        if (_i)
            play_expect(session, 2 * hour, REPEATED);
        play_same(session, hour * HOUR + 1);
        play_expect(session, 2 * hour + 1, 0);
    }
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.refreshed, 3);
    ck_assert_uint_eq(stats.encoded, 4);
    ck_assert_uint_eq(stats.repeated, 3);
    ck_assert_uint_eq(stats.refined, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_new_picture_after_a_long_time_is_no_refresh)
{
    culvert_session session = open_still(CULVERT_POLICY_BLOCK, 3600000, 0);
    play_pass(session, 1, KEY | EPOCH);
    play_submit(session, 2 * HOUR, 0);
    play_expect(session, 2, 0);
    ck_assert_uint_eq(stream_stats(session).refreshed, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_host_that_is_silent_is_refreshed_by_the_clock)
{
    culvert_session session = open_still(CULVERT_POLICY_BLOCK, 100, 0);
    const int64_t start = clock_now();
    struct culvert_packet packet = play_pass(session, 1, KEY | EPOCH);
    for (int64_t i = 1; i <= 5; i++) {
        const int64_t before = packet.pts;
        packet = play_expect(session, 1, INSERTED);
        ck_assert_int_ge(clock_now(), start + i * 100000);
        ck_assert_int_eq(packet.pts, before + 12);
        ck_assert_int_eq(packet.duration, 12);
    }
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_ge(stats.refreshed, 5);
    ck_assert_uint_eq(stats.refreshed, stats.inserted);
    ck_assert_uint_eq(stats.encoded, 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_picture_that_is_never_to_be_refreshed_is_not)
{
    culvert_session session = open_still(CULVERT_POLICY_BLOCK, CULVERT_NEVER, 0);
    play_pass(session, 1, KEY | EPOCH);
    for (uint32_t i = 1; i < 4; i++)
        play_same(session, i * HOUR);
    play_settled(session, 4);
    play_quiet(session);
    ck_assert_uint_eq(stream_stats(session).repeated, 3);
    culvert_close(session);
}
END_TEST

/* ---- Refining ---------------------------------------------------------------------------------------------------- */

START_TEST(a_coarse_picture_is_refined_after_a_while_and_twelve_times_at_most)
{
    culvert_session session = open_still(CULVERT_POLICY_BLOCK, CULVERT_NEVER, 0);
    trial_qp(COARSE);
    for (uint32_t number = 1; number < 3; number++) {
        const int64_t start = clock_now();
        play_pass(session, number, number == 1 ? KEY | EPOCH : 0);
        for (int64_t i = 0; i < 12; i++) {
            ck_assert_uint_eq(play_expect(session, number, INSERTED).qp, COARSE);
            ck_assert_int_ge(clock_now(), start + REFINED_AFTER + i * INTERVAL);
        }
        play_quiet(session);
    }
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.refined, 24);
    ck_assert_uint_eq(stats.inserted, 24);
    ck_assert_uint_eq(stats.refreshed, 0);
    culvert_close(session);
}
END_TEST

START_TEST(refining_stops_at_a_fine_quantiser)
{
    culvert_session session = open_still(CULVERT_POLICY_BLOCK, CULVERT_NEVER, 0);
    trial_qp(COARSE);
    play_pass(session, 1, KEY | EPOCH);
    trial_hold();
    trial_await_held();
    trial_qp(FINE);
    trial_let_go();
    ck_assert_uint_eq(play_expect(session, 1, INSERTED).qp, FINE);
    play_quiet(session);
    ck_assert_uint_eq(stream_stats(session).refined, 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_host_that_repeats_its_frames_is_refined_by_their_pts)
{
    culvert_session session = open_still(CULVERT_POLICY_BLOCK, CULVERT_NEVER, 0);
    trial_qp(COARSE);
    trial_hold();
    play_submit(session, 1, 0);
    trial_await_held();
    play_same(session, 2);
    play_same(session, 12); /* 183 ms */
    play_same(session, 13); /* 200 ms */
    play_same(session, 14);
    trial_let_go();
    play_expect(session, 1, KEY | EPOCH);
    play_expect(session, 4, 0);
    play_expect(session, 5, 0);
    ck_assert_uint_eq(stream_stats(session).repeated, 2);
    culvert_close(session);
}
END_TEST

static const struct {
    uint32_t flags, qp;
} contents[] = {{CULVERT_CONFIG_COARSE_STILLS, COARSE}, {0, FINE}, {0, 0}};

START_TEST(a_picture_that_is_good_enough_is_not_refined)
{
    culvert_session session = open_still(CULVERT_POLICY_BLOCK, CULVERT_NEVER, contents[_i].flags);
    trial_qp(contents[_i].qp);
    play_pass(session, 1, KEY | EPOCH);
    play_sleep(REFINED_AFTER / 1000 + 50);
    play_same(session, 50);
    play_settled(session, 2);
    ck_assert_uint_eq(trial_count(TRIAL_ENCODE), 1);
    ck_assert_uint_eq(stream_stats(session).repeated, 1);
    culvert_close(session);
}
END_TEST

START_TEST(nothing_is_refined_or_refreshed_while_nobody_watches)
{
    culvert_session session = open_still(CULVERT_POLICY_BLOCK, 20, 0);
    trial_qp(COARSE);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_pause(session, NULL), 0);
    /* A refresh may have been on its way. */
    play_same(session, 50);
    play_settled(session, 2);
    const uint32_t encoded = trial_count(TRIAL_ENCODE);
    play_sleep(REFINED_AFTER / 1000 + 50);
    ck_assert_uint_eq(trial_count(TRIAL_ENCODE), encoded);
    ck_assert_uint_eq(stream_stats(session).skipped, 1);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("still");
    TCase *repeats = add_case(suite, "repeats");
    tcase_add_test(repeats, a_repeated_frame_yields_no_packet_whoever_says_that_it_is_one);
    tcase_add_test(repeats, a_host_that_asks_for_it_gets_a_packet_of_no_bytes_for_each_repeat);
    tcase_add_test(repeats, a_packet_of_no_bytes_is_received_into_no_buffer);
    tcase_add_test(repeats, a_packet_of_no_bytes_is_lent_and_given_back);
    tcase_add_loop_test(repeats, encode_says_that_a_frame_is_repeated_or_hands_its_empty_packet_out, 0, 2);
    tcase_add_test(repeats, no_empty_packet_is_lost_or_overtaken_however_many_are_not_received);
    tcase_add_test(repeats, a_repeat_takes_the_place_of_no_frame_that_was_not_encoded);
    TCase *refreshing = add_case(suite, "refreshing");
    tcase_add_loop_test(refreshing, a_host_that_repeats_its_frames_is_refreshed_by_their_pts, 0, 2);
    tcase_add_test(refreshing, a_new_picture_after_a_long_time_is_no_refresh);
    tcase_add_test(refreshing, a_host_that_is_silent_is_refreshed_by_the_clock);
    tcase_add_test(refreshing, a_picture_that_is_never_to_be_refreshed_is_not);
    TCase *refining = add_case(suite, "refining");
    tcase_add_test(refining, a_coarse_picture_is_refined_after_a_while_and_twelve_times_at_most);
    tcase_add_test(refining, refining_stops_at_a_fine_quantiser);
    tcase_add_test(refining, a_host_that_repeats_its_frames_is_refined_by_their_pts);
    tcase_add_loop_test(refining, a_picture_that_is_good_enough_is_not_refined, 0, LENGTH(contents));
    tcase_add_test(refining, nothing_is_refined_or_refreshed_while_nobody_watches);
    return suite;
}
