#include "base/clock.h"
#include "play.h"
#include "run.h"

static struct codec codec;

/* Frames per second: so few that the next frame comes before one is inserted, or so many that one is inserted soon. */
enum pace { PATIENT = 1, HASTY = 60 };

static culvert_session open_trial(enum pace pace)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = play_config(&codec);
    config.fps_num = pace;
    return stream_open_with(&codec, &config);
}

static void report(culvert_session session, int64_t pts)
{
    ck_assert_int_eq(culvert_report_loss(session, pts, NULL), 0);
}

/* The codec was told this often, the last time of this pts, as that encoder. */
static void check_forgotten(uint32_t count, int64_t pts, uint32_t encoder)
{
    ck_assert_uint_eq(trial_count(TRIAL_FORGET), count);
    const struct trial_record record = trial_recorded(TRIAL_FORGET, count - 1);
    ck_assert_int_eq(record.pts, pts);
    ck_assert_uint_eq(record.encoder, encoder);
}

/* ---- What is a loss ---------------------------------------------------------------------------------------------- */

static const int64_t nothings[] = {INT64_MIN, -2, -1, 0, 1, PTS(1), INT64_MAX};

START_TEST(what_was_reported_before_the_first_packet_is_nobodys_loss)
{
    culvert_session session = open_trial(PATIENT);
    report(session, nothings[_i]);
    ck_assert_uint_eq(play_pass(session, 1, KEY | EPOCH).control, 1);
    play_pass(session, 2, 0);
    ck_assert_uint_eq(trial_count(TRIAL_FORGET), 0);
    ck_assert_uint_eq(stream_stats(session).losses, 1);
    ck_assert_uint_eq(stream_stats(session).recovered, 0);
    culvert_close(session);
}
END_TEST

/* Packets up to that of this frame; how many of them say that they recover. */
static uint32_t receive_recoveries(culvert_session session, uint64_t last)
{
    uint32_t count = 0;
    for (struct stream_unit unit = {0}; unit.packet.frame != last;) {
        unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        count += (unit.packet.flags & RECOVERY) != 0;
    }
    return count;
}

START_TEST(a_codec_that_holds_pictures_back_recovers_once_too)
{
    codec = trial_codec(2, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = play_config(&codec);
    config.fps_num = PATIENT;
    culvert_session session = stream_open_with(&codec, &config);
    for (uint32_t number = 1; number <= 4; number++)
        play_submit(session, number, 0);
    ck_assert_uint_eq(receive_recoveries(session, 2), 0);
    report(session, PTS(2));
    for (uint32_t number = 5; number <= 10; number++)
        play_submit(session, number, 0);
    ck_assert_uint_eq(receive_recoveries(session, 8), 1);
    culvert_close(session);
}
END_TEST

static const int64_t futures[] = {PTS(2) + 1, PTS(3), INT64_MAX};

START_TEST(what_was_not_sent_yet_cannot_be_lost)
{
    culvert_session session = open_trial(HASTY);
    play_pass(session, 1, KEY | EPOCH);
    play_pass(session, 2, 0);
    report(session, futures[_i]);
    play_quiet(session);
    ck_assert_uint_eq(play_pass(session, 3, 0).control, 1);
    play_pass(session, 4, 0);
    ck_assert_uint_eq(trial_count(TRIAL_FORGET), 0);
    culvert_close(session);
}
END_TEST

START_TEST(what_is_being_encoded_cannot_be_lost_either)
{
    culvert_session session = open_trial(PATIENT);
    play_pass(session, 1, KEY | EPOCH);
    trial_hold();
    play_submit(session, 2, 0);
    trial_await_held();
    report(session, PTS(2));
    trial_let_go();
    play_expect(session, 2, 0);
    play_pass(session, 3, 0);
    culvert_close(session);
}
END_TEST

static const int64_t losses[] = {PTS(3), PTS(2) + 1, PTS(2), PTS(1), PTS(1) - 1, 0, INT64_MIN};

START_TEST(the_next_frame_refers_to_nothing_that_was_lost_and_says_so_once)
{
    culvert_session session = open_trial(PATIENT);
    for (uint32_t number = 1; number < 4; number++)
        play_pass(session, number, number == 1 ? KEY | EPOCH : 0);
    report(session, losses[_i]);
    const struct culvert_packet packet = play_pass(session, 4, RECOVERY);
    ck_assert_uint_eq(packet.control, 1);
    /* No pts is before 0. */
    check_forgotten(1, losses[_i] < 0 ? 0 : losses[_i], 1);
    ck_assert_uint_lt(trial_recorded(TRIAL_FORGET, 0).order, trial_recorded(TRIAL_ENCODE, 3).order);
    play_pass(session, 5, 0);
    ck_assert_uint_eq(trial_count(TRIAL_FORGET), 1);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.losses, 1);
    ck_assert_uint_eq(stats.recovered, 1);
    ck_assert_uint_eq(stats.keyframes, 1);
    culvert_close(session);
}
END_TEST

