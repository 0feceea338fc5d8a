#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apart.h"
#include "run.h"
#include "stream.h"

#define INTERVAL 16667

static culvert_session open_null(uint32_t policy)
{
    const struct culvert_config config = stream_config(CULVERT_CODEC_NULL, policy);
    return stream_open(&config);
}

START_TEST(a_frame_comes_back_as_a_packet_that_describes_it)
{
    culvert_session session = open_null(CULVERT_POLICY_LATEST);
    ck_assert_int_eq(stream_submit(session, 321, 239, 5000, 1, 0), 0);
    struct stream_unit unit = stream_receive(session, 2000);
    ck_assert_int_eq(unit.result, 0);
    const struct culvert_packet *p = &unit.packet;
    ck_assert_uint_eq(p->flags, CULVERT_PACKET_KEY | CULVERT_PACKET_EPOCH | CULVERT_PACKET_FIRST_SLICE |
                                    CULVERT_PACKET_LAST_SLICE);
    ck_assert_int_eq(p->pts, 5000);
    ck_assert_int_eq(p->duration, 16666);
    ck_assert_uint_eq(p->frame, 1);
    ck_assert_uint_eq(p->epoch, 1);
    ck_assert_uint_eq(p->width, 321);
    ck_assert_uint_eq(p->height, 239);
    ck_assert_uint_eq(p->coded_width, 322);
    ck_assert_uint_eq(p->coded_height, 240);
    ck_assert_uint_eq(p->aspect_num * 239, p->aspect_den * 321);
    ck_assert_uint_eq(p->matrix, CULVERT_MATRIX_BT601);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

START_TEST(a_new_size_aspect_or_colour_begins_an_epoch_and_nothing_else_does)
{
    static const struct {
        struct culvert_frame frame;
        bool begins;
    } steps[] = {
        {{.format = CULVERT_FORMAT_BGRA, .width = 64, .height = 48}, true},
        {{.format = CULVERT_FORMAT_BGRA, .width = 64, .height = 48}, false},
        {{.format = CULVERT_FORMAT_RGBA, .width = 64, .height = 48}, false},
        {{.format = CULVERT_FORMAT_BGRA, .width = 66, .height = 48}, true},
        {{.format = CULVERT_FORMAT_BGRA, .width = 48, .height = 66, .rotation = 90}, false},
        {{.format = CULVERT_FORMAT_BGRA, .width = 66, .height = 48, .aspect_num = 4, .aspect_den = 3}, true},
        {{.format = CULVERT_FORMAT_I420, .width = 66, .height = 48, .aspect_num = 4, .aspect_den = 3}, true},
        {{.format = CULVERT_FORMAT_NV12, .width = 66, .height = 48, .aspect_num = 4, .aspect_den = 3}, false},
        {{.format = CULVERT_FORMAT_NV12, .width = 66, .height = 48, .aspect_num = 4, .aspect_den = 3, .matrix = 1},
         true},
        {{.format = CULVERT_FORMAT_NV12,
          .width = 66,
          .height = 48,
          .aspect_num = 4,
          .aspect_den = 3,
          .matrix = 1,
          .range = 1},
         true},
        {{.format = CULVERT_FORMAT_BGRA, .width = 64, .height = 48}, true},
    };
    culvert_session session = open_null(CULVERT_POLICY_LATEST);
    uint32_t epoch = 0;
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct culvert_frame frame = steps[i].frame;
        frame.size = sizeof frame;
        frame.pts = (i + 1) * INTERVAL;
        uint8_t *pixels = stream_pixels(66, 66, i);
        ck_assert_int_eq(culvert_submit(session, &frame, pixels, 4 * 66 * 66), 0);
        free(pixels);
        struct stream_unit unit = stream_receive(session, 2000);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_msg(!(unit.packet.flags & CULVERT_PACKET_EPOCH) == !steps[i].begins, "step %u", i);
        ck_assert_msg(!(unit.packet.flags & CULVERT_PACKET_KEY) == !steps[i].begins, "step %u", i);
        epoch += steps[i].begins;
        ck_assert_uint_eq(unit.packet.epoch, epoch);
    }
    ck_assert_uint_eq(stream_stats(session).epochs, epoch);
    culvert_close(session);
}
END_TEST

