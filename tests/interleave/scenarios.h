/* What is explored, a sentence each: a definition in the file that is named beside it, a test in test_interleave.c, and
 * a line in what mutate_orders.sh runs. */
#ifndef INTERLEAVE_SCENARIOS_H
#define INTERLEAVE_SCENARIOS_H

#include "explore.h"
#include "memory.h"

/* A line for each. */
/* clang-format off */
/* rings.c */
#define RING_SCENARIOS(of)                                                                                             \
    of(every_slot_of_a_ring_comes_out_whole_and_in_order)                                                              \
    of(every_slot_of_a_ring_comes_out_whole_and_in_order_across_the_wrap)                                              \
    of(no_slot_of_a_full_ring_is_filled_while_it_may_be_read)

/* mailboxes.c */
#define MAILBOX_SCENARIOS(of)                                                                                          \
    of(what_is_put_in_a_mailbox_comes_out_whole_and_ever_newer)                                                        \
    of(who_sees_that_a_mailbox_is_not_fresh_sees_what_its_consumer_did_before)

/* handles.c */
#define HANDLE_SCENARIOS(of)                                                                                           \
    of(of_two_closers_one_wins_and_a_holder_never_has_a_freed_object)                                                  \
    of(the_last_of_two_holders_wakes_the_closer)                                                                       \
    of(an_object_is_whole_for_whoever_guesses_its_handle)                                                              \
    of(a_stale_handle_never_leads_to_its_slots_next_object)                                                            \
    of(of_three_claimers_each_sees_what_the_one_before_it_did)                                                         \
    of(a_claimed_object_is_retired_once)

/* queues.c */
#define QUEUE_SCENARIOS(of)                                                                                            \
    of(a_frame_that_is_counted_is_found_in_the_latest_queue)                                                           \
    of(a_frame_that_is_counted_is_found_in_the_ring_queue)                                                             \
    of(no_packet_is_overwritten_before_its_reader_has_given_it_back)

/* litmus.c: of the checker itself. The first hold, the others must be found to fail. */
#define LITMUS_SCENARIOS(of)                                                                                           \
    of(two_threads_may_each_miss_what_the_other_has_stored)                                                            \
    of(in_one_order_one_of_two_threads_sees_what_the_other_has_stored)                                                 \
    of(what_was_released_goes_on_with_another_threads_exchange)                                                        \
    of(every_order_of_steps_on_one_word_is_tried_once)                                                                 \
    of(steps_on_different_words_are_tried_in_one_order)
#define FAILING_SCENARIOS(of)                                                                                          \
    of(a_message_that_is_not_released_is_found)                                                                        \
    of(a_message_that_is_not_acquired_is_found)                                                                        \
    of(a_write_over_what_may_still_be_read_is_found)                                                                   \
    of(a_wait_that_nobody_ends_is_found)                                                                               \
    of(more_executions_than_the_bound_allows_are_found)
/* clang-format on */

#define SCENARIO(name) const struct scenario scenario_##name
#define DECLARATION(name) extern SCENARIO(name);
RING_SCENARIOS(DECLARATION)
MAILBOX_SCENARIOS(DECLARATION)
HANDLE_SCENARIOS(DECLARATION)
QUEUE_SCENARIOS(DECLARATION)
LITMUS_SCENARIOS(DECLARATION)
FAILING_SCENARIOS(DECLARATION)
/* How many of the executions of the first of litmus.c have both threads miss the other's store. */
extern uint32_t litmus_both_missed;

static inline void expect(bool holds, const char *what)
{
    if (!holds)
        explore_fail(what);
}

#endif
