#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "own_daemon.h"
#include "run.h"
#include "stream.h"
#include "trial_codec.h"

#define PATIENCE 20000 /* milliseconds that a test waits for what must come */
#define SIDE 64

static struct codec codec;

static culvert_session open_trial(uint32_t policy, uint32_t bitrate_kbps)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = stream_config(codec.id, policy);
    config.bitrate_kbps = bitrate_kbps;
    return stream_open_with(&codec, &config);
}

static struct culvert_packet receive(culvert_session session)
{
    const struct stream_unit unit = stream_receive(session, PATIENCE);
    ck_assert_int_eq(unit.result, 0);
    return unit.packet;
}

START_TEST(the_end_comes_though_every_packet_is_still_lent)
{
    enum { MOST = 256 };
    static culvert_loan loans[MOST];
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 1000);
    const void *data;
    size_t bytes;
    for (uint32_t i = 0; i < MOST; i++) {
        ck_assert_int_eq(stream_submit(session, 2, 2, i, i, CULVERT_FRAME_KEY), 0);
        ck_assert_int_eq(culvert_peek(session, &loans[i], &data, &bytes, NULL, PATIENCE), 0);
    }
    ck_assert_int_eq(culvert_finish(session), 0);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_EOS);
    for (uint32_t i = 0; i < MOST; i++)
        ck_assert_int_eq(culvert_release(loans[i]), 0);
    culvert_close(session);
}
END_TEST

/* A level that allows big pictures or high bitrates, not both. */
static culvert_session open_restricted(uint32_t policy)
{
    culvert_session session = open_trial(policy, 1000);
    trial_restrict(SIDE, 2000);
    return session;
}

START_TEST(a_rate_answers_for_the_frame_that_was_submitted_last_though_the_encoder_is_behind)
{
    culvert_session session = open_restricted(CULVERT_POLICY_LATEST);
    trial_hold();
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 1, 1, 0), 0);
    trial_await_held();
    ck_assert_int_eq(stream_submit(session, 2 * SIDE, SIDE, 2, 2, 0), 0);
    ck_assert_int_eq(culvert_set_bitrate(session, 3000, NULL), CULVERT_E_LEVEL);
    trial_let_go();
    receive(session);
    ck_assert_uint_eq(receive(session).width, 2 * SIDE);
    ck_assert_uint_eq(stream_stats(session).failed, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_size_that_was_fine_is_asked_about_again_after_a_change_of_the_rate)
{
    culvert_session session = open_restricted(CULVERT_POLICY_BLOCK);
    ck_assert_int_eq(stream_submit(session, 2 * SIDE, SIDE, 1, 1, 0), 0);
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 2, 2, 0), 0);
    ck_assert_int_ge(culvert_set_bitrate(session, 3000, NULL), 0);
    ck_assert_int_eq(stream_submit(session, 2 * SIDE, SIDE, 3, 3, 0), CULVERT_E_LEVEL);
    ck_assert_int_ge(culvert_set_bitrate(session, 2000, NULL), 0);
    ck_assert_int_eq(stream_submit(session, 2 * SIDE, SIDE, 3, 3, 0), 0);
    for (int i = 0; i < 3; i++)
        receive(session);
    culvert_close(session);
}
END_TEST

/* The frame was taken, and the encoder that it gets is not yet the present one. */
START_TEST(a_rate_answers_by_the_warm_encoder_that_the_frame_gets)
{
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 1000);
    trial_hold_reconfigure();
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 1, 1, 0), 0);
    receive(session);
    /* What is announced at 1000 reaches to 4000; another size at 4000 reaches to 16000. */
    ck_assert_int_eq(culvert_set_bitrate(session, TRIAL_HEADROOM * 1000, NULL), 0);
    ck_assert_int_eq(stream_submit(session, 2 * SIDE, SIDE, 2, 2, 0), 0);
    receive(session);
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 3, 3, 0), 0);
    trial_await_held();
    ck_assert_int_eq(culvert_set_bitrate(session, TRIAL_HEADROOM * 1000 + 1, NULL), CULVERT_REOPENS);
    trial_let_go();
    ck_assert_uint_eq(receive(session).epoch, 3);
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 4, 4, 0), 0);
    ck_assert_uint_eq(receive(session).epoch, 4);
    ck_assert_uint_eq(stream_stats(session).reopened, 0);
    culvert_close(session);
}
END_TEST