START_TEST(several_reports_before_the_next_frame_are_one_loss_from_the_oldest_on)
{
    culvert_session session = open_trial(PATIENT);
    for (uint32_t number = 1; number < 5; number++)
        play_pass(session, number, number == 1 ? KEY | EPOCH : 0);
    trial_hold();
    play_submit(session, 5, 0);
    trial_await_held();
    report(session, PTS(4));
    report(session, PTS(2));
    report(session, PTS(3));
    play_submit(session, 6, 0);
    trial_let_go();
    play_expect(session, 5, 0);
    ck_assert_uint_eq(play_expect(session, 6, RECOVERY).control, 3);
    check_forgotten(1, PTS(2), 1);
    play_pass(session, 7, 0);
    ck_assert_uint_eq(stream_stats(session).losses, 3);
    ck_assert_uint_eq(stream_stats(session).recovered, 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_recovery_that_is_lost_itself_is_followed_by_another)
{
    culvert_session session = open_trial(PATIENT);
    play_pass(session, 1, KEY | EPOCH);
    play_pass(session, 2, 0);
    for (uint32_t number = 3; number < 6; number++) {
        report(session, PTS(2));
        play_pass(session, number, RECOVERY);
    }
    play_pass(session, 6, 0);
    ck_assert_uint_eq(stream_stats(session).recovered, 3);
    culvert_close(session);
}
END_TEST

/* ---- Key frames -------------------------------------------------------------------------------------------------- */

enum answer { NOTHING_LEFT, NO_FORGET, ANSWERS };

static culvert_session open_without_references(enum answer answer)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    codec.keeps_rate = true;
    if (answer == NO_FORGET)
        codec.forget = NULL;
    trial_fail(TRIAL_FORGET, 0, 1000);
    struct culvert_config config = play_config(&codec);
    config.fps_num = PATIENT;
    config.bitrate_kbps = 100;
    config.floor = CULVERT_FLOOR_OVERSHOOT;
    culvert_session session = stream_open_with(&codec, &config);
    trial_sizes(TRIAL_UNIT_MOST, sizeof(struct trial_unit));
    return session;
}

START_TEST(where_nothing_is_left_to_refer_to_a_key_frame_comes_at_once_and_serves_requests_too)
{
    culvert_session session = open_without_references((enum answer)_i);
    play_pass(session, 1, KEY | EPOCH);
    play_pass(session, 2, 0);
    ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    play_pass(session, 3, 0);
    report(session, PTS(2));
    play_pass(session, 4, KEY | RECOVERY);
    report(session, PTS(4));
    play_expect(session, 4, KEY | INSERTED | RECOVERY);
    play_sleep(1020);
    play_pass(session, 5, 0);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.losses, 2);
    ck_assert_uint_eq(stats.recovered, 0);
    ck_assert_uint_eq(stats.keyframes, 3);
    culvert_close(session);
}
END_TEST

