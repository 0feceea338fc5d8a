#include <pthread.h>

#include "base/clock.h"
#include "play.h"
#include "run.h"
#include "session/keys.h"

#define KBPS 100 /* a kilobyte takes 80 ms of it */

static struct codec codec;

/* A codec whose key frames have this size. At one frame per second, the next one comes before one is inserted. */
static culvert_session open_keeper(uint32_t key_bytes, uint32_t fps)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.keeps_rate = true;
    struct culvert_config config = play_config(&codec);
    config.bitrate_kbps = KBPS;
    config.fps_num = fps;
    config.floor = CULVERT_FLOOR_OVERSHOOT;
    culvert_session session = stream_open_with(&codec, &config);
    trial_sizes(key_bytes, sizeof(struct trial_unit));
    return session;
}

static void request(culvert_session session)
{
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
}

static bool is_key(const struct culvert_packet *packet)
{
    return packet->flags & KEY;
}

/* Frames pass, from this number on, until one is a key frame, which must not come before the interval since the last
 * one is over, and must come with the first frame after that, or inserted a second after it was asked for. Both are
 * known to within the time that it took to make that one: from `before` to `after`. Returns the number behind it. */
static uint32_t await_key(culvert_session session, uint32_t number, int64_t before, int64_t after, int64_t interval)
{
    for (;; number++) {
        const int64_t submitted = clock_now();
        play_submit(session, number, 0);
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        const bool inserted = unit.packet.flags & INSERTED;
        ck_assert_uint_eq(unit.packet.frame, number - inserted);
        if (is_key(&unit.packet)) {
            ck_assert_int_ge(clock_now(), before + interval);
            if (inserted)
                play_expect(session, number, 0);
            return number + 1;
        }
        ck_assert_int_lt(submitted, after + interval);
        play_sleep(5);
    }
}

static const struct {
    uint32_t bytes, kbps;
    int64_t interval;
} costs[] = {
    {1250, KBPS, 200000},           {2500, KBPS, 400000},           {2500, 2 * KBPS, 200000},
    {12500, KBPS, KEYS_PAUSE_MOST}, {16000, KBPS, KEYS_PAUSE_MOST}, {12500, 20 * KBPS, 100000},
};

