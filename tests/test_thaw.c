#include "base/clock.h"
#include "play.h"
#include "run.h"
#include "session/budget.h"

/* Pictures that stand still and debts that must be paid: how streams come to move again, and what packets then tell. */

#define KBPS 100
#define COARSE 30
#define KEY_BYTES 9000  /* 720 ms of the bitrate, */
#define RELIEF_MS 500   /* less the burst of 70 ms and the 150 that may be overdrawn */
#define RELIEVED 31     /* the first frame behind number 1 that is so much later */
#define SMALL_BYTES 200 /* almost a frame's share at 60 per second */
#define LEAD_FRAMES 15  /* of 250 ms */
#define REFRESHED_MS 200
#define PAUSE_BYTES 1250 /* of a key frame after which others on request wait for 200 ms */
#define PAUSE_MS 200

static struct codec codec;

static culvert_session open_thaw(uint32_t refresh_ms, uint32_t flags)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.keeps_rate = true;
    codec.fine_qp = COARSE - 1;
    struct culvert_config config = play_config(&codec);
    config.bitrate_kbps = KBPS;
    config.refresh_ms = refresh_ms;
    config.flags = flags;
    return stream_open_with(&codec, &config);
}

/* ---- Budget ------------------------------------------------------------------------------------------------------ */

/* Of frames of these numbers, and of those before. */
static uint64_t dropped_of(culvert_session session, uint32_t first, uint32_t last)
{
    for (uint32_t number = first; number <= last; number++) {
        play_submit(session, number, 0);
        play_settled(session, number);
    }
    return stream_stats(session).dropped;
}

START_TEST(what_was_spent_by_order_is_forgiven_beyond_the_most_and_nothing_else_is)
{
    const struct codec_rate rate = {.bitrate_kbps = KBPS, .burst_ms = 70, .fps_num = 60, .fps_den = 1};
    struct budget budget;
    budget_init(&budget);
    budget_fill(&budget, 0, &rate);
    budget_spend(&budget, KBPS * (70 + BUDGET_DEBT_MS), true);
    ck_assert_double_eq(budget.bits, -KBPS * BUDGET_DEBT_MS);
    budget_spend(&budget, UINT64_C(1) << 40, true);
    ck_assert_double_eq(budget.bits, -KBPS * BUDGET_DEBT_MOST_MS);
    budget_spend(&budget, 50000, false);
    ck_assert_double_eq(budget.bits, -KBPS * BUDGET_DEBT_MOST_MS - 50000);
}
END_TEST

START_TEST(key_frames_that_a_host_insists_on_cost_a_second_of_frames_at_most)
{
    culvert_session session = open_thaw(CULVERT_NEVER, 0);
    trial_sizes(KEY_BYTES, SMALL_BYTES);
    for (uint32_t number = 1; number <= 10; number++) {
        play_submit(session, number, CULVERT_FRAME_KEY);
        play_expect(session, number, number == 1 ? KEY | EPOCH : KEY);
    }
    const uint64_t dropped = dropped_of(session, 11, 130);
    ck_assert_uint_ge(dropped, 20);
    ck_assert_uint_le(dropped, 60);
    culvert_close(session);
}
END_TEST

START_TEST(frames_whose_pts_stood_while_the_host_was_silent_are_not_dropped_for_as_long)
{
    culvert_session session = open_thaw(100, 0);
    trial_sizes(SMALL_BYTES, SMALL_BYTES);
    play_pass(session, 1, KEY | EPOCH);
    for (int i = 0; i < 10; i++)
        play_expect(session, 1, INSERTED);
    ck_assert_uint_le(dropped_of(session, 2, 60), LEAD_FRAMES);
    culvert_close(session);
}
END_TEST

/* Refreshed, or else refined: either would come sooner, were there no budget. */
static culvert_session open_overdrawn(bool refreshed)
{
    culvert_session session = open_thaw(refreshed ? REFRESHED_MS : CULVERT_NEVER, 0);
    trial_sizes(KEY_BYTES, SMALL_BYTES);
    trial_qp(refreshed ? 0 : COARSE);
    return session;
}

START_TEST(a_still_picture_is_not_encoded_again_before_the_bitrate_has_paid_for_it)
{
    culvert_session session = open_overdrawn(_i);
    const int64_t start = clock_now();
    play_pass(session, 1, KEY | EPOCH);
    play_expect(session, 1, INSERTED);
    ck_assert_int_ge(clock_now() - start, RELIEF_MS * 1000);
    ck_assert_uint_eq(stream_stats(session).dropped, 0);
    culvert_close(session);
}
END_TEST

