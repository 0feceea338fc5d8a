#include <pthread.h>
#include <stdatomic.h>

#include "locks.h"
#include "scenarios.h"

#define DATA 0 /* a cell */

uint32_t litmus_both_missed;

static _Atomic uint32_t x, y;
static uint32_t seen_of_x, seen_of_y;
static pthread_mutex_t lock;
static pthread_cond_t condition;

static void begin(void)
{
    locks_begin();
    atomic_init(&x, 0);
    atomic_init(&y, 0);
    seen_of_x = seen_of_y = 0;
}

/* ---- Store buffers */

static void store_x_and_load_y(void)
{
    atomic_store_explicit(&x, 1, memory_order_release);
    seen_of_y = atomic_load_explicit(&y, memory_order_acquire);
}

static void store_y_and_load_x(void)
{
    atomic_store_explicit(&y, 1, memory_order_release);
    seen_of_x = atomic_load_explicit(&x, memory_order_acquire);
}

static void count_both_missed(void)
{
    litmus_both_missed += seen_of_x == 0 && seen_of_y == 0;
}

SCENARIO(two_threads_may_each_miss_what_the_other_has_stored) = {
    .begin = begin,
    .threads = {store_x_and_load_y, store_y_and_load_x},
    .finish = count_both_missed,
};

static void store_x_and_load_y_in_one_order(void)
{
    atomic_store_explicit(&x, 1, memory_order_seq_cst);
    seen_of_y = atomic_load_explicit(&y, memory_order_seq_cst);
}

static void store_y_and_load_x_in_one_order(void)
{
    atomic_store_explicit(&y, 1, memory_order_seq_cst);
    seen_of_x = atomic_load_explicit(&x, memory_order_seq_cst);
}

static void not_both_missed(void)
{
    expect(seen_of_x == 1 || seen_of_y == 1, "both have missed the other's store");
}

SCENARIO(in_one_order_one_of_two_threads_sees_what_the_other_has_stored) = {
    .begin = begin,
    .threads = {store_x_and_load_y_in_one_order, store_y_and_load_x_in_one_order},
    .finish = not_both_missed,
};

/* ---- Messages */

static void write_and_release(void)
{
    cell_write(DATA, 7);
    atomic_store_explicit(&x, 1, memory_order_release);
}

static void write_and_store(void)
{
    cell_write(DATA, 7);
    atomic_store_explicit(&x, 1, memory_order_relaxed);
}

static void acquire_and_read(void)
{
    if (atomic_load_explicit(&x, memory_order_acquire) != 0)
        expect(cell_read(DATA) == 7, "a message is not whole");
}

static void load_and_read(void)
{
    if (atomic_load_explicit(&x, memory_order_relaxed) != 0)
        expect(cell_read(DATA) == 7, "a message is not whole");
}

static void exchange_if_set(void)
{
    if (atomic_load_explicit(&x, memory_order_relaxed) == 1)
        atomic_exchange_explicit(&x, 2, memory_order_relaxed);
}

SCENARIO(what_was_released_goes_on_with_another_threads_exchange) = {
    .begin = begin,
    .threads = {write_and_release, exchange_if_set, acquire_and_read},
};

SCENARIO(a_message_that_is_not_released_is_found) = {
    .begin = begin,
    .threads = {write_and_store, acquire_and_read},
};

SCENARIO(a_message_that_is_not_acquired_is_found) = {
    .begin = begin,
    .threads = {write_and_release, load_and_read},
};

static void read_and_tell(void)
{
    cell_read(DATA);
    atomic_store_explicit(&x, 1, memory_order_relaxed);
}

static void hear_and_write(void)
{
    if (atomic_load_explicit(&x, memory_order_acquire) != 0)
        cell_write(DATA, 8);
}

SCENARIO(a_write_over_what_may_still_be_read_is_found) = {
    .begin = begin,
    .threads = {read_and_tell, hear_and_write},
};

/* ---- The search */

static void change_x_thrice(void)
{
    for (int i = 0; i < 3; i++)
        atomic_exchange_explicit(&x, 1, memory_order_relaxed);
}

static void change_y_thrice(void)
{
    for (int i = 0; i < 3; i++)
        atomic_exchange_explicit(&y, 1, memory_order_relaxed);
}

SCENARIO(every_order_of_steps_on_one_word_is_tried_once) = {
    .begin = begin,
    .threads = {change_x_thrice, change_x_thrice},
};

SCENARIO(steps_on_different_words_are_tried_in_one_order) = {
    .begin = begin,
    .threads = {change_x_thrice, change_y_thrice},
};

SCENARIO(more_executions_than_the_bound_allows_are_found) = {
    .begin = begin,
    .threads = {change_x_thrice, change_x_thrice},
    .executions_max = 19,
};

static void wait_once(void)
{
    pthread_mutex_lock(&lock);
    if (atomic_load_explicit(&x, memory_order_relaxed) == 0)
        pthread_cond_wait(&condition, &lock);
    pthread_mutex_unlock(&lock);
}

/* Not under the lock: it may come when the other has looked and does not wait yet. */
static void set_and_wake(void)
{
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&lock);
    atomic_store_explicit(&x, 1, memory_order_relaxed);
}

SCENARIO(a_wait_that_nobody_ends_is_found) = {
    .begin = begin,
    .threads = {wait_once, set_and_wake},
};
