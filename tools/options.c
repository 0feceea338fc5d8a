#include "options.h"

#include <stdio.h>
#include <string.h>

#include "codecs.h"
#include "parse.h"
#include "settle.h"
#include "table.h"

#define ENCODE COMMAND_ENCODE
#define DEMO COMMAND_DEMO
#define PUBLISH COMMAND_PUBLISH
#define TOP COMMAND_TOP
#define RECORD COMMAND_RECORD
#define FED (ENCODE | PUBLISH)          /* by files and pipes */
#define STREAMED (FED | DEMO)           /* makes a stream */
#define CLIENT (PUBLISH | TOP | RECORD) /* of culvertd unless told otherwise */
#define HERE (ENCODE | DEMO)

static void *field(struct settings *settings, const struct option_rule *rule)
{
    return (char *)settings + rule->offset;
}

static bool set_number(struct settings *settings, const struct option_rule *rule, const char *value)
{
    return parse_number(value, rule->least, rule->most, field(settings, rule));
}

static bool set_flag(struct settings *settings, const struct option_rule *rule, const char *value)
{
    (void)value;
    *(bool *)field(settings, rule) = true;
    return true;
}

static bool set_path(struct settings *settings, const struct option_rule *rule, const char *value)
{
    *(const char **)field(settings, rule) = value;
    return *value != '\0';
}

static bool set_text(struct settings *settings, const struct option_rule *rule, const char *value)
{
    return (size_t)snprintf(field(settings, rule), rule->most, "%s", value) < rule->most;
}

/* The place of the value among the words, or -1. */
static int choose(const char *words, const char *value)
{
    const size_t length = strlen(value);
    for (int place = 0;; place++) {
        const size_t word = strcspn(words, "|");
        if (word == length && strncmp(words, value, word) == 0)
            return place;
        if (words[word] == '\0')
            return -1;
        words += word + 1;
    }
}

static bool set_choice(struct settings *settings, const struct option_rule *rule, const char *value)
{
    const int place = choose(rule->words, value);
    if (place >= 0)
        *(uint32_t *)field(settings, rule) = rule->least + (uint32_t)place * rule->step;
    return place >= 0;
}

static bool set_codec(struct settings *settings, const struct option_rule *rule, const char *value)
{
    (void)rule;
    for (size_t i = 0; i < codec_count; i++) {
        if (strcmp(codec_entries[i].name, value) == 0) {
            settings->config.codec = codec_entries[i].codec;
            return true;
        }
    }
    return false;
}

static bool set_speed(struct settings *settings, const struct option_rule *rule, const char *value)
{
    uint32_t speed;
    if (!parse_number(value, rule->least, rule->most, &speed))
        return false;
    settings->config.speed = speed == 0 ? CULVERT_SPEED_SLOWEST : (int32_t)speed;
    return true;
}

static bool set_slots(struct settings *settings, const struct option_rule *rule, const char *value)
{
    return set_number(settings, rule, value) && settings->config.slots != 1 &&
           (settings->config.slots & (settings->config.slots - 1)) == 0;
}

static bool set_pair(struct settings *settings, const struct option_rule *rule, const char *value)
{
    uint32_t *second = (uint32_t *)((char *)settings + rule->second);
    return rule->parse(value, field(settings, rule), second);
}

static bool set_refresh(struct settings *settings, const struct option_rule *rule, const char *value)
{
    if (strcmp(value, "never") != 0)
        return set_number(settings, rule, value);
    settings->config.refresh_ms = CULVERT_NEVER;
    return true;
}

/* A number above zero has a least one of its own. */
static bool set_references(struct settings *settings, const struct option_rule *rule, const char *value)
{
    return set_number(settings, rule, value) && settings->config.references != 1;
}

static bool set_bit(struct settings *settings, const struct option_rule *rule, const char *value)
{
    (void)value;
    settings->config.flags |= rule->least;
    return true;
}

