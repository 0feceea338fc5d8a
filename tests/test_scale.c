#include "frame/scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "instrument.h"
#include "run.h"

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

static const struct {
    uint32_t width, height, num, den;
    struct window window;
} windows[] = {
    {1280, 720, 16, 9, {0, 0, 1280, 720}},
    {1280, 720, 4, 3, {160, 0, 960, 720}},
    {640, 480, 16, 9, {0, 60, 640, 360}},
    {640, 480, 4, 3, {0, 0, 640, 480}},
    {640, 480, 8, 7, {46, 0, 548, 480}}, /* 548.57 */
    {1280, 720, 1, 1, {280, 0, 720, 720}},
    {720, 1280, 4, 3, {0, 370, 720, 540}},
    {1920, 1080, 10, 9, {360, 0, 1200, 1080}},
    {1920, 1080, 959, 540, {0, 0, 1918, 1080}},
    {1920, 1080, 961, 540, {0, 0, 1920, 1078}}, /* 1078.9 */
    {640, 480, 65535, 1, {0, 238, 640, 2}},
    {640, 480, 1, 65535, {318, 0, 2, 480}},
    {640, 480, UINT32_MAX, 1, {0, 238, 640, 2}},
    {16384, 16384, 1, UINT32_MAX, {8190, 0, 2, 16384}},
    {16384, 16384, UINT32_MAX, UINT32_MAX, {0, 0, 16384, 16384}},
    {2, 2, 16, 9, {0, 0, 2, 2}},
    {2, 2, 1, 65535, {0, 0, 2, 2}},
    {2, 16384, 16, 9, {0, 8190, 2, 2}},
};

START_TEST(the_window_is_the_largest_of_its_aspect_and_in_the_middle)
{
    const struct window *want = &windows[_i].window;
    const struct window is = scale_window(windows[_i].width, windows[_i].height, windows[_i].num, windows[_i].den);
    ck_assert_msg(memcmp(&is, want, sizeof is) == 0, "%ux%u at %u,%u, where %ux%u at %u,%u should be", is.width,
                  is.height, is.x, is.y, want->width, want->height, want->x, want->y);
}
END_TEST

#define PIXEL 1.000001

/* That one side is whole and the other within a pixel of what the aspect asks for. */
static bool has_aspect(const struct window *window, uint32_t width, uint32_t height, double aspect)
{
    const bool high = window->height == height && fabs(fmax(height * aspect, 2) - window->width) <= PIXEL;
    const bool wide = window->width == width && fabs(fmax(width / aspect, 2) - window->height) <= PIXEL;
    return high || wide;
}

START_TEST(any_window_is_even_and_within_the_picture_and_its_aspect_within_a_pixel)
{
    for (uint32_t i = 0; i < rounds(200000); i++) {
        const uint32_t width = 2 + random_next() % 2000 * 2, height = 2 + random_next() % 2000 * 2;
        const uint32_t num = 1 + (random_next() >> random_next() % 32), den = 1 + (random_next() >> random_next() % 32);
        const struct window window = scale_window(width, height, num, den);
        ck_assert_uint_eq((window.x | window.y | window.width | window.height) & 1, 0);
        ck_assert(window.width >= 2 && window.height >= 2);
        const uint32_t right = width - window.x - window.width, bottom = height - window.y - window.height;
        ck_assert(right == window.x || right == window.x + 2);
        ck_assert(bottom == window.y || bottom == window.y + 2);
        ck_assert_msg(has_aspect(&window, width, height, (double)num / den), "%ux%u of %ux%u for %u/%u", window.width,
                      window.height, width, height, num, den);
    }
}
END_TEST

/* ---- Pictures ---------------------------------------------------------------------------------------------------- */

#define UNTOUCHED 0xA5
#define GUARD PICTURE_ALIGNMENT /* bytes before and behind a picture's */

static struct picture make(uint32_t width, uint32_t height)
{
    const size_t bytes = picture_bytes(width, height) + 2 * GUARD;
    uint8_t *const memory = aligned_alloc(PICTURE_ALIGNMENT, (bytes + 63) & ~(size_t)63);
    ck_assert_ptr_nonnull(memory);
    memset(memory, UNTOUCHED, bytes);
    return picture_over(memory + GUARD, width, height);
}

