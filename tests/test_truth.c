#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "config.h"
#include "run.h"
#include "stream.h"
#include "trial_codec.h"

#define WIDTH 64
#define HEIGHT 48
#define INTERVAL 16667
#define PATIENCE 20000 /* milliseconds that a test waits for what must come */
#define KEY (uint32_t) CULVERT_PACKET_KEY
#define EPOCH (uint32_t) CULVERT_PACKET_EPOCH
#define INSERTED (uint32_t) CULVERT_PACKET_INSERTED
#define LENGTH(table) (int)(sizeof(table) / sizeof(table)[0])
#define SLICES (uint32_t)(CULVERT_PACKET_FIRST_SLICE | CULVERT_PACKET_LAST_SLICE)

static struct codec codec;

static culvert_session open_codec(uint32_t policy)
{
    struct culvert_config config = stream_config(codec.id, policy);
    config.slots = policy == CULVERT_POLICY_LATEST ? 0 : 16;
    return stream_open_with(&codec, &config);
}

static culvert_session open_trial(void)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    return open_codec(CULVERT_POLICY_BLOCK);
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Every frame's number is its seed and its place in time. */
static void submit(culvert_session session, uint32_t number, uint32_t flags)
{
    ck_assert_int_eq(stream_submit(session, WIDTH, HEIGHT, (int64_t)number * INTERVAL, number, flags), 0);
}

static struct culvert_packet expect(culvert_session session, uint64_t frame, uint32_t flags)
{
    const struct stream_unit unit = stream_receive(session, PATIENCE);
    ck_assert_int_eq(unit.result, 0);
    ck_assert_uint_eq(unit.packet.frame, frame);
    ck_assert_msg(unit.packet.flags == (flags | SLICES), "frame %u: flags %#x", (unsigned)frame, unit.packet.flags);
    return unit.packet;
}

static struct culvert_packet pass(culvert_session session, uint32_t number, uint32_t flags)
{
    submit(session, number, 0);
    return expect(session, number, flags);
}

/* The picture submitted before, once more. */
static void submit_same(culvert_session session, uint32_t number)
{
    struct culvert_frame same = stream_frame(0, 0, (int64_t)number * INTERVAL);
    same.flags = CULVERT_FRAME_SAME;
    ck_assert_int_eq(culvert_submit(session, &same, NULL, 0), 0);
}

static void expect_params(culvert_session session, const char *wanted)
{
    char text[256];
    ck_assert_int_eq(culvert_params(session, text, sizeof text, NULL), 0);
    ck_assert_msg(strncmp(text, wanted, strlen(wanted)) == 0, "\"%s\" does not begin with \"%s\"", text, wanted);
}

/* ---- The table of what can change ------------------------------------------------------------------------------- */

enum setting { BITRATE, FRAMERATE };

static int change(culvert_session session, enum setting setting, uint32_t *control)
{
    return setting == BITRATE ? culvert_set_bitrate(session, 5000, control)
                              : culvert_set_framerate(session, 30, 1, control);
}

static const struct {
    enum setting setting;
    enum codec_change change;
    int result;
    uint32_t flags; /* of the next packet */
    uint32_t bitrate_kbps, fps_num, control;
    uint32_t opened, reconfigured;
} changes[] = {
    {BITRATE, CODEC_LIVE, CULVERT_OK, 0, 5000, 60, 1, 1, 1},
    {FRAMERATE, CODEC_LIVE, CULVERT_OK, 0, 4000, 30, 1, 1, 1},
    {BITRATE, CODEC_REOPENS, CULVERT_REOPENS, KEY | EPOCH, 5000, 60, 1, 2, 0},
    {FRAMERATE, CODEC_REOPENS, CULVERT_REOPENS, KEY | EPOCH, 4000, 30, 1, 2, 0},
    {BITRATE, CODEC_REFUSED, CULVERT_E_UNSUPPORTED, 0, 4000, 60, 0, 1, 0},
    {FRAMERATE, CODEC_REFUSED, CULVERT_E_UNSUPPORTED, 0, 4000, 60, 0, 1, 0},
};

