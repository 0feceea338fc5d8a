/* Control calls: what a host wants from now on. They write it down; the encoder's thread obeys with the next frame. */
#ifndef SESSION_CONTROL_H
#define SESSION_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"

struct session;

struct wanted {
    struct codec_rate rate;
    uint32_t number; /* of the last control call */
    uint32_t keys;   /* key frames asked for by control calls */
    int64_t key_at;  /* clock_now of the last of them */
    bool paused;
};

/* Each returns a public result; *number is written on success, when not NULL. */
int control_bitrate(struct session *session, uint32_t bitrate_kbps, uint32_t *number);
int control_framerate(struct session *session, uint32_t num, uint32_t den, uint32_t *number);
int control_keyframe(struct session *session, uint32_t *number);
int control_pause(struct session *session, bool paused, uint32_t *number);

#endif
