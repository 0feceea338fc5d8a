/* A codec made for tests: it compresses nothing, does what its switches say, and keeps a record of what it was asked.
 * Switches and record are the process's, or shared with the worker that encodes (apart.h): one session with it at a
 * time. Switches may be turned while it runs. */
#ifndef TESTS_TRIAL_CODEC_H
#define TESTS_TRIAL_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"

#define TRIAL_ID 900 /* no real codec's */
#define TRIAL_DELAY_MOST 3
/* Its level: what admit grants. An encoder announces four times its bitrate, and outgrows more. */
#define TRIAL_WIDTH_MOST 1000
#define TRIAL_KBPS_MOST 100000
#define TRIAL_HEADROOM 4

/* All switches off, nothing recorded, and the codec; it must outlive its session. A setting that is CODEC_REOPENS or
 * CODEC_REFUSED is taken all the same when reconfigure is called for it, so that the record shows the mistake. Callers
 * may set fields of it: it keeps no rate, opens at once, and is content with any quantiser. It forgets what it is told
 * to, reopens to and from speed 0, and yields as many slices as the config says. */
struct codec trial_codec(uint32_t delay, enum codec_change bitrate, enum codec_change framerate);
/* In another process: the codec that a session was opened with last, as this process has it. */
const struct codec *trial_offered(void);

/* ---- Switches --------------------------------------------------------------------------------------------------- */

enum trial_call {
    TRIAL_OPEN,
    TRIAL_CLOSE,
    TRIAL_RECONFIGURE,
    TRIAL_ENCODE,
    TRIAL_FLUSH,
    TRIAL_FORGET,
    TRIAL_SLICE, /* a slice that encode is about to hand out */
    TRIAL_CALLS
};

/* Of the calls from now on, `after` pass, the next `count` fail (all but TRIAL_CLOSE and TRIAL_RECONFIGURE; encode
 * fails when its slice does). TRIAL_FORGET fails by saying that nothing is left to refer to. */
void trial_fail(enum trial_call call, uint32_t after, uint32_t count);
/* Of the pictures from now on, `after` pass, the next `count` yield no access unit. */
void trial_drop(uint32_t after, uint32_t count);
/* How many pictures were dropped, and calls failed, so far. */
uint32_t trial_dropped(void);
uint32_t trial_failed(enum trial_call call);

enum trial_honesty {
    TRIAL_HONEST,
    TRIAL_LIES,       /* reconfigure says that it did, and did not */
    TRIAL_ALWAYS_LIES /* neither does open */
};
void trial_lie(enum trial_honesty honesty);

/* Bytes of key frames and of other access units, at least those of a struct trial_unit and at most TRIAL_UNIT_MOST. */
#define TRIAL_UNIT_MOST 16384
void trial_sizes(uint32_t key, uint32_t other);
/* The quantiser of pictures from now on, and their layer with its count (codec.h). */
void trial_qp(uint32_t qp);
void trial_layer(uint32_t layer, uint32_t tl0);

/* From now on, wider pictures than this are granted no higher bitrate than that. */
void trial_restrict(uint32_t width, uint32_t bitrate_kbps);

/* Encode waits before each picture until trial_let_go. A session whose codec is held does not close. */
void trial_hold(void);
/* Open waits, after it was recorded; encode waits before each slice but the first. */
void trial_hold_open(void);
void trial_hold_slices(void);
/* Reconfigure waits, after it was recorded. */
void trial_hold_reconfigure(void);
/* All of them. */
void trial_let_go(void);
/* Waits until one of them waits. */
void trial_await_held(void);
/* Lets one slice pass, and waits until encode waits before the next. */
void trial_step(void);

/* ---- Record ----------------------------------------------------------------------------------------------------- */

struct trial_record {
    uint32_t order;   /* among all calls, from 0 */
    uint32_t encoder; /* whose call it is; the one that was opened first is 1 */
    struct codec_geometry geometry;
    struct codec_rate rate; /* asked for, or run with */
    bool key;               /* of TRIAL_ENCODE, asked for */
    uint32_t checksum;      /* of TRIAL_ENCODE */
    int64_t pts;            /* of TRIAL_ENCODE and TRIAL_FORGET */
    double fill;            /* of TRIAL_OPEN */
};

/* Calls so far; failed ones count. */
uint32_t trial_count(enum trial_call call);
/* So many encoders have been closed, or the test fails. Apart, culvert_close does not wait for that, but this does. */
void trial_closed(uint32_t count);
/* The call of that kind and index, from 0; only the first thousand of each kind are kept. */
struct trial_record trial_recorded(enum trial_call call, uint32_t index);

/* An access unit, or a slice of it: what it says about its picture. */
struct trial_unit {
    uint32_t encoder, counter; /* of this encoder's access units, from 0 */
    uint32_t width, height;
    uint32_t key, checksum;
    uint32_t bytes; /* its own */
    uint32_t slice; /* that it is, from 0 */
};
struct trial_unit trial_parse(const uint8_t *data, size_t bytes);

/* The checksum of stream_pixels(width, height, seed) as the codec sees them. */
uint32_t trial_checksum(uint32_t width, uint32_t height, uint32_t seed);

#endif
