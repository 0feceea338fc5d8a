/* One clock for everything: CLOCK_MONOTONIC in microseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER INT64_MAX /* a deadline that does not come */

int64_t clock_now(void);

/* The deadline timeout_ms from now; UINT32_MAX gives CLOCK_NEVER. */
int64_t clock_deadline(uint32_t timeout_ms);

/* As the system's calls want it; not for CLOCK_NEVER. */
struct timespec clock_timespec(int64_t time);

/* A condition variable whose waits are on this clock. False: out of memory. */
bool clock_cond_init(pthread_cond_t *cond);

/* Waits until signalled (true, perhaps spuriously) or until the deadline (false). */
bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline);

#endif
