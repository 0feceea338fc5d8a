#include "run.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frame/convert.h"

#define ROWS(table) (int)(sizeof table / sizeof table[0])

enum { FORMATS = 7, ORIENTATIONS = 16, GUARD = 64, PAINT = 0xa5, MEBIBYTE = 1 << 20 };

/* ---- Memory between pages that cannot be touched: sanitizers do not see what libyuv's assembly reads. */

struct fence {
    uint8_t *begin, *end;
};

static struct fence source, scratch, destination;

static struct fence fence_create(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *const base = mmap(NULL, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(base, MAP_FAILED);
    ck_assert_int_eq(mprotect(base + page, bytes, PROT_READ | PROT_WRITE), 0);
    return (struct fence){base + page, base + page + bytes};
}

static void fence_destroy(struct fence fence)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(fence.begin - page, (size_t)(fence.end - fence.begin) + 2 * page);
}

static void setup(void)
{
    source = fence_create(4 * MEBIBYTE);
    scratch = fence_create(16 * MEBIBYTE);
    destination = fence_create(16 * MEBIBYTE);
    uint32_t noise = 1;
    for (uint8_t *byte = source.begin; byte < source.end; ++byte) {
        noise = noise * 1664525 + 1013904223;
        *byte = (uint8_t)(noise >> 24);
    }
}

static void teardown(void)
{
    fence_destroy(source);
    fence_destroy(scratch);
    fence_destroy(destination);
}

/* ---- One conversion */

struct trial {
    struct culvert_frame frame;
    const struct format *format;
    uint32_t scale;
    struct layout layout;
    const uint8_t *data;
    uint32_t width, height; /* visible */
    struct picture picture;
};

/* A multiple of 90 degrees, and each flip. */
static void orient(struct culvert_frame *frame, uint32_t orientation)
{
    frame->rotation = orientation % 4 * 90;
    frame->flip = orientation / 4;
}

static struct trial trial(const struct format *format, uint32_t width, uint32_t height, uint32_t orientation,
                          uint32_t scale)
{
    struct trial trial = {
        .frame = {.format = format->id, .width = width, .height = height}, .format = format, .scale = scale};
    orient(&trial.frame, orientation);
    return trial;
}

static void lay_out(struct trial *trial, struct fence from, bool at_the_end)
{
    const size_t room = (size_t)(from.end - from.begin);
    ck_assert_int_eq(format_layout(trial->format, &trial->frame, room, &trial->layout, NULL, 0), 0);
    trial->data = at_the_end ? from.end - trial->layout.bytes : from.begin;
    convert_visible(&trial->frame, trial->scale, &trial->width, &trial->height);
    const uint32_t width = (trial->width + 1) & ~1u, height = (trial->height + 1) & ~1u;
    const size_t bytes = picture_bytes(width, height);
    ck_assert_uint_le(bytes + (size_t)2 * GUARD, (size_t)(destination.end - destination.begin));
    memset(destination.end - bytes - 2 * GUARD, PAINT, bytes + (size_t)2 * GUARD);
    trial->picture = picture_over(destination.end - bytes - GUARD, width, height);
    ck_assert_ptr_nonnull(trial->picture.plane[0]);
}

static void run(const struct trial *trial)
{
    const size_t pixels = (size_t)trial->picture.width * trial->picture.height;
    const size_t needed = (convert_scratch(pixels) + PICTURE_ALIGNMENT - 1) / PICTURE_ALIGNMENT * PICTURE_ALIGNMENT;
    ck_assert_uint_le(needed, (size_t)(scratch.end - scratch.begin));
    convert(&trial->frame, trial->format, &trial->layout, trial->data, trial->scale, scratch.end - needed,
            &trial->picture);
}

static const char *describe(const struct trial *trial)
{
    static char text[128];
    snprintf(text, sizeof text, "%s %ux%u, stride %zu, rotated by %u, flip %u, scale %u", trial->format->name,
             trial->frame.width, trial->frame.height, trial->layout.stride[0], trial->frame.rotation, trial->frame.flip,
             trial->scale);
    return text;
}

static void check_painted(const struct trial *trial, const uint8_t *from, const uint8_t *to, const char *where)
{
    while (from < to && *from == PAINT)
        ++from;
    if (from < to)
        ck_abort_msg("%s was written: %s", where, describe(trial));
}

