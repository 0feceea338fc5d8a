#include "daemon/metrics.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exposition.h"
#include "instrument.h"
#include "run.h"

#define MOST ((uint64_t)1 << 53)

static struct metrics metrics;
static struct metrics_session session;
static char text[METRICS_TEXT_MOST];

static void begin(void)
{
    metrics = (struct metrics){0};
    metrics_open(&metrics, &session, CULVERT_CODEC_VP8);
}

static const char *render(void)
{
    char why[128];
    const size_t length = metrics_render(&metrics, text, sizeof text);
    ck_assert_uint_gt(length, 0);
    ck_assert_uint_eq(strlen(text), length);
    ck_assert_msg(exposition_check(text, why, sizeof why), "%s", why);
    return text;
}

static void ck_assert_series(const char *series, double expected)
{
    const double value = exposition_value(render(), series);
    ck_assert_msg(value == expected, "%s is %g, not %g", series, value, expected);
}

/* ---- The reader that the other tests rest on */

#define HEAD(name, type) "# HELP " name " Text.\n# TYPE " name " " type "\n"
#define BUCKETS            \
    HEAD("h", "histogram") \
    "h_bucket{le=\"0.1\"} 1\nh_bucket{le=\"+Inf\"} 2\n"

static const char *const good[] = {
    HEAD("a", "gauge") "a -1.5e3\n",
    HEAD("a_total", "counter") "a_total{x=\"1\",y=\"a\\\"b\"} 0\na_total{x=\"2\",y=\"\"} 9\n",
    BUCKETS "h_sum 0.5\nh_count 2\n" HEAD("b", "gauge") "b 1\n",
};

START_TEST(the_reader_takes_what_the_format_allows)
{
    char why[128];
    ck_assert_msg(exposition_check(good[_i], why, sizeof why), "%s", why);
}
END_TEST

static const char *const bad[] = {
    "",
    "a 1\n",
    HEAD("a", "gauge"),
    HEAD("a", "gauge") "a 1",
    HEAD("a", "gauge") "a 1\n\n",
    HEAD("a", "gauge") "a  1\n",
    HEAD("a", "gauge") "a 1 2 3\n",
    HEAD("a", "gauge") "a x\n",
    HEAD("a", "gauge") "a nan\n",
    HEAD("a", "gauge") "a 1\na 1\n",
    HEAD("a", "gauge") "b 1\n",
    HEAD("a", "gauge") "a_b 1\n",
    HEAD("a", "gauge") "a 1\n" HEAD("a", "gauge") "a{x=\"\"} 1\n",
    HEAD("a", "gauge") "a{le=\"1\"} 1\n",
    HEAD("a", "gauge") "a{x=1} 1\n",
    HEAD("a", "gauge") "a{x=\"1\" 1\n",
    HEAD("a", "gauge") "a{x=\"\\t\"} 1\n",
    HEAD("a", "gauge") "a{x=\"1\",x=\"2\"} 1\n",
    HEAD("a", "gauge") "a{1x=\"1\"} 1\n",
    HEAD("1a", "gauge") "1a 1\n",
    HEAD("a_total", "gauge") "a_total 1\n",
    HEAD("a", "counter") "a 1\n",
    HEAD("a", "thing") "a 1\n",
    HEAD("a_total", "counter") "a_total -1\n",
    "# HELP a Text.\na 1\n",
    "# TYPE a gauge\na 1\n",
    "# HELP a Text.\n# TYPE b gauge\nb 1\n",
    "# HELP a \n# TYPE a gauge\na 1\n",
    BUCKETS,
    BUCKETS "h_sum 0.5\n",
    BUCKETS "h_sum 0.5\nh_count 3\n",
    BUCKETS "h_bucket{le=\"0.5\"} 2\nh_sum 0.5\nh_count 2\n",
    HEAD("h", "histogram") "h_bucket{le=\"1\"} 2\nh_sum 1\nh_count 2\n",
    HEAD("h", "histogram") "h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n",
    HEAD("h", "histogram") "h_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n",
};

START_TEST(the_reader_refuses_what_the_format_does_not_allow)
{
    char why[128];
    ck_assert_msg(!exposition_check(bad[_i], why, sizeof why), "taken: %s", bad[_i]);
}
END_TEST