START_TEST(many_insertions_never_reach_the_pts_of_a_next_frame)
{
    enum { FPS = 1000, INSERTIONS = 120 };
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = stream_config(codec.id, CULVERT_POLICY_LATEST);
    config.fps_num = FPS;
    culvert_session session = stream_open_with(&codec, &config);
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 0, 1, 0), 0);
    int64_t last = receive(session).pts;
    for (int i = 0; i < INSERTIONS; i++) {
        ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
        const struct culvert_packet packet = receive(session);
        ck_assert(packet.flags & CULVERT_PACKET_INSERTED);
        ck_assert_int_gt(packet.pts, last);
        last = packet.pts;
    }
    ck_assert_int_lt(last, 1000000 / FPS);
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 1000000 / FPS, 2, 0), 0);
    ck_assert_int_gt(receive(session).duration, 0);
    culvert_close(session);
}
END_TEST

START_TEST(the_descriptor_rests_once_encode_has_said_that_its_frame_failed)
{
    culvert_session session = open_trial(CULVERT_POLICY_LATEST, 1000);
    int fd;
    ck_assert_int_eq(culvert_fd(session, &fd), 0);
    trial_fail(TRIAL_ENCODE, 0, 1);
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, 1);
    uint8_t *pixels = stream_pixels(SIDE, SIDE, 1), buffer[64];
    size_t bytes;
    ck_assert_int_eq(
        culvert_encode(session, &frame, pixels, 4 * SIDE * SIDE, buffer, sizeof buffer, &bytes, NULL, PATIENCE),
        CULVERT_E_CODEC);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, 0), 0);
    free(pixels);
    close(fd);
    culvert_close(session);
}
END_TEST

/* Waits for it to be readable. */
static void await_descriptor(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, PATIENCE), 1);
}

START_TEST(the_descriptor_tells_of_a_frame_that_failed_and_of_the_end)
{
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 1000);
    int fd;
    ck_assert_int_eq(culvert_fd(session, &fd), 0);
    trial_fail(TRIAL_ENCODE, 0, 1);
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 1, 1, 0), 0);
    await_descriptor(fd);
    while (stream_receive(session, 0).result != CULVERT_E_CODEC)
        await_descriptor(fd);
    ck_assert(stream_is_quiet(session, fd));
    ck_assert_int_eq(culvert_finish(session), 0);
    await_descriptor(fd);
    while (stream_receive(session, 0).result != CULVERT_EOS)
        await_descriptor(fd);
    await_descriptor(fd);
    close(fd);
    culvert_close(session);
}
END_TEST

START_TEST(a_descriptor_that_is_asked_for_late_tells_of_the_packet_that_waits)
{
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 1000);
    int fd;
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 1, 1, 0), 0);
    while (stream_stats(session).queued_packets == 0)
        poll(NULL, 0, 1);
    ck_assert_int_eq(culvert_fd(session, &fd), 0);
    await_descriptor(fd);
    receive(session);
    ck_assert(stream_is_quiet(session, fd));
    close(fd);
    culvert_close(session);
}
END_TEST

START_TEST(what_a_frame_took_adds_up_from_its_submission_on)
{
    enum { WIDE = 320, HIGH = 200 };
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 1000);
    struct culvert_frame frame = stream_frame(WIDE, HIGH, 1);
    uint8_t *pixels = stream_pixels(WIDE, HIGH, 1);
    frame.rotation = 90;
    trial_hold_open();
    ck_assert_int_eq(culvert_submit(session, &frame, pixels, 4 * WIDE * HIGH), 0);
    trial_await_held();
    poll(NULL, 0, 100);
    trial_let_go();
    const struct culvert_packet packet = receive(session);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_ge(packet.encode_us, 100000); /* it opened its encoder */
    ck_assert_uint_eq(stats.convert.max, packet.convert_us);
    ck_assert_uint_eq(stats.wait.max, packet.wait_us);
    ck_assert_uint_eq(stats.encode.max, packet.encode_us);
    ck_assert_uint_ge(stats.total.max, packet.convert_us + packet.wait_us + packet.encode_us);
    free(pixels);
    culvert_close(session);
}
END_TEST

