#include "locks.h"

#include <pthread.h>
#include <string.h>

#include "memory.h"
#include "trace.h"

#define PLACE WORDS /* behind those of words */

static bool held;
static const pthread_mutex_t *only;
static bool waits[THREADS];
static struct knowledge handed_on; /* by whoever unlocked last */

void locks_begin(void)
{
    held = false;
    only = NULL;
    memset(waits, 0, sizeof waits);
    memset(&handed_on, 0, sizeof handed_on);
}

static bool may_lock(uint32_t thread)
{
    return !held && !waits[thread];
}

static void take(void)
{
    explore_step(&(struct step){.place = PLACE, .writes = true, .may_go = may_lock});
    if (held)
        explore_fail("a lock is taken twice");
    held = true;
    knowledge_learn(memory_known(), &handed_on);
    trace_add(explore_self(), "locks", 0, 0);
    memory_advance();
}

/* No step: until then nobody else can do a thing with the lock, so whatever others do before it they can do behind. */
static void give(const char *what)
{
    if (!held)
        explore_fail("a lock is used that nobody holds");
    held = false;
    handed_on = *memory_known();
    trace_add(explore_self(), what, 0, 0);
    memory_advance();
}

int locks_lock(pthread_mutex_t *mutex)
{
    if (only != NULL && only != mutex)
        explore_exceed("there is more than the one lock that the model has");
    only = mutex;
    take();
    return 0;
}

int locks_unlock(pthread_mutex_t *mutex)
{
    (void)mutex;
    give("unlocks");
    return 0;
}

int locks_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    (void)condition, (void)mutex;
    waits[explore_self()] = true;
    give("unlocks and waits");
    take();
    return 0;
}

int locks_broadcast(pthread_cond_t *condition)
{
    (void)condition;
    if (!held)
        explore_exceed("a broadcast outside of the lock is no step of the model's");
    memset(waits, 0, sizeof waits);
    trace_add(explore_self(), "wakes all who wait", 0, 0);
    return 0;
}

int locks_renew(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
    (void)condition, (void)attributes;
    explore_exceed("no scenario forks");
}
