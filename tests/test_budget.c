#include "session/budget.h"

#include <math.h>

#include "instrument.h"
#include "run.h"
#include "session/keys.h"
#include "session/meter.h"

static struct budget budget;

/* 1000 kbit/s, 100 ms of burst: 100000 bits. */
static const struct codec_rate plain = {.bitrate_kbps = 1000, .burst_ms = 100, .fps_num = 60, .fps_den = 1};
#define BURST_BITS 100000
#define DEBT_BITS (1000 * BUDGET_DEBT_MS)

static struct codec_rate rate_of(uint32_t kbps, uint32_t burst_ms)
{
    return (struct codec_rate){.bitrate_kbps = kbps, .burst_ms = burst_ms, .fps_num = 60, .fps_den = 1};
}

static void begin(int64_t time)
{
    budget_init(&budget);
    budget_fill(&budget, time, &plain);
}

/* ---- Budget ------------------------------------------------------------------------------------------------------ */

START_TEST(before_anything_was_sent_all_of_the_burst_is_left)
{
    budget_init(&budget);
    ck_assert_double_eq(budget_share(&budget, &plain), 1);
    ck_assert(!budget_is_overdrawn(&budget, &plain));
    static const int64_t starts[] = {0, 1, 1000000, INT64_MAX};
    for (int i = 0; i < 4; i++) {
        begin(starts[i]);
        ck_assert_double_eq(budget_share(&budget, &plain), 1);
        ck_assert_int_eq(budget_relief(&budget, &plain), starts[i]);
    }
}
END_TEST

START_TEST(time_fills_what_bits_empty)
{
    begin(0);
    budget_spend(&budget, 60000, false);
    ck_assert_double_eq_tol(budget_share(&budget, &plain), 0.4, 1e-9);
    budget_fill(&budget, 30000, &plain);
    ck_assert_double_eq_tol(budget_share(&budget, &plain), 0.7, 1e-9);
    budget_spend(&budget, 80000, false);
    ck_assert_double_eq(budget_share(&budget, &plain), 0);
    budget_fill(&budget, 60000, &plain);
    ck_assert_double_eq_tol(budget_share(&budget, &plain), 0.2, 1e-9);
}
END_TEST

START_TEST(it_never_holds_more_than_the_burst)
{
    begin(0);
    for (int64_t time = 0; time < 100000000; time += random_next() % 500000) {
        budget_fill(&budget, time, &plain);
        ck_assert_double_le(budget.bits, BURST_BITS);
        budget_spend(&budget, random_next() % 40000, false);
    }
    budget_fill(&budget, INT64_MAX, &plain);
    ck_assert_double_eq(budget.bits, BURST_BITS);
}
END_TEST

START_TEST(time_that_stands_still_or_runs_back_fills_nothing)
{
    begin(500000);
    budget_spend(&budget, 90000, false);
    budget_fill(&budget, 500000, &plain);
    budget_fill(&budget, 400000, &plain);
    ck_assert_double_eq(budget.bits, 10000);
    budget_fill(&budget, 510000, &plain);
    ck_assert_double_eq_tol(budget.bits, 20000, 1e-6);
}
END_TEST

START_TEST(it_is_overdrawn_by_one_bit_more_than_the_debt)
{
    begin(0);
    budget_spend(&budget, BURST_BITS + DEBT_BITS, false);
    ck_assert(!budget_is_overdrawn(&budget, &plain));
    ck_assert_int_eq(budget_relief(&budget, &plain), 0);
    budget_spend(&budget, 1, false);
    ck_assert(budget_is_overdrawn(&budget, &plain));
    ck_assert_int_eq(budget_relief(&budget, &plain), 1);
}
END_TEST

