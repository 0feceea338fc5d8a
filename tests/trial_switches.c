#include "trial_switches.h"

#include <check.h>
#include <pthread.h>
#include <string.h>

#define RECORDS 1000

/* Calls that are to fail, or pictures that are to be dropped. */
struct countdown {
    uint32_t after, count, done;
};

struct gate {
    bool holding, held;
    uint32_t passes; /* that are let through all the same */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of trial */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct {
    uint32_t delay;
    struct countdown fail[TRIAL_CALLS], drop;
    enum trial_honesty honesty;
    struct gate gates[TRIAL_GATES];
    uint32_t key_bytes, bytes, qp;
    uint32_t order, counts[TRIAL_CALLS];
    struct trial_record records[TRIAL_CALLS][RECORDS];
} trial;

void trial_reset(uint32_t delay)
{
    pthread_mutex_lock(&lock);
    memset(&trial, 0, sizeof trial);
    trial.delay = delay;
    trial.key_bytes = trial.bytes = sizeof(struct trial_unit);
    pthread_mutex_unlock(&lock);
}

static uint32_t read_word(const uint32_t *word)
{
    pthread_mutex_lock(&lock);
    const uint32_t value = *word;
    pthread_mutex_unlock(&lock);
    return value;
}

uint32_t trial_delay(void)
{
    return read_word(&trial.delay);
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
    pthread_mutex_lock(&lock);
    countdown->after = after;
    countdown->count = count;
    pthread_mutex_unlock(&lock);
}

void trial_fail(enum trial_call call, uint32_t after, uint32_t count)
{
    arrange(&trial.fail[call], after, count);
}

void trial_drop(uint32_t after, uint32_t count)
{
    arrange(&trial.drop, after, count);
}

bool trial_drops(void)
{
    pthread_mutex_lock(&lock);
    const bool drops = strikes(&trial.drop);
    pthread_mutex_unlock(&lock);
    return drops;
}

uint32_t trial_dropped(void)
{
    return read_word(&trial.drop.done);
}

uint32_t trial_failed(enum trial_call call)
{
    return read_word(&trial.fail[call].done);
}

void trial_lie(enum trial_honesty present)
{
    pthread_mutex_lock(&lock);
    trial.honesty = present;
    pthread_mutex_unlock(&lock);
}

enum trial_honesty trial_honesty(void)
{
    pthread_mutex_lock(&lock);
    const enum trial_honesty present = trial.honesty;
    pthread_mutex_unlock(&lock);
    return present;
}

/* ---- Access units ------------------------------------------------------------------------------------------------ */

void trial_sizes(uint32_t key, uint32_t other)
{
    pthread_mutex_lock(&lock);
    trial.key_bytes = key;
    trial.bytes = other;
    pthread_mutex_unlock(&lock);
}

uint32_t trial_bytes(bool key)
{
    return read_word(key ? &trial.key_bytes : &trial.bytes);
}

void trial_qp(uint32_t qp)
{
    pthread_mutex_lock(&lock);
    trial.qp = qp;
    pthread_mutex_unlock(&lock);
}

uint32_t trial_present_qp(void)
{
    return read_word(&trial.qp);
}

/* ---- Gates ------------------------------------------------------------------------------------------------------- */

void trial_pass(enum trial_gate which)
{
    struct gate *gate = &trial.gates[which];
    pthread_mutex_lock(&lock);
    while (gate->holding && gate->passes == 0) {
        gate->held = true;
        pthread_cond_broadcast(&changed);
        pthread_cond_wait(&changed, &lock);
    }
    gate->held = false;
    gate->passes -= gate->passes > 0;
    pthread_mutex_unlock(&lock);
}

static void shut(enum trial_gate which)
{
    pthread_mutex_lock(&lock);
    trial.gates[which].holding = true;
    pthread_mutex_unlock(&lock);
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

void trial_let_go(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < TRIAL_GATES; i++)
        trial.gates[i].holding = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static bool any_held(void)
{
    bool held = false;
    for (int i = 0; i < TRIAL_GATES; i++)
        held |= trial.gates[i].held;
    return held;
}

void trial_await_held(void)
{
    pthread_mutex_lock(&lock);
    while (!any_held())
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void trial_step(void)
{
    struct gate *gate = &trial.gates[TRIAL_GATE_SLICE];
    pthread_mutex_lock(&lock);
    gate->passes = 1;
    pthread_cond_broadcast(&changed);
    while (gate->passes > 0 || !gate->held)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/* ---- Record ------------------------------------------------------------------------------------------------------ */

bool trial_note(enum trial_call call, struct trial_record record)
{
    pthread_mutex_lock(&lock);
    const uint32_t index = trial.counts[call]++;
    record.order = trial.order++;
    if (index < RECORDS)
        trial.records[call][index] = record;
    const bool fails = strikes(&trial.fail[call]);
    pthread_mutex_unlock(&lock);
    return fails;
}

uint32_t trial_count(enum trial_call call)
{
    return read_word(&trial.counts[call]);
}

struct trial_record trial_recorded(enum trial_call call, uint32_t index)
{
    pthread_mutex_lock(&lock);
    const bool kept = index < trial.counts[call] && index < RECORDS;
    const struct trial_record found = trial.records[call][kept ? index : 0];
    pthread_mutex_unlock(&lock);
    ck_assert_msg(kept, "call %u of kind %u was not recorded", index, (unsigned)call);
    return found;
}