START_TEST(a_control_call_answers_by_the_codecs_table_and_that_is_what_happens)
{
    const bool bitrate = changes[_i].setting == BITRATE;
    codec = trial_codec(0, bitrate ? changes[_i].change : CODEC_LIVE, bitrate ? CODEC_LIVE : changes[_i].change);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    pass(session, 1, KEY | EPOCH);
    uint32_t control = 77;
    ck_assert_int_eq(change(session, changes[_i].setting, &control), changes[_i].result);
    ck_assert_uint_eq(control, changes[_i].result < 0 ? 77 : 1);

    ck_assert_uint_eq(pass(session, 2, changes[_i].flags).control, changes[_i].control);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.bitrate_kbps, changes[_i].bitrate_kbps);
    ck_assert_uint_eq(stats.fps_num, changes[_i].fps_num);
    ck_assert_uint_eq(stats.control, changes[_i].control);
    ck_assert_uint_eq(stats.epochs, changes[_i].opened);
    ck_assert_uint_eq(stats.reopened, 0);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), changes[_i].opened);
    ck_assert_uint_eq(trial_count(TRIAL_RECONFIGURE), changes[_i].reconfigured);
    const struct codec_rate rate = trial_recorded(TRIAL_ENCODE, 1).rate;
    ck_assert_uint_eq(rate.bitrate_kbps, changes[_i].bitrate_kbps);
    ck_assert_uint_eq(rate.fps_num, changes[_i].fps_num);
    pass(session, 3, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_frame_rate_with_the_same_numerator_is_another_one)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_REOPENS);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_framerate(session, 60, 7, NULL), CULVERT_REOPENS);
    pass(session, 2, KEY | EPOCH);
    ck_assert_uint_eq(trial_recorded(TRIAL_OPEN, 1).rate.fps_den, 7);
    culvert_close(session);
}
END_TEST

START_TEST(a_refused_change_says_why)
{
    codec = trial_codec(0, CODEC_REFUSED, CODEC_REFUSED);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    char text[256] = "";
    ck_assert_int_eq(change(session, (enum setting)_i, NULL), CULVERT_E_UNSUPPORTED);
    ck_assert_int_eq(culvert_error_text(session, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, _i == BITRATE ? "bitrate_kbps" : "frame rate"));
    culvert_close(session);
}
END_TEST

START_TEST(setting_what_is_already_so_promises_no_epoch)
{
    codec = trial_codec(0, CODEC_REOPENS, CODEC_REOPENS);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    ck_assert_int_eq(culvert_set_bitrate(session, 3000, NULL), 0);
    ck_assert_uint_eq(pass(session, 1, KEY | EPOCH).control, 1);
    ck_assert_int_eq(culvert_set_bitrate(session, 3000, NULL), 0);
    ck_assert_int_eq(culvert_set_framerate(session, 60, 1, NULL), 0);
    ck_assert_uint_eq(pass(session, 2, 0).control, 3);
    ck_assert_int_eq(culvert_set_bitrate(session, 2000, NULL), CULVERT_REOPENS);
    ck_assert_int_eq(culvert_set_bitrate(session, 3000, NULL), 0);
    ck_assert_uint_eq(pass(session, 3, 0).control, 5);
    ck_assert_int_eq(culvert_set_bitrate(session, 2000, NULL), CULVERT_REOPENS);
    ck_assert_int_eq(culvert_set_bitrate(session, 2000, NULL), CULVERT_REOPENS);
    pass(session, 4, KEY | EPOCH);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_warm_encoder_whose_rate_cannot_change_is_replaced)
{
    codec = trial_codec(0, CODEC_REOPENS, CODEC_LIVE);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, 2 * INTERVAL, 2, 0), 0);
    expect(session, 2, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), CULVERT_REOPENS);
    pass(session, 3, KEY | EPOCH);
    pass(session, 4, 0);
    ck_assert_uint_eq(trial_count(TRIAL_RECONFIGURE), 0);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 2).encoder, 3);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 2).rate.bitrate_kbps, 5000);
    culvert_close(session);
}
END_TEST

START_TEST(a_promised_epoch_begins_even_with_a_repeat)
{
    codec = trial_codec(0, CODEC_REOPENS, CODEC_LIVE);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_bitrate(session, 2000, NULL), CULVERT_REOPENS);
    submit_same(session, 2);
    expect(session, 2, KEY | EPOCH);
    submit_same(session, 3);
    ck_assert_int_eq(stream_receive(session, 60).result, CULVERT_E_AGAIN);
    ck_assert_uint_eq(stream_stats(session).repeated, 1);
    culvert_close(session);
}
END_TEST