START_TEST(requests_after_a_key_frame_wait_until_half_the_bitrate_has_paid_for_it_and_never_above_a_second)
{
    culvert_session session = open_keeper(costs[_i].bytes, 1);
    if (costs[_i].kbps != KBPS)
        ck_assert_int_ge(culvert_set_bitrate(session, costs[_i].kbps, NULL), 0);
    const int64_t before = clock_now();
    play_pass(session, 1, KEY | EPOCH);
    const int64_t after = clock_now();
    request(session);
    uint32_t number = await_key(session, 2, before, after, costs[_i].interval);
    for (const uint32_t end = number + 10; number < end; number++)
        play_pass(session, number, 0);
    ck_assert_uint_eq(stream_stats(session).keyframes, 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_request_is_served_at_once_when_the_last_key_frame_is_paid_for)
{
    culvert_session session = open_keeper(625, 1);
    play_pass(session, 1, KEY | EPOCH);
    play_sleep(101);
    play_pass(session, 2, 0);
    request(session);
    play_pass(session, 3, KEY);
    play_pass(session, 4, 0);
    culvert_close(session);
}
END_TEST

static void *request_often(void *argument)
{
    const culvert_session session = *(culvert_session *)argument;
    for (int i = 0; i < 50; i++)
        request(session);
    return NULL;
}

START_TEST(requests_of_several_threads_within_the_interval_are_served_by_one_key_frame)
{
    culvert_session session = open_keeper(2500, 1);
    pthread_t threads[4] = {0};
    const int64_t before = clock_now();
    play_pass(session, 1, KEY | EPOCH);
    const int64_t after = clock_now();
    for (int i = 0; i < LENGTH(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, request_often, &session), 0);
    for (int i = 0; i < LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    const uint32_t number = await_key(session, 2, before, after, 400000);
    play_pass(session, number, 0);
    play_sleep(450);
    play_pass(session, number + 1, 0);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.key_requests, 4 * 50);
    ck_assert_uint_eq(stats.keyframes, 2);
    ck_assert_uint_eq(stats.control, 4 * 50);
    culvert_close(session);
}
END_TEST

START_TEST(an_epochs_key_frame_serves_all_requests_before_it)
{
    culvert_session session = open_keeper(2500, 1);
    request(session);
    play_pass(session, 1, KEY | EPOCH);
    request(session);
    request(session);
    play_sized(session, 2, 2 * WIDTH, HEIGHT);
    ck_assert_uint_eq(play_expect(session, 2, KEY | EPOCH).control, 3);
    play_sleep(450);
    play_sized(session, 3, 2 * WIDTH, HEIGHT);
    play_expect(session, 3, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_frames_own_request_passes_the_governor_by_and_serves_those_that_wait)
{
    culvert_session session = open_keeper(TRIAL_UNIT_MOST, 1);
    play_pass(session, 1, KEY | EPOCH);
    request(session);
    play_pass(session, 2, 0);
    play_submit(session, 3, CULVERT_FRAME_KEY);
    play_expect(session, 3, KEY);
    play_submit(session, 4, CULVERT_FRAME_KEY);
    play_expect(session, 4, KEY);
    play_sleep(1050);
    play_pass(session, 5, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_resumed_session_passes_the_governor_by_and_serves_those_that_wait)
{
    culvert_session session = open_keeper(TRIAL_UNIT_MOST, 1);
    play_pass(session, 1, KEY | EPOCH);
    request(session);
    ck_assert_int_eq(culvert_pause(session, NULL), 0);
    play_submit(session, 2, 0);
    play_settled(session, 2);
    ck_assert_int_eq(culvert_resume(session, NULL), 0);
    ck_assert_uint_eq(play_expect(session, 2, KEY | INSERTED).control, 3);
    play_sleep(1050);
    play_pass(session, 3, 0);
    culvert_close(session);
}
END_TEST

/* At one frame per second. */
static culvert_session open_keyint(uint32_t keyint)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = play_config(&codec);
    config.keyint = keyint;
    config.fps_num = config.fps_den = 1;
    return stream_open_with(&codec, &config);
}

START_TEST(a_key_frame_of_the_keyint_passes_the_governor_by)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.keeps_rate = true;
    struct culvert_config config = play_config(&codec);
    config.keyint = 3;
    culvert_session session = stream_open_with(&codec, &config);
    trial_sizes(TRIAL_UNIT_MOST, sizeof(struct trial_unit));
    for (uint32_t number = 1; number < 20; number++)
        play_pass(session, number, number == 1 ? KEY | EPOCH : number % 3 == 1 ? KEY : 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_keyint_counts_from_the_last_key_frame_and_bears_half_an_interval_of_jitter)
{
    static const int64_t pts[] = {0, 1000000, 1999999, 2600000, 3500000, 4000001, 5500001, 6000001, 7000002};
    static const bool keys[] = {true, false, false, true, false, false, true, false, false};
    culvert_session session = open_keyint(3);
    for (uint32_t i = 0; i < sizeof keys; i++) {
        ck_assert_int_eq(stream_submit(session, WIDTH, HEIGHT, pts[i], i, 0), 0);
        play_expect(session, i + 1, (keys[i] ? KEY : 0) | (i == 0 ? EPOCH : 0));
    }
    culvert_close(session);
}
END_TEST

/* ---- A still picture --------------------------------------------------------------------------------------------- */

/* A frame interval is a second here: what is served sooner did not wait for one. */
START_TEST(a_request_on_a_still_picture_is_served_without_waiting_for_a_frame)
{
    culvert_session session = open_keeper(64, 1);
    play_pass(session, 1, KEY | EPOCH);
    play_sleep(1010);
    const int64_t asked = clock_now();
    request(session);
    const struct culvert_packet key = play_expect(session, 1, KEY | INSERTED);
    ck_assert_int_lt(clock_now() - asked, 1000000);
    ck_assert_int_gt(key.pts, PTS(1));
    ck_assert_uint_eq(key.control, 1);
    ck_assert_uint_lt(key.wait_us, 1000000);
    ck_assert_uint_eq(key.convert_us, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_request_right_behind_a_frame_leaves_the_next_one_a_frame_interval_to_come)
{
    culvert_session session = open_keeper(64, 2);
    const int64_t submitted = clock_now();
    play_pass(session, 1, KEY | EPOCH);
    request(session);
    play_expect(session, 1, KEY | INSERTED);
    ck_assert_int_ge(clock_now(), submitted + 500000);
    culvert_close(session);
}
END_TEST

START_TEST(requests_on_a_still_picture_are_merged_and_delayed_as_well)
{
    culvert_session session = open_keeper(1250, 60);
    const int64_t before = clock_now();
    play_pass(session, 1, KEY | EPOCH);
    for (int i = 0; i < 5; i++)
        request(session);
    const int64_t asked = clock_now();
    const struct culvert_packet first = play_expect(session, 1, KEY | INSERTED);
    ck_assert_int_ge(clock_now(), before + 200000);
    ck_assert_int_lt(clock_now(), asked + 1000000);
    play_quiet(session);
    request(session);
    request(session);
    const struct culvert_packet second = play_expect(session, 1, KEY | INSERTED);
    /* The first one was encoded at some time between. */
    ck_assert_int_ge(clock_now(), before + 400000);
    ck_assert_int_gt(second.pts, first.pts);
    ck_assert_int_lt(second.pts, PTS(2));
    ck_assert_uint_eq(second.control, 7);
    play_quiet(session);
    play_pass(session, 2, 0);
    ck_assert_uint_eq(stream_stats(session).inserted, 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_codec_without_a_rate_to_keep_serves_every_request_at_once)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = play_config(&codec);
    config.fps_num = 2; /* for a frame's interval, the last one is not encoded once more */
    culvert_session session = stream_open_with(&codec, &config);
    trial_sizes(TRIAL_UNIT_MOST, TRIAL_UNIT_MOST);
    play_pass(session, 1, KEY | EPOCH);
    for (uint32_t number = 2; number < 9; number++) {
        request(session);
        play_pass(session, number, KEY);
    }
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("keys");
    TCase *governor = add_case(suite, "governor");
    tcase_add_loop_test(governor,
                        requests_after_a_key_frame_wait_until_half_the_bitrate_has_paid_for_it_and_never_above_a_second,
                        0, LENGTH(costs));
    tcase_add_test(governor, a_request_is_served_at_once_when_the_last_key_frame_is_paid_for);
    tcase_add_test(governor, requests_of_several_threads_within_the_interval_are_served_by_one_key_frame);
    tcase_add_test(governor, a_codec_without_a_rate_to_keep_serves_every_request_at_once);
    TCase *others = add_case(suite, "other causes");
    tcase_add_test(others, an_epochs_key_frame_serves_all_requests_before_it);
    tcase_add_test(others, a_frames_own_request_passes_the_governor_by_and_serves_those_that_wait);
    tcase_add_test(others, a_resumed_session_passes_the_governor_by_and_serves_those_that_wait);
    tcase_add_test(others, a_key_frame_of_the_keyint_passes_the_governor_by);
    tcase_add_test(others, a_keyint_counts_from_the_last_key_frame_and_bears_half_an_interval_of_jitter);
    TCase *still = add_case(suite, "still picture");
    tcase_add_test(still, a_request_on_a_still_picture_is_served_without_waiting_for_a_frame);
    tcase_add_test(still, a_request_right_behind_a_frame_leaves_the_next_one_a_frame_interval_to_come);
    tcase_add_test(still, requests_on_a_still_picture_are_merged_and_delayed_as_well);
    return suite;
}
