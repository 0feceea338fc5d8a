/* Which pictures a libvpx encoder keeps, what the next picture may refer to, and what it takes the place of. Pure: it
 * counts pictures and touches no encoder.
 *
 * Neither layers nor references: libvpx chooses, unseen. Layers alone: the last picture of the base layer stays, and
 * of three layers the last one of the middle layer. References, with layers or without: the last picture of the base
 * layer stays, and two older ones of it, which are renewed by turns, so that the older one is about to be as old as the
 * session wants them and the other half as old. */
#ifndef CODEC_VPX_REFERENCES_H
#define CODEC_VPX_REFERENCES_H

#include <stdbool.h>
#include <stdint.h>

enum { BUFFER_LAST, BUFFER_GOLDEN, BUFFER_ALTREF, BUFFERS };

struct buffers {
    uint32_t layers;  /* 1 to 3 */
    uint32_t age;     /* pictures, 2 to 16; 0: no picture is kept against loss */
    uint32_t phase;   /* in the layers' pattern */
    uint64_t number;  /* of the next picture, from 1 */
    uint64_t renewed; /* number of the last one that went into GOLDEN or ALTREF */
    struct buffer {
        uint64_t number; /* 0: nothing to refer to */
        int64_t pts;
        uint32_t layer;
    } buffer[BUFFERS];
};

/* Sets of buffers are 1 << BUFFER_..., or-ed. */
struct buffers_plan {
    bool key;
    bool free; /* libvpx chooses */
    uint32_t layer;
    bool sync;         /* refers to the base layer alone, and is above it */
    unsigned refer;    /* to these, no picture twice */
    unsigned renew;    /* these */
    bool keep_entropy; /* later pictures decode without this one's statistics */
    uint32_t count;
    int64_t pts[BUFFERS]; /* of the pictures that it may refer to */
};

/* Before the first picture. layers and age are 0 for none. */
void buffers_init(struct buffers *buffers, uint32_t layers, uint32_t age);

/* What the next picture is to be. A key picture when it is wanted, or nothing is left to refer to. */
struct buffers_plan buffers_plan(const struct buffers *buffers, bool key);

/* The picture became an access unit as planned; one that was dropped changes nothing. */
void buffers_commit(struct buffers *buffers, const struct buffers_plan *plan, int64_t pts);

/* Pictures from this pts on did not arrive. False: none is left. */
bool buffers_forget(struct buffers *buffers, int64_t pts);

/* For vpx_codec_encode; the same bits for VP8 and VP9. */
long buffers_flags(const struct buffers_plan *plan);

#endif
