/* The line on a terminal that says how far it is: frame, fps, kbps, p99, time left. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "culvert/culvert.h"

struct progress {
    bool shown;
    int64_t began, next; /* microseconds */
    uint64_t total;      /* bytes or frames of all inputs; 0: unknown */
};

/* Shows nothing when quiet, or where standard error is no terminal. */
void progress_begin(struct progress *progress, bool quiet, uint64_t total);

/* After a frame: done of the total are read, and the frames so far last media microseconds. Draws five times a
 * second. */
void progress_update(struct progress *progress, culvert_session session, uint64_t done, int64_t media);

void progress_end(struct progress *progress);

#endif
