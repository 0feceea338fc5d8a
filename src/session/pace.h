/* How often frames are really encoded, against how often they were declared to come. Rate control gives each frame its
 * share of a second, so it must know: a game drops to half its frame rate untold, repeats are not encoded, the encoder
 * skips. */
#ifndef SESSION_PACE_H
#define SESSION_PACE_H

#include <stdint.h>

#include "codec/codec.h"

#define PACE_FRAMES 8 /* that are averaged: what a game's jitter does not move */

struct pace {
    int64_t pts;      /* of the frame noted last */
    int64_t declared; /* its interval, in microseconds */
    int64_t intervals[PACE_FRAMES];
    uint32_t noted;  /* intervals since the declared one changed, running */
    double ratio;    /* measured over declared interval, as it was applied last */
    int64_t sum;     /* of the intervals since then */
    uint32_t summed; /* how many these are */
};

void pace_init(struct pace *pace);
/* A frame is being encoded; pts in microseconds. */
void pace_note(struct pace *pace, int64_t pts, const struct codec_rate *declared);
/* The declared rate with the frame rate that was measured. */
struct codec_rate pace_rate(const struct pace *pace, const struct codec_rate *declared);

#endif