START_TEST(another_rate_counts_from_its_own_moment)
{
    const struct codec_rate slow = rate_of(100, 50), fast = rate_of(4000, 100);
    begin(0);
    budget_spend(&budget, 50000, false);
    ck_assert_double_eq(budget_share(&budget, &slow), 1);
    budget_fill(&budget, 1000, &slow);
    ck_assert_double_eq(budget.bits, 5000);
    budget_spend(&budget, 5000, false);
    budget_fill(&budget, 11000, &slow);
    ck_assert_double_eq_tol(budget.bits, 1000, 1e-6);
    budget_fill(&budget, 21000, &fast);
    ck_assert_double_eq_tol(budget.bits, 41000, 1e-6);
    budget_spend(&budget, 41000 + 100 * BUDGET_DEBT_MS + 1, false);
    ck_assert(budget_is_overdrawn(&budget, &slow));
    ck_assert(!budget_is_overdrawn(&budget, &fast));
}
END_TEST

START_TEST(what_the_clock_lent_goes_back_when_the_games_own_time_stood_still)
{
    begin(0);
    budget_spend(&budget, BURST_BITS, false);
    budget_lend(&budget, 10000000, &plain);
    ck_assert_double_eq(budget.bits, BURST_BITS);
    budget_spend(&budget, 30000, false);
    budget_fill(&budget, 1000, &plain);
    ck_assert_double_eq(budget.bits, -30000);
    budget_fill(&budget, 31000, &plain);
    ck_assert_double_eq_tol(budget.bits, 0, 1e-6);
}
END_TEST

START_TEST(time_is_paid_for_once_by_the_clock_or_by_frames)
{
    begin(0);
    budget_spend(&budget, BURST_BITS, false);
    budget_lend(&budget, 20000, &plain);
    budget_lend(&budget, 40000, &plain);
    ck_assert_double_eq_tol(budget.bits, 40000, 1e-6);
    budget_fill(&budget, 30000, &plain);
    ck_assert_double_eq_tol(budget.bits, 30000, 1e-6);
    budget_fill(&budget, 50000, &plain);
    ck_assert_double_eq_tol(budget.bits, 50000, 1e-6);
    budget_lend(&budget, 60000, &plain);
    budget_fill(&budget, 60000, &plain);
    ck_assert_double_eq_tol(budget.bits, 60000, 1e-6);
}
END_TEST

START_TEST(no_more_goes_back_than_was_lent_and_that_once)
{
    begin(0);
    budget_spend(&budget, 50000, false);
    budget_lend(&budget, 50000, &plain);
    budget_fill(&budget, 50000, &plain);
    budget_lend(&budget, 100000, &plain);
    budget_fill(&budget, 60000, &plain);
    ck_assert_double_eq(budget.bits, BURST_BITS);
}
END_TEST

START_TEST(what_was_lent_swells_no_burst_of_the_frames_own_time)
{
    begin(0);
    budget_spend(&budget, 10000, false);
    budget_lend(&budget, 10000, &plain);
    budget_fill(&budget, 1000000, &plain);
    ck_assert_double_eq(budget.bits, BURST_BITS);
}
END_TEST

START_TEST(what_a_smaller_burst_cut_off_was_lent_all_the_same)
{
    const struct codec_rate slow = rate_of(500, 100);
    begin(0);
    budget_spend(&budget, 50000, false);
    budget_lend(&budget, 10000, &plain);
    budget_lend(&budget, 11000, &slow);
    ck_assert_double_eq(budget.bits, 50000);
    budget_fill(&budget, 5000, &slow);
    ck_assert_double_eq_tol(budget.bits, 47000, 1e-6);
}
END_TEST

START_TEST(what_is_owed_falls_with_the_bitrate_and_does_not_rise_with_it)
{
    const struct codec_rate slow = rate_of(250, 100);
    begin(0);
    budget_spend(&budget, BURST_BITS + 60000, false);
    budget_fill(&budget, 0, &slow);
    budget_fill(&budget, 0, &plain);
    ck_assert_double_eq_tol(budget.bits, -15000, 1e-6);
    begin(0);
    budget_spend(&budget, BURST_BITS - 20000, false);
    budget_fill(&budget, 0, &slow);
    ck_assert_double_eq(budget.bits, 20000);
}
END_TEST

