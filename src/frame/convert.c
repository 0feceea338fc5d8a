#include "frame/convert.h"

#include <string.h>

#include <libavutil/macros.h>
#include <libyuv.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "libyuv's packed formats are little-endian words");

/* Packed pixels are converted in bands of rows that stay in the cache from one step to the next. In a frame turned by
 * 90 degrees a band is one cache line's width of the source. */
enum { BAND_ROWS = 16, BAND_BYTES = BAND_ROWS * 16384 * 4 };

/* A plane, or a part of one; from the bottom row up where stride is negative. */
struct view {
    const uint8_t *data;
    int stride;
    int width, height;
};

/* Each of the eight combinations of rotation and flips is one of these, of rows read downwards or upwards. libyuv's
 * rotation by 180 is not among them: it allocates. */
enum turn { TURN_NONE, TURN_MIRROR, TURN_CLOCKWISE, TURN_COUNTERCLOCKWISE };

static bool is_transposed(enum turn turn)
{
    return turn == TURN_CLOCKWISE || turn == TURN_COUNTERCLOCKWISE;
}

/* A counter-clockwise rotation is flips, after a transposition if it is by 90 or 270. */
static enum turn turn_of(const struct culvert_frame *frame, bool *upwards)
{
    static const uint32_t flips[] = {0, CULVERT_FLIP_VERTICAL, CULVERT_FLIP_HORIZONTAL | CULVERT_FLIP_VERTICAL,
                                     CULVERT_FLIP_HORIZONTAL};
    const uint32_t flip = flips[frame->rotation / 90] ^ frame->flip;
    const bool horizontal = flip & CULVERT_FLIP_HORIZONTAL, vertical = flip & CULVERT_FLIP_VERTICAL;
    if (frame->rotation % 180 == 0) {
        *upwards = vertical;
        return horizontal ? TURN_MIRROR : TURN_NONE;
    }
    *upwards = horizontal == vertical;
    return vertical ? TURN_COUNTERCLOCKWISE : TURN_CLOCKWISE;
}

static struct view upside_down(struct view view)
{
    view.data += (ptrdiff_t)view.stride * (view.height - 1);
    view.stride = -view.stride;
    return view;
}

static struct view plane_view(const struct culvert_frame *frame, const struct layout *layout, const uint8_t *data,
                              uint32_t plane)
{
    const int shift = plane > 0;
    return (struct view){
        .data = data + layout->offset[plane],
        .stride = (int)layout->stride[plane],
        .width = ((int)frame->width + shift) >> shift,
        .height = ((int)frame->height + shift) >> shift,
    };
}

/* ---- Scale */

/* Eight samples, as many as the largest scale makes, are written whatever the scale, because the compiler knows what to
 * do with a constant; the next eight replace those that were too many. */
static void widen_bytes(const uint8_t *from, uint8_t *to, int width, int scale)
{
    int x = 0;
    for (; x + 8 <= width; x += scale) {
        const uint64_t eight = *from++ * UINT64_C(0x0101010101010101);
        memcpy(to + x, &eight, sizeof eight);
    }
    for (int i = 0; x + i < width; ++i)
        to[x + i] = from[i / scale];
}

static void widen_pixels(const uint8_t *from, uint8_t *to, int width, int scale)
{
    int x = 0;
    for (; x + 8 <= width; x += scale, from += 4) {
        uint32_t pixel;
        memcpy(&pixel, from, sizeof pixel);
        const uint64_t two = pixel * UINT64_C(0x100000001);
        for (int i = 0; i < 8; i += 2)
            memcpy(to + (ptrdiff_t)(x + i) * 4, &two, sizeof two);
    }
    for (int i = 0; x + i < width; ++i)
        memcpy(to + (ptrdiff_t)(x + i) * 4, from + (ptrdiff_t)(i / scale) * 4, 4);
}

/* Fills width x height of `to` from samples of 1 or 4 bytes. The last column and row may be parts of a scaled one. */
static void enlarge(struct view from, size_t sample, int scale, uint8_t *to, size_t stride, int width, int height)
{
    for (int y = 0; y < height; ++y, to += stride) {
        const uint8_t *const row = from.data + (ptrdiff_t)(y / scale) * from.stride;
        if (y % scale != 0)
            memcpy(to, to - stride, (size_t)width * sample);
        else if (sample == 1)
            widen_bytes(row, to, width, scale);
        else
            widen_pixels(row, to, width, scale);
    }
}

/* ---- RGB */