static void drop(const struct picture *picture)
{
    free(picture->plane[0] - GUARD);
}

static uint32_t plane_width(const struct picture *picture, int plane)
{
    return picture->width >> (plane > 0);
}

static uint32_t plane_height(const struct picture *picture, int plane)
{
    return picture->height >> (plane > 0);
}

static uint8_t *at(const struct picture *picture, int plane, uint32_t x, uint32_t y)
{
    return picture->plane[plane] + (size_t)y * picture->stride[plane] + x;
}

typedef uint8_t (*painter)(uint32_t x, uint32_t y, int plane);

static struct picture paint(uint32_t width, uint32_t height, painter pixel)
{
    const struct picture picture = make(width, height);
    for (int plane = 0; plane < 3; plane++)
        for (uint32_t y = 0; y < plane_height(&picture, plane); y++)
            for (uint32_t x = 0; x < plane_width(&picture, plane); x++)
                *at(&picture, plane, x, y) = pixel(x, y, plane);
    return picture;
}

static uint8_t column(uint32_t x, uint32_t y, int plane)
{
    (void)y;
    return (uint8_t)(x + 50 * (uint32_t)plane);
}

static uint8_t row(uint32_t x, uint32_t y, int plane)
{
    return column(y, x, plane);
}

/* Slopes of at most two levels a pixel. */
static uint8_t smooth(uint32_t x, uint32_t y, int plane)
{
    return (uint8_t)lrint(128 + 100 * sin(x * 0.02 + plane) * cos(y * 0.02));
}

static uint8_t noise(uint32_t x, uint32_t y, int plane)
{
    (void)x, (void)y, (void)plane;
    return (uint8_t)random_next();
}

static uint8_t checkers(uint32_t x, uint32_t y, int plane)
{
    (void)plane;
    return (x + y) % 2 == 0 ? 20 : 220;
}

static struct picture scaled_whole(const struct picture *from, uint32_t width, uint32_t height, bool nearest)
{
    const struct picture to = make(width, height);
    scale(from, &to, &(struct window){.width = width, .height = height}, nearest, false);
    return to;
}

/* ---- Filters ----------------------------------------------------------------------------------------------------- */

static const struct {
    uint32_t from[2], to[2];
    double reach; /* of nearest neighbour, from the middle of one pixel to that of the other, in pixels of the source */
} ratios[] = {
    {{2, 2}, {2, 2}, 0},
    {{2, 2}, {64, 64}, 0.5},
    {{64, 64}, {2, 2}, 0.5},
    {{2, 64}, {64, 2}, 0.5},
    {{4, 4}, {250, 6}, 0.5},
    {{160, 120}, {320, 240}, 0.25},
    {{64, 56}, {192, 168}, 0.34},
    {{160, 120}, {320, 120}, 0.25},
    {{160, 120}, {160, 240}, 0.25},
    {{160, 240}, {160, 120}, 0.5},
    {{160, 120}, {160, 206}, 0.51},
    {{160, 120}, {162, 122}, 0.5},
    {{320, 240}, {478, 358}, 0.51},
    {{254, 220}, {510, 378}, 0.51},
    {{160, 120}, {160, 120}, 0},
    {{320, 240}, {160, 120}, 0.5},
    {{320, 240}, {214, 160}, 0.5},
    {{100, 80}, {76, 60}, 0.51},
    {{166, 120}, {60, 46}, 0.51},
    {{160, 160}, {120, 120}, 0.5}, /* three quarters */
    {{160, 160}, {60, 60}, 0.84},  /* three eighths: libyuv has its own way */
    {{480, 360}, {160, 120}, 0},
    {{640, 360}, {160, 120}, 0.5},
    {{16384, 16}, {320, 16}, 0.51},
    {{320, 16}, {16384, 16}, 0.76}, /* its steps are 65536ths of a pixel */
    {{16, 320}, {16, 16384}, 0.76},
};

static uint32_t side_of(const struct picture *picture, int plane, int axis)
{
    return axis == 0 ? plane_width(picture, plane) : plane_height(picture, plane);
}

