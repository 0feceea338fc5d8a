/* culvert: low-latency video encoding behind a plain C ABI.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Raw frames go in, access units come out, for as long as a game runs and however often it changes its size:
 *
 *     struct culvert_config config;
 *     culvert_config_defaults(&config, sizeof config);
 *     config.fps_num = 60;
 *     config.fps_den = 1;
 *
 *     culvert_session session;
 *     char why[256];
 *     if (culvert_open(&config, &session, why, sizeof why) < 0)
 *         return complain(why);
 *
 *     struct culvert_frame frame = {.size = sizeof frame, .format = CULVERT_FORMAT_BGRA};
 *     struct culvert_packet packet = {.size = sizeof packet};
 *     size_t bytes;
 *     while (game_runs(&frame)) {
 *         culvert_submit(session, &frame, pixels, pixels_size);
 *         while (culvert_receive(session, buffer, sizeof buffer, &bytes, &packet, 0) == 0)
 *             send(buffer, bytes);
 *     }
 *     culvert_finish(session);
 *     while (culvert_receive(session, buffer, sizeof buffer, &bytes, &packet, 1000) == 0)
 *         send(buffer, bytes);
 *     culvert_close(session);
 *
 * examples/encode.c is this loop as a whole program.
 *
 * Ownership. Host memory is touched only inside the call that was given it; no pointer to it is kept. Memory of
 * culvert's own is lent by culvert_lease and culvert_peek, given back by culvert_commit, culvert_abandon and
 * culvert_release, and outlives its session until then.
 *
 * Structs. Each begins with `size`, which the caller sets to sizeof the struct that it was compiled with. A smaller
 * input struct is extended with zeroes; of a larger one, the unknown tail must be zero. Output structs are written up
 * to the smaller size. Sizes are multiples of 8, from 8 to 4096. 0 in any input field means its default. Unknown flags
 * and non-zero reserved fields are refused.
 * No struct holds a pointer or implicit padding, and its layout is the same on every ABI.
 *
 * Results. 0 and positive values (enum culvert_result) are success, negative ones (enum culvert_error) are errors. On
 * an error all outputs are untouched, but for what a call's description names, and the session is as it was.
 *
 * Thread-safety. Every function may be called from any thread at any time, and any number of threads may close one
 * session. Per session, one thread at a time submits (culvert_submit, culvert_commit) and one at a time receives
 * (culvert_receive, culvert_peek); culvert_encode does both until it returns. A second one is told CULVERT_E_BUSY, and
 * nothing is corrupted. CULVERT_E_BUSY also meets the 2048th call inside one session, and whoever uses a loan that
 * another thread is just giving back. After fork, every handle is invalid in the child; using or closing one there is
 * harmless.
 */
#ifndef CULVERT_CULVERT_H
#define CULVERT_CULVERT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The build reads the version from these three lines. The SONAME is CULVERT_ABI_VERSION: it rises when a program that
 * was compiled against an older header could misbehave, and only then. */
#define CULVERT_VERSION_MAJOR 0
#define CULVERT_VERSION_MINOR 3
#define CULVERT_VERSION_PATCH 0
#define CULVERT_ABI_VERSION 0

#if defined(__GNUC__)
#define CULVERT_API __attribute__((visibility("default")))
#else
#define CULVERT_API
#endif

/* ---- Handles ---------------------------------------------------------------------------------------------------- */

/* A session is a number, never 0. After its close the number stays invalid (CULVERT_E_HANDLE). */
typedef uint32_t culvert_session;

/* Memory that is lent to the host, by culvert_lease or culvert_peek; never 0. */
typedef uint32_t culvert_loan;

/* ---- Results ---------------------------------------------------------------------------------------------------- */

/* Numbers never change; new errors are appended. */
#define CULVERT_ERRORS(X)                                                                  \
    X(ARGUMENT, -1, "an argument is invalid")                                              \
    X(HANDLE, -2, "no such session or loan: it was closed, given back, or never existed")  \
    X(BUSY, -3, "another thread is inside the same kind of call")                          \
    X(AGAIN, -4, "not now: nothing is ready, or there is no room")                         \
    X(TIMEOUT, -5, "the deadline passed")                                                  \
    X(BUFFER, -6, "the buffer is too small")                                               \
    X(SIZE, -7, "the frame is smaller than 2x2 or larger than the session's largest size") \
    X(LEVEL, -8, "size, rate or bitrate exceed the session's highest level")               \
    X(RANGE, -9, "a value is out of its range")                                            \
    X(PTS, -10, "the pts does not rise")                                                   \
    X(OPTION, -11, "a codec option is unknown, not allowed, or has a bad value")           \
    X(UNSUPPORTED, -12, "this build or this codec cannot do that")                         \
    X(FINISHED, -13, "the session was finished: it takes no more frames or changes")       \
    X(MEMORY, -14, "out of memory")                                                        \
    X(LIMIT, -15, "too many at once: close or give back some first")                       \
    X(CODEC, -16, "the codec failed")                                                      \
    X(SYSTEM, -17, "the operating system refused a thread or a descriptor")                \
    X(CRASHED, -18, "the session's encoder process died too often")                        \
    X(GONE, -19, "no culvertd answers at the endpoint, or it has ended")                   \
    X(DENIED, -20, "culvertd does not serve this user")

/* CULVERT_E_ARGUMENT and so on, one for each line above; culvert_strerror gives the text. */
enum culvert_error {
#define CULVERT_ERROR_ENUM(name, number, text) CULVERT_E_##name = number,
    CULVERT_ERRORS(CULVERT_ERROR_ENUM)
#undef CULVERT_ERROR_ENUM
};