struct packed {
    int bytes; /* a pixel */
    /* To 32-bit pixels; NULL for what has them already. */
    int (*unpack)(const uint8_t *from, int from_stride, uint8_t *to, int to_stride, int width, int height);
    int (*to_i420)(const uint8_t *from, int from_stride, uint8_t *y, int y_stride, uint8_t *u, int u_stride, uint8_t *v,
                   int v_stride, int width, int height);
};

/* libyuv's names are those of words: its ARGB is B, G, R, A in memory. */
static const struct packed packed_formats[] = {
    [CULVERT_FORMAT_BGRA] = {4, NULL, ARGBToI420},
    [CULVERT_FORMAT_RGBA] = {4, NULL, ABGRToI420},
    [CULVERT_FORMAT_XRGB8888] = {4, NULL, ARGBToI420},
    [CULVERT_FORMAT_RGB565] = {2, RGB565ToARGB, ARGBToI420},
    [CULVERT_FORMAT_0RGB1555] = {2, ARGB1555ToARGB, ARGBToI420},
};

/* What becomes rows y to y + rows of the turned frame. */
static struct view band_of(struct view frame, enum turn turn, int bytes, int y, int rows)
{
    if (is_transposed(turn)) {
        const int x = turn == TURN_CLOCKWISE ? y : frame.width - y - rows;
        return (struct view){frame.data + (ptrdiff_t)x * bytes, frame.stride, rows, frame.height};
    }
    return (struct view){frame.data + (ptrdiff_t)y * frame.stride, frame.stride, frame.width, rows};
}

static struct view unpack_band(struct view band, const struct packed *packed, uint8_t *to)
{
    if (packed->unpack == NULL)
        return band;
    packed->unpack(band.data, band.stride, to, band.width * 4, band.width, band.height);
    return (struct view){to, band.width * 4, band.width, band.height};
}

/* Not libyuv's: that gathers columns, three times slower, and wants strides of whole pixels. */
static void rotate_pixels(struct view band, enum turn turn, uint8_t *to)
{
    const ptrdiff_t row = (ptrdiff_t)band.height * 4;
    const bool clockwise = turn == TURN_CLOCKWISE;
    uint8_t *const corner = to + (clockwise ? row - 4 : (band.width - 1) * row);
    const ptrdiff_t down = clockwise ? -4 : 4, right = clockwise ? row : -row;
    for (int y = 0; y < band.height; ++y) {
        const uint8_t *const from = band.data + (ptrdiff_t)y * band.stride;
        for (int x = 0; x < band.width; ++x)
            memcpy(corner + y * down + x * right, from + (ptrdiff_t)x * 4, 4);
    }
}

static struct view turn_band(struct view band, enum turn turn, uint8_t *to)
{
    if (turn == TURN_NONE)
        return band;
    if (is_transposed(turn)) {
        rotate_pixels(band, turn, to);
        return (struct view){to, band.height * 4, band.height, band.width};
    }
    ARGBMirror(band.data, band.stride, to, band.width * 4, band.width, band.height);
    return (struct view){to, band.width * 4, band.width, band.height};
}

static struct view enlarge_band(struct view band, int scale, uint8_t *to)
{
    if (scale == 1)
        return band;
    const int width = band.width * scale, height = band.height * scale;
    enlarge(band, 4, scale, to, (size_t)width * 4, width, height);
    return (struct view){to, width * 4, width, height};
}

static void convert_rgb(struct view frame, const struct packed *packed, enum turn turn, int scale, uint8_t *scratch,
                        const struct picture *picture)
{
    const int height = is_transposed(turn) ? frame.width : frame.height;
    const int step = FFMAX(BAND_ROWS / scale & ~1, 2); /* even, so that chroma never straddles bands */
    for (int y = 0; y < height; y += step) {
        struct view band = band_of(frame, turn, packed->bytes, y, FFMIN(step, height - y));
        band = unpack_band(band, packed, scratch);
        band = turn_band(band, turn, scratch + BAND_BYTES);
        band = enlarge_band(band, scale, scratch + 2 * (size_t)BAND_BYTES);
        const size_t luma = (size_t)y * (size_t)scale, chroma = luma / 2;
        packed->to_i420(band.data, band.stride, picture->plane[0] + luma * picture->stride[0], (int)picture->stride[0],
                        picture->plane[1] + chroma * picture->stride[1], (int)picture->stride[1],
                        picture->plane[2] + chroma * picture->stride[2], (int)picture->stride[2], band.width,
                        band.height);
    }
}

/* ---- YUV */

