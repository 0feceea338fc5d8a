/* IVF: a header, then each access unit behind its size and its pts, in microseconds. What is written so far is a whole
 * file at any time; its length alone, which a reader can do without, is put in at the end. */
#ifndef TOOLS_IVF_H
#define TOOLS_IVF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"
#include "output.h"

struct ivf {
    const char *fourcc; /* of four characters */
    uint8_t *unit;      /* what is to be written once its last slice has come */
    size_t bytes, room; /* of unit */
    bool begun;         /* the file's header is written */
    int64_t interval;   /* of frames: the first packet's duration */
    int64_t first, end; /* of what is written */
};

/* The next packet: an access unit or a slice of one. One of no bytes leaves no trace: time goes by pts. 0, or -1 with
 * the reason as one line. */
int ivf_write(struct ivf *ivf, struct output *output, const void *data, size_t bytes,
              const struct culvert_packet *packet, char why[OUTPUT_WHY]);

/* Frees what it holds, and states the length, to end (microseconds) or its last frame's, where the output can be
 * written to once more. */
int ivf_end(struct ivf *ivf, struct output *output, int64_t end, char why[OUTPUT_WHY]);

#endif