START_TEST(a_key_frame_that_resumes_was_waited_for_since_then)
{
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 1000);
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 1, 1, 0), 0);
    receive(session);
    const uint32_t total = stream_stats(session).total.max;
    ck_assert_int_eq(culvert_pause(session, NULL), 0);
    poll(NULL, 0, 300);
    const int64_t before = clock_now();
    ck_assert_int_eq(culvert_resume(session, NULL), 0);
    const struct culvert_packet packet = receive(session);
    ck_assert(packet.flags & CULVERT_PACKET_INSERTED);
    ck_assert_uint_gt(packet.wait_us, 0);
    ck_assert_uint_eq(stream_stats(session).total.max, total); /* of frames alone */
    ck_assert_int_le(packet.wait_us, clock_now() - before);
    culvert_close(session);
}
END_TEST

static size_t mapped_mib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t pages = 0;
    ck_assert_int_eq(fscanf(file, "%zu", &pages), 1);
    fclose(file);
    return pages / 256;
}

static void live_and_close(const struct culvert_config *config)
{
    culvert_session session = stream_open_with(&codec, config);
    int fd;
    ck_assert_int_eq(culvert_fd(session, &fd), 0);
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 1, 1, 0), 0);
    receive(session);
    close(fd);
    culvert_close(session);
}

/* What is reserved for pictures of this size is 10 MiB at the least; the system keeps stacks of threads for later. */
START_TEST(closed_sessions_leave_neither_memory_nor_descriptors_behind)
{
    enum { WARM = 4, SESSIONS = 24 };
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.opens_slowly = true;
    struct culvert_config config = stream_config(codec.id, CULVERT_POLICY_BLOCK);
    config.max_width = config.max_height = 4096;
    for (int i = 0; i < WARM; i++)
        live_and_close(&config);
    const uint32_t descriptors = process_descriptors(getpid());
    const size_t before = mapped_mib();
    for (int i = 0; i < SESSIONS; i++)
        live_and_close(&config);
    ck_assert_uint_eq(process_descriptors(getpid()), descriptors);
    ck_assert_uint_lt(mapped_mib(), before + (size_t)8 * SESSIONS);
}
END_TEST

/* Both roles are taken for the whole call, and a call that is turned away does not give back what is another's. */
static void *encode_one(void *argument)
{
    const culvert_session session = *(culvert_session *)argument;
    static uint8_t buffer[TRIAL_UNIT_MOST];
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, 1);
    uint8_t *pixels = stream_pixels(SIDE, SIDE, 1);
    size_t bytes;
    ck_assert_int_eq(
        culvert_encode(session, &frame, pixels, 4 * SIDE * SIDE, buffer, sizeof buffer, &bytes, NULL, PATIENCE), 0);
    free(pixels);
    return NULL;
}

START_TEST(while_one_encodes_all_others_are_turned_away)
{
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 1000);
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, 2);
    uint8_t *pixels = stream_pixels(SIDE, SIDE, 2), buffer[64];
    size_t bytes;
    pthread_t thread;
    trial_hold();
    ck_assert_int_eq(pthread_create(&thread, NULL, encode_one, &session), 0);
    trial_await_held();
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            culvert_encode(session, &frame, pixels, 4 * SIDE * SIDE, buffer, sizeof buffer, &bytes, NULL, 1),
            CULVERT_E_BUSY);
        ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 2, 2, 0), CULVERT_E_BUSY);
        ck_assert_int_eq(stream_receive(session, 0).result, CULVERT_E_BUSY);
    }
    trial_let_go();
    pthread_join(thread, NULL);
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 2, 2, 0), 0);
    ck_assert_uint_eq(receive(session).frame, 2);
    free(pixels);
    culvert_close(session);
}
END_TEST