static void check_surroundings(const struct trial *trial)
{
    const struct picture *const picture = &trial->picture;
    check_painted(trial, picture->plane[0] - GUARD, picture->plane[0], "memory before the picture");
    for (int plane = 0; plane < 3; ++plane) {
        const int shift = plane > 0;
        for (uint32_t y = 0; y < picture->height >> shift; ++y) {
            const uint8_t *const row = picture->plane[plane] + (size_t)y * picture->stride[plane];
            check_painted(trial, row + (picture->width >> shift), row + picture->stride[plane], "the rest of a row");
        }
    }
    check_painted(trial, destination.end - GUARD, destination.end, "memory behind the picture");
}

/* ---- The reference: one sample at a time, by the definitions in culvert.h */

struct point {
    int x, y;
};

/* Where a sample of the converted plane comes from in a plane of width x height. */
static struct point origin(const struct culvert_frame *frame, int width, int height, int scale, int x, int y)
{
    const bool transposed = frame->rotation % 180 != 0;
    x /= scale;
    y /= scale;
    if (frame->flip & CULVERT_FLIP_HORIZONTAL)
        x = (transposed ? height : width) - 1 - x;
    if (frame->flip & CULVERT_FLIP_VERTICAL)
        y = (transposed ? width : height) - 1 - y;
    switch (frame->rotation) {
    case 90: /* what was at the right edge is now at the top */
        return (struct point){width - 1 - y, x};
    case 180:
        return (struct point){width - 1 - x, height - 1 - y};
    case 270:
        return (struct point){y, height - 1 - x};
    default:
        return (struct point){x, y};
    }
}

struct rgb {
    double r, g, b;
};

static struct rgb rgb_of(uint32_t format, const uint8_t *at)
{
    uint16_t half;
    uint32_t word;
    memcpy(&half, at, sizeof half);
    switch (format) {
    case CULVERT_FORMAT_RGB565:
        return (struct rgb){(half >> 11) * 255 / 31., (half >> 5 & 63) * 255 / 63., (half & 31) * 255 / 31.};
    case CULVERT_FORMAT_0RGB1555:
        return (struct rgb){(half >> 10 & 31) * 255 / 31., (half >> 5 & 31) * 255 / 31., (half & 31) * 255 / 31.};
    case CULVERT_FORMAT_BGRA:
        return (struct rgb){at[2], at[1], at[0]};
    case CULVERT_FORMAT_RGBA:
        return (struct rgb){at[0], at[1], at[2]};
    default:
        memcpy(&word, at, sizeof word);
        return (struct rgb){word >> 16 & 255, word >> 8 & 255, word & 255};
    }
}

static struct rgb source_pixel(const struct trial *trial, int x, int y)
{
    const int pixel = trial->format->id >= CULVERT_FORMAT_RGB565 ? 2 : 4;
    const struct point from = origin(&trial->frame, (int)trial->frame.width, (int)trial->frame.height,
                                     (int)trial->scale, x, y);
    const uint8_t *const row = trial->data + trial->layout.offset[0] + (size_t)from.y * trial->layout.stride[0];
    return rgb_of(trial->format->id, row + from.x * pixel);
}

/* BT.601, limited range. */
static double luma(struct rgb c)
{
    return 16 + (65.481 * c.r + 128.553 * c.g + 24.966 * c.b) / 255;
}

static double blue_difference(struct rgb c)
{
    return 128 + (-37.797 * c.r - 74.203 * c.g + 112 * c.b) / 255;
}

static double red_difference(struct rgb c)
{
    return 128 + (112 * c.r - 93.786 * c.g - 18.214 * c.b) / 255;
}

static struct rgb mean_of_four(const struct trial *trial, int x, int y)
{
    const int right = x + 1 < (int)trial->width ? x + 1 : x, below = y + 1 < (int)trial->height ? y + 1 : y;
    const struct rgb c[] = {source_pixel(trial, x, y), source_pixel(trial, right, y), source_pixel(trial, x, below),
                            source_pixel(trial, right, below)};
    return (struct rgb){(c[0].r + c[1].r + c[2].r + c[3].r) / 4, (c[0].g + c[1].g + c[2].g + c[3].g) / 4,
                        (c[0].b + c[1].b + c[2].b + c[3].b) / 4};
}

static uint8_t sample(const struct trial *trial, int plane, int x, int y)
{
    return trial->picture.plane[plane][(size_t)y * trial->picture.stride[plane] + (size_t)x];
}

