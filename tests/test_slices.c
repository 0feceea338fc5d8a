#include <stdlib.h>

#include "play.h"
#include "run.h"

#define COUNT 4 /* slices, where the number does not matter */
#define FIRST (uint32_t) CULVERT_PACKET_FIRST_SLICE
#define LAST (uint32_t) CULVERT_PACKET_LAST_SLICE

static struct codec codec;

static culvert_session open_slices(uint32_t slices)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = play_config(&codec);
    config.slices = slices;
    config.fps_num = 1; /* the next frame comes before one is inserted */
    culvert_session session = stream_open_with(&codec, &config);
    trial_qp(30);
    return session;
}

static struct culvert_packet expect_slice(culvert_session session, uint32_t frame, uint32_t slice, uint32_t flags)
{
    const struct stream_unit unit = stream_receive(session, PATIENCE);
    ck_assert_int_eq(unit.result, 0);
    ck_assert_uint_eq(unit.packet.frame, frame);
    ck_assert_int_eq(unit.packet.pts, PTS(frame));
    ck_assert_msg(unit.packet.flags == flags, "frame %u slice %u: flags %#x, not %#x", frame, slice, unit.packet.flags,
                  flags);
    const struct trial_unit content = trial_parse(unit.data, unit.bytes);
    ck_assert_uint_eq(content.slice, slice);
    ck_assert_uint_eq(content.checksum, trial_checksum(WIDTH, HEIGHT, frame));
    return unit.packet;
}

/* Slices from one on, to the last. */
static void expect_rest(culvert_session session, uint32_t frame, uint32_t slice, uint32_t count, uint32_t flags)
{
    for (; slice < count; slice++)
        expect_slice(session, frame, slice, flags | (slice == 0 ? FIRST : 0) | (slice + 1 == count ? LAST : 0));
}

static void pass(culvert_session session, uint32_t frame, uint32_t count, uint32_t flags)
{
    play_submit(session, frame, 0);
    expect_rest(session, frame, 0, count, flags);
}

/* ---- Access units in pieces -------------------------------------------------------------------------------------- */

START_TEST(each_slice_is_a_packet_and_the_frame_is_counted_once)
{
    const uint32_t count = (uint32_t)_i;
    culvert_session session = open_slices(count);
    for (uint32_t frame = 1; frame < 5; frame++)
        pass(session, frame, count, frame == 1 ? KEY | EPOCH : 0);
    play_submit(session, 5, CULVERT_FRAME_KEY);
    expect_rest(session, 5, 0, count, KEY);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.encoded, 5);
    ck_assert_uint_eq(stats.packets, 5 * count);
    ck_assert_uint_eq(stats.bytes, 5 * count * sizeof(struct trial_unit));
    ck_assert_uint_eq(stats.keyframes, 2);
    ck_assert_uint_eq(stats.epochs, 1);
    culvert_close(session);
}
END_TEST

START_TEST(what_is_known_of_a_frame_only_in_the_end_stands_on_its_last_slice)
{
    culvert_session session = open_slices(COUNT);
    pass(session, 1, COUNT, KEY | EPOCH);
    trial_hold();
    play_submit(session, 2, 0);
    trial_await_held();
    play_sleep(2);
    trial_let_go();
    for (uint32_t slice = 0; slice < COUNT; slice++) {
        const bool last = slice + 1 == COUNT;
        const struct culvert_packet packet = expect_slice(session, 2, slice,
                                                          (slice == 0 ? FIRST : 0) | (last ? LAST : 0));
        ck_assert_uint_eq(packet.qp, last ? 30 : 0);
        ck_assert(last ? packet.encode_us >= 2000 : packet.encode_us == 0);
        ck_assert_uint_eq(packet.epoch, 1);
        ck_assert_uint_eq(packet.references, 0);
    }
    culvert_close(session);
}
END_TEST

START_TEST(durations_of_slices_add_up_to_the_time_that_passed)
{
    culvert_session session = open_slices(COUNT);
    int64_t sum = 0;
    for (uint32_t frame = 1; frame <= 4; frame++) {
        play_submit(session, frame, 0);
        for (uint32_t slice = 0; slice < COUNT; slice++) {
            const struct stream_unit unit = stream_receive(session, PATIENCE);
            ck_assert_int_eq(unit.result, 0);
            sum += frame > 1 ? unit.packet.duration : 0;
        }
    }
    ck_assert_int_eq(sum, PTS(4) - PTS(1));
    culvert_close(session);
}
END_TEST

