#include "frame/format.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include <libavutil/imgutils.h>
#include <libavutil/macros.h>
#include <libavutil/pixfmt.h>

enum { SIZE_LEAST = 2, SIZE_MOST = 16384, PLANES = 3 };

static const struct format formats[] = {
    {CULVERT_FORMAT_I420, "i420", 3, false, AV_PIX_FMT_YUV420P},
    {CULVERT_FORMAT_NV12, "nv12", 2, false, AV_PIX_FMT_NV12},
    {CULVERT_FORMAT_BGRA, "bgra", 1, true, AV_PIX_FMT_BGRA},
    {CULVERT_FORMAT_RGBA, "rgba", 1, true, AV_PIX_FMT_RGBA},
    {CULVERT_FORMAT_XRGB8888, "xrgb8888", 1, true, AV_PIX_FMT_0RGB32},
    {CULVERT_FORMAT_RGB565, "rgb565", 1, true, AV_PIX_FMT_RGB565},
    {CULVERT_FORMAT_0RGB1555, "0rgb1555", 1, true, AV_PIX_FMT_RGB555},
};

const struct format *format_at(uint32_t index)
{
    return index < FF_ARRAY_ELEMS(formats) ? &formats[index] : NULL;
}

const struct format *format_find(uint32_t id)
{
    const struct format *format;
    for (uint32_t index = 0; (format = format_at(index)) != NULL; ++index) {
        if (format->id == id)
            break;
    }
    return format;
}

static uint32_t row_bytes(const struct format *format, uint32_t width, uint32_t plane)
{
    return (uint32_t)av_image_get_linesize((enum AVPixelFormat)format->pixel_format, (int)width, (int)plane);
}

static uint32_t plane_rows(uint32_t height, uint32_t plane)
{
    return plane == 0 ? height : (height + 1) / 2;
}

static bool size_is_valid(const struct culvert_frame *frame)
{
    return frame->width >= SIZE_LEAST && frame->width <= SIZE_MOST && frame->height >= SIZE_LEAST &&
           frame->height <= SIZE_MOST;
}

__attribute__((format(printf, 3, 4))) static int refuse(char *why, size_t why_size, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    vsnprintf(why, why_size, text, arguments);
    va_end(arguments);
    return CULVERT_E_ARGUMENT;
}

/* Enters one plane into layout; *behind is where a plane may follow the one before, and then this one. */
static int place_plane(const struct format *format, const struct culvert_frame *frame, uint32_t plane, size_t available,
                       uint64_t *behind, struct layout *layout, char *why, size_t why_size)
{
    const uint32_t row = row_bytes(format, frame->width, plane), rows = plane_rows(frame->height, plane);
    const uint32_t stride = frame->stride[plane] != 0 ? frame->stride[plane] : row;
    const uint32_t declared = frame->offset[plane];
    const uint64_t offset = plane > 0 && declared == 0 ? *behind : declared;
    const uint64_t end = offset + (uint64_t)stride * (rows - 1) + row;
    if (stride < row)
        return refuse(why, why_size,
                      "plane %" PRIu32 ": stride %" PRIu32 " is shorter than its row of %" PRIu32
                      " bytes; pass at least that, or 0 for tight",
                      plane, stride, row);
    if (stride > INT_MAX / rows)
        return refuse(why, why_size,
                      "plane %" PRIu32 ": %" PRIu32 " rows of stride %" PRIu32
                      " span more than 2 GiB; pass a stride up to %" PRIu32,
                      plane, rows, stride, INT_MAX / rows);
    if (end > available)
        return refuse(why, why_size,
                      "plane %" PRIu32 ": its last row ends at byte %" PRIu64 ", but the buffer has %zu bytes", plane,
                      end, available);
    *behind = offset + (uint64_t)stride * rows;
    layout->offset[plane] = (size_t)offset;
    layout->stride[plane] = stride;
    layout->bytes = FFMAX(layout->bytes, (size_t)end);
    return 0;
}

int format_layout(const struct format *format, const struct culvert_frame *frame, size_t available,
                  struct layout *layout, char *why, size_t why_size)
{
    if (!size_is_valid(frame)) {
        refuse(why, why_size, "size %" PRIu32 "x%" PRIu32 " is not within %dx%d and %dx%d", frame->width, frame->height,
               SIZE_LEAST, SIZE_LEAST, SIZE_MOST, SIZE_MOST);
        return CULVERT_E_SIZE;
    }
    struct layout placed = {0};
    uint64_t behind = 0;
    int error = 0;
    for (uint32_t plane = 0; plane < PLANES && error == 0; ++plane) {
        if (plane < format->planes)
            error = place_plane(format, frame, plane, available, &behind, &placed, why, why_size);
        else if (frame->offset[plane] != 0 || frame->stride[plane] != 0)
            error = refuse(why, why_size, "plane %" PRIu32 ": %s has none; pass 0 as its offset and stride", plane,
                           format->name);
    }
    if (error == 0)
        *layout = placed;
    return error;
}

void format_tight(const struct format *format, uint32_t width, uint32_t height, struct layout *layout)
{
    const struct culvert_frame tight = {.width = width, .height = height};
    format_layout(format, &tight, SIZE_MAX, layout, NULL, 0);
}
