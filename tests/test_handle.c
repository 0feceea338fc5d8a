#include "base/handle.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "culvert/culvert.h"
#include "draw.h"
#include "run.h"

/* `shared` is used with acquire and close, `exclusive` with claim and retire. */
static struct handle_table shared, exclusive, foreign;
static int objects[HANDLE_SLOTS];
static uint32_t handles[HANDLE_SLOTS];

static void clear_tables(void)
{
    shared = exclusive = foreign = (struct handle_table)HANDLE_TABLE_INIT;
}

static uint32_t insert(struct handle_table *table, void *object)
{
    uint32_t handle = 0;
    ck_assert_int_eq(handle_insert(table, object, &handle), 0);
    return handle;
}

static void fill(struct handle_table *table)
{
    for (uint32_t i = 0; i < HANDLE_SLOTS; i++)
        handles[i] = insert(table, &objects[i]);
}

static void close_handle(uint32_t handle)
{
    void *object;
    ck_assert_int_eq(handle_close(&shared, handle, NULL, &object), 0);
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static pthread_t start(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, body, argument), 0);
    return thread;
}

static int join(pthread_t thread)
{
    void *result;
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    return (int)(intptr_t)result;
}

/* ---- Numbers */

static bool is_refused(uint32_t handle)
{
    void *object = &objects[0];
    return handle_acquire(&shared, handle, &object) == CULVERT_E_HANDLE &&
           handle_close(&shared, handle, NULL, &object) == CULVERT_E_HANDLE &&
           handle_claim(&exclusive, handle, &object) == CULVERT_E_HANDLE && object == &objects[0];
}