/* What calls return beside errors. */
enum culvert_result {
    CULVERT_OK = 0,       /* done */
    CULVERT_REOPENS = 1,  /* the change will take effect with a new epoch, which starts with a key frame */
    CULVERT_EOS = 2,      /* after culvert_finish: every packet was received */
    CULVERT_REPEATED = 3, /* the frame equals the last one encoded and yields no packet */
    CULVERT_SKIPPED = 4,  /* a newer frame took the frame's place, or the session is paused */
    CULVERT_DROPPED = 5,  /* the codec's rate control left the frame out */
    CULVERT_EARLIER = 6   /* culvert_encode: the packet handed out belongs to an earlier frame */
};

/* ---- Constants -------------------------------------------------------------------------------------------------- */

/* What a session encodes to; a build need not have all of them (culvert_has_codec). */
enum culvert_codec {
    CULVERT_CODEC_DEFAULT = 0, /* H.264 */
    CULVERT_CODEC_H264 = 1,    /* x264 */
    CULVERT_CODEC_VP8 = 2,     /* libvpx */
    CULVERT_CODEC_VP9 = 3,     /* libvpx, profile 0 */
    CULVERT_CODEC_NULL = 4     /* no compression; for tests and measurements of everything else. See culvert_config */
};

/* The H.264 profile that a session keeps to. */
enum culvert_profile {
    CULVERT_PROFILE_DEFAULT = 0,  /* constrained baseline */
    CULVERT_PROFILE_BASELINE = 1, /* the same */
    CULVERT_PROFILE_MAIN = 2,     /* allows CABAC and weighted prediction */
    CULVERT_PROFILE_HIGH = 3      /* allows 8x8 transforms too */
};

/* What happens to a frame that is submitted while the encoder is busy. */
enum culvert_policy {
    CULVERT_POLICY_LATEST = 0, /* it takes the place of the one that waits, if any: the newest frame wins */
    CULVERT_POLICY_BLOCK = 1,  /* it is queued; when the queue is full, submit waits */
    CULVERT_POLICY_REJECT = 2  /* it is queued; when the queue is full, submit returns CULVERT_E_AGAIN */
};

/* What a frame of another geometry (coded size, aspect, colour) brings about. An encoder of that geometry that is open
 * still, from an epoch not long ago, begins the new epoch at once, whatever the policy. */
enum culvert_resize {
    CULVERT_RESIZE_BESIDE = 0,  /* H.264 opens its encoder at once (1.5 ms). VP8's and VP9's is opened beside the
                                   stream: until it is ready, frames are scaled to the present epoch's size */
    CULVERT_RESIZE_AT_ONCE = 1, /* the encoder is opened before the frame is encoded: VP8 and VP9 make the stream wait
                                   for a frame interval and more */
    CULVERT_RESIZE_CANVAS = 2   /* never a new epoch: every frame is scaled into one size, its display aspect kept,
                                   with black beside it where the aspects differ. Square pixels, and the first
                                   frame's colour, which the others should share */
};

/* How frames are scaled to a size that is not their own. culvert_config.scale is nearest neighbour always. */
enum culvert_filter {
    CULVERT_FILTER_BILINEAR = 0, /* smooth */
    CULVERT_FILTER_NEAREST = 1   /* pixels stay sharp, and of uneven size unless the ratio is whole */
};

/* What happens when even the coarsest quantiser needs more bits than the bitrate has. */
enum culvert_floor {
    CULVERT_FLOOR_DROP = 0,     /* frames are dropped (culvert_stats.dropped), as many as it takes */
    CULVERT_FLOOR_OVERSHOOT = 1 /* they are encoded all the same, and counted (culvert_stats.overshot) */
};

/* Pixel formats. The names of packed ones give the order of bytes in memory, but for libretro's three, which are
 * native-endian words as in libretro.h; their X bits, and an A byte, are ignored. */
enum culvert_format {
    CULVERT_FORMAT_I420 = 1,     /* 4:2:0, planes Y, U, V; chroma planes are (width+1)/2 x (height+1)/2 */
    CULVERT_FORMAT_NV12 = 2,     /* 4:2:0, planes Y and interleaved UV */
    CULVERT_FORMAT_BGRA = 3,     /* 4 bytes a pixel */
    CULVERT_FORMAT_RGBA = 4,     /* 4 bytes a pixel */
    CULVERT_FORMAT_XRGB8888 = 5, /* a 32-bit word a pixel */
    CULVERT_FORMAT_RGB565 = 6,   /* a 16-bit word a pixel */
    CULVERT_FORMAT_0RGB1555 = 7  /* a 16-bit word a pixel */
};

/* What a YUV frame's samples mean. RGB frames become BT.601, limited range, and ignore both. */
enum culvert_matrix {
    CULVERT_MATRIX_BT601 = 0, /* H.273 MatrixCoefficients 6 */
    CULVERT_MATRIX_BT709 = 1  /* H.273 MatrixCoefficients 1 */
};
enum culvert_range {
    CULVERT_RANGE_LIMITED = 0, /* luma 16 to 235 */
    CULVERT_RANGE_FULL = 1     /* luma 0 to 255 */
};

/* How a frame is mirrored; both may be given. */
enum culvert_flip {
    CULVERT_FLIP_HORIZONTAL = 1, /* left becomes right */
    CULVERT_FLIP_VERTICAL = 2    /* top becomes bottom */
};

