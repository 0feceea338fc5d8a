#include "run.h"

#include <limits.h>
#include <string.h>

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

#include "frame/format.h"

#define ROWS(table) (int)(sizeof table / sizeof table[0])

enum { FORMATS = 7, MUCH = INT_MAX };

static const uint32_t widths[] = {2, 3, 4, 15, 16, 17, 640, 16383, 16384}, heights[] = {2, 3, 4, 479, 480};

START_TEST(every_format_is_found_by_its_id)
{
    const struct format *format = format_at((uint32_t)_i);
    ck_assert_ptr_nonnull(format);
    ck_assert_ptr_eq(format_find(format->id), format);
}
END_TEST

START_TEST(numbers_that_are_no_format_are_not_found)
{
    ck_assert_ptr_null(format_at(FORMATS));
    ck_assert_ptr_null(format_at(UINT32_MAX));
    ck_assert_ptr_null(format_find(0));
    ck_assert_ptr_null(format_find(CULVERT_FORMAT_0RGB1555 + 1));
    ck_assert_ptr_null(format_find(UINT32_MAX));
}
END_TEST

START_TEST(names_are_those_of_the_command_and_of_libavutil)
{
    static const struct {
        uint32_t id;
        const char *name, *pixel_format;
    } names[] = {
        {CULVERT_FORMAT_I420, "i420", "yuv420p"},
        {CULVERT_FORMAT_NV12, "nv12", "nv12"},
        {CULVERT_FORMAT_BGRA, "bgra", "bgra"},
        {CULVERT_FORMAT_RGBA, "rgba", "rgba"},
        {CULVERT_FORMAT_XRGB8888, "xrgb8888", "bgr0"},
        {CULVERT_FORMAT_RGB565, "rgb565", "rgb565le"},
        {CULVERT_FORMAT_0RGB1555, "0rgb1555", "rgb555le"},
    };
    for (int i = 0; i < ROWS(names); ++i) {
        const struct format *format = format_find(names[i].id);
        ck_assert_str_eq(format->name, names[i].name);
        ck_assert_str_eq(av_get_pix_fmt_name((enum AVPixelFormat)format->pixel_format), names[i].pixel_format);
    }
}
END_TEST

START_TEST(planes_and_colour_are_those_of_libavutil)
{
    const struct format *format = format_at((uint32_t)_i);
    const enum AVPixelFormat pixel_format = (enum AVPixelFormat)format->pixel_format;
    ck_assert_uint_eq(format->planes, (uint32_t)av_pix_fmt_count_planes(pixel_format));
    ck_assert_uint_eq(format->rgb, (av_pix_fmt_desc_get(pixel_format)->flags & AV_PIX_FMT_FLAG_RGB) != 0);
}
END_TEST

START_TEST(a_tight_layout_takes_what_libavutil_says)
{
    const struct format *format = format_at((uint32_t)_i);
    for (int w = 0; w < ROWS(widths); ++w) {
        for (int h = 0; h < ROWS(heights); ++h) {
            struct layout layout;
            format_tight(format, widths[w], heights[h], &layout);
            const int bytes = av_image_get_buffer_size((enum AVPixelFormat)format->pixel_format, (int)widths[w],
                                                       (int)heights[h], 1);
            ck_assert_uint_eq(layout.bytes, (size_t)bytes);
        }
    }
}
END_TEST

static const struct {
    struct culvert_frame frame;
    struct layout layout;
} layouts[] = {
    /* Tight, of an odd size: chroma is rounded up. */
    {{.format = CULVERT_FORMAT_I420, .width = 3, .height = 5}, {{0, 15, 21}, {3, 2, 2}, 27}},
    {{.format = CULVERT_FORMAT_NV12, .width = 3, .height = 5}, {{0, 15}, {3, 4}, 27}},
    {{.format = CULVERT_FORMAT_BGRA, .width = 3, .height = 5}, {{0}, {12}, 60}},
    {{.format = CULVERT_FORMAT_RGB565, .width = 3, .height = 5}, {{0}, {6}, 30}},
    /* The largest. */
    {{.format = CULVERT_FORMAT_I420, .width = 16384, .height = 16384},
     {{0, 1 << 28, (1 << 28) + (1 << 26)}, {16384, 8192, 8192}, 3 << 27}},
    {{.format = CULVERT_FORMAT_RGBA, .width = 16384, .height = 16384}, {{0}, {65536}, 1 << 30}},
    /* The last row ends with its pixels, not with its stride. */
    {{.format = CULVERT_FORMAT_XRGB8888, .width = 3, .height = 5, .stride = {16}}, {{0}, {16}, 76}},
    {{.format = CULVERT_FORMAT_0RGB1555, .width = 3, .height = 5, .offset = {7}, .stride = {7}},
     {{7}, {7}, 7 + 4 * 7 + 6}},
    /* Chroma planes are tight unless told otherwise, and follow the whole stride of the last luma row. */
    {{.format = CULVERT_FORMAT_I420, .width = 3, .height = 5, .stride = {8}}, {{0, 40, 46}, {8, 2, 2}, 52}},
    {{.format = CULVERT_FORMAT_I420, .width = 3, .height = 5, .offset = {100}, .stride = {8, 4, 5}},
     {{100, 140, 152}, {8, 4, 5}, 152 + 2 * 5 + 2}},
    {{.format = CULVERT_FORMAT_NV12, .width = 4, .height = 4, .stride = {6, 7}}, {{0, 24}, {6, 7}, 24 + 7 + 4}},
    /* V before U, both before Y. */
    {{.format = CULVERT_FORMAT_I420, .width = 4, .height = 4, .offset = {64, 32, 8}}, {{64, 32, 8}, {4, 2, 2}, 80}},
    {{.format = CULVERT_FORMAT_I420, .width = 4, .height = 4, .offset = {0, 32}}, {{0, 32, 36}, {4, 2, 2}, 40}},
};