/* ---- The text */

START_TEST(every_series_is_there_from_the_start)
{
    metrics = (struct metrics){0};
    ck_assert_series("culvert_build_info{version=\"" CULVERT_TEST_VERSION "\"}", 1);
    ck_assert_series("culvert_sessions{codec=\"h264\"}", 0);
    ck_assert_series("culvert_sessions_closed_total{reason=\"drained\"}", 0);
    ck_assert_series("culvert_connections_refused_total{reason=\"protocol\"}", 0);
    ck_assert_series("culvert_worker_deaths_total{cause=\"hung\"}", 0);
    ck_assert_series("culvert_frames_total{codec=\"null\",outcome=\"failed\"}", 0);
    ck_assert_series("culvert_frame_latency_seconds_bucket{codec=\"vp9\",le=\"0.017\"}", 0);
    ck_assert_series("culvert_frame_latency_seconds_bucket{codec=\"null\",le=\"1\"}", 0);
}
END_TEST

static void fill_up(void)
{
    uint64_t *counters = (uint64_t *)(void *)&metrics;
    for (size_t i = 0; i < sizeof metrics / sizeof *counters; i++)
        counters[i] = UINT64_MAX;
}

START_TEST(the_longest_text_fits_into_the_room_that_the_header_names)
{
    fill_up();
    render();
}
END_TEST

START_TEST(a_text_that_does_not_fit_is_none_and_nothing_is_written_behind_the_room)
{
    fill_up();
    const size_t length = metrics_render(&metrics, text, sizeof text);
    char *tight = malloc(length + 1);
    for (size_t size = 0; size <= length; size += size < 200 || size > length - 200 ? 1 : 199)
        ck_assert_uint_eq(metrics_render(&metrics, memset(tight, 'x', length + 1), size), 0);
    ck_assert_int_eq(tight[length], 'x');
    ck_assert_uint_eq(metrics_render(&metrics, tight, length + 1), length);
    free(tight);
}
END_TEST

/* ---- Counting */

static struct culvert_stats stats_of(uint64_t n)
{
    return (struct culvert_stats){.encoded = n,
                                  .skipped = 2 * n,
                                  .repeated = 3 * n,
                                  .dropped = 4 * n,
                                  .lost = 5 * n,
                                  .failed = 6 * n,
                                  .packets = 7 * n,
                                  .bytes = 8 * n,
                                  .keyframes = 9 * n,
                                  .epochs = 10 * n};
}

static struct latency_curve latency_of(uint64_t n)
{
    struct latency_curve latency = {.count = n, .sum_us = 1500 * n};
    for (uint32_t i = 1; i < LATENCY_BOUNDS; i++)
        latency.le[i] = n;
    return latency;
}

static void pulse(struct metrics_session *which, uint64_t n, uint64_t latencies)
{
    const struct culvert_stats now = stats_of(n);
    const struct latency_curve latency = latency_of(latencies);
    metrics_pulse(&metrics, which, &now, &latency);
}

static void check_vp8(uint64_t n)
{
    static const char *const series[] = {
        "culvert_frames_total{codec=\"vp8\",outcome=\"encoded\"}",
        "culvert_frames_total{codec=\"vp8\",outcome=\"skipped\"}",
        "culvert_frames_total{codec=\"vp8\",outcome=\"repeated\"}",
        "culvert_frames_total{codec=\"vp8\",outcome=\"dropped\"}",
        "culvert_frames_total{codec=\"vp8\",outcome=\"lost\"}",
        "culvert_frames_total{codec=\"vp8\",outcome=\"failed\"}",
        "culvert_packets_total{codec=\"vp8\"}",
        "culvert_packet_bytes_total{codec=\"vp8\"}",
        "culvert_keyframes_total{codec=\"vp8\"}",
        "culvert_epochs_total{codec=\"vp8\"}",
    };
    for (uint32_t i = 0; i < sizeof series / sizeof series[0]; i++)
        ck_assert_series(series[i], (double)((i + 1) * n));
}

