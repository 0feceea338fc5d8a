/* Control calls answer by what the codec can change; and codecs that do not do what they said. */
#include <string.h>

#include "config.h"
#include "play.h"
#include "run.h"

static struct codec codec;

static culvert_session open_trial(void)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    return play_open(&codec);
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
    culvert_session session = play_open(&codec);
    play_pass(session, 1, KEY | EPOCH);
    uint32_t control = 77;
    ck_assert_int_eq(change(session, changes[_i].setting, &control), changes[_i].result);
    ck_assert_uint_eq(control, changes[_i].result < 0 ? 77 : 1);

    ck_assert_uint_eq(play_pass(session, 2, changes[_i].flags).control, changes[_i].control);
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
    play_pass(session, 3, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_frame_rate_with_the_same_numerator_is_another_one)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_REOPENS);
    culvert_session session = play_open(&codec);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_framerate(session, 60, 7, NULL), CULVERT_REOPENS);
    play_pass(session, 2, KEY | EPOCH);
    ck_assert_uint_eq(trial_recorded(TRIAL_OPEN, 1).rate.fps_den, 7);
    culvert_close(session);
}
END_TEST

START_TEST(a_refused_change_says_why)
{
    codec = trial_codec(0, CODEC_REFUSED, CODEC_REFUSED);
    culvert_session session = play_open(&codec);
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
    culvert_session session = play_open(&codec);
    ck_assert_int_eq(culvert_set_bitrate(session, 3000, NULL), 0);
    ck_assert_uint_eq(play_pass(session, 1, KEY | EPOCH).control, 1);
    ck_assert_int_eq(culvert_set_bitrate(session, 3000, NULL), 0);
    ck_assert_int_eq(culvert_set_framerate(session, 60, 1, NULL), 0);
    ck_assert_uint_eq(play_pass(session, 2, 0).control, 3);
    ck_assert_int_eq(culvert_set_bitrate(session, 2000, NULL), CULVERT_REOPENS);
    ck_assert_int_eq(culvert_set_bitrate(session, 3000, NULL), 0);
    ck_assert_uint_eq(play_pass(session, 3, 0).control, 5);
    ck_assert_int_eq(culvert_set_bitrate(session, 2000, NULL), CULVERT_REOPENS);
    ck_assert_int_eq(culvert_set_bitrate(session, 2000, NULL), CULVERT_REOPENS);
    play_pass(session, 4, KEY | EPOCH);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_warm_encoder_whose_rate_cannot_change_is_replaced)
{
    codec = trial_codec(0, CODEC_REOPENS, CODEC_LIVE);
    culvert_session session = play_open(&codec);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, 2 * INTERVAL, 2, 0), 0);
    play_expect(session, 2, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), CULVERT_REOPENS);
    play_pass(session, 3, KEY | EPOCH);
    play_pass(session, 4, 0);
    ck_assert_uint_eq(trial_count(TRIAL_RECONFIGURE), 0);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 2).encoder, 3);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 2).rate.bitrate_kbps, 5000);
    culvert_close(session);
}
END_TEST