START_TEST(planes_lie_where_the_header_says)
{
    struct layout layout;
    ck_assert_int_eq(format_layout(format_find(layouts[_i].frame.format), &layouts[_i].frame, MUCH, &layout, NULL, 0),
                     0);
    ck_assert_mem_eq(&layout, &layouts[_i].layout, sizeof layout);
}
END_TEST

START_TEST(a_buffer_must_reach_the_end_of_the_last_row)
{
    const struct format *format = format_at((uint32_t)_i);
    for (uint32_t extra = 0; extra < 3; ++extra) {
        struct culvert_frame frame = {.width = 17, .height = 9, .offset = {extra}, .stride = {extra ? 68 + extra : 0}};
        struct layout layout, again;
        ck_assert_int_eq(format_layout(format, &frame, MUCH, &layout, NULL, 0), 0);
        ck_assert_int_eq(format_layout(format, &frame, layout.bytes, &again, NULL, 0), 0);
        ck_assert_int_eq(format_layout(format, &frame, layout.bytes - 1, &again, NULL, 0), CULVERT_E_ARGUMENT);
        ck_assert_int_eq(format_layout(format, &frame, 0, &again, NULL, 0), CULVERT_E_ARGUMENT);
    }
}
END_TEST

START_TEST(sizes_are_limited)
{
    static const uint32_t good[] = {2, 3, 16383, 16384}, bad[] = {0, 1, 16385, UINT32_MAX};
    const struct format *format = format_at((uint32_t)_i);
    struct layout layout;
    for (int i = 0; i < ROWS(good); ++i) {
        const struct culvert_frame wide = {.width = good[i], .height = 2}, high = {.width = 2, .height = good[i]};
        ck_assert_int_eq(format_layout(format, &wide, MUCH, &layout, NULL, 0), 0);
        ck_assert_int_eq(format_layout(format, &high, MUCH, &layout, NULL, 0), 0);
    }
    for (int i = 0; i < ROWS(bad); ++i) {
        const struct culvert_frame wide = {.width = bad[i], .height = 2}, high = {.width = 2, .height = bad[i]};
        ck_assert_int_eq(format_layout(format, &wide, MUCH, &layout, NULL, 0), CULVERT_E_SIZE);
        ck_assert_int_eq(format_layout(format, &high, MUCH, &layout, NULL, 0), CULVERT_E_SIZE);
    }
}
END_TEST

static const struct {
    uint32_t format, width, height, plane, least, most;
} limits[] = {
    {CULVERT_FORMAT_I420, 17, 9, 0, 17, INT_MAX / 9},     {CULVERT_FORMAT_I420, 17, 9, 1, 9, INT_MAX / 5},
    {CULVERT_FORMAT_I420, 17, 9, 2, 9, INT_MAX / 5},      {CULVERT_FORMAT_NV12, 17, 9, 1, 18, INT_MAX / 5},
    {CULVERT_FORMAT_BGRA, 17, 9, 0, 68, INT_MAX / 9},     {CULVERT_FORMAT_RGBA, 2, 2, 0, 8, INT_MAX / 2},
    {CULVERT_FORMAT_XRGB8888, 3, 2, 0, 12, INT_MAX / 2},  {CULVERT_FORMAT_RGB565, 17, 16384, 0, 34, 131071},
    {CULVERT_FORMAT_0RGB1555, 17, 9, 0, 34, INT_MAX / 9},
};

START_TEST(strides_are_limited)
{
    const struct format *format = format_find(limits[_i].format);
    struct culvert_frame frame = {.width = limits[_i].width, .height = limits[_i].height};
    uint32_t *const stride = &frame.stride[limits[_i].plane];
    const struct {
        uint32_t stride;
        int result;
    } tries[] = {
        {limits[_i].least - 1, CULVERT_E_ARGUMENT},
        {limits[_i].least, 0},
        {limits[_i].least + 1, 0},
        {limits[_i].most, 0},
        {limits[_i].most + 1, CULVERT_E_ARGUMENT},
        {UINT32_MAX, CULVERT_E_ARGUMENT},
    };
    for (int i = 0; i < ROWS(tries); ++i) {
        struct layout layout;
        *stride = tries[i].stride;
        ck_assert_int_eq(format_layout(format, &frame, SIZE_MAX, &layout, NULL, 0), tries[i].result);
    }
}
END_TEST

