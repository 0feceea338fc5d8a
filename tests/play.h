/* A session with the trial codec, played by hand: frame by frame, packet by packet. Each frame's number is its seed and
 * its place in time. */
#ifndef TESTS_PLAY_H
#define TESTS_PLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "culvert/culvert.h"
#include "stream.h"
#include "trial_codec.h"

#define WIDTH 64
#define HEIGHT 48
#define INTERVAL 16667 /* microseconds */
#define PATIENCE 20000 /* milliseconds that a test waits for what must come */
#define LENGTH(table) (int)(sizeof(table) / sizeof(table)[0])
#define PTS(number) ((int64_t)(number)*INTERVAL)

/* Short names for the flags that packets of whole access units are compared with. */
#define KEY (uint32_t) CULVERT_PACKET_KEY
#define INSERTED (uint32_t) CULVERT_PACKET_INSERTED
#define EPOCH (uint32_t) CULVERT_PACKET_EPOCH
#define RECOVERY (uint32_t) CULVERT_PACKET_RECOVERY
#define SCALED (uint32_t) CULVERT_PACKET_SCALED
#define REPEATED (uint32_t) CULVERT_PACKET_REPEATED
#define SLICES (uint32_t)(CULVERT_PACKET_FIRST_SLICE | CULVERT_PACKET_LAST_SLICE)

/* 16 slots and the policy BLOCK, so that every frame is seen; stills and floor as they are by default. */
struct culvert_config play_config(const struct codec *codec);
/* A session of as many slots, where nothing is inserted or dropped that was not asked for. */
culvert_session play_open(const struct codec *codec);

/* The frame of this number, at 64x48 or at another size; and the picture submitted before, once more. */
void play_submit(culvert_session session, uint32_t number, uint32_t flags);
void play_sized(culvert_session session, uint32_t number, uint32_t width, uint32_t height);
void play_same(culvert_session session, uint32_t number);

/* The next packet: of this frame, with these flags and both slice flags. What it says of its picture, if anything, is
 * in *unit, when that is not NULL. */
struct culvert_packet play_expect(culvert_session session, uint64_t frame, uint32_t flags);
struct culvert_packet play_unit(culvert_session session, uint64_t frame, uint32_t flags, struct trial_unit *unit);
/* Both: a frame and its packet. */
struct culvert_packet play_pass(culvert_session session, uint32_t number, uint32_t flags);
/* No packet comes in some frame intervals. */
void play_quiet(culvert_session session);

/* Waits until so many frames came to an outcome. */
void play_settled(culvert_session session, uint64_t count);
/* Waits until so many encoders are open. */
void play_open_encoders(culvert_session session, uint32_t count);
void play_sleep(long ms);

#endif