/* How far pixels lie, at most, from where they should be along the axis whose position the picture's values give. */
static double farthest(const struct picture *from, const struct picture *to, int plane, int axis)
{
    const double ratio = (double)side_of(from, plane, axis) / side_of(to, plane, axis);
    double most = 0;
    for (uint32_t y = 0; y < plane_height(to, plane); y++)
        for (uint32_t x = 0; x < plane_width(to, plane); x++) {
            const double middle = ((axis == 0 ? x : y) + 0.5) * ratio;
            const double offset = *at(to, plane, x, y) - 50 * plane + 0.5 - middle;
            most = fmax(most, fabs(offset - 256 * round(offset / 256)));
        }
    return most;
}

START_TEST(nearest_takes_the_pixel_that_lies_there)
{
    const uint32_t *from = ratios[_i].from, *to = ratios[_i].to;
    for (int axis = 0; axis < 2; axis++) {
        const struct picture source = paint(from[0], from[1], axis == 0 ? column : row);
        const struct picture target = scaled_whole(&source, to[0], to[1], true);
        for (int plane = 0; plane < 3; plane++) {
            const double far = farthest(&source, &target, plane, axis);
            ck_assert_msg(far <= ratios[_i].reach, "%.3f pixels away", far);
        }
        drop(&source);
        drop(&target);
    }
}
END_TEST

static double clamped(double position, uint32_t side)
{
    return fmin(fmax(position, 0), side - 1);
}

/* The plane between its pixels; x and y count from the middle of the first one. */
static double between(const struct picture *picture, int plane, double x, double y)
{
    x = clamped(x, plane_width(picture, plane));
    y = clamped(y, plane_height(picture, plane));
    const uint32_t left = (uint32_t)x, top = (uint32_t)y;
    const uint32_t right = (uint32_t)ceil(x), bottom = (uint32_t)ceil(y);
    const double above = *at(picture, plane, left, top) * (left + 1 - x) + *at(picture, plane, right, top) * (x - left);
    const double below = *at(picture, plane, left, bottom) * (left + 1 - x) +
                         *at(picture, plane, right, bottom) * (x - left);
    return above * (top + 1 - y) + below * (y - top);
}

