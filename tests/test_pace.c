#include "session/pace.h"

#include <math.h>

#include "run.h"

#define KBPS 4000

static struct pace pace;
static struct codec_rate declared;
static int64_t pts;
static double bits;      /* that frames got, each its share of a second at the rate of that moment */
static uint32_t changes; /* of that rate */
static double last_fps;

static double fps_of(const struct codec_rate *rate)
{
    return (double)rate->fps_num / rate->fps_den;
}

static double fps(void)
{
    const struct codec_rate rate = pace_rate(&pace, &declared);
    return fps_of(&rate);
}

static void declare(uint32_t num, uint32_t den)
{
    declared = (struct codec_rate){.bitrate_kbps = KBPS, .burst_ms = 70, .fps_num = num, .fps_den = den, .speed = 8};
}

static void note(int64_t at)
{
    pts = at;
    pace_note(&pace, pts, &declared);
    changes += fps() != last_fps;
    last_fps = fps();
    bits += KBPS * 1000 / last_fps;
}

static void begin(uint32_t num, uint32_t den)
{
    declare(num, den);
    pace_init(&pace);
    bits = 0;
    changes = 0;
    last_fps = fps();
    note(1000000);
}

/* What the frames of a stretch got, of what the bitrate has for it. */
static double share_since(int64_t start, double before)
{
    return (bits - before) / ((double)(pts - start) * KBPS / 1000);
}

/* Frames of so many per second, for so many seconds, their pts as exact as microseconds are. */
static double play(double rate, double seconds)
{
    const int64_t start = pts;
    const double before = bits;
    const int frames = (int)(rate * seconds);
    for (int i = 1; i <= frames; i++)
        note(start + (int64_t)(i * 1e6 / rate));
    return share_since(start, before);
}

#define PATTERN_MOST 8

static double play_pattern(const int64_t *intervals, double seconds)
{
    const int64_t start = pts;
    const double before = bits;
    uint32_t i = 0;
    while ((double)(pts - start) < seconds * 1e6) {
        note(pts + intervals[i]);
        i = i + 1 < PATTERN_MOST && intervals[i + 1] > 0 ? i + 1 : 0;
    }
    return share_since(start, before);
}

/* ---- The declared rate ------------------------------------------------------------------------------------------- */

static const struct {
    uint32_t num, den;
    int64_t intervals[PATTERN_MOST];
} steady[] = {
    {60, 1, {16667}},
    {60, 1, {16000, 17000, 17000}}, /* pts in milliseconds */
    {60, 1, {16000, 17000}},
    {60, 1, {8000, 25000}}, /* two clocks that beat */
    {60, 1, {8000, 25000, 25000, 8000}},
    {60, 1, {16683}}, /* 59.94 */
    {60000, 1001, {16667}},
    {30, 1, {33000, 33000, 34000}},
    {1000, 1, {1000}},
    {1, 1, {1000000}},
};

START_TEST(jitter_and_rounding_leave_the_declared_rate_as_it_is)
{
    begin(steady[_i].num, steady[_i].den);
    play_pattern(steady[_i].intervals, 20);
    const struct codec_rate rate = pace_rate(&pace, &declared);
    ck_assert_uint_eq(rate.fps_num, steady[_i].num);
    ck_assert_uint_eq(rate.fps_den, steady[_i].den);
    ck_assert_uint_eq(changes, 0);
}
END_TEST

START_TEST(frames_up_to_4_ms_early_or_late_leave_it_as_it_is)
{
    begin(60, 1);
    for (int i = 1; i < 100000; i++)
        note(1000000 + i * INT64_C(16667) + random_next() % 8001 - 4000);
    ck_assert_uint_eq(changes, 0);
    ck_assert_double_eq(pace.ratio, 1);
}
END_TEST

static const double near[] = {54.6, 55, 57, 59, 59.94, 60.06, 62.5, 64, 66};

/* 64 frames show it; what is within a fiftieth stays as it is declared. */
START_TEST(a_game_within_a_tenth_of_the_declared_rate_is_known_within_a_fiftieth_after_64_frames)
{
    begin(60, 1);
    ck_assert_double_eq_tol(play(near[_i], 1.3), 1, 0.11);
    ck_assert_double_eq_tol(play(near[_i], 10), 1, 0.02);
    ck_assert_uint_le(changes, 1);
}
END_TEST

