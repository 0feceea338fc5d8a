#include "session/keys.h"

#include <libavutil/common.h>

/* Key frames on request may take half the bitrate: the other half is the game's. */
#define SHARE 2

void keys_note(struct keys *keys, int64_t now, uint64_t bits, uint32_t bitrate_kbps)
{
    const uint64_t pause = bits * SHARE * 1000 / bitrate_kbps;
    keys->next = now + (int64_t)FFMIN(pause, KEYS_PAUSE_MOST);
}