/* What a host says of a frame; all may be given. */
enum culvert_frame_flag {
    CULVERT_FRAME_KEY = 1, /* encode this frame, or the one that takes its place, as a key frame, however short ago the
                              last one was */
    CULVERT_FRAME_SAME = 2 /* the picture of the frame submitted before; data is not read and may be NULL */
};

/* What a packet is. */
enum culvert_packet_flag {
    CULVERT_PACKET_KEY = 1,         /* decoding can begin here: a key frame, of H.264 an IDR with its parameter sets */
    CULVERT_PACKET_INSERTED = 2,    /* encoded from the last frame: something fell due (a key frame that was asked for,
                                       a recovery, a new epoch, a refinement or refresh of a still picture), and no
                                       frame came */
    CULVERT_PACKET_EPOCH = 4,       /* the first of a new epoch: coded size, aspect or colour may differ from before;
                                       the visible size may differ, by one pixel, within an epoch too */
    CULVERT_PACKET_FIRST_SLICE = 8, /* begins its access unit */
    CULVERT_PACKET_LAST_SLICE = 16, /* ends its access unit */
    CULVERT_PACKET_SYNC = 32,       /* a receiver of the layers below may begin with this layer here */
    CULVERT_PACKET_RECOVERY = 64,   /* the first after culvert_report_loss: what it refers to did arrive */
    CULVERT_PACKET_SCALED = 128,    /* scaled into the present epoch, while an encoder of its own geometry opens */
    CULVERT_PACKET_REPEATED = 256   /* of no bytes: the frame equals the last one encoded (CULVERT_CONFIG_REPEATS) */
};

/* What a session does beside its settings. */
enum culvert_config_flag {
    CULVERT_CONFIG_REPEATS = 1,       /* a repeated frame yields a packet of no bytes */
    CULVERT_CONFIG_COARSE_STILLS = 2, /* still pictures are not refined */
    CULVERT_CONFIG_RECONNECT = 4      /* with an endpoint: when culvertd ends, the session waits for the next one there,
                                         instead of CULVERT_E_GONE, and goes on with a key frame */
};

/* How grave a line of the log is. */
enum culvert_log_severity {
    CULVERT_LOG_NONE = 0,    /* for culvert_log_level: keep no line */
    CULVERT_LOG_ERROR = 1,   /* a session lost something */
    CULVERT_LOG_WARNING = 2, /* the codec complains, or did not take a change */
    CULVERT_LOG_INFO = 3,    /* the default: opens, closes, epochs */
    CULVERT_LOG_DEBUG = 4    /* and what the codec says */
};

#define CULVERT_SPEED_SLOWEST (-1)      /* in culvert_config.speed, where 0 is the default */
#define CULVERT_PTS_NOW INT64_MIN       /* in culvert_frame.pts: the present CLOCK_MONOTONIC in microseconds */
#define CULVERT_NEVER UINT32_MAX        /* in culvert_config.refresh_ms */
#define CULVERT_WAIT_FOREVER UINT32_MAX /* of culvert_receive and culvert_peek: until a packet, the end, or a close */

/* ---- Structs ---------------------------------------------------------------------------------------------------- */

/* Each struct has one column of comments, which its longest fields step over. */
/* clang-format off */

/* A session's settings. All are optional but the frame rate. culvert_config_defaults fills in every default, so that a
 * host can show them; all zeroes mean the same.
 *
 * Codec options are the codec's own names: "me=hex:subme=2". For H.264, those of the x264 command that shape its
 * search and quantisation, for VP8 and VP9 those of the vpxenc command; docs/options.md lists them. None touches files,
 * and none is owned by a field here. The null codec knows pixels=1: each access unit is a 32-byte header and the I420
 * picture as it was coded; else the header alone. */