START_TEST(an_inserted_key_frame_comes_in_slices_too)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = play_config(&codec);
    config.slices = COUNT;
    culvert_session session = stream_open_with(&codec, &config);
    pass(session, 1, COUNT, KEY | EPOCH);
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    for (uint32_t slice = 0; slice < COUNT; slice++) {
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_eq(unit.packet.flags,
                          KEY | INSERTED | (slice == 0 ? FIRST : 0) | (slice + 1 == COUNT ? LAST : 0));
        ck_assert_int_eq(unit.packet.pts, PTS(1) + 12);
    }
    ck_assert_uint_eq(stream_stats(session).inserted, 1);
    culvert_close(session);
}
END_TEST

/* ---- At once, or held back --------------------------------------------------------------------------------------- */

START_TEST(a_slice_is_handed_out_while_those_behind_it_are_encoded)
{
    culvert_session session = open_slices(COUNT);
    pass(session, 1, COUNT, KEY | EPOCH);
    trial_hold_slices();
    play_submit(session, 2, 0);
    trial_await_held();
    for (uint32_t slice = 0; slice + 2 < COUNT; slice++) {
        expect_slice(session, 2, slice, slice == 0 ? FIRST : 0);
        ck_assert_int_eq(stream_receive(session, 0).result, CULVERT_E_AGAIN);
        trial_step();
    }
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.encoded, 1);
    ck_assert_uint_eq(stats.packets, 2 * COUNT - 1);
    trial_let_go();
    expect_rest(session, 2, COUNT - 2, COUNT, 0);
    culvert_close(session);
}
END_TEST

/* The next frame's slices wait for its last one. */
static void check_held_back(culvert_session session, uint32_t frame)
{
    const uint64_t before = stream_stats(session).packets;
    trial_hold_slices();
    play_submit(session, frame, 0);
    trial_await_held();
    for (uint32_t slice = 1; slice + 1 < COUNT; slice++)
        trial_step();
    ck_assert_uint_eq(stream_stats(session).packets, before);
    trial_let_go();
}

START_TEST(slices_claim_no_change_that_was_not_proved)
{
    culvert_session session = open_slices(COUNT);
    check_held_back(session, 1);
    expect_rest(session, 1, 0, COUNT, KEY | EPOCH);
    if (_i)
        trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    check_held_back(session, 2);
    for (uint32_t slice = 0; slice < COUNT; slice++) {
        const uint32_t flags = (slice == 0 ? FIRST : 0) | (slice + 1 == COUNT ? LAST : 0);
        ck_assert_uint_eq(expect_slice(session, 2, slice, flags).control, _i ? 0 : 1);
    }
    pass(session, 3, COUNT, _i ? KEY | EPOCH : 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_full_outbox_splits_no_access_unit)
{
    const uint32_t count = (uint32_t)_i;
    culvert_session session = open_slices(count);
    uint32_t frames = 0;
    while (stream_submit(session, WIDTH, HEIGHT, PTS(frames + 1), frames + 1, 0) == 0)
        frames++;
    const struct culvert_stats full = stream_stats(session);
    ck_assert_uint_eq(full.queued_packets % count, 0);
    ck_assert_uint_le(full.queued_packets, 256);
    ck_assert_uint_gt(full.queued_packets, 256 - 2 * count);
    for (uint32_t frame = 1; frame <= frames; frame++)
        expect_rest(session, frame, 0, count, frame == 1 ? KEY | EPOCH : 0);
    pass(session, frames + 1, count, 0);
    culvert_close(session);
}
END_TEST

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

START_TEST(a_codec_that_fails_in_the_middle_leaves_its_slices_behind_and_the_next_epoch_begins_cleanly)
{
    const uint32_t failing = (uint32_t)_i;
    culvert_session session = open_slices(COUNT);
    pass(session, 1, COUNT, KEY | EPOCH);
    trial_fail(TRIAL_SLICE, failing, 1);
    play_submit(session, 2, 0);
    for (uint32_t slice = 0; slice < failing; slice++)
        expect_slice(session, 2, slice, slice == 0 ? FIRST : 0);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_E_CODEC);
    pass(session, 3, COUNT, KEY | EPOCH);
    pass(session, 4, COUNT, 0);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.failed, 1);
    ck_assert_uint_eq(stats.encoded, 3);
    ck_assert_uint_eq(stats.packets, 3 * COUNT + failing);
    culvert_close(session);
}
END_TEST