static const struct {
    uint32_t kbps;
    int result;
} amounts[] = {
    {4000 * TRIAL_HEADROOM, CULVERT_OK},
    {4000 * TRIAL_HEADROOM + 1, CULVERT_REOPENS},
    {TRIAL_KBPS_MOST, CULVERT_REOPENS},
    {TRIAL_KBPS_MOST + 1, CULVERT_E_LEVEL},
};

START_TEST(a_live_change_reopens_or_is_refused_when_its_amount_demands_it)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_bitrate(session, amounts[_i].kbps, NULL), amounts[_i].result);
    pass(session, 2, amounts[_i].result == CULVERT_REOPENS ? KEY | EPOCH : 0);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 1).rate.bitrate_kbps,
                      amounts[_i].result < 0 ? 4000 : amounts[_i].kbps);
    ck_assert_uint_eq(stream_stats(session).reopened, 0);
    culvert_close(session);
}
END_TEST

#if HAVE_X264
/* Bitrates that go up and down through the levels at this size. */
static const uint32_t ladder[] = {4000, 2000, 9000, 3000, 30000, 8000, 30001, 90000, 100, 500000, 4000};

START_TEST(h264_says_beforehand_whether_a_change_reopens)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_H264, CULVERT_POLICY_BLOCK);
    config.level = (uint32_t)_i;
    culvert_session session = stream_open(&config);
    uint32_t number = 0, reopened = 0;
    pass(session, ++number, KEY | EPOCH);
    for (int i = 0; i < LENGTH(ladder); i++) {
        int result = culvert_set_bitrate(session, ladder[i], NULL);
        pass(session, ++number, result == CULVERT_REOPENS ? KEY | EPOCH : 0);
        reopened += result == CULVERT_REOPENS;
        result = culvert_set_framerate(session, 1000 - ladder[i] % 900, 1, NULL);
        pass(session, ++number, result == CULVERT_REOPENS ? KEY | EPOCH : 0);
    }
    ck_assert_uint_gt(reopened, 0);
    ck_assert_uint_eq(stream_stats(session).reopened, 0);
    culvert_close(session);
}
END_TEST
#endif

/* ---- Lies ------------------------------------------------------------------------------------------------------- */

START_TEST(a_read_back_that_disagrees_reopens_once_and_is_counted)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    expect_params(session, "encoder=1 bitrate=4000");
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    ck_assert_uint_eq(pass(session, 2, 0).control, 0);
    expect_params(session, "encoder=1 bitrate=4000");
    const struct culvert_packet reopened = pass(session, 3, KEY | EPOCH);
    ck_assert_uint_eq(reopened.control, 1);
    ck_assert_uint_eq(reopened.epoch, 2);
    expect_params(session, "encoder=2 bitrate=5000");
    for (uint32_t i = 4; i < 12; i++)
        ck_assert_uint_eq(pass(session, i, 0).control, 1);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.reopened, 1);
    ck_assert_uint_eq(stats.epochs, 2);
    ck_assert_uint_eq(stats.keyframes, 2);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    culvert_close(session);
    trial_closed(2);
}
END_TEST

START_TEST(a_lie_on_a_still_picture_is_found_out_and_mended_by_the_next_repeat)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    pass(session, 2, 0);
    submit_same(session, 3);
    expect(session, 3, KEY | EPOCH);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 2).rate.bitrate_kbps, 5000);
    culvert_close(session);
}
END_TEST