START_TEST(a_loss_while_nobody_watches_is_recovered_by_the_resumed_key_frame)
{
    culvert_session session = open_trial(HASTY);
    play_pass(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_pause(session, NULL), 0);
    report(session, PTS(1));
    play_quiet(session);
    play_submit(session, 2, 0);
    play_settled(session, 2);
    ck_assert_uint_eq(trial_count(TRIAL_ENCODE), 1);
    ck_assert_int_eq(culvert_resume(session, NULL), 0);
    ck_assert_uint_eq(play_expect(session, 2, KEY | INSERTED | RECOVERY).control, 3);
    play_pass(session, 3, 0);
    culvert_close(session);
}
END_TEST

/* ---- A still picture --------------------------------------------------------------------------------------------- */

/* A frame interval is a second here: what is served sooner did not wait for one. */
START_TEST(a_loss_on_a_still_picture_is_recovered_without_waiting_for_a_frame)
{
    struct trial_unit unit;
    culvert_session session = open_trial(PATIENT);
    play_pass(session, 1, KEY | EPOCH);
    play_sleep(1010);
    const int64_t reported = clock_now();
    report(session, PTS(1));
    play_unit(session, 1, INSERTED | RECOVERY, &unit);
    ck_assert_int_lt(clock_now() - reported, 1000000);
    ck_assert_uint_eq(unit.checksum, trial_checksum(WIDTH, HEIGHT, 1));
    ck_assert_uint_eq(stream_stats(session).inserted, 1);
    ck_assert_uint_eq(stream_stats(session).recovered, 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_frame_that_repeats_is_encoded_to_recover)
{
    culvert_session session = open_trial(PATIENT);
    play_pass(session, 1, KEY | EPOCH);
    trial_hold();
    play_submit(session, 2, 0);
    trial_await_held();
    report(session, PTS(1));
    play_same(session, 3);
    play_same(session, 4);
    trial_let_go();
    play_expect(session, 2, 0);
    play_expect(session, 3, RECOVERY);
    play_settled(session, 4);
    ck_assert_uint_eq(stream_stats(session).repeated, 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_packet_of_no_bytes_can_be_lost_like_any_other)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = play_config(&codec);
    config.flags = CULVERT_CONFIG_REPEATS;
    culvert_session session = stream_open_with(&codec, &config);
    play_pass(session, 1, KEY | EPOCH);
    play_same(session, 2);
    play_expect(session, 2, REPEATED);
    report(session, PTS(2));
    play_expect(session, 2, INSERTED | RECOVERY);
    culvert_close(session);
}
END_TEST

/* ---- Epochs ------------------------------------------------------------------------------------------------------ */

START_TEST(a_loss_is_told_to_the_encoder_of_the_present_epoch)
{
    culvert_session session = open_trial(PATIENT);
    play_pass(session, 1, KEY | EPOCH);
    play_sized(session, 2, 2 * WIDTH, HEIGHT);
    play_expect(session, 2, KEY | EPOCH);
    report(session, PTS(1));
    play_sized(session, 3, 2 * WIDTH, HEIGHT);
    play_expect(session, 3, RECOVERY);
    check_forgotten(1, PTS(1), 2);
    culvert_close(session);
}
END_TEST

START_TEST(a_new_epoch_recovers_by_its_key_frame_and_a_warm_encoder_is_told_as_well)
{
    culvert_session session = open_trial(PATIENT);
    play_pass(session, 1, KEY | EPOCH);
    report(session, PTS(1));
    play_sized(session, 2, 2 * WIDTH, HEIGHT);
    play_expect(session, 2, KEY | EPOCH | RECOVERY);
    report(session, PTS(2));
    play_pass(session, 3, KEY | EPOCH | RECOVERY);
    check_forgotten(2, PTS(2), 1);
    play_pass(session, 4, 0);
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 2);
    ck_assert_uint_eq(stream_stats(session).recovered, 0);
    culvert_close(session);
}
END_TEST

/* ---- Recoveries that do not come --------------------------------------------------------------------------------- */