START_TEST(every_call_refuses_what_is_no_handle_of_its_table)
{
    void *object;
    const uint32_t open = insert(&shared, &objects[1]), closed = insert(&shared, &objects[2]);
    ck_assert_uint_eq(insert(&exclusive, &objects[1]), open);
    ck_assert_uint_eq(insert(&exclusive, &objects[2]), closed);
    close_handle(closed);
    ck_assert_int_eq(handle_claim(&exclusive, closed, &object), 0);
    handle_retire(&exclusive, closed);
    insert(&foreign, &objects[1]);
    insert(&foreign, &objects[2]);

    const struct {
        const char *what;
        uint32_t handle;
    } wrong[] = {
        {"zero", 0},
        {"generation 0 of an open slot", open % HANDLE_SLOTS},
        {"generation 0 of a slot never used", HANDLE_SLOTS - 1},
        {"generation 1 of a slot never used", HANDLE_SLOTS | (HANDLE_SLOTS - 1)},
        {"closed", closed},
        {"what the closed one's slot will be next", closed + HANDLE_SLOTS},
        {"the generation to come", open + HANDLE_SLOTS},
        {"another table's", insert(&foreign, &objects[3])},
        {"all bits", UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(is_refused(wrong[i].handle), "%s is accepted", wrong[i].what);
    ck_assert_int_eq(handle_acquire(&shared, open, &object), 0);
    ck_assert_ptr_eq(object, &objects[1]);
    handle_release(&shared, open);
    ck_assert_int_eq(handle_claim(&exclusive, open, &object), 0);
    ck_assert_ptr_eq(object, &objects[1]);
}
END_TEST

START_TEST(a_stale_handle_is_refused_while_its_slot_serves_another)
{
    fill(&shared);
    for (int round = 0; round < 100; round++) {
        const uint32_t stale = handles[5];
        close_handle(stale);
        handles[5] = insert(&shared, &objects[6]);
        ck_assert_uint_eq(handles[5] % HANDLE_SLOTS, stale % HANDLE_SLOTS);
        ck_assert(is_refused(stale));
    }
    ck_assert(is_refused(HANDLE_SLOTS | handles[5] % HANDLE_SLOTS));
}
END_TEST

START_TEST(no_random_number_is_a_handle)
{
    const uint32_t open = insert(&shared, &objects[1]);
    insert(&exclusive, &objects[1]);
    uint32_t state = 2463534242;
    int refused = 0;
    for (int i = 0; i < 100000; i++) {
        const uint32_t random = draw_any(&state);
        refused += random == open || is_refused(random);
    }
    ck_assert_int_eq(refused, 100000);
}
END_TEST

START_TEST(the_4097th_is_refused_until_one_is_closed)
{
    fill(&shared);
    uint32_t handle = 77;
    ck_assert_int_eq(handle_insert(&shared, &objects[0], &handle), CULVERT_E_LIMIT);
    ck_assert_uint_eq(handle, 77);
    for (uint32_t i = 0; i < HANDLE_SLOTS; i++) {
        void *object;
        ck_assert_int_eq(handle_acquire(&shared, handles[i], &object), 0);
        ck_assert_ptr_eq(object, &objects[i]);
        handle_release(&shared, handles[i]);
    }
    close_handle(handles[4095]);
    ck_assert_uint_eq(insert(&shared, &objects[0]) % HANDLE_SLOTS, handles[4095] % HANDLE_SLOTS);
    ck_assert_int_eq(handle_insert(&shared, &objects[0], &handle), CULVERT_E_LIMIT);
}
END_TEST

START_TEST(slots_never_used_come_before_freed_ones)
{
    const uint32_t closed = insert(&shared, &objects[0]);
    close_handle(closed);
    for (uint32_t i = 1; i < HANDLE_SLOTS; i++)
        ck_assert_uint_ne(insert(&shared, &objects[i]) % HANDLE_SLOTS, closed % HANDLE_SLOTS);
    ck_assert_uint_eq(insert(&shared, &objects[0]), closed + HANDLE_SLOTS);
}
END_TEST

START_TEST(freed_slots_are_reused_oldest_first)
{
    void *object;
    fill(&exclusive);
    for (uint32_t i = 0; i < 1000; i++) {
        const uint32_t handle = handles[i * 13 % 1000];
        ck_assert_int_eq(handle_claim(&exclusive, handle, &object), 0);
        handle_retire(&exclusive, handle);
    }
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(insert(&exclusive, &objects[i]), handles[i * 13 % 1000] + HANDLE_SLOTS);
}
END_TEST

/* ---- References */

static sem_t woken;
static _Atomic(void *) woken_with;
static atomic_bool has_closed;

static void wake(void *object)
{
    atomic_store(&woken_with, object);
    sem_post(&woken);
}

static void *close_in_thread(void *argument)
{
    void *object = NULL;
    const int result = handle_close(&shared, *(uint32_t *)argument, wake, &object);
    atomic_store(&has_closed, true);
    return (void *)(intptr_t)(result == 0 && *(int *)object == 42 ? 0 : -1);
}

/* The count of references that are held when the close begins. */
static const uint32_t held[] = {0, 1, 2, HANDLE_REFERENCES - 1, HANDLE_REFERENCES};

START_TEST(close_shuts_others_out_and_waits_for_the_last_reference)
{
    uint32_t handle = insert(&shared, &objects[1]);
    void *object;
    for (uint32_t i = 0; i < held[_i]; i++)
        ck_assert_int_eq(handle_acquire(&shared, handle, &object), 0);
    ck_assert_int_eq(sem_init(&woken, 0, 0), 0);
    atomic_store(&has_closed, false);
    objects[1] = held[_i] == 0 ? 42 : 0;

    const pthread_t closer = start(close_in_thread, &handle);
    ck_assert_int_eq(sem_wait(&woken), 0);
    ck_assert_ptr_eq(atomic_load(&woken_with), &objects[1]);
    for (uint32_t i = held[_i]; i > 0; i--) {
        ck_assert_int_eq(handle_acquire(&shared, handle, &object), CULVERT_E_HANDLE);
        ck_assert_int_eq(handle_close(&shared, handle, NULL, &object), CULVERT_E_HANDLE);
        if (i == 1) {
            sleep_ms(20);
            ck_assert(!atomic_load(&has_closed));
            objects[1] = 42;
        }
        handle_release(&shared, handle);
    }
    ck_assert_int_eq(join(closer), 0);
    ck_assert_int_eq(handle_acquire(&shared, handle, &object), CULVERT_E_HANDLE);
    sem_destroy(&woken);
}
END_TEST

START_TEST(a_slot_counts_2047_references_and_refuses_one_more)
{
    const uint32_t handle = insert(&shared, &objects[1]);
    void *object = NULL;
    for (int i = 0; i < 2047; i++)
        ck_assert_int_eq(handle_acquire(&shared, handle, &object), 0);
    object = NULL;
    ck_assert_int_eq(handle_acquire(&shared, handle, &object), CULVERT_E_BUSY);
    ck_assert_ptr_null(object);
    handle_release(&shared, handle);
    ck_assert_int_eq(handle_acquire(&shared, handle, &object), 0);
    ck_assert_ptr_eq(object, &objects[1]);
    for (int i = 0; i < 2047; i++)
        handle_release(&shared, handle);
    close_handle(handle);
}
END_TEST

static void *acquire_as_soon_as_it_is_open(void *argument)
{
    const uint32_t handle = *(uint32_t *)argument;
    void *object;
    while (handle_acquire(&shared, handle, &object) != 0)
        sched_yield();
    const int seen = *(int *)object;
    handle_release(&shared, handle);
    return (void *)(intptr_t)seen;
}

static void *claim_as_soon_as_it_is_open(void *argument)
{
    void *object;
    while (handle_claim(&exclusive, *(uint32_t *)argument, &object) != 0)
        sched_yield();
    return (void *)(intptr_t) * (int *)object;
}

static void *close_as_soon_as_it_is_open(void *argument)
{
    void *object;
    while (handle_close(&shared, *(uint32_t *)argument, NULL, &object) != 0)
        sched_yield();
    return (void *)(intptr_t) * (int *)object;
}

START_TEST(an_object_is_whole_for_whoever_guesses_its_handle)
{
    uint32_t first = HANDLE_SLOTS, second = first + 1; /* generation 1 of the first two slots */
    const pthread_t threads[] = {
        start(acquire_as_soon_as_it_is_open, &first),
        start(close_as_soon_as_it_is_open, &second),
        start(claim_as_soon_as_it_is_open, &first),
    };
    sleep_ms(10);
    for (int i = 0; i < 3; i++) {
        objects[i] = 40 + i;
        insert(i < 2 ? &shared : &exclusive, &objects[i]);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(join(threads[i]), 40 + i);
}
END_TEST

struct race {
    uint32_t handle;
    atomic_int users; /* that are inside their loop */
};

static void *use_until_closed(void *argument)
{
    struct race *race = argument;
    void *object;
    bool alive = true;
    int result;
    for (int i = 0; (result = handle_acquire(&shared, race->handle, &object)) == 0; i++) {
        alive = alive && *(int *)object == 7;
        handle_release(&shared, race->handle);
        if (i == 0)
            atomic_fetch_add(&race->users, 1);
    }
    return (void *)(intptr_t)(alive ? result : 0);
}

static void *close_and_free(void *argument)
{
    struct race *race = argument;
    while (atomic_load(&race->users) < 2)
        sched_yield();
    void *object;
    const int result = handle_close(&shared, race->handle, NULL, &object);
    if (result == 0) {
        *(int *)object = 0;
        free(object);
    }
    return (void *)(intptr_t)result;
}

START_TEST(of_eight_closers_one_wins_while_others_use_the_object)
{
    for (int round = 0; round < 50; round++) {
        int *object = malloc(sizeof *object);
        ck_assert_ptr_nonnull(object);
        *object = 7;
        struct race race = {.handle = insert(&shared, object)};
        pthread_t users[2], closers[8];
        for (int i = 0; i < 8; i++)
            closers[i] = start(close_and_free, &race);
        for (int i = 0; i < 2; i++)
            users[i] = start(use_until_closed, &race);
        int winners = 0;
        for (int i = 0; i < 8; i++) {
            const int result = join(closers[i]);
            ck_assert(result == 0 || result == CULVERT_E_HANDLE);
            winners += result == 0;
        }
        ck_assert_int_eq(winners, 1);
        for (int i = 0; i < 2; i++)
            ck_assert_int_eq(join(users[i]), CULVERT_E_HANDLE);
    }
}
END_TEST

/* ---- Claims */

START_TEST(a_claim_shuts_others_out_until_it_is_given_up_or_retired)
{
    const uint32_t handle = insert(&exclusive, &objects[1]);
    void *object = NULL;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(handle_claim(&exclusive, handle, &object), 0);
        ck_assert_ptr_eq(object, &objects[1]);
        object = NULL;
        ck_assert_int_eq(handle_claim(&exclusive, handle, &object), CULVERT_E_BUSY);
        ck_assert_int_eq(handle_claim(&exclusive, handle + HANDLE_SLOTS, &object), CULVERT_E_HANDLE);
        ck_assert_ptr_null(object);
        handle_unclaim(&exclusive, handle);
    }
    ck_assert_int_eq(handle_claim(&exclusive, handle, &object), 0);
    handle_retire(&exclusive, handle);
    ck_assert_int_eq(handle_claim(&exclusive, handle, &object), CULVERT_E_HANDLE);
}
END_TEST

#define TURNS 1000

static pthread_barrier_t line_up;

static void *count_turns_then_retire(void *argument)
{
    const uint32_t handle = *(uint32_t *)argument;
    void *object;
    pthread_barrier_wait(&line_up);
    for (;;) {
        const int result = handle_claim(&exclusive, handle, &object);
        if (result == CULVERT_E_HANDLE)
            return NULL;
        if (result != 0) {
            sched_yield();
            continue;
        }
        if (++*(int *)object == TURNS) {
            handle_retire(&exclusive, handle);
            return (void *)(intptr_t)1;
        }
        handle_unclaim(&exclusive, handle);
        sched_yield();
    }
}

START_TEST(claimers_see_what_the_one_before_them_did_and_one_retires)
{
    objects[1] = 0;
    uint32_t handle = insert(&exclusive, &objects[1]);
    pthread_t threads[4];
    pthread_barrier_init(&line_up, NULL, 4);
    for (int i = 0; i < 4; i++)
        threads[i] = start(count_turns_then_retire, &handle);
    int retired = 0;
    for (int i = 0; i < 4; i++)
        retired += join(threads[i]);
    pthread_barrier_destroy(&line_up);
    ck_assert_int_eq(retired, 1);
    ck_assert_int_eq(objects[1], TURNS);
}
END_TEST

/* ---- Fork */

/* What the parent has at the time of the fork. */
static uint32_t unused_one, used_one, closing_one, unclaimed_one, claimed_one;

static bool all_are_refused(void)
{
    return is_refused(unused_one) && is_refused(used_one) && is_refused(closing_one) && is_refused(unclaimed_one) &&
           is_refused(claimed_one);
}

/* As many as a table has: none of its slots is lost, none is given out twice, and each can be closed. */
static bool a_whole_table_can_be_used(void)
{
    void *object;
    for (uint32_t i = 0; i < HANDLE_SLOTS; i++) {
        if (handle_insert(&shared, &objects[i], &handles[i]) != 0)
            return false;
    }
    if (handle_insert(&shared, &objects[0], &handles[0]) != CULVERT_E_LIMIT)
        return false;
    for (uint32_t i = 0; i < HANDLE_SLOTS; i++) {
        if (handle_acquire(&shared, handles[i], &object) != 0 || object != &objects[i])
            return false;
        handle_release(&shared, handles[i]);
        if (handle_close(&shared, handles[i], NULL, &object) != 0)
            return false;
    }
    return true;
}

static int exit_status(pid_t child)
{
    int status = -1;
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(in_a_forked_child_all_handles_are_invalid_and_the_tables_usable)
{
    void *object;
    unused_one = insert(&shared, &objects[2]);
    used_one = insert(&shared, &objects[3]);
    closing_one = insert(&shared, &objects[1]);
    unclaimed_one = insert(&exclusive, &objects[4]);
    claimed_one = insert(&exclusive, &objects[5]);
    ck_assert_int_eq(handle_acquire(&shared, used_one, &object), 0);
    ck_assert_int_eq(handle_acquire(&shared, closing_one, &object), 0);
    ck_assert_int_eq(handle_claim(&exclusive, claimed_one, &object), 0);
    objects[1] = 42;
    sem_init(&woken, 0, 0);
    const pthread_t closer = start(close_in_thread, &closing_one);
    sem_wait(&woken);
    sleep_ms(20); /* it waits by now */

    const pid_t child = fork();
    if (child == 0)
        _exit(all_are_refused() ? a_whole_table_can_be_used() && all_are_refused() ? 0 : 2 : 1);
    ck_assert_int_eq(exit_status(child), 0);

    handle_release(&shared, closing_one);
    ck_assert_int_eq(join(closer), 0);
    handle_release(&shared, used_one);
    close_handle(used_one);
    close_handle(unused_one);
    ck_assert_int_eq(handle_claim(&exclusive, claimed_one, &object), CULVERT_E_BUSY);
    ck_assert_int_eq(handle_claim(&exclusive, unclaimed_one, &object), 0);
    sem_destroy(&woken);
}
END_TEST

static atomic_bool stop;

static void *insert_and_close(void *argument)
{
    (void)argument;
    void *object;
    uint32_t handle;
    while (!atomic_load(&stop)) {
        if (handle_insert(&shared, &objects[2], &handle) != 0 || handle_close(&shared, handle, NULL, &object) != 0)
            return (void *)(intptr_t)1;
    }
    return NULL;
}

START_TEST(a_fork_while_other_threads_insert_leaves_the_child_a_whole_table)
{
    atomic_store(&stop, false);
    const pthread_t threads[2] = {start(insert_and_close, NULL), start(insert_and_close, NULL)};
    for (int i = 0; i < 20; i++) {
        const pid_t child = fork();
        if (child == 0) {
            signal(SIGALRM, SIG_DFL); /* Check's own kills the whole test */
            alarm(60);                /* a lock that nobody will unlock ends by signal */
            _exit(a_whole_table_can_be_used() ? 0 : 1);
        }
        ck_assert_int_eq(exit_status(child), 0);
    }
    atomic_store(&stop, true);
    ck_assert_int_eq(join(threads[0]), 0);
    ck_assert_int_eq(join(threads[1]), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("handle");

    TCase *numbers = tcase_create("numbers");
    tcase_add_checked_fixture(numbers, clear_tables, NULL);
    tcase_add_test(numbers, every_call_refuses_what_is_no_handle_of_its_table);
    tcase_add_test(numbers, a_stale_handle_is_refused_while_its_slot_serves_another);
    tcase_add_test(numbers, no_random_number_is_a_handle);
    tcase_add_test(numbers, the_4097th_is_refused_until_one_is_closed);
    tcase_add_test(numbers, slots_never_used_come_before_freed_ones);
    tcase_add_test(numbers, freed_slots_are_reused_oldest_first);
    suite_add_tcase(suite, numbers);

    TCase *threads = tcase_create("threads");
    tcase_add_checked_fixture(threads, clear_tables, NULL);
    tcase_set_timeout(threads, 60);
    tcase_add_test(threads, a_slot_counts_2047_references_and_refuses_one_more);
    tcase_add_loop_test(threads, close_shuts_others_out_and_waits_for_the_last_reference, 0,
                        sizeof held / sizeof held[0]);
    tcase_add_test(threads, an_object_is_whole_for_whoever_guesses_its_handle);
    tcase_add_test(threads, a_claim_shuts_others_out_until_it_is_given_up_or_retired);
    tcase_add_test(threads, claimers_see_what_the_one_before_them_did_and_one_retires);
    suite_add_tcase(suite, threads);

    TCase *crowd = tcase_create("crowd");
    tcase_add_checked_fixture(crowd, clear_tables, NULL);
    tcase_set_timeout(crowd, 60);
    tcase_set_tags(crowd, "long");
    tcase_add_test(crowd, of_eight_closers_one_wins_while_others_use_the_object);
    suite_add_tcase(suite, crowd);

    TCase *forks = tcase_create("fork");
    tcase_add_checked_fixture(forks, clear_tables, NULL);
    tcase_set_timeout(forks, 60);
    tcase_add_test(forks, in_a_forked_child_all_handles_are_invalid_and_the_tables_usable);
    tcase_add_test(forks, a_fork_while_other_threads_insert_leaves_the_child_a_whole_table);
    suite_add_tcase(suite, forks);
    return suite;
}