START_TEST(a_new_size_that_comes_before_the_lie_is_mended_is_no_reopening)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    pass(session, 2, 0);
    ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, 3 * INTERVAL, 3, 0), 0);
    expect(session, 3, KEY | EPOCH);
    pass(session, 4, KEY | EPOCH);
    pass(session, 5, 0);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 3).rate.bitrate_kbps, 5000);
    ck_assert_uint_eq(stream_stats(session).reopened, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_codec_that_disagrees_even_when_reopened_is_not_reopened_again)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    trial_lie(TRIAL_ALWAYS_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    pass(session, 2, 0);
    ck_assert_uint_eq(pass(session, 3, KEY | EPOCH).control, 1);
    for (uint32_t i = 4; i < 20; i++)
        ck_assert_uint_eq(pass(session, i, 0).control, 1);
    ck_assert_uint_eq(stream_stats(session).reopened, 1);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_codec_that_disagrees_from_its_opening_is_never_reopened)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    trial_lie(TRIAL_ALWAYS_LIES);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    for (uint32_t i = 1; i <= 24; i++) {
        /* Two sizes that take turns, so that warm encoders come back. */
        const uint32_t width = i / 4 % 2 == 0 ? WIDTH : WIDTH * 2;
        ck_assert_int_eq(stream_submit(session, width, HEIGHT, (int64_t)i * INTERVAL, i, 0), 0);
        expect(session, i, i == 1 || i % 4 == 0 ? KEY | EPOCH : 0);
    }
    ck_assert_uint_eq(stream_stats(session).reopened, 0);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_warm_encoder_that_ignores_the_new_rate_is_replaced)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, 2 * INTERVAL, 2, 0), 0);
    expect(session, 2, KEY | EPOCH);
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    pass(session, 3, KEY | EPOCH);
    pass(session, 4, KEY | EPOCH);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 3).rate.bitrate_kbps, 5000);
    pass(session, 5, 0);
    ck_assert_uint_eq(stream_stats(session).reopened, 1);
    ck_assert_uint_eq(stream_stats(session).epochs, 4);
    culvert_close(session);
}
END_TEST

/* ---- Codecs that hold pictures back ----------------------------------------------------------------------------- */

#define FRAMES 12
#define TURN 6   /* the first frame after the turn */
#define ASKING 9 /* the frame that asks for a key frame */

static const struct {
    uint32_t delay;
    uint32_t width; /* from the turn on */
    bool rate;      /* changes with the turn */
    enum codec_change change;
    uint32_t epochs, flushed; /* flushed: pictures that came out only so */
} delays[] = {
    {1, WIDTH, false, CODEC_LIVE, 1, 1},     {2, WIDTH, false, CODEC_LIVE, 1, 2},
    {3, WIDTH, false, CODEC_LIVE, 1, 3},     {1, 2 * WIDTH, false, CODEC_LIVE, 2, 2},
    {3, 2 * WIDTH, false, CODEC_LIVE, 2, 6}, {3, WIDTH, true, CODEC_LIVE, 1, 3},
    {1, WIDTH, true, CODEC_REOPENS, 2, 2},   {3, WIDTH, true, CODEC_REOPENS, 2, 6},
};

static uint32_t width_of(int row, uint32_t number)
{
    return number < TURN ? WIDTH : delays[row].width;
}

static void await_pictures(uint32_t count)
{
    while (trial_count(TRIAL_ENCODE) < count)
        sleep_ms(1);
}

static void submit_delayed(culvert_session session, int row)
{
    for (uint32_t i = 1; i <= FRAMES; i++) {
        if (i == TURN && delays[row].rate) {
            await_pictures(TURN - 1);
            ck_assert_int_ge(culvert_set_bitrate(session, 5000, NULL), 0);
        }
        ck_assert_int_eq(stream_submit(session, width_of(row, i), HEIGHT, (int64_t)i * INTERVAL, i,
                                       i == ASKING ? CULVERT_FRAME_KEY : 0),
                         0);
    }
}

START_TEST(every_picture_that_a_codec_holds_back_comes_out_as_its_own)
{
    codec = trial_codec(delays[_i].delay, delays[_i].change, CODEC_LIVE);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    submit_delayed(session, _i);
    ck_assert_int_eq(culvert_finish(session), 0);
    for (uint32_t i = 1; i <= FRAMES; i++) {
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_eq(unit.packet.frame, i);
        ck_assert_int_eq(unit.packet.pts, (int64_t)i * INTERVAL);
        ck_assert_uint_eq(unit.packet.width, width_of(_i, i));
        ck_assert_uint_eq(unit.packet.control, delays[_i].rate && i >= TURN);
        const uint32_t epoch = i < TURN ? 1 : delays[_i].epochs;
        ck_assert_uint_eq(unit.packet.epoch, epoch);
        const bool begins = i == 1 || (i == TURN && epoch == 2);
        ck_assert_uint_eq(unit.packet.flags, SLICES | (begins ? KEY | EPOCH : i == ASKING ? KEY : 0));
        const struct trial_unit own = trial_parse(unit.data, unit.bytes);
        ck_assert_uint_eq(own.encoder, epoch);
        ck_assert_uint_eq(own.checksum, trial_checksum(width_of(_i, i), HEIGHT, i));
    }
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_EOS);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.encoded, FRAMES);
    ck_assert_uint_eq(stats.settled, FRAMES);
    ck_assert_uint_eq(stats.epochs, delays[_i].epochs);
    ck_assert_uint_ge(trial_count(TRIAL_FLUSH), delays[_i].flushed);
    culvert_close(session);
    trial_closed(trial_count(TRIAL_OPEN));
}
END_TEST