struct culvert_config {
    uint32_t size;
    uint32_t codec;             /* enum culvert_codec */
    uint32_t fps_num, fps_den;  /* frames per second, a fraction; required; 1 to 1000, each number to 10^9. Rate control
                                   rests on it: declare what the game runs at (a NES: 39375000/655171) */
    uint32_t bitrate_kbps;      /* kilobits (1000) per second, 1 to 500000; 0: 4000 */
    uint32_t burst_ms;          /* VBV: the buffer holds this much of the bitrate, and never less than a frame's share.
                                   Rate control needs some frames in it: below 60 a second H.264 gives it as many as
                                   it would hold at 60, to four and to a second, VP8 and VP9 two at any rate.
                                   1 to 4000; 0: 70 */
    int32_t speed;              /* 1 to 10 (fastest), or CULVERT_SPEED_SLOWEST for speed 0; 0: 8 */
    uint32_t threads;           /* of the codec, 1 to 8; 0: one up to 640x480 (VP8: 1280x720), else one per processor,
                                   to 4 */
    uint32_t slices;            /* of H.264, in a frame, 1 to 8, each a packet of its own, handed out as soon as it and
                                   those before it are done; small pictures have fewer. More slices than threads use one
                                   thread each; more threads than slices are not used. 0: as many as threads, to 4, in
                                   one packet. VP8 and VP9 have none: 0 or 1 */
    uint32_t keyint;            /* frame intervals from key frame to key frame, counted in pts, to 10^6; 0: key frames
                                   on request and at each epoch only */
    uint32_t profile;           /* enum culvert_profile, of H.264 alone; held in every epoch */
    uint32_t level;             /* highest H.264 level, times ten (31 is 3.1; 9 is 1b): each epoch announces the lowest
                                   that it needs, and what needs more is refused (CULVERT_E_LEVEL); 0: no limit */
    uint32_t max_width, max_height; /* largest visible size, after rotation and scale, either way up; 2 to 16384; both
                                   or none; 0: 1920x1088. Memory for it is reserved at open, used as frames need it */
    uint32_t scale;             /* 1 to 8: each pixel becomes scale x scale of them, in the source's own colours;
                                   0: 1 */
    uint32_t policy;            /* enum culvert_policy */
    uint32_t slots;             /* frames that BLOCK and REJECT hold, the one being encoded included; a power of two
                                   from 2 to 64; 0: 4. LATEST has 3 and takes 0 alone */
    uint32_t flags;             /* enum culvert_config_flag */
    char name[32];              /* for logs and statistics; NUL-terminated UTF-8; "": "session" */
    char endpoint[112];         /* "": encode in this process. "unix:PATH": in a process of its own, which the culvertd
                                   that listens at PATH starts, and starts anew when it dies; see "Through culvertd" */
    char options[512];          /* "name=value:name=value", see above; NUL-terminated */
    uint32_t resize;            /* enum culvert_resize */
    uint32_t filter;            /* enum culvert_filter */
    uint32_t warm;              /* encoders that stay open, the present one included: those of the last sizes; 1 to 8;
                                   0: 3. Each takes the codec's memory for its size */
    uint32_t canvas_width, canvas_height; /* of CULVERT_RESIZE_CANVAS, and 0 with others; even, 2 to 16384, within the
                                   largest size; both or none; 0: the size of the first frame */
    uint32_t floor;             /* enum culvert_floor */
    uint32_t references;        /* frames that may be referred to after culvert_report_loss, 2 to 16. H.264 keeps as
                                   many (which may raise the level); VP8 and VP9 keep three, the oldest up to that
                                   old: losses of half as many always leave one, longer ones less and less often.
                                   0: none, and a loss is answered by a key frame */
    uint32_t layers;            /* temporal layers of VP8 and VP9, 1 to 3; 0: 1 */
    uint32_t refresh_ms;        /* a picture that has not changed for so long is encoded all the same, again and again;
                                   20 to 3600000, or CULVERT_NEVER; 0: 1000 */
    uint32_t reserved;          /* 0 */
};

/* A frame. Its pixels travel beside it as (data, size) and need only reach the end of the last row.
 *
 * Order of operations: rotate, flip, scale. width and height are those before all three. Odd sizes are padded to even
 * ones by repeating the edge; the packet says which part is visible. */
struct culvert_frame {
    uint32_t size;
    uint32_t format;        /* enum culvert_format */
    uint32_t width, height; /* pixels, 2 to 16384 */
    uint32_t offset[3];     /* bytes from data to each plane; 0 for the second and third: right behind the one before */
    uint32_t stride[3];     /* bytes from row to row of each plane, not less than a row; 0: tight, chroma planes at the
                               tight width */
    int64_t pts;            /* microseconds, of any clock, 0 or more, above the last one; or CULVERT_PTS_NOW */
    uint32_t rotation;      /* degrees counter-clockwise: 0, 90, 180, 270 */
    uint32_t flip;          /* enum culvert_flip, after the rotation */
    uint32_t aspect_num, aspect_den; /* display aspect of the picture as shown, 4/3 say, each to 65535; 0/0: square
                               pixels */
    uint32_t matrix;        /* enum culvert_matrix, for I420 and NV12 */
    uint32_t range;         /* enum culvert_range, for I420 and NV12 */
    uint32_t flags;         /* enum culvert_frame_flag */
    uint32_t reserved;      /* 0 */
};

/* A packet: a whole access unit (Annex B for H.264, a frame for VP8, a superframe for VP9), or, with
 * culvert_config.slices, one slice of it. */
struct culvert_packet {
    uint32_t size;
    uint32_t flags;         /* enum culvert_packet_flag */
    int64_t pts;            /* of its frame, unchanged. An inserted one has the last frame's plus 12 (microseconds: a
                               tick of a 90 kHz clock) for each since; from half a frame interval on, plus 1. So it
                               stays below the next frame's, at the declared rate */
    int64_t duration;       /* microseconds since the packet before it; the first: one frame interval. Of slices, all
                               but the first have 0 */
    uint64_t frame;         /* number of its frame: the first that was submitted is 1 */
    uint32_t epoch;         /* the first is 1 */
    uint32_t control;       /* number of the last control call that it obeys; 0: none yet. See Control */
    uint32_t width, height; /* visible pixels: the top left part of the coded ones */
    uint32_t coded_width, coded_height; /* pixels that a decoder yields: even, the visible ones and padding */
    uint32_t aspect_num, aspect_den; /* display aspect of the visible part, never 0/0 */
    uint32_t matrix, range; /* enum culvert_matrix, enum culvert_range */
    uint32_t primaries, transfer; /* H.273 ColourPrimaries and TransferCharacteristics; 2: not declared */
    uint32_t layer;         /* temporal layer, from 0 */
    uint32_t qp;            /* average quantiser, in the codec's own scale (H.264: 0 to 51; VP8: 0 to 127; VP9: 0 to
                               255); of a slice that is not the last, 0 */
    uint32_t wait_us;       /* from the end of submit's conversion to the encoder */
    uint32_t convert_us;    /* inside submit or commit */
    uint32_t encode_us;     /* inside the codec, the opening of an epoch included; all three also on an inserted packet,
                               whose wait counts from when it fell due, with convert_us 0. Slices have encode_us on
                               the last one alone, 0 before it */
    uint32_t tl0;           /* of VP8 and VP9: frames of layer 0 so far, this one included, the low 8 bits, as TL0PICIDX
                               has it; else 0 */
    uint32_t references;    /* frames that it refers to, to 3; 0 for a key frame, for a slice that is not the last, and
                               where the codec chooses unseen: VP8 and VP9 with neither references nor layers */
    uint32_t reserved;
    int64_t reference[3];   /* the pts of their packets; unused ones INT64_MIN */
};

