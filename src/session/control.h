/* Control calls: what a host wants from now on. They write it down; the encoder's thread obeys with the next frame. */
#ifndef SESSION_CONTROL_H
#define SESSION_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"

struct session;

/* Of fixed width, without padding, and complete: who knows the last one knows all that was asked for. */
struct wanted {
    struct codec_rate rate;
    uint32_t paused;  /* 0 or 1 */
    uint32_t number;  /* of the last control call */
    uint32_t keys;    /* key frames asked for by control calls */
    uint32_t resumes; /* pauses that ended: each brings a key frame */
    uint32_t losses;  /* reported */
    int64_t lost;     /* pts from which frames are lost; INT64_MAX: none that the encoder's thread does not know */
    int64_t asked_at; /* clock_now of the last of these */
};

/* Each returns a public result; *number is written on success, when not NULL. */
int control_bitrate(struct session *session, uint32_t bitrate_kbps, uint32_t *number);
int control_framerate(struct session *session, uint32_t num, uint32_t den, uint32_t *number);
int control_speed(struct session *session, int32_t speed, uint32_t *number);
int control_loss(struct session *session, int64_t pts, uint32_t *number);
int control_keyframe(struct session *session, uint32_t *number);
int control_pause(struct session *session, bool paused, uint32_t *number);

#endif