static const struct {
    uint32_t kbps, burst_ms;
} rates[] = {{1000, 100}, {4000, 70}, {150, 70}, {1, 1}, {1, 4000}, {7, 333}, {500000, 70}, {500000, 4000}, {2999, 16}};

START_TEST(relief_comes_when_it_says_to_a_microsecond)
{
    const struct codec_rate rate = rate_of(rates[_i].kbps, rates[_i].burst_ms);
    const uint32_t most = rate.bitrate_kbps * 400;
    uint32_t overdrawn = 0;
    budget_init(&budget);
    int64_t time = 0;
    for (uint32_t i = 0; i < rounds(20000); i++, time += 1 + random_next() % 300000) {
        budget_fill(&budget, time, &rate);
        budget_spend(&budget, random_next() % most, false);
        const int64_t relief = budget_relief(&budget, &rate);
        if (!budget_is_overdrawn(&budget, &rate)) {
            ck_assert_int_eq(relief, time);
            continue;
        }
        overdrawn++;
        ck_assert_int_gt(relief, time);
        struct budget then = budget;
        budget_fill(&then, relief - 2, &rate);
        ck_assert(budget_is_overdrawn(&then, &rate));
        then = budget;
        budget_fill(&then, relief + 1, &rate);
        ck_assert(!budget_is_overdrawn(&then, &rate));
    }
    ck_assert_uint_gt(overdrawn, 10);
}
END_TEST

/* ---- What windows hold ------------------------------------------------------------------------------------------- */

#define SECONDS 120
#define WINDOW_US 3000000
#define FRAMES_MOST (SECONDS * 240)

static struct sent {
    int64_t pts;
    uint64_t bits;
} sent[FRAMES_MOST];
static uint32_t sends;

/* Frames of up to `times` their share, dropped while the budget is overdrawn. */
static void stream(const struct codec_rate *rate, double times, int64_t interval)
{
    const double share = rate->bitrate_kbps * (double)interval / 1000;
    sends = 0;
    budget_init(&budget);
    for (int64_t pts = 1000000; pts < SECONDS * INT64_C(1000000); pts += interval) {
        budget_fill(&budget, pts, rate);
        if (budget_is_overdrawn(&budget, rate))
            continue;
        /* Calm stretches fill the burst before the next wild one. */
        const double calm = pts / 2000000 % 3 == 0 ? 0.3 : times;
        sent[sends] = (struct sent){pts, (uint64_t)(share * calm * (random_next() % 1001) / 1000)};
        budget_spend(&budget, sent[sends++].bits, false);
    }
}

/* The most that any window holds above the bitrate and its last frame, as a share of the bitrate. */
static double worst_window(const struct codec_rate *rate)
{
    double worst = 0, held = 0;
    for (uint32_t last = 0, first = 0; last < sends; last++) {
        for (; sent[first].pts <= sent[last].pts - WINDOW_US; first++)
            held -= (double)sent[first].bits;
        worst = fmax(worst, held);
        held += (double)sent[last].bits;
    }
    return worst / ((double)rate->bitrate_kbps * WINDOW_US / 1000) - 1;
}

static const struct {
    uint32_t kbps, burst_ms;
    double times;
    int64_t interval;
} streams[] = {{4000, 70, 2, 16667},  {4000, 70, 20, 16667}, {4000, 70, 3, 33333},  {150, 70, 40, 16667},
               {2000, 70, 2.2, 8333}, {2000, 70, 5, 100000}, {8000, 16, 10, 16667}, {8000, 250, 10, 16667}};