START_TEST(pts_must_rise_and_durations_are_their_differences)
{
    culvert_session session = open_null(CULVERT_POLICY_BLOCK);
    ck_assert_int_eq(stream_submit(session, 16, 16, -1, 1, 0), CULVERT_E_PTS);
    ck_assert_int_eq(stream_submit(session, 16, 16, 0, 2, 0), 0);
    ck_assert_int_eq(stream_submit(session, 16, 16, 0, 3, 0), CULVERT_E_PTS);
    ck_assert_int_eq(stream_submit(session, 16, 16, 100000, 4, 0), 0);
    ck_assert_int_eq(stream_submit(session, 16, 16, 99999, 5, 0), CULVERT_E_PTS);
    ck_assert_int_eq(stream_submit(session, 16, 16, INT64_MAX, 6, 0), 0);
    char text[128];
    ck_assert_int_eq(culvert_error_text(session, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, "99999"));
    ck_assert_int_eq(stream_receive(session, 2000).packet.pts, 0);
    ck_assert_int_eq(stream_receive(session, 2000).packet.duration, 100000);
    ck_assert_int_eq(stream_receive(session, 2000).packet.duration, INT64_MAX - 100000);
    culvert_close(session);
}
END_TEST

START_TEST(pts_now_is_the_monotonic_clock_and_rises_within_a_microsecond)
{
    culvert_session session = open_null(CULVERT_POLICY_BLOCK);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t last = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 - 1;
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_int_eq(stream_submit(session, 2, 2, CULVERT_PTS_NOW, i, 0), 0);
        struct stream_unit unit = stream_receive(session, 2000);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_int_gt(unit.packet.pts, last);
        ck_assert_int_lt(unit.packet.pts, last + 60000000);
        last = unit.packet.pts;
    }
    culvert_close(session);
}
END_TEST

START_TEST(an_equal_frame_is_a_repeat_and_yields_no_packet)
{
    culvert_session session = open_null(CULVERT_POLICY_BLOCK);
    static const uint32_t seeds[] = {1, 1, 2, 2, 2, 1, 1};
    for (uint32_t i = 0; i < 7; i++)
        ck_assert_int_eq(stream_submit(session, 32, 32, (i + 1) * INTERVAL, seeds[i], 0), 0);
    struct culvert_frame same = stream_frame(0, 0, 8 * INTERVAL);
    same.flags = CULVERT_FRAME_SAME;
    ck_assert_int_eq(culvert_submit(session, &same, NULL, 0), 0);
    ck_assert_int_eq(culvert_finish(session), 0);
    static const uint64_t encoded[] = {1, 3, 6};
    for (uint32_t i = 0; i < 3; i++) {
        struct stream_unit unit = stream_receive(session, 2000);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_eq(unit.packet.frame, encoded[i]);
    }
    ck_assert_int_eq(stream_receive(session, 2000).result, CULVERT_EOS);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.repeated, 5);
    ck_assert_uint_eq(stats.submitted, 8);
    ck_assert_uint_eq(stats.settled, 8);
    culvert_close(session);
}
END_TEST

