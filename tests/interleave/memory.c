#include "memory.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "trace.h"

#define VALUES 32
#define PROGRESS_MAX 250 /* of a thread: a byte holds it */

struct value {
    uint32_t value;
    struct knowledge released;
};

static struct word {
    const volatile _Atomic uint32_t *address;
    uint32_t count;
    struct value values[VALUES];
} words[WORDS];

static struct knowledge known[THREADS];
static struct knowledge in_one_order; /* of sequentially consistent operations */
static bool has_failed_for_nothing;

static struct cell {
    uint32_t value;
    uint8_t writer, written; /* by whom, and when in its progress */
    uint8_t read[THREADS];   /* by each, at last; 0: never */
} cells[CELLS];

/* ---- Knowledge */

void knowledge_learn(struct knowledge *to, const struct knowledge *from)
{
    for (int i = 0; i < WORDS; i++)
        to->values[i] = from->values[i] > to->values[i] ? from->values[i] : to->values[i];
    for (int i = 0; i < THREADS; i++)
        to->progress[i] = from->progress[i] > to->progress[i] ? from->progress[i] : to->progress[i];
}

struct knowledge *memory_known(void)
{
    return &known[explore_self()];
}

void memory_advance(void)
{
    const uint32_t self = explore_self();
    if (++known[self].progress[self] > PROGRESS_MAX)
        explore_exceed("a thread takes more steps than the model counts");
}

void memory_begin(void)
{
    for (int i = 0; i < WORDS; i++)
        words[i].address = NULL;
    memset(known, 0, sizeof known);
    memset(&in_one_order, 0, sizeof in_one_order);
    memset(cells, 0, sizeof cells);
    has_failed_for_nothing = false;
    for (int i = 0; i < THREADS; i++)
        known[i].progress[i] = 1; /* 0 is what the others know of it */
}

void memory_fork(void)
{
    memory_advance();
    for (int i = 1; i < THREADS; i++)
        knowledge_learn(&known[i], &known[0]);
}

void memory_join(void)
{
    for (int i = 1; i < THREADS; i++)
        knowledge_learn(&known[0], &known[i]);
}

/* ---- Words */

static uint32_t index_of(const volatile _Atomic uint32_t *address)
{
    uint32_t index = 0;
    while (index < WORDS && words[index].address != NULL && words[index].address != address)
        index++;
    if (index == WORDS)
        explore_exceed("more words are used than the model has");
    /* cppcheck-suppress arrayIndexOutOfBoundsCond ; explore_exceed does not return */
    if (words[index].address == NULL) {
        words[index] = (struct word){.address = address, .count = 1};
        words[index].values[0].value = *address; /* what static storage holds */
    }
    return index;
}