START_TEST(a_lie_costs_none_of_the_pictures_that_are_held_back)
{
    codec = trial_codec((uint32_t)_i, CODEC_LIVE, CODEC_LIVE);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    for (uint32_t i = 1; i < TURN; i++)
        submit(session, i, 0);
    await_pictures(TURN - 1);
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    for (uint32_t i = TURN; i <= FRAMES; i++)
        submit(session, i, 0);
    culvert_finish(session);
    for (uint32_t i = 1; i <= FRAMES; i++)
        ck_assert_uint_eq(expect(session, i, i == 1 || i == TURN + 1 ? KEY | EPOCH : 0).control, i > TURN);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.reopened, 1);
    ck_assert_uint_eq(stats.encoded, FRAMES);
    culvert_close(session);
}
END_TEST

START_TEST(a_picture_that_is_dropped_among_those_held_back_is_counted_and_its_key_frame_comes_later)
{
    const uint32_t delay = (uint32_t)_i, dropped = 4, key = dropped + delay + 1;
    codec = trial_codec(delay, CODEC_LIVE, CODEC_LIVE);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    trial_drop(dropped - 1, 1);
    for (uint32_t i = 1; i <= FRAMES; i++)
        submit(session, i, i == dropped ? CULVERT_FRAME_KEY : 0);
    culvert_finish(session);
    for (uint32_t i = 1; i <= FRAMES; i++)
        if (i != dropped)
            expect(session, i, i == 1 ? KEY | EPOCH : i == key ? KEY : 0);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_EOS);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.dropped, 1);
    ck_assert_uint_eq(stats.encoded, FRAMES - 1);
    culvert_close(session);
}
END_TEST

/* What the queue holds, and what the codec does: the snapshot in stream_stats says whether both fit. */
START_TEST(what_a_codec_holds_back_is_counted_as_on_its_way)
{
    codec = trial_codec(3, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = stream_config(codec.id, (uint32_t)_i);
    config.slots = _i == CULVERT_POLICY_LATEST ? 0 : 2;
    culvert_session session = stream_open_with(&codec, &config);
    for (uint32_t i = 1; i <= 3; i++) {
        submit(session, i, 0);
        await_pictures(i);
    }
    trial_hold();
    submit(session, 4, 0);
    trial_await_held();
    submit(session, 5, 0);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.submitted, 5);
    ck_assert_uint_eq(stats.settled, 0);
    trial_let_go();
    culvert_finish(session);
    for (uint32_t i = 1; i <= 5; i++)
        expect(session, i, i == 1 ? KEY | EPOCH : 0);
    culvert_close(session);
}
END_TEST

/* ---- Codecs that fail ------------------------------------------------------------------------------------------- */

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
        pass(session, i, i == 1 ? KEY | EPOCH : 0);
    for (uint32_t i = first; i < behind; i++) {
        submit(session, i, 0);
        expect_failure(session, failures[_i].why);
    }
    const struct culvert_packet next = pass(session, behind, KEY | EPOCH);
    ck_assert_uint_eq(next.epoch, first == 1 ? 1 : 2);
    pass(session, behind + 1, 0);
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
    pass(session, 1, KEY | EPOCH);
    trial_fail((enum trial_call)_i, 0, 1);
    ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, 2 * INTERVAL, 2, 0), 0);
    expect_failure(session, "told");
    ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, 3 * INTERVAL, 2, 0), 0);
    ck_assert_uint_eq(expect(session, 3, KEY | EPOCH).epoch, 2);
    culvert_close(session);
}
END_TEST

