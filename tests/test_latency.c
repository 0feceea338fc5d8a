#include "session/latency.h"

#include <stdlib.h>
#include <string.h>

#include "run.h"

#define MOST 20000

static struct latency latency;
static uint32_t values[MOST];

static uint32_t uniform(uint32_t index)
{
    (void)index;
    return random_next() % 40000;
}

/* Memoryless in steps of 200, and uniform within one. */
static uint32_t exponential(uint32_t index)
{
    (void)index;
    uint32_t value = random_next() % 200;
    while (random_next() % 25 != 0)
        value += 200;
    return value;
}

static uint32_t over_the_whole_range(uint32_t index)
{
    (void)index;
    return random_next() >> random_next() % 32;
}

static uint32_t constant(uint32_t index)
{
    (void)index;
    return 16667;
}

static uint32_t each_once(uint32_t index)
{
    return index;
}

static uint32_t two_far_apart(uint32_t index)
{
    return index % 2 == 0 ? 3 : 1000003;
}

static uint32_t one_that_is_late(uint32_t index)
{
    return index == 0 ? 900000 : 500;
}

static uint32_t the_largest(uint32_t index)
{
    (void)index;
    return UINT32_MAX;
}

static uint32_t zero(uint32_t index)
{
    (void)index;
    return 0;
}

static const struct {
    const char *name;
    uint32_t (*draw)(uint32_t index);
    uint32_t count;
} cases[] = {
    {"uniform", uniform, MOST},
    {"uniform, 1", uniform, 1},
    {"uniform, 2", uniform, 2},
    {"uniform, 3", uniform, 3},
    {"uniform, 4", uniform, 4},
    {"uniform, 5", uniform, 5},
    {"uniform, 99", uniform, 99},
    {"uniform, 100", uniform, 100},
    {"uniform, 101", uniform, 101},
    {"exponential", exponential, MOST},
    {"exponential, 5", exponential, 5},
    {"over the whole range", over_the_whole_range, MOST},
    {"constant", constant, 1000},
    {"each once", each_once, MOST},
    {"two far apart", two_far_apart, 1001},
    {"one that is late", one_that_is_late, 100},
    {"one that is late, 99", one_that_is_late, 99},
    {"the largest", the_largest, 3},
    {"zero", zero, 3},
};

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void check_percentile(const char *name, uint32_t count, uint32_t percent, uint32_t told)
{
    const uint32_t rank = (count * percent + 99) / 100;
    const int64_t exact = values[rank - 1], off = (int64_t)told - exact;
    ck_assert_msg(100 * llabs(off) <= 3 * exact, "%s: p%u is %u, exactly %lld", name, percent, told, (long long)exact);
}

START_TEST(percentiles_are_within_3_percent_of_the_true_ranks_value_and_max_is_exact)
{
    const uint32_t count = cases[_i].count;
    memset(&latency, 0, sizeof latency);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = cases[_i].draw(i);
        latency_record(&latency, values[i]);
    }
    qsort(values, count, sizeof values[0], compare);

    struct culvert_latency summary;
    latency_summary(&latency, &summary);
    check_percentile(cases[_i].name, count, 50, summary.p50);
    check_percentile(cases[_i].name, count, 95, summary.p95);
    check_percentile(cases[_i].name, count, 99, summary.p99);
    ck_assert_uint_eq(summary.max, values[count - 1]);
}
END_TEST

START_TEST(percentiles_rise_and_stay_below_the_max)
{
    memset(&latency, 0, sizeof latency);
    for (uint32_t i = 0; i < MOST; i++) {
        latency_record(&latency, over_the_whole_range(i));
        if (i % 97 != 0)
            continue;
        struct culvert_latency summary;
        latency_summary(&latency, &summary);
        ck_assert_uint_le(summary.p50, summary.p95);
        ck_assert_uint_le(summary.p95, summary.p99);
        ck_assert_uint_le(summary.p99, summary.max);
    }
}
END_TEST