START_TEST(nothing_is_measured_before_the_eighth_interval)
{
    begin(60, 1);
    for (int i = 1; i < PACE_FRAMES; i++) {
        note(pts + 33333);
        ck_assert_double_eq(fps(), 60);
    }
    note(pts + 33333);
    ck_assert_double_eq_tol(fps(), 30, 0.1);
}
END_TEST

START_TEST(another_declared_rate_holds_at_once_and_is_measured_anew)
{
    begin(60, 1);
    play(30, 2);
    ck_assert_double_eq_tol(fps(), 30, 0.1);
    declare(25, 1);
    ck_assert_double_eq(fps(), 25);
    for (int i = 0; i < PACE_FRAMES; i++) {
        note(pts + 20000);
        ck_assert_double_eq(fps(), 25);
    }
    note(pts + 20000);
    ck_assert_double_eq_tol(fps(), 50, 0.1);
    declare(60, 1);
    ck_assert_double_eq(fps(), 60);
    note(pts + 33333);
    ck_assert_double_eq(fps(), 60);
}
END_TEST

START_TEST(all_but_the_frame_rate_stays_as_declared)
{
    begin(60, 1);
    play(30, 2);
    const struct codec_rate rate = pace_rate(&pace, &declared);
    ck_assert_uint_eq(rate.bitrate_kbps, declared.bitrate_kbps);
    ck_assert_uint_eq(rate.burst_ms, declared.burst_ms);
    ck_assert_int_eq(rate.speed, declared.speed);
}
END_TEST

/* ---- Other rates ------------------------------------------------------------------------------------------------- */

static const double others[] = {15, 16, 20, 24, 25, 29.97, 30, 40, 45, 50, 53, 68, 72, 75, 90, 120, 144, 200, 240};

START_TEST(from_a_quarter_to_four_times_the_declared_rate_is_measured_to_a_percent_and_once)
{
    begin(60, 1);
    const double share = play(others[_i], 20);
    ck_assert_double_eq_tol(fps(), others[_i], others[_i] / 100);
    ck_assert_double_eq_tol(share, 1, 0.05);
    ck_assert_uint_eq(changes, 1);
}
END_TEST

static const struct {
    int64_t interval;
    double fps;
} extreme[] = {{1, 240}, {1000, 240}, {200000, 15}, {1000000, 15}, {INT64_C(1) << 50, 15}};

START_TEST(what_lies_beyond_counts_as_four_times_or_a_quarter)
{
    begin(60, 1);
    for (int i = 0; i < 100; i++)
        note(pts + extreme[_i].interval);
    ck_assert_double_eq_tol(fps(), extreme[_i].fps, 0.1);
}
END_TEST

/* What repeats and skipped frames leave of a game. */
static const int64_t patterns[][PATTERN_MOST] = {
    {16667, 33333},
    {16667, 16667, 33333},
    {16667, 16667, 16667, 33333},
    {16667, 16667, 16667, 16667, 16667, 33333},
    {33333, 50000},
    {16667, 50000},
    {16667, 66667},
    {16667, 16667, 16667, 66667, 66667, 66667},
    {8333, 16667},
    {16667, 16667, 16667, 1000, 32333},
};

START_TEST(a_pattern_of_intervals_keeps_the_bitrate_within_a_tenth)
{
    begin(60, 1);
    const double share = play_pattern(patterns[_i], 60);
    ck_assert_msg(fabs(share - 1) < 0.1, "%.3f of the bitrate", share);
}
END_TEST

START_TEST(up_to_four_frames_of_ten_left_out_at_random_keep_the_bitrate_within_a_tenth)
{
    begin(60, 1);
    for (int64_t i = 1; i < 20000; i++)
        if ((int)(random_next() % 10) >= _i)
            note(1000000 + i * 16667);
    const double share = share_since(1000000, 0);
    ck_assert_msg(fabs(share - 1) < 0.1, "%.3f of the bitrate", share);
}
END_TEST

/* ---- Changes ----------------------------------------------------------------------------------------------------- */

static const struct {
    double from, to;
    double share; /* of the bitrate, in the 5 s after the change */
} drops[] = {
    {60, 30, 1}, {60, 15, 1}, {60, 20, 1}, {30, 60, 1}, {15, 60, 1},  {15, 30, 1},
    {30, 15, 1}, {60, 50, 1}, {50, 60, 1}, {5, 60, 1},  {60, 120, 1}, {60, 5, 0.31},
};