/* Durations in microseconds, of all packets since the session's opening. Percentiles are within 3 %, max is exact. */
struct culvert_latency {
    uint32_t p50, p95, p99, max; /* that half, 95 and 99 of 100, and all of them keep */
};

/* A snapshot. Of frames, always:
 *     settled = encoded + skipped + repeated + dropped + lost + failed     and     0 <= submitted - settled <= slots
 * and after culvert_finish and CULVERT_EOS, submitted = settled. */
struct culvert_stats {
    uint32_t size;
    uint32_t slots;         /* of the queue, and pictures that the codec may hold back (none of these does) */
    uint64_t submitted;     /* frames accepted */
    uint64_t settled;       /* frames whose outcome is known */
    uint64_t encoded;       /* came as packets */
    uint64_t skipped;       /* a newer one took their place, or the session was paused */
    uint64_t repeated;      /* equal to the last one encoded */
    uint64_t dropped;       /* the bitrate had no room for them (CULVERT_FLOOR_DROP) */
    uint64_t lost;          /* their encoder process died while it had them; they are not sent to the next one */
    uint64_t failed;        /* the codec refused them: culvert_error_text says why */
    uint64_t inserted;      /* access units encoded without a new frame; not among encoded */
    uint64_t packets;       /* handed to the queue of packets: of encoded and inserted frames one each, or one for each
                               slice; and those of no bytes */
    uint64_t bytes;         /* of these packets */
    uint64_t keyframes;     /* among encoded and inserted ones */
    uint64_t epochs;        /* begun */
    uint64_t reopened;      /* epochs begun because the codec did not do what it had said, counted in epochs too */
    uint64_t restarts;      /* encoder processes that took the place of one that had died */
    uint32_t control;       /* number of the last control call that a packet obeyed */
    uint32_t queued_packets; /* waiting to be received */
    uint32_t bitrate_kbps;  /* wanted at present */
    uint32_t fps_num, fps_den; /* wanted at present */
    uint32_t paused;        /* 0 or 1 */
    struct culvert_latency wait, convert, encode; /* as in culvert_packet's wait_us, convert_us, encode_us */
    struct culvert_latency total; /* from the call of submit to the (last) packet's arrival in the queue of packets */
    uint64_t overshot;      /* frames encoded though the bitrate had no room for them (CULVERT_FLOOR_OVERSHOOT; with
                               CULVERT_FLOOR_DROP key frames and recoveries alone) */
    uint64_t scaled;        /* frames encoded at another size than their own, while an encoder of theirs opened */
    uint64_t refined;       /* times that a still picture was encoded again because it was coarse */
    uint64_t refreshed;     /* ... because refresh_ms had passed */
    uint64_t key_requests;  /* calls of culvert_request_keyframe */
    uint64_t losses;        /* calls of culvert_report_loss */
    uint64_t recovered;     /* recoveries without a key frame; several losses may share one */
    uint32_t sent_kbps;     /* of the packets of the last second, by their pts */
    uint32_t open_encoders; /* warm ones and the present one */
};

/* A session of a daemon's, as culvert_list shows it. */
struct culvert_listing {
    uint32_t size;
    uint32_t id;            /* of this daemon's sessions: 1, 2, ...; never used again */
    uint32_t codec;         /* enum culvert_codec */
    uint32_t pid;           /* of the encoder process; 0: none at this moment */
    uint32_t user;          /* the id of the user whose process opened it */
    uint32_t width, height; /* visible, of the last packet; 0: there was none */
    uint32_t age_s;         /* since it was opened */
    char name[32];          /* culvert_config.name */
    struct culvert_stats stats; /* at most half a second old */
};

/* clang-format on */

/* ---- Library ---------------------------------------------------------------------------------------------------- */

/* "0.3.0"; static. */
CULVERT_API const char *culvert_version(void);

/* CULVERT_ABI_VERSION of the library, to be compared with the header's by a host that loads it at run time. */
CULVERT_API uint32_t culvert_abi_version(void);

/* The message of an error or result, "unknown error" for other numbers; static, in English, without a full stop. */
CULVERT_API const char *culvert_strerror(int error);

/* The name of an error or result as it stands in this header, "CULVERT_E_HANDLE" say; static; "" for other numbers. */
CULVERT_API const char *culvert_error_name(int error);

/* Whether this build has a codec (enum culvert_codec): 1 or 0. */
CULVERT_API int culvert_has_codec(uint32_t codec);

/* Copies one line about the codec's library ("x264 core 164 ...") as text. text must hold size bytes. Errors:
 * CULVERT_E_UNSUPPORTED, CULVERT_E_ARGUMENT (text is NULL), CULVERT_E_BUFFER (size is too small). */
CULVERT_API int culvert_codec_version(uint32_t codec, char *text, size_t size);

/* Lines of this severity and graver ones (enum culvert_log_severity) are kept for culvert_log_read. Process-wide.
 * Errors: CULVERT_E_RANGE. */
CULVERT_API int culvert_log_level(uint32_t severity);

/* Copies the oldest line of the log that was not read yet out, NUL-terminated, and forgets it. The log keeps the last
 * 256 lines of at most 255 bytes; when some were lost, the next line says how many. Never blocks for long, so a host
 * can call it from any loop. Errors: CULVERT_E_AGAIN (no line), CULVERT_E_BUFFER (the line stays),
 * CULVERT_E_ARGUMENT. */
