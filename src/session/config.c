#include "session/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "frame/queue.h"

#define FPS_MAX 1000
#define FPS_TERM_MAX 1000000000u
#define BITRATE_LEAST 1
#define BITRATE_MOST 500000

/* A field that is a number: its default, its range, what it means to be out of it, and its name for messages. */
struct field {
    const char *name;
    size_t offset;
    uint32_t fallback, least, most;
    int error;
};

#define FIELD(name, fallback, least, most, error)                                              \
    {                                                                                          \
#name, offsetof(struct culvert_config, name), fallback, least, most, CULVERT_E_##error \
    }

static const struct field fields[] = {
    FIELD(codec, CULVERT_CODEC_H264, 0, UINT32_MAX, RANGE), /* the table of codecs says which there are */
    FIELD(bitrate_kbps, 4000, BITRATE_LEAST, BITRATE_MOST, RANGE),
    FIELD(burst_ms, 70, 1, 4000, RANGE),
    FIELD(threads, 0, 0, 8, RANGE),
    FIELD(slices, 0, 0, 8, RANGE),
    FIELD(keyint, 0, 0, 1000000, RANGE),
    FIELD(profile, CULVERT_PROFILE_BASELINE, CULVERT_PROFILE_BASELINE, CULVERT_PROFILE_HIGH, ARGUMENT),
    FIELD(level, 0, 0, 100, RANGE),
    FIELD(max_width, 1920, 2, 16384, RANGE),
    FIELD(max_height, 1088, 2, 16384, RANGE),
    FIELD(scale, 1, 1, 8, RANGE),
    FIELD(policy, CULVERT_POLICY_LATEST, CULVERT_POLICY_LATEST, CULVERT_POLICY_REJECT, ARGUMENT),
    FIELD(resize, CULVERT_RESIZE_BESIDE, CULVERT_RESIZE_BESIDE, CULVERT_RESIZE_CANVAS, ARGUMENT),
    FIELD(filter, CULVERT_FILTER_BILINEAR, CULVERT_FILTER_BILINEAR, CULVERT_FILTER_NEAREST, ARGUMENT),
    FIELD(warm, 3, 1, 8, RANGE),
    FIELD(floor, CULVERT_FLOOR_DROP, CULVERT_FLOOR_DROP, CULVERT_FLOOR_OVERSHOOT, ARGUMENT),
    FIELD(references, 0, 0, 16, RANGE),
    FIELD(layers, 1, 1, 3, RANGE),
};

#define DEFAULT_SPEED 8
#define DEFAULT_REFRESH 1000
#define REFRESH_LEAST 20
#define REFRESH_MOST 3600000
#define DEFAULT_SLOTS 4

static uint32_t *value_of(struct culvert_config *config, const struct field *field)
{
    return (uint32_t *)(void *)((char *)config + field->offset);
}

static void fill(struct culvert_config *config)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        uint32_t *value = value_of(config, &fields[i]);
        if (*value == 0)
            *value = fields[i].fallback;
    }
    if (config->speed == 0)
        config->speed = DEFAULT_SPEED;
    if (config->refresh_ms == 0)
        config->refresh_ms = DEFAULT_REFRESH;
    if (config->slots == 0 && config->policy != CULVERT_POLICY_LATEST)
        config->slots = DEFAULT_SLOTS;
    if (config->name[0] == '\0')
        memcpy(config->name, "session", sizeof "session");
}

void config_defaults(struct culvert_config *config)
{
    memset(config, 0, sizeof *config);
    fill(config);
}

int config_check_framerate(uint32_t num, uint32_t den, char *why)
{
    if (num >= 1 && den >= 1 && num <= FPS_TERM_MAX && den <= FPS_TERM_MAX && num >= den &&
        num <= (uint64_t)den * FPS_MAX)
        return 0;
    snprintf(why, CODEC_WHY, "frame rate %" PRIu32 "/%" PRIu32 " is not 1 to %d frames per second: %s", num, den,
             FPS_MAX, num == 0 && den == 0 ? "set fps_num and fps_den" : "both terms are 1 to 1000000000");
    return CULVERT_E_RANGE;
}

static int check_field(const struct field *field, uint32_t value, char *why)
{
    if (value >= field->least && value <= field->most)
        return 0;
    snprintf(why, CODEC_WHY, "%s is %" PRIu32 ": set %" PRIu32 " to %" PRIu32 ", or 0 for the default", field->name,
             value, field->least, field->most);
    return field->error;
}

int config_check_bitrate(uint32_t bitrate_kbps, char *why)
{
    if (bitrate_kbps >= BITRATE_LEAST && bitrate_kbps <= BITRATE_MOST)
        return 0;
    snprintf(why, CODEC_WHY, "bitrate_kbps is %" PRIu32 ": set %d to %d", bitrate_kbps, BITRATE_LEAST, BITRATE_MOST);
    return CULVERT_E_RANGE;
}

int config_check_speed(int32_t speed, char *why)
{
    if (speed >= CULVERT_SPEED_SLOWEST && speed <= 10)
        return 0;
    snprintf(why, CODEC_WHY, "speed is %" PRId32 ": set 1 to 10, CULVERT_SPEED_SLOWEST, or 0 for the default", speed);
    return CULVERT_E_RANGE;
}