START_TEST(a_frame_that_differs_in_one_byte_of_any_plane_is_no_repeat)
{
    enum { SIDE = 32, LUMA = SIDE * SIDE, CHROMA = LUMA / 4, BYTES = LUMA + 2 * CHROMA };
    static const uint32_t last[] = {LUMA - 1, LUMA + CHROMA - 1, BYTES - 1};
    static uint8_t pixels[BYTES];
    culvert_session session = open_null(CULVERT_POLICY_BLOCK);
    struct culvert_frame frame = stream_frame(SIDE, SIDE, 0);
    frame.format = CULVERT_FORMAT_I420;
    for (uint32_t i = 0; i <= 3; i++) {
        if (i > 0)
            pixels[last[i - 1]] ^= 1;
        frame.pts = (i + 1) * INTERVAL;
        ck_assert_int_eq(culvert_submit(session, &frame, pixels, BYTES), 0);
        ck_assert_uint_eq(stream_receive(session, 2000).packet.frame, i + 1);
    }
    ck_assert_uint_eq(stream_stats(session).repeated, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_repeat_that_asks_for_a_key_frame_is_encoded)
{
    culvert_session session = open_null(CULVERT_POLICY_BLOCK);
    ck_assert_int_eq(stream_submit(session, 32, 32, 1, 1, 0), 0);
    ck_assert_int_eq(stream_submit(session, 32, 32, 2, 1, CULVERT_FRAME_KEY), 0);
    struct culvert_frame same = stream_frame(0, 0, 3);
    same.flags = CULVERT_FRAME_SAME | CULVERT_FRAME_KEY;
    ck_assert_int_eq(culvert_submit(session, &same, NULL, 0), 0);
    for (uint32_t i = 1; i <= 3; i++) {
        struct stream_unit unit = stream_receive(session, 2000);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_eq(unit.packet.frame, i);
        ck_assert(unit.packet.flags & CULVERT_PACKET_KEY);
        ck_assert_uint_eq(unit.packet.epoch, 1);
    }
    culvert_close(session);
}
END_TEST

START_TEST(same_as_the_last_one_needs_a_last_one)
{
    culvert_session session = open_null(CULVERT_POLICY_BLOCK);
    struct culvert_frame same = stream_frame(0, 0, 1);
    same.flags = CULVERT_FRAME_SAME;
    ck_assert_int_eq(culvert_submit(session, &same, NULL, 0), CULVERT_E_ARGUMENT);
    ck_assert_uint_eq(stream_stats(session).submitted, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_key_frame_that_falls_due_on_a_still_picture_is_inserted)
{
    culvert_session session = open_null(CULVERT_POLICY_LATEST);
    ck_assert_int_eq(stream_submit(session, 32, 32, 1000, 1, 0), 0);
    ck_assert_int_eq(stream_receive(session, 2000).result, 0);
    for (uint32_t i = 1; i <= 3; i++) {
        uint32_t number = 0;
        ck_assert_int_eq(culvert_request_keyframe(session, &number), 0);
        ck_assert_uint_eq(number, i);
        struct stream_unit unit = stream_receive(session, 2000);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_eq(unit.packet.flags, CULVERT_PACKET_KEY | CULVERT_PACKET_INSERTED | CULVERT_PACKET_FIRST_SLICE |
                                                 CULVERT_PACKET_LAST_SLICE);
        ck_assert_int_eq(unit.packet.pts, 1000 + 12 * i);
        ck_assert_int_eq(unit.packet.duration, 12);
        ck_assert_uint_eq(unit.packet.frame, 1);
        ck_assert_uint_eq(unit.packet.control, i);
        ck_assert_uint_eq(unit.packet.convert_us, 0);
    }
    ck_assert_int_eq(stream_receive(session, 50).result, CULVERT_E_AGAIN);
    ck_assert_int_eq(stream_submit(session, 32, 32, 1000 + INTERVAL, 2, 0), 0);
    struct stream_unit unit = stream_receive(session, 2000);
    ck_assert_int_eq(unit.packet.pts, 1000 + INTERVAL);
    ck_assert(!(unit.packet.flags & CULVERT_PACKET_KEY));
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.inserted, 3);
    ck_assert_uint_eq(stats.encoded, 2);
    ck_assert_uint_eq(stats.packets, 5);
    culvert_close(session);
}
END_TEST

START_TEST(key_frames_come_as_often_as_keyint_says_counted_in_pts)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_NULL, CULVERT_POLICY_BLOCK);
    config.keyint = 10;
    culvert_session session = stream_open(&config);
    for (uint32_t i = 0; i < 60; i++) {
        const int64_t frame = i < 30 ? i : 30 + (int64_t)(i - 30) * 2;
        ck_assert_int_eq(stream_submit(session, 16, 16, frame * 1000000 / 60, i, 0), 0);
        struct stream_unit unit = stream_receive(session, 2000);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_msg(!(unit.packet.flags & CULVERT_PACKET_KEY) == !(frame % 10 == 0), "frame %u", i);
    }
    culvert_close(session);
}
END_TEST