START_TEST(frames_that_repeat_a_picture_that_is_not_paid_for_are_not_dropped)
{
    culvert_session session = open_overdrawn(_i);
    trial_hold();
    play_submit(session, 1, 0);
    trial_await_held();
    for (uint32_t number = 2; number < RELIEVED; number += 4)
        play_same(session, number);
    play_same(session, RELIEVED);
    trial_let_go();
    play_expect(session, 1, KEY | EPOCH);
    play_expect(session, 10, 0);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.repeated, 8);
    ck_assert_uint_eq(stats.dropped, 0);
    culvert_close(session);
}
END_TEST

/* ---- What packets tell ------------------------------------------------------------------------------------------- */

START_TEST(a_refresh_waited_since_it_fell_due_and_not_since_the_frame_came)
{
    culvert_session session = open_thaw(REFRESHED_MS, 0);
    const int64_t start = clock_now();
    play_pass(session, 1, KEY | EPOCH);
    const uint32_t wait_us = play_expect(session, 1, INSERTED).wait_us;
    ck_assert_int_le(wait_us, clock_now() - start - REFRESHED_MS * 1000);
    culvert_close(session);
}
END_TEST

START_TEST(a_key_frame_on_request_waited_since_the_governor_let_it_pass)
{
    culvert_session session = open_thaw(CULVERT_NEVER, 0);
    trial_sizes(PAUSE_BYTES, SMALL_BYTES);
    const int64_t start = clock_now();
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    const uint32_t wait_us = play_expect(session, 1, KEY | INSERTED).wait_us;
    ck_assert_int_le(wait_us, clock_now() - start - PAUSE_MS * 1000);
    culvert_close(session);
}
END_TEST

START_TEST(a_packet_of_no_bytes_tells_the_layer_of_the_one_before)
{
    static const uint32_t units[][2] = {{0, 1}, {2, 1}, {1, 1}, {0, 2}};
    culvert_session session = open_thaw(CULVERT_NEVER, CULVERT_CONFIG_REPEATS);
    for (uint32_t i = 0; i < LENGTH(units); i++) {
        trial_layer(units[i][0], units[i][1]);
        play_pass(session, 3 * i + 1, i == 0 ? KEY | EPOCH : 0);
        for (uint32_t again = 2; again <= 3; again++) {
            play_same(session, 3 * i + again);
            const struct culvert_packet packet = play_expect(session, 3 * i + again, REPEATED);
            ck_assert_uint_eq(packet.layer, units[i][0]);
            ck_assert_uint_eq(packet.tl0, units[i][1]);
        }
    }
    culvert_close(session);
}
END_TEST

/* A frame, or a repeat, whose pts is behind that of what was inserted before it. */
START_TEST(no_duration_is_negative_when_the_next_pts_rises_by_less_than_an_inserted_one)
{
    culvert_session session = open_thaw(20, CULVERT_CONFIG_REPEATS);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_gt(play_expect(session, 1, INSERTED).pts, PTS(1) + 5);
    ck_assert_int_eq(stream_submit(session, WIDTH, HEIGHT, PTS(1) + 5, 1 + (uint32_t)_i, 0), 0);
    struct stream_unit unit;
    do {
        unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_int_ge(unit.packet.duration, 0);
    } while (unit.packet.frame == 1);
    ck_assert_int_eq(unit.packet.pts, PTS(1) + 5);
    ck_assert_int_eq(unit.packet.duration, 0);
    ck_assert_uint_eq(unit.bytes > 0, (uint32_t)_i);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("thaw");
    TCase *budget = add_case(suite, "budget");
    tcase_add_test(budget, what_was_spent_by_order_is_forgiven_beyond_the_most_and_nothing_else_is);
    tcase_add_test(budget, key_frames_that_a_host_insists_on_cost_a_second_of_frames_at_most);
    tcase_add_test(budget, frames_whose_pts_stood_while_the_host_was_silent_are_not_dropped_for_as_long);
    tcase_add_loop_test(budget, a_still_picture_is_not_encoded_again_before_the_bitrate_has_paid_for_it, 0, 2);
    tcase_add_loop_test(budget, frames_that_repeat_a_picture_that_is_not_paid_for_are_not_dropped, 0, 2);
    TCase *packets = add_case(suite, "packets");
    tcase_add_test(packets, a_refresh_waited_since_it_fell_due_and_not_since_the_frame_came);
    tcase_add_test(packets, a_key_frame_on_request_waited_since_the_governor_let_it_pass);
    tcase_add_test(packets, a_packet_of_no_bytes_tells_the_layer_of_the_one_before);
    tcase_add_loop_test(packets, no_duration_is_negative_when_the_next_pts_rises_by_less_than_an_inserted_one, 0, 2);
    return suite;
}
