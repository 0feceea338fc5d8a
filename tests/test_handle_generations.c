#include "base/handle.h"

#include <stdbool.h>

#include "culvert/culvert.h"
#include "run.h"

#define GENERATIONS 7

_Static_assert(HANDLE_GENERATION_BITS == 3, "this program has a build of the table for itself");

static struct handle_table table;
static int objects[HANDLE_SLOTS];
static uint32_t handles[HANDLE_SLOTS];

static void clear_table(void)
{
    table = (struct handle_table)HANDLE_TABLE_INIT;
}

/* A table is used with acquire and close, or else with claim and retire. */
static bool is_accepted(bool exclusive, uint32_t handle)
{
    void *object;
    if (exclusive ? handle_claim(&table, handle, &object) != 0 : handle_acquire(&table, handle, &object) != 0)
        return false;
    if (exclusive)
        handle_unclaim(&table, handle);
    else
        handle_release(&table, handle);
    return object == &objects[handle % HANDLE_SLOTS];
}

static void close_handle(bool exclusive, uint32_t handle)
{
    void *object;
    if (exclusive) {
        ck_assert_int_eq(handle_claim(&table, handle, &object), 0);
        handle_retire(&table, handle);
    } else {
        ck_assert_int_eq(handle_close(&table, handle, NULL, &object), 0);
    }
}

static uint32_t insert(uint32_t index)
{
    uint32_t handle = 0;
    ck_assert_int_eq(handle_insert(&table, &objects[index], &handle), 0);
    ck_assert_uint_eq(handle % HANDLE_SLOTS, index);
    return handle;
}

/* Of every number that has an index and up to 4 bits of generation, those of generation `open` are accepted. */
static void expect_only(bool exclusive, uint32_t open)
{
    uint32_t number = 0;
    while (number < 16 * HANDLE_SLOTS && is_accepted(exclusive, number) == (number / HANDLE_SLOTS == open))
        number++;
    ck_assert_msg(number == 16 * HANDLE_SLOTS, "0x%x while generation %u is open", number, open);
}

START_TEST(no_handle_but_those_of_the_open_generation_is_ever_accepted)
{
    const bool exclusive = _i == 1;
    for (uint32_t generation = 1; generation <= GENERATIONS; generation++) {
        for (uint32_t i = 0; i < HANDLE_SLOTS; i++)
            handles[i] = insert(i);
        expect_only(exclusive, generation);
        for (uint32_t i = 0; i < HANDLE_SLOTS; i++)
            close_handle(exclusive, handles[i]);
        expect_only(exclusive, UINT32_MAX);
    }
    uint32_t handle = 77;
    ck_assert_int_eq(handle_insert(&table, &objects[0], &handle), CULVERT_E_LIMIT);
    ck_assert_uint_eq(handle, 77);
}
END_TEST

/* No number with index 0 is accepted after this one was closed. */
static void expect_none_at_0(uint32_t closed)
{
    for (uint32_t generation = 0; generation < 16; generation++)
        ck_assert_msg(!is_accepted(true, generation * HANDLE_SLOTS), "generation %u after 0x%x was closed", generation,
                      closed);
}

/* Slots at either end and in the middle. */
static const uint32_t worn[] = {0, 1, 2048, HANDLE_SLOTS - 1};

START_TEST(a_slot_retires_after_seven_generations_while_the_others_serve_on)
{
    const uint32_t index = worn[_i];
    uint32_t handle;
    for (uint32_t i = 0; i < HANDLE_SLOTS; i++)
        handles[i] = insert(i);
    for (int generation = 2; generation <= GENERATIONS; generation++) {
        close_handle(false, handles[index]);
        handles[index] = insert(index);
    }
    close_handle(false, handles[index]);
    ck_assert_int_eq(handle_insert(&table, &objects[index], &handle), CULVERT_E_LIMIT);

    const uint32_t other = (index + 1) % HANDLE_SLOTS;
    close_handle(false, handles[other]);
    handles[other] = insert(other);
    ck_assert_int_eq(handle_insert(&table, &objects[index], &handle), CULVERT_E_LIMIT);
    for (uint32_t i = 0; i < HANDLE_SLOTS; i++)
        ck_assert(is_accepted(false, handles[i]) == (i != index));
}
END_TEST

START_TEST(generations_of_a_table_that_wraps_begin_anew_at_half)
{
    table = (struct handle_table)HANDLE_TABLE_WRAPS;
    for (uint32_t i = 0; i < HANDLE_SLOTS; i++)
        handles[i] = insert(i);
    for (uint32_t turn = 1; turn <= 3 * GENERATIONS; turn++) {
        ck_assert_uint_eq(handles[0] / HANDLE_SLOTS, (turn - 1) % (GENERATIONS / 2) + 1);
        close_handle(true, handles[0]);
        expect_none_at_0(handles[0]);
        handles[0] = insert(0);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("handle_generations");
    TCase *generations = tcase_create("generations");
    tcase_add_checked_fixture(generations, clear_table, NULL);
    tcase_set_timeout(generations, 60);
    tcase_add_loop_test(generations, a_slot_retires_after_seven_generations_while_the_others_serve_on, 0,
                        sizeof worn / sizeof worn[0]);
    tcase_add_test(generations, generations_of_a_table_that_wraps_begin_anew_at_half);
    suite_add_tcase(suite, generations);

    TCase *every = tcase_create("every number");
    tcase_add_checked_fixture(every, clear_table, NULL);
    tcase_set_timeout(every, 60);
    tcase_set_tags(every, "long");
    tcase_add_loop_test(every, no_handle_but_those_of_the_open_generation_is_ever_accepted, 0, 2);
    suite_add_tcase(suite, every);
    return suite;
}