START_TEST(no_three_seconds_hold_more_than_the_burst_the_debt_and_a_frame_above_the_bitrate)
{
    const struct codec_rate rate = rate_of(streams[_i].kbps, streams[_i].burst_ms);
    const double bound = (streams[_i].burst_ms + BUDGET_DEBT_MS) * 1000.0 / WINDOW_US;
    for (uint32_t i = 0; i < rounds(20); i++) {
        stream(&rate, streams[_i].times, streams[_i].interval);
        const double worst = worst_window(&rate);
        ck_assert_msg(worst <= bound, "%.4f above the bitrate, where %.4f may be", worst, bound);
    }
}
END_TEST

START_TEST(frames_that_are_too_large_leave_nothing_of_the_bitrate_unused)
{
    const struct codec_rate rate = rate_of(4000, 70);
    for (int doubled = 1; doubled <= 64; doubled *= 2) {
        const double times = 1.5 * doubled;
        double bits = 0;
        uint32_t frames = 0;
        budget_init(&budget);
        for (int64_t pts = 0; pts < 60000000; pts += 16667) {
            budget_fill(&budget, pts, &rate);
            if (budget_is_overdrawn(&budget, &rate))
                continue;
            budget_spend(&budget, (uint64_t)(times * 4000 * 16.667), false);
            bits += times * 4000 * 16.667;
            frames++;
        }
        ck_assert_double_eq_tol(bits / (60 * 4000000.0), 1, 0.03);
        ck_assert_uint_ge(frames, (uint32_t)(3600 / times) - 1);
    }
}
END_TEST

/* ---- Key frames -------------------------------------------------------------------------------------------------- */

static const struct {
    uint64_t bits;
    uint32_t kbps;
    int64_t pause;
} pauses[] = {{0, 4000, 0},
              {1, 500000, 0},
              {4000, 4000, 2000},
              {400000, 4000, 200000},
              {1899999, 4000, 949999},
              {1900000, 4000, 950000},
              {1900001, 4000, 950000},
              {8000000, 150, 950000},
              {UINT64_C(8) << 32, 1, 950000},
              {UINT64_C(8) << 32, 500000, 950000}};

START_TEST(key_frames_on_request_take_half_the_bitrate_and_wait_a_second_at_most)
{
    struct keys keys = {0};
    keys_note(&keys, 5000000, pauses[_i].bits, pauses[_i].kbps);
    ck_assert_int_eq(keys.next - 5000000, pauses[_i].pause);
}
END_TEST

START_TEST(the_pause_counts_from_the_last_key_frame)
{
    struct keys keys = {0};
    keys_note(&keys, 1000000, 400000, 4000);
    keys_note(&keys, 1050000, 40000, 4000);
    ck_assert_int_eq(keys.next, 1070000);
}
END_TEST

/* ---- Bits of the last second ------------------------------------------------------------------------------------- */

START_TEST(a_steady_stream_reads_as_its_bitrate_from_the_first_second_on)
{
    struct meter meter = {0};
    ck_assert_uint_eq(meter_kbps(&meter), 0);
    for (int64_t i = 0; i < 1000; i++) {
        meter_add(&meter, 7000000000 + i * 10000, 40000);
        if (i >= 100)
            ck_assert_uint_eq(meter_kbps(&meter), 4000);
        else
            ck_assert_uint_eq(meter_kbps(&meter), (uint32_t)(i / 10 * 400));
    }
}
END_TEST

START_TEST(it_counts_ten_full_tenths_and_not_the_present_one)
{
    struct meter meter = {0};
    meter_add(&meter, 0, 1000000);
    ck_assert_uint_eq(meter_kbps(&meter), 0);
    meter_add(&meter, 100000, 0);
    ck_assert_uint_eq(meter_kbps(&meter), 1000);
    meter_add(&meter, 1099999, 0);
    ck_assert_uint_eq(meter_kbps(&meter), 1000);
    meter_add(&meter, 1100000, 0);
    ck_assert_uint_eq(meter_kbps(&meter), 0);
}
END_TEST