START_TEST(a_game_that_changes_its_rate_untold_keeps_its_bitrate)
{
    begin(60, 1);
    play(drops[_i].from, 5);
    const double share = play(drops[_i].to, 5);
    ck_assert_msg(fabs(share / drops[_i].share - 1) < 0.1, "%.3f of the bitrate", share);
}
END_TEST

static const double returning[] = {54.5, 54, 53, 45, 30, 15, 5, 67, 90, 240};

START_TEST(a_game_that_returns_to_the_declared_rate_gets_that_exactly)
{
    begin(60, 1);
    play(returning[_i], 5);
    ck_assert_double_ne(fps(), 60);
    play(60, 2.3);
    ck_assert_double_eq(fps(), 60);
}
END_TEST

START_TEST(a_game_that_speeds_up_from_15_to_60_gets_at_most_five_frames_worth_too_much)
{
    begin(60, 1);
    play(15, 5);
    const double before = bits;
    for (int i = 0; i < 20; i++)
        note(pts + 16667);
    ck_assert_double_le(bits - before, 25.0 * KBPS * 1000 / 60);
    ck_assert_double_eq(fps(), 60);
}
END_TEST

static const int64_t pauses[] = {100000, 500000, 2000000, INT64_C(3600000000), INT64_C(1) << 60};

START_TEST(a_pause_is_worth_at_most_three_frames_and_gone_after_eight)
{
    begin(60, 1);
    play(60, 2);
    const double before = bits;
    note(pts + pauses[_i]);
    ck_assert_double_gt(fps(), 60 * 0.72);
    for (int i = 1; i < PACE_FRAMES; i++)
        note(pts + 16667);
    ck_assert_double_le(bits - before, (PACE_FRAMES + 3.01) * KBPS * 1000 / 60);
    note(pts + 16667);
    ck_assert_double_eq(fps(), 60);
}
END_TEST

START_TEST(an_hour_of_a_restless_game_keeps_the_bitrate_within_a_tenth)
{
    begin(60, 1);
    for (double second = 0; second < 3600;) {
        const double rate = 15 + random_next() % 52, seconds = 0.5 + random_next() % 100 / 10.0;
        play(rate, seconds);
        second += seconds;
    }
    ck_assert_double_eq_tol(share_since(1000000, 0), 1, 0.05);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pace");
    TCase *tcase = add_case(suite, "declared");
    add_rows(tcase, jitter_and_rounding_leave_the_declared_rate_as_it_is, steady);
    tcase_add_test(tcase, frames_up_to_4_ms_early_or_late_leave_it_as_it_is);
    add_rows(tcase, a_game_within_a_tenth_of_the_declared_rate_is_known_within_a_fiftieth_after_64_frames, near);
    tcase_add_test(tcase, nothing_is_measured_before_the_eighth_interval);
    tcase_add_test(tcase, another_declared_rate_holds_at_once_and_is_measured_anew);
    tcase_add_test(tcase, all_but_the_frame_rate_stays_as_declared);
    tcase = add_case(suite, "others");
    add_rows(tcase, from_a_quarter_to_four_times_the_declared_rate_is_measured_to_a_percent_and_once, others);
    add_rows(tcase, what_lies_beyond_counts_as_four_times_or_a_quarter, extreme);
    add_rows(tcase, a_pattern_of_intervals_keeps_the_bitrate_within_a_tenth, patterns);
    tcase_add_loop_test(tcase, up_to_four_frames_of_ten_left_out_at_random_keep_the_bitrate_within_a_tenth, 1, 5);
    tcase = add_case(suite, "changes");
    add_rows(tcase, a_game_that_changes_its_rate_untold_keeps_its_bitrate, drops);
    add_rows(tcase, a_game_that_returns_to_the_declared_rate_gets_that_exactly, returning);
    tcase_add_test(tcase, a_game_that_speeds_up_from_15_to_60_gets_at_most_five_frames_worth_too_much);
    add_rows(tcase, a_pause_is_worth_at_most_three_frames_and_gone_after_eight, pauses);
    tcase_add_test(tcase, an_hour_of_a_restless_game_keeps_the_bitrate_within_a_tenth);
    return suite;
}