START_TEST(a_recovery_that_the_codec_drops_comes_with_the_next_frame)
{
    culvert_session session = open_trial(PATIENT);
    play_pass(session, 1, KEY | EPOCH);
    trial_drop(0, 1);
    trial_hold();
    play_submit(session, 2, 0);
    trial_await_held();
    play_submit(session, 3, 0);
    report(session, PTS(1));
    trial_drop(1, 1);
    play_submit(session, 4, 0);
    play_submit(session, 5, 0);
    trial_let_go();
    play_expect(session, 2, 0);
    play_expect(session, 4, RECOVERY);
    play_expect(session, 5, 0);
    ck_assert_uint_eq(stream_stats(session).dropped, 1);
    ck_assert_uint_eq(stream_stats(session).recovered, 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_recovery_that_the_codec_drops_comes_though_the_picture_stands_still)
{
    culvert_session session = open_trial(HASTY);
    play_pass(session, 1, KEY | EPOCH);
    trial_drop(0, 2);
    report(session, PTS(1));
    if (_i)
        play_same(session, 2);
    play_expect(session, 1 + (uint64_t)_i, INSERTED | RECOVERY);
    play_quiet(session);
    ck_assert_uint_eq(stream_stats(session).recovered, 1);
    culvert_close(session);
}
END_TEST

START_TEST(a_recovery_that_fails_is_made_good_by_the_next_epoch)
{
    culvert_session session = open_trial(PATIENT);
    play_pass(session, 1, KEY | EPOCH);
    trial_fail(TRIAL_ENCODE, 0, 1);
    report(session, PTS(1));
    play_submit(session, 2, 0);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_E_CODEC);
    play_pass(session, 3, KEY | EPOCH | RECOVERY);
    play_pass(session, 4, 0);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("loss");
    TCase *loss = add_case(suite, "loss");
    tcase_add_loop_test(loss, what_was_reported_before_the_first_packet_is_nobodys_loss, 0, LENGTH(nothings));
    tcase_add_loop_test(loss, what_was_not_sent_yet_cannot_be_lost, 0, LENGTH(futures));
    tcase_add_test(loss, what_is_being_encoded_cannot_be_lost_either);
    tcase_add_loop_test(loss, the_next_frame_refers_to_nothing_that_was_lost_and_says_so_once, 0, LENGTH(losses));
    tcase_add_test(loss, several_reports_before_the_next_frame_are_one_loss_from_the_oldest_on);
    tcase_add_test(loss, a_recovery_that_is_lost_itself_is_followed_by_another);
    tcase_add_test(loss, a_codec_that_holds_pictures_back_recovers_once_too);
    TCase *keys = add_case(suite, "key frames");
    tcase_add_loop_test(keys, where_nothing_is_left_to_refer_to_a_key_frame_comes_at_once_and_serves_requests_too,
                        NOTHING_LEFT, ANSWERS);
    tcase_add_test(keys, a_loss_while_nobody_watches_is_recovered_by_the_resumed_key_frame);
    TCase *still = add_case(suite, "still picture");
    tcase_add_test(still, a_loss_on_a_still_picture_is_recovered_without_waiting_for_a_frame);
    tcase_add_test(still, a_frame_that_repeats_is_encoded_to_recover);
    tcase_add_test(still, a_packet_of_no_bytes_can_be_lost_like_any_other);
    TCase *epochs = add_case(suite, "epochs");
    tcase_add_test(epochs, a_loss_is_told_to_the_encoder_of_the_present_epoch);
    tcase_add_test(epochs, a_new_epoch_recovers_by_its_key_frame_and_a_warm_encoder_is_told_as_well);
    TCase *failing = add_case(suite, "recoveries that do not come");
    tcase_add_test(failing, a_recovery_that_the_codec_drops_comes_with_the_next_frame);
    tcase_add_loop_test(failing, a_recovery_that_the_codec_drops_comes_though_the_picture_stands_still, 0, 2);
    tcase_add_test(failing, a_recovery_that_fails_is_made_good_by_the_next_epoch);
    return suite;
}