CULVERT_API int culvert_log_read(char *text, size_t size);

/* ---- Sessions --------------------------------------------------------------------------------------------------- */

/* Fills config with the defaults, up to size bytes, and sets config->size = size. The frame rate stays 0/0: it has
 * none. Errors: CULVERT_E_ARGUMENT (NULL, size below 16, above 4096 or not a multiple of 8). */
CULVERT_API int culvert_config_defaults(struct culvert_config *config, size_t size);

/* Opens a session and its encoder thread. All memory is reserved here; a steady stream allocates nothing afterwards.
 * The first epoch's encoder opens with the first frame.
 * text, when not NULL, receives one line that says what is wrong with which field, cut to text_size; on success "".
 * On failure nothing is held, and *session is untouched. Errors: CULVERT_E_ARGUMENT (NULL, struct size, unknown flags,
 * unterminated text, unknown enum), CULVERT_E_RANGE, CULVERT_E_OPTION, CULVERT_E_UNSUPPORTED (codec, endpoint),
 * CULVERT_E_LEVEL (not even a 2x2 frame fits the level at this rate and bitrate), CULVERT_E_LIMIT (4096 sessions),
 * CULVERT_E_MEMORY, CULVERT_E_SYSTEM. */
CULVERT_API int culvert_open(const struct culvert_config *config, culvert_session *session, char *text,
                             size_t text_size);

/* Closes a session: wakes every call that blocks in it (they return CULVERT_E_HANDLE), waits until all calls have left
 * and the encoder thread has ended, then frees everything but what is lent. Frames and packets still queued are lost.
 * Of several threads that close at once, one gets 0. May wait for the encode of one frame, or for an encoder that is
 * being opened. Errors: CULVERT_E_HANDLE. */
CULVERT_API int culvert_close(culvert_session session);

/* No more frames: what is queued will be encoded, then culvert_receive returns CULVERT_EOS. Does not wait. A second
 * call changes nothing. Errors: CULVERT_E_HANDLE. */
CULVERT_API int culvert_finish(culvert_session session);

/* ---- Frames ----------------------------------------------------------------------------------------------------- */

/* Submits a frame: converts its pixels out of data (size bytes) during the call, and queues it. With LATEST it never
 * waits; with BLOCK it waits for room, but returns CULVERT_E_AGAIN when the host must receive packets first; with
 * REJECT a full queue is CULVERT_E_AGAIN. While paused, the frame is taken (the resumed stream starts with the newest)
 * and counted as skipped. Errors: CULVERT_E_HANDLE, CULVERT_E_ARGUMENT (NULL, struct size, unknown format, flag or
 * enum, reserved field, an offset or stride that does not fit data, CULVERT_FRAME_SAME without a frame before),
 * CULVERT_E_SIZE, CULVERT_E_LEVEL, CULVERT_E_PTS, CULVERT_E_AGAIN, CULVERT_E_BUSY, CULVERT_E_FINISHED. */
CULVERT_API int culvert_submit(culvert_session session, const struct culvert_frame *frame, const void *data,
                               size_t size);

/* Lends staging memory for a frame of this format and size: *data, tight, *size bytes, aligned to 64, readable, content
 * undefined. At most 4 at a time. It stays valid until culvert_commit succeeds or culvert_abandon, also across the
 * session's close. Errors: CULVERT_E_HANDLE, CULVERT_E_ARGUMENT, CULVERT_E_SIZE, CULVERT_E_LIMIT,
 * CULVERT_E_FINISHED. */
CULVERT_API int culvert_lease(culvert_session session, uint32_t format, uint32_t width, uint32_t height,
                              culvert_loan *loan, void **data, size_t *size);

/* Submits the leased memory as a frame, as culvert_submit does, on the caller's thread, and gives it back: on success
 * neither reading nor writing it is allowed any more. frame's format and size must be those of the lease. On
 * CULVERT_E_HANDLE (session closed, or no such lease) it is given back too; on every other error of culvert_submit the
 * host keeps it and may commit again. */
CULVERT_API int culvert_commit(culvert_loan loan, const struct culvert_frame *frame);

/* Gives a lease back; no frame is submitted. Errors: CULVERT_E_HANDLE (its session was closed, and the memory is given
 * back all the same; or no such lease), CULVERT_E_BUSY (another thread is committing it). */
CULVERT_API int culvert_abandon(culvert_loan loan);

/* Submits a frame and waits up to timeout_ms (1 to 60000) for its outcome, for hosts that want one call for each frame.
 *   0                  packet and *bytes bytes of buffer are the frame's own; with culvert_config.slices they are its
 *                      first slice: go on with culvert_receive until the last
 *   CULVERT_REPEATED, CULVERT_SKIPPED, CULVERT_DROPPED   it yields no packet; the outputs are untouched
 *   CULVERT_EARLIER    an earlier packet was waiting (an inserted one, say) and was handed out; the frame was taken:
 *                      go on with culvert_receive
 *   CULVERT_E_TIMEOUT  the frame was taken, its outcome is not known yet: go on with culvert_receive
 *   CULVERT_E_BUFFER   the frame was taken; *bytes says what the packet needs that waits, its own or an earlier one: go
 *                      on with culvert_receive
 *   CULVERT_E_CODEC    the frame was taken, and failed: culvert_error_text says why
 * Other errors are those of culvert_submit and culvert_receive (CULVERT_E_RANGE for the timeout, CULVERT_E_AGAIN when
 * the queue had no room in that time); the frame was not taken, but when the session was closed meanwhile
 * (CULVERT_E_HANDLE). */
