/* A child that crashes with culvertd's crash handler, and what it leaves. */
#ifndef TESTS_DEATH_H
#define TESTS_DEATH_H

#include <stddef.h>

#include "session/events.h"

struct death {
    int signal;  /* that it died of; 0: it did not */
    char *text;  /* its report; the caller frees it */
    size_t size; /* of the report */
};

/* What a child does: config and events as for crash_describe and crash_watch, NULL: not called; crash dies. */
struct dying {
    const char *config;
    const struct events *events;
    void (*crash)(void);
};

struct death death_of(const struct dying *dying);

/* The same, with the report to a descriptor of the caller's. */
int signal_of(const struct dying *dying, int fd);

#endif