static bool acquires(memory_order order)
{
    return order == memory_order_acquire || order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static bool releases(memory_order order)
{
    return order == memory_order_release || order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static uint32_t step_on(const volatile _Atomic uint32_t *address, bool writes, memory_order order)
{
    const uint32_t index = index_of(address);
    const bool one_order = order == memory_order_seq_cst;
    explore_step(&(struct step){.place = index, .writes = writes, .in_one_order = one_order});
    if (one_order)
        knowledge_learn(memory_known(), &in_one_order);
    return index;
}

static void end_step(memory_order order)
{
    if (order == memory_order_seq_cst)
        knowledge_learn(&in_one_order, memory_known());
    memory_advance();
}

static uint32_t newest_of(uint32_t index)
{
    return words[index].count - 1;
}

static uint32_t take_in(uint32_t index, uint32_t nth, memory_order order)
{
    const struct value *value = &words[index].values[nth];
    memory_known()->values[index] = (uint8_t)nth;
    if (acquires(order))
        knowledge_learn(memory_known(), &value->released);
    return value->value;
}

/* `before` is what a read-modify-write found: what was released with that goes on with the new value. */
static void add(uint32_t index, uint32_t value, memory_order order, const struct value *before)
{
    struct word *word = &words[index];
    if (word->count == VALUES)
        explore_exceed("a word has more values than the model holds");
    struct value *added = &word->values[word->count];
    *added = (struct value){.value = value};
    memory_known()->values[index] = (uint8_t)word->count;
    if (before != NULL)
        added->released = before->released;
    if (releases(order))
        knowledge_learn(&added->released, memory_known());
    word->count++;
}

void memory_init(volatile _Atomic uint32_t *address, uint32_t value)
{
    const uint32_t index = index_of(address);
    words[index].count = 1;
    words[index].values[0] = (struct value){.value = value};
}

uint32_t memory_load(const volatile _Atomic uint32_t *address, memory_order order)
{
    const uint32_t index = step_on(address, false, order), newest = newest_of(index);
    const uint32_t older = explore_choice(newest - memory_known()->values[index] + 1);
    const uint32_t value = take_in(index, newest - older, order);
    trace_add(explore_self(), older == 0 ? "loads the newest of word" : "loads an older value of word", index, value);
    end_step(order);
    return value;
}

void memory_store(volatile _Atomic uint32_t *address, uint32_t value, memory_order order)
{
    const uint32_t index = step_on(address, true, order);
    /* It could come before that one in the word's order, which the model does not try: no source may need it to. */
    if (memory_known()->values[index] != newest_of(index))
        explore_exceed("a store does not know of the one before");
    add(index, value, order, NULL);
    trace_add(explore_self(), "stores in word", index, value);
    end_step(order);
}

static uint32_t modify(uint32_t index, uint32_t value, memory_order order)
{
    const uint32_t newest = newest_of(index), old = take_in(index, newest, order);
    add(index, value, order, &words[index].values[newest]);
    trace_add(explore_self(), "reads and changes word", index, value);
    end_step(order);
    return old;
}

uint32_t memory_exchange(volatile _Atomic uint32_t *address, uint32_t value, memory_order order)
{
    return modify(step_on(address, true, order), value, order);
}

uint32_t memory_subtract(volatile _Atomic uint32_t *address, uint32_t value, memory_order order)
{
    const uint32_t index = step_on(address, true, order);
    return modify(index, words[index].values[newest_of(index)].value - value, order);
}

/* ---- Compare and swap: a failure is a load, which may be of any value but the expected one. A weak one fails for
 * nothing too, once in an execution. */

/* Every outcome but success: which values it may return. */
static uint32_t failures_of(uint32_t index, uint32_t expected, bool for_nothing, uint32_t *failures)
{
    const struct word *word = &words[index];
    const uint32_t newest = newest_of(index);
    uint32_t count = 0;
    for (uint32_t i = memory_known()->values[index]; i <= newest; i++)
        if (word->values[i].value != expected || (i == newest && for_nothing))
            failures[count++] = i;
    return count;
}

static bool replace(uint32_t index, uint32_t *expected, uint32_t value, memory_order success, memory_order failure,
                    bool weak)
{
    uint32_t failures[VALUES];
    const uint32_t count = failures_of(index, *expected, weak && !has_failed_for_nothing, failures);
    const bool can_succeed = words[index].values[newest_of(index)].value == *expected;
    const uint32_t outcome = explore_choice(count + can_succeed);
    if (outcome == count) {
        modify(index, value, success);
        return true;
    }
    const uint32_t found = take_in(index, failures[outcome], failure);
    has_failed_for_nothing |= found == *expected;
    *expected = found;
    trace_add(explore_self(), "fails to change word", index, found);
    end_step(failure);
    return false;
}

bool memory_replace_weak(volatile _Atomic uint32_t *address, uint32_t *expected, uint32_t value, memory_order success,
                         memory_order failure)
{
    return replace(step_on(address, true, success), expected, value, success, failure, true);
}

bool memory_replace_strong(volatile _Atomic uint32_t *address, uint32_t *expected, uint32_t value, memory_order success,
                           memory_order failure)
{
    return replace(step_on(address, true, success), expected, value, success, failure, false);
}

/* ---- Cells */

void cell_write(uint32_t cell, uint32_t value)
{
    struct cell *it = &cells[cell];
    const uint32_t self = explore_self();
    const struct knowledge *mine = &known[self];
    trace_add(self, "writes cell", cell, value);
    if (mine->progress[it->writer] < it->written)
        explore_fail("a cell is written while another thread may still write it");
    for (uint32_t i = 0; i < THREADS; i++)
        if (mine->progress[i] < it->read[i])
            explore_fail("a cell is written while another thread may still read it");
    it->value = value;
    it->writer = (uint8_t)self;
    it->written = mine->progress[self];
}

uint32_t cell_read(uint32_t cell)
{
    struct cell *it = &cells[cell];
    const uint32_t self = explore_self();
    trace_add(self, "reads cell", cell, it->value);
    if (known[self].progress[it->writer] < it->written)
        explore_fail("a cell is read before what is written there is sure to be seen");
    it->read[self] = known[self].progress[self];
    return it->value;
}
