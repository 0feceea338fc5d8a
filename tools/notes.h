/* What each packet of a recording was: FILE.json beside FILE, one JSON object a line. */
#ifndef TOOLS_NOTES_H
#define TOOLS_NOTES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"
#include "output.h"
#include "sample.h"

struct notes {
    char path[PATH_MAX];
    struct output output;
    int64_t began;
    int64_t last;   /* pts of the last packet that began an access unit */
    uint32_t epoch; /* its epoch; 0: there was none */
    uint64_t packets, bytes, frames, keyframes, epochs, gaps;
};

/* Every call returns 0, or -1 with the reason as one line. */
int notes_open(struct notes *notes, const char *recording, char why[OUTPUT_WHY]);

/* The first line: the session, as it was found. */
int notes_begin(struct notes *notes, const char *endpoint, const struct sample_row *row, char why[OUTPUT_WHY]);

/* A line for a packet, and before it one for a gap, if packets were left out before it. */
int notes_packet(struct notes *notes, const struct culvert_packet *packet, size_t bytes, char why[OUTPUT_WHY]);

/* The last line: why it ended ("end", "duration", "interrupt" or "failure", which error tells), what came, and the
 * session as it is now, or NULL. */
int notes_end(struct notes *notes, const char *ended, const char *error, const struct sample_row *row,
              char why[OUTPUT_WHY]);

int notes_close(struct notes *notes, char why[OUTPUT_WHY]);

/* Microseconds since notes_begin. */
int64_t notes_elapsed(const struct notes *notes);

#endif
