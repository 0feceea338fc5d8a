#include "pace.h"

#include <time.h>

int64_t pace_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void pace_until(int64_t time)
{
    const struct timespec then = {.tv_sec = (time_t)(time / 1000000), .tv_nsec = (long)(time % 1000000) * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
}