START_TEST(several_failures_between_two_receives_are_said_once)
{
    culvert_session session = open_trial();
    trial_fail(TRIAL_ENCODE, 1, 3);
    for (uint32_t i = 1; i <= 5; i++)
        submit(session, i, 0);
    while (stream_stats(session).settled < 5)
        sleep_ms(1);
    culvert_finish(session);
    expect(session, 1, KEY | EPOCH);
    ck_assert_uint_eq(expect(session, 5, KEY | EPOCH).epoch, 2);
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
    pass(session, 2, KEY | EPOCH);
    culvert_close(session);
}
END_TEST

START_TEST(pictures_that_are_held_back_by_an_encoder_that_fails_fail_with_it)
{
    codec = trial_codec(2, CODEC_LIVE, CODEC_LIVE);
    culvert_session session = open_codec(CULVERT_POLICY_BLOCK);
    trial_fail((enum trial_call)_i, _i == TRIAL_ENCODE ? 4 : 0, 1);
    for (uint32_t i = 1; i <= 5; i++)
        submit(session, i, 0);
    culvert_finish(session);
    const uint32_t good = _i == TRIAL_ENCODE ? 2 : 3;
    for (uint32_t i = 1; i <= good; i++)
        expect(session, i, i == 1 ? KEY | EPOCH : 0);
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
    pass(session, 1, KEY | EPOCH);
    trial_fail(TRIAL_ENCODE, 0, 1);
    submit(session, 2, 0);
    expect_failure(session, "told to fail");
    trial_fail(insertion_failures[_i], 0, 1000000);
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    expect_failure(session, "told");
    sleep_ms(200);
    ck_assert_uint_le(trial_count(TRIAL_OPEN), 4);
    trial_fail(insertion_failures[_i], 0, 0);
    ck_assert_uint_eq(stream_stats(session).failed, 1);
    pass(session, 3, KEY | EPOCH);
    culvert_close(session);
}
END_TEST

/* ---- Key frame requests and dropped frames ---------------------------------------------------------------------- */

START_TEST(requests_that_one_key_frame_serves_are_merged)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    trial_hold();
    submit(session, 2, 0);
    trial_await_held();
    for (uint32_t i = 1; i <= 10; i++) {
        uint32_t control;
        ck_assert_int_eq(culvert_request_keyframe(session, &control), 0);
        ck_assert_uint_eq(control, i);
    }
    submit(session, 3, CULVERT_FRAME_KEY);
    submit(session, 4, 0);
    trial_let_go();
    expect(session, 2, 0);
    ck_assert_uint_eq(expect(session, 3, KEY).control, 10);
    expect(session, 4, 0);
    ck_assert_int_eq(stream_receive(session, 60).result, CULVERT_E_AGAIN);
    ck_assert_uint_eq(stream_stats(session).keyframes, 2);
    culvert_close(session);
}
END_TEST

enum asker { BY_FRAME, BY_CALL, ASKERS };

START_TEST(a_key_frame_that_was_dropped_comes_though_the_picture_stands_still)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    trial_drop(0, 2);
    submit(session, 2, CULVERT_FRAME_KEY);
    const struct culvert_packet key = expect(session, 2, KEY | INSERTED);
    ck_assert_int_gt(key.pts, 2 * INTERVAL);
    ck_assert_int_eq(stream_receive(session, 60).result, CULVERT_E_AGAIN);
    ck_assert_uint_eq(stream_stats(session).dropped, 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_key_frame_request_outlives_the_frames_that_rate_control_drops)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    trial_hold();
    submit(session, 2, 0);
    trial_await_held();
    trial_drop(1, 3);
    if (_i == BY_CALL)
        ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    for (uint32_t i = 3; i <= 7; i++)
        submit(session, i, _i == BY_FRAME && i == 3 ? CULVERT_FRAME_KEY : 0);
    trial_let_go();
    expect(session, 2, 0);
    const struct culvert_packet key = expect(session, 6, KEY);
    ck_assert_int_eq(key.duration, 4 * INTERVAL);
    expect(session, 7, 0);
    ck_assert_uint_eq(stream_stats(session).dropped, 3);
    culvert_close(session);
}
END_TEST