static void check_near(const struct trial *trial, int plane, int x, int y, double expected, double tolerance)
{
    const double off = sample(trial, plane, x, y) - expected;
    if (off > tolerance || off < -tolerance)
        ck_abort_msg("plane %d at %d,%d is %d, not %.1f: %s", plane, x, y, sample(trial, plane, x, y), expected,
                     describe(trial));
}

static void check_rgb(const struct trial *trial)
{
    for (int y = 0; y < (int)trial->height; ++y) {
        for (int x = 0; x < (int)trial->width; ++x)
            check_near(trial, 0, x, y, luma(source_pixel(trial, x, y)), 2);
    }
    for (int y = 0; y < (int)trial->height; y += 2) {
        for (int x = 0; x < (int)trial->width; x += 2) {
            const struct rgb mean = mean_of_four(trial, x, y);
            check_near(trial, 1, x / 2, y / 2, blue_difference(mean), 3);
            check_near(trial, 2, x / 2, y / 2, red_difference(mean), 3);
        }
    }
}

static uint8_t source_sample(const struct trial *trial, int plane, int x, int y)
{
    const int shift = plane > 0, interleaved = plane > 0 && trial->format->planes == 2, from = interleaved ? 1 : plane;
    const struct point at = origin(&trial->frame, ((int)trial->frame.width + shift) >> shift,
                                   ((int)trial->frame.height + shift) >> shift, (int)trial->scale, x, y);
    const size_t column = (size_t)(interleaved ? 2 * at.x + plane - 1 : at.x);
    return trial->data[trial->layout.offset[from] + (size_t)at.y * trial->layout.stride[from] + column];
}

static void check_yuv(const struct trial *trial)
{
    for (int plane = 0; plane < 3; ++plane) {
        const int shift = plane > 0;
        for (int y = 0; y < ((int)trial->height + shift) >> shift; ++y) {
            for (int x = 0; x < ((int)trial->width + shift) >> shift; ++x)
                check_near(trial, plane, x, y, source_sample(trial, plane, x, y), 0);
        }
    }
}

static void check_padding(const struct trial *trial)
{
    const int width = (int)trial->width, height = (int)trial->height;
    if (width % 2 != 0) {
        for (int y = 0; y < height; ++y)
            check_near(trial, 0, width, y, sample(trial, 0, width - 1, y), 0);
    }
    if (height % 2 != 0) {
        for (int x = 0; x < (int)trial->picture.width; ++x)
            check_near(trial, 0, x, height, sample(trial, 0, x, height - 1), 0);
    }
}

static void check(const struct trial *trial)
{
    if (trial->format->rgb)
        check_rgb(trial);
    else
        check_yuv(trial);
    check_padding(trial);
    check_surroundings(trial);
}

static void convert_and_check(struct trial trial, struct fence from)
{
    lay_out(&trial, from, true);
    run(&trial);
    check(&trial);
}

/* ---- Tests */

static const struct {
    uint32_t width, height, scale;
} cases[] = {
    {2, 2, 1},  {2, 3, 1},  {3, 2, 1},  {3, 5, 1},   {16, 16, 1}, {17, 9, 1}, {64, 33, 1}, {33, 64, 1}, {131, 37, 1},
    {2, 2, 2},  {3, 5, 2},  {17, 9, 2}, {64, 33, 2}, {2, 2, 3},   {3, 5, 3},  {16, 16, 3}, {17, 9, 3},  {64, 33, 3},
    {17, 9, 4}, {17, 9, 5}, {3, 5, 6},  {17, 9, 6},  {17, 9, 7},  {2, 2, 8},  {3, 5, 8},   {17, 9, 8},  {33, 17, 8},
};

START_TEST(every_format_comes_out_as_the_definitions_say)
{
    const struct format *format = format_at((uint32_t)_i);
    for (int i = 0; i < ROWS(cases); ++i) {
        for (uint32_t orientation = 0; orientation < ORIENTATIONS; ++orientation)
            convert_and_check(trial(format, cases[i].width, cases[i].height, orientation, cases[i].scale), source);
    }
}
END_TEST

START_TEST(strides_and_offsets_are_followed)
{
    const struct format *format = format_at((uint32_t)_i);
    for (uint32_t orientation = 0; orientation < ORIENTATIONS; ++orientation) {
        for (uint32_t scale = 1; scale <= 2; ++scale) {
            struct trial wide = trial(format, 37, 21, orientation, scale);
            for (uint32_t plane = 0; plane < format->planes; ++plane) {
                wide.frame.stride[plane] = 149 + 2 * plane;
                wide.frame.offset[plane] = 8001 - 4000 * plane;
            }
            convert_and_check(wide, source);
        }
    }
}
END_TEST

