/* Packets into an output, in the form that its codec or name asks for: IVF, or Annex B as they are. */
#ifndef TOOLS_WRITER_H
#define TOOLS_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"
#include "ivf.h"
#include "output.h"

struct writer {
    struct output output; /* of no path: packets leave no trace */
    struct ivf ivf;       /* of no fourcc: they go to the output as they are */
};

/* path NULL: there is no output. 0, or -1 with the reason as one line; then nothing is open. */
int writer_open(struct writer *writer, const char *path, char why[OUTPUT_WHY]);

/* Before the first packet; fourcc NULL: no IVF. */
void writer_begin(struct writer *writer, const char *fourcc);

int writer_write(struct writer *writer, const void *data, size_t bytes, const struct culvert_packet *packet,
                 char why[OUTPUT_WHY]);

/* The media ends at `end` (microseconds), or with the last packet if that is later. */
int writer_close(struct writer *writer, int64_t end, char why[OUTPUT_WHY]);

#endif
