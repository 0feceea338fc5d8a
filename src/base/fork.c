#include "base/fork.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

static struct {
    pthread_mutex_t *lock;
    void (*child)(void *argument);
    void *argument;
} guarded[FORK_LOCKS];
static size_t count;

/* Held during the whole of a fork: a lock that registers meanwhile could be held by a thread that the child lacks. */
static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;

static void prepare(void)
{
    pthread_mutex_lock(&registry);
    for (size_t i = count; i-- > 0;)
        pthread_mutex_lock(guarded[i].lock);
}

static void release(void)
{
    for (size_t i = 0; i < count; i++)
        pthread_mutex_unlock(guarded[i].lock);
    pthread_mutex_unlock(&registry);
}

static void forget(void)
{
    for (size_t i = 0; i < count; i++) {
        if (guarded[i].child != NULL)
            guarded[i].child(guarded[i].argument);
    }
    release();
}

/* At load: a first call of fork_protect would come too late for a fork that goes on at the same time. */
__attribute__((constructor)) static void install(void)
{
    pthread_atfork(prepare, release, forget);
}

static bool is_protected(const pthread_mutex_t *lock)
{
    for (size_t i = 0; i < count; i++) {
        if (guarded[i].lock == lock)
            return true;
    }
    return false;
}

void fork_protect(pthread_mutex_t *lock, void (*child)(void *argument), void *argument)
{
    pthread_mutex_lock(&registry);
    if (!is_protected(lock)) {
        assert(count < FORK_LOCKS);
        guarded[count].lock = lock;
        guarded[count].child = child;
        guarded[count].argument = argument;
        count++;
    }
    pthread_mutex_unlock(&registry);
}