/* Every width up to two of the widest vectors and a rest, with the buffer's end, then its begin, at a page that cannot
 * be read. */
START_TEST(nothing_outside_the_buffer_is_read)
{
    static const uint32_t heights[] = {2, 3, 8, 17}, extras[] = {0, 1, 64};
    const struct format *format = format_at((uint32_t)_i);
    for (uint32_t width = 2; width <= 70; ++width) {
        for (uint32_t orientation = 0; orientation < ORIENTATIONS; ++orientation) {
            struct trial narrow = trial(format, width, heights[(width + orientation) % 4], orientation, 1);
            format_tight(format, width, narrow.frame.height, &narrow.layout);
            for (int i = 0; i < 4 * ROWS(extras); ++i) {
                for (uint32_t plane = 0; plane < format->planes; ++plane)
                    narrow.frame.stride[plane] = (uint32_t)narrow.layout.stride[plane] + extras[i / 4];
                struct trial placed = narrow;
                placed.scale = 1 + (uint32_t)i / 2 % 2;
                lay_out(&placed, source, i % 2);
                run(&placed);
            }
        }
    }
}
END_TEST

/* libyuv counts bytes with int: this is the farthest that rows may lie apart. */
START_TEST(rows_may_lie_as_far_apart_as_the_limit_says)
{
    enum { HEIGHT = 64, APART = INT32_MAX / HEIGHT, CHROMA = 1000 };
    const size_t bytes = (size_t)HEIGHT * APART;
    uint8_t *const far = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (far == MAP_FAILED) /* on a 32-bit system */
        return;
    for (size_t y = 0; y < HEIGHT; ++y)
        memcpy(far + y * APART, source.begin + y * CHROMA, CHROMA + CHROMA / 2);
    for (uint32_t orientation = 0; orientation < ORIENTATIONS; ++orientation) {
        struct trial apart = trial(format_at((uint32_t)_i), 16, HEIGHT, orientation, 1);
        apart.frame.stride[0] = APART;
        for (uint32_t plane = 1; plane < apart.format->planes; ++plane)
            apart.frame.offset[plane] = plane * CHROMA;
        lay_out(&apart, (struct fence){far, far + bytes}, false);
        run(&apart);
        check(&apart);
    }
    munmap(far, bytes);
}
END_TEST

static const struct {
    uint32_t width, height, scale;
} extremes[] = {
    {16384, 2, 1}, {2, 16384, 1}, {16383, 3, 1}, {3, 16383, 1}, {8192, 2, 2},
    {2, 8192, 2},  {5461, 3, 3},  {3, 5461, 3},  {2048, 2, 8},  {2, 2048, 8},
};

START_TEST(pictures_may_be_16384_wide_or_high)
{
    static const uint32_t orientations[] = {0, 1, 3, 4, 9};
    const struct format *format = format_at((uint32_t)_i);
    for (int i = 0; i < ROWS(extremes); ++i) {
        const uint32_t orientation = orientations[i % ROWS(orientations)];
        convert_and_check(trial(format, extremes[i].width, extremes[i].height, orientation, extremes[i].scale), source);
    }
}
END_TEST

START_TEST(scratch_suffices_for_a_large_picture)
{
    struct trial large = trial(format_at((uint32_t)_i), 1600, 1600, 1, 2);
    if (large.format->rgb)
        large.frame.width = large.frame.height = 1000;
    lay_out(&large, source, true);
    run(&large);
}
END_TEST

START_TEST(a_scaled_picture_repeats_each_pixel)
{
    static const struct {
        uint32_t width, height, scale;
    } scaled[] = {{240, 136, 8}, {2340, 3, 7}, {2340, 3, 6}, {2339, 3, 7}, {2341, 2, 5}, {960, 17, 2}};
    static uint8_t once[64 * 1024];
    const struct format *format = format_at((uint32_t)_i);
    for (int i = 0; i < ROWS(scaled); ++i) {
        struct trial plain = trial(format, scaled[i].width, scaled[i].height, 0, 1), large = plain;
        lay_out(&plain, source, true);
        run(&plain);
        const size_t stride = plain.picture.stride[0];
        ck_assert_uint_le(stride * plain.height, sizeof once);
        memcpy(once, plain.picture.plane[0], stride * plain.height);
        large.scale = scaled[i].scale;
        lay_out(&large, source, true);
        run(&large);
        for (int y = 0; y < (int)large.height; ++y) {
            const uint8_t *const row = once + (size_t)y / large.scale * stride;
            for (int x = 0; x < (int)large.width; ++x)
                check_near(&large, 0, x, y, row[(uint32_t)x / large.scale], 0);
        }
    }
}
END_TEST