static void check_vp8_latency(uint64_t n)
{
    ck_assert_series("culvert_frame_latency_seconds_count{codec=\"vp8\"}", (double)n);
    ck_assert_series("culvert_frame_latency_seconds_sum{codec=\"vp8\"}", (double)(1500 * n) / 1e6);
    ck_assert_series("culvert_frame_latency_seconds_bucket{codec=\"vp8\",le=\"0.001\"}", 0);
    ck_assert_series("culvert_frame_latency_seconds_bucket{codec=\"vp8\",le=\"0.002\"}", (double)n);
    ck_assert_series("culvert_frame_latency_seconds_bucket{codec=\"vp8\",le=\"+Inf\"}", (double)n);
}

START_TEST(pulses_count_what_is_new_in_them)
{
    begin();
    pulse(&session, 0, 0);
    check_vp8(0);
    pulse(&session, 100, 10);
    pulse(&session, 100, 10);
    pulse(&session, 2000, 200);
    check_vp8(2000);
    check_vp8_latency(200);
    ck_assert_series("culvert_frames_total{codec=\"vp9\",outcome=\"encoded\"}", 0);
}
END_TEST

START_TEST(what_a_session_brings_from_another_culvertd_is_not_counted)
{
    begin();
    const struct culvert_stats then = stats_of(1000000);
    metrics_begin(&session, &then);
    pulse(&session, 1000000, 0);
    check_vp8(0);
    pulse(&session, 1000100, 100);
    check_vp8(100);
    check_vp8_latency(100);
}
END_TEST

START_TEST(counts_outlive_their_sessions_and_add_up_over_them)
{
    begin();
    struct metrics_session second;
    metrics_open(&metrics, &second, CULVERT_CODEC_VP8);
    pulse(&session, 10, 10);
    pulse(&second, 300, 300);
    metrics_close(&metrics, &session, METRICS_CLOSE_CLIENT);
    metrics_open(&metrics, &session, CULVERT_CODEC_VP8);
    pulse(&session, 5, 5);
    check_vp8(315);
    check_vp8_latency(315);
    ck_assert_series("culvert_sessions{codec=\"vp8\"}", 2);
    ck_assert_series("culvert_sessions_opened_total{codec=\"vp8\"}", 3);
    ck_assert_series("culvert_sessions_closed_total{reason=\"client\"}", 1);
}
END_TEST

/* 7 is less than the old worker's 100, 150 is more. */
static const uint64_t first_pulses[] = {7, 150};

START_TEST(after_a_restart_stats_go_on_and_latencies_begin_anew)
{
    begin();
    pulse(&session, 100, 100);
    metrics_restart(&metrics, &session);
    pulse(&session, 100 + first_pulses[_i], first_pulses[_i]);
    check_vp8(100 + first_pulses[_i]);
    check_vp8_latency(100 + first_pulses[_i]);
    ck_assert_series("culvert_worker_restarts_total{codec=\"vp8\"}", 1);
}
END_TEST

static uint64_t any_number(void)
{
    const uint64_t number = (uint64_t)random_next() << 32 | random_next();
    return number >> random_next() % 64;
}

static void pulse_lies(void)
{
    struct culvert_stats now = stats_of(any_number());
    struct latency_curve latency = {.count = any_number(), .sum_us = any_number()};
    now.encoded = any_number();
    for (uint32_t i = 0; i < LATENCY_BOUNDS; i++)
        latency.le[i] = any_number();
    metrics_pulse(&metrics, &session, &now, &latency);
}

/* But for sessions and workers, which are gauges and stay as they are here. */
static void check_no_counter_fell(const struct metrics *before)
{
    const uint64_t *then = (const uint64_t *)(const void *)before, *now = (const uint64_t *)(const void *)&metrics;
    for (size_t i = 0; i < sizeof metrics / sizeof *now; i++) {
        ck_assert_uint_ge(now[i], then[i]);
        ck_assert_uint_le(now[i], MOST);
    }
}

START_TEST(whatever_a_worker_claims_no_counter_falls_and_the_histogram_stays_one)
{
    begin();
    for (uint32_t i = 0; i < rounds(2000); i++) {
        const struct metrics before = metrics;
        pulse_lies();
        if (i % 10 == 9)
            metrics_restart(&metrics, &session);
        check_no_counter_fell(&before);
        if (i % 50 == 0)
            render();
    }
}
END_TEST

