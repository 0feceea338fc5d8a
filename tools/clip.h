/* The gameplay that the demo plays, decoded to memory by the ffmpeg command. */
#ifndef TOOLS_CLIP_H
#define TOOLS_CLIP_H

#include <stddef.h>
#include <stdint.h>

#define CLIP_WHY 512
#define CLIP_WIDTH 320
#define CLIP_HEIGHT 240
#define CLIP_FRAME ((size_t)4 * CLIP_WIDTH * CLIP_HEIGHT) /* bytes, of BGRA */
#define CLIP_RATE 60

struct clip {
    uint8_t *pixels; /* of all frames */
    size_t frames;
};

/* Where the clip that comes with culvert is: $CULVERT_MEDIA, else where it is installed, else in the source tree that
 * is the working directory. NULL: nowhere. */
const char *clip_find(void);

/* At most `limit` frames. 0, or -1 with the reason as one line and nothing held. */
int clip_load(struct clip *clip, const char *path, size_t limit, char why[CLIP_WHY]);
void clip_free(struct clip *clip);

/* The n-th frame of a clip that plays forwards and backwards for ever. */
const uint8_t *clip_frame(const struct clip *clip, size_t n);

#endif