START_TEST(an_epoch_that_fails_in_its_first_frame_leaves_no_slice_behind)
{
    culvert_session session = open_slices(COUNT);
    trial_fail(TRIAL_SLICE, 2, 1);
    play_submit(session, 1, 0);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_E_CODEC);
    pass(session, 2, COUNT, KEY | EPOCH);
    ck_assert_uint_eq(stream_stats(session).packets, COUNT);
    culvert_close(session);
}
END_TEST

START_TEST(a_frame_that_is_dropped_yields_no_slice)
{
    culvert_session session = open_slices(COUNT);
    pass(session, 1, COUNT, KEY | EPOCH);
    trial_drop(0, 1);
    play_submit(session, 2, 0);
    pass(session, 3, COUNT, 0);
    ck_assert_uint_eq(stream_stats(session).dropped, 1);
    culvert_close(session);
}
END_TEST

/* ---- One call for each frame ------------------------------------------------------------------------------------- */

static int encode(culvert_session session, uint32_t number, struct culvert_packet *packet)
{
    static uint8_t buffer[TRIAL_UNIT_MOST];
    const struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, PTS(number));
    uint8_t *pixels = stream_pixels(WIDTH, HEIGHT, number);
    size_t bytes;
    *packet = (struct culvert_packet){.size = sizeof *packet};
    const int result = culvert_encode(session, &frame, pixels, (size_t)4 * WIDTH * HEIGHT, buffer, sizeof buffer,
                                      &bytes, packet, PATIENCE);
    free(pixels);
    return result;
}

START_TEST(encode_hands_out_the_first_slice_and_receive_the_others)
{
    struct culvert_packet packet;
    culvert_session session = open_slices(COUNT);
    for (uint32_t frame = 1; frame < 4; frame++) {
        ck_assert_int_eq(encode(session, frame, &packet), 0);
        ck_assert_uint_eq(packet.flags, FIRST | (frame == 1 ? KEY | EPOCH : 0));
        expect_rest(session, frame, 1, COUNT, frame == 1 ? KEY | EPOCH : 0);
    }
    ck_assert_int_eq(encode(session, 4, &packet), 0);
    ck_assert_int_eq(encode(session, 5, &packet), CULVERT_EARLIER);
    ck_assert_uint_eq(packet.frame, 4);
    expect_rest(session, 4, 2, COUNT, 0);
    expect_rest(session, 5, 0, COUNT, 0);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("slices");
    TCase *pieces = add_case(suite, "pieces");
    tcase_add_loop_test(pieces, each_slice_is_a_packet_and_the_frame_is_counted_once, 1, 9);
    tcase_add_test(pieces, what_is_known_of_a_frame_only_in_the_end_stands_on_its_last_slice);
    tcase_add_test(pieces, durations_of_slices_add_up_to_the_time_that_passed);
    tcase_add_test(pieces, an_inserted_key_frame_comes_in_slices_too);
    TCase *moments = add_case(suite, "moments");
    tcase_add_test(moments, a_slice_is_handed_out_while_those_behind_it_are_encoded);
    tcase_add_loop_test(moments, slices_claim_no_change_that_was_not_proved, 0, 2);
    tcase_add_loop_test(moments, a_full_outbox_splits_no_access_unit, 1, 9);
    TCase *failures = add_case(suite, "failures");
    tcase_add_loop_test(failures,
                        a_codec_that_fails_in_the_middle_leaves_its_slices_behind_and_the_next_epoch_begins_cleanly, 0,
                        COUNT);
    tcase_add_test(failures, an_epoch_that_fails_in_its_first_frame_leaves_no_slice_behind);
    tcase_add_test(failures, a_frame_that_is_dropped_yields_no_slice);
    TCase *calls = add_case(suite, "one call");
    tcase_add_test(calls, encode_hands_out_the_first_slice_and_receive_the_others);
    return suite;
}