CULVERT_API int culvert_encode(culvert_session session, const struct culvert_frame *frame, const void *data,
                               size_t size, void *buffer, size_t capacity, size_t *bytes, struct culvert_packet *packet,
                               uint32_t timeout_ms);

/* ---- Packets ---------------------------------------------------------------------------------------------------- */

/* Copies the oldest packet out into buffer (capacity bytes; NULL with 0 asks for the size), its length into *bytes, its
 * description into packet (may be NULL). Waits up to timeout_ms (0: not at all; or CULVERT_WAIT_FOREVER).
 * Returns CULVERT_EOS when the session was finished and all was received. Errors: CULVERT_E_HANDLE (also when closed
 * while waiting), CULVERT_E_AGAIN (no packet in that time), CULVERT_E_BUFFER (*bytes says how many it needs; the packet
 * stays), CULVERT_E_CODEC (frames have failed since the last call: said once, then the stream goes on),
 * CULVERT_E_ARGUMENT, CULVERT_E_BUSY. */
CULVERT_API int culvert_receive(culvert_session session, void *buffer, size_t capacity, size_t *bytes,
                                struct culvert_packet *packet, uint32_t timeout_ms);

/* As culvert_receive, but lends the packet in place: *data, *bytes, until culvert_release, also across the session's
 * close. Several may be lent at once, and be released in any order; but room is freed in order, so one that is never
 * released stops the stream 256 packets later. Numbers of loans come again after two thousand million others. Errors:
 * as culvert_receive, CULVERT_E_LIMIT (4096 loans in the process). */
CULVERT_API int culvert_peek(culvert_session session, culvert_loan *loan, const void **data, size_t *bytes,
                             struct culvert_packet *packet, uint32_t timeout_ms);

/* Gives a peeked packet back. Errors: CULVERT_E_HANDLE (its session was closed, and the memory is given back all the
 * same; or no such loan). */
CULVERT_API int culvert_release(culvert_loan loan);

/* Gives a new close-on-exec descriptor that the host owns and closes; for poll alone, nothing may be read or written.
 * It is never unreadable while a packet, the end of the stream or a failure waits, and always readable after the
 * session's close; it may be readable for nothing. Errors: CULVERT_E_HANDLE, CULVERT_E_ARGUMENT, CULVERT_E_SYSTEM. */
CULVERT_API int culvert_fd(culvert_session session, int *fd);

/* ---- Control ---------------------------------------------------------------------------------------------------- */

/* Control calls return at once: 0 when the change takes effect live, CULVERT_REOPENS when with a new epoch, or an
 * error, and then nothing changes. control, when not NULL, receives the call's number (1, 2, ...); packets and
 * statistics carry the number of the last one that they obey. All take effect with the next frame that is encoded: one
 * that is repeated or skipped shows nothing, and a pause shows with the key frame that resumes. Errors of all:
 * CULVERT_E_HANDLE, CULVERT_E_FINISHED; of a setting that this codec cannot change while it runs,
 * CULVERT_E_UNSUPPORTED. */

/* bitrate_kbps: 1 to 500000; the VBV follows. Every codec changes it live; of H.264, a bitrate above what the present
 * epoch's level allows reopens. The sum of packets stays within 10 % above it over any 3 seconds from one second after
 * the call on, by coarser quantisers first, and then as culvert_config.floor says; key frames that are asked for, and
 * recoveries, are encoded all the same. More errors: CULVERT_E_RANGE, CULVERT_E_LEVEL. */
CULVERT_API int culvert_set_bitrate(culvert_session session, uint32_t bitrate_kbps, uint32_t *control);

/* num/den frames per second, as in the config. Every codec changes it live (the rate in H.264's VUI stays that of the
 * epoch's opening); of H.264, a rate above what the present level allows reopens. A host that does not call it when its
 * game slows down keeps its bitrate as well: the rate at which frames really come, by their pts, from four times to a
 * quarter of what is declared, is measured all the time. More errors: CULVERT_E_RANGE, CULVERT_E_LEVEL, CULVERT_E_LIMIT
 * (culvertd has granted fewer pixels a second). */
CULVERT_API int culvert_set_framerate(culvert_session session, uint32_t num, uint32_t den, uint32_t *control);

/* speed: 1 to 10, or CULVERT_SPEED_SLOWEST; 0: the default, as in the config. VP8 and VP9 change it live. H.264 does so
 * from 1 to 9, with the adaptive quantisation of the epoch's opening (speed 9 has none); to and from speeds 0 and 10 it
 * reopens. More errors: CULVERT_E_RANGE. */
CULVERT_API int culvert_set_speed(culvert_session session, int32_t speed, uint32_t *control);

/* The next frame becomes a key frame. When none comes within one frame interval of the last, it is encoded from that
 * one, flagged CULVERT_PACKET_INSERTED. Requests are governed: after a key frame, of whatever cause, those that come
 * within a minimum interval wait for its end and are served together by one key frame. The interval is the time in
 * which half the bitrate pays for the last key frame, and never above one second. */
CULVERT_API int culvert_request_keyframe(culvert_session session, uint32_t *control);

