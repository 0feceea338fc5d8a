/* What a decoder of H.264 keeps: the sliding window of the last pictures since an IDR (8.2.5.3). */
#ifndef CODEC_X264_REFERENCES_H
#define CODEC_X264_REFERENCES_H

#include <stdbool.h>
#include <stdint.h>

#define REFERENCES_MOST 16 /* A.3.1 h */

struct reference {
    int64_t pts;     /* the session's */
    int64_t clock;   /* x264's, which counts pictures */
    uint32_t number; /* since the IDR, which is 0 */
    bool lost;
};

struct references {
    uint32_t size, count;
    struct reference kept[REFERENCES_MOST]; /* the last picture first */
};

/* size: 0 and 1 keep the last picture alone. */
void references_init(struct references *references, uint32_t size);

/* A picture was encoded; a key picture (IDR) empties the window before it. */
void references_add(struct references *references, int64_t pts, int64_t clock, bool key);

/* What the next picture refers to: the last one that was not lost. NULL: none. */
const struct reference *references_nearest(const struct references *references);

/* Those from pts on are lost, and with them the others when frame_num began a new cycle meanwhile. False: none of the
 * window is lost; else *clock is that of the first one. */
bool references_lose(struct references *references, int64_t pts, int64_t *clock);

#endif
