#include "base/handle.h"

#include "culvert/culvert.h"
#include "locks.h"
#include "scenarios.h"

#define FIRST HANDLE_SLOTS        /* the first handle of a new table: generation 1 of slot 0 */
#define SECOND (2 * HANDLE_SLOTS) /* the next of that slot */
#define OBJECTS 2                 /* a cell each */
#define WHOLE 7
#define FREED 9

static struct handle_table table = HANDLE_TABLE_INIT;
static uint32_t objects[OBJECTS] = {0, 1}; /* the numbers of their cells */
static uint32_t wins, turns;

static uint32_t cell_of(const void *object)
{
    return *(const uint32_t *)object;
}

/* No slot was used but one, and it is the only one that a handle can be of. */
static void begin_empty(void)
{
    locks_begin();
    table.slots[0] = (struct handle_slot){.next = HANDLE_SLOTS};
    table.used = HANDLE_SLOTS;
    table.first = table.last = 0;
    wins = turns = 0;
}

static void insert(uint32_t object, uint32_t expected)
{
    uint32_t handle;
    cell_write(object, WHOLE);
    expect(handle_insert(&table, &objects[object], &handle) == 0 && handle == expected, "a slot is not reused");
}

static void insert_first(void)
{
    insert(0, FIRST);
}

static void begin_open(void)
{
    begin_empty();
    insert_first();
}

/* ---- References */

static void hold_for_a_while(uint32_t handle, uint32_t expected)
{
    void *object;
    const int result = handle_acquire(&table, handle, &object);
    expect(result == 0 || result == CULVERT_E_HANDLE, "an open slot is busy");
    if (result != 0)
        return;
    expect(cell_of(object) == expected, "a handle leads to another's object");
    expect(cell_read(expected) == WHOLE, "a holder has an object that is not whole");
    handle_release(&table, handle);
}

static void hold(void)
{
    hold_for_a_while(FIRST, 0);
}

static void look_at(void *object)
{
    expect(cell_read(cell_of(object)) == WHOLE, "a closer wakes the holders of an object that is not whole");
}

static bool close_and_free(void)
{
    void *object;
    const int result = handle_close(&table, FIRST, look_at, &object);
    expect(result == 0 || result == CULVERT_E_HANDLE, "close says what it never says");
    if (result != 0)
        return false;
    expect(cell_of(object) == 0, "a closer has got another's object");
    cell_write(0, FREED);
    wins++;
    return true;
}

static void close(void)
{
    close_and_free();
}

static void refused_to_all(void)
{
    void *object;
    expect(wins == 1, "not exactly one closer wins");
    expect(handle_acquire(&table, FIRST, &object) == CULVERT_E_HANDLE, "a closed handle is accepted");
}

SCENARIO(of_two_closers_one_wins_and_a_holder_never_has_a_freed_object) = {
    .begin = begin_open,
    .threads = {hold, close, close},
    .finish = refused_to_all,
};

SCENARIO(the_last_of_two_holders_wakes_the_closer) = {
    .begin = begin_open,
    .threads = {hold, hold, close},
    .finish = refused_to_all,
};

SCENARIO(an_object_is_whole_for_whoever_guesses_its_handle) = {
    .begin = begin_empty,
    .threads = {insert_first, hold, close},
};

static void close_and_reuse(void)
{
    expect(close_and_free(), "the only closer does not win");
    insert(1, SECOND);
}

static void hold_the_next(void)
{
    hold_for_a_while(SECOND, 1);
}

SCENARIO(a_stale_handle_never_leads_to_its_slots_next_object) = {
    .begin = begin_open,
    .threads = {close_and_reuse, hold, hold_the_next},
    .finish = refused_to_all,
};

/* ---- Claims */

static bool claim_for_a_turn(void)
{
    void *object;
    const int result = handle_claim(&table, FIRST, &object);
    expect(result == 0 || result == CULVERT_E_BUSY || result == CULVERT_E_HANDLE, "claim says what it never says");
    if (result != 0)
        return false;
    expect(cell_of(object) == 0, "a claimer has got another's object");
    expect(cell_read(0) == WHOLE + turns, "a claimer does not see the turn before");
    cell_write(0, WHOLE + ++turns);
    return true;
}

static void claim_twice(void)
{
    for (int i = 0; i < 2; i++)
        if (claim_for_a_turn())
            handle_unclaim(&table, FIRST);
}

static void all_turns_are_counted(void)
{
    expect(claim_for_a_turn(), "what nobody has claimed is busy");
}

SCENARIO(of_three_claimers_each_sees_what_the_one_before_it_did) = {
    .begin = begin_open,
    .threads = {claim_twice, claim_twice, claim_twice},
    .finish = all_turns_are_counted,
};

static void claim_and_retire(void)
{
    if (!claim_for_a_turn())
        return;
    cell_write(0, FREED);
    wins++;
    handle_retire(&table, FIRST);
}

static void retired_at_most_once(void)
{
    void *object;
    expect(wins <= 1, "two have retired the same handle");
    if (wins == 1)
        expect(handle_claim(&table, FIRST, &object) == CULVERT_E_HANDLE, "a retired handle is accepted");
}

SCENARIO(a_claimed_object_is_retired_once) = {
    .begin = begin_empty,
    .threads = {insert_first, claim_and_retire, claim_and_retire},
    .finish = retired_at_most_once,
};