static bool clear_bit(struct settings *settings, const struct option_rule *rule, const char *value)
{
    (void)value;
    settings->config.flags &= ~rule->least;
    return true;
}

/* What it comes to is settled once it is known whether it was given. */
static bool set_endpoint(struct settings *settings, const struct option_rule *rule, const char *value)
{
    (void)rule;
    settings->endpoint = value;
    return true;
}

static bool set_time(struct settings *settings, const struct option_rule *rule, const char *value)
{
    return parse_time(value, rule->least, rule->most, field(settings, rule));
}

static bool set_level(struct settings *settings, const struct option_rule *rule, const char *value)
{
    (void)rule;
    return parse_level(value, &settings->config.level);
}

static bool set_raw(struct settings *settings, const struct option_rule *rule, const char *value)
{
    (void)rule;
    settings->current.has_raw = true;
    return raw_parse(value, &settings->current.raw);
}

static bool set_y4m(struct settings *settings, const struct option_rule *rule, const char *value)
{
    (void)rule;
    (void)value;
    settings->current.has_raw = false;
    return true;
}

#define IS(what) .expects = what
#define AT(member) .offset = offsetof(struct settings, member)
#define NUMBER(member, low, high) \
    .set = set_number, IS("a number from " #low " to " #high), AT(member), .least = low, .most = high
#define CHOICE(member, first, distance, list) \
    .set = set_choice, AT(member), .least = first, .step = distance, .words = list
#define PAIR(member, other, parser) \
    .set = set_pair, AT(member), .second = offsetof(struct settings, other), .parse = parser
#define TEXT(member) .set = set_text, IS("short enough"), AT(member), .most = sizeof(((struct settings *)0)->member)
#define PATH(member) .set = set_path, IS("a file's name"), AT(member)
#define FLAG(member) .set = set_flag, AT(member)
#define WHERE .set = set_endpoint
#define BIT(flag) .set = set_bit, .least = flag

/* clang-format off */
const struct option_rule option_rules[] = {
    {"output", 'o', STREAMED, "FILE", "where the stream goes; - is standard output", PATH(output)},
    {"media", 0, DEMO, "FILE", "the clip to play, anything that ffmpeg reads", PATH(media)},
    {"raw", 0, FED, "SIZE:FORMAT:FPS", "the inputs after this are raw frames: 640x480:rgb565:60, say; formats: "
     RAW_FORMATS, .set = set_raw, IS("SIZE:FORMAT:FPS, 640x480:rgb565:60 say; formats: " RAW_FORMATS)},
    {"y4m", 0, FED, NULL, "the inputs after this are Y4M (the default)", .set = set_y4m},
    {"fps", 0, FED, "RATE", "frames per second of all inputs: 60, 60000/1001, 59.94; else as each input says",
     PAIR(config.fps_num, config.fps_den, parse_rate), IS("a rate from 1 to 1000 frames per second")},
    {"codec", 0, STREAMED, "NAME", "h264 (the default), vp8 (the default for .ivf), vp9, or null: no compression",
     .set = set_codec, IS("h264, vp8, vp9 or null")},
    {"bitrate", 'b', STREAMED, "KBPS", "kilobits per second, 1 to 500000; default 4000",
     NUMBER(config.bitrate_kbps, 1, 500000)},
    {"burst", 0, STREAMED, "MS", "the rate is kept over this time, 1 to 4000 ms; default 70",
     NUMBER(config.burst_ms, 1, 4000)},
    {"speed", 's', STREAMED, "N", "0 (slowest, best) to 10; default 8",
     .set = set_speed, IS("a number from 0 to 10"), .most = 10},
    {"threads", 't', STREAMED, "N", "of the codec, 1 to 8; default: one up to 640x480 (VP8: 1280x720), else one per "
     "processor, to 4",
     NUMBER(config.threads, 1, 8)},
    {"slices", 0, STREAMED, "N", "of H.264, in a frame, 1 to 8, each a packet of its own; default: as many as threads, to "
     "4, in one packet", NUMBER(config.slices, 1, 8)},
    {"layers", 0, STREAMED, "N", "temporal layers of VP8 and VP9, 1 to 3; default 1", NUMBER(config.layers, 1, 3)},
    {"references", 0, STREAMED, "N", "frames kept to go on from after a loss, 2 to 16; 0: none, a loss costs a key frame; "
     "default 0, of the demo 8", .set = set_references, IS("0, or a number from 2 to 16"), AT(config.references),
     .most = 16},
    {"keyint", 'g', STREAMED, "FRAMES", "from key frame to key frame; 0: none but at a change of size; default: 2 s",
     NUMBER(keyint, 0, 1000000)},
    {"profile", 0, STREAMED, "NAME", "of H.264: baseline (constrained; the default), main or high",
     CHOICE(config.profile, CULVERT_PROFILE_BASELINE, 1, "baseline|main|high"), IS("baseline, main or high")},
    {"level", 0, STREAMED, "LEVEL", "the highest H.264 level, 3.1 say; 0: no limit",
     .set = set_level, IS("a level such as 3.1")},
    {"options", 0, STREAMED, "TEXT", "the codec's own: me=hex:subme=2", TEXT(config.options)},
    {"floor", 0, STREAMED, "NAME",
     "for frames that the bitrate has no room for: drop (the default) or overshoot (the default of encode)",
     CHOICE(config.floor, CULVERT_FLOOR_DROP, 1, "drop|overshoot"), IS("drop or overshoot")},
    {"refresh", 0, STREAMED, "MS", "a picture that stands still is encoded again after 20 to 3600000 ms, or never; "
     "default: 1000, of encode never", .set = set_refresh, IS("a number from 20 to 3600000, or never"), AT(config.refresh_ms),
     .least = 20, .most = 3600000},
    {"coarse-stills", 0, DEMO | PUBLISH, NULL, "do not refine a picture that stands still", BIT(CULVERT_CONFIG_COARSE_STILLS)},
    {"repeats", 0, STREAMED, NULL, "count a packet of no bytes for each frame that repeats", BIT(CULVERT_CONFIG_REPEATS)},
    {"resize", 0, STREAMED, "NAME", "where the size changes: at-once, a new encoder before the next frame (the default of "
     "encode), beside, opened while frames are scaled (the default of others), or canvas, all scaled into one size",
     CHOICE(resize, 1 + CULVERT_RESIZE_BESIDE, 1, "beside|at-once|canvas"), IS("beside, at-once or canvas")},
    {"canvas", 0, STREAMED, "SIZE", "as --resize canvas, into this size; without it, the first frame's",
     PAIR(config.canvas_width, config.canvas_height, parse_size), IS("a size from 2x2 to 16384x16384")},
    {"filter", 0, STREAMED, "NAME", "how frames are scaled to another size: bilinear (the default) or nearest",
     CHOICE(config.filter, CULVERT_FILTER_BILINEAR, 1, "bilinear|nearest"), IS("bilinear or nearest")},
    {"warm", 0, STREAMED, "N", "encoders of the last sizes that stay open, 1 to 8; default 3", NUMBER(config.warm, 1, 8)},
    {"max-size", 0, FED, "SIZE", "the largest frame to come; default: the largest of the files, at least 1920x1088",
     PAIR(config.max_width, config.max_height, parse_size), IS("a size from 2x2 to 16384x16384")},
    {"scale", 0, FED, "N", "each pixel becomes NxN, 1 to 8; default 1", NUMBER(config.scale, 1, 8)},
    {"rotate", 0, FED, "DEGREES", "counter-clockwise: 0, 90, 180 or 270",
     CHOICE(rotation, 0, 90, "0|90|180|270"), IS("0, 90, 180 or 270")},
    {"flip", 0, FED, "HOW", "h (left becomes right), v (top becomes bottom) or hv, after the rotation",
     CHOICE(flip, CULVERT_FLIP_HORIZONTAL, 1, "h|v|hv"), IS("h, v or hv")},
    {"aspect", 0, FED, "NUM:DEN", "how wide the picture is shown, 4:3 say; default: as each input says",
     PAIR(aspect_num, aspect_den, parse_aspect), IS("an aspect such as 4:3")},
    {"matrix", 0, FED, "NAME", "of YUV input: 601 (the default) or 709",
     CHOICE(matrix, 1, 1, "601|709"), IS("601 or 709")},
    {"range", 0, FED, "NAME", "of YUV input: limited or full; default: as each input says, else limited",
     CHOICE(range, 1, 1, "limited|full"), IS("limited or full")},
    {"policy", 0, FED, "NAME",
     "for frames that come while the encoder is busy: block (the default of encode), latest (of publish) or reject",
     CHOICE(config.policy, CULVERT_POLICY_LATEST, 1, "latest|block|reject"), IS("latest, block or reject")},
    {"slots", 0, FED, "N", "frames in the queue of block and reject: 2, 4, 8, 16, 32 or 64; 0: 4",
     .set = set_slots, IS("0, 2, 4, 8, 16, 32 or 64"), AT(config.slots), .least = 0, .most = 64},
    {"realtime", 'r', ENCODE, NULL, "take each frame when its time has come, as a game would",
     FLAG(realtime)},
    {"realtime", 'r', PUBLISH, NULL, "take frames from pipes too when their time has come: who writes them waits",
     FLAG(realtime)},
    {"endpoint", 0, HERE, "WHERE", "where to encode: unix:PATH, the socket of a culvertd, or none (the default): in "
     "this process", WHERE},
    {"endpoint", 0, CLIENT, "WHERE", "the culvertd: unix:PATH, its socket; default: $CULVERT_ENDPOINT, else "
     SETTLE_ENDPOINT "; for publish also none: in this process", WHERE},
    {"no-reconnect", 0, PUBLISH, NULL, "end when culvertd does, instead of waiting for the next one",
     .set = clear_bit, .least = CULVERT_CONFIG_RECONNECT},
    {"name", 0, STREAMED, "TEXT", "of the session, for logs, top and record", TEXT(config.name)},
    {"once", 0, TOP, NULL, "print one table, of an interval, and end", FLAG(once)},
    {"interval", 0, TOP, "SECONDS", "from table to table, 0.1 to 3600; default 2",
     .set = set_time, IS("a number of seconds from 0.1 to 3600"), AT(interval), .least = 100, .most = 3600000},
    {"sort", 0, TOP, "COLUMN", "id (the default), name, fps, kbps, p99, skip, rst or age; figures with the largest first",
     CHOICE(sort, TABLE_ID, 1, "id|name|fps|kbps|p99|skip|rst|age"), IS("id, name, fps, kbps, p99, skip, rst or age")},
    {"duration", 0, RECORD, "SECONDS", "end after these, 0.1 to 86400; default: with the session",
     .set = set_time, IS("a number of seconds from 0.1 to 86400"), AT(duration), .least = 100, .most = 86400000},
    {"json", 'j', TOP, NULL, "print each table as one JSON object on a line of its own", FLAG(json)},
    {"json", 'j', STREAMED, NULL, "print the totals as one JSON object on standard output (with -o -: on standard error)",
     FLAG(json)},
    {"quiet", 'q', STREAMED, NULL, "print no progress, and no totals but those of --json", FLAG(quiet)},
    {"quiet", 'q', RECORD, NULL, "print no totals", FLAG(quiet)},
    {"help", 'h', STREAMED | TOP | RECORD, NULL, "print this", FLAG(help)},
};
/* clang-format on */
const size_t option_count = sizeof option_rules / sizeof option_rules[0];
