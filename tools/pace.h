/* CLOCK_MONOTONIC in microseconds, as the library's times are. */
#ifndef TOOLS_PACE_H
#define TOOLS_PACE_H

#include <stdint.h>

int64_t pace_now(void);

/* Sleeps until then, or until a signal. */
void pace_until(int64_t time);

#endif