static void turn_plane(struct view plane, enum turn turn, uint8_t *to, uint32_t stride)
{
    static void (*const turns[])(const uint8_t *, int, uint8_t *, int, int, int) = {
        [TURN_NONE] = CopyPlane,
        [TURN_MIRROR] = MirrorPlane,
        [TURN_CLOCKWISE] = RotatePlane90,
        [TURN_COUNTERCLOCKWISE] = RotatePlane270,
    };
    turns[turn](plane.data, plane.stride, to, (int)stride, plane.width, plane.height);
}

static void turn_uv(struct view uv, enum turn turn, const struct picture *to)
{
    static void (*const turns[])(const uint8_t *, int, uint8_t *, int, uint8_t *, int, int, int) = {
        [TURN_NONE] = SplitUVPlane,
        [TURN_MIRROR] = SplitRotateUV180,
        [TURN_CLOCKWISE] = SplitRotateUV90,
        [TURN_COUNTERCLOCKWISE] = SplitRotateUV270,
    };
    if (turn == TURN_MIRROR)
        uv = upside_down(uv);
    turns[turn](uv.data, uv.stride, to->plane[1], (int)to->stride[1], to->plane[2], (int)to->stride[2], uv.width,
                uv.height);
}

static void turn_yuv(const struct view planes[3], uint32_t count, enum turn turn, const struct picture *to)
{
    turn_plane(planes[0], turn, to->plane[0], to->stride[0]);
    if (count == 2) {
        turn_uv(planes[1], turn, to);
        return;
    }
    turn_plane(planes[1], turn, to->plane[1], to->stride[1]);
    turn_plane(planes[2], turn, to->plane[2], to->stride[2]);
}

/* Planes without gaps, so that convert_scratch holds for a picture of any shape. */
static struct picture picture_in_scratch(uint8_t *scratch, uint32_t width, uint32_t height)
{
    const uint32_t chroma = (width + 1) / 2;
    uint8_t *const u = scratch + (size_t)width * height;
    uint8_t *const v = u + (size_t)chroma * ((height + 1) / 2);
    return (struct picture){{scratch, u, v}, {width, chroma, chroma}, width, height};
}

static void enlarge_yuv(const struct picture *from, int scale, const struct picture *to)
{
    const int width = (int)from->width * scale, height = (int)from->height * scale;
    for (int plane = 0; plane < 3; ++plane) {
        const int shift = plane > 0;
        const struct view view = {.data = from->plane[plane], .stride = (int)from->stride[plane]};
        enlarge(view, 1, scale, to->plane[plane], to->stride[plane], (width + shift) >> shift,
                (height + shift) >> shift);
    }
}

/* ---- The whole */

static void pad(const struct picture *picture, uint32_t width, uint32_t height)
{
    const size_t stride = picture->stride[0];
    if (width < picture->width) {
        for (size_t y = 0; y < height; ++y)
            picture->plane[0][y * stride + width] = picture->plane[0][y * stride + width - 1];
    }
    if (height < picture->height) {
        uint8_t *const row = picture->plane[0] + height * stride;
        memcpy(row, row - stride, picture->width);
    }
}

void convert_visible(const struct culvert_frame *frame, uint32_t scale, uint32_t *width, uint32_t *height)
{
    const bool transposed = frame->rotation % 180 != 0;
    *width = (transposed ? frame->height : frame->width) * scale;
    *height = (transposed ? frame->width : frame->height) * scale;
}

size_t convert_scratch(size_t pixels)
{
    return pixels / 2 + 3 * (size_t)BAND_BYTES;
}

void convert(const struct culvert_frame *frame, const struct format *format, const struct layout *layout,
             const uint8_t *data, uint32_t scale, uint8_t *scratch, const struct picture *picture)
{
    bool upwards;
    const enum turn turn = turn_of(frame, &upwards);
    struct view planes[3] = {0};
    for (uint32_t plane = 0; plane < format->planes; ++plane) {
        const struct view view = plane_view(frame, layout, data, plane);
        planes[plane] = upwards ? upside_down(view) : view;
    }
    uint32_t width, height;
    convert_visible(frame, scale, &width, &height);
    if (format->rgb) {
        convert_rgb(planes[0], &packed_formats[format->id], turn, (int)scale, scratch, picture);
    } else if (scale == 1) {
        turn_yuv(planes, format->planes, turn, picture);
    } else {
        const struct picture turned = picture_in_scratch(scratch, width / scale, height / scale);
        turn_yuv(planes, format->planes, turn, &turned);
        enlarge_yuv(&turned, (int)scale, picture);
    }
    pad(picture, width, height);
}
