/* The governor of key frames: they are many times as large as others, so requests that follow one too closely wait, and
 * are served together. */
#ifndef SESSION_KEYS_H
#define SESSION_KEYS_H

#include <stdint.h>

#define KEYS_PAUSE_MOST 950000 /* microseconds: within a second it has come, encoded */

struct keys {
    int64_t next; /* clock_now from which the next one may be asked for */
};

/* A key frame of this size went out. */
void keys_note(struct keys *keys, int64_t now, uint64_t bits, uint32_t bitrate_kbps);

#endif