START_TEST(a_promised_epoch_begins_even_with_a_repeat)
{
    codec = trial_codec(0, CODEC_REOPENS, CODEC_LIVE);
    culvert_session session = play_open(&codec);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_bitrate(session, 2000, NULL), CULVERT_REOPENS);
    play_same(session, 2);
    play_expect(session, 2, KEY | EPOCH);
    play_same(session, 3);
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
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_bitrate(session, amounts[_i].kbps, NULL), amounts[_i].result);
    play_pass(session, 2, amounts[_i].result == CULVERT_REOPENS ? KEY | EPOCH : 0);
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
    play_pass(session, ++number, KEY | EPOCH);
    for (int i = 0; i < LENGTH(ladder); i++) {
        int result = culvert_set_bitrate(session, ladder[i], NULL);
        play_pass(session, ++number, result == CULVERT_REOPENS ? KEY | EPOCH : 0);
        reopened += result == CULVERT_REOPENS;
        result = culvert_set_framerate(session, 1000 - ladder[i] % 900, 1, NULL);
        play_pass(session, ++number, result == CULVERT_REOPENS ? KEY | EPOCH : 0);
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
    play_pass(session, 1, KEY | EPOCH);
    expect_params(session, "encoder=1 bitrate=4000");
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    ck_assert_uint_eq(play_pass(session, 2, 0).control, 0);
    expect_params(session, "encoder=1 bitrate=4000");
    const struct culvert_packet reopened = play_pass(session, 3, KEY | EPOCH);
    ck_assert_uint_eq(reopened.control, 1);
    ck_assert_uint_eq(reopened.epoch, 2);
    expect_params(session, "encoder=2 bitrate=5000");
    for (uint32_t i = 4; i < 12; i++)
        ck_assert_uint_eq(play_pass(session, i, 0).control, 1);
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
    play_pass(session, 1, KEY | EPOCH);
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    play_pass(session, 2, 0);
    play_same(session, 3);
    play_expect(session, 3, KEY | EPOCH);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 2).rate.bitrate_kbps, 5000);
    culvert_close(session);
}
END_TEST

START_TEST(a_new_size_that_comes_before_the_lie_is_mended_is_no_reopening)
{
    culvert_session session = open_trial();
    play_pass(session, 1, KEY | EPOCH);
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    play_pass(session, 2, 0);
    ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, 3 * INTERVAL, 3, 0), 0);
    play_expect(session, 3, KEY | EPOCH);
    play_pass(session, 4, KEY | EPOCH);
    play_pass(session, 5, 0);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 3).rate.bitrate_kbps, 5000);
    ck_assert_uint_eq(stream_stats(session).reopened, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_codec_that_disagrees_even_when_reopened_is_not_reopened_again)
{
    culvert_session session = open_trial();
    play_pass(session, 1, KEY | EPOCH);
    trial_lie(TRIAL_ALWAYS_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    play_pass(session, 2, 0);
    ck_assert_uint_eq(play_pass(session, 3, KEY | EPOCH).control, 1);
    for (uint32_t i = 4; i < 20; i++)
        ck_assert_uint_eq(play_pass(session, i, 0).control, 1);
    ck_assert_uint_eq(stream_stats(session).reopened, 1);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_codec_that_disagrees_from_its_opening_is_never_reopened)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    trial_lie(TRIAL_ALWAYS_LIES);
    culvert_session session = play_open(&codec);
    for (uint32_t i = 1; i <= 24; i++) {
        /* Two sizes that take turns, so that warm encoders come back. */
        const uint32_t width = i / 4 % 2 == 0 ? WIDTH : WIDTH * 2;
        ck_assert_int_eq(stream_submit(session, width, HEIGHT, PTS(i), i, 0), 0);
        play_expect(session, i, i == 1 || i % 4 == 0 ? KEY | EPOCH : 0);
    }
    ck_assert_uint_eq(stream_stats(session).reopened, 0);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_warm_encoder_that_ignores_the_new_rate_is_replaced)
{
    culvert_session session = open_trial();
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(stream_submit(session, 2 * WIDTH, HEIGHT, 2 * INTERVAL, 2, 0), 0);
    play_expect(session, 2, KEY | EPOCH);
    trial_lie(TRIAL_LIES);
    ck_assert_int_eq(culvert_set_bitrate(session, 5000, NULL), 0);
    play_pass(session, 3, KEY | EPOCH);
    play_pass(session, 4, KEY | EPOCH);
    ck_assert_uint_eq(trial_recorded(TRIAL_ENCODE, 3).rate.bitrate_kbps, 5000);
    play_pass(session, 5, 0);
    ck_assert_uint_eq(stream_stats(session).reopened, 1);
    ck_assert_uint_eq(stream_stats(session).epochs, 4);
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
    return suite;
}