static const struct {
    uint32_t format;
    uint8_t ignored[4]; /* bits of each byte of a pixel, or of two */
} ignorant[] = {
    {CULVERT_FORMAT_BGRA, {0, 0, 0, 255}},
    {CULVERT_FORMAT_RGBA, {0, 0, 0, 255}},
    {CULVERT_FORMAT_XRGB8888, {0, 0, 0, 255}},
    {CULVERT_FORMAT_0RGB1555, {0, 128, 0, 128}},
};

START_TEST(alpha_and_unused_bits_do_not_matter)
{
    static uint8_t before[64 * 1024];
    for (uint32_t orientation = 0; orientation < ORIENTATIONS; ++orientation) {
        struct trial noisy = trial(format_find(ignorant[_i].format), 66, 35, orientation, 1 + orientation % 3);
        lay_out(&noisy, source, false);
        run(&noisy);
        const size_t bytes = picture_bytes(noisy.picture.width, noisy.picture.height);
        ck_assert_uint_le(bytes, sizeof before);
        memcpy(before, noisy.picture.plane[0], bytes);
        for (size_t i = 0; i < noisy.layout.bytes; ++i)
            source.begin[i] ^= ignorant[_i].ignored[i % 4] & (uint8_t)(i * 37 | 8);
        run(&noisy);
        ck_assert_mem_eq(noisy.picture.plane[0], before, bytes);
    }
}
END_TEST

enum { WHITE, BLACK, RED, GREEN, BLUE, COLOURS };

static const struct {
    uint32_t format;
    uint32_t pixels[COLOURS]; /* words, of native order */
} palettes[] = {
    {CULVERT_FORMAT_BGRA, {0xffffffff, 0, 0x00ff0000, 0x0000ff00, 0x000000ff}},
    {CULVERT_FORMAT_RGBA, {0xffffffff, 0, 0x000000ff, 0x0000ff00, 0x00ff0000}},
    {CULVERT_FORMAT_XRGB8888, {0xffffffff, 0, 0x00ff0000, 0x0000ff00, 0x000000ff}},
    {CULVERT_FORMAT_RGB565, {0xffffffff, 0, 0xf800f800, 0x07e007e0, 0x001f001f}},
    {CULVERT_FORMAT_0RGB1555, {0x7fff7fff, 0, 0x7c007c00, 0x03e003e0, 0x001f001f}},
};

/* ITU-R BT.601, rounded. */
START_TEST(white_black_and_primaries_are_right)
{
    static const uint8_t expected[COLOURS][3] = {
        [WHITE] = {235, 128, 128}, [BLACK] = {16, 128, 128}, [RED] = {81, 90, 240},
        [GREEN] = {145, 54, 34},   [BLUE] = {41, 240, 110},
    };
    for (int colour = 0; colour < COLOURS; ++colour) {
        for (uint32_t orientation = 0; orientation < ORIENTATIONS; ++orientation) {
            struct trial flat = trial(format_find(palettes[_i].format), 18, 7, orientation, 1 + orientation % 3);
            lay_out(&flat, source, false);
            for (size_t i = 0; i < flat.layout.bytes; i += 4)
                memcpy(source.begin + i, &palettes[_i].pixels[colour], 4);
            run(&flat);
            for (int y = 0; y < (int)flat.height; ++y) {
                for (int x = 0; x < (int)flat.width; ++x) {
                    check_near(&flat, 0, x, y, expected[colour][0], 1);
                    check_near(&flat, 1, x / 2, y / 2, expected[colour][1], 1);
                    check_near(&flat, 2, x / 2, y / 2, expected[colour][2], 1);
                }
            }
        }
    }
}
END_TEST

static const uint32_t direct[] = {CULVERT_FORMAT_I420, CULVERT_FORMAT_NV12, CULVERT_FORMAT_BGRA, CULVERT_FORMAT_RGBA,
                                  CULVERT_FORMAT_XRGB8888};

