/* Codecs that hold pictures back. */
#include "play.h"
#include "run.h"

static struct codec codec;

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
        play_sleep(1);
}

static void submit_delayed(culvert_session session, int row)
{
    for (uint32_t i = 1; i <= FRAMES; i++) {
        if (i == TURN && delays[row].rate) {
            await_pictures(TURN - 1);
            ck_assert_int_ge(culvert_set_bitrate(session, 5000, NULL), 0);
        }
        ck_assert_int_eq(
            stream_submit(session, width_of(row, i), HEIGHT, PTS(i), i, i == ASKING ? CULVERT_FRAME_KEY : 0), 0);
    }
}

START_TEST(every_picture_that_a_codec_holds_back_comes_out_as_its_own)
{
    codec = trial_codec(delays[_i].delay, delays[_i].change, CODEC_LIVE);
    culvert_session session = play_open(&codec);
    submit_delayed(session, _i);
    ck_assert_int_eq(culvert_finish(session), 0);
    for (uint32_t i = 1; i <= FRAMES; i++) {
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_eq(unit.packet.frame, i);
        ck_assert_int_eq(unit.packet.pts, PTS(i));
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
    culvert_session session = play_open(&codec);
    for (uint32_t i = 1; i < TURN; i++)
        play_submit(session, i, 0);
    await_pictures(TURN - 1);
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    for (uint32_t i = TURN; i <= FRAMES; i++)
        play_submit(session, i, 0);
    culvert_finish(session);
    for (uint32_t i = 1; i <= FRAMES; i++)
        ck_assert_uint_eq(play_expect(session, i, i == 1 || i == TURN + 1 ? KEY | EPOCH : 0).control, i > TURN);
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
    culvert_session session = play_open(&codec);
    trial_drop(dropped - 1, 1);
    for (uint32_t i = 1; i <= FRAMES; i++)
        play_submit(session, i, i == dropped ? CULVERT_FRAME_KEY : 0);
    culvert_finish(session);
    for (uint32_t i = 1; i <= FRAMES; i++)
        if (i != dropped)
            play_expect(session, i, i == 1 ? KEY | EPOCH : i == key ? KEY : 0);
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
        play_submit(session, i, 0);
        await_pictures(i);
    }
    trial_hold();
    play_submit(session, 4, 0);
    trial_await_held();
    play_submit(session, 5, 0);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.submitted, 5);
    ck_assert_uint_eq(stats.settled, 0);
    trial_let_go();
    culvert_finish(session);
    for (uint32_t i = 1; i <= 5; i++)
        play_expect(session, i, i == 1 ? KEY | EPOCH : 0);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("delay");
    TCase *delay = add_case(suite, "delay");
    tcase_add_loop_test(delay, every_picture_that_a_codec_holds_back_comes_out_as_its_own, 0, LENGTH(delays));
    tcase_add_loop_test(delay, a_lie_costs_none_of_the_pictures_that_are_held_back, 0, TRIAL_DELAY_MOST + 1);
    tcase_add_loop_test(delay, a_picture_that_is_dropped_among_those_held_back_is_counted_and_its_key_frame_comes_later,
                        0, TRIAL_DELAY_MOST + 1);
    tcase_add_loop_test(delay, what_a_codec_holds_back_is_counted_as_on_its_way, CULVERT_POLICY_LATEST,
                        CULVERT_POLICY_REJECT + 1);
    return suite;
}
