/* culvertd's command line. */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/peers.h"

/* 0: no limit. */
struct quota {
    uint64_t sessions;
    uint64_t pixel_rate; /* pixels a second, of the largest size and the declared frame rate */
    uint64_t memory;     /* bytes, by quota_memory's estimate */
};

#define OPTIONS_DEATHS_MOST 100
#define OPTIONS_SPARES_MOST 64

struct options {
    const char *socket;    /* NULL: systemd's */
    const char *crash_dir; /* NULL: reports are thrown away */
    const char *metrics;   /* where; NULL: off */
    struct peers peers;
    struct quota all, user;
    uint64_t worker_memory; /* bytes of data that a worker may have; 0: no limit */
    uint32_t spares;
    uint32_t deaths, deaths_s; /* so many in so many seconds end a session */
    uint32_t hang_ms, drain_ms;
    bool check, worker;
};

/* 0; or an exit status after it has said what is wrong, or what was asked for (--help, --version: then *done). */
int options_parse(struct options *options, int argc, char **argv, bool *done);

#endif
