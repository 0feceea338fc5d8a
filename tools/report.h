/* The totals, for programs and for people. */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "culvert/culvert.h"

struct report {
    const char *codec;
    struct culvert_stats stats;
    uint64_t rejected; /* frames that the queue had no room for */
    bool remote;       /* through a culvertd */
    bool repeats;      /* repeated frames have packets, of no bytes */
    int64_t media;     /* microseconds that the frames last */
    int64_t elapsed;   /* microseconds that it took */
    uint64_t memory;   /* bytes, the process's peak */
    char params[2048]; /* what the codec ran with; "": nothing was encoded */
};

/* The process's peak memory so far, in bytes. */
uint64_t report_memory(void);

/* These bytes in that many microseconds, in kbps; 0 when there was no time. */
double report_kbps(uint64_t bytes, int64_t media);

/* "name": count pairs of a JSON object, without its braces. */
void report_counts(FILE *file, const struct culvert_stats *stats);

/* One more pair, after a comma. */
void report_latencies(FILE *file, const struct culvert_stats *stats);

/* One JSON object on a line of its own. */
void report_json(FILE *file, const struct report *report);

/* A few lines, the first of which begins with the output's name. */
void report_text(FILE *file, const char *output, const struct report *report);

#endif