static double coarsest(const struct picture *from, const struct picture *to, int plane)
{
    const double across = (double)plane_width(from, plane) / plane_width(to, plane);
    const double down = (double)plane_height(from, plane) / plane_height(to, plane);
    double most = 0;
    for (uint32_t y = 0; y < plane_height(to, plane); y++)
        for (uint32_t x = 0; x < plane_width(to, plane); x++)
            most = fmax(most, fabs(*at(to, plane, x, y) -
                                   between(from, plane, (x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5)));
    return most;
}

START_TEST(bilinear_is_within_two_levels_of_the_line_between_the_pixels)
{
    const struct picture source = paint(ratios[_i].from[0], ratios[_i].from[1], smooth);
    const struct picture target = scaled_whole(&source, ratios[_i].to[0], ratios[_i].to[1], false);
    for (int plane = 0; plane < 3; plane++) {
        const double far = coarsest(&source, &target, plane);
        ck_assert_msg(far <= 2, "plane %d: %.2f levels away", plane, far);
    }
    drop(&source);
    drop(&target);
}
END_TEST

static uint32_t blends(bool nearest)
{
    const struct picture source = paint(64, 48, checkers), target = scaled_whole(&source, 250, 190, nearest);
    uint32_t count = 0;
    for (int plane = 0; plane < 3; plane++)
        for (uint32_t y = 0; y < plane_height(&target, plane); y++)
            for (uint32_t x = 0; x < plane_width(&target, plane); x++)
                count += *at(&target, plane, x, y) != 20 && *at(&target, plane, x, y) != 220;
    drop(&source);
    drop(&target);
    return count;
}

START_TEST(nearest_keeps_every_colour_and_bilinear_blends_them)
{
    ck_assert_uint_eq(blends(true), 0);
    ck_assert_uint_gt(blends(false), 250 * 190 / 2);
}
END_TEST

/* ---- Beside the window ------------------------------------------------------------------------------------------- */

static const struct {
    uint32_t from[2], to[2], num, den;
} canvases[] = {
    {{320, 240}, {640, 360}, 4, 3}, {{320, 180}, {640, 480}, 16, 9}, {{256, 224}, {640, 480}, 8, 7},
    {{2, 2}, {640, 480}, 65535, 1}, {{2, 2}, {640, 480}, 1, 65535},  {{640, 360}, {320, 240}, 16, 9},
    {{64, 64}, {2, 2}, 1, 1},       {{66, 50}, {318, 202}, 33, 25},  {{320, 240}, {640, 480}, 4, 3},
};

/* What scale should have left at a pixel: the frame scaled by itself, or black. */
static uint8_t expected(const struct picture *alone, const struct window *window, int plane, uint32_t x, uint32_t y,
                        bool full)
{
    const int shift = plane > 0;
    const uint32_t left = window->x >> shift, top = window->y >> shift;
    if (x >= left && y >= top && x < left + (window->width >> shift) && y < top + (window->height >> shift))
        return *at(alone, plane, x - left, y - top);
    return plane > 0 ? 128 : full ? 0 : 16;
}

static uint32_t wrong_pixels(const struct picture *to, const struct picture *alone, const struct window *window,
                             bool full)
{
    uint32_t wrong = 0;
    for (int plane = 0; plane < 3; plane++)
        for (uint32_t y = 0; y < plane_height(to, plane); y++) {
            for (uint32_t x = 0; x < plane_width(to, plane); x++)
                wrong += *at(to, plane, x, y) != expected(alone, window, plane, x, y, full);
            for (uint32_t x = plane_width(to, plane); x < to->stride[plane]; x++)
                wrong += *at(to, plane, x, y) != UNTOUCHED;
        }
    for (int i = 1; i <= GUARD; i++)
        /* cppcheck-suppress negativeIndex ; the guard */
        wrong += to->plane[0][-i] != UNTOUCHED;
    for (uint32_t i = 0; i < GUARD; i++)
        wrong += *at(to, 2, i, plane_height(to, 2)) != UNTOUCHED;
    return wrong;
}

static void check_canvas(int i, bool nearest, bool full)
{
    const struct picture from = paint(canvases[i].from[0], canvases[i].from[1], noise);
    const struct picture copy = scaled_whole(&from, from.width, from.height, true);
    const struct picture to = make(canvases[i].to[0], canvases[i].to[1]);
    const struct window window = scale_window(to.width, to.height, canvases[i].num, canvases[i].den);
    const struct picture alone = scaled_whole(&from, window.width, window.height, nearest);
    scale(&from, &to, &window, nearest, full);
    ck_assert_uint_eq(wrong_pixels(&to, &alone, &window, full), 0);
    ck_assert_mem_eq(from.plane[0] - GUARD, copy.plane[0] - GUARD, picture_bytes(from.width, from.height) + 2 * GUARD);
    const struct picture *const all[] = {&from, &copy, &to, &alone};
    for (int k = 0; k < 4; k++)
        drop(all[k]);
}

START_TEST(beside_the_window_it_is_black_and_beyond_the_picture_nothing_is_written)
{
    for (int choice = 0; choice < 4; choice++)
        check_canvas(_i, choice & 1, choice & 2);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("scale");
    TCase *tcase = add_case(suite, "windows");
    add_rows(tcase, the_window_is_the_largest_of_its_aspect_and_in_the_middle, windows);
    tcase_add_test(tcase, any_window_is_even_and_within_the_picture_and_its_aspect_within_a_pixel);
    tcase = add_case(suite, "filters");
    add_rows(tcase, nearest_takes_the_pixel_that_lies_there, ratios);
    add_rows(tcase, bilinear_is_within_two_levels_of_the_line_between_the_pixels, ratios);
    tcase_add_test(tcase, nearest_keeps_every_colour_and_bilinear_blends_them);
    tcase = add_case(suite, "beside");
    add_rows(tcase, beside_the_window_it_is_black_and_beyond_the_picture_nothing_is_written, canvases);
    return suite;
}