/* Frames from pts on, up to the last packet, did not arrive at a receiver (pts as in their packets; frames between two
 * packets and after the last one are nobody's loss, and change nothing). The next frame, or when none comes within one
 * frame interval the last one again, refers to none of them and is flagged CULVERT_PACKET_RECOVERY: with
 * culvert_config.references a frame that refers to an older one, if one is left within the present epoch; else, and
 * when the last key frame is among what was lost, a key frame, which no governor delays. (So it is too when H.264's
 * frame_num began a new cycle among what was lost, every 16 frames, or 32 with 15 references and more: decoders would
 * take what follows for late.) From it on, a receiver that got what it refers to decodes the same pictures as one that
 * got everything. Report each loss once: a report that comes after its recovery was sent says that this is lost too.
 *
 * Who profits: transports that tell the sender which frames arrived and hand what follows a gap to the decoder (RTP
 * with RPSI or LRR feedback, RFC 4585 and RFC 9627 where implemented; WebTransport or QUIC datagrams into WebCodecs; a
 * player of one's own). A browser's own WebRTC receiver waits for a key frame after a gap unless the references are
 * signalled to it in the dependency descriptor RTP extension: culvert_packet.reference has what it needs. */
CULVERT_API int culvert_report_loss(culvert_session session, int64_t pts, uint32_t *control);

/* Nobody watches: frames are taken and skipped, the codec rests. */
CULVERT_API int culvert_pause(culvert_session session, uint32_t *control);

/* Goes on with a key frame, which no governor delays, of the newest frame if none is submitted within a frame interval.
 */
CULVERT_API int culvert_resume(culvert_session session, uint32_t *control);

/* ---- Through culvertd ------------------------------------------------------------------------------------------- */

/* A session with an endpoint is encoded in a process of its own. All calls are the same and behave the same, but:
 *
 *   culvert_open   waits up to 5 seconds for culvertd. CULVERT_E_GONE: none answers there. CULVERT_E_DENIED: it does
 *                  not serve this user. CULVERT_E_LIMIT: it, or this user's share of it, is full.
 *                  CULVERT_E_UNSUPPORTED: it is of another version. The codec need not be in this build.
 *   all calls      after the encoder process died: as before. The next one goes on with the newest frame, a key frame
 *                  and a new epoch (culvert_stats.restarts). A frame that the dead one had begun counts as lost and is
 *                  not sent again; of its slices, some may have come: the rest does not. When it dies more often than
 *                  culvertd allows, frames are refused and, once all packets were received, culvert_receive and
 *                  culvert_peek return CULVERT_E_CRASHED.
 *   all calls      after culvertd ended: the same with CULVERT_E_GONE; or, with CULVERT_CONFIG_RECONNECT, submit looks
 *                  for the next one there. Frames that are submitted until it answers are taken, and counted as lost or
 *                  skipped; the first one behind its answer begins the next epoch.
 *
 * What these sessions do shows in the host's process a message later: statistics never claim too much. */

/* The session of the daemon at endpoint ("unix:PATH") with the lowest id above `after`; CULVERT_EOS: there is none. A
 * user sees its own sessions; the daemon's own user and root see all. text as in culvert_open. Errors:
 * CULVERT_E_ARGUMENT, CULVERT_E_GONE, CULVERT_E_DENIED, CULVERT_E_UNSUPPORTED, CULVERT_E_TIMEOUT, CULVERT_E_LIMIT (it
 * is full), CULVERT_E_MEMORY, CULVERT_E_SYSTEM. */
CULVERT_API int culvert_list(const char *endpoint, uint32_t after, struct culvert_listing *listing, char *text,
                             size_t text_size);

/* Watches a session of the daemon at endpoint: a new session here, to which copies of its packets come from the next
 * key frame on, which this call asks for. Those that are not received fast enough are left out, up to the next key
 * frame; the session that is watched is never held up. culvert_receive, culvert_peek, culvert_fd, culvert_error_text,
 * culvert_stats (packets and bytes, as seen here) and culvert_close are its calls, the others CULVERT_E_UNSUPPORTED; it
 * ends (CULVERT_EOS) with the encoder process of the one that it watches, and when another watches that. name is that
 * of its config; of several the one opened last. Errors: those of culvert_list; CULVERT_E_HANDLE: no such session;
 * CULVERT_E_LIMIT: culvertd has no descriptors left. */
CULVERT_API int culvert_watch(const char *endpoint, const char *name, culvert_session *session, char *text,
                              size_t text_size);

/* ---- Insight ---------------------------------------------------------------------------------------------------- */

/* Errors: CULVERT_E_HANDLE, CULVERT_E_ARGUMENT (NULL, struct size). */
CULVERT_API int culvert_stats(culvert_session session, struct culvert_stats *stats);

/* Copies what the codec really runs with as text, read back from it after the last frame: for H.264 the options line
 * as x264 writes it; for VP8 and VP9, which cannot be asked, the settings that libvpx accepted, by its names. needed,
 * when not NULL, receives the bytes that it takes with its NUL, on success and on CULVERT_E_BUFFER. Other errors:
 * CULVERT_E_HANDLE, CULVERT_E_ARGUMENT, CULVERT_E_AGAIN (no frame was encoded yet). */
CULVERT_API int culvert_params(culvert_session session, char *text, size_t size, size_t *needed);

/* Copies the session's last error out as one line, cut to size; "" when there was none. What a call refused and what
 * the codec refused both count. Errors whose number says all leave the line as it was: CULVERT_E_HANDLE,
 * CULVERT_E_BUSY, CULVERT_E_AGAIN, CULVERT_E_TIMEOUT, CULVERT_E_BUFFER, CULVERT_E_FINISHED, the limit of loans, and
 * what a session that watches cannot do. Errors: CULVERT_E_HANDLE, CULVERT_E_ARGUMENT. */
CULVERT_API int culvert_error_text(culvert_session session, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
