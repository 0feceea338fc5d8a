#include "daemon/config_text.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#define NUMBER(field)                                  \
    {                                                  \
#field, offsetof(struct culvert_config, field) \
    }

static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    NUMBER(codec),         NUMBER(fps_num),    NUMBER(fps_den),    NUMBER(bitrate_kbps), NUMBER(burst_ms),
    NUMBER(threads),       NUMBER(slices),     NUMBER(keyint),     NUMBER(profile),      NUMBER(level),
    NUMBER(max_width),     NUMBER(max_height), NUMBER(scale),      NUMBER(policy),       NUMBER(slots),
    NUMBER(flags),         NUMBER(resize),     NUMBER(filter),     NUMBER(warm),         NUMBER(canvas_width),
    NUMBER(canvas_height), NUMBER(floor),      NUMBER(references), NUMBER(layers),       NUMBER(refresh_ms),
};

void config_text(const struct culvert_config *config, char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const uint32_t value = *(const uint32_t *)(const void *)((const char *)config + numbers[i].offset);
        const int step = snprintf(text + length, size - length, "%s=%" PRIu32 "\n", numbers[i].name, value);
        if (step < 0 || (size_t)step >= size - length)
            break;
        length += (size_t)step;
    }
    const int step = snprintf(text + length, size - length, "speed=%" PRId32 "\nname=%s\noptions=%s\n", config->speed,
                              config->name, config->options);
    if (step < 0 || (size_t)step >= size - length)
        text[length] = '\0';
}
