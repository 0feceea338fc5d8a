/* What tests of whole sessions share: configurations, synthetic frames, and codecs made for a test. */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"
#include "culvert/culvert.h"

/* The defaults at 60 frames per second, with this codec and policy; but nothing is inserted that was not asked for, and
 * nothing dropped, on however slow a machine. The endpoint is that of the whole run (apart.h). */
struct culvert_config stream_config(uint32_t codec, uint32_t policy);

/* Opens it, and fails the test when that fails. */
culvert_session stream_open(const struct culvert_config *config);
/* The same with a codec that is in no table; apart, that is the trial codec, with the traits of this one. */
culvert_session stream_open_with(const struct codec *codec, const struct culvert_config *config);

/* A tight BGRA frame: a picture that `seed` decides, moving with it. The pixels belong to the caller (free). */
struct culvert_frame stream_frame(uint32_t width, uint32_t height, int64_t pts);
uint8_t *stream_pixels(uint32_t width, uint32_t height, uint32_t seed);

/* Submits such a frame. */
int stream_submit(culvert_session session, uint32_t width, uint32_t height, int64_t pts, uint32_t seed, uint32_t flags);

/* Receives into the one buffer that there is: one thread at a time. */
struct stream_unit {
    int result;
    struct culvert_packet packet;
    size_t bytes;
    uint8_t *data; /* until the next call */
};
struct stream_unit stream_receive(culvert_session session, uint32_t timeout_ms);

/* Whether the session's descriptor is not readable. Apart, it may be readable for nothing, until a call has found that
 * it is nothing: the next packet has not come. */
bool stream_is_quiet(culvert_session session, int fd);

/* A snapshot whose identity was checked: fails the test when it does not hold. */
struct culvert_stats stream_stats(culvert_session session);

#endif
