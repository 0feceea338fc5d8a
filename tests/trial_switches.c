#include "trial_switches.h"

#include <check.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "apart.h"

#define RECORDS 1000

/* Calls that are to fail, or pictures that are to be dropped. */
struct countdown {
    uint32_t after, count, done;
};

struct gate {
    bool holding, held;
    uint32_t passes; /* that are let through all the same */
};

struct trial {
    uint32_t resets;
    uint32_t delay;
    struct countdown fail[TRIAL_CALLS], drop;
    enum trial_honesty honesty;
    struct gate gates[TRIAL_GATES];
    uint32_t key_bytes, bytes, qp, layer, tl0;
    uint32_t wide, wide_kbps;
    uint32_t order, counts[TRIAL_CALLS];
    struct trial_record records[TRIAL_CALLS][RECORDS];
};

/* What the processes of a run share (apart.h). */
static struct shared {
    _Atomic bool made;
    pthread_mutex_t lock;     /* guards all of trial */
    _Atomic uint32_t changes; /* of gates */
    struct trial trial;
} * shared;
_Static_assert(sizeof *shared <= APART_MEMORY, "the trial codec's memory");

/* Of this process. Who has missed one belongs to an earlier test: it is recorded no more, and waits for nothing. */
static uint32_t resets;

/* The first process is there before the others. */
__attribute__((constructor)) static void share(void)
{
    shared = apart_memory();
    if (atomic_exchange(&shared->made, true))
        return;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

/* ---- Changes that are waited for --------------------------------------------------------------------------------- */

/* A condition of pthread's does not survive that a process is killed while it waits. */
static void tell_change(void)
{
    atomic_fetch_add(&shared->changes, 1);
    syscall(SYS_futex, &shared->changes, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void await_change(void)
{
    const uint32_t changes = atomic_load(&shared->changes);
    pthread_mutex_unlock(&shared->lock);
    syscall(SYS_futex, &shared->changes, FUTEX_WAIT, changes, NULL, NULL, 0);
    pthread_mutex_lock(&shared->lock);
}

static bool is_present(void)
{
    return resets == shared->trial.resets;
}

void trial_reset(uint32_t delay)
{
    pthread_mutex_lock(&shared->lock);
    resets = shared->trial.resets + 1;
    memset(&shared->trial, 0, sizeof shared->trial);
    shared->trial.resets = resets;
    shared->trial.delay = delay;
    shared->trial.key_bytes = shared->trial.bytes = sizeof(struct trial_unit);
    tell_change();
    pthread_mutex_unlock(&shared->lock);
}

void trial_attach(void)
{
    pthread_mutex_lock(&shared->lock);
    resets = shared->trial.resets;
    pthread_mutex_unlock(&shared->lock);
}

static uint32_t read_word(const uint32_t *word)
{
    pthread_mutex_lock(&shared->lock);
    const uint32_t value = *word;
    pthread_mutex_unlock(&shared->lock);
    return value;
}

uint32_t trial_delay(void)
{
    return read_word(&shared->trial.delay);
}

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

static bool strikes(struct countdown *countdown)
{
    if (countdown->count == 0)
        return false;
    if (countdown->after > 0) {
        countdown->after--;
        return false;
    }
    countdown->count--;
    countdown->done++;
    return true;
}

static void arrange(struct countdown *countdown, uint32_t after, uint32_t count)
{
    pthread_mutex_lock(&shared->lock);
    countdown->after = after;
    countdown->count = count;
    pthread_mutex_unlock(&shared->lock);
}

void trial_fail(enum trial_call call, uint32_t after, uint32_t count)
{
    arrange(&shared->trial.fail[call], after, count);
}

void trial_drop(uint32_t after, uint32_t count)
{
    arrange(&shared->trial.drop, after, count);
}

bool trial_drops(void)
{
    pthread_mutex_lock(&shared->lock);
    const bool drops = is_present() && strikes(&shared->trial.drop);
    pthread_mutex_unlock(&shared->lock);
    return drops;
}

uint32_t trial_dropped(void)
{
    return read_word(&shared->trial.drop.done);
}

uint32_t trial_failed(enum trial_call call)
{
    return read_word(&shared->trial.fail[call].done);
}

void trial_lie(enum trial_honesty present)
{
    pthread_mutex_lock(&shared->lock);
    shared->trial.honesty = present;
    pthread_mutex_unlock(&shared->lock);
}

enum trial_honesty trial_honesty(void)
{
    pthread_mutex_lock(&shared->lock);
    const enum trial_honesty present = shared->trial.honesty;
    pthread_mutex_unlock(&shared->lock);
    return present;
}

/* ---- Access units ------------------------------------------------------------------------------------------------ */

void trial_sizes(uint32_t key, uint32_t other)
{
    pthread_mutex_lock(&shared->lock);
    shared->trial.key_bytes = key;
    shared->trial.bytes = other;
    pthread_mutex_unlock(&shared->lock);
}

uint32_t trial_bytes(bool key)
{
    return read_word(key ? &shared->trial.key_bytes : &shared->trial.bytes);
}

void trial_qp(uint32_t qp)
{
    pthread_mutex_lock(&shared->lock);
    shared->trial.qp = qp;
    pthread_mutex_unlock(&shared->lock);
}

uint32_t trial_present_qp(void)
{
    return read_word(&shared->trial.qp);
}

void trial_layer(uint32_t layer, uint32_t tl0)
{
    pthread_mutex_lock(&shared->lock);
    shared->trial.layer = layer;
    shared->trial.tl0 = tl0;
    pthread_mutex_unlock(&shared->lock);
}

uint32_t trial_present_layer(uint32_t *tl0)
{
    *tl0 = read_word(&shared->trial.tl0);
    return read_word(&shared->trial.layer);
}

/* ---- Its level --------------------------------------------------------------------------------------------------- */

void trial_restrict(uint32_t width, uint32_t bitrate_kbps)
{
    pthread_mutex_lock(&shared->lock);
    shared->trial.wide = width;
    shared->trial.wide_kbps = bitrate_kbps;
    pthread_mutex_unlock(&shared->lock);
}

bool trial_grants(uint32_t width, uint32_t bitrate_kbps)
{
    pthread_mutex_lock(&shared->lock);
    const uint32_t wide = shared->trial.wide;
    const bool grants = wide == 0 || width <= wide || bitrate_kbps <= shared->trial.wide_kbps;
    pthread_mutex_unlock(&shared->lock);
    return grants;
}

/* ---- Gates ------------------------------------------------------------------------------------------------------- */

void trial_pass(enum trial_gate which)
{
    struct gate *gate = &shared->trial.gates[which];
    pthread_mutex_lock(&shared->lock);
    while (is_present() && gate->holding && gate->passes == 0) {
        if (!gate->held)
            tell_change();
        gate->held = true;
        await_change();
    }
    if (is_present()) {
        gate->held = false;
        gate->passes -= gate->passes > 0;
    }
    pthread_mutex_unlock(&shared->lock);
}

static void shut(enum trial_gate which)
{
    pthread_mutex_lock(&shared->lock);
    shared->trial.gates[which].holding = true;
    pthread_mutex_unlock(&shared->lock);
}

void trial_hold(void)
{
    shut(TRIAL_GATE_ENCODE);
}

void trial_hold_open(void)
{
    shut(TRIAL_GATE_OPEN);
}

void trial_hold_slices(void)
{
    shut(TRIAL_GATE_SLICE);
}

void trial_hold_reconfigure(void)
{
    shut(TRIAL_GATE_RECONFIGURE);
}

void trial_let_go(void)
{
    pthread_mutex_lock(&shared->lock);
    for (int i = 0; i < TRIAL_GATES; i++)
        shared->trial.gates[i].holding = false;
    tell_change();
    pthread_mutex_unlock(&shared->lock);
}

static bool any_held(void)
{
    bool held = false;
    for (int i = 0; i < TRIAL_GATES; i++)
        held |= shared->trial.gates[i].held;
    return held;
}

void trial_await_held(void)
{
    pthread_mutex_lock(&shared->lock);
    while (!any_held())
        await_change();
    pthread_mutex_unlock(&shared->lock);
}

void trial_step(void)
{
    struct gate *gate = &shared->trial.gates[TRIAL_GATE_SLICE];
    pthread_mutex_lock(&shared->lock);
    gate->passes = 1;
    tell_change();
    while (gate->passes > 0 || !gate->held)
        await_change();
    pthread_mutex_unlock(&shared->lock);
}

/* ---- Record ------------------------------------------------------------------------------------------------------ */

static void keep(enum trial_call call, struct trial_record *record)
{
    const uint32_t index = shared->trial.counts[call]++;
    record->order = shared->trial.order++;
    if (index < RECORDS)
        shared->trial.records[call][index] = *record;
}

bool trial_note(enum trial_call call, struct trial_record record)
{
    bool fails = false;
    pthread_mutex_lock(&shared->lock);
    if (is_present()) {
        keep(call, &record);
        fails = strikes(&shared->trial.fail[call]);
    }
    tell_change();
    pthread_mutex_unlock(&shared->lock);
    return fails;
}

uint32_t trial_count(enum trial_call call)
{
    return read_word(&shared->trial.counts[call]);
}

void trial_closed(uint32_t count)
{
    pthread_mutex_lock(&shared->lock);
    while (apart() && shared->trial.counts[TRIAL_CLOSE] < count)
        await_change();
    pthread_mutex_unlock(&shared->lock);
    ck_assert_uint_eq(trial_count(TRIAL_CLOSE), count);
}

struct trial_record trial_recorded(enum trial_call call, uint32_t index)
{
    pthread_mutex_lock(&shared->lock);
    const bool kept = index < shared->trial.counts[call] && index < RECORDS;
    const struct trial_record found = shared->trial.records[call][kept ? index : 0];
    pthread_mutex_unlock(&shared->lock);
    ck_assert_msg(kept, "call %u of kind %u was not recorded", index, (unsigned)call);
    return found;
}
