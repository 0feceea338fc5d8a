/* The parts of a crash report, in the order in which they are written: what is sure to be readable comes first. */
#ifndef DAEMON_CRASH_SECTIONS_H
#define DAEMON_CRASH_SECTIONS_H

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

#include "daemon/crash_line.h"
#include "session/events.h"

struct crash {
    int number;
    const siginfo_t *info;
    const ucontext_t *context;
    pid_t thread;
    int64_t monotonic; /* microseconds */
    const char *config;
    size_t config_length;
    const struct events *events; /* NULL: none */
};

struct crash_section {
    const char *name;
    void (*write)(struct crash_line *line, const struct crash *crash);
};

#define CRASH_SECTIONS 6
extern const struct crash_section crash_sections[CRASH_SECTIONS];

#endif
