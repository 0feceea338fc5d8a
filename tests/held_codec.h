/* A codec that does nothing but open and close, and each of these only when it is let: for what happens beside a
 * stream. Its state is the process's. */
#ifndef TESTS_HELD_CODEC_H
#define TESTS_HELD_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"

struct codec_encoder {
    struct codec_stream *stream; /* what it was opened with */
    struct codec_geometry geometry;
    struct codec_rate rate;
    double fill;
};

extern const struct codec held_codec;

/* Nothing is held, fails or was called; the calling thread is the host's. */
void held_begin(void);

/* Calls of other threads than the host's wait, from now on, until they are let go. */
void held_hold(void);
void held_let_go(void);
/* Waits until a call waits. */
void held_await(void);

/* Whether open fails, for this reason. */
#define HELD_WHY "the codec has no room"
void held_fail(bool fails);

#define HELD_ORDER 63

struct held_calls {
    uint32_t opens, closes;     /* that began */
    uint32_t by_host;           /* of these, on the host's thread */
    uint32_t alive;             /* encoders that are open */
    char order[HELD_ORDER + 1]; /* the first calls, as they began: 'o' or 'c' each */
};
struct held_calls held_calls(void);
void held_await_closes(uint32_t closes);

#endif
