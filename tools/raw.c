#include "input.h"

#include <stdio.h>
#include <string.h>

#include "parse.h"

static const struct {
    const char *name;
    uint32_t id;
    uint32_t pixel; /* bytes in the first plane */
    bool chroma;    /* half-size U and V follow, in one plane or two */
} formats[] = {
    {"i420", CULVERT_FORMAT_I420, 1, true},          {"nv12", CULVERT_FORMAT_NV12, 1, true},
    {"bgra", CULVERT_FORMAT_BGRA, 4, false},         {"rgba", CULVERT_FORMAT_RGBA, 4, false},
    {"xrgb8888", CULVERT_FORMAT_XRGB8888, 4, false}, {"rgb565", CULVERT_FORMAT_RGB565, 2, false},
    {"0rgb1555", CULVERT_FORMAT_0RGB1555, 2, false},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

size_t raw_bytes(uint32_t format, uint32_t width, uint32_t height)
{
    size_t i = 0;
    while (i < FORMATS - 1 && formats[i].id != format)
        i++;
    const size_t chroma = (size_t)((width + 1) / 2) * ((height + 1) / 2);
    return (size_t)width * height * formats[i].pixel + (formats[i].chroma ? 2 * chroma : 0);
}

static bool find(const char *name, uint32_t *format)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            *format = formats[i].id;
            return true;
        }
    }
    return false;
}

bool raw_parse(const char *text, struct input_raw *raw)
{
    char copy[128];
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
        return false;
    struct input_raw parsed = {0};
    char *rest = copy;
    const char *size = strsep(&rest, ":");
    const char *format = strsep(&rest, ":");
    if (!format || !find(format, &parsed.format) || !parse_size(size, &parsed.width, &parsed.height) ||
        (rest && !parse_rate(rest, &parsed.fps_num, &parsed.fps_den)))
        return false;
    *raw = parsed;
    return true;
}

void raw_begin(struct input *input, const struct input_raw *raw)
{
    input->frame.format = raw->format;
    input->frame.width = raw->width;
    input->frame.height = raw->height;
    input->fps_num = raw->fps_num;
    input->fps_den = raw->fps_den;
    input->bytes = raw_bytes(raw->format, raw->width, raw->height);
}
