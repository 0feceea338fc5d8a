/* The lock-free sources, compiled against the atomics in interleave: every interleaving up to the bounds that
 * docs/testing.md states. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "interleave/scenarios.h"
#include "run.h"

static struct explored explored;

static bool explore_and_say(const char *name, const struct scenario *scenario)
{
    const bool holds = explore(scenario, &explored);
    printf("# %s: %" PRIu32 " executions, of up to %" PRIu32 " choices; %" PRIu32 " given up as repetitions\n", name,
           explored.executions, explored.choices, explored.redundant);
    fflush(stdout);
    return holds;
}

#define HOLDS(name)                                                                      \
    START_TEST(name)                                                                     \
    {                                                                                    \
        ck_assert_msg(explore_and_say(#name, &scenario_##name), "%s", explored.failure); \
        ck_assert_uint_gt(explored.executions, 1);                                       \
    }                                                                                    \
    END_TEST

RING_SCENARIOS(HOLDS)
MAILBOX_SCENARIOS(HOLDS)
HANDLE_SCENARIOS(HOLDS)
QUEUE_SCENARIOS(HOLDS)

/* ---- The checker itself */

static void explore_all(const struct scenario *scenario)
{
    ck_assert_msg(explore(scenario, &explored), "%s", explored.failure);
}

START_TEST(two_threads_may_each_miss_what_the_other_has_stored)
{
    explore_all(&scenario_two_threads_may_each_miss_what_the_other_has_stored);
    ck_assert_uint_gt(litmus_both_missed, 0);
    ck_assert_uint_lt(litmus_both_missed, explored.executions);
}
END_TEST

START_TEST(in_one_order_one_of_two_threads_sees_what_the_other_has_stored)
{
    explore_all(&scenario_in_one_order_one_of_two_threads_sees_what_the_other_has_stored);
}
END_TEST

START_TEST(what_was_released_goes_on_with_another_threads_exchange)
{
    explore_all(&scenario_what_was_released_goes_on_with_another_threads_exchange);
}
END_TEST

START_TEST(every_order_of_steps_on_one_word_is_tried_once)
{
    explore_all(&scenario_every_order_of_steps_on_one_word_is_tried_once);
    ck_assert_uint_eq(explored.executions, 20); /* 3 of 6 steps are the first thread's */
    ck_assert_uint_eq(explored.redundant, 0);
}
END_TEST

START_TEST(steps_on_different_words_are_tried_in_one_order)
{
    explore_all(&scenario_steps_on_different_words_are_tried_in_one_order);
    ck_assert_uint_eq(explored.executions, 1);
}
END_TEST

/* What is said first of each failure: that it fails for its own reason. */
static const struct {
    const struct scenario *scenario;
    const char *failure;
    bool beyond;
} failing[] = {
    {&scenario_a_message_that_is_not_released_is_found, "a cell is read before", false},
    {&scenario_a_message_that_is_not_acquired_is_found, "a cell is read before", false},
    {&scenario_a_write_over_what_may_still_be_read_is_found, "a cell is written while another thread may still read",
     false},
    {&scenario_a_wait_that_nobody_ends_is_found, "nobody can go on", false},
    {&scenario_more_executions_than_the_bound_allows_are_found, "there are more executions than the bound", true},
};

START_TEST(what_is_wrong_is_found)
{
    ck_assert(!explore(failing[_i].scenario, &explored));
    ck_assert_int_eq(explored.beyond, failing[_i].beyond);
    ck_assert_msg(strncmp(explored.failure, failing[_i].failure, strlen(failing[_i].failure)) == 0, "%s",
                  explored.failure);
}
END_TEST

#define ADD(name) tcase_add_test(tcase, name);

/* Not under Valgrind: it does not know the coroutines' stacks, and there are millions of steps. */
static TCase *add_long_case(Suite *suite, const char *name)
{
    TCase *tcase = add_case(suite, name);
    tcase_set_tags(tcase, "long");
    return tcase;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("interleave");
    TCase *tcase = add_long_case(suite, "ring");
    RING_SCENARIOS(ADD)
    tcase = add_long_case(suite, "mailbox");
    MAILBOX_SCENARIOS(ADD)
    tcase = add_long_case(suite, "queue");
    QUEUE_SCENARIOS(ADD)
    tcase = add_long_case(suite, "handle");
    HANDLE_SCENARIOS(ADD)
    tcase = add_long_case(suite, "checker");
    LITMUS_SCENARIOS(ADD)
    add_rows(tcase, what_is_wrong_is_found, failing);
    return suite;
}
