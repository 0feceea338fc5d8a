/* Pictures that do not change: they cost nothing, but one that was coarse when the motion stopped is refined, and each
 * is encoded once more from time to time, for whoever lost it. */
#ifndef SESSION_STILL_H
#define SESSION_STILL_H

#include <stdint.h>

#define STILL_AFTER 200000   /* microseconds without change before a picture is refined */
#define STILL_REFINEMENTS 12 /* of one picture, at most */

struct still {
    uint32_t content;  /* of the frame encoded last, frame.content; 0: none */
    int64_t pts;       /* of that frame, at its last encoding */
    int64_t at;        /* clock_now then */
    int64_t begun_pts; /* both at its first */
    int64_t begun_at;
    uint32_t qp;          /* of the last */
    uint32_t refinements; /* so far */
};

/* A frame was encoded; due tells why, see due.h. */
void still_note(struct still *still, uint32_t content, int64_t pts, int64_t now, uint32_t qp, unsigned due);

#endif