START_TEST(paused_frames_are_skipped_and_resume_shows_the_newest_as_a_key_frame)
{
    culvert_session session = open_null(CULVERT_POLICY_LATEST);
    ck_assert_int_eq(stream_submit(session, 32, 32, 1, 1, 0), 0);
    ck_assert_int_eq(stream_receive(session, 2000).result, 0);
    ck_assert_int_eq(culvert_pause(session, NULL), 0);
    ck_assert_uint_eq(stream_stats(session).paused, 1);
    for (uint32_t i = 2; i <= 9; i++)
        ck_assert_int_eq(stream_submit(session, 48, 32, i * INTERVAL, i, 0), 0);
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    ck_assert_int_eq(stream_receive(session, 60).result, CULVERT_E_AGAIN);
    ck_assert_int_eq(culvert_resume(session, NULL), 0);
    struct stream_unit unit = stream_receive(session, 2000);
    ck_assert_int_eq(unit.result, 0);
    ck_assert_uint_eq(unit.packet.width, 48);
    ck_assert_uint_eq(unit.packet.frame, 9);
    ck_assert_uint_eq(unit.packet.flags & (CULVERT_PACKET_KEY | CULVERT_PACKET_INSERTED | CULVERT_PACKET_EPOCH),
                      CULVERT_PACKET_KEY | CULVERT_PACKET_INSERTED | CULVERT_PACKET_EPOCH);
    ck_assert_int_eq(stream_receive(session, 60).result, CULVERT_E_AGAIN);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.skipped, 8);
    ck_assert_uint_eq(stats.paused, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_finished_session_drains_and_then_refuses)
{
    culvert_session session = open_null(CULVERT_POLICY_BLOCK);
    for (uint32_t i = 1; i <= 4; i++)
        ck_assert_int_eq(stream_submit(session, 32, 32, i, i, 0), 0);
    ck_assert_int_eq(culvert_finish(session), 0);
    ck_assert_int_eq(culvert_finish(session), 0);
    ck_assert_int_eq(stream_submit(session, 32, 32, 9, 9, 0), CULVERT_E_FINISHED);
    ck_assert_int_eq(culvert_set_bitrate(session, 100, NULL), CULVERT_E_FINISHED);
    ck_assert_int_eq(culvert_set_framerate(session, 30, 1, NULL), CULVERT_E_FINISHED);
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), CULVERT_E_FINISHED);
    ck_assert_int_eq(culvert_pause(session, NULL), CULVERT_E_FINISHED);
    ck_assert_int_eq(culvert_resume(session, NULL), CULVERT_E_FINISHED);
    culvert_loan loan;
    void *data;
    size_t size;
    ck_assert_int_eq(culvert_lease(session, CULVERT_FORMAT_BGRA, 16, 16, &loan, &data, &size), CULVERT_E_FINISHED);
    for (uint32_t i = 1; i <= 4; i++)
        ck_assert_uint_eq(stream_receive(session, 2000).packet.frame, i);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_int_eq(stream_receive(session, CULVERT_WAIT_FOREVER).result, CULVERT_EOS);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.submitted, stats.settled);
    culvert_close(session);
}
END_TEST

START_TEST(one_call_hands_out_its_frame_or_says_what_became_of_it)
{
    culvert_session session = open_null(CULVERT_POLICY_LATEST);
    uint8_t *first = stream_pixels(32, 32, 1), *second = stream_pixels(32, 32, 2), buffer[4096];
    struct culvert_packet packet = {.size = sizeof packet};
    struct culvert_frame frame = stream_frame(32, 32, 1000);
    size_t bytes = 0;
#define ENCODE(pixels, capacity) \
    (frame.pts += INTERVAL, culvert_encode(session, &frame, pixels, 4096, buffer, capacity, &bytes, &packet, 2000))
    ck_assert_int_eq(ENCODE(first, sizeof buffer), 0);
    ck_assert_int_eq(packet.pts, frame.pts);
    ck_assert_uint_gt(bytes, 0);
    ck_assert_int_eq(ENCODE(first, sizeof buffer), CULVERT_REPEATED);
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    struct pollfd poll_none = {.fd = -1};
    poll(&poll_none, 0, 100);
    ck_assert_int_eq(ENCODE(second, sizeof buffer), CULVERT_EARLIER);
    ck_assert(packet.flags & CULVERT_PACKET_INSERTED);
    ck_assert_int_eq(stream_receive(session, 0).packet.pts, frame.pts);
    ck_assert_int_eq(ENCODE(first, 1), CULVERT_E_BUFFER);
    ck_assert_uint_gt(bytes, 1);
    ck_assert_int_eq(stream_receive(session, 0).packet.pts, frame.pts);
    culvert_pause(session, NULL);
    ck_assert_int_eq(ENCODE(second, sizeof buffer), CULVERT_SKIPPED);
    ck_assert_int_eq(culvert_encode(session, &frame, first, 4096, buffer, sizeof buffer, &bytes, &packet, 0),
                     CULVERT_E_RANGE);
    ck_assert_int_eq(culvert_encode(session, &frame, first, 4096, buffer, sizeof buffer, &bytes, &packet, 60001),
                     CULVERT_E_RANGE);
    free(first);
    free(second);
    culvert_close(session);
}
END_TEST