START_TEST(an_inserted_key_frame_that_rate_control_drops_is_tried_again)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    trial_drop(0, 3);
    const int64_t start = clock_now();
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    const struct culvert_packet key = expect(session, 1, KEY | INSERTED);
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
        pass(session, i, KEY | EPOCH);
    for (uint32_t i = 1; i <= 4; i++)
        ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, (int64_t)(i + 1) * INTERVAL, i, 0), 0);
    ck_assert_uint_eq(expect(session, (uint64_t)_i + 3, KEY | EPOCH).epoch, (uint32_t)_i + 1);
    ck_assert(trial_recorded(TRIAL_ENCODE, (uint32_t)_i + 2).key);
    expect(session, (uint64_t)_i + 4, 0);
    ck_assert_uint_eq(stream_stats(session).epochs, (uint64_t)_i + 1);
    ck_assert_uint_eq(stream_stats(session).dropped, 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_picture_that_was_dropped_is_no_repeat)
{
    culvert_session session = open_trial();
    pass(session, 1, KEY | EPOCH);
    trial_drop(0, 1);
    submit(session, 2, 0);
    submit_same(session, 3);
    expect(session, 3, 0);
    ck_assert_uint_eq(stream_stats(session).repeated, 0);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("truth");
    TCase *control = add_case(suite, "control");
    tcase_add_loop_test(control, a_control_call_answers_by_the_codecs_table_and_that_is_what_happens, 0,
                        LENGTH(changes));
    tcase_add_test(control, a_frame_rate_with_the_same_numerator_is_another_one);
    tcase_add_loop_test(control, a_refused_change_says_why, BITRATE, FRAMERATE + 1);
    tcase_add_test(control, setting_what_is_already_so_promises_no_epoch);
    tcase_add_test(control, a_warm_encoder_whose_rate_cannot_change_is_replaced);
    tcase_add_test(control, a_promised_epoch_begins_even_with_a_repeat);
    tcase_add_loop_test(control, a_live_change_reopens_or_is_refused_when_its_amount_demands_it, 0, LENGTH(amounts));
#if HAVE_X264
    tcase_add_loop_test(control, h264_says_beforehand_whether_a_change_reopens, 0, 1);
    tcase_add_loop_test(control, h264_says_beforehand_whether_a_change_reopens, 40, 41);
#endif
    TCase *lies = add_case(suite, "lies");
    tcase_add_test(lies, a_read_back_that_disagrees_reopens_once_and_is_counted);
    tcase_add_test(lies, a_lie_on_a_still_picture_is_found_out_and_mended_by_the_next_repeat);
    tcase_add_test(lies, a_new_size_that_comes_before_the_lie_is_mended_is_no_reopening);
    tcase_add_test(lies, a_codec_that_disagrees_even_when_reopened_is_not_reopened_again);
    tcase_add_test(lies, a_codec_that_disagrees_from_its_opening_is_never_reopened);
    tcase_add_test(lies, a_warm_encoder_that_ignores_the_new_rate_is_replaced);
    TCase *delay = add_case(suite, "delay");
    tcase_add_loop_test(delay, every_picture_that_a_codec_holds_back_comes_out_as_its_own, 0, LENGTH(delays));
    tcase_add_loop_test(delay, a_lie_costs_none_of_the_pictures_that_are_held_back, 0, TRIAL_DELAY_MOST + 1);
    tcase_add_loop_test(delay, a_picture_that_is_dropped_among_those_held_back_is_counted_and_its_key_frame_comes_later,
                        0, TRIAL_DELAY_MOST + 1);
    tcase_add_loop_test(delay, what_a_codec_holds_back_is_counted_as_on_its_way, CULVERT_POLICY_LATEST,
                        CULVERT_POLICY_REJECT + 1);
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
    TCase *keys = add_case(suite, "key frames");
    tcase_add_test(keys, requests_that_one_key_frame_serves_are_merged);
    tcase_add_loop_test(keys, a_key_frame_request_outlives_the_frames_that_rate_control_drops, BY_FRAME, ASKERS);
    tcase_add_test(keys, a_key_frame_that_was_dropped_comes_though_the_picture_stands_still);
    tcase_add_test(keys, an_inserted_key_frame_that_rate_control_drops_is_tried_again);
    tcase_add_loop_test(keys, an_epoch_whose_first_frames_are_dropped_begins_with_the_first_packet, 0, 2);
    tcase_add_test(keys, a_picture_that_was_dropped_is_no_repeat);
    return suite;
}
