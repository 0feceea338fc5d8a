#include "base/clock.h"

#define SECOND 1000000

int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

int64_t clock_deadline(uint32_t timeout_ms)
{
    return timeout_ms == UINT32_MAX ? CLOCK_NEVER : clock_now() + (int64_t)timeout_ms * 1000;
}

struct timespec clock_timespec(int64_t time)
{
    return (struct timespec){.tv_sec = (time_t)(time / SECOND), .tv_nsec = (long)(time % SECOND) * 1000};
}

bool clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    const bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                      pthread_cond_init(cond, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return made;
}

bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline)
{
    if (deadline == CLOCK_NEVER)
        return pthread_cond_wait(cond, mutex) == 0;
    const struct timespec until = clock_timespec(deadline);
    return pthread_cond_timedwait(cond, mutex, &until) == 0;
}