static bool readable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ck_assert_int_ge(poll(&wait, 1, 0), 0);
    return wait.revents & POLLIN;
}

START_TEST(the_descriptor_is_readable_while_a_packet_waits_and_after_the_close)
{
    culvert_session session = open_null(CULVERT_POLICY_BLOCK);
    int early, late;
    ck_assert_int_eq(culvert_fd(session, &early), 0);
    ck_assert(stream_is_quiet(session, early));
    ck_assert_int_eq(stream_submit(session, 32, 32, 1, 1, 0), 0);
    struct pollfd wait = {.fd = early, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, 2000), 1);
    ck_assert_int_eq(culvert_fd(session, &late), 0);
    ck_assert_int_ne(early, late);
    ck_assert(readable(late));
    int result;
    while ((result = stream_receive(session, 0).result) == CULVERT_E_AGAIN && apart())
        ck_assert_int_eq(poll(&wait, 1, 2000), 1);
    ck_assert_int_eq(result, 0);
    ck_assert(stream_is_quiet(session, early));
    ck_assert(stream_is_quiet(session, late));
    close(late);
    culvert_close(session);
    ck_assert(readable(early));
    close(early);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_keeps_the_packet)
{
    culvert_session session = open_null(CULVERT_POLICY_LATEST);
    ck_assert_int_eq(stream_submit(session, 32, 32, 77, 1, 0), 0);
    uint8_t buffer[64];
    size_t needed = 0;
    struct culvert_packet packet = {.size = sizeof packet, .pts = -5};
    ck_assert_int_eq(culvert_receive(session, NULL, 0, &needed, &packet, 2000), CULVERT_E_BUFFER);
    ck_assert_uint_eq(needed, 32);
    ck_assert_int_eq(packet.pts, -5);
    size_t bytes = 0;
    ck_assert_int_eq(culvert_receive(session, buffer, needed - 1, &bytes, &packet, 0), CULVERT_E_BUFFER);
    ck_assert_int_eq(culvert_receive(session, buffer, needed, &bytes, &packet, 0), 0);
    ck_assert_uint_eq(bytes, needed);
    ck_assert_int_eq(packet.pts, 77);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("session");
    TCase *tcase = tcase_create("null codec");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_frame_comes_back_as_a_packet_that_describes_it);
    tcase_add_test(tcase, a_new_size_aspect_or_colour_begins_an_epoch_and_nothing_else_does);
    tcase_add_test(tcase, pts_must_rise_and_durations_are_their_differences);
    tcase_add_test(tcase, pts_now_is_the_monotonic_clock_and_rises_within_a_microsecond);
    tcase_add_test(tcase, an_equal_frame_is_a_repeat_and_yields_no_packet);
    tcase_add_test(tcase, a_frame_that_differs_in_one_byte_of_any_plane_is_no_repeat);
    tcase_add_test(tcase, a_repeat_that_asks_for_a_key_frame_is_encoded);
    tcase_add_test(tcase, same_as_the_last_one_needs_a_last_one);
    tcase_add_test(tcase, a_key_frame_that_falls_due_on_a_still_picture_is_inserted);
    tcase_add_test(tcase, key_frames_come_as_often_as_keyint_says_counted_in_pts);
    tcase_add_test(tcase, paused_frames_are_skipped_and_resume_shows_the_newest_as_a_key_frame);
    tcase_add_test(tcase, a_finished_session_drains_and_then_refuses);
    tcase_add_test(tcase, one_call_hands_out_its_frame_or_says_what_became_of_it);
    tcase_add_test(tcase, the_descriptor_is_readable_while_a_packet_waits_and_after_the_close);
    tcase_add_test(tcase, a_buffer_that_is_too_small_keeps_the_packet);
    suite_add_tcase(suite, tcase);
    return suite;
}