START_TEST(scratch_is_left_alone_where_the_picture_is_neither_turned_nor_scaled)
{
    static const uint32_t straight[] = {0, 8, 6}; /* as it is; upside down; that again, by rotation and a flip */
    const size_t bytes = convert_scratch(68 * 36);
    uint8_t *const forbidden = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(forbidden, MAP_FAILED);
    for (int i = 0; i < ROWS(straight); ++i) {
        struct trial plain = trial(format_find(direct[_i]), 67, 35, straight[i], 1);
        lay_out(&plain, source, true);
        convert(&plain.frame, plain.format, &plain.layout, plain.data, 1, forbidden, &plain.picture);
    }
    munmap(forbidden, bytes);
}
END_TEST

static const struct {
    uint32_t width, height, rotation, scale, visible_width, visible_height;
} visible[] = {
    {256, 224, 0, 1, 256, 224}, {256, 224, 180, 1, 256, 224}, {256, 224, 90, 1, 224, 256},
    {3, 5, 270, 3, 15, 9},      {16384, 2, 0, 8, 131072, 16}, {2, 16384, 90, 8, 131072, 16},
};

START_TEST(what_is_visible_is_turned_and_scaled)
{
    const struct culvert_frame frame = {
        .width = visible[_i].width, .height = visible[_i].height, .rotation = visible[_i].rotation};
    uint32_t width, height;
    convert_visible(&frame, visible[_i].scale, &width, &height);
    ck_assert_uint_eq(width, visible[_i].visible_width);
    ck_assert_uint_eq(height, visible[_i].visible_height);
}
END_TEST

START_TEST(planes_of_a_picture_are_aligned_and_apart)
{
    static const uint32_t sizes[] = {2, 4, 62, 64, 66, 126, 128, 130, 16384};
    for (int w = 0; w < ROWS(sizes); ++w) {
        for (int h = 0; h < ROWS(sizes); ++h) {
            const struct picture picture = picture_over(scratch.begin, sizes[w], sizes[h]);
            const uint8_t *free = scratch.begin;
            for (int plane = 0; plane < 3; ++plane) {
                const uint32_t width = plane ? sizes[w] / 2 : sizes[w], height = plane ? sizes[h] / 2 : sizes[h];
                ck_assert_uint_eq((uintptr_t)picture.plane[plane] % PICTURE_ALIGNMENT, 0);
                ck_assert_uint_eq(picture.stride[plane] % PICTURE_ALIGNMENT, 0);
                ck_assert_uint_ge(picture.stride[plane], width);
                ck_assert_uint_ge((uintptr_t)picture.plane[plane], (uintptr_t)free);
                free = picture.plane[plane] + (size_t)picture.stride[plane] * height;
            }
            ck_assert_uint_eq(picture_bytes(sizes[w], sizes[h]), (size_t)(free - scratch.begin));
            ck_assert_uint_eq(picture.width, sizes[w]);
            ck_assert_uint_eq(picture.height, sizes[h]);
        }
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("convert");
    TCase *convert = tcase_create("convert");
    tcase_set_timeout(convert, 120);
    tcase_add_unchecked_fixture(convert, setup, teardown);
    tcase_add_loop_test(convert, every_format_comes_out_as_the_definitions_say, 0, FORMATS);
    tcase_add_loop_test(convert, strides_and_offsets_are_followed, 0, FORMATS);
    tcase_add_loop_test(convert, scratch_suffices_for_a_large_picture, 0, FORMATS);
    tcase_add_loop_test(convert, a_scaled_picture_repeats_each_pixel, 0, FORMATS);
    tcase_add_loop_test(convert, alpha_and_unused_bits_do_not_matter, 0, ROWS(ignorant));
    tcase_add_loop_test(convert, white_black_and_primaries_are_right, 0, ROWS(palettes));
    tcase_add_loop_test(convert, scratch_is_left_alone_where_the_picture_is_neither_turned_nor_scaled, 0, ROWS(direct));
    tcase_add_loop_test(convert, what_is_visible_is_turned_and_scaled, 0, ROWS(visible));
    tcase_add_test(convert, planes_of_a_picture_are_aligned_and_apart);
    suite_add_tcase(suite, convert);

    TCase *limits = tcase_create("limits");
    tcase_set_timeout(limits, 120);
    tcase_set_tags(limits, "long");
    tcase_add_unchecked_fixture(limits, setup, teardown);
    tcase_add_loop_test(limits, nothing_outside_the_buffer_is_read, 0, FORMATS);
    tcase_add_loop_test(limits, rows_may_lie_as_far_apart_as_the_limit_says, 0, FORMATS);
    tcase_add_loop_test(limits, pictures_may_be_16384_wide_or_high, 0, FORMATS);
    suite_add_tcase(suite, limits);
    return suite;
}