START_TEST(offsets_do_not_overflow)
{
    const struct format *format = format_at((uint32_t)_i);
    const struct culvert_frame frame = {.width = 16384, .height = 16384, .offset = {UINT32_MAX}};
    struct layout layout, tight;
    format_tight(format, 16384, 16384, &tight);
    ck_assert_int_eq(format_layout(format, &frame, tight.bytes, &layout, NULL, 0), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(format_layout(format, &frame, UINT32_MAX, &layout, NULL, 0), CULVERT_E_ARGUMENT);
#if SIZE_MAX > UINT32_MAX
    ck_assert_int_eq(format_layout(format, &frame, UINT32_MAX + tight.bytes - 1, &layout, NULL, 0), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(format_layout(format, &frame, UINT32_MAX + tight.bytes, &layout, NULL, 0), 0);
    for (uint32_t plane = 0; plane < format->planes; ++plane)
        ck_assert_uint_eq(layout.offset[plane], UINT32_MAX + tight.offset[plane]);
#endif
}
END_TEST

START_TEST(planes_that_a_format_does_not_have_are_refused)
{
    const struct format *format = format_at((uint32_t)_i);
    for (uint32_t plane = 0; plane < 3; ++plane) {
        struct culvert_frame shifted = {.width = 16, .height = 16}, padded = shifted;
        shifted.offset[plane] = 1;
        padded.stride[plane] = 64;
        struct layout layout;
        const int result = plane < format->planes ? 0 : CULVERT_E_ARGUMENT;
        ck_assert_int_eq(format_layout(format, &shifted, MUCH, &layout, NULL, 0), result);
        ck_assert_int_eq(format_layout(format, &padded, MUCH, &layout, NULL, 0), result);
    }
}
END_TEST

static const struct {
    struct culvert_frame frame;
    size_t available;
    const char *why;
} refusals[] = {
    {{.format = CULVERT_FORMAT_I420, .width = 1, .height = 4}, 100, "size 1x4 is not within 2x2 and 16384x16384"},
    {{.format = CULVERT_FORMAT_I420, .width = 320, .height = 4, .stride = {0, 100}},
     MUCH,
     "plane 1: stride 100 is shorter than its row of 160 bytes; pass at least that, or 0 for tight"},
    {{.format = CULVERT_FORMAT_RGB565, .width = 16, .height = 16384, .stride = {131072}},
     SIZE_MAX,
     "plane 0: 16384 rows of stride 131072 span more than 2 GiB; pass a stride up to 131071"},
    {{.format = CULVERT_FORMAT_NV12, .width = 4, .height = 4},
     23,
     "plane 1: its last row ends at byte 24, but the buffer has 23 bytes"},
    {{.format = CULVERT_FORMAT_BGRA, .width = 4, .height = 4, .stride = {0, 0, 1}},
     MUCH,
     "plane 2: bgra has none; pass 0 as its offset and stride"},
};

START_TEST(a_refusal_says_why_in_one_line_and_touches_nothing_else)
{
    const struct format *format = format_find(refusals[_i].frame.format);
    struct layout layout, before;
    memset(&layout, 0x5a, sizeof layout);
    before = layout;
    char why[128], cut[9];
    ck_assert_int_lt(format_layout(format, &refusals[_i].frame, refusals[_i].available, &layout, why, sizeof why), 0);
    ck_assert_str_eq(why, refusals[_i].why);
    ck_assert_int_lt(format_layout(format, &refusals[_i].frame, refusals[_i].available, &layout, cut, sizeof cut), 0);
    ck_assert_uint_eq(strlen(cut), sizeof cut - 1);
    ck_assert_mem_eq(cut, why, sizeof cut - 1);
    ck_assert_mem_eq(&layout, &before, sizeof layout);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("format");
    TCase *table = tcase_create("table");
    tcase_add_loop_test(table, every_format_is_found_by_its_id, 0, FORMATS);
    tcase_add_test(table, numbers_that_are_no_format_are_not_found);
    tcase_add_test(table, names_are_those_of_the_command_and_of_libavutil);
    tcase_add_loop_test(table, planes_and_colour_are_those_of_libavutil, 0, FORMATS);
    suite_add_tcase(suite, table);

    TCase *layout = tcase_create("layout");
    tcase_add_loop_test(layout, a_tight_layout_takes_what_libavutil_says, 0, FORMATS);
    tcase_add_loop_test(layout, planes_lie_where_the_header_says, 0, ROWS(layouts));
    tcase_add_loop_test(layout, a_buffer_must_reach_the_end_of_the_last_row, 0, FORMATS);
    tcase_add_loop_test(layout, sizes_are_limited, 0, FORMATS);
    tcase_add_loop_test(layout, strides_are_limited, 0, ROWS(limits));
    tcase_add_loop_test(layout, offsets_do_not_overflow, 0, FORMATS);
    tcase_add_loop_test(layout, planes_that_a_format_does_not_have_are_refused, 0, FORMATS);
    tcase_add_loop_test(layout, a_refusal_says_why_in_one_line_and_touches_nothing_else, 0, ROWS(refusals));
    suite_add_tcase(suite, layout);
    return suite;
}
