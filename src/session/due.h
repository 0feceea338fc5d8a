/* What is to be encoded for another reason than that a new picture came. */
#ifndef SESSION_DUE_H
#define SESSION_DUE_H

#include <stdint.h>

struct session;

enum due {
    DUE_KEY = 1,         /* a key frame: asked for, owed, or of keyint */
    DUE_RECOVERY = 2,    /* frames were lost: one that refers to none of them */
    DUE_EPOCH = 4,       /* the encoder of the frame's own size is ready, and the frame was encoded at another */
    DUE_CATCH_UP = 8,    /* the frame was dropped for want of bits, and none has come since */
    DUE_REFINEMENT = 16, /* a still picture is coarse */
    DUE_REFRESH = 32     /* a still picture was encoded last refresh_ms ago */
};

/* With the frame taken last, which has just come; enum due, ored. */
unsigned due_now(const struct session *session);
/* Without a new frame: the same, and since when; or 0, and when something will be (clock_now; CLOCK_NEVER: as things
 * stand, nothing). */
unsigned due_next(const struct session *session, int64_t *since, int64_t *deadline);

#endif