int32_t config_speed(int32_t speed)
{
    return speed == CULVERT_SPEED_SLOWEST ? 0 : speed == 0 ? DEFAULT_SPEED : speed;
}

/* Those whose 0 has its own meaning, or whose range has a hole. */
static int check_more(const struct culvert_config *config, char *why)
{
    if (config->references == 1) {
        snprintf(why, CODEC_WHY, "references is 1: set 2 to 16, or 0 for none");
        return CULVERT_E_RANGE;
    }
    const uint32_t refresh = config->refresh_ms;
    if ((refresh >= REFRESH_LEAST && refresh <= REFRESH_MOST) || refresh == CULVERT_NEVER)
        return config_check_speed(config->speed, why);
    snprintf(why, CODEC_WHY, "refresh_ms is %" PRIu32 ": set %d to %d, CULVERT_NEVER, or 0 for the default", refresh,
             REFRESH_LEAST, REFRESH_MOST);
    return CULVERT_E_RANGE;
}

static int check_canvas(const struct culvert_config *config, char *why)
{
    const uint32_t width = config->canvas_width, height = config->canvas_height;
    const bool none = width == 0 && height == 0, canvas = config->resize == CULVERT_RESIZE_CANVAS;
    const bool even = width >= 2 && height >= 2 && width % 2 == 0 && height % 2 == 0;
    const uint32_t most_wide = config->max_width, most_high = config->max_height;
    const bool fits = (width <= most_wide && height <= most_high) || (height <= most_wide && width <= most_high);
    if (none || (canvas && even && fits))
        return 0;
    snprintf(why, CODEC_WHY, "canvas %" PRIu32 "x%" PRIu32 ": %s", width, height,
             canvas ? "set even sides within max_width and max_height, or 0x0 for the first frame's size"
                    : "set it with CULVERT_RESIZE_CANVAS alone");
    return CULVERT_E_RANGE;
}

static int check_fields(struct culvert_config *config, char *why)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const int error = check_field(&fields[i], *value_of(config, &fields[i]), why);
        if (error < 0)
            return error;
    }
    return check_more(config, why);
}

static int check_text(const char *name, const char *text, size_t size, char *why)
{
    if (memchr(text, '\0', size) != NULL)
        return 0;
    snprintf(why, CODEC_WHY, "%s has no terminating NUL in its %zu bytes", name, size);
    return CULVERT_E_ARGUMENT;
}

static int check_texts(const struct culvert_config *config, char *why)
{
    int error = check_text("name", config->name, sizeof config->name, why);
    if (error == 0)
        error = check_text("endpoint", config->endpoint, sizeof config->endpoint, why);
    if (error == 0)
        error = check_text("options", config->options, sizeof config->options, why);
    if (error < 0)
        return error;
    const char *endpoint = config->endpoint, *scheme = "unix:";
    if (endpoint[0] == '\0' || (strncmp(endpoint, scheme, strlen(scheme)) == 0 && endpoint[strlen(scheme)] != '\0'))
        return 0;
    snprintf(why, CODEC_WHY, "endpoint \"%s\" is not known: set unix:PATH, culvertd's socket, or \"\" to encode here",
             endpoint);
    return CULVERT_E_UNSUPPORTED;
}

static int check_slots(const struct culvert_config *config, char *why)
{
    const uint32_t slots = config->slots;
    if (config->policy == CULVERT_POLICY_LATEST ? slots == 0
                                                : slots >= 2 && slots <= QUEUE_SLOTS_MAX && (slots & (slots - 1)) == 0)
        return 0;
    snprintf(why, CODEC_WHY,
             "slots is %" PRIu32
             ": set a power of two from 2 to %d with the policies block and reject, "
             "and 0 with latest",
             slots, QUEUE_SLOTS_MAX);
    return CULVERT_E_RANGE;
}

int config_resolve(struct culvert_config *config, char *why)
{
    const uint32_t unknown = config->flags & ~(uint32_t)(CULVERT_CONFIG_REPEATS | CULVERT_CONFIG_COARSE_STILLS |
                                                         CULVERT_CONFIG_RECONNECT);
    if (unknown != 0 || config->reserved != 0) {
        snprintf(why, CODEC_WHY, "%s: set %s", unknown != 0 ? "flags has an unknown bit" : "reserved is not 0",
                 unknown != 0 ? "flags of enum culvert_config_flag alone" : "0");
        return CULVERT_E_ARGUMENT;
    }
    if ((config->max_width == 0) != (config->max_height == 0)) {
        snprintf(why, CODEC_WHY, "max_width and max_height go together: set both, or none for 1920x1088");
        return CULVERT_E_RANGE;
    }
    int error = check_texts(config, why);
    if (error < 0)
        return error;
    fill(config);
    error = check_fields(config, why);
    if (error == 0)
        error = config_check_framerate(config->fps_num, config->fps_den, why);
    if (error == 0)
        error = check_slots(config, why);
    if (error == 0)
        error = check_canvas(config, why);
    return error;
}

struct codec_rate config_rate(const struct culvert_config *config)
{
    return (struct codec_rate){
        .bitrate_kbps = config->bitrate_kbps,
        .burst_ms = config->burst_ms,
        .fps_num = config->fps_num,
        .fps_den = config->fps_den,
        .speed = config_speed(config->speed),
    };
}