/* The rows of a high and narrow picture take many times the memory of a low and wide one's. */
START_TEST(a_picture_on_its_side_has_room_in_every_slot)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = stream_config(codec.id, CULVERT_POLICY_BLOCK);
    config.max_width = TRIAL_WIDTH_MOST;
    config.max_height = 2;
    culvert_session session = stream_open_with(&codec, &config);
    trial_hold();
    for (uint32_t i = 1; i <= 4; i++)
        ck_assert_int_eq(stream_submit(session, 2, TRIAL_WIDTH_MOST, i, i, 0), 0);
    trial_let_go();
    for (uint32_t i = 1; i <= 4; i++) {
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_eq(trial_parse(unit.data, unit.bytes).checksum, trial_checksum(2, TRIAL_WIDTH_MOST, i));
    }
    culvert_close(session);
}
END_TEST

START_TEST(colours_that_are_declared_of_rgb_are_passed_over)
{
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 1000);
    struct culvert_frame frame = stream_frame(SIDE, SIDE, 1);
    uint8_t *pixels = stream_pixels(SIDE, SIDE, 1);
    frame.matrix = CULVERT_MATRIX_BT709;
    frame.range = CULVERT_RANGE_FULL;
    ck_assert_int_eq(culvert_submit(session, &frame, pixels, 4 * SIDE * SIDE), 0);
    const struct culvert_packet packet = receive(session);
    ck_assert_uint_eq(packet.matrix, CULVERT_MATRIX_BT601);
    ck_assert_uint_eq(packet.range, CULVERT_RANGE_LIMITED);
    free(pixels);
    culvert_close(session);
}
END_TEST

START_TEST(a_repeat_does_not_hide_an_epoch_whose_first_frame_was_dropped)
{
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 1000);
    struct culvert_frame frame = stream_frame(SIDE, SIDE, 1);
    uint8_t *pixels = stream_pixels(SIDE, SIDE, 1);
    ck_assert_int_eq(culvert_submit(session, &frame, pixels, 4 * SIDE * SIDE), 0);
    receive(session);
    trial_drop(0, 1);
    frame.aspect_num = 4;
    frame.aspect_den = 3;
    for (frame.pts = 2; frame.pts < 5; frame.pts++)
        ck_assert_int_eq(culvert_submit(session, &frame, pixels, 4 * SIDE * SIDE), 0);
    const struct culvert_packet packet = receive(session);
    ck_assert_uint_eq(packet.frame, 3);
    ck_assert(packet.flags & CULVERT_PACKET_EPOCH);
    ck_assert_uint_eq(packet.aspect_num, 4);
    free(pixels);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("edges");
    TCase *tcase = tcase_create("edges");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_end_comes_though_every_packet_is_still_lent);
    tcase_add_test(tcase, a_rate_answers_for_the_frame_that_was_submitted_last_though_the_encoder_is_behind);
    tcase_add_test(tcase, a_size_that_was_fine_is_asked_about_again_after_a_change_of_the_rate);
    tcase_add_test(tcase, a_rate_answers_by_the_warm_encoder_that_the_frame_gets);
    tcase_add_test(tcase, many_insertions_never_reach_the_pts_of_a_next_frame);
    tcase_add_test(tcase, the_descriptor_rests_once_encode_has_said_that_its_frame_failed);
    tcase_add_test(tcase, the_descriptor_tells_of_a_frame_that_failed_and_of_the_end);
    tcase_add_test(tcase, a_descriptor_that_is_asked_for_late_tells_of_the_packet_that_waits);
    tcase_add_test(tcase, what_a_frame_took_adds_up_from_its_submission_on);
    tcase_add_test(tcase, a_key_frame_that_resumes_was_waited_for_since_then);
    tcase_add_test(tcase, closed_sessions_leave_neither_memory_nor_descriptors_behind);
    tcase_add_test(tcase, while_one_encodes_all_others_are_turned_away);
    tcase_add_test(tcase, a_picture_on_its_side_has_room_in_every_slot);
    tcase_add_test(tcase, colours_that_are_declared_of_rgb_are_passed_over);
    tcase_add_test(tcase, a_repeat_does_not_hide_an_epoch_whose_first_frame_was_dropped);
    suite_add_tcase(suite, tcase);
    return suite;
}