START_TEST(a_stat_that_goes_backwards_is_not_counted_twice)
{
    begin();
    pulse(&session, 100, 100);
    pulse(&session, 50, 50);
    pulse(&session, 101, 101);
    check_vp8(101);
    check_vp8_latency(101);
}
END_TEST

START_TEST(a_counter_stays_where_a_double_would_lose_count)
{
    begin();
    pulse(&session, MOST / 4, 0);
    ck_assert_series("culvert_frames_total{codec=\"vp8\",outcome=\"encoded\"}", (double)(MOST / 4));
    ck_assert_series("culvert_frames_total{codec=\"vp8\",outcome=\"failed\"}", (double)MOST);
    struct metrics_session second;
    metrics_open(&metrics, &second, CULVERT_CODEC_VP8);
    pulse(&second, 1, 0);
    ck_assert_series("culvert_frames_total{codec=\"vp8\",outcome=\"failed\"}", (double)MOST);
}
END_TEST

static const struct {
    uint32_t codec;
    const char *series;
} codecs[] = {
    {CULVERT_CODEC_DEFAULT, "culvert_sessions{codec=\"h264\"}"},
    {CULVERT_CODEC_H264, "culvert_sessions{codec=\"h264\"}"},
    {CULVERT_CODEC_VP8, "culvert_sessions{codec=\"vp8\"}"},
    {CULVERT_CODEC_VP9, "culvert_sessions{codec=\"vp9\"}"},
    {CULVERT_CODEC_NULL, "culvert_sessions{codec=\"null\"}"},
};

START_TEST(each_codec_has_its_name)
{
    metrics = (struct metrics){0};
    metrics_open(&metrics, &session, codecs[_i].codec);
    ck_assert_series(codecs[_i].series, 1);
    metrics_close(&metrics, &session, METRICS_CLOSE_GONE);
    ck_assert_series(codecs[_i].series, 0);
}
END_TEST

static const char *const closes[METRICS_CLOSES] = {
    [METRICS_CLOSE_CLIENT] = "client",       [METRICS_CLOSE_GONE] = "gone",   [METRICS_CLOSE_CRASHED] = "crashed",
    [METRICS_CLOSE_VIOLATION] = "violation", [METRICS_CLOSE_LIMIT] = "limit", [METRICS_CLOSE_DRAINED] = "drained",
};

START_TEST(each_reason_of_a_close_has_its_name)
{
    char series[96];
    begin();
    metrics_close(&metrics, &session, (enum metrics_close)_i);
    snprintf(series, sizeof series, "culvert_sessions_closed_total{reason=\"%s\"}", closes[_i]);
    ck_assert_series(series, 1);
}
END_TEST

static const char *const refusals[METRICS_REFUSALS] = {
    [METRICS_REFUSE_DENIED] = "denied",
    [METRICS_REFUSE_LIMIT] = "limit",
    [METRICS_REFUSE_VERSION] = "version",
    [METRICS_REFUSE_PROTOCOL] = "protocol",
};

START_TEST(each_reason_of_a_refusal_has_its_name)
{
    char series[96];
    metrics = (struct metrics){0};
    metrics_refuse(&metrics, (enum metrics_refusal)_i);
    snprintf(series, sizeof series, "culvert_connections_refused_total{reason=\"%s\"}", refusals[_i]);
    ck_assert_series(series, 1);
}
END_TEST

/* As waitpid has it. */
#define EXITED(code) ((code) << 8)
#define DUMPED 0x80

static const struct {
    int status;
    bool hung;
    const char *cause;
} deaths[] = {
    {SIGSEGV, false, "SIGSEGV"}, {SIGSEGV | DUMPED, false, "SIGSEGV"},
    {SIGABRT, false, "SIGABRT"}, {SIGBUS, false, "SIGBUS"},
    {SIGFPE, false, "SIGFPE"},   {SIGILL, false, "SIGILL"},
    {SIGKILL, false, "SIGKILL"}, {SIGSYS | DUMPED, false, "SIGSYS"},
    {SIGTERM, false, "SIGTERM"}, {SIGTRAP, false, "SIGTRAP"},
    {SIGPIPE, false, "signal"},  {SIGKILL, true, "hung"},
    {EXITED(1), false, "exit"},  {EXITED(255), false, "exit"},
};