/* Inserted packets of one moment may come behind the pts of the next frame's tenth. */
START_TEST(a_pts_that_lies_back_counts_in_the_present_tenth)
{
    struct meter meter = {0};
    meter_add(&meter, 1000000, 1000);
    meter_add(&meter, 900000, 2000);
    ck_assert_uint_eq(meter_kbps(&meter), 0);
    meter_add(&meter, 1100000, 0);
    ck_assert_uint_eq(meter_kbps(&meter), 3);
}
END_TEST

START_TEST(more_than_fits_reads_as_the_most)
{
    struct meter meter = {0};
    meter_add(&meter, 0, UINT64_C(1) << 60);
    meter_add(&meter, INT64_C(100000), 0);
    ck_assert_uint_eq(meter_kbps(&meter), UINT32_MAX);
    meter_add(&meter, INT64_MAX, 0);
    ck_assert_uint_eq(meter_kbps(&meter), 0);
}
END_TEST

static uint64_t bits_between(int64_t from, int64_t to)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < sends; i++)
        bits += sent[i].pts >= from && sent[i].pts < to ? sent[i].bits : 0;
    return bits;
}

START_TEST(any_row_of_packets_reads_as_the_sum_of_its_last_second)
{
    struct meter meter = {0};
    int64_t pts = 0;
    for (sends = 0; sends < rounds(2000);) {
        pts += random_next() % (random_next() % 50 == 0 ? 3000000 : 60000);
        sent[sends] = (struct sent){pts, random_next() % 1000000};
        meter_add(&meter, pts, sent[sends++].bits);
        const int64_t now = pts / 100000 * 100000;
        ck_assert_uint_eq(meter_kbps(&meter), bits_between(now - 1000000, now) / 1000);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("budget");
    TCase *tcase = add_case(suite, "budget");
    tcase_add_test(tcase, before_anything_was_sent_all_of_the_burst_is_left);
    tcase_add_test(tcase, time_fills_what_bits_empty);
    tcase_add_test(tcase, it_never_holds_more_than_the_burst);
    tcase_add_test(tcase, time_that_stands_still_or_runs_back_fills_nothing);
    tcase_add_test(tcase, it_is_overdrawn_by_one_bit_more_than_the_debt);
    tcase_add_test(tcase, another_rate_counts_from_its_own_moment);
    tcase_add_test(tcase, what_the_clock_lent_goes_back_when_the_games_own_time_stood_still);
    tcase_add_test(tcase, time_is_paid_for_once_by_the_clock_or_by_frames);
    tcase_add_test(tcase, no_more_goes_back_than_was_lent_and_that_once);
    tcase_add_test(tcase, what_was_lent_swells_no_burst_of_the_frames_own_time);
    tcase_add_test(tcase, what_a_smaller_burst_cut_off_was_lent_all_the_same);
    tcase_add_test(tcase, what_is_owed_falls_with_the_bitrate_and_does_not_rise_with_it);
    add_rows(tcase, relief_comes_when_it_says_to_a_microsecond, rates);
    tcase = add_case(suite, "windows");
    add_rows(tcase, no_three_seconds_hold_more_than_the_burst_the_debt_and_a_frame_above_the_bitrate, streams);
    tcase_add_test(tcase, frames_that_are_too_large_leave_nothing_of_the_bitrate_unused);
    tcase = add_case(suite, "keys");
    add_rows(tcase, key_frames_on_request_take_half_the_bitrate_and_wait_a_second_at_most, pauses);
    tcase_add_test(tcase, the_pause_counts_from_the_last_key_frame);
    tcase = add_case(suite, "meter");
    tcase_add_test(tcase, a_steady_stream_reads_as_its_bitrate_from_the_first_second_on);
    tcase_add_test(tcase, it_counts_ten_full_tenths_and_not_the_present_one);
    tcase_add_test(tcase, a_pts_that_lies_back_counts_in_the_present_tenth);
    tcase_add_test(tcase, more_than_fits_reads_as_the_most);
    tcase_add_test(tcase, any_row_of_packets_reads_as_the_sum_of_its_last_second);
    return suite;
}
