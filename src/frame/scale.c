#include "frame/scale.h"

#include <libavutil/common.h>
#include <string.h>

#include <libyuv.h>

#define BLACK_LIMITED 16
#define GREY 128 /* chroma of black */

static uint32_t even_side(uint64_t side, uint32_t most)
{
    return (uint32_t)av_clip64((int64_t)(side + 1) & ~INT64_C(1), 2, most);
}

struct window scale_window(uint32_t width, uint32_t height, uint32_t aspect_num, uint32_t aspect_den)
{
    struct window window = {.width = width, .height = height};
    if ((uint64_t)width * aspect_den > (uint64_t)height * aspect_num)
        window.width = even_side((uint64_t)height * aspect_num / aspect_den, width);
    else
        window.height = even_side((uint64_t)width * aspect_den / aspect_num, height);
    window.x = (width - window.width) / 4 * 2;
    window.y = (height - window.height) / 4 * 2;
    return window;
}

static void blacken(const struct picture *picture, int plane, const struct window *window, uint8_t black)
{
    const int shift = plane > 0;
    const size_t width = picture->width >> shift, left = window->x >> shift, kept = window->width >> shift;
    const uint32_t top = window->y >> shift, bottom = top + (window->height >> shift);
    for (uint32_t y = 0; y < picture->height >> shift; y++) {
        uint8_t *const row = picture->plane[plane] + (size_t)y * picture->stride[plane];
        const bool inside = y >= top && y < bottom;
        memset(row, black, inside ? left : width);
        if (inside)
            memset(row + left + kept, black, width - left - kept);
    }
}

/* Of a picture that becomes higher alone, libyuv takes rows of uneven number, up to a whole one away. */
static void repeat_rows(const uint8_t *from, size_t from_stride, uint32_t from_height, uint8_t *to, size_t to_stride,
                        uint32_t height, size_t width)
{
    for (uint64_t y = 0; y < height; y++)
        memcpy(to + y * to_stride, from + (2 * y + 1) * from_height / (2 * (uint64_t)height) * from_stride, width);
}

static void scale_plane(const struct picture *from, const struct picture *to, int plane, const struct window *window,
                        enum FilterMode filter)
{
    const int shift = plane > 0;
    uint8_t *const at = to->plane[plane] + (size_t)(window->y >> shift) * to->stride[plane] + (window->x >> shift);
    if (filter == kFilterNone && from->width == window->width) {
        repeat_rows(from->plane[plane], from->stride[plane], from->height >> shift, at, to->stride[plane],
                    window->height >> shift, window->width >> shift);
        return;
    }
    ScalePlane(from->plane[plane], (int)from->stride[plane], (int)from->width >> shift, (int)from->height >> shift, at,
               (int)to->stride[plane], (int)window->width >> shift, (int)window->height >> shift, filter);
}

void scale(const struct picture *from, const struct picture *to, const struct window *window, bool nearest,
           bool full_range)
{
    for (int plane = 0; plane < 3; plane++) {
        blacken(to, plane, window, plane > 0 ? GREY : full_range ? 0 : BLACK_LIMITED);
        scale_plane(from, to, plane, window, nearest ? kFilterNone : kFilterBilinear);
    }
}