START_TEST(each_death_of_a_worker_has_its_cause)
{
    char series[96];
    metrics = (struct metrics){0};
    metrics_worker_start(&metrics);
    metrics_worker_start(&metrics);
    metrics_worker_end(&metrics, deaths[_i].status, deaths[_i].hung);
    snprintf(series, sizeof series, "culvert_worker_deaths_total{cause=\"%s\"}", deaths[_i].cause);
    ck_assert_series(series, 1);
    ck_assert_series("culvert_worker_starts_total", 2);
    ck_assert_series("culvert_workers", 1);
}
END_TEST

START_TEST(a_worker_that_ends_as_it_should_is_no_death)
{
    metrics = (struct metrics){0};
    metrics_worker_start(&metrics);
    metrics_worker_end(&metrics, EXITED(0), false);
    uint64_t died = 0;
    for (uint32_t i = 0; i < METRICS_DEATHS; i++)
        died += metrics.worker_deaths[i];
    ck_assert_uint_eq(died, 0);
    ck_assert_series("culvert_workers", 0);
}
END_TEST

START_TEST(spares_are_those_of_now_and_crash_reports_add_up)
{
    metrics = (struct metrics){0};
    metrics_spares(&metrics, 4);
    metrics_spares(&metrics, 3);
    metrics_crash_report(&metrics);
    metrics_crash_report(&metrics);
    ck_assert_series("culvert_spare_workers", 3);
    ck_assert_series("culvert_crash_reports_total", 2);
}
END_TEST

START_TEST(a_workers_histogram_has_the_buckets_that_the_header_names)
{
    static struct latency total;
    static const uint32_t bounds[LATENCY_BOUNDS] = {LATENCY_BOUNDS_US};
    memset(&total, 0, sizeof total);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LATENCY_BOUNDS; i++) {
        latency_record(&total, bounds[i] - bounds[i] / 20);
        sum += bounds[i] - bounds[i] / 20;
    }
    latency_record(&total, 2000000);
    const struct latency_curve latency = latency_curve(&total);
    for (uint32_t i = 0; i < LATENCY_BOUNDS; i++)
        ck_assert_uint_eq(latency.le[i], i + 1);
    ck_assert_uint_eq(latency.count, LATENCY_BOUNDS + 1);
    ck_assert_uint_eq(latency.sum_us, sum + 2000000);
}
END_TEST

static void add_counting(TCase *tcase)
{
    tcase_add_test(tcase, pulses_count_what_is_new_in_them);
    tcase_add_test(tcase, what_a_session_brings_from_another_culvertd_is_not_counted);
    tcase_add_test(tcase, counts_outlive_their_sessions_and_add_up_over_them);
    add_rows(tcase, after_a_restart_stats_go_on_and_latencies_begin_anew, first_pulses);
    tcase_add_test(tcase, whatever_a_worker_claims_no_counter_falls_and_the_histogram_stays_one);
    tcase_add_test(tcase, a_stat_that_goes_backwards_is_not_counted_twice);
    tcase_add_test(tcase, a_counter_stays_where_a_double_would_lose_count);
    add_rows(tcase, each_codec_has_its_name, codecs);
    add_rows(tcase, each_reason_of_a_close_has_its_name, closes);
    add_rows(tcase, each_reason_of_a_refusal_has_its_name, refusals);
    add_rows(tcase, each_death_of_a_worker_has_its_cause, deaths);
    tcase_add_test(tcase, a_worker_that_ends_as_it_should_is_no_death);
    tcase_add_test(tcase, spares_are_those_of_now_and_crash_reports_add_up);
    tcase_add_test(tcase, a_workers_histogram_has_the_buckets_that_the_header_names);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("metrics");
    TCase *reader = add_case(suite, "reader"), *written = add_case(suite, "text");
    add_rows(reader, the_reader_takes_what_the_format_allows, good);
    add_rows(reader, the_reader_refuses_what_the_format_does_not_allow, bad);
    tcase_add_test(written, every_series_is_there_from_the_start);
    tcase_add_test(written, the_longest_text_fits_into_the_room_that_the_header_names);
    tcase_add_test(written, a_text_that_does_not_fit_is_none_and_nothing_is_written_behind_the_room);
    add_counting(add_case(suite, "counting"));
    return suite;
}