START_TEST(one_value_alone_is_all_of_its_percentiles)
{
    for (uint32_t value = 0; value < 100000; value += 1 + value / 50) {
        struct culvert_latency summary;
        memset(&latency, 0, sizeof latency);
        latency_record(&latency, value);
        latency_summary(&latency, &summary);
        ck_assert_uint_le(summary.p99, value);
        ck_assert_uint_eq(summary.max, value);
    }
}
END_TEST

static void check_alone(uint32_t value)
{
    /* The max caps a percentile, so it must not be the value that is looked at. */
    memset(&latency, 0, sizeof latency);
    latency_record(&latency, value);
    latency_record(&latency, UINT32_MAX);
    values[0] = value;
    struct culvert_latency summary;
    latency_summary(&latency, &summary);
    check_percentile("alone", 2, 50, summary.p50);
}

/* Where a histogram of 32 steps to each power of two is furthest off. */
START_TEST(both_ends_of_every_32nd_of_a_power_of_two_are_within_3_percent)
{
    for (uint32_t value = 0; value < 32; value++)
        check_alone(value);
    for (uint32_t shift = 0; shift < 27; shift++)
        for (uint32_t step = 32; step < 64; step++) {
            check_alone(step << shift);
            check_alone((step << shift) + ((1u << shift) - 1));
        }
}
END_TEST

START_TEST(nothing_recorded_is_all_zero)
{
    struct culvert_latency summary = {1, 2, 3, 4};
    memset(&latency, 0, sizeof latency);
    latency_summary(&latency, &summary);
    ck_assert_uint_eq(summary.p50 | summary.p95 | summary.p99 | summary.max, 0);
}
END_TEST

/* How many values exceed neither `bound` nor `share` percent of it. */
static uint64_t at_most(uint32_t count, uint64_t bound, uint64_t share)
{
    uint64_t found = 0;
    for (uint32_t i = 0; i < count; i++)
        found += 100 * (uint64_t)values[i] <= bound * share;
    return found;
}

static void check_below(const char *name, uint32_t count)
{
    static const uint32_t bounds[] = {0, 1, 31, 32, 63, 64, 199, 1000, 16667, 17000, 100000, 1000000, UINT32_MAX};
    uint64_t below[sizeof bounds / sizeof bounds[0]];
    latency_below(&latency, bounds, sizeof bounds / sizeof bounds[0], below);
    for (uint32_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        ck_assert_msg(below[i] >= at_most(count, bounds[i], 97), "%s: %u: too few", name, bounds[i]);
        ck_assert_msg(below[i] <= at_most(count, bounds[i], 103), "%s: %u: too many", name, bounds[i]);
    }
    ck_assert_uint_eq(below[sizeof bounds / sizeof bounds[0] - 1], count);
}

START_TEST(counts_below_bounds_are_those_of_values_within_3_percent_and_the_sum_is_exact)
{
    const uint32_t count = cases[_i].count;
    uint64_t sum = 0;
    memset(&latency, 0, sizeof latency);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = cases[_i].draw(i);
        sum += values[i];
        latency_record(&latency, values[i]);
    }
    check_below(cases[_i].name, count);
    ck_assert_uint_eq(latency.sum, sum);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("latency");
    TCase *tcase = tcase_create("histogram");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, percentiles_are_within_3_percent_of_the_true_ranks_value_and_max_is_exact, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(tcase, one_value_alone_is_all_of_its_percentiles);
    tcase_add_test(tcase, percentiles_rise_and_stay_below_the_max);
    tcase_add_test(tcase, both_ends_of_every_32nd_of_a_power_of_two_are_within_3_percent);
    tcase_add_loop_test(tcase, counts_below_bounds_are_those_of_values_within_3_percent_and_the_sum_is_exact, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(tcase, nothing_recorded_is_all_zero);
    suite_add_tcase(suite, tcase);
    return suite;
}
